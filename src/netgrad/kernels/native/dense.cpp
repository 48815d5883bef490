// The products of a dense layer whose examples come first in memory: z = x W + b, dW = x^T delta, d_x = delta W^T.
//
// All three are left * right. The columns of `right` are the lanes: it is rearranged into panels of a few vectors, read
// from beginning to end, and every number of `left`, wherever it lies, meets a whole row of a panel. A block of rows by
// a panel is summed in registers over all terms, so each result is a single sum in a fixed order, whatever the threads.
#include "convolution.h"
#include "recurrent.h"

namespace netgrad {
namespace {

constexpr int kPanelVectors = kRegisters == 32 ? 4 : 2;
constexpr int kPanel = kPanelVectors * kLanes;
constexpr int kMostRows = 12;
constexpr int rows_beside(int vectors) { return std::min(kMostRows, kAccumulators / vectors); }

// Matrices as XLA holds them, or their transposes: element (row, column) is data[row * down + column * across].
struct Left {
  const float* data;
  int64_t rows, terms, down, across;
};

struct Panels {
  const float* data;
  int64_t terms, columns;
  const float* bias;  // null: zeros

  int64_t number() const { return ceil_div(columns, kPanel); }
  int width(int64_t panel) const { return int(std::min<int64_t>(kPanel, columns - panel * kPanel)); }

  // The panels of terms x columns, the last one as many vectors wide as it needs.
  Panels(ffi::ThreadPool& pool, const Weights& right, int64_t n_columns, const float* bias_or_null)
      : terms(right.rows), columns(n_columns), bias(bias_or_null) {
    float* to = scratch<kWeightsSlot>((terms + 1) * number() * kPanel);
    data = to;
    constexpr int64_t kChunk = 128;  // rows of a task
    const int64_t chunks = std::max<int64_t>(1, ceil_div(terms, kChunk));
    const int64_t work = 16 * terms * columns;  // moving a number takes as long as some multiply-adds
    parallel_for(pool, number() * chunks, work, [&](int64_t task) {
      const int64_t panel = task / chunks, first = panel * kPanel, begin = task % chunks * kChunk;
      const int64_t here = width(panel), whole = ceil_div(here, kLanes) * kLanes;
      for (int64_t t = begin; t < std::min(begin + kChunk, terms); ++t) {
        float* row = to + panel * kPanel * terms + t * whole;
        const float* from = right.data + t * right.down + first * right.across;
        if (right.across == 1) std::copy_n(from, here, row);
        else for (int64_t c = 0; c < here; ++c) row[c] = from[c * right.across];
        std::fill(row + here, row + whole, 0.0f);
      }
    });
  }
};

// R rows by V vectors of columns, of which the last has `lanes` that exist.
template <int V, int R>
void multiply_rows(const Left& left, int64_t row, const float* panel, const float* bias, float* out, int64_t stride,
                   int lanes) {
  Vec sums[R][V] = {};
  if (bias)
    for (int v = 0; v < V; ++v) {
      const Vec b = v < V - 1 ? load(bias + v * kLanes) : load_some(bias + v * kLanes, lanes);
      for (int r = 0; r < R; ++r) sums[r][v] = b;
    }
  const float* a = left.data + row * left.down;
  for (int64_t t = 0; t < left.terms; ++t, a += left.across, panel += V * kLanes) {
    Vec b[V];
    for (int v = 0; v < V; ++v) b[v] = load(panel + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const Vec value = broadcast(a[r * left.down]);
      for (int v = 0; v < V; ++v) sums[r][v] += value * b[v];
    }
  }
  for (int r = 0; r < R; ++r, out += stride) {
    for (int v = 0; v < V - 1; ++v) store(out + v * kLanes, sums[r][v]);
    store_some(out + (V - 1) * kLanes, sums[r][V - 1], lanes);
  }
}

using MultiplyRows = decltype(&multiply_rows<1, 1>);
template <int V, int... R>
constexpr std::array<MultiplyRows, kMostRows> rows_table(std::integer_sequence<int, R...>) {
  return {multiply_rows<V, std::min(R + 1, rows_beside(V))>...};
}
template <int... V>
constexpr std::array<std::array<MultiplyRows, kMostRows>, kPanelVectors> table(std::integer_sequence<int, V...>) {
  return {rows_table<V + 1>(std::make_integer_sequence<int, kMostRows>())...};
}
constexpr auto kMultiplyRows = table(std::make_integer_sequence<int, kPanelVectors>());

// out = left * right (+ bias), rows side by side. `also` runs beside it.
template <typename Also>
void product(ffi::ThreadPool& pool, const Left& left, const Panels& right, float* out, const Also& also) {
  const int64_t share = ceil_div(ceil_div(left.rows, 16), kMostRows) * kMostRows;  // of whole blocks
  const int64_t tasks = ceil_div(left.rows, share);
  parallel_for(pool, tasks + 1, left.rows * left.terms * right.columns, [&](int64_t task) {
    if (task == tasks) return also();
    const int64_t first = task * share;
    for (int64_t p = 0; p < right.number(); ++p) {
      const int vectors = int(ceil_div(right.width(p), kLanes)), lanes = right.width(p) - (vectors - 1) * kLanes;
      in_parts(std::min(share, left.rows - first), rows_beside(vectors), [&](int64_t start, int64_t count) {
        const int64_t row = first + start;
        kMultiplyRows[vectors - 1][count - 1](left, row, right.data + p * kPanel * right.terms,
                                              right.bias ? right.bias + p * kPanel : nullptr,
                                              out + row * right.columns + p * kPanel, right.columns, lanes);
      });
    }
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
