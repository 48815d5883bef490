// The products of a dense layer whose examples come first in memory: z = x W + b, dW = x^T delta, d_x = delta W^T.
//
// All three are left * right. The columns of `right` are the lanes: it is rearranged into panels of a few vectors, read
// from beginning to end, and every number of `left`, wherever it lies, meets a whole row of a panel. A block of rows by
// a panel is summed in registers over some terms, then over the next: each result is a single sum in a fixed order,
// whatever the threads.
#include <numeric>

#include "convolution.h"
#include "recurrent.h"

namespace netgrad {
namespace {

constexpr int kPanelVectors = kRegisters == 32 ? 4 : 3;
constexpr int kMostRows = 12;
constexpr int rows_beside(int vectors) { return std::min(kMostRows, kAccumulators / vectors); }
constexpr int kBlockRows = rows_beside(kPanelVectors);
constexpr int64_t kMostTerms = 1024;  // summed at once: their panel and rows stay in the second cache
constexpr int64_t kAhead = 64;        // terms that are asked for beforehand, where they lie far apart
constexpr int64_t kLine = 16;         // floats of a line of the cache
constexpr int64_t kConflict = 256;    // floats: what lies a multiple of that apart shares a few sets of the cache
constexpr int64_t kMostTasks = 32, kWorkOfTask = 500'000;  // multiply-adds

// Matrices as XLA holds them, or their transposes: element (row, column) is data[row * down + column * across].
struct Left {
  const float* data;
  int64_t rows, terms, down, across;
};

struct Panels {
  const float* data;
  int64_t terms, columns;
  const float* bias;  // null: zeros

  // As few as can be, and as equal: a panel of a single vector would leave registers empty.
  int64_t number() const { return ceil_div(vectors(), kPanelVectors); }
  int64_t first(int64_t panel) const { return vectors() * panel / number() * kLanes; }  // column
  int64_t width(int64_t panel) const { return std::min(first(panel + 1), columns) - first(panel); }

  // The panels of terms x columns, each as many vectors wide as it needs.
  Panels(ffi::ThreadPool& pool, const Weights& right, int64_t n_columns, const float* bias_or_null)
      : terms(right.rows), columns(n_columns), bias(bias_or_null) {
    float* to = scratch<kWeightsSlot>((terms + 1) * vectors() * kLanes);
    data = to;
    constexpr int64_t kChunk = 128;  // rows of a task
    const int64_t chunks = std::max<int64_t>(1, ceil_div(terms, kChunk));
    const int64_t work = 16 * terms * columns;  // moving a number takes as long as some multiply-adds
    parallel_for(pool, number() * chunks, work, [&](int64_t task) {
      const int64_t panel = task / chunks, begin = task % chunks * kChunk;
      const int64_t here = width(panel), whole = ceil_div(here, kLanes) * kLanes;
      for (int64_t t = begin; t < std::min(begin + kChunk, terms); ++t) {
        float* row = to + first(panel) * terms + t * whole;
        const float* from = right.data + t * right.down + first(panel) * right.across;
        if (right.across == 1) std::copy_n(from, here, row);
        else for (int64_t c = 0; c < here; ++c) row[c] = from[c * right.across];
        std::fill(row + here, row + whole, 0.0f);
      }
    });
  }

 private:
  int64_t vectors() const { return ceil_div(columns, kLanes); }
};

// R rows by V vectors of columns, of which the last has `lanes` that exist, over some of the terms; `first` begins the
// sums, with the bias if there is one, the others go on from what `out` holds. far: the next term of a row lies in
// another line of the cache, or another page, which the processor does not foresee.
template <bool far, int V, int R>
void multiply_rows(const Left& left, bool first, const float* panel, const float* bias, float* out, int64_t stride,
                   int lanes) {
  Vec sums[R][V] = {};
  const auto row_of = [lanes](const float* p, int v) {
    return v < V - 1 || lanes == kLanes ? load(p + v * kLanes) : load_some(p + v * kLanes, lanes);
  };
  if (!first) {
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sums[r][v] = row_of(out + r * stride, v);
  } else if (bias) {
    for (int v = 0; v < V; ++v) {
      const Vec b = row_of(bias, v);
      for (int r = 0; r < R; ++r) sums[r][v] = b;
    }
  }
  const float* a = left.data;
  for (int64_t t = 0; t < left.terms; ++t, a += left.across, panel += V * kLanes) {
    if constexpr (far) __builtin_prefetch(a + kAhead * left.across);
    Vec b[V];
    for (int v = 0; v < V; ++v) b[v] = load(panel + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const Vec value = broadcast(a[r * left.down]);
      for (int v = 0; v < V; ++v) sums[r][v] += value * b[v];
    }
  }
  for (int r = 0; r < R; ++r, out += stride) {
    for (int v = 0; v < V - 1; ++v) store(out + v * kLanes, sums[r][v]);
    if (lanes == kLanes) store(out + (V - 1) * kLanes, sums[r][V - 1]);
    else store_some(out + (V - 1) * kLanes, sums[r][V - 1], lanes);
  }
}

using MultiplyRows = decltype(&multiply_rows<false, 1, 1>);
template <bool far, int V, int... R>
constexpr std::array<MultiplyRows, kMostRows> rows_table(std::integer_sequence<int, R...>) {
  return {multiply_rows<far, V, std::min(R + 1, rows_beside(V))>...};
}
template <bool far, int... V>
constexpr std::array<std::array<MultiplyRows, kMostRows>, kPanelVectors> table(std::integer_sequence<int, V...>) {
  return {rows_table<far, V + 1>(std::make_integer_sequence<int, kMostRows>())...};
}
constexpr std::array kMultiplyRows = {table<false>(std::make_integer_sequence<int, kPanelVectors>()),
                                      table<true>(std::make_integer_sequence<int, kPanelVectors>())};

// Some rows and terms of a matrix, in blocks of at most `most` rows: each(first row, block).
//
// They are read as they lie, unless their terms would push each other out of the cache.
struct Blocks {
  Left part;
  bool copied;

  Blocks(const Left& left, int64_t row, int64_t rows, int64_t term, int64_t terms)
      : part{left.data + row * left.down + term * left.across, rows, terms, left.down, left.across},
        copied(left.across != 1 && left.across % kConflict == 0) {
    if (!copied) return;
    float* to = scratch<kTileSlot>(ceil_div(rows, kBlockRows) * kBlockRows * terms);
    for (int64_t t = 0; t < terms; ++t) {
      const float* from = part.data + t * part.across;
      float* at = to + t * kBlockRows;
      int64_t r = 0;
      for (; r + kBlockRows <= rows; r += kBlockRows, at += kBlockRows * terms)
        std::memcpy(at, from + r, sizeof(float) * kBlockRows);
      for (int64_t i = 0; r + i < rows; ++i) at[i] = from[r + i];
    }
    part.data = to;
  }

  template <typename Each>
  void operator()(int64_t most, const Each& each) const {
    if (copied) {
      for (int64_t r = 0; r < part.rows; r += kBlockRows)
        each(r, Left{part.data + r * part.terms, std::min<int64_t>(kBlockRows, part.rows - r), part.terms, 1,
                     kBlockRows});
    } else {
      in_parts(part.rows, most, [&](int64_t r, int64_t count) {
        each(r, Left{part.data + r * part.down, count, part.terms, part.down, part.across});
      });
    }
  }
};

// out = left * right (+ bias), rows side by side. `also` runs beside it.
template <typename Also>
void product(ffi::ThreadPool& pool, const Left& left, const Panels& right, float* out, const Also& also) {
  const int64_t unit = left.across == 1 ? kBlockRows : std::lcm(kBlockRows, kLine);  // rows; whole lines of neighbours
  const int64_t blocks = ceil_div(left.rows, unit), work = left.rows * left.terms * right.columns;
  const int64_t tasks = std::min({blocks, kMostTasks, 1 + work / kWorkOfTask});
  parallel_for(pool, tasks + 1, work, [&](int64_t task) {
    if (task == tasks) return also();
    const int64_t row = blocks * task / tasks * unit;
    const int64_t rows = std::min(blocks * (task + 1) / tasks * unit, left.rows) - row;
    const auto add = [&](int64_t term, int64_t terms) {
      const Blocks each_block(left, row, rows, term, terms);
      for (int64_t p = 0; p < right.number(); ++p) {
        const int64_t column = right.first(p), vectors = ceil_div(right.width(p), kLanes);
        const float* panel = right.data + column * right.terms + term * vectors * kLanes;
        const float* bias = right.bias ? right.bias + column : nullptr;
        each_block(rows_beside(int(vectors)), [&](int64_t r, const Left& block) {
          const auto multiply = kMultiplyRows[block.across > kLine][vectors - 1][block.rows - 1];
          multiply(block, term == 0, panel, bias, out + (row + r) * right.columns + column, right.columns,
                   int(right.width(p) - (vectors - 1) * kLanes));
        });
      }
    };
    if (left.terms == 0) add(0, 0);  // the bias alone
    else in_parts(left.terms, kMostTerms, add);
  });
}

ffi::Error forward(ffi::ThreadPool pool, Floats x, Floats W, Floats b, Result z) {
  const int64_t n = axis(x, 0), d = axis(W, 0), k = axis(W, 1);
  require({{"x", x, {n, d}}, {"W", W, {d, k}}, {"b", b, {k}}, {"z", z, {n, k}}});
  const Panels right(pool, by_row(W.typed_data(), d, k), k, b.typed_data());
  product(pool, {x.typed_data(), n, d, d, 1}, right, z->typed_data(), [] {});
  return ffi::Error::Success();
}

ffi::Error gradients(ffi::ThreadPool pool, Floats x, Floats delta, Result dW, Result db) {
  const int64_t n = axis(x, 0), d = axis(x, 1), k = axis(delta, 1);
  require({{"x", x, {n, d}}, {"delta", delta, {n, k}}, {"dW", dW, {d, k}}, {"db", db, {k}}});
  const Panels right(pool, by_row(delta.typed_data(), n, k), k, nullptr);
  product(pool, {x.typed_data(), d, n, 1, d}, right, dW->typed_data(), [&] {
    float* sums = db->typed_data();
    std::fill_n(sums, k, 0.0f);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t c = 0; c < k; ++c) sums[c] += delta.typed_data()[i * k + c];
  });
  return ffi::Error::Success();
}

ffi::Error input_gradient(ffi::ThreadPool pool, Floats delta, Floats W, Result d_x) {
  const int64_t n = axis(delta, 0), d = axis(W, 0), k = axis(W, 1);
  require({{"delta", delta, {n, k}}, {"W", W, {d, k}}, {"d_x", d_x, {n, d}}});
  const Panels right(pool, transposed(W.typed_data(), k, k), d, nullptr);
  product(pool, {delta.typed_data(), n, k, k, 1}, right, d_x->typed_data(), [] {});
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(dense_forward, forward)
NETGRAD_KERNEL(dense_gradients, gradients)
NETGRAD_KERNEL(dense_input_gradient, input_gradient)

}  // namespace netgrad
