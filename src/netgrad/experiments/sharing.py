"""Features that tasks share: one network's layers handed on to another task, and two tasks learned by one network."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.data import datasets
from netgrad.experiments.base import Result, experiment

TRIALS = 8
FEW = (1, 3, 10)  # examples of each class


def few_of_each(digits: datasets.Dataset, rng: np.random.Generator, examples: int = 3) -> np.ndarray:
    """The rows of so many examples of each digit."""
    return np.concatenate([rng.permutation(np.flatnonzero(digits.y == digit))[:examples] for digit in range(10)])


@experiment(
    "transfer",
    "Features learned for one task help with another",
    "Pattipati 'Why Deep Networks?': transfer learning",
    seconds=9,
)
def transfer(seed: int = 0) -> Result:
    """Odd or even, over 4 or not is learned from all digits; then which digit from one, three and ten of each: from
    nothing, with those features trained further, and with them frozen or learning at a tenth of the rate.

    Eight draws of the examples and of the first weights. The tasks have to be akin: features learned on the digits 0 to
    4 did not help with 5 to 9 (five of each, eight draws: 86 % against 87 % from scratch).
    """
    digits = datasets.load("digits", seed=seed).flat()
    hidden = [ng.Dense(64, activation="relu"), ng.Dense(32, activation="relu")]
    kinds, kind = ng.Sequential([*hidden, ng.Dense(4)]), 2 * (digits.y % 2) + (digits.y > 4)
    net = ng.Sequential([*hidden, ng.Dense(10)])
    ways: dict[str, dict[str, Any]] = {
        "trained further": {}, "at a tenth of the rate": {"layer_rates": {"dense_[12]": 0.1}},
        "frozen": {"frozen": "dense_[12]"},
    }  # fmt: skip
    right: dict[tuple[str, int], list[float]] = {(way, n): [] for way in ("from scratch", *ways) for n in FEW}
    for trial in range(TRIALS):
        known = ng.fit(kinds, digits.x, kind, epochs=30, epochs_per_call=30, seed=trial)
        for n in FEW:
            few = few_of_each(digits, np.random.default_rng([seed, trial]), n)
            x, y = digits.x[few], digits.y[few]
            drawn = ng.untrained(net, x, y, seed=trial + TRIALS)
            begun = ng.transfer(known, x, y, outputs=10, seed=trial + TRIALS)
            for way, start, how in (("from scratch", drawn, {}), *((way, begun, how) for way, how in ways.items())):
                model = ng.fit(start, x, y, epochs=100, epochs_per_call=100, batch_size=None, seed=trial, **how)
                right[way, n].append(_accuracy(model, "dense_3", digits))
    result = Result()
    for n in FEW:
        each = f"{n} of each digit" if n > 1 else "one of each digit"
        alone = right["from scratch", n]
        result.tell(f"{each}: accuracy on unseen digits, from scratch, median", float(np.median(alone)))
        for way in ways:
            better = np.greater(right[way, n], alone)
            if way == "trained further" and n < FEW[-1]:
                result.most(f"{each}: from the other task's layers, {way}", "better", right[way, n], better)
            else:
                result.tell(f"{each}: from the other task's layers, {way}, median", float(np.median(right[way, n])))
    gains = [float(np.median(np.subtract(right["trained further", n], right["from scratch", n]))) for n in FEW]
    text = "the more, the fewer the examples"
    result.holds(f"points gained with {', '.join(map(str, FEW))} of each", text, np.round(100 * np.array(gains), 1),
                 gains[0] > gains[1] > gains[2])  # fmt: skip
    return result


@experiment(
    "multi-task",
    "A task with few examples, learned with others by one network",
    "Pattipati 'Why Deep Networks?': multi-task learning; 'Backprop Practicalities': training with hints",
    seconds=6,
)
def multi_task(seed: int = 0) -> Result:
    """Which digit, of which 30 examples are labelled; with two tasks of which all are: is it odd, is it over 4?

    The tasks have the hidden layers in common. Eight draws of the labelled examples and of the first weights.
    """
    digits = datasets.load("digits", seed=seed).flat()
    x = ng.Input()
    hidden = ng.Dense(32, activation="relu")(ng.Dense(64, activation="relu")(x))
    digit = ng.Dense(10, name="digit")(hidden)
    both = ng.Network(x, {"digit": digit, "odd": ng.Dense(2)(hidden), "over 4": ng.Dense(2)(hidden)})
    y = {"digit": digits.y, "odd": digits.y % 2, "over 4": (digits.y > 4).astype(int)}
    single = ng.Network(x, {"digit": digit})
    together, alone = [], []
    for trial in range(TRIALS):
        few = few_of_each(digits, np.random.default_rng([seed, trial]))
        labelled = np.zeros(len(digits.y))
        labelled[few] = 1
        everyone = np.ones(len(digits.y))
        common: dict[str, Any] = {"epochs": 60, "epochs_per_call": 60, "seed": trial}
        model = ng.fit(
            both, digits.x, y, sample_weight={"digit": labelled, "odd": everyone, "over 4": everyone},
            batch_size=200, learning_rate=3e-3, **common,
        )  # fmt: skip
        together.append(_accuracy(model, "digit", digits))
        model = ng.fit(single, digits.x[few], {"digit": digits.y[few]}, batch_size=None, learning_rate=3e-3, **common)
        alone.append(_accuracy(model, "digit", digits))
    result = Result()
    result.tell("accuracy on unseen digits, learned alone from 30, median", float(np.median(alone)))
    result.most("learned with the two other tasks: better", "features can be shared", together,
                np.greater(together, alone))  # fmt: skip
    return result


def _accuracy(model: ng.Model, name: str, digits: datasets.Dataset) -> float:
    return float(np.mean(model.outputs(digits.x_test)[name].argmax(-1) == digits.y_test))
