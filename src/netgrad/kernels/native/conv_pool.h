// Convolution, activation and max-pooling in one pass, and the way back: a tile is convolved, activated and pooled
// while it is in cache, so that neither the net input nor the activation before pooling is ever written to memory.
// On the way back each tile of delta is made anew from what came out of the pooling.
#pragma once

#include "convolution.h"
#include "pooling.h"

namespace netgrad {

struct PoolWindow {  // windows side by side: the stride is the window
  int64_t rows, columns;
};

inline void convolve_pool(ffi::ThreadPool& pool, const Convolution& g, PoolWindow window, float* x, const float* W,
                          const float* b, Activation activation, float* a, uint8_t* index) {
  const int64_t height = g.out_height / window.rows, width = g.out_width / window.columns;
  const Image image{x, g.n, g.height, g.width, g.channels};
  // A tile of the image, and one of the results for a single row of windows.
  const Bands bands(height, width, g.tiles(), kSecondCache, [&](int64_t rows, int64_t columns) {
    return tile_bytes(g.rows_seen(rows * window.rows), g.columns_seen(columns * window.columns), g.channels) +
           tile_bytes(window.rows, columns * window.columns, g.filters);
  });
  const int64_t columns = g.columns_seen(bands.columns * window.columns);
  const Taps taps = forward_taps(g, columns, W, b);

  parallel_for(pool, g.tiles() * bands.number, [&](int64_t task) {
    const int64_t tile = task / bands.number, first = tile * kLanes;
    const int lanes = g.lanes(tile);
    const Rect out = bands(task % bands.number, height, width);
    const Rect convolved{out.y * window.rows, out.x * window.columns, out.rows * window.rows,
                         out.columns * window.columns};
    Rect seen = g.seen(convolved);
    seen.columns = columns;
    float* packed = scratch<0>(seen.rows * columns * g.channels * kLanes);
    const int64_t step = g.filters * kLanes, row = convolved.columns * step;
    float* rows = scratch<2>(window.rows * row);
    pack(image, first, lanes, seen, packed);
    for (int64_t y = 0; y < out.rows; ++y) {
      for (int64_t r = 0; r < window.rows; ++r) {
        const int64_t at = y * window.rows + r;
        convolve_row(g, taps, packed + at * g.stride_y * columns * g.channels * kLanes, convolved.y + at,
                     convolved.columns, {rows + r * row, step, kLanes, kLanes, activation});
      }
      for (int64_t column = 0; column < out.columns; ++column)
        for (int64_t f = 0; f < g.filters; ++f) {
          const float* corner = rows + (column * window.columns) * step + f * kLanes;
          Vec best = load(corner);
          IntVec at = {};
          for (int64_t r = 0; r < window.rows; ++r)
            for (int64_t s = 0; s < window.columns; ++s)
              keep_larger(load(corner + r * row + s * step), int32_t(r * window.columns + s), best, at);
          const int64_t to = (((out.y + y) * width + out.x + column) * g.filters + f) * g.n + first;
          store_lanes(a + to, best, lanes);
          store_bytes(index + to, at, lanes);
        }
    }
  });
}

// dE/dz from dE/da: written with a = f(z) itself.
inline Vec through(Activation activation, Vec a, Vec d) {
  switch (activation) {
    case Activation::relu: return a <= 0.0f ? Vec{} : d;
    case Activation::tanh: return d * (1.0f - a * a);
    case Activation::logistic: return d * (a * (1.0f - a));
    default: return d;
  }
}

// The deltas behind the pooling: what `convolve_back` and `convolve_weights` fill their tiles with. Of each window
// only its maximum gets a gradient, and the activation there is the pooled a.
inline auto deltas_before_pooling(const Convolution& g, PoolWindow window, Activation activation, const float* d_a,
                                  const float* a, const uint8_t* index) {
  const int64_t height = g.out_height / window.rows, width = g.out_width / window.columns;
  return [=, n = g.n, filters = g.filters](int64_t first, int lanes, Rect rect, float* tile) {
    const int64_t step = filters * kLanes, end = rect.x + rect.columns;
    // The columns that exist, and where in its window the first of them lies.
    const int64_t begin = std::clamp<int64_t>(0, rect.x, end), stop = std::clamp(width * window.columns, begin, end);
    const int64_t first_column = begin / window.columns, first_s = begin % window.columns;
    const auto clear = [&](int64_t pixels) {
      std::memset(tile, 0, sizeof(float) * step * pixels);
      tile += step * pixels;
    };
    for (int64_t y = rect.y; y < rect.y + rect.rows; ++y) {
      if (y < 0 || y >= height * window.rows) {
        clear(rect.columns);
        continue;
      }
      clear(begin - rect.x);
      const int64_t row = y / window.rows;
      const int32_t row_position = int32_t((y - row * window.rows) * window.columns);
      int64_t from = ((row * width + first_column) * filters) * n + first;
      // As many pixels at a time as lie in the same window.
      for (int64_t x = begin, s = first_s, count; x < stop; x += count, s = 0, from += filters * n) {
        count = std::min(stop - x, window.columns - s);
        const int32_t position = row_position + int32_t(s);
        for (int64_t f = 0; f < filters; ++f) {
          const Vec delta = through(activation, load_lanes(a + from + f * n, lanes), load_lanes(d_a + from + f * n, lanes));
          const IntVec at = load_bytes(index + from + f * n, lanes);
          for (int64_t i = 0; i < count; ++i)
            store(tile + i * step + f * kLanes, at == position + int32_t(i) ? delta : Vec{});
        }
        tile += count * step;
      }
      clear(end - stop);
    }
  };
}

}  // namespace netgrad
