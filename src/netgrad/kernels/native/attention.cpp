// Scaled dot-product attention of several heads, forward and back, a block of queries after the other. Scores and weights
// of a block are made in cache and forgotten: of each query its largest score and the sum of the others' powers are kept,
// from which the way back makes the weights again. What the mask takes away is computed only where it shares a vector or
// a block with what is left.
//
// q (N, T, units), k and v (N, S, units) lie examples first, the heads side by side, as dense layers leave them. Step t
// of an example attends to its first `given` keys, if causal to those up to t; steps from `asked` on attend to none.
#include <cmath>
#include <limits>

#include "block_product.h"
#include "recurrent.h"
#include "transpose.h"

namespace netgrad {
namespace {

NETGRAD_ATTRIBUTE(Heads, int64_t, "heads")
NETGRAD_ATTRIBUTE(Causal, bool, "causal")

constexpr int64_t kPanel = kProductVectors * kLanes;  // keys that lie side by side
constexpr int64_t kQueries = 24;                    // of a block; a multiple of kProductRows
constexpr int64_t kKeys = 128;                      // of a tile on the way back; a multiple of kPanel
enum Slot { kOneSlot, kBlockSlot };

int64_t whole(int64_t count, int64_t of) { return ceil_div(count, of) * of; }

// e^x for x <= 0 within 2 units in the last place; 0 where that would be below the normal numbers.
inline Vec exp_of_negative(Vec x) {
  const Vec m = at_least(x, -87.0f);
  const Vec shifted = m * 1.44269504088896341f + kRound;
  const Vec n = shifted - kRound;
  Vec r = m - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vec p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return x < -87.0f ? Vec{} : p * power_of_two(shifted);
}

inline IntVec lane_numbers() {
  int32_t numbers[kLanes];
  for (int i = 0; i < kLanes; ++i) numbers[i] = i;
  IntVec v;
  std::memcpy(&v, numbers, sizeof v);
  return v;
}

// The vector at `j` of a row that ends after `valid` numbers, with another number behind its end.
inline Vec ending(Vec value, int64_t j, int64_t valid, float otherwise) {
  return j + kLanes <= valid ? value : (lane_numbers() < int32_t(valid - j) ? value : broadcast(otherwise));
}

inline void clear(float* row, int64_t from, int64_t to) {
  if (to > from) std::fill(row + from, row + to, 0.0f);
}

// Rows that lie `stride` apart, times a number, side by side in whole vectors.
void copy_rows(const float* from, int64_t stride, int64_t rows, int64_t width, float scale, float* to) {
  for (int64_t r = 0; r < rows; ++r, from += stride)
    for (int64_t i = 0; i < width; i += kLanes, to += kLanes) {
      const int lanes = int(std::min<int64_t>(kLanes, width - i));
      store(to, (lanes == kLanes ? load(from + i) : load_some(from + i, lanes)) * scale);
    }
}

// The inverse, without the lanes that do not exist.
void write_rows(const float* from, int64_t rows, int64_t width, float scale, float* to, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, to += stride)
    for (int64_t i = 0; i < width; i += kLanes, from += kLanes) {
      const int lanes = int(std::min<int64_t>(kLanes, width - i));
      if (lanes == kLanes) store(to + i, load(from) * scale);
      else store_some(to + i, load(from) * scale, lanes);
    }
}

void write_zeros(int64_t rows, int64_t width, float* to, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r) std::fill_n(to + r * stride, width, 0.0f);
}

// Panels of kPanel rows, transposed: number i of row s stands at [s / kPanel][i][s % kPanel]. Beyond the rows stand zeros.
void copy_transposed(const float* from, int64_t stride, int64_t rows, int64_t width, float scale, float* to) {
  for (int64_t s = 0; s < whole(rows, kPanel); s += kLanes)
    for (int64_t i = 0; i < width; i += kLanes) {
      const int lanes = int(std::min<int64_t>(kLanes, width - i));
      Vec block[kLanes];
      for (int j = 0; j < kLanes; ++j) {
        const float* row = from + (s + j) * stride + i;
        block[j] = s + j >= rows ? Vec{} : (lanes == kLanes ? load(row) : load_some(row, lanes)) * scale;
      }
      transpose(block);
      for (int j = 0; j < lanes; ++j) store(to + (s / kPanel * width + i + j) * kPanel + s % kPanel, block[j]);
    }
}

struct Attention {
  int64_t examples, heads, queries, keys, width;  // width: of a head
  bool causal;
  const int32_t *asked, *given;

  int64_t units() const { return heads * width; }
  int64_t padded() const { return whole(width, kLanes); }
  int64_t vectors() const { return padded() / kLanes; }
  int64_t pairs() const { return examples * heads; }
  float scale() const { return 1.0f / std::sqrt(float(width)); }
  int64_t multiply_adds() const { return pairs() * queries * keys * width; }

  // Of an example.
  int64_t asking(int64_t n) const { return std::clamp<int64_t>(asked[n], 0, queries); }
  int64_t answering(int64_t n) const { return std::clamp<int64_t>(given[n], 0, keys); }
  // How many of so many keys query t sees.
  int64_t seen(int64_t t, int64_t answers) const { return causal ? std::min(t + 1, answers) : answers; }

  // Where head h of example n begins, in queries and in keys.
  int64_t query(int64_t n, int64_t h, int64_t t) const { return (n * queries + t) * units() + h * width; }
  int64_t key(int64_t n, int64_t h) const { return n * keys * units() + h * width; }
  // Largest score and what the powers' sum is divided by, of a query.
  int64_t kept(int64_t n, int64_t h, int64_t t) const { return ((n * heads + h) * queries + t) * 2; }

  // Products of a block of queries, or of their gradients, with the panels of transposed rows from key `first` on.
  void meet(const float* block, int64_t stride, int64_t rows, const float* panels, int64_t first, int64_t count,
            float* out, int64_t out_stride) const {
    for (int64_t s = 0; s < count; s += kPanel)
      multiply_block_of({block, stride, 1}, rows, width, panels + (first + s) * width, kPanel,
                        ceil_div(std::min(kPanel, count - s), kLanes), out + s, out_stride);
  }
};

// Scores become powers of their distance from the largest, of which that and 1 / their sum are returned.
void raise(float* row, int64_t valid, float* kept) {
  constexpr float kLeast = -std::numeric_limits<float>::infinity();
  Vec top = broadcast(kLeast);
  for (int64_t j = 0; j < valid; j += kLanes) {
    const Vec score = ending(load(row + j), j, valid, kLeast);
    top = score > top ? score : top;
  }
  float lanes[kLanes];
  std::memcpy(lanes, &top, sizeof lanes);
  float largest = *std::max_element(lanes, lanes + kLanes);
  if (largest == kLeast) largest = 0;  // as where nothing is seen
  Vec total = {};
  for (int64_t j = 0; j < valid; j += kLanes) {
    const Vec power = ending(exp_of_negative(load(row + j) - largest), j, valid, 0);
    store(row + j, power);
    total += power;
  }
  const float sum = sum_lanes(total);
  kept[0] = largest;
  kept[1] = sum == 0 ? 0 : 1 / sum;
}

// Queries from `begin` to `end` of one head of one example.
void attend(const Attention& g, int64_t n, int64_t h, int64_t begin, int64_t end, const float* q, const float* k,
            const float* v, float* attended, float* kept) {
  const int64_t padded = g.padded(), asking = std::min(g.asking(n), end);
  const int64_t answers = g.seen(end - 1, g.answering(n)), row = whole(answers, kPanel);
  float* transposed_keys = scratch<kOneSlot>(row * g.width + answers * padded);
  float* values = transposed_keys + row * g.width;
  copy_transposed(k + g.key(n, h), g.units(), answers, g.width, g.scale(), transposed_keys);
  copy_rows(v + g.key(n, h), g.units(), answers, g.width, 1, values);
  float* scores = scratch<kBlockSlot>(kQueries * (row + padded));
  float* out = scores + kQueries * row;
  for (int64_t t = begin; t < end; t += kQueries) {
    const int64_t rows = std::max<int64_t>(0, std::min(kQueries, asking - t)), last = std::min(t + kQueries, end);
    const int64_t seen = rows ? g.seen(t + rows - 1, answers) : 0;
    g.meet(q + g.query(n, h, t), g.units(), rows, transposed_keys, 0, seen, scores, row);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t valid = g.seen(t + r, answers);
      raise(scores + r * row, valid, kept + g.kept(n, h, t + r));
      clear(scores + r * row, valid, seen);
    }
    multiply_block_of({scores, row, 1}, rows, seen, values, padded, g.vectors(), out, padded);
    for (int64_t r = 0; r < rows; ++r)
      write_rows(out + r * padded, 1, g.width, kept[g.kept(n, h, t + r) + 1], attended + g.query(n, h, t + r), 0);
    write_zeros(last - t - rows, g.width, attended + g.query(n, h, t + rows), g.units());
    std::fill_n(kept + g.kept(n, h, t + rows), 2 * (last - t - rows), 0.0f);
  }
}

// One head of one example on the way back, a block of queries by a tile of keys after the other.
struct Back {
  const Attention& g;
  const float *q, *k, *v, *attended, *kept, *d_attended;
  float *d_q, *d_k, *d_v;

  void run(int64_t n, int64_t h) const {
    const int64_t width = g.width, padded = g.padded(), units = g.units();
    const int64_t asking = g.asking(n), answers = g.seen(asking - 1, g.answering(n)), row = whole(answers, kPanel);
    float* transposed_keys = scratch<kOneSlot>(2 * row * width + 3 * answers * padded);
    float* transposed_values = transposed_keys + row * width;
    float* keys = transposed_values + row * width;
    float* to_keys = keys + answers * padded;
    float* to_values = to_keys + answers * padded;
    copy_transposed(k + g.key(n, h), units, answers, width, g.scale(), transposed_keys);
    copy_transposed(v + g.key(n, h), units, answers, width, 1, transposed_values);
    copy_rows(k + g.key(n, h), units, answers, width, g.scale(), keys);
    clear(to_keys, 0, 2 * answers * padded);
    float* queries = scratch<kBlockSlot>(kQueries * (3 * padded + 2 * kKeys));
    float* arrived = queries + kQueries * padded;
    float* to_queries = arrived + kQueries * padded;
    float* weights = to_queries + kQueries * padded;
    float* d_scores = weights + kQueries * kKeys;
    for (int64_t t = 0; t < asking; t += kQueries) {
      const int64_t rows = std::min(kQueries, asking - t), at = g.query(n, h, t);
      const int64_t seen = g.seen(t + rows - 1, answers);
      copy_rows(q + at, units, rows, width, g.scale(), queries);
      copy_rows(d_attended + at, units, rows, width, 1, arrived);
      clear(to_queries, 0, rows * padded);
      for (int64_t first = 0; first < seen; first += kKeys) {
        const int64_t count = std::min(kKeys, seen - first);
        g.meet(q + at, units, rows, transposed_keys, first, count, weights, kKeys);
        g.meet(arrived, padded, rows, transposed_values, first, count, d_scores, kKeys);
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t valid = std::clamp<int64_t>(g.seen(t + r, answers) - first, 0, count);
          slopes(n, h, t + r, valid, weights + r * kKeys, d_scores + r * kKeys);
          clear(weights + r * kKeys, valid, count);
          clear(d_scores + r * kKeys, valid, count);
        }
        multiply_block_of<true>({weights, 1, kKeys}, count, rows, arrived, padded, g.vectors(),
                                to_values + first * padded, padded);
        multiply_block_of<true>({d_scores, 1, kKeys}, count, rows, queries, padded, g.vectors(),
                                to_keys + first * padded, padded);
        multiply_block_of<true>({d_scores, kKeys, 1}, rows, count, keys + first * padded, padded, g.vectors(),
                                to_queries, padded);
      }
      write_rows(to_queries, rows, width, 1, d_q + at, units);
    }
    write_zeros(g.queries - asking, width, d_q + g.query(n, h, asking), units);
    for (const auto& [from, to] : {std::pair{to_keys, d_k}, std::pair{to_values, d_v}}) {
      write_rows(from, answers, width, 1, to + g.key(n, h), units);
      write_zeros(g.keys - answers, width, to + g.key(n, h) + answers * units, units);
    }
  }

  // Of query t: its scores become weights, and what arrived at the weights becomes the gradient of the scores.
  void slopes(int64_t n, int64_t h, int64_t t, int64_t valid, float* weights, float* d) const {
    const float* of = kept + g.kept(n, h, t);
    const float largest = of[0], share = of[1];
    const float *a = attended + g.query(n, h, t), *d_a = d_attended + g.query(n, h, t);
    Vec products = {};  // weights . dE/dweights is attended . dE/dattended
    for (int64_t i = 0; i < g.width; i += kLanes) {
      const int lanes = int(std::min<int64_t>(kLanes, g.width - i));
      products += lanes == kLanes ? load(a + i) * load(d_a + i) : load_some(a + i, lanes) * load_some(d_a + i, lanes);
    }
    const float mean = sum_lanes(products);
    for (int64_t j = 0; j < valid; j += kLanes) {
      const Vec weight = exp_of_negative(load(weights + j) - largest) * share;
      store(weights + j, weight);
      store(d + j, weight * (load(d + j) - mean));
    }
  }
};

Attention checked(const Floats& q, const Floats& k, const Lengths& asked, const Lengths& given, int64_t heads,
                  bool causal) {
  const int64_t n = axis(q, 0), steps = axis(q, 1), units = axis(q, 2), answers = axis(k, 1);
  require({{"q", q, {n, steps, units}}, {"k", k, {n, answers, units}}, {"asked", asked, {n}}, {"given", given, {n}}});
  if (heads < 1 || units < 1 || units % heads != 0) throw std::invalid_argument("attention: heads must divide units");
  return {n, heads, steps, answers, units / heads, causal, asked.typed_data(), given.typed_data()};
}

ffi::Error forward(ffi::ThreadPool pool, Floats q, Floats k, Floats v, Lengths asked, Lengths given, Result attended,
                   Result kept, Heads heads, Causal causal) {
  const Attention g = checked(q, k, asked, given, *heads, *causal);
  require({{"v", v, {g.examples, g.keys, g.units()}}, {"attended", attended, {g.examples, g.queries, g.units()}},
           {"kept", kept, {g.examples, g.heads, g.queries, 2}}});
  // Few heads of few examples are cut into blocks of queries, at places that do not depend on the threads.
  const int64_t blocks = ceil_div(g.queries, kQueries), share = g.pairs() < 16 ? 2 : blocks;
  const int64_t parts = std::max<int64_t>(1, ceil_div(blocks, std::max<int64_t>(1, share)));
  parallel_for(pool, g.pairs() * parts, 2 * g.multiply_adds(), [&](int64_t task) {
    const int64_t pair = task / parts, begin = task % parts * share * kQueries;
    attend(g, pair / g.heads, pair % g.heads, begin, std::min(begin + share * kQueries, g.queries), q.typed_data(),
           k.typed_data(), v.typed_data(), attended->typed_data(), kept->typed_data());
  });
  return ffi::Error::Success();
}

ffi::Error backward(ffi::ThreadPool pool, Floats q, Floats k, Floats v, Lengths asked, Lengths given, Floats attended,
                    Floats kept, Floats d_attended, Result d_q, Result d_k, Result d_v, Heads heads, Causal causal) {
  const Attention g = checked(q, k, asked, given, *heads, *causal);
  const std::vector<int64_t> of_queries = {g.examples, g.queries, g.units()}, of_keys = {g.examples, g.keys, g.units()};
  require({{"v", v, of_keys}, {"attended", attended, of_queries}, {"kept", kept, {g.examples, g.heads, g.queries, 2}},
           {"d_attended", d_attended, of_queries}, {"d_q", d_q, of_queries}, {"d_k", d_k, of_keys},
           {"d_v", d_v, of_keys}});
  const Back back{g, q.typed_data(), k.typed_data(), v.typed_data(), attended.typed_data(), kept.typed_data(),
                  d_attended.typed_data(), d_q->typed_data(), d_k->typed_data(), d_v->typed_data()};
  parallel_for(pool, g.pairs(), 5 * g.multiply_adds(),
               [&](int64_t pair) { back.run(pair / g.heads, pair % g.heads); });
  return ffi::Error::Success();
}

}  // namespace

NETGRAD_KERNEL(attention_forward, forward)
NETGRAD_KERNEL(attention_backward, backward)

}  // namespace netgrad
