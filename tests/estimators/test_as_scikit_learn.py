"""Where the meaning is the same, the numbers are scikit-learn's: from the same start, along the same losses."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning

from netgrad import StopBelow, estimators

X, Y = load_iris(return_X_y=True)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def _parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_are_those_of_the_installed_version_in_their_order_and_ours_follow(name):
    theirs, ours = getattr(neural_network, name), getattr(estimators, name)
    n = len(_parameters(theirs))
    assert _parameters(ours)[:n] == _parameters(theirs)
    assert {kind for _, kind, _ in _parameters(ours)[n:]} == {inspect.Parameter.KEYWORD_ONLY}
    for method in ("fit", "partial_fit", "predict", "score"):
        those = _parameters(getattr(theirs, method))
        further = [name for name, *_ in _parameters(getattr(ours, method))[len(those) :]]
        assert _parameters(getattr(ours, method))[: len(those)] == those, method
        # As its GaussianProcessRegressor and BayesianRidge have it.
        assert further == (["return_std"] if method == "predict" and name == "MLPRegressor" else []), method


def test_the_order_before_loss_came_first_is_answered_with_the_new_one():
    with pytest.raises(ValueError, match=r"loss is the first argument.*write hidden_layer_sizes=\(20,\)"):
        estimators.MLPRegressor((20,), "tanh").fit(X, X[:, 0])


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


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_weights_count_among_the_held_out_examples_too(name):
    weights = np.random.default_rng(0).integers(0, 4, len(X)).astype(float)
    common = {"solver": "sgd", "early_stopping": True, "shuffle": False, "random_state": 0, "max_iter": 20}
    y = (Y == 2).astype(int) if name == "MLPClassifier" else X[:, 0]
    theirs = getattr(neural_network, name)(**common).fit(X, y, weights)
    ours = getattr(estimators, name)(**common).fit(X, y, weights)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-6)
    plain = getattr(estimators, name)(**common).fit(X, y)
    assert not np.allclose(ours.validation_scores_[:5], plain.validation_scores_[:5], rtol=1e-3)


def test_early_stopping_needs_weights_on_both_sides():
    weights = np.zeros(len(X))
    weights[0] = 1
    with pytest.raises(ValueError, match="sample_weight is 0 for all examples that early_stopping holds out, or"):
        estimators.MLPClassifier(early_stopping=True).fit(X, Y, weights)


@pytest.mark.parametrize("labels", [np.arange(30) % 4, np.minimum(np.arange(30), 2)], ids=["30 rows", "a class of one"])
def test_early_stopping_with_few_members_trains_as_scikit_learns_does(labels):
    common = {"solver": "sgd", "early_stopping": True, "shuffle": False, "random_state": 0, "max_iter": 5}
    theirs = neural_network.MLPClassifier(**common).fit(X[:30], labels)
    ours = estimators.MLPClassifier(**common).fit(X[:30], labels)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)


@pytest.mark.parametrize(
    ("rows", "fraction", "message"),
    [
        (np.r_[:3, 60:63], 0.1, "holds out examples of both classes, and there are too few: set early_stopping=False"),
        (np.r_[:3, 60], 0.5, "holds out examples of both classes.*only 1 member"),
        (np.r_[:3, 60:63, 120:123], 0.1, "The validation set is too small.*0.1 of 9 examples holds out 1: at least 2"),
        (np.r_[:3, 60:63, 120:123], 1, "early_stopping cannot hold out 1 of X"),
    ],
)
def test_early_stopping_on_too_few_examples_is_refused_in_one_line(rows, fraction, message):
    with pytest.raises(ValueError, match=message) as error:
        estimators.MLPClassifier(early_stopping=True, validation_fraction=fraction).fit(X[rows], Y[rows])
    assert "\n" not in str(error.value)


def test_poisson_walks_along_the_same_losses():
    counts = np.random.default_rng(0).poisson(np.exp(X[:, 3]))
    common = {"loss": "poisson", "solver": "sgd", "shuffle": False, "max_iter": 30, "random_state": 1, "tol": 0.0}
    theirs = neural_network.MLPRegressor(**common).fit(X, counts)
    ours = estimators.MLPRegressor(**common).fit(X, counts)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    assert (ours.out_activation_, estimators.MLPRegressor(max_iter=1).fit(X, counts).out_activation_) == (
        theirs.out_activation_,
        "identity",
    )
    with pytest.raises(ValueError, match="counts or rates of at least 0"):
        estimators.MLPRegressor("poisson").fit(X, -X[:, 0])


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
    for other in (Y + 5, np.minimum(Y, 1)):
        with pytest.raises(ValueError, match=r"same classes as in the previous call to fit. Previously got \[0 1 2\]"):
            warm.fit(X, other)


def test_a_warm_start_is_never_worse_than_what_it_starts_from():
    held = {"early_stopping": True, "warm_start": True, "random_state": 0, "max_iter": 20, "learning_rate_init": 0.01}
    warm = estimators.MLPClassifier(**held).fit(X, Y)
    before, best = warm.predict_proba(X), warm.best_validation_score_
    warm.set_params(learning_rate_init=10.0, max_iter=3).fit(X, Y)
    assert len(warm.validation_scores_) == 23
    assert warm.best_validation_score_ >= best
    if warm.best_validation_score_ == best:
        np.testing.assert_array_equal(warm.predict_proba(X), before)


def test_a_warm_start_that_diverges_at_once_leaves_the_model_as_it_was():
    held = {"early_stopping": True, "warm_start": True, "random_state": 0, "max_iter": 5, "solver": "sgd"}
    warm = estimators.MLPRegressor(activation="identity", **held).fit(X, X[:, 0])
    before = warm.predict(X)
    with pytest.warns(ConvergenceWarning, match="diverged at epoch 1"):
        warm.set_params(batch_size=10, learning_rate_init=1e200).fit(X, X[:, 0])
    np.testing.assert_array_equal(warm.predict(X), before)
    assert (warm.n_iter_, len(warm.loss_curve_), len(warm.validation_scores_)) == (0, 5, 6)
    assert np.isnan([warm.loss_, warm.validation_scores_[-1]]).all()


def test_partial_fit_goes_on_after_the_solver_was_changed():
    part = estimators.MLPClassifier(random_state=0).partial_fit(X, Y, classes=[0, 1, 2])
    assert part.set_params(solver="sgd").partial_fit(X, Y).t_ == 300
    for solver in ("lbfgs", "levenberg_marquardt"):
        assert not hasattr(part.set_params(solver=solver), "partial_fit")


def test_one_class_is_what_is_predicted():
    for labels in (np.full(150, "only"), np.zeros(150, int)):
        fitted = estimators.MLPClassifier(max_iter=3).fit(X, labels)
        assert (fitted.predict(X) == labels).all()
        np.testing.assert_array_equal(fitted.predict_proba(X), np.ones((150, 1)))


def test_numbers_come_in_the_precision_that_x_has():
    wide = np.tile(X, 20)  # more than what "auto" computes in double precision
    for dtype in (np.float64, np.float32):
        fitted = estimators.MLPClassifier(max_iter=2).fit(wide.astype(dtype), Y)
        assert fitted.model_.params["dense_1"]["W"].dtype == np.float32
        assert fitted.coefs_[0].dtype == fitted.intercepts_[0].dtype == dtype
        assert fitted.predict_proba(wide.astype(dtype)).dtype == dtype
    exact = np.finfo(np.float64).eps * 4  # what sklearn.metrics.log_loss asks of probabilities that are double
    doubled = estimators.MLPClassifier(max_iter=2).fit(wide, Y)
    np.testing.assert_allclose(doubled.predict_proba(wide).sum(1), 1, rtol=exact)
    asked = estimators.MLPClassifier(max_iter=2, dtype="float32").fit(X, Y)
    assert asked.predict_proba(X).dtype == asked.coefs_[0].dtype == np.float32


def test_training_that_diverges_keeps_the_best_epoch_or_says_so():
    settings = {"solver": "sgd", "activation": "identity", "learning_rate_init": 0.5, "max_iter": 40, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="diverged at epoch.*the model is that of the best epoch before"):
        kept = estimators.MLPRegressor(early_stopping=True, **settings).fit(X, X[:, 0])
    assert np.isnan(kept.validation_scores_[-1])
    assert np.isfinite(kept.predict(X)).all()
    with pytest.raises(ValueError, match=r"Solver produced non-finite parameter weights.*training diverged at epoch"):
        estimators.MLPRegressor(**settings).fit(X, X[:, 0])


def test_held_out_targets_that_are_all_the_same_score_as_in_scikit_learn():
    settings = {"early_stopping": True, "random_state": 0, "max_iter": 30, "solver": "sgd", "shuffle": False}
    constant = np.ones(150)
    theirs = neural_network.MLPRegressor(**settings).fit(X, constant)
    ours = estimators.MLPRegressor(**settings).fit(X, constant)
    assert (ours.n_iter_, ours.validation_scores_) == (theirs.n_iter_, theirs.validation_scores_)


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
        model = estimators.MLPRegressor(hidden_layer_sizes=(3,), dtype=dtype, **settings).fit(line, 2 * line[:, 0])
        assert model.n_iter_ < 100, dtype
        assert "did not improve" in model.model_.history.stopped


def test_lbfgs_ends_after_so_many_evaluations():
    settings = {"solver": "lbfgs", "tol": 0.01, "activation": "tanh", "random_state": 0, "max_iter": 400}
    with pytest.warns(ConvergenceWarning, match=r"20 evaluations \(max_fun\) were not enough"):
        short = estimators.MLPRegressor(**settings | {"tol": 0.0, "max_fun": 20}).fit(X[:, 1:], X[:, 0])
    assert 1 < short.n_iter_ < 20


def test_lbfgs_and_other_solvers_fit():
    curve = np.sin(X[:, 0])
    for solver, rate in (("lbfgs", 0.1), ("rprop", 0.01), ("adamw", 0.05)):
        settings = {"solver": solver, "learning_rate_init": rate, "max_iter": 1000, "random_state": 0}
        fitted = estimators.MLPRegressor("squared_error", (10,), "tanh", **settings)
        assert fitted.fit(X, curve).score(X, curve) > 0.9, solver


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": "adm"}, "unknown solver 'adm': did you mean 'adam'"),
        ({"solver": ["adam"]}, "unknown solver"),
        ({"callbacks": [3]}, r"callbacks must be a list of netgrad.Callbacks, found \[3\]"),
        ({"callbacks": StopBelow(0.1)}, "callbacks must be a list of netgrad.Callbacks, found StopBelow"),
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
