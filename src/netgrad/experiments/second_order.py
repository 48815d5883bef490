"""Steps by the error's curvature: Newton's method, damped where it must be, and Gauss-Newton example by example."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.logic import CORNERS, XOR
from netgrad.optimizers import meka

STARTS, STEPS = 16, 20


@experiment(
    "newton",
    "Steps by curvature: Newton's method, and Gauss-Newton one example after the other",
    "Pattipati 'Function Approximation/Classification': LMS, incremental Gauss-Newton, Newton",
    seconds=5,
)
def newton(seed: int = 0) -> Result:
    """A linear unit, a logistic one and XOR by 2-2-1, whose Hessian is not positive definite at most starts.

    On a linear unit incremental Gauss-Newton (`netgrad.optimizers.meka`) is recursive least squares: one pass ends at
    the solution, where a pass of sequential steepest descent is on its way. Newton's method needs one step there, a few
    on a logistic unit, whose error is convex, and adds mu I on XOR so that no step goes up.
    """
    result, rng = Result(), np.random.default_rng(seed)
    x = rng.normal(size=(60, 4)) * [1.0, 1.0, 0.3, 3.0]
    y = x @ rng.normal(size=(4, 1)) + 0.3 * rng.normal(size=(60, 1))
    labels = (y[:, 0] + 3 * rng.normal(size=60) > 0).astype(int)
    unit = ng.Sequential([ng.Dense(1, bias=False)])
    with jax.enable_x64(True):
        exact = np.linalg.lstsq(x, y, rcond=None)[0]

        def apart(**how: Any) -> float:
            settings: dict[str, Any] = {"epochs": 1, "batch_size": 1} | how
            model = ng.fit(unit, x, y, loss="squared_error", seed=seed, **settings)
            return float(np.linalg.norm(model.params["dense_1"]["W"] - exact) / np.linalg.norm(exact))

        passed = apart(optimizer=meka(uncertainty=1e6, noise=1.0, drift=0.0))
        lms = apart(optimizer="sgd", learning_rate=0.01)
        result.holds("linear unit, one pass of incremental Gauss-Newton: distance from least squares, relative",
                     "0", f"{passed:.1e}", passed < 1e-4)  # fmt: skip
        result.holds("one pass of LMS, steps of 0.01", "further", f"{lms:.1e}", lms > 100 * passed)
        one = apart(optimizer="newton", batch_size=None)
        result.holds("one step of Newton on all examples", "0", f"{one:.1e}", one < 1e-8)
        logistic = ng.fit(
            unit, x, labels, loss="binary_cross_entropy", optimizer="newton", batch_size=None, epochs=12, seed=seed
        )
        slope = logistic.history["grad_norm"]
        begun = int(np.argmax(slope < 1e-2))
        few = slope[begun : begun + 4]
        result.holds("logistic unit: the gradient's norm, step by step from below 0.01", "squares itself",
                     ", ".join(f"{g:.1e}" for g in few), bool(few[-1] < 1e-8))  # fmt: skip
    net = ng.Sequential([ng.Dense(2, activation="tanh", initializer=ng.Normal(1.0)), ng.Dense(1)])
    target = XOR[:, None].astype(float)
    indefinite = 0
    for k in range(STARTS):
        drawn = ng.untrained(net, CORNERS, target, loss="squared_error", seed=seed + k)
        H = ng.curvature.hessian(drawn, CORNERS, target)
        indefinite += bool(np.linalg.eigvalsh(H)[0] < -1e-6)
    result.holds("XOR by 2-2-1: starts where the Hessian is not positive definite", "mu I is needed",
                 f"{indefinite} of {STARTS}", indefinite > STARTS // 2)  # fmt: skip
    model = ng.fit(
        net, CORNERS, target, loss="squared_error", optimizer="newton", batch_size=None, epochs=STEPS, starts=STARTS,
        seed=seed,
    )  # fmt: skip
    losses = np.array([model.history[f"loss_{k + 1}"] for k in range(STARTS)])
    down = int((np.diff(losses) <= 1e-6).all(1).sum())
    result.holds(f"damped Newton: of {STARTS} starts, those with no step up in {STEPS}", "all", f"{down} of {STARTS}",
                 down == STARTS)  # fmt: skip
    result.tell("error of the best start, at the first step and the last", [losses[:, 0].min(), losses[:, -1].min()])
    return result
