// The gated recurrent unit: h_t = (1 - update) * h_(t-1) + update * candidate, where the candidate sees
// reset * h_(t-1). Gates in the order reset, update, candidate.
#include "sums_over_time.h"

namespace netgrad {
namespace {

ffi::Error forward(ffi::ThreadPool pool, Floats x_, Floats W_, Floats U_, Floats b, Floats h0, Lengths lengths,
                   Result h_, Result gates_, bool reverse) {
  const int64_t n = axis(x_, 0), steps = axis(x_, 1), d = axis(x_, 2), u = axis(U_, 0);
  require({{"x", x_, {n, steps, d}}, {"W", W_, {d, 3 * u}}, {"U", U_, {u, 3 * u}}, {"b", b, {3 * u}},
           {"h0", h0, {n, u}}, {"lengths", lengths, {n}}, {"h", h_, {n, steps, u}},
           {"gates", gates_, {n, steps, 3 * u}}});
  const Sequences all(x_, lengths, reverse);
  const float *x = x_.typed_data(), *W = W_.typed_data(), *U = U_.typed_data();
  float *h = h_->typed_data(), *gates = gates_->typed_data();
  const Packed gate_weights(scratch<kWeightsSlot>(Packed::size(d + u, 2 * u)), 2 * u, b.typed_data(),
                            {by_row(W, d, 3 * u), by_row(U, u, 3 * u)});
  const Packed candidate_weights(scratch<kMoreWeightsSlot>(Packed::size(u + d, u)), u, b.typed_data() + 2 * u,
                                 {by_row(U + 2 * u, u, 3 * u), by_row(W + 2 * u, d, 3 * u)});

  for_each_tile(pool, all, [&](const auto& tile) {
    using Tile = std::decay_t<decltype(tile)>;
    constexpr int V = Tile::vectors;
    // reset * h, x and h lie one after the other: each product reads the two that it needs.
    float* reset_state = scratch<kTileSlot>((d + 5 * u) * Tile::width);
    float* in = reset_state + u * Tile::width;
    float* state = in + d * Tile::width;
    float* z = state + u * Tile::width;
    tile.read_rows(h0.typed_data(), u, state);
    for (int64_t s = 0; s < all.steps; ++s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      float *h_t = h + here, *gates_t = gates + 3 * here;
      if (t >= tile.longest) {
        tile.write_zeros(h_t, u);
        tile.write_zeros(gates_t, 3 * u);
        continue;
      }
      tile.read_rows(x + t * d * all.examples, d, in);
      multiply<V>(in, gate_weights, z);
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const Vec reset = logistic(load(z + at));
          tile.write(gates_t, i, v, tile.valid(t, v) ? reset : Vec{});
          store(reset_state + at, reset * load(state + at));
        }
      multiply<V>(reset_state, candidate_weights, z + 2 * u * Tile::width);
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec before = load(state + at);
          const Vec update = logistic(load(z + u * Tile::width + at));
          const Vec candidate = tanh(load(z + 2 * u * Tile::width + at));
          const Vec now = (1.0f - update) * before + update * candidate;
          tile.write(gates_t, u + i, v, valid ? update : Vec{});
          tile.write(gates_t, 2 * u + i, v, valid ? candidate : Vec{});
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
  Packed gate_weights, candidate_weights;  // U transposed
  float* d_h0;

  template <class Tile, class Deltas>
  void operator()(const Tile& tile, Deltas&& sink) const {
    constexpr int V = Tile::vectors;
    const int64_t u = units;
    float* d_state = scratch<kTileSlot>(5 * u * Tile::width);
    float* d_reset_state = d_state + u * Tile::width;  // the gradient at reset * h_(t-1)
    float* deltas = d_reset_state + u * Tile::width;
    const int64_t ahead = all.reverse ? u * all.examples : -u * all.examples;
    tile.read_rows(d_h_last, u, d_state);
    for (int64_t s = all.steps - 1; s >= 0; --s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      const float* gates_t = gates + 3 * here;
      if (t >= tile.longest) {
        sink.padding(t);
        continue;
      }
      const auto emit = [&](int g, int64_t i, int v, Vec value) {
        store(deltas + ((g * u + i) * V + v) * kLanes, value);
        sink.put(t, g * u + i, v, value);
      };
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec update = tile.read(gates_t, u + i, v, 3 * ahead);
          const Vec candidate = tile.read(gates_t, 2 * u + i, v, 3 * ahead);
          const Vec before = tile.previous(h, h0, u, t, i, v, ahead);
          const Vec d = tile.read(d_h + here, i, v, ahead) + load(d_state + at);
          emit(1, i, v, valid ? d * (candidate - before) * update * (1.0f - update) : Vec{});
          emit(2, i, v, valid ? d * update * (1.0f - candidate * candidate) : Vec{});
          store(d_state + at, valid ? d * (1.0f - update) : load(d_state + at));
        }
      multiply<V>(deltas + 2 * u * Tile::width, candidate_weights, d_reset_state);
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec reset = tile.read(gates_t, i, v, 3 * ahead), d = load(d_reset_state + at);
          const Vec before = tile.previous(h, h0, u, t, i, v);
          emit(0, i, v, valid ? d * before * reset * (1.0f - reset) : Vec{});
          store(d_state + at, load(d_state + at) + (valid ? d * reset : Vec{}));
        }
      sink.end_step(t);
      multiply<V, true>(deltas, gate_weights, d_state);
    }
    tile.write_rows(d_h0, u, d_state);
  }
};

WayBack way_back(Floats d_h, Floats U_, Floats h, Floats gates, Floats h0, Lengths lengths, Floats d_h_last,
                 Result& d_h0, bool reverse) {
  const int64_t n = axis(d_h, 0), steps = axis(d_h, 1), u = axis(U_, 0);
  require({{"d_h", d_h, {n, steps, u}}, {"U", U_, {u, 3 * u}}, {"h", h, {n, steps, u}},
           {"gates", gates, {n, steps, 3 * u}}, {"h0", h0, {n, u}}, {"lengths", lengths, {n}},
           {"d_h_last", d_h_last, {n, u}}, {"d_h0", d_h0, {n, u}}});
  const float* U = U_.typed_data();
  const Packed gate_weights(scratch<kWeightsSlot>(Packed::size(2 * u, u)), u, nullptr,
                            {transposed(U, 2 * u, 3 * u)});
  const Packed candidate_weights(scratch<kMoreWeightsSlot>(Packed::size(u, u)), u, nullptr,
                                 {transposed(U + 2 * u, u, 3 * u)});
  return {Sequences(d_h, lengths, reverse), u, d_h.typed_data(), h.typed_data(), gates.typed_data(), h0.typed_data(),
          d_h_last.typed_data(), gate_weights, candidate_weights, d_h0->typed_data()};
}

ffi::Error backward(ffi::ThreadPool pool, Floats d_h, Floats U, Floats h, Floats gates, Floats h0, Lengths lengths,
                    Floats d_h_last, Result delta, Result d_h0, bool reverse) {
  const WayBack back = way_back(d_h, U, h, gates, h0, lengths, d_h_last, d_h0, reverse);
  require({{"delta", delta, {back.all.examples, back.all.steps, 3 * back.units}}});
  write_deltas(pool, back.all, back, delta, 3 * back.units);
  return ffi::Error::Success();
}

// The way back and the sums in one: the net gradients never leave the cache.
ffi::Error gradients(ffi::ThreadPool pool, Floats d_h, Floats U, Floats h, Floats gates, Floats h0, Lengths lengths,
                     Floats d_h_last, Floats x, Result dW, Result dU, Result db, Result d_h0, bool reverse) {
  const WayBack back = way_back(d_h, U, h, gates, h0, lengths, d_h_last, d_h0, reverse);
  LeftHand left = left_hand(back.all, x, h, h0, 3, dW, dU, db);
  left.gates = back.gates;
  sum_deltas(pool, left, back, dW, dU, db);
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(gru_forward, forward,
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

NETGRAD_KERNEL(gru_backward, backward,
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

NETGRAD_KERNEL(gru_gradients, gradients,
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
