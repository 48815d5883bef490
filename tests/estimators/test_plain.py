"""Fitted estimators go through pickle, joblib and skops and predict the same bits after it, from any process."""

import copy
import io
import pickle
import subprocess
import sys
from dataclasses import dataclass

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

import netgrad as ng
from netgrad import estimators as ours

X, Y = load_iris(return_X_y=True)
SEQUENCES = [X[i : i + 5] for i in range(0, 100, 5)]
TAGS = [[0, 1, 0, 1, 1]] * 20
NET = ng.Sequential([ng.BatchNorm(), ng.Dense(4), ng.Dense(3)])
SHORT = {"max_iter": 2, "random_state": 0}
CASES = {
    "MLPClassifier": (ours.MLPClassifier(**SHORT), X, Y),
    "MLPRegressor": (ours.MLPRegressor(solver="sgd", dtype="float32", **SHORT), X, X[:, 0]),
    "Autoencoder": (ours.Autoencoder(hidden_layer_sizes=4, tied=True, **SHORT), X, Y),
    "BernoulliRBM": (ours.BernoulliRBM(4, n_iter=2, visible="gaussian", random_state=0), X, Y),
    "PairClassifier": (ours.PairClassifier(4, **SHORT), X, Y),
    "lbfgs": (ours.MLPRegressor(solver="lbfgs", **SHORT), X, X[:, 0]),
    "ConvClassifier": (ours.ConvClassifier(filters=2, **SHORT), X, Y),
    "RecurrentClassifier": (ours.RecurrentClassifier(cell="rnn", units=3, **SHORT), SEQUENCES, [0, 1] * 10),
    "RecurrentRegressor": (ours.RecurrentRegressor(cell="gru", units=3, **SHORT), SEQUENCES, [0.0, 1.0] * 10),
    "SequenceTagger": (ours.SequenceTagger(cell="rnn", units=3, **SHORT), SEQUENCES, TAGS),
    "NetworkClassifier": (ours.NetworkClassifier(NET, **SHORT), X, Y),
    "NetworkRegressor": (ours.NetworkRegressor(**SHORT), X, X[:, 0]),
    "ELMClassifier": (ours.ELMClassifier(8), X, Y),
    "ELMRegressor": (ours.ELMRegressor(8), X, X[:, 0]),
    "GroupedClassifier": (ours.GroupedClassifier((4,), group=0, **SHORT), np.c_[Y % 2, X], Y),
    "GroupedRegressor": (ours.GroupedRegressor((4,), group=0, **SHORT), np.c_[Y % 2, X], X[:, 0]),
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def fitted():
    return {name: (clone(estimator).fit(x, y), x, y) for name, (estimator, x, y) in CASES.items()}


def answers(estimator, x):
    asked = next(name for name in ("predict_proba", "predict", "transform") if hasattr(estimator, name))
    return np.asarray(getattr(estimator, asked)(x))


def test_every_estimator_is_tested():
    assert {cls.__name__ for cls in ours.ESTIMATORS} <= set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_pickle_joblib_and_copies(name, fitted):
    estimator, x, _ = fitted[name]
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    for again in (pickle.loads(pickle.dumps(estimator)), joblib.load(file), copy.deepcopy(estimator)):
        np.testing.assert_array_equal(answers(again, x), answers(estimator, x))
        assert getattr(again, "loss_curve_", None) == getattr(estimator, "loss_curve_", None)
        assert repr(getattr(again, "model_", None)) == repr(getattr(estimator, "model_", None))
    assert not hasattr(clone(estimator), "model_")


@pytest.mark.parametrize("name", CASES)
def test_skops(name, fitted):
    sio = pytest.importorskip("skops.io")
    estimator, x, _ = fitted[name]
    answers(estimator, x)  # whatever prediction may remember
    data = sio.dumps(estimator)
    unknown = sio.get_untrusted_types(data=data)
    if name not in ("NetworkClassifier", "NetworkRegressor"):  # whose setting is a network
        assert unknown == [f"{type(estimator).__module__}.{type(estimator).__name__}"]
    np.testing.assert_array_equal(answers(sio.loads(data, trusted=unknown), x), answers(estimator, x))


def test_all_that_is_kept_is_plain(fitted):
    def check(value, path):
        if isinstance(value, dict):
            for key, item in value.items():
                assert isinstance(key, str), path
                check(item, f"{path}.{key}")
        elif isinstance(value, list | tuple):
            for i, item in enumerate(value):
                check(item, f"{path}[{i}]")
        else:
            assert value is None or isinstance(value, bool | int | float | str | np.ndarray), path

    for name, (estimator, _, _) in fitted.items():
        state = estimator.__getstate__()
        check({key: value for key, value in state.items() if key not in estimator.get_params()}, name)


def test_training_goes_on_after_loading(fitted):
    estimator, x, y = fitted["MLPClassifier"]
    loaded, kept = pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)
    np.testing.assert_array_equal(loaded.partial_fit(x, y).predict_proba(x), kept.partial_fit(x, y).predict_proba(x))
    assert loaded.t_ == 450


def test_another_process_predicts_the_same(fitted, tmp_path):
    estimator, x, _ = fitted["NetworkClassifier"]
    joblib.dump((estimator, x), tmp_path / "fitted.joblib")
    code = (
        "import joblib, numpy as np, sys, netgrad as ng\n"
        "estimator, x = joblib.load(sys.argv[1] + '/fitted.joblib')\n"
        "net = ng.Sequential([ng.BatchNorm(), ng.Dense(4), ng.Dense(3)])\n"
        "assert hash(net) == hash(estimator.network) and net == estimator.network == estimator.model_.network\n"
        "np.save(sys.argv[1] + '/answers.npy', estimator.predict_proba(x))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "answers.npy"), estimator.predict_proba(x))


@dataclass(frozen=True)
class Doubled(ng.Layer):
    """A layer that no registry knows."""

    def out_shape(self, in_shape):
        return in_shape

    def call(self, params, x, context):
        return 2 * x


def test_layers_of_ones_own_are_pickled_as_they_are():
    own = ours.NetworkClassifier(ng.Sequential([Doubled(), ng.Dense(3)]), **SHORT).fit(X, Y)
    again = pickle.loads(pickle.dumps(own))
    np.testing.assert_array_equal(again.predict_proba(X), own.predict_proba(X))
