// Gradients of a recurrent cell's weights from net gradients that are there already: dW = sum x_t^T delta_t,
// dU = sum h_(t-1)^T delta_t, db = sum delta_t, over examples and time-steps.
//
// While there are few weights, the lanes of a sum are examples (sums_over_time.h). When all these vectors would no
// longer stay in cache, the columns of delta become the lanes instead.
#include "sums_over_time.h"
#include "transpose.h"

namespace netgrad {
namespace {

using FullTile = Tile<kTileVectors>;

constexpr int64_t kFewWeights = 8192;  // as vectors of sums, half a megabyte with AVX-512
constexpr int64_t kFewSteps = 16;      // of a task's piece of few sequences
constexpr int64_t kMaxPanel = 512;     // columns of delta of a task when there are many weights
constexpr int64_t kMaxPlaces = 128;    // pairs of an example and a step that it copies at once

struct Gradients : LeftHand {
  const float* delta;
};

void run_few(ffi::ThreadPool& pool, const Gradients& g, Result& dW, Result* dU, Result& db) {
  const int64_t tiles = (g.all.examples + FullTile::width - 1) / FullTile::width;
  const int64_t chunks = (g.all.steps + kFewSteps - 1) / kFewSteps, step = g.columns * g.all.examples;
  const auto piece = [&](int64_t i, float* sums) {
    const FullTile tile(g.all, i / chunks * FullTile::width);
    SummedDeltas<FullTile> deltas(g, tile, 1, sums);
    const int64_t begin = i % chunks * kFewSteps, end = std::min<int64_t>(begin + kFewSteps, tile.longest);
    for (int64_t t = begin; t < end; ++t) {
      for (int v = 0; v < kTileVectors; ++v)
        for (int64_t c = 0; c < g.columns; ++c)
          deltas.put(t, c, v, tile.valid(t, v) ? tile.read(g.delta + t * step, c, v, step) : Vec{});
      deltas.end_step(t);
    }
    deltas.end();
  };
  add_up(pool, g, tiles * chunks, piece, dW, dU, db);
}

// The gradients of many weights: a task owns a panel of columns, whose sums lie in blocks of two vectors of
// columns by all left-hand rows. Both sides are copied place by place, a place being a step of an example.
struct Panel {
  const Gradients& g;
  int64_t column, end;
  bool reset;  // the panel belongs to a gate that saw reset states

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
    const Packed::Blocks parts(rows());
    for (int64_t block = 0, first = 0, width; block < parts.number; ++block, first += width) {
      width = parts.width(block);
      float* to = left + first * (places + 1) + (place + 1) * width;
      for (int64_t r = 0; r < width; r += kLanes)
        copy_transposed(to + r, width, lanes, std::min<int64_t>(kLanes, width - r),
                        [&](int64_t i) { return left_row(first + r + i); });
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
      else if (n == kColumns - 1) store_some(to + lane * stride, block[lane], (kColumns - 1) % kLanes);
      else store_some(to + lane * stride, block[lane], int(n));
    }
  }
};

void run_many(ffi::ThreadPool& pool, const Gradients& g, Result& dW, Result* dU, Result& db) {
  const int64_t share = g.columns / pool.num_threads() / FullTile::width * FullTile::width;
  const int64_t width = std::clamp<int64_t>(share, FullTile::width, kMaxPanel);
  const int64_t candidate = g.columns - (g.gates ? g.units : 0);  // the first column that met reset states
  std::vector<Panel> panels;
  for (int64_t c = 0; c < candidate; c += width) panels.push_back({g, c, std::min(c + width, candidate), false});
  for (int64_t c = candidate; c < g.columns; c += width)
    panels.push_back({g, c, std::min(c + width, g.columns), true});
  parallel_for(pool, int64_t(panels.size()), [&](int64_t i) { panels[i].run(dW, dU, db); });
}

ffi::Error run(ffi::ThreadPool& pool, const Gradients& g, Result& dW, Result* dU, Result& db) {
  if (g.sums() <= kFewWeights) run_few(pool, g, dW, dU, db);
  else run_many(pool, g, dW, dU, db);
  return ffi::Error::Success();
}

// gates: those of a cell that resets (cell.h), or (N, T, 0).
ffi::Error gradients(ffi::ThreadPool pool, Floats x, Floats h, Floats gates, Floats delta, Floats h0, Lengths lengths,
                     Result dW, Result dU, Result db, Reverse reverse) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), u = axis(h, 2), k = axis(delta, 2);
  const bool resets = axis(gates, 2) != 0;
  require({{"x", x, {n, steps, d}}, {"h", h, {n, steps, u}}, {"gates", gates, {n, steps, resets ? k : 0}},
           {"delta", delta, {n, steps, k}}, {"h0", h0, {n, u}}, {"lengths", lengths, {n}}, {"dW", dW, {d, k}},
           {"dU", dU, {u, k}}, {"db", db, {k}}});
  const Gradients g{{Sequences(x, lengths, *reverse), d, u, k, x.typed_data(), h.typed_data(), h0.typed_data(),
                     resets ? gates.typed_data() : nullptr},
                    delta.typed_data()};
  return run(pool, g, dW, &dU, db);
}

// Of a dense layer that serves every time-step.
ffi::Error dense_gradients(ffi::ThreadPool pool, Floats x, Floats delta, Result dW, Result db) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), k = axis(delta, 2);
  require({{"x", x, {n, steps, d}}, {"delta", delta, {n, steps, k}}, {"dW", dW, {d, k}}, {"db", db, {k}}});
  const Gradients g{{Sequences(x), d, 0, k, x.typed_data(), nullptr, nullptr, nullptr}, delta.typed_data()};
  return run(pool, g, dW, nullptr, db);
}

}  // namespace

NETGRAD_KERNEL(sequence_dense_gradients, dense_gradients)
NETGRAD_KERNEL(recurrent_weight_gradients, gradients)

}  // namespace netgrad
