// A recurrent cell over whole sequences: the loop over time, forward and back, unequal lengths, direction and the sums
// of the weights' gradients, written once for all cells. A cell says what one unit does at one time-step:
//
//   struct Cell {
//     static constexpr int gates;     // net inputs z of a unit: W, U and b have gates * u columns
//     static constexpr int memories;  // states of a unit: 1, h; 2, h and c
//     static constexpr int own;       // weights of a unit besides W, U and b
//     static constexpr int kept;      // numbers of a unit that the way back needs besides its states: activated gates
//     static constexpr bool resets;   // whether the last gate sees r * h_(t-1), r being the first gate, a logistic
//     static constexpr int passes, passes_back;  // over all units in a step, and in a step back
//     template <int pass, class At> static void step(const At& at);  // from net, before and own to keep and now
//     // From kept, before, now, own and d_now to delta and d_before.
//     template <int pass, class At> static void step_back(const At& at);
//   };
//
// All numbers are vectors, one lane an example. In a cell that resets, the loop itself looks after the first gate.
//
// Where the last activations of a step wait for the first ones, they get a pass over the units of their own: each is a
// chain of some 16 operations, and a processor hides its length by the chains of other units, as far as it sees ahead.
#pragma once

#include "sums_over_time.h"

namespace netgrad {

// A unit of one vector of examples at one time-step, on the way forward.
template <class Cell, bool all_kept, class Tile>
struct StepAt {
  const Tile& tile;
  int64_t units, i;
  int v;
  IntVec valid;
  const float *own_weights, *z;
  float *state, *h, *c, *gates;  // h, c and gates: of this time-step
  int64_t ahead;                 // from an h or c of this time-step to that of the next

  int64_t place(int64_t row) const { return (row * Tile::vectors + v) * kLanes; }
  Vec net(int gate) const { return load(z + place(gate * units + i)); }
  // After `now`, in a later pass, what that left.
  Vec before(int memory) const { return load(state + place(memory * units + i)); }
  float own(int j) const { return own_weights[j * units + i]; }
  void keep(int j, Vec value) const {
    if constexpr (all_kept) tile.write(gates, j * units + i, v, valid ? value : Vec{}, Cell::kept * ahead);
  }
  void now(int memory, Vec value) const {
    if (all_kept || memory == 0) tile.write(memory == 0 ? h : c, i, v, valid ? value : Vec{}, ahead);
    float* to = state + place(memory * units + i);
    store(to, valid ? value : load(to));
  }
};

// all_kept: c and the gates are written down for the way back, not h alone.
template <class Cell, bool all_kept>
struct Walk {
  Sequences all;
  int64_t inputs, units;
  const float *x, *own, *start;
  Packed weights, last;  // last: of the gate that sees reset states, where there is one
  float *h, *c, *gates;

  template <class Tile>
  void operator()(const Tile& tile) const {
    constexpr int V = Tile::vectors;
    const int64_t row = units * Tile::width;
    // reset * h, x and h lie one after the other: each product reads the two that it needs.
    float* reset_state = scratch<kTileSlot>(inputs * Tile::width + (Cell::resets + Cell::memories + Cell::gates) * row);
    float* in = reset_state + (Cell::resets ? row : 0);
    float* state = in + inputs * Tile::width;
    float* z = state + Cell::memories * row;
    const int64_t ahead = (all.reverse ? -units : units) * all.examples;
    tile.read_rows(start, Cell::memories * units, state);
    for (int64_t s = 0; s < all.steps; ++s) {
      const int64_t t = all.step(s), here = t * units * all.examples;
      float *h_t = h + here, *c_t = c, *gates_t = gates;
      if constexpr (all_kept) {
        gates_t += Cell::kept * here;
        if constexpr (Cell::memories > 1) c_t += here;
      }
      if (t >= tile.longest) {
        tile.write_zeros(h_t, units);
        if constexpr (all_kept) {
          if constexpr (Cell::memories > 1) tile.write_zeros(c_t, units);
          tile.write_zeros(gates_t, Cell::kept * units);
        }
        continue;
      }
      tile.read_rows(x + t * inputs * all.examples, inputs, in);
      multiply<V>(in, weights, z);
      if constexpr (Cell::resets) {
        for (int64_t i = 0; i < units; ++i)
          for (int v = 0; v < V; ++v) {
            const int64_t at = (i * V + v) * kLanes;
            const Vec reset = logistic(load(z + at));
            if constexpr (all_kept)
              tile.write(gates_t, i, v, tile.valid(t, v) ? reset : Vec{}, Cell::kept * ahead);
            store(reset_state + at, reset * load(state + at));
          }
        multiply<V>(reset_state, last, z + (Cell::gates - 1) * row);
      }
      const auto each_unit = [&](const auto& pass) {
        for (int64_t i = 0; i < units; ++i)
          for (int v = 0; v < V; ++v)
            pass(StepAt<Cell, all_kept, Tile>{tile, units, i, v, tile.valid(t, v), own, z, state, h_t, c_t, gates_t,
                                              ahead});
      };
      unrolled<Cell::passes>([&](auto pass) {
        each_unit([](const auto& at) { Cell::template step<decltype(pass)::value>(at); });
      });
    }
  }
};

// The same on the way back, where d_ stands for the gradient of.
template <class Cell, class Tile, class Deltas>
struct StepBackAt {
  const Tile& tile;
  Deltas& sink;
  int64_t units, ahead, t, i;
  int v;
  IntVec valid;
  const float *own_weights, *d_h, *h, *c, *gates, *start;  // all time-steps
  float *d_state, *deltas;

  int64_t here() const { return t * units * tile.all.examples; }
  int64_t place(int64_t row) const { return (row * Tile::vectors + v) * kLanes; }
  Vec kept(int j) const { return tile.read(gates + Cell::kept * here(), j * units + i, v, Cell::kept * ahead); }
  Vec before(int memory) const {
    return tile.previous(memory == 0 ? h : c, start + memory * units * tile.all.examples, units, t, i, v, ahead);
  }
  Vec now(int memory) const { return tile.read((memory == 0 ? h : c) + here(), i, v, ahead); }
  float own(int j) const { return own_weights[j * units + i]; }
  // What arrives at a state from later time-steps, and at h from the layer above.
  Vec d_now(int memory) const {
    const Vec later = load(d_state + place(memory * units + i));
    return memory == 0 ? tile.read(d_h + here(), i, v, ahead) + later : later;
  }
  // A number for a later pass, in the place of a delta.
  void leave(int gate, Vec value) const { store(deltas + place(gate * units + i), value); }
  Vec left(int gate) const { return load(deltas + place(gate * units + i)); }
  void delta(int gate, Vec value) const {
    value = valid ? value : Vec{};
    store(deltas + place(gate * units + i), value);
    sink.put(t, gate * units + i, v, value);
  }
  // What goes on to the state before by ways other than U.
  void d_before(int memory, Vec value) const {
    float* to = d_state + place(memory * units + i);
    store(to, valid ? value : load(to));
  }
};

template <class Cell>
struct WalkBack {
  Sequences all;
  int64_t units;
  const float *d_h, *own, *h, *c, *gates, *start, *d_last;
  Packed weights, last;  // U transposed
  float* d_start;

  template <class Tile, class Deltas>
  void operator()(const Tile& tile, Deltas&& sink) const {
    constexpr int V = Tile::vectors;
    const int64_t row = units * Tile::width;
    float* d_state = scratch<kTileSlot>((Cell::memories + Cell::resets + Cell::gates) * row);
    float* d_reset_state = d_state + Cell::memories * row;  // the gradient at reset * h_(t-1)
    float* deltas = d_reset_state + (Cell::resets ? row : 0);
    const int64_t ahead = all.reverse ? units * all.examples : -units * all.examples;
    tile.read_rows(d_last, Cell::memories * units, d_state);
    for (int64_t s = all.steps - 1; s >= 0; --s) {
      const int64_t t = all.step(s);
      if (t >= tile.longest) {
        sink.padding(t);
        continue;
      }
      const auto unit = [&](int64_t i, int v) {
        return StepBackAt<Cell, Tile, std::remove_reference_t<Deltas>>{
            tile, sink, units, ahead, t, i, v, tile.valid(t, v), own, d_h, h, c, gates, start, d_state, deltas};
      };
      unrolled<Cell::passes_back>([&](auto pass) {
        for (int64_t i = 0; i < units; ++i)
          for (int v = 0; v < V; ++v) Cell::template step_back<decltype(pass)::value>(unit(i, v));
      });
      if constexpr (Cell::resets) {
        multiply<V>(deltas + (Cell::gates - 1) * row, last, d_reset_state);
        for (int64_t i = 0; i < units; ++i)
          for (int v = 0; v < V; ++v) {
            const auto at = unit(i, v);
            const Vec reset = at.kept(0), d = load(d_reset_state + at.place(i));
            at.delta(0, d * at.before(0) * reset * (1.0f - reset));
            float* to = d_state + at.place(i);
            store(to, load(to) + (at.valid ? d * reset : Vec{}));
          }
      }
      sink.end_step(t);
      multiply<V, true>(deltas, weights, d_state);
    }
    tile.write_rows(d_start, Cell::memories * units, d_state);
  }
};

// --- as kernels: (N, T, d) and so on, examples last in memory; start and its gradient hold h, then c, side by side.
// Forward, c and gates of no width say that they are not asked for.

template <class Cell>
ffi::Error forward(ffi::ThreadPool pool, Floats x, Floats W, Floats U, Floats b, Floats own, Floats start,
                   Lengths lengths, Result h, Result c, Result gates, Reverse reverse) {
  constexpr int M = Cell::memories;
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), u = axis(U, 0), k = Cell::gates * u;
  constexpr bool more = M > 1 || Cell::kept > 0;
  const bool all_kept = more && (axis(c, 2) > 0 || axis(gates, 2) > 0);
  require({{"x", x, {n, steps, d}}, {"W", W, {d, k}}, {"U", U, {u, k}}, {"b", b, {k}}, {"own", own, {Cell::own, u}},
           {"start", start, {n, M * u}}, {"lengths", lengths, {n}}, {"h", h, {n, steps, u}},
           {"c", c, {n, steps, all_kept ? (M - 1) * u : 0}}, {"gates", gates, {n, steps, all_kept ? Cell::kept * u : 0}}});
  const int64_t first = Cell::resets ? k - u : k;  // columns of the gates that see h itself
  const Packed weights(scratch<kWeightsSlot>(Packed::size(d + u, first)), first, b.typed_data(),
                       {by_row(W.typed_data(), d, k), by_row(U.typed_data(), u, k)});
  Packed last(nullptr, 0, 0);
  if constexpr (Cell::resets)
    last = Packed(scratch<kMoreWeightsSlot>(Packed::size(u + d, u)), u, b.typed_data() + first,
                  {by_row(U.typed_data() + first, u, k), by_row(W.typed_data() + first, d, k)});
  const Sequences all(x, lengths, *reverse);
  const auto walk = [&](auto keep) {
    for_each_tile(pool, all, Walk<Cell, keep>{all, d, u, x.typed_data(), own.typed_data(), start.typed_data(), weights,
                                              last, h->typed_data(), c->typed_data(), gates->typed_data()});
  };
  if constexpr (more) {
    if (all_kept) walk(std::true_type{});
    else walk(std::false_type{});
  } else {
    walk(std::false_type{});
  }
  return ffi::Error::Success();
}

template <class Cell>
WalkBack<Cell> walk_back(Floats d_h, Floats U, Floats own, Floats h, Floats c, Floats gates, Floats start,
                         Lengths lengths, Floats d_last, Result& d_start, bool reverse) {
  constexpr int M = Cell::memories;
  const int64_t n = axis(d_h, 0), steps = axis(d_h, 1), u = axis(U, 0), k = Cell::gates * u;
  require({{"d_h", d_h, {n, steps, u}}, {"U", U, {u, k}}, {"own", own, {Cell::own, u}}, {"h", h, {n, steps, u}},
           {"c", c, {n, steps, (M - 1) * u}}, {"gates", gates, {n, steps, Cell::kept * u}},
           {"start", start, {n, M * u}}, {"lengths", lengths, {n}}, {"d_last", d_last, {n, M * u}},
           {"d_start", d_start, {n, M * u}}});
  const int64_t first = Cell::resets ? k - u : k;
  const Packed weights(scratch<kWeightsSlot>(Packed::size(first, u)), u, nullptr,
                       {transposed(U.typed_data(), first, k)});
  Packed last(nullptr, 0, 0);
  if constexpr (Cell::resets)
    last = Packed(scratch<kMoreWeightsSlot>(Packed::size(u, u)), u, nullptr, {transposed(U.typed_data() + first, u, k)});
  return {Sequences(d_h, lengths, reverse), u, d_h.typed_data(), own.typed_data(), h.typed_data(), c.typed_data(),
          gates.typed_data(), start.typed_data(), d_last.typed_data(), weights, last, d_start->typed_data()};
}

template <class Cell>
ffi::Error backward(ffi::ThreadPool pool, Floats d_h, Floats U, Floats own, Floats h, Floats c, Floats gates,
                    Floats start, Lengths lengths, Floats d_last, Result delta, Result d_start, Reverse reverse) {
  const auto back = walk_back<Cell>(d_h, U, own, h, c, gates, start, lengths, d_last, d_start, *reverse);
  const int64_t k = Cell::gates * back.units;
  require({{"delta", delta, {back.all.examples, back.all.steps, k}}});
  write_deltas(pool, back.all, back, delta, k);
  return ffi::Error::Success();
}

// The way back and the sums in one: the net gradients never leave the cache.
template <class Cell>
ffi::Error gradients(ffi::ThreadPool pool, Floats d_h, Floats U, Floats own, Floats h, Floats c, Floats gates,
                     Floats start, Lengths lengths, Floats d_last, Floats x, Result dW, Result dU, Result db,
                     Result d_start, Reverse reverse) {
  const auto back = walk_back<Cell>(d_h, U, own, h, c, gates, start, lengths, d_last, d_start, *reverse);
  const int64_t n = back.all.examples, steps = back.all.steps, d = axis(x, 2), u = back.units, k = Cell::gates * u;
  require({{"x", x, {n, steps, d}}, {"dW", dW, {d, k}}, {"dU", dU, {u, k}}, {"db", db, {k}}});
  const LeftHand left{back.all, d, u, k, x.typed_data(), back.h, back.start, Cell::resets ? back.gates : nullptr};
  sum_deltas(pool, left, back, dW, dU, db);
  return ffi::Error::Success();
}

}  // namespace netgrad

// The three kernels of a cell, forward_<name>, backward_<name> and gradients_<name>.
#define NETGRAD_CELL(name, Cell)                   \
  NETGRAD_KERNEL(forward_##name, forward<Cell>)    \
  NETGRAD_KERNEL(backward_##name, backward<Cell>)  \
  NETGRAD_KERNEL(gradients_##name, gradients<Cell>)
