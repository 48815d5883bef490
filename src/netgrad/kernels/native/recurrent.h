// A tile of sequences, carried through all time-steps of a recurrent cell by one task.
//
// In memory the examples come last: x is [T][d][N], a state [T][u][N], an initial state [u][N]. A tile's own
// buffers hold rows of V vectors of examples; a row is one input, one unit or one gate, so every weight
// multiplies whole vectors whatever the number of units.
#pragma once

#include "parallel.h"
#include "shapes.h"
#include "simd.h"

namespace netgrad {

using Floats = ffi::Buffer<ffi::F32>;
using Result = ffi::ResultBuffer<ffi::F32>;
using Lengths = ffi::Buffer<ffi::S32>;

// What a thread keeps between tasks: the packed weights of its call, the buffers of its tile.
enum RecurrentSlot { kWeightsSlot, kMoreWeightsSlot, kTileSlot, kSumsSlot, kStepsSlot, kPartialSlot };

constexpr int kTileVectors = 2;
// Columns of a product that are summed in registers at once: kTileVectors accumulators each.
constexpr int kColumns = kRegisters == 32 ? 12 : 6;

// What all tiles of a call have in common.
struct Sequences {
  int64_t examples, steps;
  const int32_t* lengths;  // null: all sequences last for all steps
  bool reverse = false;

  // `like` is any argument of shape (N, T, anything).
  explicit Sequences(const Floats& like)
      : examples(like.dimensions()[0]), steps(like.dimensions()[1]), lengths(nullptr) {}
  Sequences(const Floats& like, const Lengths& valid_steps, bool backwards)
      : examples(like.dimensions()[0]), steps(like.dimensions()[1]), lengths(valid_steps.typed_data()),
        reverse(backwards) {}

  // The s-th step that the forward pass takes.
  int64_t step(int64_t s) const { return reverse ? steps - 1 - s : s; }
};

template <int V>
struct Tile {
  static constexpr int vectors = V;
  static constexpr int width = V * kLanes;

  Sequences all;
  int64_t first, count;  // the tile's examples; lanes beyond them count as sequences of length 0
  IntVec lengths[V];
  int32_t longest = 0;  // from this step on, all is padding

  Tile(const Sequences& sequences, int64_t begin) : all(sequences), first(begin) {
    count = std::min<int64_t>(width, all.examples - first);
    int32_t padded[width] = {};
    if (all.lengths) std::memcpy(padded, all.lengths + first, sizeof(int32_t) * count);
    else std::fill_n(padded, count, int32_t(all.steps));
    std::memcpy(lengths, padded, sizeof padded);
    for (int32_t length : padded) longest = std::max(longest, length);
    longest = int32_t(std::min<int64_t>(longest, all.steps));
  }

  int lanes(int v) const { return int(std::clamp<int64_t>(count - v * kLanes, 0, kLanes)); }
  Vec read(const float* rows, int64_t row, int v) const {
    const float* p = rows + row * all.examples + first + v * kLanes;
    return lanes(v) == kLanes ? load(p) : load_some(p, lanes(v));
  }
  void write(float* rows, int64_t row, int v, Vec value) const {
    float* p = rows + row * all.examples + first + v * kLanes;
    if (lanes(v) == kLanes) store(p, value);
    else store_some(p, value, lanes(v));
  }
  // The same, where the next step will touch the element `ahead` floats further on: the rows of a tile are so
  // short and so far apart that the processor does not foresee it.
  Vec read(const float* rows, int64_t row, int v, int64_t ahead) const {
    __builtin_prefetch(rows + row * all.examples + first + v * kLanes + ahead);
    return read(rows, row, v);
  }
  void write(float* rows, int64_t row, int v, Vec value, int64_t ahead) const {
    __builtin_prefetch(rows + row * all.examples + first + v * kLanes + ahead, 1);
    write(rows, row, v, value);
  }
  void read_rows(const float* rows, int64_t n, float* to) const {
    for (int64_t r = 0; r < n; ++r)
      for (int v = 0; v < V; ++v) store(to + r * width + v * kLanes, read(rows, r, v));
  }
  void write_rows(float* rows, int64_t n, const float* from) const {
    for (int64_t r = 0; r < n; ++r)
      for (int v = 0; v < V; ++v) write(rows, r, v, load(from + r * width + v * kLanes));
  }
  void write_zeros(float* rows, int64_t n) const {
    for (int64_t r = 0; r < n; ++r)
      for (int v = 0; v < V; ++v) write(rows, r, v, Vec{});
  }

  // Which examples' sequences contain step t.
  IntVec valid(int64_t t, int v) const { return lengths[v] > int32_t(t); }

  // The state that step t started from, out of all states [T][units][N] and the initial one [units][N].
  Vec previous(const float* states, const float* initial, int64_t units, int64_t t, int64_t unit, int v,
               int64_t ahead = 0) const {
    const int64_t before = all.reverse ? t + 1 : t - 1;
    if (before < 0 || before == all.steps) return read(initial, unit, v);
    const Vec state = read(states + before * units * all.examples, unit, v, ahead);
    if (!all.reverse) return state;
    return valid(before, v) ? state : read(initial, unit, v);
  }
};

// The examples of a tile: kTileVectors vectors of them, or one where that would leave threads without work.
inline int64_t tile_width(const ffi::ThreadPool& pool, const Sequences& all) {
  constexpr int64_t full = kTileVectors * kLanes;
  return (all.examples + full - 1) / full < pool.num_threads() ? kLanes : full;
}

// body(Tile<V>) for up to `width` examples from `first` on; a single vector where that suffices.
template <class Body>
void with_tile(const Sequences& all, int64_t first, int64_t width, const Body& body) {
  if (std::min(width, all.examples - first) > kLanes) body(Tile<kTileVectors>(all, first));
  else body(Tile<1>(all, first));
}

// Runs body(Tile<V>) for all examples.
template <class Body>
void for_each_tile(ffi::ThreadPool& pool, const Sequences& all, const Body& body) {
  const int64_t width = tile_width(pool, all);
  parallel_for(pool, (all.examples + width - 1) / width, [&](int64_t i) { with_tile(all, i * width, width, body); });
}

// A matrix, or the part of one, whose element (row, column) is data[row * down + column * across].
struct Weights {
  const float* data;
  int64_t rows, down, across;
};
// Rows that lie `stride` floats apart, and the transpose of such a matrix, with as many rows as it has columns.
inline Weights by_row(const float* data, int64_t rows, int64_t stride) { return {data, rows, stride, 1}; }
inline Weights transposed(const float* data, int64_t rows, int64_t stride) { return {data, rows, 1, stride}; }

// Matrices stacked on top of each other and rearranged into blocks of up to kColumns columns, as equal as can be (one
// column alone would leave registers empty), so that a product reads them from beginning to end: the biases of a block
// (null: zeros), then its rows.
struct Packed {
  int64_t rows = 0, columns;
  const float* data;

  // How many blocks; the first `wider` of them have one column more than the others, `narrow`.
  struct Blocks {
    int64_t number, narrow, wider;
    explicit Blocks(int64_t columns)
        : number(std::max<int64_t>(1, (columns + kColumns - 1) / kColumns)), narrow(columns / number),
          wider(columns % number) {}
    int64_t width(int64_t block) const { return narrow + (block < wider); }
  } blocks;

  // Already so arranged.
  Packed(const float* packed, int64_t n_rows, int64_t n_columns)
      : rows(n_rows), columns(n_columns), data(packed), blocks(n_columns) {}

  static size_t size(int64_t rows, int64_t columns) { return size_t(rows + 1) * columns; }

  Packed(float* to, int64_t n_columns, const float* bias, std::initializer_list<Weights> parts)
      : columns(n_columns), data(to), blocks(n_columns) {
    for (const Weights& part : parts) rows += part.rows;
    for (int64_t block = 0, begin = 0, end; block < blocks.number; ++block, begin = end) {
      end = begin + blocks.width(block);
      for (int64_t c = begin; c < end; ++c) *to++ = bias ? bias[c] : 0.0f;
      for (const Weights& part : parts)
        for (int64_t r = 0; r < part.rows; ++r)
          for (int64_t c = begin; c < end; ++c) *to++ = part.data[r * part.down + c * part.across];
    }
  }
};

// Where a row of V vectors of examples lies: in a tile's buffers the rows lie side by side, in an array `stride` floats
// apart, and then the next time-step's, `ahead` floats further on in what is read and in what is written, are asked for.
template <int V>
struct SideBySide {
  static constexpr int64_t stride = V * kLanes;
  void foresee(const float*) const {}
  void foresee_writing(const float*) const {}
};
struct Apart {
  int64_t stride, read_ahead, write_ahead;
  void foresee(const float* p) const { __builtin_prefetch(p + read_ahead); }
  void foresee_writing(const float* p) const { __builtin_prefetch(p + write_ahead, 1); }
};

template <int V, int C, bool accumulate, class Rows>
void multiply_block(const float* in, int64_t rows, const float* weights, float* out, Rows at) {
  Vec sums[C][V];
  unrolled<C>([&](auto c) {
    unrolled<V>([&](auto v) {
      sums[c][v] = accumulate ? load(out + c * at.stride + v * kLanes) : broadcast(weights[c]);
    });
  });
  for (int64_t r = 0; r < rows; ++r, in += at.stride) {
    weights += C;
    Vec a[V];
    unrolled<V>([&](auto v) {
      at.foresee(in + v * kLanes);
      a[v] = load(in + v * kLanes);
    });
    unrolled<C>([&](auto c) { unrolled<V>([&](auto v) { sums[c][v] += a[v] * weights[c]; }); });
  }
  unrolled<C>([&](auto c) {
    unrolled<V>([&](auto v) {
      float* to = out + c * at.stride + v * kLanes;
      at.foresee_writing(to);
      store(to, sums[c][v]);
    });
  });
}

// The same for a number of columns up to C that is not known beforehand.
template <int V, int C, bool accumulate, class Rows>
void multiply_up_to(const float* in, int64_t rows, const float* weights, float* out, int64_t columns, Rows at) {
  if constexpr (C > 0) {
    if (columns == C) multiply_block<V, C, accumulate>(in, rows, weights, out, at);
    else multiply_up_to<V, C - 1, accumulate>(in, rows, weights, out, columns, at);
  }
}

// out = bias + weights^T in, or, accumulating, out += weights^T in, over rows of V vectors of examples.
template <int V, bool accumulate = false, class Rows = SideBySide<V>>
void multiply(const float* in, const Packed& weights, float* out, Rows at = {}) {
  const float* block = weights.data;
  for (int64_t i = 0; i < weights.blocks.number; ++i) {
    const int64_t width = weights.blocks.width(i);
    multiply_up_to<V, kColumns, accumulate>(in, weights.rows, block, out, width, at);
    block += (weights.rows + 1) * width;
    out += width * at.stride;
  }
}

}  // namespace netgrad
