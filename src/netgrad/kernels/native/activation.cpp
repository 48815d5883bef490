// Activations, element by element.
#include "parallel.h"
#include "simd.h"

namespace netgrad {
namespace {

constexpr int64_t kChunk = 16384;  // elements of a task: long enough to be worth a thread, short enough to share

template <Vec (*function)(Vec)>
ffi::Error elementwise(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> z, ffi::ResultBuffer<ffi::F32> a) {
  const int64_t n = z.element_count();
  if (int64_t(a->element_count()) != n) return invalid("a must have the shape of z");
  const float* in = z.typed_data();
  float* out = a->typed_data();
  parallel_for(pool, (n + kChunk - 1) / kChunk, [&](int64_t task) {
    int64_t i = task * kChunk;
    const int64_t end = std::min(n, i + kChunk);
    for (; i + kLanes <= end; i += kLanes) store(out + i, function(load(in + i)));
    if (i < end) store_some(out + i, function(load_some(in + i, int(end - i))), int(end - i));
  });
  return ffi::Error::Success();
}

auto binding() {
  return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<ffi::Buffer<ffi::F32>>().Ret<ffi::Buffer<ffi::F32>>();
}

}  // namespace

NETGRAD_KERNEL(tanh, elementwise<tanh>, binding())
NETGRAD_KERNEL(logistic, elementwise<logistic>, binding())

}  // namespace netgrad
