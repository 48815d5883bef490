"""Few labels and pairs as an estimator: digits of which twenty have a label, pairs of one's own, what is refused."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from netgrad.errors import NetgradError
from netgrad.estimators import MLPClassifier, PairClassifier
from netgrad.tasks import guessed_pairs

X, Y = load_digits(return_X_y=True)
FEW = np.concatenate([np.flatnonzero(c == Y)[:2] for c in range(10)])
PARTLY = np.full(len(Y), -1)
PARTLY[FEW] = Y[FEW]


def test_examples_without_labels_help():
    pipe = make_pipeline(MinMaxScaler(), PairClassifier(max_iter=12, random_state=0)).fit(X, PARTLY)
    alone = MLPClassifier((64,), max_iter=300, tol=0, random_state=0).fit(X[FEW] / 16, Y[FEW])
    assert pipe.score(X, Y) > alone.score(X / 16, Y) + 0.05
    assert pipe[-1].classes_.tolist() == list(range(10))
    assert len(pipe[-1].loss_curve_) == pipe[-1].n_iter_ == 12


def test_classes_decide_where_they_are_known_and_given_pairs_alone_count():
    x, classes = X[:200] / 16, np.where(np.arange(200) < 150, Y[:200], -1)
    similar, dissimilar = guessed_pairs(x, 3, classes)
    for pairs, alike in ((similar, True), (dissimilar, False)):
        one, two = classes[pairs].T
        known = (one >= 0) & (two >= 0)
        assert ((one == two)[known] == alike).all()
        assert (~known).any()
    halves = np.repeat([0, 1], 50)  # which examples do not tell, and pairs do
    rows = np.random.default_rng(0).normal(size=(100, 2))
    rows[:, 0] += np.where(halves, 3, -3)
    labels = np.full(100, -1)
    labels[[0, 1, 98, 99]] = [7, 7, 8, 8]
    pairs = [[k, k + 1] for k in range(100 - 1) if halves[k] == halves[k + 1]]
    model = PairClassifier(8, learning_rate_init=0.02, random_state=0).fit(rows, labels, similar=pairs)
    assert model.score(rows, 7 + halves) > 0.95


def test_minus_one_is_a_class_beside_one_other():
    y = np.where(X[:60, 20] > 8, 1, -1)
    assert PairClassifier(4, max_iter=1).fit(X[:60] / 16, y).classes_.tolist() == [-1, 1]


WRONG = {
    "y is -1 everywhere": (np.full(60, -1), {}),
    "neighbours must be a whole number of at least 1, found 0": (PARTLY[:60], {"neighbours": 0}),
    "margin must be a number above 0, found 0": (PARTLY[:60], {"margin": 0}),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_one_line(message):
    y, settings = WRONG[message]
    with pytest.raises(NetgradError, match=message):
        PairClassifier(**settings).fit(X[:60], y)
    with pytest.raises(NetgradError, match="similar names example 60"):
        PairClassifier().fit(X[:60], PARTLY[:60], similar=[[0, 60]])
