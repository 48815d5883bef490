// The cell with a forget gate only: h_t = forget * h_(t-1) + (1 - forget) * candidate.
// Gates in the order forget, candidate.
#include "recurrent.h"

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

ffi::Error backward(ffi::ThreadPool pool, Floats d_h_, Floats U, Floats h_, Floats gates_, Floats h0,
                    Lengths lengths, Floats d_h_last, Result delta_, Result d_h0, bool reverse) {
  const int64_t n = axis(d_h_, 0), steps = axis(d_h_, 1), u = axis(U, 0);
  require({{"d_h", d_h_, {n, steps, u}}, {"U", U, {u, 2 * u}}, {"h", h_, {n, steps, u}},
           {"gates", gates_, {n, steps, 2 * u}}, {"h0", h0, {n, u}}, {"lengths", lengths, {n}},
           {"d_h_last", d_h_last, {n, u}}, {"delta", delta_, {n, steps, 2 * u}}, {"d_h0", d_h0, {n, u}}});
  const Sequences all(d_h_, lengths, reverse);
  const float *d_h = d_h_.typed_data(), *h = h_.typed_data(), *gates = gates_.typed_data();
  float* delta = delta_->typed_data();
  const Packed weights(scratch<kWeightsSlot>(Packed::size(2 * u, u)), u, nullptr,
                       {transposed(U.typed_data(), 2 * u, 2 * u)});

  for_each_tile(pool, all, [&](const auto& tile) {
    using Tile = std::decay_t<decltype(tile)>;
    constexpr int V = Tile::vectors;
    float* d_state = scratch<kTileSlot>(3 * u * Tile::width);
    float* deltas = d_state + u * Tile::width;
    const int64_t ahead = all.reverse ? u * all.examples : -u * all.examples;
    tile.read_rows(d_h_last.typed_data(), u, d_state);
    for (int64_t s = all.steps - 1; s >= 0; --s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      float* delta_t = delta + 2 * here;
      if (t >= tile.longest) {
        tile.write_zeros(delta_t, 2 * u);
        continue;
      }
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec forget = tile.read(gates + 2 * here, i, v, 2 * ahead);
          const Vec candidate = tile.read(gates + 2 * here, u + i, v, 2 * ahead);
          const Vec before = tile.previous(h, h0.typed_data(), u, t, i, v, ahead);
          const Vec d = tile.read(d_h + here, i, v, ahead) + load(d_state + at);
          const Vec by_forget = valid ? d * (before - candidate) * forget * (1.0f - forget) : Vec{};
          const Vec by_candidate = valid ? d * (1.0f - forget) * (1.0f - candidate * candidate) : Vec{};
          store(deltas + at, by_forget);
          store(deltas + u * Tile::width + at, by_candidate);
          tile.write(delta_t, i, v, by_forget, 2 * ahead);
          tile.write(delta_t, u + i, v, by_candidate, 2 * ahead);
          store(d_state + at, valid ? d * forget : load(d_state + at));
        }
      multiply<V, true>(deltas, weights, d_state);
    }
    tile.write_rows(d_h0->typed_data(), u, d_state);
  });
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

}  // namespace netgrad
