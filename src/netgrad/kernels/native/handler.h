// How a C++ function becomes a kernel that Python can call by name.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace netgrad {

namespace ffi = xla::ffi;

// What a kernel is told besides arrays: the type of the parameter carries the name.
#define NETGRAD_ATTRIBUTE(Name, Type, text)  \
  inline constexpr char k##Name##Name[] = text; \
  using Name = ffi::Attr<Type, k##Name##Name>;

using Integers = ffi::Span<const int64_t>;
NETGRAD_ATTRIBUTE(Reverse, bool, "reverse")  // walk each sequence from its last step to its first
NETGRAD_ATTRIBUTE(Window, Integers, "window")
NETGRAD_ATTRIBUTE(Strides, Integers, "strides")
NETGRAD_ATTRIBUTE(Padding, Integers, "padding")
NETGRAD_ATTRIBUTE(Dilation, Integers, "dilation")
NETGRAD_ATTRIBUTE(ActivationNumber, int64_t, "activation")
NETGRAD_ATTRIBUTE(Epsilon, float, "epsilon")  // added to a variance
NETGRAD_ATTRIBUTE(Rectified, bool, "rectified")  // a rectifier follows

inline ffi::Error invalid(const std::string& message) { return ffi::Error::InvalidArgument(message); }

// The kernels of this library, filled in by NETGRAD_KERNEL when the library is loaded.
inline std::vector<const char*>& kernel_names() {
  static std::vector<const char*> names;
  return names;
}

// The same function, with wrong shapes and running out of memory reported to XLA: an exception must not reach its code.
template <typename... Args>
auto guarded(ffi::Error (*function)(Args...)) {
  return [function](Args... args) {
    try {
      return function(std::move(args)...);
    } catch (const std::invalid_argument& e) {
      return invalid(e.what());
    } catch (const std::exception& e) {
      return ffi::Error(ffi::ErrorCode::kResourceExhausted, e.what());
    }
  };
}

}  // namespace netgrad

// Parameters of this type are given XLA's threads.
template <>
struct xla::ffi::CtxBinding<xla::ffi::ThreadPool> {
  using Ctx = xla::ffi::ThreadPool;
};

// Exports a function as the symbol netgrad_<name>, which netgrad.kernels.dispatch finds and gives to XLA. The types of
// the function's parameters say what is what: threads, arguments, results, and attributes (`ffi::Attr`, by name).
#define NETGRAD_KERNEL(name, ...)                                                                  \
  [[maybe_unused]] static const bool registered_##name = (netgrad::kernel_names().push_back(#name), true);       \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* netgrad_##name(XLA_FFI_CallFrame* frame) {    \
    static auto* handler = netgrad::ffi::Ffi::BindTo(netgrad::guarded(__VA_ARGS__)).release();                                  \
    return handler->Call(frame);                                                                                 \
  }
