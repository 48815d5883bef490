"""Model selection: how good is a choice of network and settings on examples that it was not trained on?

Cross-validation and the bootstrap train anew on parts of the examples and score on the rest; the three-way split and
the prediction-error formula are for those who can afford one training only. Source: Pattipati, "Backprop
Practicalities": "Perform cross validation or bootstrap. At worst, split N as follows: 65% Training; 10% Validation; 25%
Testing".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from netgrad.compiling import as_seed
from netgrad.data.checks import same_examples
from netgrad.errors import DataError, NetgradError, unknown_name
from netgrad.losses import SquaredError
from netgrad.network import Network
from netgrad.training.fit import fit
from netgrad.training.model import Model


@dataclass(frozen=True)
class Scores:
    """What several trainings scored on the examples that each had not seen: one row a training, one column a score.

    >>> scores = Scores([{"loss": 1.0}, {"loss": 3.0}])
    >>> scores.mean["loss"], round(scores.spread["loss"], 3)
    (2.0, 1.414)
    """

    rows: list[dict[str, float]]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.rows[0]:
            raise unknown_name("score", name, self.rows[0])
        return np.array([row[name] for row in self.rows])

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each score."""
        return {name: float(self[name].mean()) for name in self.rows[0]}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of each score from training to training."""
        return {name: float(self[name].std(ddof=1)) for name in self.rows[0]}

    def __repr__(self) -> str:
        parts = [f"{name} {self.mean[name]:.4g} ± {self.spread[name]:.2g}" for name in self.rows[0]]
        return f"Scores of {len(self.rows)} trainings: {', '.join(parts)}"


def cross_validate(
    network: Network,
    x: Any,
    y: Any,
    *,
    folds: int = 5,
    sample_weight: Any = None,
    lengths: Any = None,
    seed: int = 0,
    n_jobs: int | None = None,
    **settings: Any,
) -> Scores:
    """Train ``folds`` times on all examples but one fold, and score on that fold.

    Folds are drawn at random; of classes each fold has its share (scikit-learn's `KFold` and `StratifiedKFold`).
    settings: as for `netgrad.fit`. Encoders are fitted anew to each training part, so nothing of a fold leaks into it.
    n_jobs: trainings side by side, as joblib's backend runs them: processes by default, or those of
    ``joblib.parallel_config``, such as a Dask cluster.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> scores = ng.cross_validate(net, x, x.sum(1), folds=3, optimizer="levenberg_marquardt", epochs=5)
    >>> len(scores.rows), scores.mean["r2"] > 0.99
    (3, True)
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    classes, seed = _classes(y), as_seed(seed)
    n = _count(x)
    _check_whole("folds", folds, 2)
    if folds > n:
        raise DataError(f"{n} examples cannot be cut into {folds} folds")
    if classes is not None and (rare := np.bincount(np.unique(classes, return_inverse=True)[1]).min()) < folds:
        raise DataError(f"the rarest class has {rare} examples, too few for {folds} folds: take fewer folds")
    splitter = (KFold if classes is None else StratifiedKFold)(folds, shuffle=True, random_state=seed)
    parts = splitter.split(np.zeros(n), classes)
    return _score(network, parts, (x, y, sample_weight, lengths), seed, settings, n_jobs)


def bootstrap(
    network: Network,
    x: Any,
    y: Any,
    *,
    repeats: int = 20,
    sample_weight: Any = None,
    lengths: Any = None,
    seed: int = 0,
    n_jobs: int | None = None,
    **settings: Any,
) -> Scores:
    """Train ``repeats`` times on N examples drawn with replacement, and score on those that were not drawn.

    About 37% are left out each time. Of classes each resample has their shares. n_jobs: as for `cross_validate`.
    Source: Pattipati; Efron (1983).

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> ng.bootstrap(net, x, x.sum(1), repeats=3, optimizer="levenberg_marquardt", epochs=5).mean["r2"] > 0.99
    True
    """
    from sklearn.utils import resample

    _check_whole("repeats", repeats, 2)
    n, classes, seed = _count(x), _classes(y), as_seed(seed)

    def parts() -> Iterable[tuple[np.ndarray, np.ndarray]]:
        for i in range(repeats):
            drawn = resample(np.arange(n), stratify=classes, random_state=np.random.RandomState([seed, i]))
            left = np.setdiff1d(np.arange(n), drawn)
            if not len(left):
                raise DataError(f"{n} examples are too few for the bootstrap: a resample left none to score on")
            yield drawn, left

    return _score(network, parts(), (x, y, sample_weight, lengths), seed, settings, n_jobs)


class Split(NamedTuple):
    """Three pairs (x, y)."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]


def three_way_split(x: Any, y: Any, shares: tuple[float, float, float] = (0.65, 0.10, 0.25), seed: int = 0) -> Split:
    """Examples to train on, to watch while training, and to test on once: 65%, 10% and 25%, drawn at random.

    Of classes each part has its share. Source: Pattipati, "Backprop Practicalities".

    >>> import numpy as np
    >>> split = three_way_split(np.eye(100), np.arange(100.0))
    >>> [len(part[1]) for part in split]
    [65, 10, 25]

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> model = ng.fit(net, *split.train, validation=split.validation, patience=3, epochs=2)
    >>> sorted(model.evaluate(*split.test))
    ['loss', 'r2', 'rmse']
    """
    from sklearn.model_selection import train_test_split

    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise NetgradError(f"shares must be three positive numbers that add up to 1, found {shares}")
    n, classes, seed = _count(x), _classes(y), as_seed(seed)
    if min(round(n * share) for share in shares) < 1:
        raise DataError(f"{n} examples are too few for parts of {', '.join(f'{share:g}' for share in shares)}")
    try:
        rest, test = train_test_split(np.arange(n), test_size=round(n * shares[2]), random_state=seed, stratify=classes)
        train, validation = train_test_split(
            rest,
            test_size=round(n * shares[1]),
            random_state=seed,
            stratify=None if classes is None else classes[rest],
        )
    except ValueError as error:
        raise DataError(f"the classes cannot be shared out: {str(error).splitlines()[0]}") from None
    return Split(*((_take(x, np.sort(part)), _take(y, np.sort(part))) for part in (train, validation, test)))


def prediction_error(E: float, N: int, weights: int, noise_variance: float) -> float:
    """PE = 2E/N + 2 N_W/N sigma^2: the squared error to expect on new examples, for choosing a network's size.

    E: the training error 1/2 sum (t - a)^2 over all N examples; weights: N_W, how many numbers were learned;
    noise_variance: sigma^2, of the noise in the examples. The first part falls with the number of weights, the second
    rises: the network with the least PE generalises best. Source: Pattipati, "Network size from prediction error".

    >>> prediction_error(E=12.5, N=100, weights=25, noise_variance=0.5)
    0.5
    """
    return 2 * E / N + 2 * weights / N * noise_variance


def network_size(
    networks: Mapping[Any, Network], x: Any, y: Any, *, noise_variance: float | None = None, **settings: Any
) -> dict[Any, float]:
    """`prediction_error` of each of these networks, trained on all examples with squared error.

    noise_variance: where it is not known, it is estimated from the network with the most parameters, P, as
    2E / (N - P). settings: as for `netgrad.fit`.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 1))
    >>> nets = {units: ng.Sequential([ng.Dense(units, activation="tanh"), ng.Dense(1)]) for units in (1, 4)}
    >>> errors = ng.network_size(nets, x, np.sin(3 * x), optimizer="levenberg_marquardt", batch_size=None, epochs=50)
    >>> min(errors, key=errors.get)
    4
    """
    models = {name: fit(net, x, y, **({"loss": "squared_error"} | settings)) for name, net in networks.items()}
    found: dict[Any, tuple[float, int, int]] = {}
    for name, model in models.items():
        if len(model.objective.terms) > 1 or not isinstance(model.objective.terms[0][1], SquaredError):
            raise NetgradError(
                "the prediction error is that of one output with squared error: set loss='squared_error'"
            )
        found[name] = (squared_error(model, x, y), _count(x), model.parameters)
    if noise_variance is None:
        E, N, most = max(found.values(), key=lambda values: values[2])
        if most >= N:
            raise DataError(
                f"the largest network has {most} parameters for {N} examples: the noise cannot be estimated from it, "
                "give noise_variance"
            )
        noise_variance = 2 * E / (N - most)
    elif not noise_variance >= 0:
        raise NetgradError(f"noise_variance must not be negative, found {noise_variance}")
    return {name: prediction_error(*values, noise_variance) for name, values in found.items()}


def squared_error(model: Model, x: Any, y: Any) -> float:
    """E = 1/2 sum (t - a)^2 over all examples and output units."""
    batch = model.batch(x, y)
    name = model.objective.terms[0][0]
    return 0.5 * float(((model.outputs(x)[name] - np.asarray(batch.y[name])) ** 2).sum())


def _score(
    network: Network,
    parts: Iterable[Any],
    examples: tuple[Any, ...],
    seed: int,
    settings: dict[str, Any],
    n_jobs: int | None,
) -> Scores:
    from joblib import Parallel, delayed

    if not isinstance(network, Network):
        raise NetgradError("selection trains anew each time: give a network, for a model its model.network")
    one = delayed(_scored)
    return Scores(Parallel(n_jobs=n_jobs)(one(network, *part, examples, seed, settings) for part in parts))


def _scored(
    network: Network, train: Any, held: Any, examples: tuple[Any, ...], seed: int, settings: dict[str, Any]
) -> dict[str, float]:
    """What a training on these examples scores on those, in whatever process this is."""
    x, y, w, lengths = (_take(part, train) for part in examples)
    model = fit(network, x, y, sample_weight=w, lengths=lengths, seed=seed, **settings)
    x, y, w, lengths = (_take(part, held) for part in examples)
    return model.evaluate(x, y, w, lengths)


def _take(part: Any, index: np.ndarray) -> Any:
    """These examples of an array, a data frame, a list, or a dict of them."""
    if part is None:
        return None
    if isinstance(part, Mapping):
        return {name: _take(value, index) for name, value in part.items()}
    return part.iloc[index] if hasattr(part, "iloc") else np.asarray(part)[index]


def _count(x: Any) -> int:
    parts = {name: np.empty(len(part)) for name, part in (x if isinstance(x, Mapping) else {"x": x}).items()}
    return same_examples(**parts)


def _classes(y: Any) -> np.ndarray | None:
    """The class of each example, where targets are one class each."""
    if isinstance(y, Mapping):
        return None
    values = np.asarray(y)
    if values.ndim != 1 or values.dtype.kind not in "iubOUS" or len(np.unique(values)) < 2:
        return None
    # Whole numbers that hardly repeat are quantities.
    return values if len(np.unique(values)) <= max(2, len(values) // 2) else None


def _check_whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise NetgradError(f"{name} must be a whole number of at least {least}, found {value!r}")
