// The simple recurrent network: h_t = f(x_t W + h_(t-1) U + b).
#include "cell.h"

namespace netgrad {
namespace {

struct Tanh {
  static Vec value(Vec z) { return tanh(z); }
  static Vec derivative(Vec h) { return 1.0f - h * h; }  // in terms of h = f(z)
};
struct Logistic {
  static Vec value(Vec z) { return logistic(z); }
  static Vec derivative(Vec h) { return h * (1.0f - h); }
};
struct Relu {
  static Vec value(Vec z) { return at_least(z, 0.0f); }
  static Vec derivative(Vec h) { return h > 0.0f ? broadcast(1.0f) : (h != h ? h : Vec{}); }
};
struct Identity {
  static Vec value(Vec z) { return z; }
  static Vec derivative(Vec) { return broadcast(1.0f); }
};

template <class F>
struct Rnn {
  static constexpr int gates = 1, memories = 1, own = 0, kept = 0, passes = 1, passes_back = 1;
  static constexpr bool resets = false;

  template <int pass, class At>
  static void step(const At& at) {
    at.now(0, F::value(at.net(0)));
  }

  template <int pass, class At>
  static void step_back(const At& at) {
    at.delta(0, at.d_now(0) * F::derivative(at.now(0)));
    at.d_before(0, Vec{});
  }
};

}  // namespace

NETGRAD_CELL(rnn_tanh, Rnn<Tanh>)
NETGRAD_CELL(rnn_logistic, Rnn<Logistic>)
NETGRAD_CELL(rnn_relu, Rnn<Relu>)
NETGRAD_CELL(rnn_identity, Rnn<Identity>)

}  // namespace netgrad
