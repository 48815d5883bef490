// Products of matrices that lie in cache: a few rows by two vectors of columns are summed in registers over all terms.
#pragma once

#include <array>
#include <utility>

#include "tile.h"

#include "correlate.h"

namespace netgrad {

constexpr int kProductVectors = 2;
constexpr int kProductRows = kAccumulators / kProductVectors;

// The left-hand side: element (row, term) is data[row * down + term * across].
struct Rows {
  const float* data;
  int64_t down, across;
};

template <int V, int R, bool accumulate>
void multiply_in_registers(Rows left, int64_t terms, const float* right, int64_t right_stride, float* out,
                           int64_t out_stride) {
  Vec sums[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sums[r][v] = accumulate ? load(out + r * out_stride + v * kLanes) : Vec{};
  const float* a = left.data;
  for (int64_t t = 0; t < terms; ++t, a += left.across, right += right_stride) {
    Vec b[V];
    for (int v = 0; v < V; ++v) b[v] = load(right + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const Vec value = broadcast(a[r * left.down]);
      for (int v = 0; v < V; ++v) sums[r][v] += value * b[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(out + r * out_stride + v * kLanes, sums[r][v]);
}

using MultiplyInRegisters = decltype(&multiply_in_registers<1, 1, false>);
template <bool accumulate, int V, int... R>
constexpr std::array<MultiplyInRegisters, kProductRows> block_row(std::integer_sequence<int, R...>) {
  return {multiply_in_registers<V, R + 1, accumulate>...};
}
template <bool accumulate, int... V>
constexpr std::array<std::array<MultiplyInRegisters, kProductRows>, kProductVectors> block_table(
    std::integer_sequence<int, V...>) {
  return {block_row<accumulate, V + 1>(std::make_integer_sequence<int, kProductRows>())...};
}
template <bool accumulate>
constexpr auto kMultiplyInRegisters = block_table<accumulate>(std::make_integer_sequence<int, kProductVectors>());

// out = left * right, or, accumulating, out += left * right. Rows of `right` and of `out` are whole vectors, so many, and
// lie so far apart. Each number is a single sum, in the order of the terms.
template <bool accumulate = false>
void multiply_block_of(Rows left, int64_t rows, int64_t terms, const float* right, int64_t right_stride,
                       int64_t vectors, float* out, int64_t out_stride) {
  in_parts(vectors, kProductVectors, [&](int64_t v, int64_t width) {
    in_parts(rows, kProductRows, [&](int64_t r, int64_t count) {
      kMultiplyInRegisters<accumulate>[width - 1][count - 1]({left.data + r * left.down, left.down, left.across}, terms,
                                                            right + v * kLanes, right_stride,
                                                            out + r * out_stride + v * kLanes, out_stride);
    });
  });
}

}  // namespace netgrad
