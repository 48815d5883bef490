// The cell with a forget gate only: h_t = forget * h_(t-1) + (1 - forget) * candidate.
// Gates in the order forget, candidate.
#include "cell.h"

namespace netgrad {
namespace {

struct ForgetGate {
  static constexpr int gates = 2, memories = 1, own = 0, kept = 2, passes = 1, passes_back = 1;
  static constexpr bool resets = false;

  template <int pass, class At>
  static void step(const At& at) {
    const Vec forget = logistic(at.net(0)), candidate = tanh(at.net(1));
    at.keep(0, forget);
    at.keep(1, candidate);
    at.now(0, forget * at.before(0) + (1.0f - forget) * candidate);
  }

  template <int pass, class At>
  static void step_back(const At& at) {
    const Vec forget = at.kept(0), candidate = at.kept(1), before = at.before(0), d_h = at.d_now(0);
    at.delta(0, d_h * (before - candidate) * forget * (1.0f - forget));
    at.delta(1, d_h * (1.0f - forget) * (1.0f - candidate * candidate));
    at.d_before(0, d_h * forget);
  }
};

}  // namespace

NETGRAD_CELL(forget_gate, ForgetGate)

}  // namespace netgrad
