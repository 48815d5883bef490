// The gated recurrent unit: h_t = (1 - update) * h_(t-1) + update * candidate, where the candidate sees
// reset * h_(t-1). Gates in the order reset, update, candidate.
#include "cell.h"

namespace netgrad {
namespace {

struct Gru {
  static constexpr int gates = 3, memories = 1, own = 0, kept = 3, passes = 1, passes_back = 1;
  static constexpr bool resets = true;

  template <int pass, class At>
  static void step(const At& at) {
    const Vec update = logistic(at.net(1)), candidate = tanh(at.net(2));
    at.keep(1, update);
    at.keep(2, candidate);
    at.now(0, (1.0f - update) * at.before(0) + update * candidate);
  }

  template <int pass, class At>
  static void step_back(const At& at) {
    const Vec update = at.kept(1), candidate = at.kept(2), before = at.before(0), d_h = at.d_now(0);
    at.delta(1, d_h * (candidate - before) * update * (1.0f - update));
    at.delta(2, d_h * update * (1.0f - candidate * candidate));
    at.d_before(0, d_h * (1.0f - update));
  }
};

}  // namespace

NETGRAD_CELL(gru, Gru)

}  // namespace netgrad
