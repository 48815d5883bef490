// Examples from the first axis to the last, the order in memory that convolution and pooling work in.
#include "parallel.h"
#include "simd.h"
#include "transpose.h"

namespace netgrad {
namespace {

constexpr int64_t kColumns = 16 * kLanes;  // numbers of an example in one task: long reads, and writes that stay in cache

// kLanes examples times kLanes of their numbers, or what there is of them.
inline void turn(const float* in, int64_t in_stride, float* out, int64_t out_stride, int rows, int columns) {
  Vec block[kLanes] = {};
  for (int i = 0; i < rows; ++i)
    block[i] = columns == kLanes ? load(in + i * in_stride) : load_some(in + i * in_stride, columns);
  transpose(block);
  for (int j = 0; j < columns; ++j) {
    if (rows == kLanes)
      store(out + j * out_stride, block[j]);
    else
      store_some(out + j * out_stride, block[j], rows);
  }
}

// x (N, numbers), row-major -> (numbers, N), row-major.
ffi::Error examples_last(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> turned) {
  if (x.dimensions().size() < 1) return invalid("x must have an axis of examples");
  const int64_t all = x.element_count(), n = x.dimensions()[0];
  if (int64_t(turned->element_count()) != all) return invalid("the result must have the shape of x");
  if (all == 0) return ffi::Error::Success();
  const int64_t numbers = all / n;
  const float* in = x.typed_data();
  float* out = turned->typed_data();
  parallel_for(pool, (numbers + kColumns - 1) / kColumns, [&](int64_t task) {
    const int64_t begin = task * kColumns, end = std::min(numbers, begin + kColumns);
    for (int64_t i = 0; i < n; i += kLanes) {
      const int rows = int(std::min<int64_t>(kLanes, n - i));
      for (int64_t j = begin; j < end; j += kLanes)
        turn(in + i * numbers + j, numbers, out + j * n + i, n, rows, int(std::min<int64_t>(kLanes, end - j)));
    }
  });
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(examples_last, examples_last)

}  // namespace netgrad
