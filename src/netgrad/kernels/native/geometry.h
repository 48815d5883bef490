// The sizes of a convolution as XLA hands them over, checked before any memory is touched.
#pragma once

#include "convolution.h"

#include "handler.h"

namespace netgrad {

using Array = ffi::Buffer<ffi::F32>;
using Result = ffi::ResultBuffer<ffi::F32>;

// `x`, `window` and `out` are the shapes of the image, of W and of the result; empty message: all fits.
inline std::string geometry(Integers x, Integers window, Integers out, Integers strides, Integers padding,
                            Integers dilation, Convolution& g) {
  if (x.size() != 4 || window.size() != 4 || out.size() != 4 || strides.size() != 2 || padding.size() != 4 ||
      dilation.size() != 2)
    return "convolution: expected images (N, height, width, channels) and filters (rows, columns, channels, filters)";
  g = {x[0], x[1], x[2], x[3], window[0], window[1], window[3], out[1], out[2], strides[0], strides[1],
       padding[0], padding[2], dilation[0], dilation[1]};
  const auto too_big = [](int64_t v) { return v < 0 || v > (int64_t(1) << 31); };
  for (int64_t v : {g.n, g.height, g.width, g.channels, g.window_rows, g.window_columns, g.filters, g.out_height,
                    g.out_width})
    if (too_big(v)) return "convolution: a size is out of range";
  if (window[2] != x[3] || out[3] != window[3] || out[0] != x[0]) return "convolution: channels or filters disagree";
  for (int64_t v : {g.stride_y, g.stride_x, g.dilation_y, g.dilation_x})
    if (v < 1 || too_big(v)) return "convolution: strides and dilation must be 1 or more";
  for (int i = 0; i < 4; ++i)
    if (too_big(padding[i])) return "convolution: padding must be 0 or more";
  if (g.out_height < 1 || g.out_width < 1 || g.window_rows < 1 || g.window_columns < 1 || g.n < 1 || g.channels < 1 ||
      g.filters < 1)
    return "convolution: a size is 0";
  if (g.rows_seen(g.out_height) > g.height + padding[0] + padding[1] ||
      g.columns_seen(g.out_width) > g.width + padding[2] + padding[3])
    return "convolution: the result is larger than image, window, strides and padding allow";
  // Offsets within a tile are 32 bits: its smallest band is one row of eight results.
  const double band = double(g.rows_seen(1)) * double(g.columns_seen(std::min<int64_t>(8, g.out_width)));
  if (band * double(std::max(g.channels, g.filters)) * kLanes > 1e9) return "convolution: the window is too large";
  return "";
}

}  // namespace netgrad
