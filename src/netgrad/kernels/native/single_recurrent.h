// Recurrent cells over one sequence, units in the lanes. See single.h.
//
// What a step takes from the inputs is one product for some steps at a time, ahead of them; a step itself then waits for
// nothing but the product of the state. Its weights' columns, and those for the inputs, stand in groups of vectors of
// units: a group has all gates of its units side by side, so that a step of a cell happens in registers.
#pragma once

#include "single.h"

namespace netgrad::single {

constexpr int64_t kAhead = 16;  // steps whose inputs are multiplied at once: their products stay in cache

// What a cell is run on, from its Op; see `recurrent` in netgrad/kernels/single.py.
struct Cells {
  int64_t steps, inputs, units, width, reverse, returns, stride, offset;
  const float *W, *b, *U, *start, *own, *last;  // last: of the gate that sees reset states
  explicit Cells(const Op& op)
      : steps(op.n[0]), inputs(op.n[1]), units(op.n[2]), width(op.n[3]), reverse(op.n[4]), returns(op.n[5]),
        stride(op.n[6]), offset(op.n[7]), W(op.p[0]), b(op.p[1]), U(op.p[2]), start(op.p[3]), own(op.p[4]),
        last(op.p[5]) {}
};

template <int Gates, int Most>
struct Grouped {
  // group(first vector of units, constant number of them, where its columns begin) for each group.
  template <typename F>
  static void each(int64_t units, F group) {
    const int64_t all = vectors(units);
    int64_t column = 0;
    for (int64_t k = 0; k < all; k += Most) {
      const int64_t now = std::min<int64_t>(Most, all - k);
      with_vectors<Most>(now, [&](auto n) { group(k * kLanes, n, column); });
      column += now * Gates * kLanes;
    }
  }
};

// z of a group: what comes from the inputs, `from_x`, and h U. Most vectors of units make up a group.
template <int V>
inline void from_state(const float* h, int64_t units, const float* U, const float* from_x, Vec (&z)[1][V]) {
  NETGRAD_UNROLL for (int v = 0; v < V; ++v) z[0][v] = load(from_x + v * kLanes);
  product<1, V>(h, 0, units, U, V * kLanes, z);
}

// Each cell: step(op, cells, products of the inputs, state before, state after, more memory). A state is h, for an LSTM
// h and c, each filled up to whole vectors.

struct Rnn {
  static constexpr int memories = 1;
  static void step(const Op& op, const Cells& at, const float* zx, const float* before, float* after, float*) {
    Grouped<1, 8>::each(at.units, [&](int64_t unit, auto n, int64_t column) {
      constexpr int K = decltype(n)::value;
      Vec z[1][K];
      from_state<K>(before, at.units, at.U + column * at.units, zx + column, z);
      NETGRAD_UNROLL for (int k = 0; k < K; ++k) store(after + unit + k * kLanes, activate(op, z[0][k]));
    });
  }
};

struct Lstm {  // gates: input, forget, output, candidate
  static constexpr int memories = 2;
  static void step(const Op&, const Cells& at, const float* zx, const float* before, float* after, float*) {
    const int64_t row = vectors(at.units) * kLanes;
    Grouped<4, 2>::each(at.units, [&](int64_t unit, auto n, int64_t column) {
      constexpr int K = decltype(n)::value;
      Vec z[1][4 * K];
      from_state<4 * K>(before, at.units, at.U + column * at.units, zx + column, z);
      NETGRAD_UNROLL for (int k = 0; k < K; ++k) {
        const int64_t i = unit + k * kLanes;
        const Vec c = load(before + row + i);
        Vec z_input = z[0][k], z_forget = z[0][K + k], z_output = z[0][2 * K + k];
        if (at.own) {  // peepholes
          z_input += c * load(at.own + i);
          z_forget += c * load(at.own + row + i);
        }
        const Vec now = logistic(z_forget) * c + logistic(z_input) * tanh(z[0][3 * K + k]);
        if (at.own) z_output += now * load(at.own + 2 * row + i);
        store(after + row + i, now);
        store(after + i, logistic(z_output) * tanh(now));
      }
    });
  }
};

struct Gru {  // gates: reset, update; then the candidate, which sees reset * h
  static constexpr int memories = 1;
  static void step(const Op&, const Cells& at, const float* zx, const float* before, float* after, float* more) {
    const int64_t row = vectors(at.units) * kLanes;
    float *reset_state = more, *update = more + row;
    Grouped<2, 4>::each(at.units, [&](int64_t unit, auto n, int64_t column) {
      constexpr int K = decltype(n)::value;
      Vec z[1][2 * K];
      from_state<2 * K>(before, at.units, at.U + column * at.units, zx + column, z);
      NETGRAD_UNROLL for (int k = 0; k < K; ++k) {
        const int64_t i = unit + k * kLanes;
        store(reset_state + i, logistic(z[0][k]) * load(before + i));
        store(update + i, logistic(z[0][K + k]));
      }
    });
    Grouped<1, 8>::each(at.units, [&](int64_t unit, auto n, int64_t column) {
      constexpr int K = decltype(n)::value;
      Vec z[1][K];
      from_state<K>(reset_state, at.units, at.last + column * at.units, zx + 2 * row + column, z);
      NETGRAD_UNROLL for (int k = 0; k < K; ++k) {
        const int64_t i = unit + k * kLanes;
        const Vec share = load(update + i);
        store(after + i, (1.0f - share) * load(before + i) + share * tanh(z[0][k]));
      }
    });
  }
};

struct GruResetAfter {  // gates: reset, update, candidate = tanh(from x + reset * (h U + b_h))
  static constexpr int memories = 1;
  static void step(const Op&, const Cells& at, const float* zx, const float* before, float* after, float*) {
    Grouped<3, 2>::each(at.units, [&](int64_t unit, auto n, int64_t column) {
      constexpr int K = decltype(n)::value;
      Vec z[1][3 * K];
      NETGRAD_UNROLL for (int v = 0; v < 2 * K; ++v) z[0][v] = load(zx + column + v * kLanes);
      NETGRAD_UNROLL for (int k = 0; k < K; ++k) z[0][2 * K + k] = load(at.own + unit + k * kLanes);
      product<1, 3 * K>(before, 0, at.units, at.U + column * at.units, 3 * K * kLanes, z);
      NETGRAD_UNROLL for (int k = 0; k < K; ++k) {
        const int64_t i = unit + k * kLanes;
        const Vec update = logistic(z[0][K + k]);
        const Vec candidate = tanh(load(zx + column + (2 * K + k) * kLanes) + logistic(z[0][k]) * z[0][2 * K + k]);
        store(after + i, (1.0f - update) * load(before + i) + update * candidate);
      }
    });
  }
};

// x (steps, inputs) -> h of every step, (steps, stride) from `offset` on; or the last h, or all of the last state.
template <class Cell>
inline void recurrent(const Op& op, const float* x, float* out) {
  const Cells at(op);
  const int64_t row = vectors(at.units) * kLanes, size = Cell::memories * row;
  float *zx = op.scratch, *before = zx + kAhead * at.width, *after = before + size, *more = after + size;
  std::memcpy(before, at.start, sizeof(float) * size);
  for (int64_t done = 0; done < at.steps; done += kAhead) {
    const int64_t now = std::min(kAhead, at.steps - done), first = at.reverse ? at.steps - done - now : done;
    dense(-__builtin_inff(), x + first * at.inputs, now, at.inputs, at.width, at.W, at.b, zx);
    for (int64_t s = 0; s < now; ++s) {
      const int64_t t = at.reverse ? first + now - 1 - s : first + s;
      Cell::step(op, at, zx + (t - first) * at.width, before, after, more);
      if (at.returns == 0) std::memcpy(out + t * at.stride + at.offset, after, sizeof(float) * at.units);
      std::swap(before, after);
    }
  }
  if (at.returns > 0)
    for (int m = 0; m < (at.returns == 2 ? Cell::memories : 1); ++m)
      std::memcpy(out + at.offset + m * at.units, before + m * row, sizeof(float) * at.units);
}

}  // namespace netgrad::single
