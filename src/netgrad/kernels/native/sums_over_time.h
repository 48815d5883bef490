// Sums over examples and time-steps, dW = sum x_t^T delta_t, dU = sum h_(t-1)^T delta_t and db = sum delta_t, while
// there are so few weights that every sum can be a vector, one lane per example of a tile, which is reduced across the
// lanes once at the end. (For many weights: recurrent_gradients.cpp.)
//
// The net gradients delta come from a pass that makes them or from an array that holds them; either hands them over
// step by step. A pass that only writes them out hands them to WrittenDeltas instead.
#pragma once

#include "recurrent.h"

namespace netgrad {

// Sums that stay in registers at once.
constexpr int kSumRows = 4;
constexpr int kSumColumns = kRegisters == 32 ? 6 : 3;
// Of the steps that are gathered before they are summed: stays in L2, and as many steps whatever a vector's length.
constexpr int64_t kStepsBytes = 16 * 1024 * kLanes;
constexpr int64_t kLineFloats = 16;  // of a cache line

// sums[r][c] += a[r] * b[c], for rows a and b of `length` floats that lie `stride` apart.
template <int R, int C>
void add_block(const float* a, const float* b, int64_t length, int64_t stride, float* sums, int64_t columns) {
  Vec block[R][C];
  const auto each = [](const auto& body) { unrolled<R>([&](auto r) { unrolled<C>([&](auto c) { body(r, c); }); }); };
  each([&](auto r, auto c) { block[r][c] = load(sums + (r * columns + c) * kLanes); });
  for (int64_t i = 0; i < length; i += kLanes) {
    Vec right[C];  // the smaller side, as a rule: beside 12 sums of 4 by 3 it has room in 16 registers
    unrolled<C>([&](auto c) { right[c] = load(b + c * stride + i); });
    unrolled<R>([&](auto r) {
      const Vec left = load(a + r * stride + i);
      unrolled<C>([&](auto c) { block[r][c] += left * right[c]; });
    });
  }
  each([&](auto r, auto c) { store(sums + (r * columns + c) * kLanes, block[r][c]); });
}

// The same for numbers of rows and columns up to R and C that are not known beforehand.
template <int R, int C>
void add_block_up_to(int64_t rows, int64_t width, const float* a, const float* b, int64_t length, int64_t stride,
                     float* sums, int64_t columns) {
  if constexpr (R > 1)
    if (rows < R) return add_block_up_to<R - 1, C>(rows, width, a, b, length, stride, sums, columns);
  if constexpr (C > 1)
    if (width < C) return add_block_up_to<R, C - 1>(rows, width, a, b, length, stride, sums, columns);
  add_block<R, C>(a, b, length, stride, sums, columns);
}

// What meets the net gradients, (T, k) a sequence, in the sums: the left-hand rows, which are the inputs, 1 (for the
// biases) and the previous states, and, in a cell that resets (cell.h), those times its first gate.
struct LeftHand {
  Sequences all;
  int64_t inputs, units, columns;
  const float *x, *h, *h0;
  const float* gates;  // of a cell that resets, whose last gate saw the first * h_(t-1); of other cells null

  int64_t rows() const { return sum_rows() + (gates ? units : 0); }
  int64_t sum_rows() const { return inputs + 1 + units; }  // in the order W, b, U
  int64_t sums() const { return sum_rows() * columns; }

  // One step of one vector of examples, cleared where it is padding, as a column of rows `stride` apart. Every read
  // also fetches what the step after it will read, which lies too far away for the processor to foresee.
  template <class Tile>
  void copy(const Tile& tile, int64_t t, int v, int64_t next, float* to, int64_t stride) const {
    const int64_t ahead = next * all.examples;
    const IntVec valid = tile.valid(t, v);
    const auto put = [&](float*& at, Vec value) {
      store(at, valid ? value : Vec{});
      at += stride;
    };
    for (int64_t i = 0; i < inputs; ++i) put(to, tile.read(x + t * inputs * all.examples, i, v, inputs * ahead));
    put(to, broadcast(1.0f));
    float* reset = to + units * stride;
    for (int64_t i = 0; i < units; ++i) {
      const Vec before = tile.previous(h, h0, units, t, i, v, units * ahead);
      put(to, before);
      if (gates) put(reset, before * tile.read(gates + t * columns * all.examples, i, v, columns * ahead));
    }
  }
};

// The net gradients of one tile, multiplied with the left-hand rows and added to `sums`.
template <class Tile>
class SummedDeltas {
  const LeftHand& g_;
  const Tile& tile_;
  float* sums_;
  int64_t full_, stride_, place_ = 0, next_;  // place_ of full_ places of a row are taken; rows lie stride_ apart
  float *left_, *right_;

 public:
  // next: where the step after this one lies, 1 or -1.
  SummedDeltas(const LeftHand& left_hand, const Tile& tile, int64_t next, float* sums)
      : g_(left_hand), tile_(tile), sums_(sums), next_(next) {
    const int64_t step_bytes = (g_.rows() + g_.columns) * Tile::width * int64_t(sizeof(float));
    full_ = std::max<int64_t>(1, std::min(g_.all.steps, kStepsBytes / step_bytes)) * Tile::width;
    // An odd number of cache lines: rows a power of two apart would all want the same few places of a cache.
    stride_ = ((full_ + kLineFloats - 1) / kLineFloats | 1) * kLineFloats;
    left_ = scratch<kStepsSlot>((g_.rows() + g_.columns) * stride_);
    right_ = left_ + g_.rows() * stride_;
  }

  void put(int64_t, int64_t column, int v, Vec value) { store(right_ + column * stride_ + place_ + v * kLanes, value); }

  void end_step(int64_t t) {
    for (int v = 0; v < Tile::vectors; ++v) g_.copy(tile_, t, v, next_, left_ + place_ + v * kLanes, stride_);
    place_ += Tile::width;
    if (place_ == full_) add();
  }

  void padding(int64_t) {}

  void end() {
    if (place_) add();
  }

 private:
  void add() {
    const int64_t u = g_.units, in = g_.inputs + 1, states = in + u, k = g_.columns;
    if (g_.gates) {
      add_rows(left_, 0, states, 0, k - u);
      add_rows(left_, 0, in, k - u, k);
      add_rows(left_ + u * stride_, in, states, k - u, k);
    } else {
      add_rows(left_, 0, states, 0, k);
    }
    place_ = 0;
  }

  void add_rows(const float* left, int64_t row, int64_t row_end, int64_t column, int64_t column_end) {
    for (int64_t c = column; c < column_end; c += kSumColumns)
      for (int64_t r = row; r < row_end; r += kSumRows)
        add_block_up_to<kSumRows, kSumColumns>(row_end - r, column_end - c, left + r * stride_,
                                                   right_ + c * stride_, place_, stride_,
                                                   sums_ + (r * g_.columns + c) * kLanes, g_.columns);
  }
};

// The net gradients of one tile, written to delta, [T][k][N].
template <class Tile>
struct WrittenDeltas {
  const Tile& tile;
  float* delta;
  int64_t columns, next;

  float* at(int64_t t) const { return delta + t * columns * tile.all.examples; }
  void put(int64_t t, int64_t column, int v, Vec value) const {
    tile.write(at(t), column, v, value, next * columns * tile.all.examples);
  }
  void end_step(int64_t) const {}
  void padding(int64_t t) const { tile.write_zeros(at(t), columns); }
};

inline void write_result(Result& to, const float*& from) {
  std::copy_n(from, to->element_count(), to->typed_data());
  from += to->element_count();
}

// Every piece adds to sums that it is handed; the totals become dW, db and dU (null for a layer without states). The
// order of adding depends on the number of threads, but not on which of them is first.
template <class Piece>
void add_up(ffi::ThreadPool& pool, const LeftHand& g, int64_t pieces, const Piece& piece, Result& dW, Result* dU,
            Result& db) {
  const int64_t outputs = g.sums();
  const int64_t tasks = std::max<int64_t>(1, std::min(pieces, 2 * pool.num_threads()));
  float* partial = scratch<kPartialSlot>(tasks * outputs);
  parallel_for(pool, tasks, [&](int64_t task) {
    float* sums = scratch<kSumsSlot>(outputs * kLanes);
    std::fill_n(sums, outputs * kLanes, 0.0f);
    for (int64_t i = pieces * task / tasks; i < pieces * (task + 1) / tasks; ++i) piece(i, sums);
    for (int64_t i = 0; i < outputs; ++i) partial[task * outputs + i] = sum_lanes(load(sums + i * kLanes));
  });
  for (int64_t task = 1; task < tasks; ++task)
    for (int64_t i = 0; i < outputs; ++i) partial[i] += partial[task * outputs + i];
  const float* from = partial;
  write_result(dW, from);
  write_result(db, from);
  if (dU) write_result(*dU, from);
}

// Two things to do with a way back through time, back(tile, deltas), which goes from the last step that the forward
// pass took to the first: write the net gradients out ...
template <class Back>
void write_deltas(ffi::ThreadPool& pool, const Sequences& all, const Back& back, Result& delta, int64_t columns) {
  for_each_tile(pool, all, [&](const auto& tile) {
    back(tile, WrittenDeltas<std::decay_t<decltype(tile)>>{tile, delta->typed_data(), columns, all.reverse ? 1 : -1});
  });
}

// ... or sum them into the gradients of the weights while they are in cache.
template <class Back>
void sum_deltas(ffi::ThreadPool& pool, const LeftHand& g, const Back& back, Result& dW, Result& dU, Result& db) {
  const int64_t width = tile_width(pool, g.all);
  const auto piece = [&](int64_t i, float* sums) {
    with_tile(g.all, i * width, width, [&](const auto& tile) {
      SummedDeltas<std::decay_t<decltype(tile)>> deltas(g, tile, g.all.reverse ? 1 : -1, sums);
      back(tile, deltas);
      deltas.end();
    });
  };
  add_up(pool, g, (g.all.examples + width - 1) / width, piece, dW, &dU, db);
}

}  // namespace netgrad
