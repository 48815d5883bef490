"""`python -m benchmarks.estimators`: our perceptrons beside scikit-learn's, on its real data sets.

The same architecture and settings, which are the defaults of both; inputs standardised; 5-fold cross-validation with
10 seeds, the two libraries in turn. Prints a table and writes it to out/bench/estimators.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets, neural_network
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import machine
from netgrad import estimators

DATA = {
    "digits": (datasets.load_digits, "MLPClassifier"),
    "wine": (datasets.load_wine, "MLPClassifier"),
    "breast cancer": (datasets.load_breast_cancer, "MLPClassifier"),
    "diabetes": (datasets.load_diabetes, "MLPRegressor"),
}


def compare(name: str, seeds: int, folds: int) -> dict[str, Any]:
    """Scores (seeds,) of both libraries, their seconds for all fits, and ours for the first fit of each shape."""
    load, kind = DATA[name]
    X, y = load(return_X_y=True)
    ours, theirs = getattr(estimators, kind), getattr(neural_network, kind)
    pipes = {
        "netgrad": make_pipeline(StandardScaler(), ours()),
        "scikit-learn": make_pipeline(StandardScaler(), theirs()),
    }
    scores: dict[str, list[float]] = {who: [] for who in pipes}
    seconds: dict[str, list[float]] = {who: [] for who in pipes}
    for seed in range(seeds):
        split = (StratifiedKFold if is_classifier(ours()) else KFold)(folds, shuffle=True, random_state=seed)
        of_folds: dict[str, list[float]] = {who: [] for who in pipes}
        for train, test in split.split(X, y):
            for who, pipe in pipes.items():
                model = clone(pipe)
                model[-1].set_params(random_state=seed)
                begin = time.perf_counter()
                model.fit(X[train], y[train])
                of_folds[who].append(model.score(X[test], y[test]))
                seconds[who].append(time.perf_counter() - begin)
        for who, of_one in of_folds.items():
            scores[who].append(float(np.mean(of_one)))
    return {"scores": scores, "seconds": seconds}


def row(name: str, found: dict[str, Any]) -> str:
    """One line of the table."""
    shown = [f"{np.mean(s):.4f} ± {np.std(s):.4f}" for s in found["scores"].values()]
    ours, theirs = (np.array(s) for s in found["seconds"].values())
    ratio, usual = theirs.sum() / ours.sum(), np.median(theirs) / np.median(ours)
    return f"| {name} | {shown[0]} | {shown[1]} | {ratio:.1f} | {usual:.1f} | {ours[0]:.2f} s |"


def groups(count: int = 100, rounds: int = 3) -> str:
    """One sentence: networks for many groups at once against one after the other, in turn, programs compiled."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(count), rng.integers(50, 101, count))
    X = rng.normal(size=(len(group), 5))
    y = np.sin(X @ rng.normal(size=(count, 5)).T)[np.arange(len(group)), group]
    settings = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "tol": 0.0, "n_iter_no_change": 200}
    table = np.column_stack([group, X])

    def at_once() -> float:
        begin = time.perf_counter()
        estimators.GroupedRegressor(group=0, random_state=0, **settings).fit(table, y)
        return time.perf_counter() - begin

    def one_by_one() -> float:
        begin = time.perf_counter()
        for g in range(count):
            estimators.MLPRegressor(random_state=0, **settings).fit(X[group == g], y[group == g])
        return time.perf_counter() - begin

    at_once(), one_by_one()
    times = np.median([(at_once(), one_by_one()) for _ in range(rounds)], axis=0)
    return (
        f"{count} groups of 50 to 100 examples, a network 5-16-1 each, 200 epochs: {times[0]:.2f} s at once, "
        f"{times[1]:.2f} s one after the other, {times[1] / times[0]:.1f} times faster."
    )


def main() -> None:
    """Parse the command line, measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimators", description=__doc__)
    parser.add_argument("data", nargs="*", help=f"data sets, all by default ({', '.join(DATA)})")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # that 200 epochs are not enough: both say so, and both get the same
    lines = [
        machine.description(),
        "",
        "| data | score, netgrad | score, scikit-learn | times faster, all with compiling | a median fit | first fit |",
        "|---|---|---|---|---|---|",
    ]
    for name in chosen.data or DATA:
        lines.append(row(name, compare(name, chosen.seeds, chosen.folds)))
        print(lines[-1], flush=True)
    if not chosen.data:
        lines += ["", groups()]
    text = "\n".join(lines)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "estimators.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
