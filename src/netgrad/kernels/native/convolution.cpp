// The convolution kernels as XLA calls them: sizes are checked here, before any memory is touched.
#include "convolution.h"

#include "geometry.h"
#include "wide.h"
#include "winograd.h"

namespace netgrad {
namespace {

ffi::Error forward(ffi::ThreadPool pool, Array x, Array W, Array b, Result z, Strides strides, Padding padding,
                   Dilation dilation, ActivationNumber activation) {
  Convolution g;
  const std::string problem = geometry(x.dimensions(), W.dimensions(), z->dimensions(), *strides, *padding, *dilation, g);
  if (!problem.empty()) return invalid(problem);
  if (int64_t(b.element_count()) != g.filters) return invalid("convolution: b must hold one number per filter");
  if (*activation < 0 || *activation >= kActivations) return invalid("convolution: unknown activation");
  const Activation f = Activation(*activation);
  if (winograd_pays(g, kWayOfResults))
    winograd(pool, g, x.typed_data(), W.typed_data(), false, b.typed_data(), f, z->typed_data());
  else
    convolve(pool, g, x.typed_data(), W.typed_data(), b.typed_data(), f, z->typed_data());
  return ffi::Error::Success();
}

ffi::Error input_gradient(ffi::ThreadPool pool, Array delta, Array W, Result d_x, Strides strides, Padding padding,
                          Dilation dilation) {
  Convolution g;
  const std::string problem =
      geometry(d_x->dimensions(), W.dimensions(), delta.dimensions(), *strides, *padding, *dilation, g);
  if (!problem.empty()) return invalid(problem);
  const Convolution back = turned_round(g);
  if (winograd_pays(g, kWayOfResults) && winograd_pays(back, kWayOfResults))
    winograd(pool, back, delta.typed_data(), W.typed_data(), true, nullptr, Activation::identity, d_x->typed_data());
  else
    convolve_back(pool, g, deltas_of(g, delta.typed_data()), W.typed_data(), d_x->typed_data());
  return ffi::Error::Success();
}

ffi::Error weight_gradient(ffi::ThreadPool pool, Array x, Array delta, Result dW, Result db, Strides strides,
                           Padding padding, Dilation dilation) {
  Convolution g;
  const std::string problem =
      geometry(x.dimensions(), dW->dimensions(), delta.dimensions(), *strides, *padding, *dilation, g);
  if (!problem.empty()) return invalid(problem);
  if (int64_t(db->element_count()) != g.filters) return invalid("convolution: db must hold one number per filter");
  if (winograd_pays(g, kWayOfGradients))
    winograd_weights(pool, g, x.typed_data(), delta.typed_data(), dW->typed_data(), db->typed_data());
  else
    weight_gradients(pool, g, x.typed_data(), deltas_of(g, delta.typed_data()), dW->typed_data(), db->typed_data());
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(conv_forward, forward)
NETGRAD_KERNEL(conv_input_gradient, input_gradient)
NETGRAD_KERNEL(conv_weight_gradient, weight_gradient)

}  // namespace netgrad
