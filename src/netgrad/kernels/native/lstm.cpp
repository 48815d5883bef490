// The long short-term memory cell, with peepholes. Gates in the order input, forget, output, candidate.
#include "sums_over_time.h"

namespace netgrad {
namespace {

ffi::Error forward(ffi::ThreadPool pool, Floats x_, Floats W, Floats U, Floats b, Floats peepholes, Floats h0,
                   Floats c0, Lengths lengths, Result h_, Result c_, Result gates_, bool reverse) {
  const int64_t n = axis(x_, 0), steps = axis(x_, 1), d = axis(x_, 2), u = axis(U, 0);
  require({{"x", x_, {n, steps, d}}, {"W", W, {d, 4 * u}}, {"U", U, {u, 4 * u}}, {"b", b, {4 * u}},
           {"peepholes", peepholes, {3, u}}, {"h0", h0, {n, u}}, {"c0", c0, {n, u}}, {"lengths", lengths, {n}},
           {"h", h_, {n, steps, u}}, {"c", c_, {n, steps, u}}, {"gates", gates_, {n, steps, 4 * u}}});
  const Sequences all(x_, lengths, reverse);
  const float *x = x_.typed_data(), *p = peepholes.typed_data();
  float *h = h_->typed_data(), *c = c_->typed_data(), *gates = gates_->typed_data();
  const Packed weights(scratch<kWeightsSlot>(Packed::size(d + u, 4 * u)), 4 * u, b.typed_data(),
                       {by_row(W.typed_data(), d, 4 * u), by_row(U.typed_data(), u, 4 * u)});

  for_each_tile(pool, all, [&](const auto& tile) {
    using Tile = std::decay_t<decltype(tile)>;
    constexpr int V = Tile::vectors;
    float* in = scratch<kTileSlot>((d + 6 * u) * Tile::width);
    float* state = in + d * Tile::width;
    float* memory = state + u * Tile::width;
    float* z = memory + u * Tile::width;
    tile.read_rows(h0.typed_data(), u, state);
    tile.read_rows(c0.typed_data(), u, memory);
    for (int64_t s = 0; s < all.steps; ++s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      float *h_t = h + here, *c_t = c + here, *gates_t = gates + 4 * here;
      if (t >= tile.longest) {
        tile.write_zeros(h_t, u);
        tile.write_zeros(c_t, u);
        tile.write_zeros(gates_t, 4 * u);
        continue;
      }
      tile.read_rows(x + t * d * all.examples, d, in);
      multiply<V>(in, weights, z);
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const auto net = [&](int gate) { return load(z + ((gate * u + i) * V + v) * kLanes); };
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec before = load(memory + at);
          const Vec input = logistic(net(0) + p[i] * before);
          const Vec forget = logistic(net(1) + p[u + i] * before);
          const Vec candidate = tanh(net(3));
          const Vec now = forget * before + input * candidate;
          const Vec output = logistic(net(2) + p[2 * u + i] * now);
          const Vec out = output * tanh(now);
          tile.write(gates_t, i, v, valid ? input : Vec{});
          tile.write(gates_t, u + i, v, valid ? forget : Vec{});
          tile.write(gates_t, 2 * u + i, v, valid ? output : Vec{});
          tile.write(gates_t, 3 * u + i, v, valid ? candidate : Vec{});
          tile.write(c_t, i, v, valid ? now : Vec{});
          tile.write(h_t, i, v, valid ? out : Vec{});
          store(memory + at, valid ? now : before);
          store(state + at, valid ? out : load(state + at));
        }
    }
  });
  return ffi::Error::Success();
}

struct WayBack {
  Sequences all;
  int64_t units;
  const float *d_h, *p, *c, *gates, *c0, *d_h_last, *d_c_last;
  Packed weights;  // U transposed
  float *d_h0, *d_c0;

  template <class Tile, class Deltas>
  void operator()(const Tile& tile, Deltas&& sink) const {
    constexpr int V = Tile::vectors;
    const int64_t u = units;
    float* d_state = scratch<kTileSlot>(6 * u * Tile::width);
    float* d_memory = d_state + u * Tile::width;
    float* deltas = d_memory + u * Tile::width;
    const int64_t ahead = all.reverse ? u * all.examples : -u * all.examples;
    tile.read_rows(d_h_last, u, d_state);
    tile.read_rows(d_c_last, u, d_memory);
    for (int64_t s = all.steps - 1; s >= 0; --s) {
      const int64_t t = all.step(s), here = t * u * all.examples;
      if (t >= tile.longest) {
        sink.padding(t);
        continue;
      }
      for (int64_t i = 0; i < u; ++i)
        for (int v = 0; v < V; ++v) {
          const auto gate = [&](int g) { return tile.read(gates + 4 * here, g * u + i, v, 4 * ahead); };
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec input = gate(0), forget = gate(1), output = gate(2), candidate = gate(3);
          const Vec before = tile.previous(c, c0, u, t, i, v, ahead);
          const Vec tanh_c = tanh(tile.read(c + here, i, v));
          const Vec d = tile.read(d_h + here, i, v, ahead) + load(d_state + at);
          const Vec by_output = d * tanh_c * output * (1.0f - output);
          const Vec d_c = load(d_memory + at) + d * output * (1.0f - tanh_c * tanh_c) + by_output * p[2 * u + i];
          const Vec by_input = d_c * candidate * input * (1.0f - input);
          const Vec by_forget = d_c * before * forget * (1.0f - forget);
          const Vec by_candidate = d_c * input * (1.0f - candidate * candidate);
          const auto emit = [&](int g, Vec value) {
            value = valid ? value : Vec{};
            store(deltas + ((g * u + i) * V + v) * kLanes, value);
            sink.put(t, g * u + i, v, value);
          };
          emit(0, by_input);
          emit(1, by_forget);
          emit(2, by_output);
          emit(3, by_candidate);
          const Vec d_before = d_c * forget + by_input * p[i] + by_forget * p[u + i];
          store(d_memory + at, valid ? d_before : load(d_memory + at));
          store(d_state + at, valid ? Vec{} : load(d_state + at));
        }
      sink.end_step(t);
      multiply<V, true>(deltas, weights, d_state);
    }
    tile.write_rows(d_h0, u, d_state);
    tile.write_rows(d_c0, u, d_memory);
  }
};

WayBack way_back(Floats d_h, Floats U, Floats peepholes, Floats c, Floats gates, Floats c0, Lengths lengths,
                 Floats d_h_last, Floats d_c_last, Result& d_h0, Result& d_c0, bool reverse) {
  const int64_t n = axis(d_h, 0), steps = axis(d_h, 1), u = axis(U, 0);
  require({{"d_h", d_h, {n, steps, u}}, {"U", U, {u, 4 * u}}, {"peepholes", peepholes, {3, u}},
           {"c", c, {n, steps, u}}, {"gates", gates, {n, steps, 4 * u}}, {"c0", c0, {n, u}},
           {"lengths", lengths, {n}}, {"d_h_last", d_h_last, {n, u}}, {"d_c_last", d_c_last, {n, u}},
           {"d_h0", d_h0, {n, u}}, {"d_c0", d_c0, {n, u}}});
  const Packed weights(scratch<kWeightsSlot>(Packed::size(4 * u, u)), u, nullptr,
                       {transposed(U.typed_data(), 4 * u, 4 * u)});
  return {Sequences(d_h, lengths, reverse), u, d_h.typed_data(), peepholes.typed_data(), c.typed_data(),
          gates.typed_data(), c0.typed_data(), d_h_last.typed_data(), d_c_last.typed_data(), weights,
          d_h0->typed_data(), d_c0->typed_data()};
}

ffi::Error backward(ffi::ThreadPool pool, Floats d_h, Floats U, Floats peepholes, Floats c, Floats gates, Floats c0,
                    Lengths lengths, Floats d_h_last, Floats d_c_last, Result delta, Result d_h0, Result d_c0,
                    bool reverse) {
  const WayBack back =
      way_back(d_h, U, peepholes, c, gates, c0, lengths, d_h_last, d_c_last, d_h0, d_c0, reverse);
  require({{"delta", delta, {back.all.examples, back.all.steps, 4 * back.units}}});
  write_deltas(pool, back.all, back, delta, 4 * back.units);
  return ffi::Error::Success();
}

// The way back and the sums in one: the net gradients never leave the cache.
ffi::Error gradients(ffi::ThreadPool pool, Floats d_h, Floats U, Floats peepholes, Floats c, Floats gates, Floats c0,
                     Lengths lengths, Floats d_h_last, Floats d_c_last, Floats x, Floats h, Floats h0, Result dW,
                     Result dU, Result db, Result d_h0, Result d_c0, bool reverse) {
  const WayBack back =
      way_back(d_h, U, peepholes, c, gates, c0, lengths, d_h_last, d_c_last, d_h0, d_c0, reverse);
  const LeftHand left = left_hand(back.all, x, h, h0, 4, dW, dU, db);
  sum_deltas(pool, left, back, dW, dU, db);
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(lstm_forward, forward,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // W
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // b
                   .Arg<Floats>()   // peepholes
                   .Arg<Floats>()   // h0
                   .Arg<Floats>()   // c0
                   .Arg<Lengths>()  // lengths
                   .Ret<Floats>()   // h
                   .Ret<Floats>()   // c
                   .Ret<Floats>()   // gates
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(lstm_backward, backward,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // d_h
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // peepholes
                   .Arg<Floats>()   // c
                   .Arg<Floats>()   // gates
                   .Arg<Floats>()   // c0
                   .Arg<Lengths>()  // lengths
                   .Arg<Floats>()   // d_h_last
                   .Arg<Floats>()   // d_c_last
                   .Ret<Floats>()   // delta
                   .Ret<Floats>()   // d_h0
                   .Ret<Floats>()   // d_c0
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(lstm_gradients, gradients,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // d_h
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // peepholes
                   .Arg<Floats>()   // c
                   .Arg<Floats>()   // gates
                   .Arg<Floats>()   // c0
                   .Arg<Lengths>()  // lengths
                   .Arg<Floats>()   // d_h_last
                   .Arg<Floats>()   // d_c_last
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // h
                   .Arg<Floats>()   // h0
                   .Ret<Floats>()   // dW
                   .Ret<Floats>()   // dU
                   .Ret<Floats>()   // db
                   .Ret<Floats>()   // d_h0
                   .Ret<Floats>()   // d_c0
                   .Attr<bool>("reverse"))

}  // namespace netgrad
