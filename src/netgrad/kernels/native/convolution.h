// Convolution (cross-correlation) of images, examples last in memory: forward, and the gradients of its input
// and of its weights. Equations: Z&M sec. 26.4.1; the input gradient is a convolution of delta with the filters
// turned round, the weight gradient one of the input with delta.
#pragma once

#include <algorithm>
#include <vector>

#include "tile.h"

#include "correlate.h"

namespace netgrad {

struct Convolution {  // sizes: images, filters, results; stride, padding before and dilation of rows and columns
  int64_t n, height, width, channels;
  int64_t window_rows, window_columns, filters;
  int64_t out_height, out_width;
  int64_t stride_y, stride_x, before_y, before_x, dilation_y, dilation_x;

  int64_t tiles() const { return ceil_div(n, kLanes); }
  int lanes(int64_t tile) const { return int(std::min<int64_t>(kLanes, n - tile * kLanes)); }
  int64_t taps() const { return window_rows * window_columns * channels; }
  // The rows and columns of the image that some rows and columns of results look at.
  int64_t rows_seen(int64_t rows) const { return (rows - 1) * stride_y + (window_rows - 1) * dilation_y + 1; }
  int64_t columns_seen(int64_t columns) const {
    return (columns - 1) * stride_x + (window_columns - 1) * dilation_x + 1;
  }
  Rect seen(Rect out) const {
    return {out.y * stride_y - before_y, out.x * stride_x - before_x, rows_seen(out.rows),
            columns_seen(out.columns)};
  }
};

inline int64_t tile_bytes(int64_t rows, int64_t columns, int64_t channels) {
  return rows * columns * channels * int64_t(sizeof(Vec));
}

// Where each tap lies in a tile `columns` wide, in the order of W: window row, window column, channel.
inline std::vector<int32_t> tap_offsets(const Convolution& g, int64_t columns) {
  std::vector<int32_t> offset;
  for (int64_t i = 0; i < g.window_rows; ++i)
    for (int64_t j = 0; j < g.window_columns; ++j)
      for (int64_t c = 0; c < g.channels; ++c)
        offset.push_back(int32_t((((i * g.dilation_y) * columns + j * g.dilation_x) * g.channels + c) * kLanes));
  return offset;
}

// One correlation ready to run: the taps' offsets, and the weights of each block of filters side by side.
struct Taps {
  std::vector<int32_t> offset;
  std::vector<float> weights;  // for each block: taps x filters of the block
  std::vector<float> bias;

  // weight(t, f) gives the weight of tap t and filter f.
  template <typename Weight>
  void gather(int64_t filters, const Weight& weight) {
    weights.clear();
    in_parts(filters, kMaxFilters, [&](int64_t start, int64_t size) {
      for (size_t t = 0; t < offset.size(); ++t)
        for (int64_t f = start; f < start + size; ++f) weights.push_back(weight(t, f));
    });
  }

  // A row of `positions` results from the tile at x, `step` apart in the tile, summed over the taps first .. last-1.
  void run(const float* x, int64_t step, int64_t positions, int64_t first, int64_t last, const Output& out) const {
    const int64_t filters = bias.size(), taps = offset.size();
    const int most = positions_beside(int(ceil_div(filters, ceil_div(filters, kMaxFilters))));
    in_parts(positions, most, [&](int64_t p, int64_t count) {
      in_parts(filters, kMaxFilters, [&](int64_t f, int64_t size) {
        Output block = out;
        block.data += p * out.position_step + f * out.filter_step;
        kCorrelate[size - 1][count - 1](x + p * step, step, offset.data() + first, last - first,
                                        weights.data() + f * taps + first * size, bias.data() + f, block);
      });
    });
  }
};

inline Taps forward_taps(const Convolution& g, int64_t columns, const float* W, const float* b) {
  Taps taps{tap_offsets(g, columns), {}, std::vector<float>(b, b + g.filters)};
  taps.gather(g.filters, [&](int64_t t, int64_t f) { return W[t * g.filters + f]; });
  return taps;
}

// Row y of the results, from the tile of what it sees. Rows of the window that lie in the padding
// are left out.
inline void convolve_row(const Convolution& g, const Taps& taps, const float* x, int64_t y, int64_t positions,
                         const Output& out) {
  const int64_t top = y * g.stride_y - g.before_y, per_row = g.window_columns * g.channels;
  int64_t first = 0, last = g.window_rows;
  while (first < last && top + first * g.dilation_y < 0) ++first;
  while (first < last && top + (last - 1) * g.dilation_y >= g.height) --last;
  taps.run(x, g.stride_x * g.channels * kLanes, positions, first * per_row, last * per_row, out);
}

inline void convolve(ffi::ThreadPool& pool, const Convolution& g, float* x, const float* W, const float* b,
                     Activation activation, float* z) {
  const Image image{x, g.n, g.height, g.width, g.channels}, result{z, g.n, g.out_height, g.out_width, g.filters};
  const Bands bands(g.out_height, g.out_width, g.tiles(), kSecondCache, [&](int64_t rows, int64_t columns) {
    return tile_bytes(g.rows_seen(rows), g.columns_seen(columns), g.channels);
  });
  const int64_t columns = g.columns_seen(bands.columns);
  const Taps taps = forward_taps(g, columns, W, b);
  parallel_for(pool, g.tiles() * bands.number, [&](int64_t task) {
    const int64_t tile = task / bands.number, first = tile * kLanes;
    const Rect out = bands(task % bands.number, g.out_height, g.out_width);
    Rect seen = g.seen(out);
    seen.columns = columns;
    float* packed = scratch<0>(seen.rows * columns * g.channels * kLanes);
    pack(image, first, g.lanes(tile), seen, packed);
    for (int64_t y = 0; y < out.rows; ++y)
      convolve_row(g, taps, packed + y * g.stride_y * columns * g.channels * kLanes, out.y + y, out.columns,
                   {result.at(out.y + y, out.x, first), g.filters * g.n, g.n, g.lanes(tile), activation});
  });
}

// The pixels of the input whose row and column leave the remainders `y`, `x` by the strides all meet the same
// taps; with stride 1 there is one such phase, the whole image.
struct Phase {
  int64_t y, x;            // first pixel; the others are the strides apart
  int64_t height, width;   // how many
  int64_t delta_y, delta_x;  // where the delta's tile for the first pixel begins
  int64_t reach_y, reach_x;  // rows and columns of delta that one pixel meets, from there
  std::vector<std::array<int64_t, 4>> taps;  // window row and column, and its row and column in the tile
};

inline Phase phase_of(const Convolution& g, int64_t y, int64_t x) {
  Phase phase{y, x, ceil_div(g.height - y, g.stride_y), ceil_div(g.width - x, g.stride_x), 0, 0, 1, 1, {}};
  // Along each axis: pixel y + k stride meets delta's row k + (y + before - i dilation) / stride, for those i
  // for which the division is exact.
  const auto along = [](int64_t pixel, int64_t window, int64_t stride, int64_t before, int64_t dilation) {
    std::vector<std::array<int64_t, 2>> met;
    for (int64_t i = 0; i < window; ++i) {
      const int64_t at = pixel + before - i * dilation;
      if (at % stride == 0) met.push_back({i, at / stride});
    }
    return met;
  };
  const auto rows = along(y, g.window_rows, g.stride_y, g.before_y, g.dilation_y);
  const auto columns = along(x, g.window_columns, g.stride_x, g.before_x, g.dilation_x);
  if (rows.empty() || columns.empty()) return phase;
  // i grows as the row falls, so the last is the first row.
  phase.delta_y = rows.back()[1], phase.delta_x = columns.back()[1];
  phase.reach_y = rows.front()[1] - phase.delta_y + 1, phase.reach_x = columns.front()[1] - phase.delta_x + 1;
  for (const auto& [i, row] : rows)
    for (const auto& [j, column] : columns) phase.taps.push_back({i, j, row - phase.delta_y, column - phase.delta_x});
  return phase;
}

// Where deltas come from: pack_delta(first example, lanes, rect, tile) fills a tile with those of a rect, with
// zeros beyond the edge.
inline auto deltas_of(const Convolution& g, float* delta) {
  const Image image{delta, g.n, g.out_height, g.out_width, g.filters};
  return [image](int64_t first, int lanes, Rect rect, float* tile) { pack(image, first, lanes, rect, tile); };
}

template <typename PackDelta>
void convolve_back(ffi::ThreadPool& pool, const Convolution& g, const PackDelta& pack_delta, const float* W,
                   float* d_x) {
  const Image result{d_x, g.n, g.height, g.width, g.channels};
  for (int64_t p = 0; p < g.stride_y * g.stride_x; ++p) {
    const Phase phase = phase_of(g, p / g.stride_x, p % g.stride_x);
    if (phase.height <= 0 || phase.width <= 0) continue;
    const Bands bands(phase.height, phase.width, g.tiles(), kSecondCache, [&](int64_t rows, int64_t columns) {
      return tile_bytes(rows + phase.reach_y - 1, columns + phase.reach_x - 1, g.filters);
    });
    const int64_t columns = bands.columns + phase.reach_x - 1;
    Taps taps{{}, {}, std::vector<float>(g.channels)};
    for (const auto& [i, j, y, x] : phase.taps)
      for (int64_t f = 0; f < g.filters; ++f) taps.offset.push_back(int32_t(((y * columns + x) * g.filters + f) * kLanes));
    taps.gather(g.channels, [&](int64_t t, int64_t c) {
      const auto& tap = phase.taps[t / g.filters];
      return W[((tap[0] * g.window_columns + tap[1]) * g.channels + c) * g.filters + t % g.filters];
    });

    parallel_for(pool, g.tiles() * bands.number, [&](int64_t task) {
      const int64_t tile = task / bands.number, first = tile * kLanes;
      const Rect out = bands(task % bands.number, phase.height, phase.width);
      const Rect seen{out.y + phase.delta_y, out.x + phase.delta_x, out.rows + phase.reach_y - 1, columns};
      float* packed = scratch<0>(seen.rows * columns * g.filters * kLanes);
      pack_delta(first, g.lanes(tile), seen, packed);
      for (int64_t y = 0; y < out.rows; ++y) {
        // Rows of the window beyond the last or the first row of delta are left out; they come in falling order.
        const auto& met = phase.taps;
        const auto inside = [&](int64_t t) {
          const int64_t row = seen.y + y + met[t][2];
          return row >= 0 && row < g.out_height;
        };
        int64_t first_tap = 0, last_tap = met.size();
        while (first_tap < last_tap && !inside(first_tap)) ++first_tap;
        while (first_tap < last_tap && !inside(last_tap - 1)) --last_tap;
        taps.run(packed + y * columns * g.filters * kLanes, g.filters * kLanes, out.columns, first_tap * g.filters,
                 last_tap * g.filters,
                 {result.at(phase.y + (out.y + y) * g.stride_y, phase.x + out.x * g.stride_x, first),
                  g.stride_x * g.channels * g.n, g.n, g.lanes(tile), Activation::identity});
      }
    });
  }
}

// Adds the weight gradients of one band of one tile to the vectors `sum`: a few rows of positions at a time, so that
// their deltas for a block of filters stay in the first cache while all taps pass over them.
inline void accumulate(const Convolution& g, const float* x, int64_t columns, const float* delta, Rect out,
                       const std::vector<int32_t>& offset, float* sum) {
  const int64_t x_row = g.stride_y * columns * g.channels * kLanes, x_step = g.stride_x * g.channels * kLanes;
  const int64_t delta_step = g.filters * kLanes, delta_row = out.columns * delta_step, taps = g.taps();
  const Bands parts(out.rows, out.columns, 16, kFirstCache, [&](int64_t rows, int64_t columns) {
    return tile_bytes(rows, columns, std::min<int64_t>(g.filters, kMaxFilters));
  });
  for (int64_t part = 0; part < parts.number; ++part) {
    const Rect at = parts(part, out.rows, out.columns);
    const float* x_part = x + at.y * x_row + at.x * x_step;
    const float* delta_part = delta + at.y * delta_row + at.x * delta_step;
    in_parts(g.filters, kMaxFilters, [&](int64_t f, int64_t size) {
      in_parts(taps, positions_beside(int(size)), [&](int64_t t, int64_t count) {
        kAccumulate[size - 1][count - 1](x_part, x_row, x_step, delta_part + f * kLanes, delta_row, g.filters, at.rows,
                                         at.columns, offset.data() + t, sum + (t * g.filters + f) * kLanes);
      });
    });
  }
  float* bias = sum + taps * g.filters * kLanes;
  in_parts(g.filters, kMaxFilters, [&](int64_t f, int64_t size) {
    kAccumulateBias[size - 1](delta + f * kLanes, g.filters, out.rows * out.columns, bias + f * kLanes);
  });
}

// dW and db. Each weight's sum over positions is a vector, one lane per example of a tile, kept over all tiles
// of a chunk; at the end the chunks are added in order and then the lanes: the same bits for any threads.
template <typename PackDelta>
void convolve_weights(ffi::ThreadPool& pool, const Convolution& g, float* x, const PackDelta& pack_delta, float* dW,
                      float* db) {
  const Image image{x, g.n, g.height, g.width, g.channels};
  const Bands bands(g.out_height, g.out_width, g.tiles(), kSecondCache, [&](int64_t rows, int64_t columns) {
    return tile_bytes(g.rows_seen(rows), g.columns_seen(columns), g.channels) +
           tile_bytes(rows, columns, g.filters);
  });
  const int64_t columns = g.columns_seen(bands.columns), taps = g.taps();
  const std::vector<int32_t> offset = tap_offsets(g, columns);
  const int64_t units = g.tiles() * bands.number, chunks = std::min<int64_t>(units, 8);
  const int64_t sums = (taps + 1) * g.filters * kLanes;  // the last row of filters is the bias
  float* all_sums = scratch<1>(std::max<int64_t>(1, chunks) * sums);

  parallel_for(pool, chunks, [&](int64_t chunk) {
    float* sum = all_sums + chunk * sums;
    std::memset(sum, 0, sizeof(float) * sums);
    for (int64_t unit = chunk * units / chunks; unit < (chunk + 1) * units / chunks; ++unit) {
      const int64_t tile = unit / bands.number, first = tile * kLanes;
      const Rect out = bands(unit % bands.number, g.out_height, g.out_width);
      Rect seen = g.seen(out);
      seen.columns = columns;
      float* packed = scratch<0>(seen.rows * columns * g.channels * kLanes);
      float* packed_delta = scratch<2>(out.rows * out.columns * g.filters * kLanes);
      pack(image, first, g.lanes(tile), seen, packed);
      pack_delta(first, g.lanes(tile), out, packed_delta);
      accumulate(g, packed, columns, packed_delta, out, offset, sum);
    }
  });

  const int64_t weights = taps * g.filters;
  parallel_for(pool, ceil_div(weights + g.filters, 256), [&](int64_t task) {
    for (int64_t i = task * 256; i < std::min(weights + g.filters, (task + 1) * 256); ++i) {
      Vec total = {};
      for (int64_t chunk = 0; chunk < chunks; ++chunk)
        total += *reinterpret_cast<const Vec*>(all_sums + chunk * sums + i * kLanes);
      (i < weights ? dW[i] : db[i - weights]) = sum_lanes(total);
    }
  });
}

}  // namespace netgrad
