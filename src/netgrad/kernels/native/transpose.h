// As many vectors as a vector has lanes, rows and columns exchanged in registers.
#pragma once

#include <utility>

#include "simd.h"

namespace netgrad {

// Lanes with bit `half` set change places with the other vector's lanes that lack it.
template <int half, size_t... lane>
inline void exchange(Vec& a, Vec& b, std::index_sequence<lane...>) {
  const Vec first = __builtin_shufflevector(a, b, (lane & half ? kLanes + lane - half : lane)...);
  b = __builtin_shufflevector(a, b, (lane & half ? kLanes + lane : lane + half)...);
  a = first;
}

template <int half = kLanes / 2>
void transpose(Vec (&block)[kLanes]) {
  for (int i = 0; i < kLanes; ++i)
    if (!(i & half)) exchange<half>(block[i], block[i + half], std::make_index_sequence<kLanes>());
  if constexpr (half > 1) transpose<half / 2>(block);
}

}  // namespace netgrad
