"""What can be learned from these data? References that need no training skill: trees, a linear model, a small network.

A network that does not train is told from data that hold nothing by what a plain method makes of the same examples.
Skill is measured alike for both: 1 for no mistake, 0 for the best constant answer.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from netgrad.training.batch import Batch

EXAMPLES = 600  # what the reference looks at, at most
MOST_COLUMNS = 4096  # of each input: of more, so many are drawn at random
KNOWN = 0.8  # the share of a class that is recognised, from which on what it is taken for when altered says something
FEWEST = 20  # with fewer examples nothing can be held out
STEPS_BACK = 3  # of a sequence, for an answer at every time-step
WILD = 8.0  # spreads from the median, beyond which a value is cut off
WIDEST = 256  # columns that the small network is given; of more, trees and lines are as good a reference


def skill(task: str, predicted: np.ndarray, target: np.ndarray) -> float:
    """How much better than the best constant answer: 1 - error / error of that answer.

    classification: labels (P,) both; multilabel and regression: (P, units), the former as 0 and 1. A constant target
    gives 1 where it is met, else 0.

    >>> skill("classification", np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    0.5
    """
    if task == "classification":
        error, constant = (predicted != target).mean(), 1 - np.bincount(target).max() / len(target)
    elif task == "multilabel":
        share = target.mean(0)
        error, constant = (predicted != target).mean(), np.minimum(share, 1 - share).mean()
    else:
        error, constant = ((predicted - target) ** 2).mean(), target.var(0).mean()
    if constant == 0:
        return float(error == 0)
    return float(1 - error / constant)


def fair_skill(predicted: np.ndarray, target: np.ndarray) -> float:
    """Skill where every class counts alike, however rare: 1 for no mistake, 0 for always the same answer.

    >>> fair_skill(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    0.0
    """
    classes = np.unique(target)
    recall = np.mean([(predicted[target == c] == c).mean() for c in classes])
    return float((recall - 1 / len(classes)) / (1 - 1 / len(classes))) if len(classes) > 1 else 1.0


def features(batch: Batch, per_step: bool, steps: int) -> np.ndarray:
    """All inputs of each example as one row (N, d); of each time-step with the steps before it, (N * T, d).

    Of an input with more than `MOST_COLUMNS` numbers for each row, as many drawn at random.
    """
    columns = []
    for name, value in batch.x.items():
        value = np.asarray(value, np.float32)
        if name in batch.lengths:
            valid = np.arange(value.shape[1]) < np.asarray(batch.lengths[name])[:, None]
            value = np.where(valid.reshape(*valid.shape, *(1,) * (value.ndim - 2)), value, 0)
        if not per_step:
            columns.append(_some(value.reshape(len(value), -1)))
            continue
        if value.ndim < 2 or value.shape[1] != steps:
            value = np.repeat(value.reshape(len(value), 1, -1), steps, axis=1)
        value = value.reshape(len(value), steps, -1)
        back = [np.pad(value, ((0, 0), (k, 0), (0, 0)))[:, :steps] for k in range(STEPS_BACK)]
        columns.append(_some(np.concatenate(back, axis=2).reshape(len(value) * steps, -1)))
    return np.concatenate(columns, axis=1)


def _some(x: np.ndarray) -> np.ndarray:
    if x.shape[1] <= MOST_COLUMNS:
        return x
    return x[:, np.sort(np.random.default_rng(0).choice(x.shape[1], MOST_COLUMNS, replace=False))]


def possible(task: str, x: np.ndarray, target: np.ndarray, seed: int = 0) -> float:
    """The skill of the best of the references on examples that it has not seen; NaN for too few examples."""
    return float(max(*each(task, x, target, seed), 0.0)) if _enough(task, x, target) else float("nan")


def each(task: str, x: np.ndarray, target: np.ndarray, seed: int = 0) -> tuple[float, ...]:
    """The skill of a linear model, of trees and of a small network on examples that they have not seen; without the
    network for more than `WIDEST` columns, NaN for too few examples."""
    if not _enough(task, x, target):
        return float("nan"), float("nan")
    key = hashlib.sha256(b"".join([task.encode(), bytes([seed]), x.tobytes(), target.tobytes()])).hexdigest()
    if key not in _known:  # the same data are asked about again after every remedy
        if len(_known) >= 256:
            _known.clear()
        _known[key] = _each(task, x, target, seed)
    return _known[key]


_known: dict[str, tuple[float, ...]] = {}


def _enough(task: str, x: np.ndarray, target: np.ndarray) -> bool:
    return len(x) >= FEWEST and (task != "classification" or len(np.unique(target)) > 1)


def _models(task: str, seed: int, columns: int) -> list[Any]:
    """The references: a linear model, trees, and, where there are not too many columns, a small network: trees and
    lines alone say too little of what is smooth and bent."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    usual = {
        "hidden_layer_sizes": (32,), "learning_rate_init": 0.01, "max_iter": 60, "batch_size": 32, "alpha": 0.01,
        "random_state": seed,
    }  # fmt: skip
    if task == "classification":
        models = [
            scaled(LogisticRegression(max_iter=50)),
            ExtraTreesClassifier(40, random_state=seed),
            scaled(MLPClassifier(**usual)),
        ]
    else:
        network = TransformedTargetRegressor(MLPRegressor(**usual), transformer=StandardScaler())
        models = [
            scaled(Ridge(1.0)),
            ExtraTreesRegressor(40, random_state=seed, min_samples_leaf=2),
            scaled(network),
        ]
    return models if columns <= WIDEST else models[:2]


def scaled(model: Any) -> Any:
    """A model on columns of one scale, that of their middle half, with wild values cut off: what can be learned is not
    judged by what a stand-in for a missing value leaves of a column."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

    cut = FunctionTransformer(np.clip, kw_args={"a_min": -WILD, "a_max": WILD})
    return make_pipeline(StandardScaler(), RobustScaler(unit_variance=True), cut, StandardScaler(), model)


def _each(task: str, x: np.ndarray, target: np.ndarray, seed: int) -> tuple[float, ...]:
    from sklearn.model_selection import KFold, cross_val_predict

    chosen = np.random.default_rng(seed).permutation(len(x))[:EXAMPLES]
    x, target = x[chosen], target[chosen]
    if task == "classification" and len(np.unique(target)) < 2:
        return float("nan"), float("nan")
    found = []
    for model in _models(task, seed, x.shape[1]):
        folds = KFold(3, shuffle=True, random_state=seed)
        predicted = _quietly(cross_val_predict, model, x, _wanted(task, target), cv=folds).reshape(target.shape)
        found.append(skill(task, predicted >= 0.5 if task == "multilabel" else predicted, target))
    return tuple(found)


def _wanted(task: str, target: np.ndarray) -> np.ndarray:
    return target if task == "classification" or target.shape[1] > 1 else target[:, 0]


def recall(x: np.ndarray, target: np.ndarray, seed: int = 0) -> float:
    """The share of unseen examples outside of the most frequent class that balanced trees recognise."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import KFold, cross_val_predict

    chosen = np.random.default_rng(seed).permutation(len(x))[: 4 * EXAMPLES]
    x, target = x[chosen], target[chosen].astype(int)
    model = ExtraTreesClassifier(40, random_state=seed, class_weight="balanced", min_samples_leaf=5)
    predicted = _quietly(cross_val_predict, model, x, target, cv=KFold(3, shuffle=True, random_state=seed))
    others = target != np.bincount(target).argmax()
    return float((predicted[others] == target[others]).mean()) if others.any() else float("nan")


def answers_across(
    task: str, x: np.ndarray, target: np.ndarray, held: np.ndarray, held_target: np.ndarray, seed: int = 0
) -> tuple[float, np.ndarray]:
    """The skill on other examples of the best of the references trained on these, and its answers there."""
    chosen = np.random.default_rng(seed).permutation(len(x))[:EXAMPLES]
    best: tuple[float, np.ndarray] = (-np.inf, held_target)
    for model in _models(task, seed, x.shape[1]):
        _quietly(model.fit, x[chosen], _wanted(task, target[chosen]))
        predicted = np.asarray(model.predict(held)).reshape(held_target.shape)
        predicted = predicted >= 0.5 if task == "multilabel" else predicted
        best = max(best, (skill(task, predicted, held_target), predicted), key=lambda one: one[0])
    return float(best[0]), best[1]


def related(task: str, x: np.ndarray, target: np.ndarray) -> bool:
    """Whether a column goes with the targets more than chance explains: the smallest p of an F-test, times the number
    of columns and targets, is below 0.001.

    >>> x = np.random.default_rng(0).normal(size=(300, 4))
    >>> related("regression", x, x[:, :1] + 3 * x[:, 1:2] ** 2), related("regression", x[:150], x[150:, :1])
    (True, False)
    """
    from sklearn.feature_selection import f_classif, f_regression

    x = x[:, x.std(0) > 0]
    if not x.shape[1]:
        return False
    targets = [target] if task == "classification" else list(target.T)
    test = f_classif if task == "classification" else f_regression
    p = min(float(np.nan_to_num(_quietly(test, x, t)[1], nan=1.0).min()) for t in targets)
    return p * x.shape[1] * len(targets) < 1e-3


def single_column_skill(task: str, x: np.ndarray, target: np.ndarray, seed: int = 0) -> np.ndarray:
    """(d,) the skill of a tree that sees one column alone, on the half of the examples that it was not grown on."""
    order = np.random.default_rng(seed).permutation(len(x))[:EXAMPLES]
    own, other = order[: len(order) // 2], order[len(order) // 2 :]
    return np.array([column_across(task, column[own], target[own], column[other], target[other]) for column in x.T])


def column_across(task: str, column: np.ndarray, target: np.ndarray, other: np.ndarray, wanted: np.ndarray) -> float:
    """The skill on other examples of a tree grown on one column."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    quantity = task == "regression"
    tree = DecisionTreeRegressor(random_state=0) if quantity else DecisionTreeClassifier(random_state=0)
    answer = tree.fit(column[:, None], _wanted(task, target)).predict(other[:, None]).reshape(wanted.shape)
    return skill(task, answer, wanted)


def sure_answers(x: np.ndarray, target: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What trees answer to examples that they have not seen (P,), and by how much they prefer it to the next class."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    classes, labels = np.unique(target, return_inverse=True)
    trees = ExtraTreesClassifier(60, random_state=seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    share = _quietly(cross_val_predict, trees, x, labels, cv=folds, method="predict_proba")
    ordered = np.sort(share, axis=1)
    return classes[share.argmax(1)], ordered[:, -1] - ordered[:, -2]


def told_apart(x: np.ndarray, other: np.ndarray, seed: int = 0) -> tuple[float, np.ndarray]:
    """How well trees tell examples of one kind from those of another, on unseen ones: the area under the curve, 0.5 for
    not at all; and (d,) how much each column helps."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    rng = np.random.default_rng(seed)
    x, other = (np.unique(part, axis=0) for part in (x, other))  # trees know a row again that is there many times
    count = min(len(x), len(other), EXAMPLES // 2)
    if count < FEWEST:
        return 0.5, np.zeros(x.shape[1])
    both_kinds = np.concatenate([part[rng.permutation(len(part))[:count]] for part in (x, other)])
    kind = np.repeat([0, 1], count)
    trees = ExtraTreesClassifier(40, random_state=seed, min_samples_leaf=3)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    share = _quietly(cross_val_predict, trees, both_kinds, kind, cv=folds, method="predict_proba")
    return float(roc_auc_score(kind, share[:, 1])), trees.fit(both_kinds, kind).feature_importances_


def taken_for(x: np.ndarray, altered: np.ndarray, target: np.ndarray) -> tuple[int, int, float] | None:
    """Which class, altered, is most often taken for one other class, which, and how often: by trees grown on one half
    of the examples x (N, ...) as they are, of classes that they recognise in the other half. None where there is
    none."""
    from sklearn.ensemble import ExtraTreesClassifier

    half = len(x) // 2
    trees = ExtraTreesClassifier(40, random_state=0, min_samples_leaf=2)
    trees.fit(x[:half].reshape(half, -1), target[:half])
    plain, other = (trees.predict(part[half:].reshape(len(x) - half, -1)) for part in (x, altered))
    worst = None
    for own in np.unique(target[half:]):
        rows = target[half:] == own
        if rows.sum() < 5 or (plain[rows] == own).mean() < KNOWN:
            continue
        for taken in np.unique(other[rows]):
            share = float((other[rows] == taken).mean())
            if taken != own and (worst is None or share > worst[2]):
                worst = int(own), int(taken), share
    return worst


def copies(x: np.ndarray, other: np.ndarray, near: float) -> np.ndarray:
    """(P,) which of the other examples lie closer to one of x than ``near`` times the usual distance of neighbours."""
    from sklearn.neighbors import NearestNeighbors

    spread = x.std(0)
    x, other = (part[:, spread > 0] / spread[spread > 0] for part in (x, other))
    if not x.shape[1]:
        return np.zeros(len(other), bool)
    known = NearestNeighbors(n_neighbors=2).fit(x)
    usual = float(np.median(known.kneighbors(x)[0][:, 1]))
    return known.kneighbors(other, n_neighbors=1)[0][:, 0] <= near * usual


def _quietly(run: Any, *args: Any, **kwargs: Any) -> Any:
    import warnings

    with warnings.catch_warnings():  # that a reference has not converged is no news to whoever asked about a network
        warnings.simplefilter("ignore")
        return run(*args, **kwargs)
