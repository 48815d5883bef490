// One inner loop of the kernels, so many times: what it executes is counted in an emulator (count_operations.c), for
// processors that nobody here can time: `make neon`.
//
//   operations NAME TIMES      operations --list
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "block_product.h"
#include "convolution.h"
#include "sums_over_time.h"

using namespace netgrad;

std::vector<float> numbers(size_t n) {
  std::vector<float> v(n + kLanes);
  for (size_t i = 0; i < n; ++i) v[i] = float((i * 37 + 11) % 101) / 100;
  return v;
}

template <typename Function>
void activation(int times, Function f) {  // 16 vectors at a time
  auto x = numbers(16 * kLanes);
  while (times--)
    for (int i = 0; i < 16; ++i) store(x.data() + i * kLanes, f(load(x.data() + i * kLanes)));
}

void recurrent_product(int times) {  // 20 units to 80 gates, a tile of two vectors
  const auto in = numbers(20 * 2 * kLanes), W = numbers(20 * 80), b = numbers(80);
  std::vector<float> packed(Packed::size(20, 80)), out(80 * 2 * kLanes);
  const Packed weights(packed.data(), 80, b.data(), {by_row(W.data(), 20, 80)});
  while (times--) multiply<2>(in.data(), weights, out.data());
}

void sums_over_time(int times) {  // a block of gradients over 64 examples
  const auto a = numbers(kSumRows * 64), b = numbers(kSumColumns * 64);
  auto sums = numbers(kSumRows * kSumColumns * kLanes);
  while (times--) add_block<kSumRows, kSumColumns>(a.data(), b.data(), 64, 64, sums.data(), kSumColumns);
}

void dense_product(int times) {  // 24 rows, 64 terms, 8 vectors of columns
  const auto left = numbers(24 * 64), right = numbers(64 * 8 * kLanes);
  std::vector<float> out(24 * 8 * kLanes);
  while (times--)
    multiply_block_of({left.data(), 64, 1}, 24, 64, right.data(), 8 * kLanes, 8, out.data(), 8 * kLanes);
}

void correlation(int times) {  // LeNet's first: 6 filters, 25 weights, a row of 24 positions
  float* x = scratch<0>(24 * 32 * kLanes);
  std::vector<int32_t> offsets;
  for (int i = 0; i < 25; ++i) offsets.push_back(i % 5 * kLanes);
  const auto W = numbers(25 * 6), b = numbers(6);
  std::vector<float> z(24 * 6 * kLanes);
  while (times--)
    in_parts(6, kMaxFilters, [&](int64_t f, int64_t filters) {
      in_parts(24, positions_beside(int(filters)), [&](int64_t p, int64_t positions) {
        kCorrelate[filters - 1][positions - 1](x + p * kLanes, kLanes, offsets.data(), 25, W.data() + f * 25,
                                               b.data() + f,
                                               {z.data() + (p * 6 + f) * kLanes, 6 * kLanes, kLanes, kLanes,
                                                Activation::identity});
      });
    });
}

// vectors: of results, or, for products, of multiplied and added terms in one call
const struct { const char* name; void (*run)(int); int vectors; } kLoops[] = {
    {"exp", [](int times) { activation(times, [](Vec x) { return netgrad::exp(x); }); }, 16},
    {"tanh", [](int times) { activation(times, [](Vec x) { return netgrad::tanh(x); }); }, 16},
    {"logistic", [](int times) { activation(times, [](Vec x) { return logistic(x); }); }, 16},
    {"recurrent product", recurrent_product, 20 * 80 * 2},
    {"sums over time", sums_over_time, kSumRows * kSumColumns * 64 / kLanes},
    {"dense product", dense_product, 24 * 64 * 8},
    {"correlation", correlation, 6 * 25 * 24},
};

int main(int argc, char** argv) {
  for (const auto& loop : kLoops) {
    if (argc == 2) std::printf("%s,%d\n", loop.name, loop.vectors);
    if (argc == 3 && !std::strcmp(argv[1], loop.name)) return loop.run(std::atoi(argv[2])), 0;
  }
  return argc == 2 ? 0 : 1;
}
