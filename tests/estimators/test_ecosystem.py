"""The estimators among scikit-learn's own tools, and on tables of every kind."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostRegressor, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from netgrad.estimators import ConvClassifier, GroupedClassifier, GroupedRegressor, MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
FAST = {"hidden_layer_sizes": (8,), "max_iter": 60, "learning_rate_init": 0.03, "tol": 0.0, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_importing_netgrad_does_not_import_scikit_learn():
    code = "import netgrad, sys; assert 'sklearn' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_in_a_pipeline_a_search_and_a_cross_validation():
    pipe = make_pipeline(StandardScaler(), MLPClassifier(**FAST)).set_output(transform="pandas")
    search = GridSearchCV(pipe, {"mlpclassifier__alpha": [1e-4, 1e2]}, cv=3, n_jobs=2).fit(X, Y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
    assert search.best_score_ > 0.9
    assert cross_val_score(clone(search.best_estimator_), X, Y, cv=3).mean() > 0.9
    assert search.best_estimator_[-1].feature_names_in_.tolist() == [f"x{i}" for i in range(4)]


CLASSIFIER, REGRESSOR = MLPClassifier(**FAST | {"max_iter": 5}), MLPRegressor(**FAST | {"max_iter": 5})
LABELS = {"classes": Y, "numbers": X[:, 0], "several labels": np.c_[Y > 0, Y > 1].astype(int), "outputs": X[:, :2]}
WRAPPED = {
    "calibrated": (CalibratedClassifierCV(CLASSIFIER, cv=2), "classes"),
    "stacked": (StackingClassifier([("a", CLASSIFIER), ("b", clone(CLASSIFIER))], cv=2), "classes"),
    "voting": (VotingClassifier([("a", CLASSIFIER), ("b", clone(CLASSIFIER))], voting="soft"), "classes"),
    "bagged": (BaggingClassifier(CLASSIFIER, n_estimators=2, max_samples=0.5), "classes"),
    "boosted": (AdaBoostRegressor(REGRESSOR, n_estimators=2), "numbers"),
    "one against the rest": (OneVsRestClassifier(CLASSIFIER), "classes"),
    "chained": (ClassifierChain(CLASSIFIER), "several labels"),
    "an output each": (MultiOutputRegressor(REGRESSOR), "outputs"),
    "targets transformed": (TransformedTargetRegressor(REGRESSOR, transformer=StandardScaler()), "numbers"),
    "threshold tuned": (TunedThresholdClassifierCV(CLASSIFIER, cv=2), "yes or no"),
    "features selected": (SequentialFeatureSelector(CLASSIFIER, n_features_to_select=1, cv=2), "classes"),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_in_other_estimators(name):
    wrapped, kind = WRAPPED[name]
    y = Y == 2 if kind == "yes or no" else LABELS[kind]
    fitted = clone(wrapped).fit(X, y)
    if hasattr(fitted, "predict"):
        assert fitted.predict(X).shape == y.shape
        assert np.isfinite(fitted.score(X, y))
    else:
        assert fitted.transform(X).shape == (150, 1)


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_behind_a_column_transformer_on_tables_of_pandas_and_polars(output):
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=["u", "v"] * 75)
    found = []
    for table in (frame, polars.from_pandas(frame)):
        columns = ColumnTransformer(
            [("numbers", StandardScaler(), list("abcd")), ("kinds", OneHotEncoder(sparse_output=False), ["kind"])]
        )
        pipe = make_pipeline(columns.set_output(transform=output), clone(CLASSIFIER)).fit(table, Y)
        found.append(pipe.predict_proba(table))
        if output != "default":
            assert pipe[-1].feature_names_in_.tolist() == list(pipe[0].get_feature_names_out())
    np.testing.assert_array_equal(*found)


def test_labels_as_sparse_matrix():
    several = LABELS["several labels"]
    dense = clone(CLASSIFIER).fit(X, several).predict_proba(X)
    np.testing.assert_array_equal(clone(CLASSIFIER).fit(X, sparse.csr_array(several)).predict_proba(X), dense)
    part = clone(CLASSIFIER).partial_fit(X, sparse.csr_array(several), classes=[0, 1])
    assert part.predict(X).shape == (150, 2)


def test_tables_of_all_kinds_give_the_same():
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame(X, columns=list("abcd"))
    expected = MLPClassifier(**FAST).fit(X, Y).predict_proba(X)
    for table in (frame, polars.from_pandas(frame), sparse.csr_array(X), sparse.csc_matrix(X), X.tolist()):
        fitted = MLPClassifier(**FAST).fit(table, Y)
        np.testing.assert_allclose(fitted.predict_proba(table), expected, rtol=1e-6)
    assert MLPClassifier(**FAST).fit(polars.from_pandas(frame), Y).feature_names_in_.tolist() == list("abcd")


def test_labels_of_any_kind_and_several_at_once():
    words = np.array(["setosa", "versicolor", "virginica"])[Y]
    assert MLPClassifier(**FAST).fit(X, words).predict(X)[0] == "setosa"
    several = np.stack([Y == 0, X[:, 0] > 6], axis=1).astype(int)
    both = MLPClassifier(**FAST).fit(X, several)
    assert both.predict(X).shape == (150, 2)
    assert both.out_activation_ == "logistic"
    assert (both.predict(X) == several).mean() > 0.9
    numbers = MLPRegressor(**FAST).fit(X, X[:, :2] * 2)
    assert numbers.predict(X).shape == (150, 2)


def test_a_pickled_model_predicts_the_same():
    fitted = MLPClassifier(**FAST).fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.partial_fit(X, Y).t_ == fitted.t_ + 150


def test_weights_of_zero_leave_examples_out():
    weights = (Y != 2).astype(float)
    fitted = MLPClassifier(**FAST).fit(X, Y, sample_weight=weights)
    assert fitted.predict_proba(X)[:, 2].max() < 0.2


def test_a_search_over_alpha_and_rate_compiles_once():
    from netgrad.training.epoch import _together

    def fit(alpha, rate):
        return MLPClassifier(**FAST | {"alpha": alpha, "learning_rate_init": rate}).fit(X, Y)

    fit(1e-3, 0.01)
    before = _together.cache_info().misses
    assert fit(1e-1, 0.02).loss_ > fit(1e-4, 0.02).loss_
    assert _together.cache_info().misses == before


DATES = pd.date_range("2020-01-01", periods=150)
WITH_DATES = pd.DataFrame({"a": X[:, 0], "when": DATES})
TIMED = {
    "dates": WITH_DATES,
    "with a zone": WITH_DATES.assign(when=DATES.tz_localize("UTC")),
    "durations": WITH_DATES.assign(when=pd.to_timedelta(X[:, 1], "h")),
    "periods": WITH_DATES.assign(when=DATES.to_period("M")),
    "objects": WITH_DATES.assign(when=[None, *DATES.date[1:]]),
    "arrow": WITH_DATES.convert_dtypes(dtype_backend="pyarrow"),
    "array": WITH_DATES[["when"]].to_numpy(),
    "array of objects": WITH_DATES.to_numpy(),
    "lists": [[1.0, day] for day in DATES.date],
}


@pytest.mark.parametrize("kind", TIMED)
def test_dates_are_encoded_in_frames_and_refused_in_one_line_elsewhere(kind):
    framed = kind not in ("array", "array of objects", "lists")
    of_columns = [MLPClassifier(**FAST), GroupedClassifier(**FAST)] if framed else []
    for estimator in of_columns:
        fitted = estimator.fit(TIMED[kind], Y)
        assert any(name.startswith("when") for name in fitted.model_.encoder.feature_names)
        assert fitted.predict(TIMED[kind]).shape == Y.shape
    for estimator in [ConvClassifier()] if framed else [MLPClassifier(**FAST), GroupedClassifier(**FAST)]:
        what = "column 'when'" if framed else "X"
        with pytest.raises(ValueError, match=f"^{what} holds dates or times: give numbers instead") as error:
            estimator.fit(TIMED[kind], Y)
        assert "\n" not in str(error.value)


def test_dates_of_polars_and_in_targets_are_refused():
    polars = pytest.importorskip("polars")
    with pytest.raises(ValueError, match="column 'when' holds dates or times"):
        ConvClassifier().fit(polars.from_pandas(WITH_DATES), Y)
    assert MLPClassifier(**FAST).fit(polars.from_pandas(WITH_DATES), Y).predict(polars.from_pandas(WITH_DATES)).size
    with pytest.raises(ValueError, match="y holds dates or times"):
        MLPRegressor(**FAST).fit(X, DATES)
    days = DATES[Y]  # as classes they are labels like any others
    assert set(MLPClassifier(**FAST).fit(X, days).predict(X)) <= set(days.to_numpy())


def test_groups_learn_apart_and_know_their_own():
    rng = np.random.default_rng(0)
    sizes = {3.0: 40, 7.0: 25, 9.0: 10}
    group = np.repeat(list(sizes), list(sizes.values()))
    x = rng.normal(size=(len(group), 2))
    y = x[:, 0] * np.where(group == 3, 1, -1)
    order = rng.permutation(len(group))
    table = np.column_stack([x[:, 0], group, x[:, 1]])[order]
    many = GroupedRegressor(group=1, **FAST | {"max_iter": 300}).fit(table, y[order])
    assert many.score(table, y[order]) > 0.9
    assert many.coefs_[0].shape == (3, 2, 8)
    alone = many.models_[7.0].predict(table[table[:, 1] == 7][:, [0, 2]])
    np.testing.assert_allclose(alone, many.predict(table[table[:, 1] == 7]), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"group 5\.0, which was not there"):
        many.predict([[0.0, 5.0, 0.0]])


def test_one_group_is_the_estimator_without_groups():
    alone, grouped = MLPClassifier(**FAST).fit(X, Y), GroupedClassifier(**FAST).fit(X, Y)
    np.testing.assert_allclose(grouped.loss_curve_, alone.loss_curve_, rtol=1e-5)


def test_groups_say_what_they_cannot_do():
    assert not hasattr(GroupedClassifier(), "partial_fit")
    with pytest.raises(ValueError, match="no column of X"):
        GroupedClassifier(group=9, **FAST).fit(X, Y)
    with pytest.raises(ValueError, match="unknown column"):
        GroupedClassifier(group="shop", **FAST).fit(pd.DataFrame(X, columns=list("abcd")), Y)
