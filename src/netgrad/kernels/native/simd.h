// A SIMD vector of floats, as wide as the instruction set that this file is compiled for.
//
// Written with the vector types of GCC and Clang, so that one source serves SSE2, AVX2, AVX-512 and NEON.
// Arithmetic, comparison and the ternary operator work lane by lane on them; a scalar is broadcast.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace netgrad {

// The form that AVX-512 has. Defined by the build, it is compiled for AVX2, to be tested there (`make wide`).
#if defined(__AVX512F__) && !defined(NETGRAD_WIDE)
#define NETGRAD_WIDE
#endif

#if defined(NETGRAD_WIDE)
constexpr int kLanes = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kRegisters = 32;
#else
constexpr int kLanes = 4;
constexpr int kRegisters = 16;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(kLanes * 4)));
// The same in memory at any address.
typedef float UnalignedVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
inline Vec broadcast(float s) { return s - Vec{}; }

// The first `lanes` of a vector; the others read as zero, and are not touched when writing.
inline Vec load_some(const float* p, int lanes) {
  Vec v = {};
  std::memcpy(&v, p, sizeof(float) * lanes);
  return v;
}
inline void store_some(float* p, Vec v, int lanes) { std::memcpy(p, &v, sizeof(float) * lanes); }

inline Vec load_lanes(const float* p, int lanes) { return lanes == kLanes ? load(p) : load_some(p, lanes); }
inline void store_lanes(float* p, Vec v, int lanes) { lanes == kLanes ? store(p, v) : store_some(p, v, lanes); }

// Calls body(start, lanes) for vectors that together cover 0 .. n-1.
template <typename Body>
inline void each_vector(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, int(n - i));
}

inline float sum_lanes(Vec v) {
  float s[kLanes];
  std::memcpy(s, &v, sizeof v);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) s[i] += s[i + width];
  return s[0];
}

// body(0) .. body(n - 1), the number being a constant in each: an array of vectors that is indexed by it stays in
// registers. In a loop that the compiler unrolls, it is also written to memory and read from there, before and after.
template <class Body, int... i>
inline __attribute__((always_inline)) void unrolled(const Body& body, std::integer_sequence<int, i...>) {
  (body(std::integral_constant<int, i>()), ...);
}
template <int n, class Body>
inline __attribute__((always_inline)) void unrolled(const Body& body) {
  unrolled(body, std::make_integer_sequence<int, n>());
}

// sums[a][b] += left(a) * right(b). The smaller side stays in registers: beside 12 sums of 3 by 4 it has room in 16.
template <int A, int B, class Left, class Right>
inline void multiply_add(const Left& left, const Right& right, Vec (&sums)[A][B]) {
  if constexpr (A <= B) {
    Vec kept[A];
    for (int a = 0; a < A; ++a) kept[a] = left(a);
    for (int b = 0; b < B; ++b) {
      const Vec value = right(b);
      for (int a = 0; a < A; ++a) sums[a][b] += value * kept[a];
    }
  } else {
    Vec kept[B];
    for (int b = 0; b < B; ++b) kept[b] = right(b);
    for (int a = 0; a < A; ++a) {
      const Vec value = left(a);
      for (int b = 0; b < B; ++b) sums[a][b] += value * kept[b];
    }
  }
}

inline IntVec bits(Vec v) { return reinterpret_cast<IntVec>(v); }
inline Vec from_bits(IntVec v) { return reinterpret_cast<Vec>(v); }

// Comparisons with NaN are false, so that NaN passes through both of these.
#if defined(__AVX2__) && !defined(NETGRAD_WIDE)
// One instruction instead of two, which gives its second operand where one of them is NaN.
inline Vec at_most(Vec x, float limit) { return __builtin_ia32_minps256(broadcast(limit), x); }
inline Vec at_least(Vec x, float limit) { return __builtin_ia32_maxps256(broadcast(limit), x); }
#else
inline Vec at_most(Vec x, float limit) { return x > limit ? broadcast(limit) : x; }
inline Vec at_least(Vec x, float limit) { return x < limit ? broadcast(limit) : x; }
#endif

// e^x within 2 units in the last place; x beyond the range of float32 gives 0 or infinity.
inline Vec exp(Vec x) {
  const Vec clamped = at_least(at_most(x, 89.0f), -104.0f);
  // n = round(x / ln 2) by adding and taking away 1.5 * 2^23; r = x - n ln 2 in two parts.
  const Vec shifted = clamped * 1.44269504088896341f + 12582912.0f;
  const Vec n = shifted - 12582912.0f;
  Vec r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vec p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // Times 2^n in two steps, as n may be outside the exponents of a float32 by a few.
  const IntVec whole = bits(shifted) - 0x4B400000;
  const IntVec half = whole >> 1;
  const Vec first = from_bits((half + 127) << 23);
  const Vec second = from_bits((whole - half + 127) << 23);
  const Vec result = p * first * second;
  return x == x ? result : x;
}

// 2 artanh(s) = ln((1 + s) / (1 - s)) for |s| <= 1/3, by its series.
inline Vec twice_artanh(Vec s) {
  const Vec q = s * s;
  Vec p = broadcast(2.0f / 15);
  p = p * q + 2.0f / 13;
  p = p * q + 2.0f / 11;
  p = p * q + 2.0f / 9;
  p = p * q + 2.0f / 7;
  p = p * q + 2.0f / 5;
  p = p * q + 2.0f / 3;
  return p * q * s + 2.0f * s;
}

// ln(1 + e) for 0 <= e <= 1, within 4 units in the last place also where e is small.
inline Vec log_of_one_plus(Vec e) { return twice_artanh(e / (2.0f + e)); }

// ln x of a normal, finite x > 0, within 4 units in the last place.
inline Vec log(Vec x) {
  // x = 2^n m with m between sqrt(1/2) and sqrt(2).
  const IntVec n = (bits(x) - 0x3F3504F3) >> 23;
  const Vec m = from_bits(bits(x) - (n << 23));
  const Vec whole = __builtin_convertvector(n, Vec);
  const Vec result = whole * 0.693147180559945f + twice_artanh((m - 1.0f) / (m + 1.0f));
  return x == x ? result : x;
}

// 1.5 * 2^23 + 127: added to y, it leaves round(y) + 127 in the last bits, which are the exponent of 2^round(y).
constexpr float kRound = 12583039.0f;
inline Vec power_of_two(Vec shifted) { return from_bits(bits(shifted) << 23); }

// 1 / (1 + e^-x) within 4 units in the last place; 0 where that would be below the normal numbers.
inline Vec logistic(Vec x) {
  const Vec m = at_least(at_most(x, 87.0f), -89.0f);
  // n = round(-x / ln 2), r = x + n ln 2 in two parts, e^-x = 2^n e^-r. Coefficients: a minimax fit of e^-r.
  const Vec shifted = m * -1.44269504088896341f + kRound;
  const Vec n = shifted - kRound;
  Vec r = n * 0.693359375f + m;
  r = r - n * 2.12194440e-4f;
#if defined(__AVX2__) && !defined(NETGRAD_WIDE)
  // Fewer steps that wait for each other than in Horner's order, which has fewer operations.
  const Vec rr = r * r;
  Vec p = (r * 1.383580151e-3f - 8.375644684e-3f) * rr + (r * 4.166828841e-2f - 1.666641086e-1f);
  p = p * (rr * r) + (rr * 4.999999106e-1f + (1.0f - r));
#else
  Vec p = broadcast(1.383580151e-3f);
  p = p * r - 8.375644684e-3f;
  p = p * r + 4.166828841e-2f;
  p = p * r - 1.666641086e-1f;
  p = p * r + 4.999999106e-1f;
  p = p * r - 1.0f;
  p = p * r + 1.0f;
#endif
  return 1.0f / (p * power_of_two(shifted) + 1.0f);
}

// tanh x = (e^2x - 1) / (e^2x + 1) within 4 units in the last place, from e^2x - 1, which keeps its precision near 0.
inline Vec tanh(Vec x) {
  const Vec m = at_least(at_most(x, 9.5f), -9.5f);
  // e^2x = 2^n 2^f. Coefficients: a minimax fit of (2^f - 1) / f.
  const Vec shifted = m * 2.885390081777927f + kRound;
  const Vec f = m * 2.885390081777927f - (shifted - kRound);
  Vec p = broadcast(1.540351223e-4f);
  p = p * f + 1.339188428e-3f;
  p = p * f + 9.618242271e-3f;
  p = p * f + 5.550355092e-2f;
  p = p * f + 2.402264923e-1f;
  p = p * f + 6.931471825e-1f;
  const Vec power = power_of_two(shifted);
  const Vec above_one = p * f * power + (power - 1.0f);
  return above_one / (above_one + 2.0f);
}

}  // namespace netgrad
