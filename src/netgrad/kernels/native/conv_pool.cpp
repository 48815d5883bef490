// Convolution fused with activation and max-pooling, as XLA calls it.
#include "conv_pool.h"

#include "geometry.h"
#include "wide.h"

namespace netgrad {
namespace {

using Bytes = ffi::Buffer<ffi::U8>;
using ByteResult = ffi::ResultBuffer<ffi::U8>;

// The sizes before pooling follow from the rest. `pooled` is the shape of a.
std::string pooled_geometry(Integers x, Integers W, Integers pooled, size_t index_count, Integers strides,
                            Integers padding, Integers dilation, Integers window, int64_t activation, Convolution& g) {
  if (window.size() != 2 || window[0] < 1 || window[1] < 1 || window[0] > 256 || window[1] > 256 ||
      window[0] * window[1] > 256)
    return "convolution: the pooling window must hold 1 to 256 positions";
  if (activation < 0 || activation >= kActivations) return "convolution: unknown activation";
  if (x.size() != 4 || W.size() != 4 || pooled.size() != 4 || strides.size() != 2 || padding.size() != 4 ||
      dilation.size() != 2)
    return "convolution: expected images (N, height, width, channels) and filters (rows, columns, channels, filters)";
  for (int i = 0; i < 4; ++i)
    if (pooled[i] < 1 || pooled[i] > (int64_t(1) << 31)) return "convolution: a size is out of range";
  if (index_count != size_t(pooled[0] * pooled[1] * pooled[2] * pooled[3]))
    return "convolution: index must have the shape of a";
  const int64_t out[4] = {pooled[0], pooled[1] * window[0], pooled[2] * window[1], pooled[3]};
  return geometry(x, W, Integers(out, 4), strides, padding, dilation, g);
}

ffi::Error forward(ffi::ThreadPool pool, Array x, Array W, Array b, Result a, ByteResult index, Strides strides,
                   Padding padding, Dilation dilation, Window window, ActivationNumber activation) {
  Convolution g;
  const std::string problem = pooled_geometry(x.dimensions(), W.dimensions(), a->dimensions(), index->element_count(),
                                              *strides, *padding, *dilation, *window, *activation, g);
  if (!problem.empty()) return invalid(problem);
  if (int64_t(b.element_count()) != g.filters) return invalid("convolution: b must hold one number per filter");
  convolve_pool(pool, g, {(*window)[0], (*window)[1]}, x.typed_data(), W.typed_data(), b.typed_data(),
                Activation(*activation), a->typed_data(), index->typed_data());
  return ffi::Error::Success();
}

ffi::Error input_gradient(ffi::ThreadPool pool, Array d_a, Array a, Bytes index, Array W, Result d_x,
                          Strides strides, Padding padding, Dilation dilation, Window window,
                          ActivationNumber activation) {
  Convolution g;
  const std::string problem = pooled_geometry(d_x->dimensions(), W.dimensions(), a.dimensions(), index.element_count(),
                                              *strides, *padding, *dilation, *window, *activation, g);
  if (!problem.empty()) return invalid(problem);
  if (d_a.element_count() != a.element_count()) return invalid("convolution: d_a must have the shape of a");
  const auto deltas = deltas_before_pooling(g, {(*window)[0], (*window)[1]}, Activation(*activation), d_a.typed_data(),
                                            a.typed_data(), index.typed_data());
  convolve_back(pool, g, deltas, W.typed_data(), d_x->typed_data());
  return ffi::Error::Success();
}

ffi::Error weight_gradient(ffi::ThreadPool pool, Array x, Array d_a, Array a, Bytes index, Result dW, Result db,
                           Strides strides, Padding padding, Dilation dilation, Window window,
                           ActivationNumber activation) {
  Convolution g;
  const std::string problem = pooled_geometry(x.dimensions(), dW->dimensions(), a.dimensions(), index.element_count(),
                                              *strides, *padding, *dilation, *window, *activation, g);
  if (!problem.empty()) return invalid(problem);
  if (d_a.element_count() != a.element_count()) return invalid("convolution: d_a must have the shape of a");
  if (int64_t(db->element_count()) != g.filters) return invalid("convolution: db must hold one number per filter");
  const auto deltas = deltas_before_pooling(g, {(*window)[0], (*window)[1]}, Activation(*activation), d_a.typed_data(),
                                            a.typed_data(), index.typed_data());
  weight_gradients(pool, g, x.typed_data(), deltas, dW->typed_data(), db->typed_data());
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(conv_pool_forward, forward)
NETGRAD_KERNEL(conv_pool_input_gradient, input_gradient)
NETGRAD_KERNEL(conv_pool_weight_gradient, weight_gradient)

}  // namespace netgrad
