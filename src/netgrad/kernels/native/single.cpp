// Runs a plan of `single.h`, called through ctypes: JAX's way into a program takes longer than a small network.
#include "single_recurrent.h"
#include "single_threads.h"

namespace netgrad::single {

// n examples, one behind the other in x and out.
void run_op(const Op& op, const float* x, float* out, int64_t n) {
  const auto each = [&](auto run) {
    for (int64_t e = 0; e < n; ++e) run(op, x + e * op.in_size, out + e * op.out_size);
  };
  switch (op.kind) {
    case kDense:
      dense(least(op), x, n * op.n[0], op.n[1], op.n[2], op.p[0], op.p[1], out);
      return bend(op, out, n * op.n[0] * op.n[2]);
    case kConvolution: return each(convolution);
    case kPooling: return each(pooling);
    case kAffine: return affine(op, x, n * op.n[0], op.n[1], out);
    case kSoftmax: return softmax(x, n * op.n[0], op.n[1], out);
    case kEmbedding: return embedding(op, x, n * op.n[0], out);
    case kRnn: return each(recurrent<Rnn>);
    case kGru: return each(recurrent<Gru>);
    case kGruResetAfter: return each(recurrent<GruResetAfter>);
    case kLstm: return each(recurrent<Lstm>);
  }
}

}  // namespace netgrad::single

// How the plan must be laid out: lanes of a vector, vectors of a block, steps ahead, bytes of an Op.
extern "C" __attribute__((visibility("default"))) int64_t netgrad_plan_layout(int which) {
  using namespace netgrad;
  const int64_t known[] = {kLanes, single::kBlock, single::kAhead, sizeof(single::Op)};
  return known[which];
}

// x (n, ...) -> out (n, ...), `block` examples from the first op to the last at a time, by so many threads: each has ops
// of its own, which differ in the memory between them.
extern "C" __attribute__((visibility("default"))) void netgrad_run_plan(const netgrad::single::Op* ops, int64_t number,
                                                                         const float* x, float* out, int64_t n,
                                                                         int64_t block, int64_t threads) {
  using namespace netgrad::single;
  const auto run_block = [=](int64_t i, int worker) {
    const int64_t first = i * block, now = std::min(block, n - first);
    const Op* own = ops + worker * number;
    for (const Op* op = own; op < own + number; ++op) run_op(*op, op->in ? op->in : x + first * op->in_size, op->out, now);
    const Op& last = own[number - 1];  // not into `out` at once: it would write beyond, where another thread has written
    std::memcpy(out + first * last.out_size, last.out, sizeof(float) * now * last.out_size);
  };
  const int64_t blocks = (n + block - 1) / block;
  if (threads > 1) return Helpers::run(blocks, int(threads) - 1, run_block);
  for (int64_t i = 0; i < blocks; ++i) run_block(i, 0);
}
