// A SIMD vector of floats, as wide as the instruction set that this file is compiled for.
//
// Written with the vector types of GCC and Clang, so that one source serves SSE2, AVX2, AVX-512 and NEON.
// Arithmetic, comparison and the ternary operator work lane by lane on them; a scalar is broadcast.
#pragma once

#include <cstdint>
#include <cstring>

namespace netgrad {

#if defined(__AVX512F__)
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

inline float sum_lanes(Vec v) {
  float s[kLanes];
  std::memcpy(s, &v, sizeof v);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) s[i] += s[i + width];
  return s[0];
}

inline IntVec bits(Vec v) { return reinterpret_cast<IntVec>(v); }
inline Vec from_bits(IntVec v) { return reinterpret_cast<Vec>(v); }

// Comparisons with NaN are false, so that NaN passes through both of these.
inline Vec at_most(Vec x, float limit) { return x > limit ? broadcast(limit) : x; }
inline Vec at_least(Vec x, float limit) { return x < limit ? broadcast(limit) : x; }

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

// 1 / (1 + e^-x) within 4 units in the last place.
inline Vec logistic(Vec x) { return 1.0f / (1.0f + exp(-x)); }

// tanh within 4 units in the last place: an odd polynomial near zero, 1 - 2 / (e^2|x| + 1) beyond it, where
// the small second term forgives a coarser exponential than the one above. (A rational polynomial is a third
// cheaper, but ends 5 units off and above 1.) Coefficients: minimax fits over the intervals used.
inline Vec tanh(Vec x) {
  const Vec m = at_most(from_bits(bits(x) & 0x7FFFFFFF), 9.5f);
  const Vec y = m * 2.885390081777927f;  // 2^y = e^2m
  const Vec shifted = y + 12582912.0f;
  const Vec f = y - (shifted - 12582912.0f);
  Vec e = broadcast(1.326474228e-03f);
  e = e * f + 9.671517981e-03f;
  e = e * f + 5.550733757e-02f;
  e = e * f + 2.402224200e-01f;
  e = e * f + 6.931469776e-01f;
  e = e * f + 1.0f;
  e = e * from_bits((bits(shifted) - 0x4B400000 + 127) << 23);
  const Vec s = m * m;
  Vec p = broadcast(-6.266694116e-03f);
  p = p * s + 2.106665360e-02f;
  p = p * s - 5.385116979e-02f;
  p = p * s + 1.333257610e-01f;
  p = p * s - 3.333331729e-01f;
  const Vec small = p * s * m + m;
  const Vec large = 1.0f - 2.0f / (e + 1.0f);
  const Vec magnitude = m < 0.55f ? small : large;
  return from_bits(bits(magnitude) | (bits(x) & INT32_MIN));
}

}  // namespace netgrad
