"""The learning-rate range test: where to start from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import optax

from netgrad import optimizers
from netgrad.compiling import ORDER, as_seed, random_key
from netgrad.errors import NetgradError, unknown_name
from netgrad.network import Network
from netgrad.optimizers.names import takes_schedule
from netgrad.training.memory import InMemory
from netgrad.training.model import Model
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry
from netgrad.training.untrained import untrained


@dataclass(frozen=True)
class RangeTest:
    """What `find_learning_rate` measured.

    rates, losses: of each step, up to where training broke down. smooth: the losses, averaged over neighbouring steps.
    suggestion: the last rate at which the smoothed loss had more than half of its fall before it: in the middle of the
    range that learns, and not moved by the noise of single batches, as the steepest step would be.
    """

    rates: np.ndarray
    losses: np.ndarray
    smooth: np.ndarray
    suggestion: float

    def figure(self) -> Any:
        """Loss over rate, with the suggestion: a matplotlib figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.semilogx(self.rates, self.losses, color="0.75", linewidth=1, label="loss of each step")
        axes.semilogx(self.rates, self.smooth, color="black", label="averaged over neighbours")
        axes.axvline(self.suggestion, color="0.3", linestyle=":", label=f"suggestion: {self.suggestion:.2g}")
        span = self.smooth.max() - self.smooth.min()
        axes.set_ylim(self.smooth.min() - 0.1 * span, self.smooth.max() + 0.1 * span)
        axes.set(xlabel="learning rate", ylabel="loss", title="Learning-rate range test")
        axes.legend(frameon=False)
        return figure


def find_learning_rate(
    network: Network | Model,
    x: Any,
    y: Any,
    *,
    optimizer: str = "adam",
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int | None = 32,
    lengths: Any = None,
    seed: int = 0,
    **settings: Any,
) -> RangeTest:
    """Train for ``steps`` steps while the rate rises from ``lowest`` to ``highest``, and see where it learns.

    A model stays as it is. settings: ``loss``, ``penalty``, ... as for `netgrad.untrained`. The suggestion is where to
    start from, not the best rate there is. Source: Smith (2017), "Cyclical learning rates for training neural
    networks", section 3.3.

    Raises `NetgradError` for optimisers without a rate and for bounds that are none.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    >>> test = ng.find_learning_rate(net, x, x.sum(1))
    >>> 1e-4 < test.suggestion < 1
    True
    """
    if not 0 < lowest < highest < math.inf:
        raise NetgradError(f"the range of rates must rise from above 0, found {lowest} to {highest}")
    if not isinstance(steps, int) or steps < 10:
        raise NetgradError(f"the range test needs at least 10 steps, found {steps!r}")
    if optimizer not in optimizers.OPTIMIZERS:
        raise unknown_name("optimizer", optimizer, optimizers.OPTIMIZERS)
    if not takes_schedule(optimizer):
        raise NetgradError(f"{optimizer} finds the length of its steps itself: it has no learning rate to look for")
    start, seed = network, as_seed(seed)
    if not isinstance(start, Model):
        start = untrained(start, x, y, lengths=lengths, seed=seed, **settings)
    data = start.batch(x, y, None, lengths)
    batch_size = min(batch_size or data.size, data.size)
    if data.size > steps * batch_size:
        data = data.take(np.sort(np.random.default_rng(seed).permutation(data.size)[: steps * batch_size]))
    rising = optax.exponential_decay(lowest, steps - 1, highest / lowest)
    chosen = optimizers.get(optimizer, rising, untrained=start.network.untrained)
    key = random_key(seed, ORDER)
    source = InMemory(Supervised.of(start, chosen), data, batch_size, True, key)
    program = source.program(math.ceil(steps / len(source.sizes)))
    _, reports = program(Carry(start.params, start.state, chosen.init(start.params)), source.data, key, 0)
    losses = np.asarray(reports["loss"], float).ravel()[:steps]
    return judge(np.geomspace(lowest, highest, steps), losses)


def judge(rates: np.ndarray, losses: np.ndarray) -> RangeTest:
    """The curve up to where it breaks down, smoothed, and the rate half-way down."""
    bad = np.flatnonzero(~np.isfinite(losses) | (losses > losses[0] + 4 * abs(losses[0])))
    end = int(bad[0]) if len(bad) else len(losses)
    if end < 5:
        raise NetgradError(f"training breaks down at once, at a rate of {rates[0]:.2g}: lower the range test's bounds")
    rates, losses = rates[:end], losses[:end]
    padded = np.pad(losses, 3, mode="edge")
    smooth = np.convolve(padded, np.ones(7) / 7, mode="valid")
    lowest = int(smooth.argmin())
    level = np.median(smooth[: max(1, lowest // 4)])
    above = np.flatnonzero(smooth[: lowest + 1] >= (level + smooth[lowest]) / 2)
    return RangeTest(rates, losses, smooth, float(rates[above[-1] if len(above) else lowest]))
