// Convolution by 3 x 3 filters two by two results at a time: 16 products of a channel where sums of products take 36.
//
//   y = A^T [(G g G^T) . (B^T d B)] A,   d: a patch of 4 x 4 pixels, g: a filter, y: its 2 x 2 results
//
// is Winograd's minimal filtering F(2 x 2, 3 x 3) (Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks",
// sec. 4.1). What stands in brackets is summed over the channels first: 16 products of matrices, one for each part of
// the transformed patches. The gradient of the weights is G^T [(A dy A^T) . (B^T d B)] G, summed over patches.
// A number that is not finite spreads to all results of its patches.
#pragma once

#include "block_product.h"
#include "convolution.h"
#include "transpose.h"

namespace netgrad {

constexpr int64_t kParts = 16;  // of a transformed patch
// Tiles whose examples share lines of the cache go together: each line is fetched once.
constexpr int64_t kNeighbours = std::max(1, 16 / kLanes);
// Patches of one tile at a time, which fill blocks of positions; what they become stays in the second cache. More for
// the gradient of the weights, whose sums are read and written once for each group.
constexpr int64_t kGroup = 6, kGradientGroup = 8;
// Between the parts lies a line of the cache more: at a power of two they would push each other out.
constexpr int64_t part_of(int64_t floats) { return floats + 16; }

// The patches of neighbouring tiles, a few at a time.
struct Patches {
  Convolution g;
  int64_t group, columns, number, stacks;  // number: of a tile; stacks: of neighbours

  Patches(const Convolution& convolution, int64_t at_once)
      : g(convolution), group(at_once), columns(ceil_div(g.out_width, 2)),
        number(columns * ceil_div(g.out_height, 2)), stacks(ceil_div(g.tiles(), kNeighbours)) {}

  int64_t tiles(int64_t stack) const { return std::min(kNeighbours, g.tiles() - stack * kNeighbours); }
  int64_t together(int64_t stack) const { return std::max<int64_t>(1, group / tiles(stack)); }
  int64_t groups(int64_t stack) const { return ceil_div(number, together(stack)); }

  // body(first patch, how many) for the groups of one of so many parts of a stack, which may be none.
  template <typename Body>
  void each_group(int64_t stack, int64_t part, int64_t parts, const Body& body) const {
    for (int64_t i = groups(stack) * part / parts; i < groups(stack) * (part + 1) / parts; ++i)
      body(i * together(stack), std::min(together(stack), number - i * together(stack)));
  }
  // each(unit, tile, row and column of the first result) for a group: a unit is a patch of one of the stack's tiles.
  template <typename Each>
  void each_unit(int64_t stack, int64_t start, int64_t count, const Each& each) const {
    for (int64_t unit = 0; unit < count * tiles(stack); ++unit) {
      const int64_t patch = start + unit / tiles(stack), tile = stack * kNeighbours + unit % tiles(stack);
      each(unit, tile, patch / columns * 2, patch % columns * 2);
    }
  }
};

// Whether it is faster than the sums. A patch's way there and back takes as long as so many multiply-adds of vectors for
// each channel and filter: measured with 8 lanes where images do not fit the cache, and memory takes most of it, so that
// longer vectors take longer.
constexpr double kWayOfResults = 200 * kLanes / 8, kWayOfGradients = 120 * kLanes / 8;
inline bool winograd_pays(const Convolution& g, double way) {
  if (g.window_rows != 3 || g.window_columns != 3 || g.stride_y != 1 || g.stride_x != 1 || g.dilation_y != 1 ||
      g.dilation_x != 1)
    return false;
  const double both = double(g.channels) * double(g.filters), tiles = double(g.tiles());
  const double sums = tiles * double(g.out_height) * double(g.out_width) * 9 * both;
  const double patches = tiles * double(ceil_div(g.out_height, 2)) * double(ceil_div(g.out_width, 2));
  return patches * (kParts * both + way * double(g.channels + g.filters)) + 60 * both < sums;  // 60: of the weights
}

// The convolution of delta that is the input gradient of `g`: its filters are to be turned round.
inline Convolution turned_round(const Convolution& g) {
  return {g.n, g.out_height, g.out_width, g.filters, 3, 3, g.channels, g.height, g.width, 1, 1, 2 - g.before_y,
          2 - g.before_x, 1, 1};
}

// B^T d B of one channel: pixel(y, x) are the 4 x 4, the parts go so far apart.
template <typename Pixel>
inline void transform_pixels(const Pixel& pixel, float* to, int64_t part) {
  Vec t[4][4];
  for (int x = 0; x < 4; ++x) {
    const Vec a = pixel(0, x), b = pixel(1, x), c = pixel(2, x), d = pixel(3, x);
    t[0][x] = a - c, t[1][x] = b + c, t[2][x] = c - b, t[3][x] = b - d;
  }
  for (int y = 0; y < 4; ++y, to += 4 * part) {
    store(to, t[y][0] - t[y][2]);
    store(to + part, t[y][1] + t[y][2]);
    store(to + 2 * part, t[y][2] - t[y][1]);
    store(to + 3 * part, t[y][1] - t[y][3]);
  }
}

// The transformed patch whose first pixel is (y, x), of the examples from `first` on, its channels `step` apart.
inline void transform_patch(const Image& image, int64_t first, int lanes, int64_t y, int64_t x, float* to, int64_t step,
                            int64_t part) {
  const bool inside = y >= 0 && x >= 0 && y + 4 <= image.height && x + 4 <= image.width;
  if (inside && lanes == kLanes) {
    const int64_t across = image.channels * image.n, down = image.width * across;
    const float* from = image.at(y, x, first);
    for (int64_t c = 0; c < image.channels; ++c, from += image.n, to += step)
      transform_pixels([&](int i, int j) { return load(from + i * down + j * across); }, to, part);
    return;
  }
  static const float zeros[kLanes] = {};
  const float* at[4][4];
  int64_t next[4][4];  // a pixel beyond the edge reads the same zeros again and again
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      const bool exists = y + i >= 0 && y + i < image.height && x + j >= 0 && x + j < image.width;
      at[i][j] = exists ? image.at(y + i, x + j, first) : zeros;
      next[i][j] = exists ? image.n : 0;
    }
  for (int64_t c = 0; c < image.channels; ++c, to += step)
    transform_pixels([&](int i, int j) { return load_lanes(at[i][j] + c * next[i][j], lanes); }, to, part);
}

// G g G^T of all filters, [part][channel][filter], whichever way W is turned.
inline void transform_weights(const Convolution& g, const float* W, bool turn, float* to) {
  const int64_t all = g.channels * g.filters;
  each_vector(all, [&](int64_t at, int lanes) {
    Vec t[4][3];
    for (int j = 0; j < 3; ++j) {
      Vec w[3];
      for (int i = 0; i < 3; ++i) w[i] = load_lanes(W + (turn ? (2 - i) * 3 + 2 - j : i * 3 + j) * all + at, lanes);
      const Vec outer = (w[0] + w[2]) * 0.5f, middle = w[1] * 0.5f;
      t[0][j] = w[0], t[1][j] = outer + middle, t[2][j] = outer - middle, t[3][j] = w[2];
    }
    for (int i = 0; i < 4; ++i) {
      const Vec outer = (t[i][0] + t[i][2]) * 0.5f, middle = t[i][1] * 0.5f;
      store_lanes(to + (4 * i) * all + at, t[i][0], lanes);
      store_lanes(to + (4 * i + 1) * all + at, outer + middle, lanes);
      store_lanes(to + (4 * i + 2) * all + at, outer - middle, lanes);
      store_lanes(to + (4 * i + 3) * all + at, t[i][2], lanes);
    }
  });
}

// A^T m A of one filter: the 2 x 2 results.
inline void transform_back(const float* m, int64_t part, Vec (&y)[2][2]) {
  Vec t[2][4];
  for (int j = 0; j < 4; ++j, m += part) {
    const Vec b = load(m + 4 * part), c = load(m + 8 * part);
    t[0][j] = load(m) + b + c, t[1][j] = b - c - load(m + 12 * part);
  }
  for (int i = 0; i < 2; ++i) y[i][0] = t[i][0] + t[i][1] + t[i][2], y[i][1] = t[i][1] - t[i][2] - t[i][3];
}

// The 2 x 2 results whose first is (y, x), as far as they exist.
inline void finish(const Image& result, int64_t first, int lanes, int64_t y, int64_t x, const float* m, int64_t part,
                   const float* b, Activation activation) {
  const bool below = y + 1 < result.height, beside = x + 1 < result.width;
  const int64_t across = result.channels * result.n, down = result.width * across;
  float* to = result.at(y, x, first);
  for (int64_t f = 0; f < result.channels; ++f, m += kLanes, to += result.n) {
    Vec out[2][2];
    transform_back(m, part, out);
    const float bias = b ? b[f] : 0.0f;
    for (auto& row : out)
      for (Vec& v : row) v = activate(activation, v + bias);
    store_lanes(to, out[0][0], lanes);
    if (beside) store_lanes(to + across, out[0][1], lanes);
    if (below) store_lanes(to + down, out[1][0], lanes);
    if (below && beside) store_lanes(to + down + across, out[1][1], lanes);
  }
}

// z = activation(x * W + b). `turn`: g is `turned_round`, W that of the convolution before it was; b null: zeros.
inline void winograd(ffi::ThreadPool& pool, const Convolution& g, float* x, const float* W, bool turn, const float* b,
                     Activation activation, float* z) {
  const int64_t channels = g.channels, filters = g.filters, both = channels * filters;
  float* plain = scratch<3>(2 * kParts * both);
  float* weights = plain + kParts * both;
  transform_weights(g, W, turn, plain);
  // Side by side for each block of filters, as the products read them.
  parallel_for(pool, kParts, kParts * both, [&](int64_t part) {
    const float* from = plain + part * both;
    float* to = weights + part * both;
    in_parts(filters, kMaxFilters, [&](int64_t f, int64_t size) {
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t i = 0; i < size; ++i) *to++ = turn ? from[(f + i) * channels + c] : from[c * filters + f + i];
    });
  });
  const float none[kMaxFilters] = {};
  const int most = positions_beside(int(ceil_div(filters, ceil_div(filters, kMaxFilters))));
  std::vector<int32_t> offset(channels);
  for (int64_t c = 0; c < channels; ++c) offset[c] = int32_t(c * kLanes);
  const int64_t x_step = channels * kLanes, z_step = filters * kLanes;
  const int64_t x_part = part_of(kGroup * x_step), z_part = part_of(kGroup * z_step);
  const Image image{x, g.n, g.height, g.width, channels}, result{z, g.n, g.out_height, g.out_width, filters};
  const Patches patches(g, kGroup);
  const int64_t bands = ceil_div(patches.groups(0), 8);

  parallel_for(pool, patches.stacks * bands, [&](int64_t task) {
    const int64_t stack = task / bands;
    float* pixels = scratch<0>(kParts * x_part);
    float* sums = scratch<2>(kParts * z_part);
    patches.each_group(stack, task % bands, bands, [&](int64_t start, int64_t count) {
      patches.each_unit(stack, start, count, [&](int64_t u, int64_t tile, int64_t y, int64_t column) {
        transform_patch(image, tile * kLanes, g.lanes(tile), y - g.before_y, column - g.before_x, pixels + u * x_step,
                        kLanes, x_part);
      });
      for (int64_t part = 0; part < kParts; ++part)
        in_parts(filters, kMaxFilters, [&](int64_t f, int64_t size) {
          in_parts(count * patches.tiles(stack), most, [&](int64_t u, int64_t positions) {
            kCorrelate[size - 1][positions - 1](
                pixels + part * x_part + u * x_step, x_step, offset.data(), channels,
                weights + part * both + f * channels, none,
                {sums + part * z_part + u * z_step + f * kLanes, z_step, kLanes, kLanes, Activation::identity});
          });
        });
      patches.each_unit(stack, start, count, [&](int64_t u, int64_t tile, int64_t y, int64_t column) {
        finish(result, tile * kLanes, g.lanes(tile), y, column, sums + u * z_step, z_part, b, activation);
      });
    });
  });
}

// A dy A^T of kLanes filters from `filter` on, a row of `width` filters for each of kLanes examples: to[part][example].
inline void transform_deltas(const Image& delta, int64_t first, int lanes, int64_t y, int64_t x, int64_t filter,
                             float* to, int64_t width, int64_t part) {
  Vec d[4][kLanes];
  for (int i = 0; i < 4; ++i) {
    const int64_t row = y + i / 2, column = x + i % 2;
    const bool exists = row < delta.height && column < delta.width;
    for (int f = 0; f < kLanes; ++f)
      d[i][f] = exists && filter + f < delta.channels
                    ? load_lanes(delta.at(row, column, first) + (filter + f) * delta.n, lanes)
                    : Vec{};
    transpose(d[i]);
  }
  for (int e = 0; e < kLanes; ++e, to += width) {
    const Vec left[4] = {d[0][e], d[0][e] + d[2][e], d[0][e] - d[2][e], -d[2][e]};
    const Vec right[4] = {d[1][e], d[1][e] + d[3][e], d[1][e] - d[3][e], -d[3][e]};
    for (int i = 0; i < 4; ++i) {
      float* row = to + 4 * i * part;
      store(row, left[i]);
      store(row + part, left[i] + right[i]);
      store(row + 2 * part, left[i] - right[i]);
      store(row + 3 * part, -right[i]);
    }
  }
}

// dW and db. Filters lie in the lanes here, examples and patches are the terms of the sums; chunks of them are added in
// order at the end: the same bits for any threads.
inline void winograd_weights(ffi::ThreadPool& pool, const Convolution& g, float* x, float* d, float* dW, float* db) {
  const Image image{x, g.n, g.height, g.width, g.channels}, delta{d, g.n, g.out_height, g.out_width, g.filters};
  const Patches patches(g, kGradientGroup);
  const int64_t channels = g.channels, vectors = ceil_div(g.filters, kLanes), width = vectors * kLanes;
  const int64_t steps = patches.groups(0), units = patches.stacks * steps, chunks = std::min<int64_t>(units, 8);
  const int64_t bias = kParts * channels * width, sums = bias + width;
  const int64_t x_part = part_of(kGradientGroup * channels * kLanes), d_part = part_of(kGradientGroup * kLanes * width);
  constexpr int64_t kAll = 5;  // the part of A dy A^T that is the sum of the four deltas
  float* all_sums = scratch<1>(chunks * sums);

  parallel_for(pool, chunks, [&](int64_t chunk) {
    float* sum = all_sums + chunk * sums;
    std::fill_n(sum, sums, 0.0f);
    float* pixels = scratch<0>(kParts * x_part);
    float* deltas = scratch<2>(kParts * d_part);
    for (int64_t unit = chunk * units / chunks; unit < (chunk + 1) * units / chunks; ++unit) {
      const int64_t stack = unit / steps;
      patches.each_group(stack, unit % steps, steps, [&](int64_t start, int64_t count) {
        const int64_t terms = count * patches.tiles(stack) * kLanes;
        patches.each_unit(stack, start, count, [&](int64_t u, int64_t tile, int64_t y, int64_t column) {
          const int64_t first = tile * kLanes, row = u * kLanes;
          transform_patch(image, first, g.lanes(tile), y - g.before_y, column - g.before_x, pixels + row, terms, x_part);
          for (int64_t f = 0; f < width; f += kLanes)
            transform_deltas(delta, first, g.lanes(tile), y, column, f, deltas + row * width + f, width, d_part);
        });
        for (int64_t part = 0; part < kParts; ++part)
          multiply_block_of<true>({pixels + part * x_part, terms, 1}, channels, terms, deltas + part * d_part, width,
                                  vectors, sum + part * channels * width, width);
        for (int64_t f = 0; f < width; f += kLanes) {
          Vec total = load(sum + bias + f);
          for (int64_t t = 0; t < terms; ++t) total += load(deltas + kAll * d_part + t * width + f);
          store(sum + bias + f, total);
        }
      });
    }
  });

  const auto total = [&](int64_t at) {
    Vec all = {};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) all += load(all_sums + chunk * sums + at);
    return all;
  };
  parallel_for(pool, channels + 1, chunks * sums, [&](int64_t c) {
    each_vector(g.filters, [&](int64_t f, int lanes) {
      if (c == channels) return store_lanes(db + f, total(bias + f), lanes);
      Vec t[3][4];  // G^T m G
      for (int j = 0; j < 4; ++j) {
        Vec m[4];
        for (int i = 0; i < 4; ++i) m[i] = total(((4 * i + j) * channels + c) * width + f);
        const Vec sum = (m[1] + m[2]) * 0.5f;
        t[0][j] = m[0] + sum, t[1][j] = (m[1] - m[2]) * 0.5f, t[2][j] = sum + m[3];
      }
      for (int i = 0; i < 3; ++i) {
        const Vec sum = (t[i][1] + t[i][2]) * 0.5f;
        const Vec w[3] = {t[i][0] + sum, (t[i][1] - t[i][2]) * 0.5f, sum + t[i][3]};
        for (int j = 0; j < 3; ++j) store_lanes(dW + ((i * 3 + j) * channels + c) * g.filters + f, w[j], lanes);
      }
    });
  });
}

}  // namespace netgrad
