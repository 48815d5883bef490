// A tile: some rows and columns of kLanes examples' images, copied out of an examples-last array
// (height, width, channels, N) into (rows, columns, channels, kLanes) with zeros where the image ends.
//
// In the array, neighbouring rows of a tile lie N floats apart, which for many N is the same few sets of the
// cache; in the copy they are neighbours, aligned, and stay in cache while every weight passes over them.
#pragma once

#include "parallel.h"
#include "simd.h"

namespace netgrad {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Image {  // a stack of N examples' images, examples last
  float* data;
  int64_t n, height, width, channels;
  float* at(int64_t y, int64_t x, int64_t example) const {
    return data + ((y * width + x) * channels) * n + example;
  }
};

struct Rect {
  int64_t y, x, rows, columns;
};

// Copies `rect` (which may reach beyond the image) of the examples first .. first + lanes - 1.
inline void pack(const Image& image, int64_t first, int lanes, Rect rect, float* tile) {
  const int64_t c = image.channels;
  for (int64_t y = rect.y; y < rect.y + rect.rows; ++y)
    for (int64_t x = rect.x; x < rect.x + rect.columns; ++x, tile += c * kLanes) {
      if (y < 0 || y >= image.height || x < 0 || x >= image.width) {
        std::memset(tile, 0, sizeof(float) * c * kLanes);
        continue;
      }
      const float* from = image.at(y, x, first);
      if (lanes == kLanes)
        for (int64_t i = 0; i < c; ++i) store(tile + i * kLanes, load(from + i * image.n));
      else
        for (int64_t i = 0; i < c; ++i) store(tile + i * kLanes, load_some(from + i * image.n, lanes));
    }
}

// An area of rows x columns cut into equal bands, small enough that `bytes(rows, columns)` stays below a
// budget, and so many that several threads find work. It depends on sizes only, never on the threads.
struct Bands {
  int64_t rows, columns;    // of one band
  int64_t across, number;   // bands side by side; in all

  template <typename Bytes>
  Bands(int64_t height, int64_t width, int64_t tiles, int64_t budget, Bytes bytes) : rows(height), columns(width) {
    const auto count = [&] { return ceil_div(height, rows) * ceil_div(width, columns); };
    while (bytes(rows, columns) > budget || (tiles * count() < 16 && rows * columns >= 64)) {
      if (rows > 1)
        rows = ceil_div(rows, 2);
      else if (columns > 8)
        columns = ceil_div(columns, 2);
      else
        break;
    }
    across = ceil_div(width, columns);
    number = count();
  }

  Rect operator()(int64_t i, int64_t height, int64_t width) const {
    const int64_t y = i / across * rows, x = i % across * columns;
    return {y, x, std::min(rows, height - y), std::min(columns, width - x)};
  }
};

constexpr int64_t kSecondCache = 384 * 1024;  // what a task's tiles may take: well within a core's L2
constexpr int64_t kFirstCache = 28 * 1024;    // what is swept over again and again: well within L1

}  // namespace netgrad
