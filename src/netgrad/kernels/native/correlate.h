// The two inner loops of convolution, over tiles of kLanes examples (tile.h).
//
// Every weight meets a whole vector of examples. A block of filters x positions (or filters x weights) is held
// in registers, so that each vector loaded is used for several filters and each weight for several positions.
#pragma once

#include <array>
#include <limits>
#include <utility>

#include "simd.h"

namespace netgrad {

// NEON's multiply-adds take no operand from memory: 24 sums would leave too few registers for what is multiplied.
constexpr int kAccumulators = kRegisters == 32 ? (kLanes == 4 ? 20 : 24) : 12;
constexpr int kMaxFilters = kRegisters == 32 ? 8 : 4;
constexpr int kMaxPositions = kRegisters == 32 ? 8 : 4;

constexpr int positions_beside(int filters) { return std::min(kMaxPositions, kAccumulators / filters); }

enum class Activation : int { identity, relu, tanh, logistic };
constexpr int kActivations = 4;

inline Vec activate(Activation activation, Vec z) {
  switch (activation) {
    case Activation::relu: return at_least(z, 0.0f);
    case Activation::tanh: return tanh(z);
    case Activation::logistic: return logistic(z);
    default: return z;
  }
}

struct Output {  // where a block of results goes: an examples-last array or a tile
  float* data;
  int64_t position_step, filter_step;  // in floats
  int lanes;
  Activation activation;
};

// z[p][f] = bias[f] + sum over taps t of x[p * step + offset[t]] * weights[t][f], for P positions, F filters.
template <int F, int P>
void correlate_block(const float* x, int64_t step, const int32_t* offset, int64_t taps, const float* weights,
                     const float* bias, const Output& out) {
  Vec z[P][F];
  for (int p = 0; p < P; ++p)
    for (int f = 0; f < F; ++f) z[p][f] = broadcast(bias[f]);
  for (int64_t t = 0; t < taps; ++t, weights += F) {
    const float* xt = x + offset[t];
    multiply_add<P, F>([&](int p) { return *reinterpret_cast<const Vec*>(xt + p * step); },
                       [&](int f) { return broadcast(weights[f]); }, z);
  }
  const auto write = [&](const auto& activated) {
    for (int p = 0; p < P; ++p)
      for (int f = 0; f < F; ++f) {
        float* to = out.data + p * out.position_step + f * out.filter_step;
        store_lanes(to, activated(z[p][f]), out.lanes);
      }
  };
  // Asked once, not for every number: the two of the first have no function to call.
  if (out.activation == Activation::identity || out.activation == Activation::relu) {
    const float least = out.activation == Activation::relu ? 0.0f : -std::numeric_limits<float>::infinity();
    write([&](Vec a) { return at_least(a, least); });
  } else {
    write([&](Vec a) { return activate(out.activation, a); });
  }
}

// sums[t][f] += sum over rows x columns positions of x[position + offset[t]] * delta[position][f],
// for T taps, F filters. `filters` is the number of filters that delta and sums hold.
template <int F, int T>
void accumulate_block(const float* x, int64_t x_row, int64_t x_step, const float* delta, int64_t delta_row,
                      int64_t filters, int64_t rows, int64_t columns, const int32_t* offset, float* sums) {
  Vec s[T][F];
  for (int t = 0; t < T; ++t)
    for (int f = 0; f < F; ++f) s[t][f] = *reinterpret_cast<const Vec*>(sums + (t * filters + f) * kLanes);
  for (int64_t y = 0; y < rows; ++y, x += x_row, delta += delta_row) {
    const float* xp = x;
    const float* dp = delta;
    for (int64_t i = 0; i < columns; ++i, xp += x_step, dp += filters * kLanes) {
      multiply_add<T, F>([&](int t) { return *reinterpret_cast<const Vec*>(xp + offset[t]); },
                         [&](int f) { return *reinterpret_cast<const Vec*>(dp + f * kLanes); }, s);
    }
  }
  for (int t = 0; t < T; ++t)
    for (int f = 0; f < F; ++f) *reinterpret_cast<Vec*>(sums + (t * filters + f) * kLanes) = s[t][f];
}

// sums[f] += the sum over `positions` of delta[position][f], for F filters of the `filters` that delta holds.
template <int F>
void accumulate_bias(const float* delta, int64_t filters, int64_t positions, float* sums) {
  Vec s[F];
  for (int f = 0; f < F; ++f) s[f] = *reinterpret_cast<const Vec*>(sums + f * kLanes);
  for (int64_t p = 0; p < positions; ++p, delta += filters * kLanes)
    for (int f = 0; f < F; ++f) s[f] += *reinterpret_cast<const Vec*>(delta + f * kLanes);
  for (int f = 0; f < F; ++f) *reinterpret_cast<Vec*>(sums + f * kLanes) = s[f];
}

// Tables of all for every block size that the registers hold: table[filters - 1][positions or taps - 1].
using CorrelateBlock = decltype(&correlate_block<1, 1>);
using AccumulateBlock = decltype(&accumulate_block<1, 1>);

template <int F, int... P>
constexpr std::array<CorrelateBlock, kMaxPositions> correlate_row(std::integer_sequence<int, P...>) {
  return {correlate_block<F, std::min(P + 1, positions_beside(F))>...};
}
template <int F, int... P>
constexpr std::array<AccumulateBlock, kMaxPositions> accumulate_row(std::integer_sequence<int, P...>) {
  return {accumulate_block<F, std::min(P + 1, positions_beside(F))>...};
}
template <int... F>
constexpr std::array<std::array<CorrelateBlock, kMaxPositions>, kMaxFilters> correlate_table(
    std::integer_sequence<int, F...>) {
  return {correlate_row<F + 1>(std::make_integer_sequence<int, kMaxPositions>())...};
}
template <int... F>
constexpr std::array<std::array<AccumulateBlock, kMaxPositions>, kMaxFilters> accumulate_table(
    std::integer_sequence<int, F...>) {
  return {accumulate_row<F + 1>(std::make_integer_sequence<int, kMaxPositions>())...};
}
template <int... F>
constexpr std::array<decltype(&accumulate_bias<1>), kMaxFilters> bias_table(std::integer_sequence<int, F...>) {
  return {accumulate_bias<F + 1>...};
}
constexpr auto kAccumulateBias = bias_table(std::make_integer_sequence<int, kMaxFilters>());
constexpr auto kCorrelate = correlate_table(std::make_integer_sequence<int, kMaxFilters>());
constexpr auto kAccumulate = accumulate_table(std::make_integer_sequence<int, kMaxFilters>());

// `total` split into the fewest parts of at most `most`, as equal as can be: calls body(start, size).
template <typename Body>
inline void in_parts(int64_t total, int64_t most, const Body& body) {
  const int64_t parts = ceil_div(total, most);
  for (int64_t i = 0, start = 0; i < parts; ++i) {
    const int64_t size = (total - start + parts - i - 1) / (parts - i);
    body(start, size);
    start += size;
  }
}

}  // namespace netgrad
