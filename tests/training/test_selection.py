"""Cross-validation, bootstrap, splits and the prediction error, against what can be said about them by hand."""

import contextlib
import sys

import joblib
import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.training import selection

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 2))
Y = X @ [1.0, -2.0] + 0.3 * RNG.normal(size=90)
LABELS = np.where(X[:, 0] > 0.8, "rare", "common")
NET = ng.Sequential([ng.Dense(1)])
CLASSES = ng.Sequential([ng.Dense(2)])
FAST = {"optimizer": "levenberg_marquardt", "batch_size": None, "epochs": 3}


def test_folds_are_those_of_least_squares():
    """A linear network's folds against least squares on the same folds."""
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold, cross_val_score

    scores = ng.cross_validate(NET, X, Y, folds=3, seed=4, **FAST)
    expected = cross_val_score(LinearRegression(), X, Y, cv=KFold(3, shuffle=True, random_state=4), scoring="r2")
    np.testing.assert_allclose(scores["r2"], expected, atol=1e-4)
    assert scores.mean["r2"] == pytest.approx(expected.mean(), abs=1e-4)
    assert scores.spread["r2"] == pytest.approx(expected.std(ddof=1), abs=1e-4)
    assert "r2" in repr(scores)


def test_every_fold_has_its_share_of_each_class(monkeypatch):
    seen = []
    plain = selection.fit

    def watching(network, x, y, **settings):
        seen.append(np.mean(y == "rare"))
        return plain(network, x, y, **settings)

    monkeypatch.setattr(selection, "fit", watching)
    frame = pd.DataFrame(X, columns=["a", "b"])
    scores = ng.cross_validate(CLASSES, frame, LABELS, folds=3, epochs=1)
    np.testing.assert_allclose(seen, np.mean(LABELS == "rare"), atol=0.02)
    assert set(scores.mean) == {"loss", "accuracy"}
    assert len(set(scores["loss"])) == 3


def test_bootstrap_scores_on_what_was_not_drawn(monkeypatch):
    drawn = []
    plain = selection.fit

    def watching(network, x, y, **settings):
        drawn.append(x)
        model = plain(network, x, y, **settings)
        evaluate = model.evaluate
        model.evaluate = lambda x, y, *more: drawn.append(x) or evaluate(x, y, *more)
        return model

    monkeypatch.setattr(selection, "fit", watching)
    scores = ng.bootstrap(NET, X, Y, repeats=3, seed=1, **FAST)
    assert len(scores.rows) == 3
    for train, held in zip(drawn[::2], drawn[1::2], strict=True):
        assert len(train) == 90
        rows = {tuple(row) for row in train}
        assert not rows & {tuple(row) for row in held}
        assert rows | {tuple(row) for row in held} == {tuple(row) for row in X}
        assert 0.25 < len(held) / 90 < 0.5
    np.testing.assert_array_equal(scores["loss"], ng.bootstrap(NET, X, Y, repeats=3, seed=1, **FAST)["loss"])


def test_three_way_split():
    split = ng.three_way_split(pd.DataFrame(X), LABELS, seed=2)
    assert [len(y) for _, y in split] == [59, 9, 22]
    rows = np.concatenate([part[0].to_numpy() for part in split])
    assert {tuple(row) for row in rows} == {tuple(row) for row in X}
    shares = [np.mean(y == "rare") for _, y in split]
    np.testing.assert_allclose(shares, np.mean(LABELS == "rare"), atol=0.1)


def test_prediction_error():
    """On a linear network with known noise the formula is Mallows' criterion, and finds the size that is true."""
    assert ng.prediction_error(E=4.5, N=90, weights=3, noise_variance=0.09) == pytest.approx(0.1 + 6 * 0.001)
    x = np.linspace(-1, 1, 90)[:, None]
    powers = {k: ng.Sequential([Powers(k), ng.Dense(1)]) for k in (1, 3, 8)}
    y = x[:, 0] - 2 * x[:, 0] ** 3 + 0.1 * RNG.normal(size=90)
    settings = {**FAST, "epochs": 30}
    estimated = ng.network_size(powers, x, y, **settings)
    assert min(estimated, key=estimated.get) == 3
    known = ng.network_size(powers, x, y, noise_variance=0.01, **settings)
    residual = np.linalg.lstsq(np.c_[x, x**2, x**3, np.ones(90)], y, rcond=None)[1]
    assert known[3] == pytest.approx(residual[0] / 90 + 2 * 4 / 90 * 0.01, rel=1e-2)


class Powers(ng.Layer):
    """x, x^2, ..., x^k."""

    def __init__(self, k):
        super().__init__(name=f"powers_{k}")
        object.__setattr__(self, "k", k)

    def call(self, params, x, context):
        return x ** np.arange(1, self.k + 1)


BAD = {
    "one fold": (lambda: ng.cross_validate(NET, X, Y, folds=1), "folds must be a whole number of at least 2"),
    "more folds than examples": (lambda: ng.cross_validate(NET, X[:3], Y[:3], folds=4), "cannot be cut"),
    "a class too rare": (
        lambda: ng.cross_validate(CLASSES, X, np.r_[np.zeros(88, int), 1, 1], folds=3), "2 examples, too few"),
    "one repeat": (lambda: ng.bootstrap(NET, X, Y, repeats=1), "repeats must be"),
    "a model": (lambda: ng.cross_validate(ng.untrained(NET, X, Y), X, Y), r"model\.network"),
    "shares beyond one": (lambda: ng.three_way_split(X, Y, shares=(0.6, 0.3, 0.3)), "add up to 1"),
    "too few for three parts": (lambda: ng.three_way_split(X[:3], Y[:3]), "too few"),
    "the error of classes": (
        lambda: ng.network_size({1: CLASSES}, X, LABELS, loss="softmax_cross_entropy", epochs=1), "squared error"),
    "more parameters than examples": (
        lambda: ng.network_size({1: ng.Sequential([ng.Dense(99), ng.Dense(1)])}, X, Y, epochs=1), "noise_variance"),
    "an unknown score": (lambda: selection.Scores([{"loss": 1.0}])["los"], "did you mean 'loss'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_trainings_side_by_side_score_the_same(backend):
    """In processes of joblib's own and in those of a Dask cluster; an error there is one line here."""
    if backend == "dask":
        distributed = pytest.importorskip("distributed", reason="needs dask and distributed")
        cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with contextlib.ExitStack() as ends:
        if backend == "dask":
            ends.enter_context(cluster)
            client = ends.enter_context(distributed.Client(cluster))
        ends.enter_context(joblib.parallel_config(backend, n_jobs=2))
        folds, drawn = ng.cross_validate(NET, X, Y, folds=2, **FAST), ng.bootstrap(NET, X, Y, repeats=2, **FAST)
        with pytest.raises(ng.NetgradError, match="learning_rate must be positive, found -1"):
            ng.cross_validate(NET, X, Y, folds=2, learning_rate=-1.0)
        if backend == "dask":  # it was there that they were trained
            assert all(client.run(lambda: "netgrad.training.fit" in sys.modules).values())
    assert folds == ng.cross_validate(NET, X, Y, folds=2, **FAST)
    assert drawn == ng.bootstrap(NET, X, Y, repeats=2, **FAST)
