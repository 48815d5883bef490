// Cross-entropies over sequences: their error, and its gradient with respect to the logits, in one pass.
//
// Logits and gradients lie examples last, [T][k][N], as everywhere between layers; targets come as the user's arrays
// are, examples first. weight [T][N], or a single one for all, multiplies the error of each time-step; where it is 0,
// whatever stands there, NaN included, has no effect.
#include "recurrent.h"
#include "transpose.h"

namespace netgrad {
namespace {

// The errors of one tile, and what each of its time-steps weighs.
struct Step {
  Vec weight, error;
  Vec weighed(Vec value) const { return weight != 0.0f ? weight * value : Vec{}; }
};

// Makes body(tile) for every tile and calls it as body(step, t) for every time-step; it adds to step.error. The result
// is their weighted sum, the same for any number of threads.
template <class MakeBody>
void sum_errors(ffi::ThreadPool& pool, const Floats& logits, const Floats& weight, Result& sum,
                const MakeBody& make_body) {
  const Sequences all(logits);
  const bool one_weight = weight.dimensions().size() == 0;
  if (!one_weight) require({{"weight", weight, {all.examples, all.steps}}});
  require({{"sum", sum, {}}});
  const int64_t tiles = (all.examples + kLanes - 1) / kLanes;
  float* partial = scratch<kSumsSlot>(tiles);
  parallel_for(pool, tiles, [&](int64_t i) {
    const Tile<1> tile(all, i * kLanes);
    auto body = make_body(tile);
    Vec total = {};
    for (int64_t t = 0; t < all.steps; ++t) {
      Step step{one_weight ? broadcast(*weight.typed_data()) : tile.read(weight.typed_data(), t, 0), {}};
      body(step, t);
      total += step.weighed(step.error);
    }
    float lanes[kLanes] = {};
    std::memcpy(lanes, &total, sizeof(float) * tile.lanes(0));  // beyond them are no examples
    partial[i] = sum_lanes(load(lanes));
  });
  double total = 0;
  for (int64_t i = 0; i < tiles; ++i) total += partial[i];
  *sum->typed_data() = float(total);
}

// The examples of a tile side by side, out of an array with the examples first, read from beginning to end.
struct ExamplesFirst {
  const float* data;  // the tile's first example
  int64_t size;       // of an example
  int lanes;
  Vec block[kLanes] = {};

  // The i-th number of every example; i counts up from 0.
  Vec operator()(int64_t i) {
    if (i % kLanes == 0) {
      const int64_t count = std::min<int64_t>(kLanes, size - i);
      for (int lane = 0; lane < lanes; ++lane) {
        const float* from = data + lane * size + i;
        block[lane] = count == kLanes ? load(from) : load_some(from, int(count));
      }
      for (int lane = lanes; lane < kLanes; ++lane) block[lane] = Vec{};
      transpose(block);
    }
    return block[i % kLanes];
  }
};

// max(z, 0) - z t + ln(1 + e^-|z|), and logistic(z) - t; one exponential, never of a positive number, serves both.
ffi::Error logistic_cross_entropy(ffi::ThreadPool pool, Floats logits, Floats target, Floats weight, Result sum,
                                  Result delta) {
  const int64_t n = axis(logits, 0), steps = axis(logits, 1), k = axis(logits, 2);
  require({{"logits", logits, {n, steps, k}}, {"target", target, {n, steps, k}}, {"delta", delta, {n, steps, k}}});
  sum_errors(pool, logits, weight, sum, [&](const Tile<1>& tile) {
    ExamplesFirst targets{target.typed_data() + tile.first * steps * k, steps * k, tile.lanes(0)};
    return [=, &logits, &delta](Step& step, int64_t t) mutable {
      for (int64_t i = t * k; i < (t + 1) * k; ++i) {
        const Vec wanted = targets(i), z = tile.read(logits.typed_data(), i, 0);
        const Vec e = exp(from_bits(bits(z) | INT32_MIN));
        const Vec share = 1.0f / ((1.0f + e) * (2.0f + e));  // one division for both quotients
        const Vec p = (z < 0.0f ? e : broadcast(1.0f)) * (share * (2.0f + e));
        step.error += at_least(z, 0.0f) - z * wanted + twice_artanh(e * (share * (1.0f + e)));
        tile.write(delta->typed_data(), i, 0, step.weighed(p - wanted));
      }
    };
  });
  return ffi::Error::Success();
}

// ln sum_j e^z_j - z_t, and softmax(z) - 1 at the class t; the largest z is taken away before it is exponentiated.
ffi::Error softmax_cross_entropy(ffi::ThreadPool pool, Floats logits, Lengths target, Floats weight, Result sum,
                                 Result delta) {
  const int64_t n = axis(logits, 0), steps = axis(logits, 1), k = axis(logits, 2);
  require({{"logits", logits, {n, steps, std::max<int64_t>(k, 1)}}, {"target", target, {n, steps}},
           {"delta", delta, {n, steps, k}}});
  sum_errors(pool, logits, weight, sum, [&](const Tile<1>& tile) {
    float* z = scratch<kTileSlot>(k * kLanes);
    return [=, &logits, &target, &delta](Step& step, int64_t t) {
      tile.read_rows(logits.typed_data() + t * k * n, k, z);
      int32_t classes[kLanes] = {};
      for (int lane = 0; lane < tile.lanes(0); ++lane)
        classes[lane] = target.typed_data()[(tile.first + lane) * steps + t];
      IntVec wanted;
      std::memcpy(&wanted, classes, sizeof wanted);

      Vec largest = load(z), at_wanted = load(z), total = {};
      for (int64_t i = 1; i < k; ++i) {
        const Vec now = load(z + i * kLanes);
        largest = now > largest ? now : largest;
        at_wanted = wanted == int32_t(i) ? now : at_wanted;
      }
      for (int64_t i = 0; i < k; ++i) {
        const Vec e = exp(load(z + i * kLanes) - largest);
        store(z + i * kLanes, e);
        total += e;
      }
      step.error = log(total) + (largest - at_wanted);
      const Vec share = 1.0f / total;
      for (int64_t i = 0; i < k; ++i) {
        const Vec p = load(z + i * kLanes) * share;
        tile.write(delta->typed_data() + t * k * n, i, 0, step.weighed(wanted == int32_t(i) ? p - 1.0f : p));
      }
    };
  });
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(logistic_cross_entropy, logistic_cross_entropy)
NETGRAD_KERNEL(softmax_cross_entropy, softmax_cross_entropy)

}  // namespace netgrad
