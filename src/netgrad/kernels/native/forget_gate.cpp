// The cell with a forget gate only: h_t = forget * h_(t-1) + (1 - forget) * candidate.
// Gates in the order forget, candidate.
#include "sums_over_time.h"

namespace netgrad {
namespace {

ffi::Error forward(ffi::ThreadPool pool, Floats x_, Floats W, Floats U, Floats b, Floats h0, Lengths lengths,
                   Result h_, Result gates_, bool reverse) {
  const int64_t n = axis(x_, 0), steps = axis(x_, 1), d = axis(x_, 2), u = axis(U, 0);
  require({{"x", x_, {n, steps, d}}, {"W", W, {d, 2 * u}}, {"U", U, {u, 2 * u}}, {"b", b, {2 * u}},
           {"h0", h0, {n, u}}, {"lengths", lengths, {n}}, {"h", h_, {n, steps, u}},
           {"gates", gates_, {n, steps, 2 * u}}});
  const Sequences all(x_, lengths, reverse);
  const float* x = x_.typed_data();
  float *h = h_->typed_data(), *gates = gates_->typed_data();
  const Packed weights(scratch<kWeightsSlot>(Packed::size(d + u, 2 * u)), 2 * u, b.typed_data(),
                       {by_row(W.typed_data(), d, 2 * u), by_row(U.typed_data(), u, 2 * u)});

  for_each_tile(pool, all, [&](const auto& tile) {
    using Tile = std::decay_t<decltype(tile)>;
    constexpr int V = Tile::vectors;
    float* in = scratch<kTileSlot>((d + 3 * u) * Tile::width);
    float* state = in + d * Tile::width;
    float* z = state + u * Tile::width;
    tile.read_rows(h0.typed_data(), u, state);
    for (int64_t s = 0; s < all.steps; ++s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      float *h_t = h + here, *gates_t = gates + 2 * here;
      if (t >= tile.longest) {
        tile.write_zeros(h_t, u);
        tile.write_zeros(gates_t, 2 * u);
        continue;
      }
      tile.read_rows(x + t * d * all.examples, d, in);
      multiply<V>(in, weights, z);
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec before = load(state + at);
          const Vec forget = logistic(load(z + at));
          const Vec candidate = tanh(load(z + u * Tile::width + at));
          const Vec now = forget * before + (1.0f - forget) * candidate;
          tile.write(gates_t, i, v, valid ? forget : Vec{});
          tile.write(gates_t, u + i, v, valid ? candidate : Vec{});
          tile.write(h_t, i, v, valid ? now : Vec{});
          store(state + at, valid ? now : before);
        }
    }
  });
  return ffi::Error::Success();
}

struct WayBack {
  Sequences all;
  int64_t units;
  const float *d_h, *h, *gates, *h0, *d_h_last;
  Packed weights;  // U transposed
  float* d_h0;

  template <class Tile, class Deltas>
  void operator()(const Tile& tile, Deltas&& sink) const {
    constexpr int V = Tile::vectors;
    const int64_t u = units;
    float* d_state = scratch<kTileSlot>(3 * u * Tile::width);
    float* deltas = d_state + u * Tile::width;
    const int64_t ahead = all.reverse ? u * all.examples : -u * all.examples;
    tile.read_rows(d_h_last, u, d_state);
    for (int64_t s = all.steps - 1; s >= 0; --s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      if (t >= tile.longest) {
        sink.padding(t);
        continue;
      }
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec forget = tile.read(gates + 2 * here, i, v, 2 * ahead);
          const Vec candidate = tile.read(gates + 2 * here, u + i, v, 2 * ahead);
          const Vec before = tile.previous(h, h0, u, t, i, v, ahead);
          const Vec d = tile.read(d_h + here, i, v, ahead) + load(d_state + at);
          const auto emit = [&](int g, Vec value) {
            value = valid ? value : Vec{};
            store(deltas + ((g * u + i) * V + v) * kLanes, value);
            sink.put(t, g * u + i, v, value);
          };
          emit(0, d * (before - candidate) * forget * (1.0f - forget));
          emit(1, d * (1.0f - forget) * (1.0f - candidate * candidate));
          store(d_state + at, valid ? d * forget : load(d_state + at));
        }
      sink.end_step(t);
      multiply<V, true>(deltas, weights, d_state);
    }
    tile.write_rows(d_h0, u, d_state);
  }
};

WayBack way_back(Floats d_h, Floats U, Floats h, Floats gates, Floats h0, Lengths lengths, Floats d_h_last,
                 Result& d_h0, bool reverse) {
  const int64_t n = axis(d_h, 0), steps = axis(d_h, 1), u = axis(U, 0);
  require({{"d_h", d_h, {n, steps, u}}, {"U", U, {u, 2 * u}}, {"h", h, {n, steps, u}},
           {"gates", gates, {n, steps, 2 * u}}, {"h0", h0, {n, u}}, {"lengths", lengths, {n}},
           {"d_h_last", d_h_last, {n, u}}, {"d_h0", d_h0, {n, u}}});
  const Packed weights(scratch<kWeightsSlot>(Packed::size(2 * u, u)), u, nullptr,
                       {transposed(U.typed_data(), 2 * u, 2 * u)});
  return {Sequences(d_h, lengths, reverse), u, d_h.typed_data(), h.typed_data(), gates.typed_data(), h0.typed_data(),
          d_h_last.typed_data(), weights, d_h0->typed_data()};
}

ffi::Error backward(ffi::ThreadPool pool, Floats d_h, Floats U, Floats h, Floats gates, Floats h0, Lengths lengths,
                    Floats d_h_last, Result delta, Result d_h0, bool reverse) {
  const WayBack back = way_back(d_h, U, h, gates, h0, lengths, d_h_last, d_h0, reverse);
  require({{"delta", delta, {back.all.examples, back.all.steps, 2 * back.units}}});
  write_deltas(pool, back.all, back, delta, 2 * back.units);
  return ffi::Error::Success();
}

// The way back and the sums in one: the net gradients never leave the cache.
ffi::Error gradients(ffi::ThreadPool pool, Floats d_h, Floats U, Floats h, Floats gates, Floats h0, Lengths lengths,
                     Floats d_h_last, Floats x, Result dW, Result dU, Result db, Result d_h0, bool reverse) {
  const WayBack back = way_back(d_h, U, h, gates, h0, lengths, d_h_last, d_h0, reverse);
  sum_deltas(pool, left_hand(back.all, x, h, h0, 2, dW, dU, db), back, dW, dU, db);
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(forget_gate_forward, forward,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // W
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // b
                   .Arg<Floats>()   // h0
                   .Arg<Lengths>()  // lengths
                   .Ret<Floats>()   // h
                   .Ret<Floats>()   // gates
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(forget_gate_backward, backward,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // d_h
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // h
                   .Arg<Floats>()   // gates
                   .Arg<Floats>()   // h0
                   .Arg<Lengths>()  // lengths
                   .Arg<Floats>()   // d_h_last
                   .Ret<Floats>()   // delta
                   .Ret<Floats>()   // d_h0
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(forget_gate_gradients, gradients,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // d_h
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // h
                   .Arg<Floats>()   // gates
                   .Arg<Floats>()   // h0
                   .Arg<Lengths>()  // lengths
                   .Arg<Floats>()   // d_h_last
                   .Arg<Floats>()   // x
                   .Ret<Floats>()   // dW
                   .Ret<Floats>()   // dU
                   .Ret<Floats>()   // db
                   .Ret<Floats>()   // d_h0
                   .Attr<bool>("reverse"))

}  // namespace netgrad
