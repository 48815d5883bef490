// A dense layer that serves every time-step of a sequence: the readout of a recurrent network.
#include "recurrent.h"

namespace netgrad {
namespace {

constexpr int64_t kFew = 12;  // rows or columns

// out_t = bias + weights^T in_t for every step, with `in` (N, T, rows) and `out` (N, T, columns).
ffi::Error product(ffi::ThreadPool& pool, const Floats& in, const Packed& weights, Result& out) {
  const Sequences all(in);
  for_each_tile(pool, all, [&](const auto& tile) {
    using Tile = std::decay_t<decltype(tile)>;
    const int64_t n = all.examples, of_in = weights.rows * n, of_out = weights.columns * n;
    // Where every number is read once, or there are few, nothing is gained by a copy of the tile.
    if (tile.count == Tile::width && (weights.columns <= kFew || weights.rows <= kFew)) {
      for (int64_t t = 0; t < all.steps; ++t)
        multiply<Tile::vectors>(in.typed_data() + t * of_in + tile.first, weights,
                                out->typed_data() + t * of_out + tile.first, Apart{n, of_in, of_out});
      return;
    }
    float* rows = scratch<kTileSlot>((weights.rows + weights.columns) * Tile::width);
    float* result = rows + weights.rows * Tile::width;
    for (int64_t t = 0; t < all.steps; ++t) {
      tile.read_rows(in.typed_data() + t * of_in, weights.rows, rows);
      multiply<Tile::vectors>(rows, weights, result);
      tile.write_rows(out->typed_data() + t * of_out, weights.columns, result);
    }
  });
  return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool pool, Floats x, Floats W, Floats b, Result z) {
  const int64_t n = axis(x, 0), steps = axis(x, 1), d = axis(W, 0), k = axis(W, 1);
  require({{"x", x, {n, steps, d}}, {"W", W, {d, k}}, {"b", b, {k}}, {"z", z, {n, steps, k}}});
  const Packed weights(scratch<kWeightsSlot>(Packed::size(d, k)), k, b.typed_data(),
                       {by_row(W.typed_data(), d, k)});
  return product(pool, x, weights, z);
}

ffi::Error input_gradient(ffi::ThreadPool pool, Floats delta, Floats W, Result d_x) {
  const int64_t n = axis(delta, 0), steps = axis(delta, 1), d = axis(W, 0), k = axis(W, 1);
  require({{"delta", delta, {n, steps, k}}, {"W", W, {d, k}}, {"d_x", d_x, {n, steps, d}}});
  const Packed weights(scratch<kWeightsSlot>(Packed::size(k, d)), d, nullptr,
                       {transposed(W.typed_data(), k, k)});
  return product(pool, delta, weights, d_x);
}

}  // namespace

NETGRAD_KERNEL(sequence_dense_forward, forward)
NETGRAD_KERNEL(input_gradient, input_gradient)

}  // namespace netgrad
