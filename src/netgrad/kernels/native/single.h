// A network over few examples, with its units in the lanes of a vector: what the other kernels, which put examples
// there, do badly. Every layer is an `Op` that netgrad.kernels.single has prepared, weights and memory included, and one
// call runs all of them: no memory is asked for, no thread is woken.
//
// All arrays are row-major, examples first and channels last, without gaps. Weights are packed: a matrix (d, units) is
// cut into blocks of kBlock vectors of columns, the last block narrower, each block row by row and filled up with zeros
// to whole vectors. Every array may be read and written up to one vector beyond its end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "simd.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define NETGRAD_UNROLL _Pragma("GCC unroll 16")

namespace netgrad::single {

constexpr int kBlock = 8;    // vectors of columns in a block of packed weights
constexpr int kNumbers = 16;
constexpr int kArrays = 6;

// The same as _Op in netgrad/kernels/single.py.
struct Op {
  int32_t kind, activation;
  float alpha, beta;          // of the activation
  const float* in;            // null: what the network is given
  float* out;
  int64_t in_size, out_size;  // floats an example
  float* scratch;
  int64_t n[kNumbers];
  const float* p[kArrays];
};

enum Kind { kDense, kConvolution, kPooling, kAffine, kSoftmax, kEmbedding, kRnn, kGru, kGruResetAfter, kLstm };
enum Activation { kIdentity, kRelu, kLeakyRelu, kTanh, kLogistic, kSilu, kElu, kSoftplus, kExp, kThreshold };

inline Vec activate(const Op& op, Vec z) {
  switch (op.activation) {
    case kRelu: return at_least(z, 0.0f);
    case kLeakyRelu: return z > 0.0f ? z : op.alpha * z;
    case kTanh: return op.alpha * tanh(op.beta * z);
    case kLogistic: return logistic(op.alpha * z);
    case kSilu: return z * logistic(z);
    // e^z - 1 = tanh(z/2) (e^z + 1), which keeps its precision near 0.
    case kElu: { const Vec low = at_most(z, 0.0f); return z > 0.0f ? z : op.alpha * (tanh(0.5f * low) * (exp(low) + 1.0f)); }
    case kSoftplus: return at_least(z, 0.0f) + log_of_one_plus(exp(z > 0.0f ? -z : z));
    case kExp: return exp(z);
    case kThreshold: return z != z ? z : (z >= op.alpha ? broadcast(1.0f) : Vec{});
    default: return z;
  }
}

// Rectifiers are applied where numbers are made, by a limit; anything else in a pass of its own: a function called in
// the midst of sums would send them all to memory and back.
inline float least(const Op& op) { return op.activation == kRelu ? 0.0f : -__builtin_inff(); }

inline void bend(const Op& op, float* a, int64_t size) {
  if (op.activation == kIdentity || op.activation == kRelu) return;
  for (int64_t i = 0; i < size; i += kLanes) store(a + i, activate(op, load(a + i)));
}

// The first `lanes` of a vector, and nothing beyond: `store_some` copies byte by byte where the number is not known.
inline void store_first(float* p, Vec v, int64_t lanes) {
  if (lanes >= kLanes) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, __mmask16((1u << lanes) - 1), v);
#elif defined(__AVX2__) && !defined(NETGRAD_WIDE)
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(int(lanes)), lane), v);
#else
  for (int i = 0; i < lanes; ++i) p[i] = v[i];
#endif
}

inline int64_t vectors(int64_t units) { return (units + kLanes - 1) / kLanes; }

// sums[r][v] += x[r stride + i] * W[i][v] over i < d, for R rows and V vectors of columns; W has rows of `width` floats.
// Few sums at once would wait for each other: then several are made over parts of i.
template <int R, int V>
inline void product(const float* x, int64_t stride, int64_t d, const float* W, int64_t width, Vec (&sums)[R][V]) {
  constexpr int S = R * V >= 8 ? 1 : R * V >= 4 ? 2 : R * V >= 2 ? 4 : 8;
  Vec part[S][R][V];
  NETGRAD_UNROLL for (int s = 0; s < S; ++s)
    NETGRAD_UNROLL for (int r = 0; r < R; ++r)
      NETGRAD_UNROLL for (int v = 0; v < V; ++v) part[s][r][v] = s == 0 ? sums[r][v] : Vec{};
  int64_t i = 0;
  for (; i + S <= d; i += S)
    NETGRAD_UNROLL for (int s = 0; s < S; ++s, W += width)
      NETGRAD_UNROLL for (int v = 0; v < V; ++v) {
        const Vec w = load(W + v * kLanes);
        NETGRAD_UNROLL for (int r = 0; r < R; ++r) part[s][r][v] += broadcast(x[r * stride + i + s]) * w;
      }
  for (; i < d; ++i, W += width)
    NETGRAD_UNROLL for (int v = 0; v < V; ++v) {
      const Vec w = load(W + v * kLanes);
      NETGRAD_UNROLL for (int r = 0; r < R; ++r) part[0][r][v] += broadcast(x[r * stride + i]) * w;
    }
  NETGRAD_UNROLL for (int r = 0; r < R; ++r)
    NETGRAD_UNROLL for (int v = 0; v < V; ++v) {
      Vec sum = part[0][r][v];
      NETGRAD_UNROLL for (int s = 1; s < S; ++s) sum += part[s][r][v];
      sums[r][v] = sum;
    }
}

// So many columns of R rows: out = x W + b, but at least `low`, to be written in rows of `units`, of which `left` are left from here on.
template <int R, int V>
inline void columns(float low, const float* x, int64_t d, const float* W, int64_t width, const float* b, float* out,
                    int64_t units, int64_t left) {
  Vec sums[R][V];
  NETGRAD_UNROLL for (int v = 0; v < V; ++v)
    NETGRAD_UNROLL for (int r = 0; r < R; ++r) sums[r][v] = load(b + v * kLanes);
  product<R, V>(x, d, d, W, width, sums);
  NETGRAD_UNROLL for (int r = 0; r < R; ++r)
    NETGRAD_UNROLL for (int v = 0; v < V; ++v)
      store_first(out + r * units + v * kLanes, at_least(sums[r][v], low), left - v * kLanes);
}

template <int N>
using Constant = std::integral_constant<int, N>;

// V is a constant where a number of vectors is known at run time only.
template <int Most, typename F>
inline void with_vectors(int64_t v, F f) {
  if constexpr (Most > 1) {
    if (v < Most) return with_vectors<Most - 1>(v, f);
  }
  f(Constant<Most>{});
}

template <int R, int Wide>
inline void rows_of_block(float low, const float* x, int64_t d, const float* W, int64_t width, const float* b,
                          float* out, int64_t units, int64_t left) {
  const int64_t all = width / kLanes;
  for (int64_t first = 0; first < all; first += Wide) {
    const int64_t at = first * kLanes;
    with_vectors<Wide>(std::min<int64_t>(Wide, all - first), [&](auto v) {
      columns<R, decltype(v)::value>(low, x, d, W + at, width, b + at, out + at, units, left - at);
    });
  }
}

// out (rows, units) = x (rows, d) W + b, but at least `low`.
inline void dense(float low, const float* x, int64_t rows, int64_t d, int64_t units, const float* W, const float* b,
                  float* out) {
  // Rows are taken together, as many as their sums fit into the registers: W is read once for all of them.
  constexpr bool many = kRegisters == 32;
  for (int64_t first = 0; first < units; first += kBlock * kLanes) {
    const int64_t left = units - first, width = std::min<int64_t>(kBlock, vectors(left)) * kLanes;
    int64_t row = 0;
    const auto take = [&](auto r, auto wide) {
      constexpr int R = decltype(r)::value;
      for (; row + R <= rows; row += R)
        rows_of_block<R, decltype(wide)::value>(low, x + row * d, d, W, width, b + first, out + row * units + first,
                                                units, left);
    };
    if constexpr (many) take(Constant<8>{}, Constant<3>{});
    take(Constant<4>{}, Constant<many ? 4 : 2>{});
    take(Constant<2>{}, Constant<many ? 8 : 4>{});
    take(Constant<1>{}, Constant<kBlock>{});
    W += d * width;
  }
}

// --- windows over images (height, width, channels)

// P outputs side by side of V vectors of filters. A window is `outer` runs of `run` floats, at these offsets.
template <int P, int V>
inline void windows(float low, const float* x, int64_t step, const int64_t* offsets, int64_t outer, int64_t run,
                    const float* W, int64_t width, const float* b, float* out, int64_t filters, int64_t left,
                    bool spill) {
  constexpr int G = (P + 2) / 3;  // of three windows two are addressed from the first
  Vec sums[P][V];
  NETGRAD_UNROLL for (int v = 0; v < V; ++v)
    NETGRAD_UNROLL for (int p = 0; p < P; ++p) sums[p][v] = load(b + v * kLanes);
  for (int64_t o = 0; o < outer; ++o) {
    const float* at[G];
    NETGRAD_UNROLL for (int g = 0; g < G; ++g) at[g] = x + offsets[o] + 3 * g * step;
    for (int64_t j = 0; j < run; ++j, W += width) {
      Vec w[V];
      NETGRAD_UNROLL for (int v = 0; v < V; ++v) w[v] = load(W + v * kLanes);
      NETGRAD_UNROLL for (int p = 0; p < P; ++p) {
        const Vec value = broadcast(at[p / 3][(p % 3) * step]);
        NETGRAD_UNROLL for (int v = 0; v < V; ++v) sums[p][v] += value * w[v];
      }
      NETGRAD_UNROLL for (int g = 0; g < G; ++g) ++at[g];
    }
  }
  NETGRAD_UNROLL for (int p = 0; p < P; ++p)
    NETGRAD_UNROLL for (int v = 0; v < V; ++v) {
      float* to = out + p * filters + v * kLanes;
      const Vec a = at_least(sums[p][v], low);
      // What is beyond this output is written next, unless other filters of it have been already.
      if (spill) store(to, a);
      else store_first(to, a, left - v * kLanes);
    }
}

// A row of outputs; where their number is no multiple of P, the last P once more cover what is left.
template <int P, int V>
inline void row_of_windows(float low, const float* x, int64_t step, int64_t across, const int64_t* offsets,
                           int64_t outer, int64_t run, const float* W, int64_t width, const float* b, float* out,
                           int64_t filters, int64_t left, bool spill) {
  for (int64_t i = 0; i < across; i += P) {
    const int64_t first = std::min<int64_t>(i, across - P);
    windows<P, V>(low, x + first * step, step, offsets, outer, run, W, width, b, out + first * filters, filters, left,
                  spill);
  }
}

// How many outputs at once cost least for so many side by side.
template <int V>
inline int together(int64_t across) {
  constexpr int most = (kRegisters == 32 ? 24 : 12) / V;
  int best = 1;
  int64_t least = INT64_MAX;
  for (int p : {12, 8, 6, 4, 2, 1}) {
    if (p > most || p > across) continue;
    const int64_t cost = (across + p - 1) / p * std::max(p * V + 2, 10);
    if (cost < least) least = cost, best = p;
  }
  return best;
}

inline void convolution(const Op& op, const float* x, float* out) {
  const int64_t height = op.n[0], across_in = op.n[1], channels = op.n[2], top = op.n[3], left_of = op.n[4];
  const int64_t padded_across = op.n[5], rows = op.n[6], across = op.n[7], down = op.n[8], step = op.n[9] * channels;
  const int64_t filters = op.n[10], outer = op.n[11], run = op.n[12], d = outer * run;
  const auto* offsets = reinterpret_cast<const int64_t*>(op.p[2]);
  if (op.scratch) {  // a copy with zeros around it, which stay
    for (int64_t y = 0; y < height; ++y)
      std::memcpy(op.scratch + ((y + top) * padded_across + left_of) * channels, x + y * across_in * channels,
                  sizeof(float) * across_in * channels);
    x = op.scratch;
  }
  constexpr int Wide = kRegisters == 32 ? 4 : 2;
  const bool spill = vectors(filters) <= Wide;
  const float low = least(op);
  for (int64_t y = 0; y < rows; ++y) {
    const float *from = x + y * down * padded_across * channels, *W = op.p[0];
    for (int64_t first = 0; first < filters; first += kBlock * kLanes) {
      const int64_t all = std::min<int64_t>(kBlock, vectors(filters - first)), width = all * kLanes;
      for (int64_t v0 = 0; v0 < all; v0 += Wide)
        with_vectors<Wide>(std::min<int64_t>(Wide, all - v0), [&](auto v) {
          constexpr int V = decltype(v)::value;
          const int64_t at = first + v0 * kLanes;
          const auto run_row = [&](auto p) {
            row_of_windows<decltype(p)::value, V>(low, from, step, across, offsets, outer, run, W + v0 * kLanes, width,
                                                  op.p[1] + at, out + y * across * filters + at, filters, filters - at,
                                                  spill);
          };
          constexpr int most = (kRegisters == 32 ? 24 : 12) / V;
          const int p = together<V>(across);
          if constexpr (most >= 12) { if (p == 12) return run_row(Constant<12>{}); }
          if constexpr (most >= 8) { if (p == 8) return run_row(Constant<8>{}); }
          if constexpr (most >= 6) { if (p == 6) return run_row(Constant<6>{}); }
          if (p == 4) return run_row(Constant<4>{});
          if (p == 2) return run_row(Constant<2>{});
          run_row(Constant<1>{});
        });
      W += d * width;
    }
  }
  bend(op, out, rows * across * filters);
}

enum Pool { kMax, kAverage, kSum };

inline void pooling(const Op& op, const float* x, float* out) {
  const int64_t height = op.n[0], across_in = op.n[1], channels = op.n[2], kh = op.n[3], kw = op.n[4];
  const int64_t down = op.n[5], step = op.n[6], top = op.n[7], left = op.n[8], rows = op.n[9], across = op.n[10];
  const int64_t mode = op.n[11];
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t i = 0; i < across; ++i, out += channels) {
      const int64_t y0 = std::max<int64_t>(0, y * down - top), y1 = std::min(height, y * down - top + kh);
      const int64_t x0 = std::max<int64_t>(0, i * step - left), x1 = std::min(across_in, i * step - left + kw);
      const float share = mode == kAverage ? 1.0f / float((y1 - y0) * (x1 - x0)) : 1.0f;
      for (int64_t c = 0; c < channels; c += kLanes) {
        Vec found = mode == kMax ? load(x + (y0 * across_in + x0) * channels + c) : Vec{};
        for (int64_t a = y0; a < y1; ++a)
          for (int64_t b = x0; b < x1; ++b) {
            const Vec value = load(x + (a * across_in + b) * channels + c);
            if (mode == kMax) found = value > found ? value : (value == value ? found : value);
            else found += value;
          }
        store(out + c, found * share);
      }
    }
}

// --- what is done to each number by itself, or to each row

// out = f(scale x + shift), by channel; without arrays f(x) alone.
inline void affine(const Op& op, const float* x, int64_t rows, int64_t channels, float* out) {
  const float *scale = op.p[0], *shift = op.p[1];
  float* const made = out;
  for (int64_t row = 0; row < rows; ++row, x += channels, out += channels)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const Vec z = load(x + c);
      store(out + c, at_least(scale ? z * load(scale + c) + load(shift + c) : z, least(op)));
    }
  bend(op, made, rows * channels);
}

inline void softmax(const float* x, int64_t rows, int64_t n, float* out) {
  const IntVec lane = []{ IntVec v; for (int i = 0; i < kLanes; ++i) v[i] = i; return v; }();
  const float low = -__builtin_inff();
  for (int64_t row = 0; row < rows; ++row, x += n, out += n) {
    const auto at = [&](int64_t i) { return lane < int32_t(std::min<int64_t>(n - i, kLanes)) ? load(x + i) : broadcast(low); };
    Vec most = at(0);
    for (int64_t i = kLanes; i < n; i += kLanes) most = at(i) > most ? at(i) : most;
    float largest = most[0];
    for (int i = 1; i < kLanes; ++i) largest = most[i] > largest ? most[i] : largest;
    Vec total = {};
    for (int64_t i = 0; i < n; i += kLanes) total += exp(at(i) - largest);
    const float whole = sum_lanes(total);
    for (int64_t i = 0; i < n; i += kLanes) store_first(out + i, exp(at(i) - largest) / whole, n - i);
  }
}

inline void embedding(const Op& op, const float* x, int64_t rows, float* out) {
  const int64_t symbols = op.n[1], units = op.n[2];
  for (int64_t row = 0; row < rows; ++row, out += units) {
    const bool known = x[row] > -1.0f && x[row] < float(symbols);
    if (known) std::memcpy(out, op.p[0] + int64_t(x[row]) * units, sizeof(float) * units);
    else std::fill(out, out + units, __builtin_nanf(""));
  }
}

}  // namespace netgrad::single
