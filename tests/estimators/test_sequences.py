"""Sequences of equal and unequal length, images, and networks of one's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

import netgrad as ng
from netgrad.errors import NetgradWarning
from netgrad.estimators import (
    ConvClassifier,
    NetworkClassifier,
    NetworkRegressor,
    RecurrentClassifier,
    RecurrentRegressor,
    SequenceTagger,
)
from netgrad.layers.cells import CELLS

SMALL = {"cell": "rnn", "units": 8, "max_iter": 40, "learning_rate_init": 0.02, "tol": 0.0, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_its_name(cell, walks):
    X, y = walks
    fitted = RecurrentClassifier(**SMALL | {"cell": cell, "units": 3, "max_iter": 1}).fit(X[:8], y[:8])
    assert type(fitted.model_.network.nodes[0].layer) is CELLS[cell]


@pytest.fixture(scope="module")
def walks():
    rng = np.random.default_rng(0)
    X = [rng.normal(0.8 * (i % 2), 1, (int(rng.integers(8, 16)), 1)) for i in range(120)]
    return X, np.array(["flat", "up"] * 60)


def test_lists_of_unequal_sequences_can_be_cross_validated(walks):
    X, y = walks
    assert cross_val_score(RecurrentClassifier(**SMALL), X, y, cv=3).mean() > 0.8


def test_what_stands_in_the_padding_has_no_effect(walks):
    X, y = walks
    fitted = RecurrentClassifier(**SMALL).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X)[:5], fitted.predict_proba(X[:5]), rtol=1e-4)
    np.testing.assert_allclose(fitted.predict_proba([x[:, 0] for x in X[:5]]), fitted.predict_proba(X[:5]))
    with pytest.raises(ValueError, match="X has 2 features"):
        fitted.predict([np.ones((4, 2))])


def test_rows_and_arrays_of_three_axes_are_the_same_sequences():
    X = np.random.default_rng(1).normal(size=(40, 12))
    y = X[:, -1] + X[:, -2]
    rows = RecurrentRegressor(n_features=2, **SMALL).fit(X, y)
    cubes = RecurrentRegressor(**SMALL).fit(X.reshape(40, 6, 2), y)
    np.testing.assert_allclose(rows.predict(X), cubes.predict(X.reshape(40, 6, 2)), rtol=1e-6)
    with pytest.raises(ValueError, match="no sequences of 5 features"):
        RecurrentRegressor(n_features=5, **SMALL).fit(X, y)


def test_a_tagger_answers_in_the_form_of_its_question(walks):
    X, _ = walks
    y = [np.where(x[:, 0] > 0, "high", "low") for x in X]
    tagger = SequenceTagger(bidirectional=True, **SMALL).fit(X, y)
    assert tagger.score(X, y) > 0.9
    assert [len(tags) for tags in tagger.predict(X[:3])] == [len(x) for x in X[:3]]
    assert tagger.predict_proba(X[:3])[0].shape == (len(X[0]), 2)
    with pytest.raises(ValueError, match=r"sequence \d+ has \d+ time-steps and \d+ tags: expected one tag for each"):
        SequenceTagger(**SMALL).fit(X, y[1:] + y[:1])
    cube = np.stack([x[:8] for x in X])
    assert SequenceTagger(**SMALL).fit(cube, cube[..., 0] > 0).predict(cube).shape == (120, 8)


FEW = SMALL | {"units": 3, "max_iter": 2}
CUBE = np.random.default_rng(2).normal(size=(6, 4, 2))  # six sequences of four time-steps with two features
UNEQUAL = [row[: 2 + i % 3] for i, row in enumerate(CUBE)]
LABELS = [0, 1, 1, 0, 1, 0]


def test_lists_of_lists_tables_and_object_arrays_are_sequences():
    fitted = RecurrentClassifier(**FEW).fit(UNEQUAL, LABELS)
    expected = fitted.predict_proba(UNEQUAL)
    lists, objects = [x.tolist() for x in UNEQUAL], np.empty(6, object)
    objects[:] = UNEQUAL
    for same in (lists, tuple(lists), objects, [pd.DataFrame(x) for x in UNEQUAL], [lists[0], *UNEQUAL[1:]]):
        np.testing.assert_array_equal(RecurrentClassifier(**FEW).fit(same, LABELS).predict_proba(same), expected)
    equal = RecurrentClassifier(**FEW).fit(CUBE, LABELS).predict_proba(CUBE)
    np.testing.assert_array_equal(RecurrentClassifier(**FEW).fit(CUBE.tolist(), LABELS).predict_proba(CUBE), equal)
    tags = [(x[:, 0] > 0).tolist() for x in UNEQUAL]
    tagger = SequenceTagger(**FEW).fit(lists, tags)
    assert [len(found) for found in tagger.predict(lists)] == [len(x) for x in UNEQUAL]


def test_what_was_fitted_on_rows_takes_their_time_steps_too():
    rows = CUBE.reshape(6, 8)
    fitted = RecurrentRegressor(n_features=2, **FEW).fit(rows, np.arange(6.0))
    np.testing.assert_array_equal(fitted.predict(CUBE), fitted.predict(rows))


def _ragged(estimator):
    return estimator(**FEW).fit([[[1, 2], [3]], [[1, 2], [3, 4], [5, 6]]], [0, 1])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda e: e(**FEW).fit(UNEQUAL, LABELS[:-1]), "X has 6 sequences and y has 5 targets, expected one for each;"),
        (lambda e: e(**FEW).fit(CUBE, LABELS * 2), "X has 6 sequences and y has 12 targets, expected one for each;"),
        (lambda e: e(**FEW).fit(CUBE.swapaxes(0, 1), LABELS), "X has 4 sequences and y has 6 targets.*time first"),
        (lambda e: e(**FEW).fit(CUBE[0], 1), r"X has shape \(4, 2\) and y has 1 targets.*X\[None\] is one sequence"),
        (lambda e: e(**FEW).fit(CUBE[0, :, 0], [1]), r"X has one axis, \(4,\).*X\[None, :, None\] is one series"),
        (lambda e: e(**FEW).fit(["ab", "c"], [0, 1]), r"X has one axis, \(2,\)"),
        (lambda e: e(**FEW).fit(CUBE, None), "requires y to be passed, but the target y is None"),
        (lambda e: e(**FEW).fit([[1.0, 2.0], []], [0, 1]), "one of them is empty"),
        (lambda e: e(**FEW).fit([CUBE[0], CUBE[1, :3, :1]], [0, 1]), r"sequence 1 has shape \(3, 1\), the first"),
        (lambda e: e(**FEW).fit([CUBE[:2], CUBE[:3]], [0, 1]), r"sequences have shape \(2, 3, 4, 2\)"),
        (_ragged, "the time-steps of sequence 0 have different numbers of features"),
        (lambda e: e(**FEW).fit([np.array(["2020-01-01"], "M8[D]")] * 2, [0, 1]), "sequence 0 holds dates or times"),
        (lambda e: e(**FEW).fit(CUBE.astype("M8[s]"), LABELS), "X holds dates or times"),
    ],
)
@pytest.mark.parametrize("estimator", [RecurrentClassifier, RecurrentRegressor, SequenceTagger])
def test_what_are_no_sequences_with_a_target_each_is_refused_in_one_line(estimator, what, message):
    with pytest.raises(ValueError, match=message) as error:
        what(estimator)
    assert "\n" not in str(error.value)


def test_one_sequence_alone_is_not_taken_for_many():
    fitted = RecurrentClassifier(**FEW).fit(CUBE[..., :1], LABELS)
    with pytest.raises(ValueError, match=r"X has shape \(4, 1\), but RecurrentClassifier was fitted on sequences of 1"):
        fitted.predict(CUBE[0, :, :1])
    assert fitted.predict(CUBE[:1, :, :1]).shape == (1,)
    with pytest.warns(NetgradWarning, match="each of the 4 rows of X is taken for a sequence of one time-step"):
        SequenceTagger(**FEW).fit(CUBE[0], LABELS[:4])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (LABELS, "y has 6 x 1 tags: expected one tag for each time-step, 6 x 4"),
        (np.zeros((6, 3), int), "y has 6 x 3 tags"),
        ([[0, 1], [0]] * 3, "y has rows of 1 to 2 tags"),
        (np.zeros((4, 6), int), "X has 6 sequences and y has 4 targets.*time first"),
    ],
)
def test_tags_that_are_not_one_for_each_step_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        SequenceTagger(**FEW).fit(CUBE, y)
    frame = pd.DataFrame((CUBE[..., 0] > 0).astype(int))
    assert SequenceTagger(**FEW).fit(CUBE, frame).predict(CUBE).shape == (6, 4)


def test_one_column_of_targets_is_one_number_each():
    with pytest.warns(Warning, match="column-vector y was passed"):
        fitted = RecurrentRegressor(**FEW).fit(CUBE, np.arange(6.0)[:, None])
    assert fitted.predict(CUBE).shape == (6,)


def test_images_in_every_form():
    X, y = load_digits(n_class=3, return_X_y=True)
    settings = {"filters": 4, "hidden_layer_sizes": 16, "max_iter": 10, "learning_rate_init": 0.01, "random_state": 0}
    flat = ConvClassifier(example_shape=(8, 8, 1), **settings).fit(X, y)
    images = ConvClassifier(**settings).fit(X.reshape(-1, 8, 8), y)
    assert flat.score(X, y) > 0.95
    np.testing.assert_allclose(flat.predict_proba(X), images.predict_proba(X.reshape(-1, 8, 8)), rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="no examples of shape"):
        ConvClassifier(example_shape=(9, 8, 1), **settings).fit(X, y)


def _with_norm(shape, units):
    return ng.Sequential([ng.Flatten(), ng.BatchNorm(), ng.Dense(16, activation="tanh"), ng.Dense(units)])


def test_networks_of_ones_own():
    X, y = load_digits(n_class=2, return_X_y=True)
    settings = {"max_iter": 15, "learning_rate_init": 0.02, "random_state": 0}
    assert NetworkClassifier(_with_norm, **settings).fit(X.reshape(-1, 8, 8), y).score(X.reshape(-1, 8, 8), y) > 0.95
    ready = ng.Sequential([ng.Dense(16, activation="tanh"), ng.Dense(2)])
    assert NetworkClassifier(ready, **settings).fit(X, y).out_activation_ == "softmax"
    assert NetworkRegressor(_with_norm, **settings).fit(X, y).predict(X).shape == y.shape
    wide = NetworkClassifier(ng.Sequential([ng.Dense(5)]), **settings).fit(X, y)  # units for classes that are not there
    assert set(wide.predict(X)) <= {0, 1}
    np.testing.assert_allclose(wide.predict_proba(X).sum(1), 1, rtol=1e-12)
    assert wide.predict_proba(X).shape == (len(X), 2)
    with pytest.raises(ValueError, match=r"must be a netgrad\.Network"):
        NetworkClassifier(lambda shape, units: "mlp").fit(X, y)


def test_a_transformer_is_a_cell_by_its_name(walks):
    X, y = walks
    small = SMALL | {"cell": "transformer", "units": (8, 8), "max_iter": 1}
    fitted = RecurrentClassifier(**small).fit(X[:8], y[:8])
    assert "blocks" in fitted.model_.params
    assert len(fitted.predict(X[:4])) == 4
    tags = [np.arange(len(x)) % 2 for x in X[:8]]
    tagger = SequenceTagger(**small).fit(X[:8], tags)
    assert "blocks" in tagger.model_.params
    assert [len(own) for own in tagger.predict(X[:4])] == [len(x) for x in X[:4]]
    with pytest.raises(ng.NetgradError, match="units= 64,64 is two of 64"):
        RecurrentClassifier(**small | {"units": (8, 4)}).fit(X[:8], y[:8])
    with pytest.raises(ng.NetgradError, match="a Transformer sees both ends: leave it out"):
        RecurrentClassifier(**small | {"bidirectional": True}).fit(X[:8], y[:8])
