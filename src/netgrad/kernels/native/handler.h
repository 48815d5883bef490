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

// Exports `function` as the symbol netgrad_<name>, which netgrad.kernels.dispatch finds and gives to XLA.
// `binding` lists context, arguments, results and attributes in the order of the function's parameters.
#define NETGRAD_KERNEL(name, function, binding)                                                                  \
  [[maybe_unused]] static const bool registered_##name = (netgrad::kernel_names().push_back(#name), true);       \
  extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* netgrad_##name(XLA_FFI_CallFrame* frame) {    \
    static auto* handler = (binding).To(netgrad::guarded(function)).release();                                   \
    return handler->Call(frame);                                                                                 \
  }
