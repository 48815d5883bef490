// The long short-term memory, with peepholes. Gates in the order input, forget, output, candidate.
#include "cell.h"

namespace netgrad {
namespace {

struct Lstm {
  static constexpr int gates = 4, memories = 2, own = 3, kept = 4, passes = 2, passes_back = 2;
  static constexpr bool resets = false;

  template <int pass, class At>
  static void step(const At& at) {
    const Vec c = at.before(1);
    if constexpr (pass == 0) {
      const Vec input = logistic(at.net(0) + at.own(0) * c);
      const Vec forget = logistic(at.net(1) + at.own(1) * c);
      const Vec candidate = tanh(at.net(3));
      at.keep(0, input);
      at.keep(1, forget);
      at.keep(3, candidate);
      at.now(1, forget * c + input * candidate);
    } else {
      const Vec output = logistic(at.net(2) + at.own(2) * c);
      at.keep(2, output);
      at.now(0, output * tanh(c));
    }
  }

  template <int pass, class At>
  static void step_back(const At& at) {
    if constexpr (pass == 0) return at.leave(0, tanh(at.now(1)));
    const Vec input = at.kept(0), forget = at.kept(1), output = at.kept(2), candidate = at.kept(3);
    const Vec tanh_c = at.left(0), d_h = at.d_now(0);
    const Vec of_output = d_h * tanh_c * output * (1.0f - output);
    const Vec d_c = at.d_now(1) + d_h * output * (1.0f - tanh_c * tanh_c) + of_output * at.own(2);
    const Vec of_input = d_c * candidate * input * (1.0f - input);
    const Vec of_forget = d_c * at.before(1) * forget * (1.0f - forget);
    at.delta(0, of_input);
    at.delta(1, of_forget);
    at.delta(2, of_output);
    at.delta(3, d_c * input * (1.0f - candidate * candidate));
    at.d_before(1, d_c * forget + of_input * at.own(0) + of_forget * at.own(1));
    at.d_before(0, Vec{});
  }
};

}  // namespace

NETGRAD_CELL(lstm, Lstm)

}  // namespace netgrad
