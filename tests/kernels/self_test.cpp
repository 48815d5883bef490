// The parts that depend on the instruction set, checked against plain loops, for processors that cannot run the Python
// tests: `make neon` compiles this for ARM and runs it in an emulator.
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "block_product.h"
#include "convolution.h"
#include "recurrent.h"
#include "transpose.h"

using namespace netgrad;

int failures = 0;

void check(bool fine, const char* what, double found, double expected) {
  if (fine) return;
  if (++failures <= 20) std::printf("FAILED %s: found %.9g, expected %.9g\n", what, found, expected);
}

// Of a function of one number: within `units` in the last place of `exact` from low to high.
template <typename Function, typename Exact>
void function(const char* name, Function f, Exact exact, float low, float high, double units = 4) {
  for (int i = 0; i <= 20000; ++i) {
    const float x = low + (high - low) * float(i) / 20000;
    const double expected = exact(double(x)), found = f(broadcast(x))[kLanes - 1];
    const double unit = std::fabs(expected) * std::numeric_limits<float>::epsilon() + 1e-38;
    check(std::fabs(found - expected) <= units * unit, name, found, expected);
  }
  check(std::isnan(f(broadcast(NAN))[0]), name, f(broadcast(NAN))[0], NAN);
}

float number(int i) { return float((i * 37 + 11) % 101 - 50) / 50; }

std::vector<float> numbers(size_t n) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = number(int(i));
  return v;
}

void close(const char* what, float found, double expected) {
  check(std::fabs(found - expected) <= 1e-5 * (1 + std::fabs(expected)), what, found, expected);
}

void transposes() {
  Vec block[kLanes];
  for (int i = 0; i < kLanes; ++i)
    for (int lane = 0; lane < kLanes; ++lane) block[i][lane] = float(i * kLanes + lane);
  transpose(block);
  for (int i = 0; i < kLanes; ++i)
    for (int lane = 0; lane < kLanes; ++lane) close("transpose", block[i][lane], lane * kLanes + i);
}

template <int V>
void products(int64_t rows, int64_t columns) {
  const auto in = numbers(rows * V * kLanes), W = numbers(rows * columns), b = numbers(columns);
  std::vector<float> packed(Packed::size(rows, columns)), out(columns * V * kLanes);
  multiply<V>(in.data(), Packed(packed.data(), columns, b.data(), {by_row(W.data(), rows, columns)}), out.data());
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t e = 0; e < V * kLanes; ++e) {
      double expected = b[c];
      for (int64_t r = 0; r < rows; ++r) expected += double(in[r * V * kLanes + e]) * W[r * columns + c];
      close("multiply", out[c * V * kLanes + e], expected);
    }
}

template <bool accumulate>
void block_products(int64_t rows, int64_t vectors) {
  const int64_t terms = 7, columns = vectors * kLanes;
  const auto left = numbers(terms * rows), right = numbers(terms * columns), start = numbers(rows * columns);
  auto across = start, down = start;
  multiply_block_of<accumulate>({left.data(), terms, 1}, rows, terms, right.data(), columns, vectors, across.data(), columns);
  multiply_block_of<accumulate>({left.data(), 1, rows}, rows, terms, right.data(), columns, vectors, down.data(), columns);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      double by_row = accumulate ? start[r * columns + c] : 0, by_term = by_row;
      for (int64_t t = 0; t < terms; ++t) {
        by_row += double(left[r * terms + t]) * right[t * columns + c];
        by_term += double(left[t * rows + r]) * right[t * columns + c];
      }
      close("multiply_block_of", across[r * columns + c], by_row);
      close("multiply_block_of, transposed", down[r * columns + c], by_term);
    }
}

void correlations(int64_t filters, int64_t positions) {
  Convolution g{kLanes, 3, positions + 2, 2, 3, 3, filters, 1, positions, 1, 1, 0, 0, 1, 1};
  const int64_t columns = positions + 2;
  const auto numbers_of_tile = numbers(3 * columns * 2 * kLanes), W = numbers(g.taps() * filters), b = numbers(filters);
  float* tile = scratch<0>(numbers_of_tile.size());
  std::copy(numbers_of_tile.begin(), numbers_of_tile.end(), tile);
  std::vector<float> z(positions * filters * kLanes);
  const Taps taps = forward_taps(g, columns, W.data(), b.data());
  taps.run(tile, 2 * kLanes, positions, 0, g.taps(),
           {z.data(), filters * kLanes, kLanes, kLanes, Activation::identity});
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t f = 0; f < filters; ++f)
      for (int e = 0; e < kLanes; ++e) {
        double expected = b[f];
        for (int64_t t = 0; t < g.taps(); ++t) {
          const int64_t c = t % 2, j = t / 2 % 3, i = t / 6;
          expected += double(tile[((i * columns + p + j) * 2 + c) * kLanes + e]) * W[t * filters + f];
        }
        close("correlate", z[(p * filters + f) * kLanes + e], expected);
      }
}

int main() {
  function("exp", [](Vec x) { return netgrad::exp(x); }, [](double x) { return std::exp(x); }, -87, 88);
  function("log", [](Vec x) { return netgrad::log(x); }, [](double x) { return std::log(x); }, 1.5f, 1e6f);
  function("tanh", [](Vec x) { return netgrad::tanh(x); }, [](double x) { return std::tanh(x); }, -12, 12);
  function("logistic", [](Vec x) { return logistic(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80);
  check(std::isinf(netgrad::exp(broadcast(INFINITY))[0]), "exp", netgrad::exp(broadcast(INFINITY))[0], INFINITY);
  transposes();
  for (int64_t rows : {1, 7, 20})
    for (int64_t columns = 1; columns <= 2 * kColumns + 1; ++columns) products<1>(rows, columns), products<2>(rows, columns);
  for (int64_t filters = 1; filters <= kMaxFilters + 1; ++filters)
    for (int64_t positions : {1, 2, 7, 9}) correlations(filters, positions);
  for (int64_t rows = 1; rows <= 2 * kProductRows + 1; ++rows)
    for (int64_t vectors : {1, 2, 3}) block_products<false>(rows, vectors), block_products<true>(rows, vectors);
  if (failures) return std::printf("%d checks failed\n", failures), 1;
  std::printf("all checks passed, %d lanes\n", kLanes);
}
