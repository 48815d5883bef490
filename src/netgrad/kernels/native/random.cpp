// The hash that JAX's random numbers come from, Threefry 2x32 with 20 rounds (Salmon et al. 2011), of the counters
// 0, 1, ...: whole numbers, so that the bits are those of XLA's program, which takes long to compile.
#include "parallel.h"
#include "shapes.h"

namespace netgrad {
namespace {

using Words = ffi::Buffer<ffi::U32>;
using WordsResult = ffi::ResultBuffer<ffi::U32>;

constexpr int64_t kChunk = 1 << 14;  // counters of a task

inline void rounds(uint32_t& x, uint32_t& y, const int (&rotations)[4]) {
  for (const int by : rotations) {
    x += y;
    y = (y << by) | (y >> (32 - by));
    y ^= x;
  }
}

// key (2,) -> the hashes' two words, (2, count).
ffi::Error threefry(ffi::ThreadPool pool, Words key, WordsResult hashed) {
  const int64_t count = axis(hashed, 1);
  require({{"key", key, {2}}, {"hashed", hashed, {2, count}}});
  constexpr int even[4] = {13, 15, 26, 6}, odd[4] = {17, 29, 16, 24};
  const uint32_t first = key.typed_data()[0], second = key.typed_data()[1];
  const uint32_t keys[3] = {first, second, first ^ second ^ 0x1BD11BDA};
  uint32_t *out = hashed->typed_data(), *beside = out + count;
  parallel_for(pool, (count + kChunk - 1) / kChunk, 20 * count, [&](int64_t task) {
    const int64_t end = std::min(count, (task + 1) * kChunk);
    for (int64_t i = task * kChunk; i < end; ++i) {
      uint32_t x = uint32_t(i >> 32) + keys[0], y = uint32_t(i) + keys[1];
      for (int turn = 0; turn < 5; ++turn) {
        rounds(x, y, turn % 2 ? odd : even);
        x += keys[(turn + 1) % 3];
        y += keys[(turn + 2) % 3] + uint32_t(turn + 1);
      }
      out[i] = x, beside[i] = y;
    }
  });
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(threefry, threefry)

}  // namespace netgrad
