// The weight gradient for many channels and filters. One vector of sums per weight (convolution.h) would no longer
// fit into cache, so here the lanes of a vector are filters, and the examples of a tile come one after the other:
// the deltas of a tile are turned into (rows, columns, examples, filters), the input stays as it is.
#pragma once

#include "convolution.h"
#include "transpose.h"

namespace netgrad {

constexpr int kWideVectors = kRegisters == 32 ? 4 : 2;    // vectors of filters in a block
constexpr int kWideChannels = 12;                         // and at most so many channels
constexpr int channels_beside(int vectors) { return std::min(kWideChannels, kAccumulators / vectors); }

inline bool wide(const Convolution& g) { return g.taps() * g.filters * int64_t(sizeof(Vec)) > 512 * 1024; }

// sums[c][f] += sum over rows x columns positions and `lanes` examples of x[position][c][example] *
// delta[position][example][f], for C channels and V vectors of filters; `filters` apart are the rows of sums.
template <int V, int C>
void accumulate_wide_block(const float* x, int64_t x_row, int64_t x_step, const float* delta, int64_t delta_row,
                           int64_t filters, int64_t rows, int64_t columns, int lanes, float* sums) {
  Vec s[C][V];
  for (int c = 0; c < C; ++c)
    for (int v = 0; v < V; ++v) s[c][v] = load(sums + c * filters + v * kLanes);
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t i = 0; i < columns; ++i) {
      const float* xp = x + y * x_row + i * x_step;
      const float* dp = delta + y * delta_row + i * filters * kLanes;
      for (int e = 0; e < lanes; ++e, ++xp, dp += filters) {
        Vec d[V];
        for (int v = 0; v < V; ++v) d[v] = load(dp + v * kLanes);
        for (int c = 0; c < C; ++c) {
          const Vec value = broadcast(xp[c * kLanes]);
          for (int v = 0; v < V; ++v) s[c][v] += value * d[v];
        }
      }
    }
  for (int c = 0; c < C; ++c)
    for (int v = 0; v < V; ++v) store(sums + c * filters + v * kLanes, s[c][v]);
}

using WideBlock = decltype(&accumulate_wide_block<1, 1>);
template <int V, int... C>
constexpr std::array<WideBlock, kWideChannels> wide_row(std::integer_sequence<int, C...>) {
  return {accumulate_wide_block<V, std::min(C + 1, channels_beside(V))>...};
}
template <int... V>
constexpr std::array<std::array<WideBlock, kWideChannels>, kWideVectors> wide_table(std::integer_sequence<int, V...>) {
  return {wide_row<V + 1>(std::make_integer_sequence<int, kWideChannels>())...};
}
constexpr auto kAccumulateWide = wide_table(std::make_integer_sequence<int, kWideVectors>());

// Adds the gradients of one band of one tile to `sums`: taps x filters, then the bias.
inline void accumulate_wide(const Convolution& g, const float* x, int64_t columns, const float* delta, Rect out,
                            int lanes, int64_t filters, float* sums) {
  const int64_t x_row = g.stride_y * columns * g.channels * kLanes, x_step = g.stride_x * g.channels * kLanes;
  const int64_t delta_step = filters * kLanes, delta_row = out.columns * delta_step;
  const Bands parts(out.rows, out.columns, 16, kFirstCache, [&](int64_t rows, int64_t columns) {
    return tile_bytes(rows, columns, std::min<int64_t>(filters, kWideVectors * kLanes));
  });
  for (int64_t part = 0; part < parts.number; ++part) {
    const Rect at = parts(part, out.rows, out.columns);
    in_parts(filters / kLanes, kWideVectors, [&](int64_t v, int64_t vectors) {
      const float* delta_part = delta + at.y * delta_row + at.x * delta_step + v * kLanes;
      for (int64_t i = 0; i < g.window_rows; ++i)
        for (int64_t j = 0; j < g.window_columns; ++j) {
          const float* x_part = x + at.y * x_row + at.x * x_step +
                                (i * g.dilation_y * columns + j * g.dilation_x) * g.channels * kLanes;
          float* to = sums + (i * g.window_columns + j) * g.channels * filters + v * kLanes;
          in_parts(g.channels, channels_beside(int(vectors)), [&](int64_t c, int64_t count) {
            kAccumulateWide[vectors - 1][count - 1](x_part + c * kLanes, x_row, x_step, delta_part, delta_row, filters,
                                                    at.rows, at.columns, lanes, to + c * filters);
          });
        }
    });
  }
  float* bias = sums + g.taps() * filters;
  for (int64_t p = 0; p < out.rows * out.columns; ++p, delta += delta_step)
    for (int64_t i = 0; i < lanes * filters; i += kLanes) {
      float* to = bias + i % filters;
      store(to, load(to) + load(delta + i));
    }
}

// As convolve_weights. The filters are rounded up to whole vectors; those that do not exist have delta 0.
template <typename PackDelta>
void convolve_weights_wide(ffi::ThreadPool& pool, const Convolution& g, float* x, const PackDelta& pack_delta,
                           float* dW, float* db) {
  const Image image{x, g.n, g.height, g.width, g.channels};
  const Bands bands(g.out_height, g.out_width, g.tiles(), kSecondCache, [&](int64_t rows, int64_t columns) {
    return tile_bytes(g.rows_seen(rows), g.columns_seen(columns), g.channels) +
           tile_bytes(rows, columns, g.filters);
  });
  const int64_t columns = g.columns_seen(bands.columns), filters = ceil_div(g.filters, kLanes) * kLanes;
  const int64_t units = g.tiles() * bands.number, chunks = std::min<int64_t>(units, 8);
  const int64_t sums = (g.taps() + 1) * filters;
  float* all_sums = scratch<1>(chunks * sums);

  parallel_for(pool, chunks, [&](int64_t chunk) {
    float* sum = all_sums + chunk * sums;
    std::memset(sum, 0, sizeof(float) * sums);
    for (int64_t unit = chunk * units / chunks; unit < (chunk + 1) * units / chunks; ++unit) {
      const int64_t tile = unit / bands.number, first = tile * kLanes;
      const int lanes = g.lanes(tile);
      const Rect out = bands(unit % bands.number, g.out_height, g.out_width);
      Rect seen = g.seen(out);
      seen.columns = columns;
      const int64_t positions = out.rows * out.columns;
      float* packed = scratch<0>(seen.rows * columns * g.channels * kLanes);
      float* by_filter = scratch<2>(positions * g.filters * kLanes);
      float* by_example = scratch<3>(positions * filters * kLanes);
      pack(image, first, lanes, seen, packed);
      pack_delta(first, lanes, out, by_filter);
      for (int64_t p = 0; p < positions; ++p)
        for (int64_t f = 0; f < filters; f += kLanes) {
          Vec block[kLanes];
          for (int i = 0; i < kLanes; ++i)
            block[i] = f + i < g.filters ? load(by_filter + (p * g.filters + f + i) * kLanes) : Vec{};
          transpose(block);
          for (int e = 0; e < kLanes; ++e) store(by_example + (p * kLanes + e) * filters + f, block[e]);
        }
      accumulate_wide(g, packed, columns, by_example, out, lanes, filters, sum);
    }
  });

  parallel_for(pool, g.taps() + 1, [&](int64_t tap) {
    float* to = tap < g.taps() ? dW + tap * g.filters : db;
    for (int64_t f = 0; f < g.filters; ++f) {
      float total = 0;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) total += all_sums[chunk * sums + tap * filters + f];
      to[f] = total;
    }
  });
}

// dW and db, in the way that suits the sizes.
template <typename PackDelta>
void weight_gradients(ffi::ThreadPool& pool, const Convolution& g, float* x, const PackDelta& pack_delta, float* dW,
                      float* db) {
  if (wide(g))
    convolve_weights_wide(pool, g, x, pack_delta, dW, db);
  else
    convolve_weights(pool, g, x, pack_delta, dW, db);
}

}  // namespace netgrad
