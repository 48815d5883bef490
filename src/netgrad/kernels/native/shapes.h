// The shapes that a kernel was given, checked before any memory is touched: XLA hands over whatever its caller sends.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "handler.h"

namespace netgrad {

using Dimensions = ffi::Span<const int64_t>;

inline Dimensions shape_of(Dimensions shape) { return shape; }
template <ffi::DataType type>
Dimensions shape_of(const ffi::Buffer<type>& array) { return array.dimensions(); }
template <ffi::DataType type>
Dimensions shape_of(ffi::ResultBuffer<type>& array) { return array->dimensions(); }

// The length of an axis, or -1 where there is none, which no array fits.
template <typename A>
int64_t axis(A&& array, size_t i) {
  const Dimensions shape = shape_of(array);
  return i < shape.size() ? shape[i] : -1;
}

struct Shape {
  const char* name;
  Dimensions found;
  std::vector<int64_t> expected;

  template <typename A>
  Shape(const char* of, A&& array, std::vector<int64_t> wanted)
      : name(of), found(shape_of(array)), expected(std::move(wanted)) {}
};

// Throws, which ends the call with an error, unless all arrays have the expected shapes.
inline void require(std::initializer_list<Shape> shapes) {
  const auto text = [](const auto& shape) {
    std::string all;
    for (const int64_t n : shape) all += (all.empty() ? "" : ", ") + std::to_string(n);
    return "(" + all + ")";
  };
  for (const Shape& shape : shapes)
    if (!std::equal(shape.found.begin(), shape.found.end(), shape.expected.begin(), shape.expected.end()))
      throw std::invalid_argument(std::string(shape.name) + " has shape " + text(shape.found) + ", expected " +
                                  text(shape.expected));
}

}  // namespace netgrad
