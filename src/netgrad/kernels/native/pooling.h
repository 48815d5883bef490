// Pooling of images, examples last in memory: for each window position and channel, one row of N examples at a
// time, read and written in order. No tiles are needed: every number is used once or a few times.
#pragma once

#include <limits>

#include "parallel.h"
#include "simd.h"

namespace netgrad {

typedef uint8_t ByteVec __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedByteVec __attribute__((vector_size(kLanes), aligned(1), may_alias));

struct Pooling {
  int64_t n, height, width, channels, out_height, out_width;
  int64_t window_rows, window_columns, stride_y, stride_x, before_y, before_x;

  const float* pixel(const float* image, int64_t y, int64_t x, int64_t c) const {
    return image + ((y * width + x) * channels + c) * n;
  }
  // The window rows that fall inside the image for result row y, first and one past the last; columns likewise.
  int64_t first_row(int64_t y) const { return std::max<int64_t>(0, before_y - y * stride_y); }
  int64_t last_row(int64_t y) const { return std::min(window_rows, height + before_y - y * stride_y); }
  int64_t first_column(int64_t x) const { return std::max<int64_t>(0, before_x - x * stride_x); }
  int64_t last_column(int64_t x) const { return std::min(window_columns, width + before_x - x * stride_x); }
};

inline void store_bytes(uint8_t* p, IntVec v, int lanes) {
  const ByteVec bytes = __builtin_convertvector(v, ByteVec);
  if (lanes == kLanes)
    *reinterpret_cast<UnalignedByteVec*>(p) = bytes;
  else
    std::memcpy(p, &bytes, lanes);
}
inline IntVec load_bytes(const uint8_t* p, int lanes) {
  ByteVec bytes = {};
  if (lanes == kLanes)
    bytes = *reinterpret_cast<const UnalignedByteVec*>(p);
  else
    std::memcpy(&bytes, p, lanes);
  return __builtin_convertvector(bytes, IntVec);
}


// The first maximum so far, and its position; NaN counts as larger than all numbers.
inline void keep_larger(Vec v, int32_t position, Vec& best, IntVec& at) {
  const IntVec better = ~(v <= best) & (best == best);
  best = better ? v : best;
  at = better ? IntVec{} + position : at;
}

// The first maximum of each window in row-major order, and which position of the window held it; NaN counts as
// larger than all numbers. A window wholly in the padding gives -infinity and position 0.
inline void max_pool(ffi::ThreadPool& pool, const Pooling& g, const float* x, float* a, uint8_t* index) {
  parallel_for(pool, g.out_height, [&](int64_t oy) {
    for (int64_t ox = 0; ox < g.out_width; ++ox)
      for (int64_t c = 0; c < g.channels; ++c) {
        const int64_t out = ((oy * g.out_width + ox) * g.channels + c) * g.n;
        each_vector(g.n, [&](int64_t i, int lanes) {
          // The first pixel in sight starts, so that a window of -infinities points into the image.
          const int64_t r0 = g.first_row(oy), s0 = g.first_column(ox);
          Vec best = broadcast(-std::numeric_limits<float>::infinity());
          IntVec at = {};
          for (int64_t r = r0; r < g.last_row(oy); ++r)
            for (int64_t s = s0; s < g.last_column(ox); ++s) {
              const int64_t y = oy * g.stride_y - g.before_y + r, x_ = ox * g.stride_x - g.before_x + s;
              const Vec v = load_lanes(g.pixel(x, y, x_, c) + i, lanes);
              const int32_t position = int32_t(r * g.window_columns + s);
              if (r == r0 && s == s0)
                best = v, at = IntVec{} + position;
              else
                keep_larger(v, position, best, at);
            }
          store_lanes(a + out + i, best, lanes);
          store_bytes(index + out + i, at, lanes);
        });
      }
  });
}

// Every pixel gathers from the windows that cover it: `share(out, position, i, lanes)` is what the window at
// offset `out` gives to its position `position`, for `lanes` examples from i.
template <typename Share>
inline void gather_windows(ffi::ThreadPool& pool, const Pooling& g, float* d_x, const Share& share) {
  parallel_for(pool, g.height, [&](int64_t y) {
    const int64_t py = y + g.before_y;
    const int64_t oy0 = std::max<int64_t>(0, (py - g.window_rows) / g.stride_y);
    const int64_t oy1 = std::min(g.out_height - 1, py / g.stride_y);
    for (int64_t x = 0; x < g.width; ++x) {
      const int64_t px = x + g.before_x;
      const int64_t ox0 = std::max<int64_t>(0, (px - g.window_columns) / g.stride_x);
      const int64_t ox1 = std::min(g.out_width - 1, px / g.stride_x);
      for (int64_t c = 0; c < g.channels; ++c) {
        float* to = d_x + ((y * g.width + x) * g.channels + c) * g.n;
        each_vector(g.n, [&](int64_t i, int lanes) {
          Vec sum = {};
          for (int64_t oy = oy0; oy <= oy1; ++oy)
            for (int64_t ox = ox0; ox <= ox1; ++ox) {
              const int64_t r = py - oy * g.stride_y, s = px - ox * g.stride_x;
              if (r >= g.window_rows || s >= g.window_columns) continue;
              sum += share(((oy * g.out_width + ox) * g.channels + c) * g.n, r * g.window_columns + s, i, lanes);
            }
          store_lanes(to + i, sum, lanes);
        });
      }
    }
  });
}

inline void max_pool_back(ffi::ThreadPool& pool, const Pooling& g, const float* delta, const uint8_t* index,
                          float* d_x) {
  gather_windows(pool, g, d_x, [&](int64_t out, int64_t position, int64_t i, int lanes) {
    const IntVec here = load_bytes(index + out + i, lanes) == int32_t(position);
    return here ? load_lanes(delta + out + i, lanes) : Vec{};
  });
}

}  // namespace netgrad
