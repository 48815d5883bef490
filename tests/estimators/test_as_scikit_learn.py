"""Where the meaning is the same, the numbers are scikit-learn's: from the same start, along the same losses."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_iris, make_regression

from netgrad import estimators

X, Y = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_parameter_and_default_is_there(name):
    theirs = inspect.signature(getattr(neural_network, name)).parameters
    ours = inspect.signature(getattr(estimators, name)).parameters
    for key, parameter in theirs.items():
        assert ours[key].default == parameter.default, key


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.0},
        {"nesterovs_momentum": False, "activation": "tanh"},
        {"learning_rate": "invscaling", "power_t": 0.2},
        {"learning_rate": "adaptive", "tol": 1e-3, "activation": "logistic"},
        {"hidden_layer_sizes": (6, 5), "alpha": 1.0},
    ],
    ids=str,
)
def test_gradient_descent_walks_along_the_same_losses(settings):
    common = {"solver": "sgd", "learning_rate_init": 0.02, "shuffle": False, "max_iter": 60, "random_state": 3}
    theirs = neural_network.MLPClassifier(**common | settings).fit(X, Y)
    ours = estimators.MLPClassifier(**common | settings).fit(X, Y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    assert (ours.out_activation_, ours.n_layers_, ours.t_) == (theirs.out_activation_, theirs.n_layers_, theirs.t_)
    assert ours.best_loss_ == pytest.approx(theirs.best_loss_)


def test_early_stopping_holds_out_the_same_examples_and_stops_at_the_same_epoch():
    # Two classes: with three scikit-learn does not stratify, though it says so, and we do.
    common = {"solver": "sgd", "early_stopping": True, "shuffle": False, "random_state": 0, "n_iter_no_change": 3}
    y = Y == 2
    theirs = neural_network.MLPClassifier(**common).fit(X, y)
    ours = estimators.MLPClassifier(**common).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-6)
    assert ours.best_loss_ is None
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)


def test_partial_fit_and_warm_start_go_on():
    part = estimators.MLPClassifier(random_state=0, shuffle=False, solver="sgd")
    other = neural_network.MLPClassifier(random_state=0, shuffle=False, solver="sgd")
    for _ in range(4):
        part.partial_fit(X, Y, classes=[0, 1, 2])
        other.partial_fit(X, Y, classes=[0, 1, 2])
    np.testing.assert_allclose(part.loss_curve_, other.loss_curve_, rtol=1e-6)
    warm = estimators.MLPClassifier(random_state=0, max_iter=5, warm_start=True)
    first = warm.fit(X, Y).loss_
    assert warm.fit(X, Y).loss_ < first
    assert len(warm.loss_curve_) == 10
    with pytest.raises(ValueError, match="class"):
        warm.fit(X, Y + 5)


def test_several_starts_keep_the_best():
    settings = {"max_iter": 20, "random_state": 0, "hidden_layer_sizes": 5}
    many = estimators.MLPClassifier(n_starts=4, **settings).fit(X, Y)
    rows = many.model_.history.rows[-1]
    assert many.loss_ == pytest.approx(min(rows[f"loss_{k}"] for k in range(1, 5)))


@pytest.mark.parametrize("activation", ["logistic", "relu"])
def test_lbfgs_goes_on_as_long_as_scikit_learns(activation):
    x, y = make_regression(n_samples=200, n_features=2, bias=5.0, random_state=42)
    ours, theirs = [], []
    for seed in range(3):
        settings = {"solver": "lbfgs", "activation": activation, "tol": 1e-3, "alpha": 1e-5, "max_iter": 150}
        given = {"hidden_layer_sizes": 50, "random_state": seed, **settings}
        ours.append(estimators.MLPRegressor(**given).fit(x, y))
        theirs.append(neural_network.MLPRegressor(**given).fit(x, y))
    assert [model.n_iter_ for model in ours] == [model.n_iter_ for model in theirs]
    assert np.median([model.loss_ for model in ours]) < 3 * np.median([model.loss_ for model in theirs])


def test_lbfgs_stops_where_the_loss_stands_still():
    line = X[:, :1]
    settings = {"solver": "lbfgs", "activation": "identity", "tol": 0.0, "max_iter": 500, "random_state": 0, "alpha": 0}
    for dtype in ("float32", "float64"):
        model = estimators.MLPRegressor((3,), dtype=dtype, **settings).fit(line, 2 * line[:, 0])
        assert model.n_iter_ < 100, dtype
        assert "did not improve" in model.model_.history.stopped


def test_lbfgs_and_other_solvers_fit():
    curve = np.sin(X[:, 0])
    for solver, rate in (("lbfgs", 0.1), ("rprop", 0.01), ("adamw", 0.05)):
        settings = {"solver": solver, "learning_rate_init": rate, "max_iter": 1000, "random_state": 0}
        fitted = estimators.MLPRegressor((10,), "tanh", **settings)
        assert fitted.fit(X, curve).score(X, curve) > 0.9, solver


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "adm"}, "unknown solver 'adm': did you mean 'adam'"),
        ({"alpha": -1}, "alpha must be a number of at least 0"),
        ({"max_iter": 0}, "max_iter must be a whole number"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be a whole number"),
        ({"learning_rate": "fast"}, "unknown learning_rate"),
        ({"dtype": "float16"}, "unknown dtype"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(ValueError, match=message) as error:
        estimators.MLPClassifier(**settings).fit(X, Y)
    assert "\n" not in str(error.value)


def test_it_says_when_it_has_not_converged():
    with pytest.warns(Warning, match="not enough to converge"):
        estimators.MLPClassifier(max_iter=2).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimators.MLPClassifier(max_iter=200, tol=0.1).fit(X, Y)
