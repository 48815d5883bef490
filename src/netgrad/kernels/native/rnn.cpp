// The simple recurrent network: h_t = f(x_t W + h_(t-1) U + b).
#include <string_view>

#include "sums_over_time.h"

namespace netgrad {
namespace {

struct Tanh {
  static Vec value(Vec z) { return tanh(z); }
  static Vec derivative(Vec h) { return 1.0f - h * h; }  // in terms of h = f(z)
};
struct Logistic {
  static Vec value(Vec z) { return logistic(z); }
  static Vec derivative(Vec h) { return h * (1.0f - h); }
};
struct Relu {
  static Vec value(Vec z) { return at_least(z, 0.0f); }
  static Vec derivative(Vec h) { return h > 0.0f ? broadcast(1.0f) : (h != h ? h : Vec{}); }
};
struct Identity {
  static Vec value(Vec z) { return z; }
  static Vec derivative(Vec) { return broadcast(1.0f); }
};

struct Forward {
  ffi::ThreadPool& pool;
  Sequences all;
  int64_t inputs, units;
  const float *x, *h0;
  Packed weights;
  float* h;

  template <class F>
  void run() {
    for_each_tile(pool, all, [&](const auto& tile) {
      using Tile = std::decay_t<decltype(tile)>;
      constexpr int V = Tile::vectors;
      float* in = scratch<kTileSlot>((inputs + 2 * units) * Tile::width);
      float* state = in + inputs * Tile::width;
      float* z = state + units * Tile::width;
      tile.read_rows(h0, units, state);
      for (int64_t s = 0; s < all.steps; ++s) {
        const int64_t t = all.step(s);
        float* h_t = h + t * units * all.examples;
        if (t >= tile.longest) {
          tile.write_zeros(h_t, units);
          continue;
        }
        tile.read_rows(x + t * inputs * all.examples, inputs, in);
        multiply<V>(in, weights, z);
        for (int64_t i = 0; i < units; ++i)
          for (int v = 0; v < V; ++v) {
            const int64_t at = (i * V + v) * kLanes;
            const Vec now = F::value(load(z + at));
            const IntVec valid = tile.valid(t, v);
            tile.write(h_t, i, v, valid ? now : Vec{});
            store(state + at, valid ? now : load(state + at));
          }
      }
    });
  }
};

struct WayBack {
  Sequences all;
  int64_t units;
  const float *d_h, *h, *d_h_last;
  Packed weights;  // U transposed
  float* d_h0;

  template <class F, class Tile, class Deltas>
  void run(const Tile& tile, Deltas&& sink) const {
    constexpr int V = Tile::vectors;
    float* d_state = scratch<kTileSlot>(2 * units * Tile::width);
    float* deltas = d_state + units * Tile::width;
    const int64_t ahead = all.reverse ? units * all.examples : -units * all.examples;
    tile.read_rows(d_h_last, units, d_state);
    for (int64_t s = all.steps - 1; s >= 0; --s) {
      const int64_t t = all.step(s), here = t * units * all.examples;
      if (t >= tile.longest) {
        sink.padding(t);
        continue;
      }
      for (int64_t i = 0; i < units; ++i)
        for (int v = 0; v < V; ++v) {
          const int64_t at = (i * V + v) * kLanes;
          const IntVec valid = tile.valid(t, v);
          const Vec d = tile.read(d_h + here, i, v, ahead) + load(d_state + at);
          const Vec now = valid ? d * F::derivative(tile.read(h + here, i, v, ahead)) : Vec{};
          store(deltas + at, now);
          sink.put(t, i, v, now);
          store(d_state + at, valid ? Vec{} : load(d_state + at));
        }
      sink.end_step(t);
      multiply<V, true>(deltas, weights, d_state);
    }
    tile.write_rows(d_h0, units, d_state);
  }
};

// A way back with one activation, written out or summed.
struct Written {
  ffi::ThreadPool& pool;
  WayBack back;
  Result& delta;

  template <class F>
  void run() {
    const auto one = [&](const auto& tile, auto&& sink) { back.run<F>(tile, sink); };
    write_deltas(pool, back.all, one, delta, back.units);
  }
};
struct Summed {
  ffi::ThreadPool& pool;
  WayBack back;
  LeftHand left;
  Result &dW, &dU, &db;

  template <class F>
  void run() {
    const auto one = [&](const auto& tile, auto&& sink) { back.run<F>(tile, sink); };
    sum_deltas(pool, left, one, dW, dU, db);
  }
};

template <class Pass>
ffi::Error with_activation(Pass pass, std::string_view activation) {
  if (activation == "tanh") pass.template run<Tanh>();
  else if (activation == "logistic") pass.template run<Logistic>();
  else if (activation == "relu") pass.template run<Relu>();
  else if (activation == "identity") pass.template run<Identity>();
  else return invalid("unknown activation " + std::string(activation));
  return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool pool, Floats x, Floats W, Floats U, Floats b, Floats h0, Lengths lengths,
                   Result h, std::string_view activation, bool reverse) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(x, 2), u = axis(U, 0);
  require({{"x", x, {n, steps, d}}, {"W", W, {d, u}}, {"U", U, {u, u}}, {"b", b, {u}}, {"h0", h0, {n, u}},
           {"lengths", lengths, {n}}, {"h", h, {n, steps, u}}});
  const Packed weights(scratch<kWeightsSlot>(Packed::size(d + u, u)), u, b.typed_data(),
                       {by_row(W.typed_data(), d, u), by_row(U.typed_data(), u, u)});
  return with_activation(Forward{pool, Sequences(x, lengths, reverse), d, u, x.typed_data(), h0.typed_data(),
                                 weights, h->typed_data()},
                         activation);
}

WayBack way_back(Floats d_h, Floats U, Floats h, Lengths lengths, Floats d_h_last, Result& d_h0, bool reverse) {
  const int64_t n = axis(d_h, 0), steps = axis(d_h, 1), u = axis(U, 0);
  require({{"d_h", d_h, {n, steps, u}}, {"U", U, {u, u}}, {"h", h, {n, steps, u}}, {"lengths", lengths, {n}},
           {"d_h_last", d_h_last, {n, u}}, {"d_h0", d_h0, {n, u}}});
  const Packed weights(scratch<kWeightsSlot>(Packed::size(u, u)), u, nullptr, {transposed(U.typed_data(), u, u)});
  return {Sequences(d_h, lengths, reverse), u, d_h.typed_data(), h.typed_data(), d_h_last.typed_data(), weights,
          d_h0->typed_data()};
}

ffi::Error backward(ffi::ThreadPool pool, Floats d_h, Floats U, Floats h, Lengths lengths, Floats d_h_last,
                    Result delta, Result d_h0, std::string_view activation, bool reverse) {
  const WayBack back = way_back(d_h, U, h, lengths, d_h_last, d_h0, reverse);
  require({{"delta", delta, {back.all.examples, back.all.steps, back.units}}});
  return with_activation(Written{pool, back, delta}, activation);
}

// The way back and the sums in one: the net gradients never leave the cache.
ffi::Error gradients(ffi::ThreadPool pool, Floats d_h, Floats U, Floats h, Lengths lengths, Floats d_h_last, Floats x,
                     Floats h0, Result dW, Result dU, Result db, Result d_h0, std::string_view activation,
                     bool reverse) {
  const WayBack back = way_back(d_h, U, h, lengths, d_h_last, d_h0, reverse);
  return with_activation(Summed{pool, back, left_hand(back.all, x, h, h0, 1, dW, dU, db), dW, dU, db}, activation);
}

}  // namespace

NETGRAD_KERNEL(rnn_forward, forward,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // W
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // b
                   .Arg<Floats>()   // h0
                   .Arg<Lengths>()  // lengths
                   .Ret<Floats>()   // h
                   .Attr<std::string_view>("activation")
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(rnn_backward, backward,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // d_h
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // h
                   .Arg<Lengths>()  // lengths
                   .Arg<Floats>()   // d_h_last
                   .Ret<Floats>()   // delta
                   .Ret<Floats>()   // d_h0
                   .Attr<std::string_view>("activation")
                   .Attr<bool>("reverse"))

NETGRAD_KERNEL(rnn_gradients, gradients,
               ffi::Ffi::Bind()
                   .Ctx<ffi::ThreadPool>()
                   .Arg<Floats>()   // d_h
                   .Arg<Floats>()   // U
                   .Arg<Floats>()   // h
                   .Arg<Lengths>()  // lengths
                   .Arg<Floats>()   // d_h_last
                   .Arg<Floats>()   // x
                   .Arg<Floats>()   // h0
                   .Ret<Floats>()   // dW
                   .Ret<Floats>()   // dU
                   .Ret<Floats>()   // db
                   .Ret<Floats>()   // d_h0
                   .Attr<std::string_view>("activation")
                   .Attr<bool>("reverse"))

}  // namespace netgrad
