// What Python asks the library itself: which kernels it holds, and which of the libraries to load.
#include "handler.h"

// The i-th kernel's name, without the prefix; null after the last.
extern "C" __attribute__((visibility("default"))) const char* netgrad_kernel_name(int i) {
  const auto& names = netgrad::kernel_names();
  return i >= 0 && size_t(i) < names.size() ? names[i] : nullptr;
}

// The best instruction set that this processor has. Asked of the baseline only.
extern "C" __attribute__((visibility("default"))) const char* netgrad_best_instruction_set() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return "avx512";
  if (avx2) return "avx2";
#endif
  return "baseline";
}
