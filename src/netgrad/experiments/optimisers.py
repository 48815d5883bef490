"""The optimisers side by side: XOR, the power plant and a small regression, by steps and by seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import netgrad as ng
from netgrad import optimizers
from netgrad.experiments import power_plant
from netgrad.experiments.base import Result, experiment
from netgrad.training.memory import InMemory
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry

STEPS, STARTS = 500, 8
FIRST_ORDER = ("sgd", "momentum", "adam", "delta_bar_delta", "rprop", "quickprop")
CURVATURE = ("memoryless_quasi_newton", "conjugate_gradient", "scaled_conjugate_gradient", "lbfgs")
JACOBIAN = ("gauss_newton", "levenberg_marquardt", "meka")
NAMES = (*FIRST_ORDER, *CURVATURE, *JACOBIAN)


@dataclass(frozen=True)
class Curves:
    """Of every start the loss before each step (starts, steps), and how long a step takes."""

    loss: np.ndarray
    seconds: float

    def steps_to(self, share: float = 0.01) -> np.ndarray:
        """How many steps each start takes to this share of its first loss; all of them where it is not reached."""
        below = self.loss < share * self.loss[:, :1]
        return np.where(below.any(1), below.argmax(1), STEPS)

    @property
    def typical(self) -> np.ndarray:
        """The losses of the start in the middle, by steps to 1 % and then by the last loss."""
        return self.loss[np.lexsort((self.loss[:, -1], self.steps_to()))[len(self.loss) // 2]]


def tasks() -> dict[str, tuple[ng.Network, np.ndarray, np.ndarray]]:
    """Name, network and examples of each."""
    x = np.linspace(-1, 1, 60)[:, None]
    xor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])
    return {
        "XOR, 2-4-1": (_tanh(4), *xor),
        "power plant, 2-3-2-1": (power_plant.network("logistic"), power_plant.X, power_plant.Y),
        "sin 4x, 1-10-1": (_tanh(10), x, np.sin(4 * x[:, 0])),
    }


def _tanh(units: int) -> ng.Network:
    return ng.Sequential([ng.Dense(units, activation="tanh"), ng.Dense(1)])


def follow(name: str, network: ng.Network, x: np.ndarray, y: np.ndarray, seed: int) -> Curves:
    """``STEPS`` steps on all examples at once from each start, one after the other through one program.

    Compiled first and timed after: the quickest of the runs.
    """
    model = ng.untrained(network, x, y, loss="squared_error", seed=seed)
    optimizer = optimizers.get(name)
    data = model.batch(x, y)
    source = InMemory(Supervised.of(model, optimizer), data, data.size, False, jax.random.key(seed))
    losses: list[np.ndarray] = []
    times: list[float] = []
    for key in jax.random.split(jax.random.key(seed), STARTS):
        params, state = network.init(key, model.shapes)
        carry = Carry(params, state, optimizer.init(params))
        if not times:
            source.advance(carry, 0, STEPS)
        began = time.perf_counter()
        _, reports = source.advance(carry, 0, STEPS)
        times.append(time.perf_counter() - began)
        losses.append(np.asarray(reports["loss"])[:, 0])
    return Curves(np.array(losses), min(times) / STEPS)


@experiment(
    "optimisers", "The optimisers side by side, by steps and by seconds", 'Pattipati, "Backprop Practicalities"',
    seconds=40,
)  # fmt: skip
def optimisers(seed: int = 0) -> Result:
    """Every method's loss on three small tasks from the same eight starts, each at its usual learning rate."""
    result = Result()
    curves: dict[str, dict[str, Curves]] = {}
    for task, (network, x, y) in tasks().items():
        curves[task] = {name: follow(name, network, x, y, seed) for name in NAMES}
        steps = {name: curve.steps_to() for name, curve in curves[task].items()}
        for name, curve in curves[task].items():
            took = f"{np.median(steps[name]):g}" if np.median(steps[name]) < STEPS else f"more than {STEPS}"
            what = f"{task}: {name}: steps to 1% of the loss, median of {STARTS}"
            result.tell(what, f"{took}; {curve.seconds * 1e6:.0f} µs a step")
        falls = {name: int((curve.loss[:, -1] < curve.loss[:, 0]).sum()) for name, curve in curves[task].items()}
        least = min(falls, key=lambda name: falls[name])
        result.holds(
            f"{task}: starts whose loss every method lowers", "", f"at least {falls[least]} of {STARTS} ({least})",
            falls[least] >= 0.75 * STARTS,
        )  # fmt: skip
        slowest = np.array([np.median(steps[name]) for name in CURVATURE + JACOBIAN])
        fastest = np.array([np.median(steps[name]) for name in FIRST_ORDER])
        found = f"at most {slowest.max():g} against at least {fastest.min():g}"
        result.holds(f"{task}: steps, curvature against first order", "fewer", found, slowest.max() < fastest.min())
    result.notes.append(
        "The text names these methods and prints no values for them. Rates are the usual ones, not tuned to a task; "
        "seconds are of this machine, without the compilation. The figure shows the start in the middle."
    )
    result.figures["optimisers"] = _figure(curves)
    return result


def _figure(curves: dict[str, dict[str, Curves]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.6), layout="constrained")
    grid = figure.subplots(2, len(curves), sharey="col")
    for column, (task, by_name) in enumerate(curves.items()):
        above, below = grid[0][column], grid[1][column]
        for name, curve in by_name.items():
            line, loss = _line(name), curve.typical
            loss = loss[: np.append(np.flatnonzero(loss < FLOOR), STEPS)[0] + 1]
            above.loglog(np.arange(1, len(loss) + 1), loss, label=name.replace("_", " "), **line)
            below.loglog(curve.seconds * np.arange(1, len(loss) + 1), loss, **line)
        above.set(title=task, xlabel="steps")
        below.set(xlabel="seconds")
        lowest = min(curve.typical.min() for curve in by_name.values())
        above.set_ylim(max(lowest / 2, FLOOR))
    for axes in grid[:, 0]:
        axes.set_ylabel("loss")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    return figure


FLOOR = 1e-10  # below lies little but the rounding of float32


def _line(name: str) -> dict[str, Any]:
    """Colour by family, shade and dashes within it."""
    from matplotlib import colormaps

    family, names = next((f, names) for f, names in _FAMILIES.items() if name in names)
    at = names.index(name)
    shade = 0.95 - 0.5 * at / len(names)
    return {"color": colormaps[family](shade), "linestyle": _DASHES[at % len(_DASHES)], "linewidth": 1.5}


_FAMILIES = {"Greys": FIRST_ORDER, "Blues": CURVATURE, "Reds": JACOBIAN}
_DASHES = ("-", "--", "-.", ":")
