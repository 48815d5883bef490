"""Deep belief networks: Boltzmann machines one on top of the other, each trained on what the one below makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.compiling import as_seed
from netgrad.errors import FileError, NetgradError
from netgrad.layers import Dense
from netgrad.network import Autoencoder
from netgrad.tasks.boltzmann import RBM, BoltzmannMachine
from netgrad.training.files import load
from netgrad.training.model import Model
from netgrad.training.train import counts, train
from netgrad.training.untrained import untrained


@dataclass
class DeepBelief:
    """Machines from the data upwards; the hidden units of each are the visible ones of the next."""

    machines: tuple[BoltzmannMachine, ...]

    def encode(self, v: Any) -> np.ndarray:
        """The activations of the topmost units (N, hidden), by means all the way up."""
        for machine in self.machines:
            v = machine.encode(v)
        return np.asarray(v)

    def decode(self, h: Any) -> np.ndarray:
        """The means of the visible units for these activations of the topmost, by means all the way down."""
        for machine in reversed(self.machines):
            h = machine.decode(h)
        return np.asarray(h)

    def sample(self, n: int = 1, steps: int = 1000, seed: int = 0) -> np.ndarray:
        """New examples (n, visible), as means: Gibbs sampling in the topmost machine, then down."""
        v = self.machines[-1].sample(n, steps, seed)
        rng = np.random.default_rng((as_seed(seed), 1))
        for machine in reversed(self.machines[:-1]):
            v = machine.decode(v)
            if machine is not self.machines[0]:
                v = (rng.random(v.shape) < v).astype(float)
        return v

    def model(self) -> Model:
        """All machines as one model: an autoencoder with tied weights, to trace, to save, to train further."""
        hidden = [Dense(len(machine.c), activation="logistic") for machine in self.machines]
        last = "identity" if self.machines[0].visible == "gaussian" else "logistic"
        ends = [*("logistic" for _ in self.machines[1:]), last]
        down = [Dense(len(m.b), activation=end) for m, end in zip(reversed(self.machines), ends, strict=True)]
        params = {f"encoder/dense_{i}": {"W": m.W, "b": m.c} for i, m in enumerate(self.machines, 1)}
        params |= {f"decoder/dense_{i}": {"b": m.b} for i, m in enumerate(reversed(self.machines), 1)}
        net, x = Autoencoder(hidden, down, tied=True), np.zeros((1, len(self.machines[0].b)))
        made = untrained(net, x, penalty=(), loss="squared_error", params=params)
        return replace(made, card={"deep_belief": self.machines[0].visible})

    def save(self, path: str | Path) -> Path:
        """Write it to a model file, which `netgrad.load` reads as the autoencoder that it is."""
        return self.model().save(path)

    @classmethod
    def load(cls, path: str | Path) -> DeepBelief:
        """Read a file that `save` wrote; `FileError` for all else."""
        model = load(path)
        if "deep_belief" not in model.card:
            raise FileError(f"{path} holds a model that is no deep belief network: read it with netgrad.load")
        count = len(model.network.nodes) // 2
        machines = []
        for i in range(1, count + 1):
            up, down = (model.params[name] for name in (f"encoder/dense_{i}", f"decoder/dense_{count + 1 - i}"))
            visible = model.card["deep_belief"] if i == 1 else "binary"
            machines.append(BoltzmannMachine(np.asarray(up["W"]), np.asarray(down["b"]), np.asarray(up["b"]), visible))
        return cls(tuple(machines))


def deep_belief(
    x: Any,
    hidden: Sequence[int],
    *,
    task: RBM | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int = 0,
) -> DeepBelief:
    """Train machines of these sizes greedily, from the data (N, d) upwards. Source: Hinton, Osindero & Teh (2006).

    task: how each is trained; its ``hidden`` is replaced, and its kind of visible units is the lowest machine's, all
    others are binary.

    >>> import numpy as np
    >>> from netgrad.tasks import deep_belief
    >>> belief = deep_belief((np.random.default_rng(0).random((100, 12)) < 0.3) * 1.0, (8, 4), epochs=2)
    >>> belief.encode(np.zeros((3, 12))).shape, belief.sample(2, steps=10).shape
    ((3, 4), (2, 12))
    """
    if not hidden:
        raise NetgradError("a deep belief network has at least one layer of hidden units, found none")
    machines: list[BoltzmannMachine] = []
    for i, units in enumerate(hidden):
        (units,) = counts(hidden=units)
        usual = task or RBM()
        own = replace(usual, hidden=units, visible="binary" if i else usual.visible)
        machine = train(own, x, epochs=epochs, batch_size=batch_size, epochs_per_call=epochs, seed=seed + i)
        machines.append(machine)
        x = machine.encode(x)
    return DeepBelief(tuple(machines))
