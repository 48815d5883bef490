// Batch normalisation of maps, examples last in memory: for each position and channel a row of N numbers. Both ways are
// two passes over memory: one for the sums of every channel, one that writes.
//
// a = gamma u + beta with u = (x - mean) / sqrt(variance + epsilon), the rectifier behind it where there is one.
#include <cmath>
#include <vector>

#include "parallel.h"
#include "shapes.h"
#include "simd.h"
#include "tile.h"

namespace netgrad {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Result = ffi::ResultBuffer<ffi::F32>;

constexpr int64_t kMostChannels = 64;      // of a block: their sums, a vector each, stay in the first cache
constexpr int64_t kBlockFloats = 32 << 10;  // and its numbers in the second, where they are read twice

struct Maps {  // (N, ..., channels) as XLA says it, (..., channels, N) in memory
  int64_t n, positions, channels;
  int64_t count() const { return n * positions; }
  double degrees() const { return double(std::max<int64_t>(1, count() - 1)); }
};

struct Block {  // positions and channels, from the first to the one behind the last
  int64_t top, bottom, left, right;
};

// What the maps are cut into, by their sizes alone, so that sums do not depend on the threads.
struct Blocks {
  Maps maps;
  int64_t channels, positions, across, number;

  explicit Blocks(const Maps& of) : maps(of) {
    channels = std::min(kMostChannels, std::max<int64_t>(1, std::min(maps.channels, kBlockFloats / maps.n)));
    positions = std::max<int64_t>(1, kBlockFloats / (channels * maps.n));
    across = ceil_div(maps.channels, channels);
    number = across * ceil_div(maps.positions, positions);
  }
  Block operator()(int64_t i) const {
    const int64_t top = i / across * positions, left = i % across * channels;
    return {top, std::min(top + positions, maps.positions), left, std::min(left + channels, maps.channels)};
  }
  // Calls body(channel, offset, lanes) for every vector of a block, in the order of memory.
  template <typename Body>
  void each(const Block& block, const Body& body) const {
    for (int64_t p = block.top; p < block.bottom; ++p)
      for (int64_t c = block.left; c < block.right; ++c) {
        const int64_t row = (p * maps.channels + c) * maps.n;
        each_vector(maps.n, [&](int64_t i, int lanes) { body(c, row + i, lanes); });
      }
  }
};

// The first `lanes` lanes of v, the others 0.
inline Vec only(Vec v, int lanes) {
  if (lanes == kLanes) return v;
  Vec some = {};
  std::memcpy(&some, &v, sizeof(float) * lanes);
  return some;
}

// Sums over every channel, two at a time: sum_of(channel, offset, lanes) gives two vectors. Each block has sums of its
// own, in parts[block][channel of the block][which].
template <typename Terms>
void sums_of_block(const Blocks& blocks, const Block& block, float (*sums)[2], const Terms& terms) {
  const int64_t channels = block.right - block.left, n = blocks.maps.n;
  Vec* at = reinterpret_cast<Vec*>(scratch<0>(2 * kMostChannels * kLanes));
  std::memset(static_cast<void*>(at), 0, sizeof(Vec) * 2 * channels);
  for (int64_t p = block.top; p < block.bottom; ++p)
    for (int64_t c = block.left; c < block.right; ++c) {
      const int64_t row = (p * blocks.maps.channels + c) * n;
      Vec first = {}, second = {};
      each_vector(n, [&](int64_t i, int lanes) { terms(c, row + i, lanes, first, second); });
      at[2 * (c - block.left)] += first;
      at[2 * (c - block.left) + 1] += second;
    }
  for (int64_t c = 0; c < channels; ++c)
    for (int k = 0; k < 2; ++k) sums[c][k] = sum_lanes(at[2 * c + k]);
}

using Sums = float[kMostChannels][2];

// Mean, and variance with divisor n - 1: each block's mean and squares about it, twice through the block while it lies
// in cache, then all blocks' together, so that no large squares are subtracted from each other.
void moments(ffi::ThreadPool& pool, const Blocks& blocks, const float* x, float* mean, float* variance) {
  const Maps& maps = blocks.maps;
  std::vector<float> kept(blocks.number * kMostChannels * 2);
  Sums* parts = reinterpret_cast<Sums*>(kept.data());
  parallel_for(pool, blocks.number, 4 * maps.count() * maps.channels, [&](int64_t i) {
    const Block block = blocks(i);
    const float share = 1.0f / float((block.bottom - block.top) * maps.n);
    float own[kMostChannels];
    sums_of_block(blocks, block, parts[i], [&](int64_t, int64_t at, int lanes, Vec& first, Vec&) {
      first += load_lanes(x + at, lanes);
    });
    for (int64_t c = 0; c < block.right - block.left; ++c) own[c] = parts[i][c][0] * share;
    sums_of_block(blocks, block, parts[i], [&](int64_t c, int64_t at, int lanes, Vec& first, Vec& second) {
      const Vec centred = only(load_lanes(x + at, lanes) - own[c - block.left], lanes);
      first += centred;
      second += centred * centred;
    });
    // What rounding left of the mean: the squares about `own` are those about the mean and this much more.
    for (int64_t c = 0; c < block.right - block.left; ++c) {
      const float rest = parts[i][c][0] * share;
      parts[i][c][1] -= rest * parts[i][c][0];
      parts[i][c][0] = own[c] + rest;
    }
  });
  for (int64_t c = 0; c < maps.channels; ++c) {
    double sum = 0, squares = 0;
    const int64_t own = c % blocks.channels;
    for (int64_t i = c / blocks.channels; i < blocks.number; i += blocks.across)
      sum += double(parts[i][own][0]) * double((blocks(i).bottom - blocks(i).top) * maps.n);
    const double centre = sum / double(maps.count());
    for (int64_t i = c / blocks.channels; i < blocks.number; i += blocks.across) {
      const double off = parts[i][own][0] - centre;
      squares += parts[i][own][1] + off * off * double((blocks(i).bottom - blocks(i).top) * maps.n);
    }
    mean[c] = float(centre);
    variance[c] = float(squares / maps.degrees());
  }
}

// Of one channel: what its numbers meet.
struct Channel {
  float mean, scale, beta;
  Vec before(Vec x) const { return (x - mean) * scale + beta; }  // what a rectifier gets
};

std::vector<Channel> channels_of(const Maps& maps, const float* gamma, const float* beta, const float* mean,
                                 const float* variance, float epsilon) {
  std::vector<Channel> all(maps.channels);
  for (int64_t c = 0; c < maps.channels; ++c)
    all[c] = {mean[c], gamma[c] / std::sqrt(variance[c] + epsilon), beta[c]};
  return all;
}

template <bool rectified>
void forward(ffi::ThreadPool& pool, const Maps& maps, const float* x, const float* gamma, const float* beta,
             float epsilon, float* a, float* mean, float* variance) {
  const Blocks blocks(maps);
  moments(pool, blocks, x, mean, variance);
  const std::vector<Channel> channels = channels_of(maps, gamma, beta, mean, variance, epsilon);
  parallel_for(pool, blocks.number, 4 * maps.count() * maps.channels, [&](int64_t i) {
    blocks.each(blocks(i), [&](int64_t c, int64_t at, int lanes) {
      const Vec z = channels[c].before(load_lanes(x + at, lanes));
      store_lanes(a + at, rectified ? at_least(z, 0.0f) : z, lanes);
    });
  });
}

// dE/dbeta = sum d, dE/dgamma = sum d u and, with r = 1 / sqrt(variance + epsilon),
// dE/dx = gamma r (d - (sum d) / n - u (sum d u) / (n - 1)); d is dE/da, 0 where the rectifier stopped it.
template <bool rectified>
void backward(ffi::ThreadPool& pool, const Maps& maps, const float* x, const float* gamma, const float* beta,
              const float* mean, const float* variance, const float* d_out, float epsilon, float* d_x, float* d_gamma,
              float* d_beta) {
  const Blocks blocks(maps);
  const std::vector<Channel> channels = channels_of(maps, gamma, beta, mean, variance, epsilon);
  const auto passed = [&](const Channel& channel, Vec x_here, int64_t at, int lanes) {
    const Vec d = load_lanes(d_out + at, lanes);
    if constexpr (rectified) return channel.before(x_here) > 0.0f ? d : Vec{};
    return d;
  };
  std::vector<float> kept(blocks.number * kMostChannels * 2);
  Sums* parts = reinterpret_cast<Sums*>(kept.data());
  parallel_for(pool, blocks.number, 4 * maps.count() * maps.channels, [&](int64_t i) {
    sums_of_block(blocks, blocks(i), parts[i], [&](int64_t c, int64_t at, int lanes, Vec& first, Vec& second) {
      const Vec x_here = load_lanes(x + at, lanes), d = passed(channels[c], x_here, at, lanes);
      first += d;
      second += d * (x_here - channels[c].mean);
    });
  });
  struct Back {
    float share, slope;  // what is taken from d, and from x - mean
  };
  std::vector<Back> back(maps.channels);
  for (int64_t c = 0; c < maps.channels; ++c) {
    double sum = 0, centred = 0;
    for (int64_t i = c / blocks.channels; i < blocks.number; i += blocks.across) {
      sum += parts[i][c % blocks.channels][0];
      centred += parts[i][c % blocks.channels][1];
    }
    const double r = 1 / std::sqrt(double(variance[c]) + epsilon);
    d_beta[c] = float(sum);
    d_gamma[c] = float(centred * r);
    back[c] = {float(sum / double(maps.count())), float(centred * r * r / maps.degrees())};
  }
  parallel_for(pool, blocks.number, 4 * maps.count() * maps.channels, [&](int64_t i) {
    blocks.each(blocks(i), [&](int64_t c, int64_t at, int lanes) {
      const Channel& channel = channels[c];
      const Vec x_here = load_lanes(x + at, lanes), d = passed(channel, x_here, at, lanes);
      store_lanes(d_x + at, (d - back[c].share - (x_here - channel.mean) * back[c].slope) * channel.scale, lanes);
    });
  });
}

Maps maps_of(const Array& x) {
  const Dimensions shape = x.dimensions();
  if (shape.size() < 2 || x.element_count() == 0) throw std::invalid_argument("x has no axis of channels, or no numbers");
  const int64_t n = shape[0], channels = shape[shape.size() - 1];
  return {n, int64_t(x.element_count()) / (n * channels), channels};
}

std::vector<int64_t> dimensions(const Array& x) { return {x.dimensions().begin(), x.dimensions().end()}; }

ffi::Error batch_norm_forward(ffi::ThreadPool pool, Array x, Array gamma, Array beta, Result a, Result mean,
                              Result variance, Epsilon epsilon, Rectified rectified) {
  const Maps maps = maps_of(x);
  const std::vector<int64_t> units = {maps.channels};
  require({{"gamma", gamma, units}, {"beta", beta, units}, {"a", a, dimensions(x)}, {"mean", mean, units},
           {"variance", variance, units}});
  (*rectified ? forward<true> : forward<false>)(pool, maps, x.typed_data(), gamma.typed_data(), beta.typed_data(),
                                                *epsilon, a->typed_data(), mean->typed_data(), variance->typed_data());
  return ffi::Error::Success();
}

ffi::Error batch_norm_backward(ffi::ThreadPool pool, Array x, Array gamma, Array beta, Array mean, Array variance,
                               Array d_out, Result d_x, Result d_gamma, Result d_beta, Epsilon epsilon,
                               Rectified rectified) {
  const Maps maps = maps_of(x);
  const std::vector<int64_t> units = {maps.channels}, all = dimensions(x);
  require({{"gamma", gamma, units}, {"beta", beta, units}, {"mean", mean, units}, {"variance", variance, units},
           {"d_out", d_out, all}, {"d_x", d_x, all}, {"d_gamma", d_gamma, units}, {"d_beta", d_beta, units}});
  (*rectified ? backward<true> : backward<false>)(
      pool, maps, x.typed_data(), gamma.typed_data(), beta.typed_data(), mean.typed_data(), variance.typed_data(),
      d_out.typed_data(), *epsilon, d_x->typed_data(), d_gamma->typed_data(), d_beta->typed_data());
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(batch_norm_forward, batch_norm_forward)
NETGRAD_KERNEL(batch_norm_backward, batch_norm_backward)

}  // namespace netgrad
