"""Restricted Boltzmann machines: trained by contrastive divergence, looked at as the distributions that they are.

Energies, with weights W (visible, hidden) and biases b of the visible, c of the hidden units:

    binary units    E(v, h) = -v b - h c - v W h
    Gaussian units  E(v, h) = |v - b|^2 / 2 - h c - v W h, so that v given h has the mean b + W h and variance 1

p(v) = exp(-F(v)) / Z with the free energy F(v) = -ln sum over h of exp(-E(v, h)); hidden units are binary. Sources:
Pattipati "Early Methods of Training Deep Networks"; Hinton, "A practical guide to training restricted Boltzmann
machines" (2010); Tieleman (2008) for persistent chains; Salakhutdinov & Murray (2008) for the partition function.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import as_seed
from netgrad.data.checks import as_array, as_examples
from netgrad.errors import DataError, FileError, NetgradError, ShapeError
from netgrad.layers import Dense
from netgrad.network import Autoencoder
from netgrad.registry import register
from netgrad.training.files import load
from netgrad.training.history import History
from netgrad.training.model import Model
from netgrad.training.task import Task
from netgrad.training.train import counts
from netgrad.training.untrained import untrained

VISIBLE = ("binary", "gaussian")
MOST_ENUMERATED = 20  # hidden units, of which all states are gone through
AT_ONCE = 4096  # of these states


@register("task", "rbm")
@dataclass(frozen=True)
class RBM(Task):
    """Training of a restricted Boltzmann machine: ``ng.train(RBM(100), x)`` gives a `BoltzmannMachine`.

    Every step goes up the gradient of the likelihood, the statistics v h of the data less those of the model, whose
    examples come from Gibbs sampling: ``k`` steps from the data (CD-k), or from chains that go on from step to step
    (persistent), which cost the same and lie nearer to the model. In the history: ``loss``, the mean squared error of
    a reconstruction (by the means of the units, without sampling), and ``active``, the mean activation of the hidden
    units.

    Args:
        hidden: units. visible: "binary", for data in [0, 1], which may be probabilities; or "gaussian", for data of
            variance 1. k: Gibbs steps, at least 1.
        persistent: keep ``chains`` chains through all steps.
        learning_rate, momentum: of the steps. decay: the strength of an L2 penalty on W.

    Raises `NetgradError` for k = 0 and the like, `DataError` for binary units outside [0, 1].

    >>> import netgrad as ng, numpy as np
    >>> from netgrad.tasks import RBM
    >>> rng = np.random.default_rng(0)
    >>> patterns = (rng.random((4, 16)) < 0.5)[rng.integers(0, 4, 400)].astype(float)
    >>> machine = ng.train(RBM(8), patterns, epochs=30, epochs_per_call=30)
    >>> machine.encode(patterns).shape, bool(machine.history["loss"][-1] < machine.history["loss"][0])
    ((400, 8), True)
    """

    hidden: int = 64
    visible: str = "binary"
    k: int = 1
    persistent: bool = False
    chains: int = 100
    learning_rate: float = 0.1
    momentum: float = 0.0
    decay: float = 0.0

    def __post_init__(self):
        for name, value in (("hidden", self.hidden), ("k", self.k), ("chains", self.chains)):
            (number,) = counts(**{name: value})
            object.__setattr__(self, name, number)
        if self.visible not in VISIBLE:
            raise NetgradError(f"visible units are {' or '.join(VISIBLE)}, found {self.visible!r}")
        if not self.learning_rate > 0 or not 0 <= self.momentum < 1 or not self.decay >= 0:
            raise NetgradError(
                f"learning_rate is above 0, momentum in [0, 1) and decay at least 0, found {self.learning_rate}, "
                f"{self.momentum} and {self.decay}"
            )

    def batch(self, data):
        batch = super().batch(data)
        if list(batch.x) != ["x"] or np.ndim(batch.x["x"]) != 2:
            shapes = ", ".join(str(np.shape(v)) for v in batch.x.values())
            raise ShapeError(f"a Boltzmann machine takes one array (N, visible units), found {shapes}")
        x = as_examples(batch.x["x"], "x", dtype=jax.dtypes.canonicalize_dtype(float))
        if self.visible == "binary":
            _check_binary(x)
        return batch._replace(x={"x": x})

    def init(self, key, batch):
        x = jnp.asarray(batch.x["x"])
        draw, begin = jax.random.split(key)
        W = 0.01 * jax.random.normal(draw, (x.shape[1], self.hidden), x.dtype)
        # Nothing hangs on the examples, so that a stream begins as the same examples in memory do.
        params = {"W": W, "b": jnp.zeros(x.shape[1], x.dtype), "c": jnp.zeros(self.hidden, x.dtype)}
        if not self.persistent:
            return params, {}
        return params, {"chains": self._drawn(jnp.full((self.chains, x.shape[1]), self._middle, x.dtype), begin)}

    def init_optimizer(self, params):
        return jax.tree.map(jnp.zeros_like, params) if self.momentum else ()

    def step(self, carry, batch, key):
        params, v = carry.params, batch.x["x"]
        begun = carry.state["chains"] if self.persistent else v

        def gibbs(seen: jax.Array, own: jax.Array) -> tuple[jax.Array, None]:
            up, down = jax.random.split(own)
            h = jax.random.bernoulli(up, self.up(params, seen)).astype(v.dtype)
            return self._drawn(self.down(params, h), down), None

        modelled, _ = jax.lax.scan(gibbs, begun, jax.random.split(key, self.k))
        data, model = self.statistics(params, v), self.statistics(params, modelled)
        ascent = jax.tree.map(jnp.subtract, data, model)
        ascent["W"] = ascent["W"] - self.decay * params["W"]
        opt_state = carry.opt_state
        if self.momentum:
            ascent = opt_state = jax.tree.map(lambda old, new: self.momentum * old + new, opt_state, ascent)
        moved = jax.tree.map(lambda old, by: old + self.learning_rate * by, params, ascent)
        state = {"chains": modelled} if self.persistent else carry.state
        report = self._report(params, v)
        return carry._replace(params=moved, state=state, opt_state=opt_state), report

    def score(self, carry, batch):
        return self._report(carry.params, jnp.asarray(batch.x["x"]))

    def result(self, carry, history):
        W, b, c = (np.asarray(carry.params[name]) for name in "Wbc")
        return BoltzmannMachine(W, b, c, self.visible, history)

    def statistics(self, params: dict, v: jax.Array) -> dict:
        """The mean over examples of -dF/dW, -dF/db and -dF/dc, of which data and model differ less and less."""
        h = self.up(params, v)
        away = v - params["b"] if self.visible == "gaussian" else v
        return {"W": v.T @ h / v.shape[0], "b": away.mean(0), "c": h.mean(0)}

    def up(self, params: dict, v: jax.Array) -> jax.Array:
        """p(h = 1 | v)."""
        return jax.nn.sigmoid(v @ params["W"] + params["c"])

    def down(self, params: dict, h: jax.Array) -> jax.Array:
        """The mean of v given h."""
        z = h @ params["W"].T + params["b"]
        return z if self.visible == "gaussian" else jax.nn.sigmoid(z)

    @property
    def _middle(self) -> float:
        """The mean of a unit with nothing to go by."""
        return 0.0 if self.visible == "gaussian" else 0.5

    def _drawn(self, mean: jax.Array, key: jax.Array) -> jax.Array:
        if self.visible == "gaussian":
            return mean + jax.random.normal(key, mean.shape, mean.dtype)
        return jax.random.bernoulli(key, mean).astype(mean.dtype)

    def _report(self, params: dict, v: jax.Array) -> dict:
        h = self.up(params, v)
        return {"loss": ((v - self.down(params, h)) ** 2).mean(), "active": h.mean()}


@dataclass
class BoltzmannMachine:
    """A restricted Boltzmann machine with its numbers: W (visible, hidden), b (visible,), c (hidden,); see the head of
    the module for what they mean. What it is asked is computed in double precision by NumPy.

    visible: "binary" or "gaussian". history: of its training.
    """

    W: np.ndarray
    b: np.ndarray
    c: np.ndarray
    visible: str = "binary"
    history: History = field(default_factory=History)

    def __repr__(self) -> str:
        return f"BoltzmannMachine of {len(self.b)} {self.visible} and {len(self.c)} hidden units"

    @property
    def params(self) -> dict:
        """Its numbers, for a run that goes on: ``ng.train(RBM(...), x, params=machine.params)``."""
        return {"W": self.W, "b": self.b, "c": self.c}

    @property
    def state(self) -> dict:
        """Nothing: chains are those of a run."""
        return {}

    # --- what it makes of examples

    def encode(self, v: Any) -> np.ndarray:
        """p(h = 1 | v), (N, hidden): the features that it has learned."""
        return _logistic(self._given(v) @ self.W + self.c)

    def decode(self, h: Any) -> np.ndarray:
        """The mean of the visible units (N, visible) for these states, or activations, of the hidden ones."""
        z = np.asarray(h, float) @ self.W.T + self.b
        return z if self.visible == "gaussian" else _logistic(z)

    def reconstruct(self, v: Any) -> np.ndarray:
        """From these examples up and down again, by means: (N, visible)."""
        return self.decode(self.encode(v))

    def free_energy(self, v: Any) -> np.ndarray:
        """F(v), (N,): the lower, the likelier; unlike any anomaly's, the data's is low."""
        return self._free_energy(self._given(v))

    # --- what it makes by itself

    def gibbs(self, v: Any, steps: int = 1, seed: int = 0) -> np.ndarray:
        """The visible units after so many steps of Gibbs sampling from these examples."""
        (steps,) = counts(steps=steps)
        rng, v = np.random.default_rng(as_seed(seed)), self._given(v)
        for _ in range(steps):
            v = self._step(v, rng)
        return v

    def sample(self, n: int = 1, steps: int = 1000, seed: int = 0) -> np.ndarray:
        """New examples (n, visible): chains that begin at random, after so many steps."""
        (n,) = counts(n=n)
        rng = np.random.default_rng(as_seed(seed))
        begun = self.decode(rng.random((n, len(self.c))) < 0.5)
        return self.gibbs(self._drawn(begun, rng), steps, seed)

    # --- how likely it finds examples

    def log_partition(self) -> float:
        """ln Z, exactly: all states of the hidden units are gone through, of which up to 20 are allowed."""
        hidden = len(self.c)
        if hidden > MOST_ENUMERATED:
            raise NetgradError(
                f"{hidden} hidden units have 2^{hidden} states, too many to go through (up to {MOST_ENUMERATED}): use "
                "annealed_log_partition()"
            )
        parts = []
        for start in range(0, 2**hidden, AT_ONCE):
            numbers = np.arange(start, min(start + AT_ONCE, 2**hidden))
            h = (numbers[:, None] >> np.arange(hidden)) & 1
            parts.append(h @ self.c.astype(float) + self._visible_log_partition(h @ self.W.T.astype(float)))
        return float(np.logaddexp.reduce(np.concatenate(parts)))

    def annealed_log_partition(self, chains: int = 200, steps: int = 1000, seed: int = 0) -> tuple[float, float]:
        """ln Z by annealed importance sampling, and the standard error of that estimate.

        From the machine without weights, whose Z is known, in so many steps to this one; ``chains`` of them.
        """
        chains, steps = counts(chains=chains, steps=steps)
        if chains < 2:
            raise NetgradError("a standard error needs at least 2 chains, found 1")
        rng, hidden = np.random.default_rng(as_seed(seed)), len(self.c)
        v = self._drawn(np.broadcast_to(self.decode(np.zeros((1, hidden))), (chains, len(self.b))), rng)
        log_weight = np.zeros(chains)
        for before, now in zip(np.arange(steps) / steps, np.arange(1, steps + 1) / steps, strict=True):
            z = v @ self.W + self.c
            log_weight += (np.logaddexp(0, now * z) - np.logaddexp(0, before * z)).sum(1)
            cooler = replace(self, W=now * self.W, c=now * self.c)
            v = cooler._step(v, rng)
        known = float(self._visible_log_partition(np.zeros((1, len(self.b))))[0]) + hidden * np.log(2)
        shift = log_weight.max()
        weights = np.exp(log_weight - shift)
        error = weights.std(ddof=1) / np.sqrt(chains) / weights.mean()
        return known + shift + float(np.log(weights.mean())), float(error)

    def log_likelihood(self, v: Any, log_partition: float | None = None) -> np.ndarray:
        """ln p(v), (N,), with this ln Z, by default the exact one."""
        return -self.free_energy(v) - (self.log_partition() if log_partition is None else log_partition)

    def pseudo_log_likelihood(self, v: Any, seed: int | None = 0) -> np.ndarray:
        """The sum over the visible units of ln p(it | the others), (N,): as many times that of one unit, drawn for each
        example, which is scikit-learn's score; or, where ``seed`` is None, of all of them in turn."""
        if self.visible != "binary":
            raise NetgradError("the pseudo-likelihood is that of binary units: use log_likelihood")
        v = self._given(v)
        rows, units = np.arange(len(v)), v.shape[1]

        def of(flipped: Any) -> np.ndarray:
            other = v.copy()
            other[rows, flipped] = 1 - v[rows, flipped]
            return -np.logaddexp(0, known - self._free_energy(other))

        known = self._free_energy(v)
        if seed is None:
            return np.sum([of(unit) for unit in range(units)], axis=0)
        return units * of(np.random.default_rng(as_seed(seed)).integers(0, units, len(v)))

    # --- as a network

    def model(self) -> Model:
        """This machine as a model: an autoencoder with tied weights, to trace, to save, to train further."""
        net = Autoencoder(
            [Dense(len(self.c), activation="logistic")],
            [Dense(len(self.b), activation="identity" if self.visible == "gaussian" else "logistic")],
            tied=True,
        )
        params = {"encoder/dense_1": {"W": self.W, "b": self.c}, "decoder/dense_1": {"b": self.b}}
        made = untrained(net, np.zeros((1, len(self.b))), penalty=(), loss="squared_error", params=params)
        return replace(made, history=self.history, card={"boltzmann": self.visible})

    @classmethod
    def of(cls, model: Model) -> BoltzmannMachine:
        """The inverse of `model`."""
        visible = model.card.get("boltzmann") if isinstance(model, Model) else None
        if visible not in VISIBLE:
            raise NetgradError("this model is no Boltzmann machine: expected one that BoltzmannMachine.model made")
        up, down = (model.params[f"{part}/dense_1"] for part in ("encoder", "decoder"))
        return cls(np.asarray(up["W"]), np.asarray(down["b"]), np.asarray(up["b"]), visible, model.history)

    def save(self, path: str | Path) -> Path:
        """Write it to a model file, which `netgrad.load` reads as the autoencoder that it is."""
        return self.model().save(path)

    @classmethod
    def load(cls, path: str | Path) -> BoltzmannMachine:
        """Read a file that `save` wrote; `FileError` for all else."""
        model = load(path)
        if "boltzmann" not in model.card:
            raise FileError(f"{path} holds a model that is no Boltzmann machine: read it with netgrad.load")
        return cls.of(model)

    # --- inside

    def _given(self, v: Any) -> np.ndarray:
        v = as_examples(as_array(v, "v"), "v", dtype=np.dtype(float))
        if v.ndim != 2 or v.shape[1] != len(self.b):
            raise ShapeError(f"this machine has {len(self.b)} visible units, found examples of shape {v.shape}")
        if self.visible == "binary":
            _check_binary(v)
        return v

    def _free_energy(self, v: np.ndarray) -> np.ndarray:
        own = 0.5 * ((v - self.b) ** 2).sum(1) if self.visible == "gaussian" else -(v @ self.b)
        energy: np.ndarray = own - np.logaddexp(0, v @ self.W + self.c).sum(1)
        return energy

    def _visible_log_partition(self, u: np.ndarray) -> np.ndarray:
        """ln of the sum, or integral, over v of exp(v u) times its own part of the energy: (N, visible) -> (N,)."""
        if self.visible == "gaussian":
            whole: np.ndarray = (u * self.b + 0.5 * u * u).sum(1) + 0.5 * len(self.b) * np.log(2 * np.pi)
            return whole
        return np.asarray(np.logaddexp(0, u + self.b).sum(1))

    def _step(self, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        h = rng.random((len(v), len(self.c))) < _logistic(v @ self.W + self.c)
        return self._drawn(self.decode(h), rng)

    def _drawn(self, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.visible == "gaussian":
            return mean + rng.standard_normal(mean.shape)
        return (rng.random(mean.shape) < mean).astype(float)


def _check_binary(v: Any) -> None:
    low, high = float(v.min()), float(v.max())
    if low < 0 or high > 1:
        raise DataError(
            f"binary units take numbers in [0, 1], found {low:g} to {high:g}: scale them, or take gaussian units for "
            "standardised data"
        )


def _logistic(z: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))
