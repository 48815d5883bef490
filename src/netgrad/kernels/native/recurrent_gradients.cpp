// Gradients of a recurrent cell's weights: dW = sum x_t^T delta_t, dU = sum h_(t-1)^T delta_t, db = sum delta_t.
//
// Every sum runs over examples and time-steps. While there are few weights, a sum is kept as a vector, one lane
// per example of a tile, and reduced across the lanes once at the end. When all these vectors would no longer
// stay in cache, the columns of delta become the lanes instead.
#include "recurrent.h"
#include "transpose.h"

namespace netgrad {
namespace {

using FullTile = Tile<kTileVectors>;

// Sums that stay in registers at once.
constexpr int kBlockRows = kRegisters == 32 ? 4 : 3;
constexpr int kBlockColumns = kRegisters == 32 ? 6 : 3;
constexpr int64_t kChunkBytes = 256 * 1024;  // what a task copies out of its arrays at once: stays in the L2 cache
constexpr int64_t kFewWeights = 8192;        // as vectors of sums, half a megabyte with AVX-512
constexpr int64_t kMaxPanel = 512;           // columns of delta of a task when there are many weights
constexpr int64_t kMaxPlaces = 128;          // pairs of an example and a step that it copies at once

// sums[r][c] += a[r] * b[c], for rows a and b that hold `length` floats.
template <int R, int C>
void add_block(const float* a, const float* b, int64_t length, float* sums, int64_t columns) {
  Vec block[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) block[r][c] = load(sums + (r * columns + c) * kLanes);
  for (int64_t i = 0; i < length; i += kLanes) {
    Vec left[R];
    for (int r = 0; r < R; ++r) left[r] = load(a + r * length + i);
    for (int c = 0; c < C; ++c) {
      const Vec right = load(b + c * length + i);
      for (int r = 0; r < R; ++r) block[r][c] += left[r] * right;
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) store(sums + (r * columns + c) * kLanes, block[r][c]);
}

// The same for numbers of rows and columns up to R and C that are not known beforehand.
template <int R, int C>
void add_block_up_to(int64_t rows, int64_t width, const float* a, const float* b, int64_t length, float* sums,
                     int64_t columns) {
  if constexpr (R > 1)
    if (rows < R) return add_block_up_to<R - 1, C>(rows, width, a, b, length, sums, columns);
  if constexpr (C > 1)
    if (width < C) return add_block_up_to<R, C - 1>(rows, width, a, b, length, sums, columns);
  add_block<R, C>(a, b, length, sums, columns);
}

struct Gradients {
  Sequences all;
  int64_t inputs, units, columns;
  const float *x, *h, *h0, *delta;
  const float* gates;  // of the GRU, whose candidate saw reset * h_(t-1); of other cells null

  // Left-hand rows: the inputs, 1 (for the biases), the previous states, and those that the GRU reset.
  int64_t left_rows() const { return sum_rows() + (gates ? units : 0); }
  // Rows of sums, in the order W, b, U.
  int64_t sum_rows() const { return inputs + 1 + units; }

  int64_t tiles() const { return (all.examples + FullTile::width - 1) / FullTile::width; }
  int64_t chunk_steps() const {
    const int64_t step_bytes = (left_rows() + columns) * FullTile::width * int64_t(sizeof(float));
    return std::max<int64_t>(1, std::min(all.steps, kChunkBytes / step_bytes));
  }
  int64_t chunks() const { return (all.steps + chunk_steps() - 1) / chunk_steps(); }

  // Adds the products of one tile's steps begin .. end-1 to `sums`.
  void add(const FullTile& tile, int64_t begin, int64_t end, float* sums) const {
    const int64_t length = (end - begin) * FullTile::width;
    float* left = scratch<kTileSlot>((left_rows() + columns) * length);
    float* right = left + left_rows() * length;
    for (int64_t t = begin; t < end; ++t)
      for (int v = 0; v < kTileVectors; ++v) {
        const int64_t at = (t - begin) * FullTile::width + v * kLanes;
        copy_step(tile, t, v, left + at, right + at, length);
      }
    const int64_t u = units, in = inputs + 1, states = in + u;
    if (!gates) return add_rows(left, right, length, 0, states, 0, columns, sums);
    add_rows(left, right, length, 0, states, 0, 2 * u, sums);
    add_rows(left, right, length, 0, in, 2 * u, columns, sums);
    add_rows(left + u * length, right, length, in, states, 2 * u, columns, sums);
  }

  // One step of one vector of examples, cleared where it is padding, as a column of rows `length` apart. Every read
  // also fetches what the next step will read, which lies too far away for the processor to foresee.
  void copy_step(const FullTile& tile, int64_t t, int v, float* left, float* right, int64_t length) const {
    const int64_t n = all.examples;
    const IntVec valid = tile.valid(t, v);
    const auto put = [&](float*& to, Vec value) {
      store(to, valid ? value : Vec{});
      to += length;
    };
    for (int64_t i = 0; i < inputs; ++i) put(left, tile.read(x + t * inputs * n, i, v, inputs * n));
    put(left, broadcast(1.0f));
    float* reset = left + units * length;
    for (int64_t i = 0; i < units; ++i) {
      const Vec before = tile.previous(h, h0, units, t, i, v, units * n);
      put(left, before);
      if (gates) put(reset, before * tile.read(gates + t * columns * n, i, v, columns * n));
    }
    for (int64_t c = 0; c < columns; ++c) put(right, tile.read(delta + t * columns * n, c, v, columns * n));
  }

  void add_rows(const float* left, const float* right, int64_t length, int64_t row, int64_t row_end,
                int64_t column, int64_t column_end, float* sums) const {
    for (int64_t c = column; c < column_end; c += kBlockColumns)
      for (int64_t r = row; r < row_end; r += kBlockRows)
        add_block_up_to<kBlockRows, kBlockColumns>(row_end - r, column_end - c, left + r * length,
                                                   right + c * length, length,
                                                   sums + (r * columns + c) * kLanes, columns);
  }
};

void write_result(Result& to, const float*& from) {
  std::copy_n(from, to->element_count(), to->typed_data());
  from += to->element_count();
}

void run_few(ffi::ThreadPool& pool, const Gradients& g, Result& dW, Result* dU, Result& db) {
  const int64_t outputs = g.sum_rows() * g.columns;
  const int64_t pieces = g.tiles() * g.chunks();
  const int64_t tasks = std::max<int64_t>(1, std::min(pieces, 2 * pool.num_threads()));
  float* partial = scratch<kWeightsSlot>(tasks * outputs);
  parallel_for(pool, tasks, [&](int64_t task) {
    float* sums = scratch<kSumsSlot>(outputs * kLanes);
    std::fill_n(sums, outputs * kLanes, 0.0f);
    for (int64_t piece = pieces * task / tasks; piece < pieces * (task + 1) / tasks; ++piece) {
      const FullTile tile(g.all, piece / g.chunks() * FullTile::width);
      const int64_t begin = piece % g.chunks() * g.chunk_steps();
      const int64_t end = std::min<int64_t>(begin + g.chunk_steps(), tile.longest);
      if (begin < end) g.add(tile, begin, end, sums);
    }
    for (int64_t i = 0; i < outputs; ++i) partial[task * outputs + i] = sum_lanes(load(sums + i * kLanes));
  });
  for (int64_t task = 1; task < tasks; ++task)
    for (int64_t i = 0; i < outputs; ++i) partial[i] += partial[task * outputs + i];
  const float* from = partial;
  write_result(dW, from);
  write_result(db, from);
  if (dU) write_result(*dU, from);
}

// The gradients of many weights: a task owns a panel of columns, whose sums lie in blocks of two vectors of
// columns by all left-hand rows. Both sides are copied place by place, a place being a step of an example.
struct Panel {
  const Gradients& g;
  int64_t column, end;
  bool reset;  // the panel belongs to the GRU's candidate

  static constexpr int64_t kWidth = FullTile::width;
  int64_t blocks() const { return (end - column + kWidth - 1) / kWidth; }
  int64_t rows() const { return g.sum_rows(); }

  void run(Result& dW, Result* dU, Result& db) const {
    float* sums = scratch<kSumsSlot>(blocks() * rows() * kWidth);
    std::fill_n(sums, blocks() * rows() * kWidth, 0.0f);
    const int64_t steps = std::max<int64_t>(1, kMaxPlaces / kWidth);
    for (int64_t first = 0; first < g.all.examples; first += kWidth) {
      const FullTile tile(g.all, first);
      for (int64_t t = 0; t < tile.longest; t += steps)
        add(tile, t, std::min<int64_t>(t + steps, tile.longest), sums);
    }
    for (int64_t r = 0; r < rows(); ++r) {
      float* to = r < g.inputs    ? dW->typed_data() + r * g.columns
                  : r == g.inputs ? db->typed_data()
                                  : (*dU)->typed_data() + (r - g.inputs - 1) * g.columns;
      for (int64_t c = column; c < end; ++c)
        to[c] = sums[((c - column) / kWidth * rows() + r) * kWidth + (c - column) % kWidth];
    }
  }

  void add(const FullTile& tile, int64_t begin, int64_t stop, float* sums) const {
    const int64_t places = (stop - begin) * tile.count;
    float* left = scratch<kTileSlot>(Packed::size(places, rows()) + blocks() * places * kWidth);
    float* right = left + Packed::size(places, rows());
    for (int64_t t = begin; t < stop; ++t)
      for (int v = 0; v < kTileVectors; ++v)
        if (const int lanes = tile.lanes(v))
          copy_step(tile, t, v, lanes, left, right, (t - begin) * tile.count + v * kLanes, places);
    const Packed weights(left, places, rows());
    for (int64_t b = 0; b < blocks(); ++b)
      multiply<kTileVectors, true>(right + b * places * kWidth, weights, sums + b * rows() * kWidth);
  }

  // One step of one vector of examples: places `place` and following, out of `places` in all.
  void copy_step(const FullTile& tile, int64_t t, int v, int lanes, float* left, float* right, int64_t place,
                 int64_t places) const {
    const int64_t n = g.all.examples;
    const IntVec valid = tile.valid(t, v);
    const auto left_row = [&](int64_t row) {
      Vec value;
      if (row < g.inputs) {
        value = tile.read(g.x + t * g.inputs * n, row, v, g.inputs * n);
      } else if (row == g.inputs) {
        value = broadcast(1.0f);
      } else {
        const int64_t unit = row - g.inputs - 1;
        value = tile.previous(g.h, g.h0, g.units, t, unit, v, g.units * n);
        if (reset) value *= tile.read(g.gates + t * g.columns * n, unit, v, g.columns * n);
      }
      return valid ? value : Vec{};
    };
    for (int64_t block = 0; block < rows(); block += kColumns) {
      const int64_t width = std::min<int64_t>(kColumns, rows() - block);
      float* to = left + block * (places + 1) + (place + 1) * width;
      for (int64_t r = 0; r < width; r += kLanes)
        copy_transposed(to + r, width, lanes, std::min<int64_t>(kLanes, width - r),
                        [&](int64_t i) { return left_row(block + r + i); });
    }
    const auto right_row = [&](int64_t c) {
      return valid ? tile.read(g.delta + t * g.columns * n, c, v, g.columns * n) : Vec{};
    };
    for (int64_t c = 0; c < blocks() * kWidth; c += kLanes)
      copy_transposed(right + (c / kWidth * places + place) * kWidth + c % kWidth, kWidth, lanes, kLanes,
                      [&](int64_t i) { return column + c + i < end ? right_row(column + c + i) : Vec{}; });
  }

  // to[lane * stride + i] = row(i)[lane], for i < n <= kLanes.
  template <class Row>
  static void copy_transposed(float* to, int64_t stride, int lanes, int64_t n, const Row& row) {
    Vec block[kLanes];
    for (int i = 0; i < kLanes; ++i) block[i] = i < n ? row(i) : Vec{};
    transpose(block);
    for (int lane = 0; lane < lanes; ++lane) {
      if (n == kLanes) store(to + lane * stride, block[lane]);
      else if (n == kColumns) store_some(to + lane * stride, block[lane], kColumns % kLanes);
      else store_some(to + lane * stride, block[lane], int(n));
    }
  }
};

void run_many(ffi::ThreadPool& pool, const Gradients& g, Result& dW, Result* dU, Result& db) {
  const int64_t share = g.columns / pool.num_threads() / FullTile::width * FullTile::width;
  const int64_t width = std::clamp<int64_t>(share, FullTile::width, kMaxPanel);
  const int64_t candidate = g.gates ? 2 * g.units : g.columns;  // the first column that met reset states
  std::vector<Panel> panels;
  for (int64_t c = 0; c < candidate; c += width) panels.push_back({g, c, std::min(c + width, candidate), false});
  for (int64_t c = candidate; c < g.columns; c += width)
    panels.push_back({g, c, std::min(c + width, g.columns), true});
  parallel_for(pool, int64_t(panels.size()), [&](int64_t i) { panels[i].run(dW, dU, db); });
}

ffi::Error run(ffi::ThreadPool& pool, const Gradients& g, Result& dW, Result* dU, Result& db) {
  if (g.sum_rows() * g.columns <= kFewWeights) run_few(pool, g, dW, dU, db);
  else run_many(pool, g, dW, dU, db);
  return ffi::Error::Success();
}

ffi::Error gradients(ffi::ThreadPool pool, Floats x, Floats h, Floats delta, Floats h0, Lengths lengths,
                     Result dW, Result dU, Result db, bool reverse) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), u = axis(h, 2), k = axis(delta, 2);
  require({{"x", x, {n, steps, d}}, {"h", h, {n, steps, u}}, {"delta", delta, {n, steps, k}}, {"h0", h0, {n, u}},
           {"lengths", lengths, {n}}, {"dW", dW, {d, k}}, {"dU", dU, {u, k}}, {"db", db, {k}}});
  const Gradients g{Sequences(x, lengths, reverse), d, u, k, x.typed_data(), h.typed_data(), h0.typed_data(),
                    delta.typed_data(), nullptr};
  return run(pool, g, dW, &dU, db);
}

ffi::Error gru_gradients(ffi::ThreadPool pool, Floats x, Floats h, Floats gates, Floats delta, Floats h0,
                         Lengths lengths, Result dW, Result dU, Result db, bool reverse) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), u = axis(h, 2), k = 3 * u;
  require({{"x", x, {n, steps, d}}, {"h", h, {n, steps, u}}, {"gates", gates, {n, steps, k}},
           {"delta", delta, {n, steps, k}}, {"h0", h0, {n, u}}, {"lengths", lengths, {n}}, {"dW", dW, {d, k}},
           {"dU", dU, {u, k}}, {"db", db, {k}}});
  const Gradients g{Sequences(x, lengths, reverse), d, u, k, x.typed_data(), h.typed_data(), h0.typed_data(),
                    delta.typed_data(), gates.typed_data()};
  return run(pool, g, dW, &dU, db);
}

// Of a dense layer that serves every time-step.
ffi::Error dense_gradients(ffi::ThreadPool pool, Floats x, Floats delta, Result dW, Result db) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), k = axis(delta, 2);
  require({{"x", x, {n, steps, d}}, {"delta", delta, {n, steps, k}}, {"dW", dW, {d, k}}, {"db", db, {k}}});
  const Gradients g{Sequences(x), d, 0, k, x.typed_data(), nullptr, nullptr,
                    delta.typed_data(), nullptr};
  return run(pool, g, dW, nullptr, db);
}

}  // namespace

NETGRAD_KERNEL(sequence_dense_gradients, dense_gradients,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // delta
                   .Ret<Floats>()   // dW
                   .Ret<Floats>())  // db

NETGRAD_KERNEL(weight_gradients, gradients,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // h
                   .Arg<Floats>()   // delta
                   .Arg<Floats>()   // h0
                   .Arg<Lengths>()  // lengths
                   .Ret<Floats>()   // dW
                   .Ret<Floats>()   // dU
                   .Ret<Floats>()   // db
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(gru_weight_gradients, gru_gradients,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // h
                   .Arg<Floats>()   // gates
                   .Arg<Floats>()   // delta
                   .Arg<Floats>()   // h0
                   .Arg<Lengths>()  // lengths
                   .Ret<Floats>()   // dW
                   .Ret<Floats>()   // dU
                   .Ret<Floats>()   // db
                   .Attr<bool>("reverse"))

}  // namespace netgrad
