// The LSTM whose input gate is what its forget gate lets go, i = 1 - f. Gates in the order forget, output, candidate.
#include "cell.h"

namespace netgrad {
namespace {

struct CoupledLstm {
  static constexpr int gates = 3, memories = 2, own = 0, kept = 3, passes = 2, passes_back = 2;
  static constexpr bool resets = false;

  template <int pass, class At>
  static void step(const At& at) {
    const Vec c = at.before(1);
    if constexpr (pass == 0) {
      const Vec forget = logistic(at.net(0)), candidate = tanh(at.net(2));
      at.keep(0, forget);
      at.keep(2, candidate);
      at.now(1, forget * c + (1.0f - forget) * candidate);
    } else {
      const Vec output = logistic(at.net(1));
      at.keep(1, output);
      at.now(0, output * tanh(c));
    }
  }

  template <int pass, class At>
  static void step_back(const At& at) {
    if constexpr (pass == 0) return at.leave(0, tanh(at.now(1)));
    const Vec forget = at.kept(0), output = at.kept(1), candidate = at.kept(2);
    const Vec tanh_c = at.left(0), d_h = at.d_now(0);
    const Vec d_c = at.d_now(1) + d_h * output * (1.0f - tanh_c * tanh_c);
    at.delta(0, d_c * (at.before(1) - candidate) * forget * (1.0f - forget));
    at.delta(1, d_h * tanh_c * output * (1.0f - output));
    at.delta(2, d_c * (1.0f - forget) * (1.0f - candidate * candidate));
    at.d_before(1, d_c * forget);
    at.d_before(0, Vec{});
  }
};

}  // namespace

NETGRAD_CELL(coupled_lstm, CoupledLstm)

}  // namespace netgrad
