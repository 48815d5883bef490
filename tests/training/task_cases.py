"""One case for each registered task, and two tasks that have no loss to follow: what the contract must carry."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import netgrad as ng
from netgrad.network import backward, forward
from netgrad.tasks.pairs import Siamese, _examples
from netgrad.training.supervised import Supervised


def perceptron(outputs, activation):
    return ng.Sequential([ng.Dense(16, activation=activation), ng.Dense(outputs, name="out")])


@ng.register("task", "test_gan")
@dataclass(frozen=True)
class GAN(ng.Task):
    """Two networks, two optimisers, two losses; netgrad's own backward rules on both sides."""

    latent: int = 3
    generator: ng.Network = perceptron(2, "relu")
    discriminator: ng.Network = perceptron(1, "leaky_relu")
    optimizer: Any = field(default=optax.adam(5e-3, b1=0.5))

    def init(self, key, batch):
        one, other = jax.random.split(key)
        params = {
            "generator": self.generator.init(one, (self.latent,))[0],
            "discriminator": self.discriminator.init(other, batch.x["x"].shape[1:])[0],
        }
        return params, {}

    def init_optimizer(self, params):
        return {name: self.optimizer.init(part) for name, part in params.items()}

    def fake(self, params, key, n):
        return forward(self.generator, params, {}, {"x": jax.random.normal(key, (n, self.latent))})

    def judge(self, params, x, truth):
        """The discriminator's loss on these, the gradients of its parameters and of what it was shown."""
        loss = ng.BinaryCrossEntropy()
        run = forward(self.discriminator, params, {}, {"x": x})
        delta = loss.delta(run.outputs["out"], truth) / len(truth)
        back = backward(self.discriminator, params, run.saved, {"out": delta})
        return loss.value(run.outputs["out"], truth).mean(), back

    def update(self, carry, name, gradient):
        updates, opt_state = self.optimizer.update(gradient, carry.opt_state[name], carry.params[name])
        params = carry.params | {name: optax.apply_updates(carry.params[name], updates)}
        return carry._replace(params=params, opt_state=carry.opt_state | {name: opt_state})

    def step(self, carry, batch, key):
        x, n = batch.x["x"], batch.size
        run = self.fake(carry.params["generator"], key, n)
        fake = run.outputs["out"]
        truth = jnp.concatenate([jnp.ones((n, 1)), jnp.zeros((n, 1))])
        d_loss, back = self.judge(carry.params["discriminator"], jnp.concatenate([x, fake]), truth)
        carry = self.update(carry, "discriminator", back.params)
        g_loss, through = self.judge(carry.params["discriminator"], fake, jnp.ones((n, 1)))
        back = backward(self.generator, carry.params["generator"], run.saved, {"out": through.inputs["x"]})
        carry = self.update(carry, "generator", back.params)
        return carry, {"loss": g_loss + d_loss, "generator": g_loss, "discriminator": d_loss}

    def sample(self, params, n, seed=0):
        return np.asarray(self.fake(params["generator"], jax.random.key(seed), n).outputs["out"])


@ng.register("task", "test_rbm")
@dataclass(frozen=True)
class RBM(ng.Task):
    """A Boltzmann machine by contrastive divergence: no network, no gradient of a loss, no optimiser."""

    hidden: int = 10
    rate: float = 0.5

    def init(self, key, batch):
        visible = batch.x["x"].shape[1]
        W = 0.01 * jax.random.normal(key, (visible, self.hidden))
        return {"W": W, "b": jnp.zeros(visible), "c": jnp.zeros(self.hidden)}, {}

    def up(self, params, v):
        return jax.nn.sigmoid(v @ params["W"] + params["c"])

    def down(self, params, h):
        return jax.nn.sigmoid(h @ params["W"].T + params["b"])

    def step(self, carry, batch, key):
        p, v, n = carry.params, batch.x["x"], batch.size
        h = self.up(p, v)
        back = self.down(p, jax.random.bernoulli(key, h).astype(v.dtype))
        again = self.up(p, back)
        change = {"W": (v.T @ h - back.T @ again) / n, "b": (v - back).mean(0), "c": (h - again).mean(0)}
        params = jax.tree.map(lambda old, step: old + self.rate * step, p, change)
        return carry._replace(params=params), {"loss": ((v - back) ** 2).mean()}

    def score(self, carry, batch):
        v = jnp.asarray(batch.x["x"])
        away = v - self.down(carry.params, self.up(carry.params, v))
        return {"loss": (away**2).mean(), "wrong": (abs(away) > 0.5).mean()}


def mixture(n=600):
    """Two Gaussians in the plane."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, 2)) * [0.3, 0.2] + np.where(rng.random((n, 1)) < 0.5, [2.0, -1.0], [-2.0, 1.0])).astype(
        np.float32
    )


def patterns(n=400):
    """Four patterns of 24 bits, a twentieth of them flipped."""
    rng = np.random.default_rng(0)
    kinds = rng.random((4, 24)) < 0.5
    return (kinds[rng.integers(0, 4, n)] ^ (rng.random((n, 24)) < 0.05)).astype(np.float32)


def supervised():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3)).astype(np.float32)
    y = x.sum(1)
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    return Supervised.of(ng.untrained(net, x, y), optax.adam(0.01)), (x, y)


def siamese():
    """Twenty labelled examples, and pairs of 100."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(101, 3))
    start = ng.untrained(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)]), x[:20], x[:20].sum(1))
    first = np.arange(100)
    given = {"similar": np.stack([first, first + 1], 1)[:60], "dissimilar": np.stack([first, (first + 2) % 101], 1)}
    return Siamese.of(start, optax.adam(0.01)), _examples(start, x, x[:20].sum(1), None, given, 0)


# By registered name: the task and data for it, in the form that its `batch` takes.
CASES = {
    "supervised": supervised(),
    "test_gan": (GAN(), mixture(100)),
    "test_rbm": (RBM(), patterns(100)),
    "rbm": (ng.tasks.RBM(6, k=2, persistent=True, chains=20, momentum=0.5, learning_rate=0.05), patterns(100)),
    "siamese": siamese(),
    "adversarial": (ng.tasks.Adversarial(perceptron(2, "relu"), perceptron(1, "leaky_relu"), latent=3), mixture(100)),
}
