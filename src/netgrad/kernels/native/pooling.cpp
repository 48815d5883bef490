// The pooling kernels as XLA calls them: sizes are checked here, before any memory is touched.
#include "pooling.h"

#include "handler.h"

namespace netgrad {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Result = ffi::ResultBuffer<ffi::F32>;
using ByteResult = ffi::ResultBuffer<ffi::U8>;

// `x` and `out` are the shapes of image and result; empty message: all fits.
std::string geometry(ffi::Span<const int64_t> x, ffi::Span<const int64_t> out, Integers window, Integers strides,
                     Integers padding, Pooling& g) {
  if (x.size() != 4 || out.size() != 4 || window.size() != 2 || strides.size() != 2 || padding.size() != 4)
    return "pooling: expected images (N, height, width, channels)";
  g = {x[0], x[1], x[2], x[3], out[1], out[2], window[0], window[1], strides[0], strides[1], padding[0], padding[2]};
  if (out[0] != x[0] || out[3] != x[3]) return "pooling: examples or channels disagree";
  const auto bad = [](int64_t v) { return v < 1 || v > (int64_t(1) << 31); };
  for (int64_t v : {g.window_rows, g.window_columns, g.stride_y, g.stride_x, g.out_height, g.out_width})
    if (bad(v)) return "pooling: window, strides and result must be 1 or more";
  for (int i = 0; i < 4; ++i)
    if (padding[i] < 0 || bad(padding[i] + 1)) return "pooling: padding must be 0 or more";
  if ((g.out_height - 1) * g.stride_y + g.window_rows > g.height + padding[0] + padding[1] ||
      (g.out_width - 1) * g.stride_x + g.window_columns > g.width + padding[2] + padding[3])
    return "pooling: the result is larger than image, window, strides and padding allow";
  return "";
}

ffi::Error max_forward(ffi::ThreadPool pool, Array x, Result a, ByteResult index, Window window, Strides strides,
                       Padding padding) {
  Pooling g;
  const std::string problem = geometry(x.dimensions(), a->dimensions(), *window, *strides, *padding, g);
  if (!problem.empty()) return invalid(problem);
  if (g.window_rows * g.window_columns > 256) return invalid("pooling: at most 256 positions in a window");
  if (index->element_count() != a->element_count()) return invalid("pooling: index must have the shape of a");
  max_pool(pool, g, x.typed_data(), a->typed_data(), index->typed_data());
  return ffi::Error::Success();
}

ffi::Error max_backward(ffi::ThreadPool pool, Array delta, Bytes index, Result d_x, Window window, Strides strides,
                        Padding padding) {
  Pooling g;
  const std::string problem = geometry(d_x->dimensions(), delta.dimensions(), *window, *strides, *padding, g);
  if (!problem.empty()) return invalid(problem);
  if (index.element_count() != delta.element_count()) return invalid("pooling: index must have the shape of delta");
  max_pool_back(pool, g, delta.typed_data(), index.typed_data(), d_x->typed_data());
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(max_pool_forward, max_forward)
NETGRAD_KERNEL(max_pool_backward, max_backward)

}  // namespace netgrad
