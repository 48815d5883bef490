"""Examples that are kept for testing: `netgrad.fit(test=)` and `netgrad.fit_table(test=)`."""

import re

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 3))
LABELS = np.where(X[:, 0] > 0, "up", "down").astype(object)
TABLE = pd.DataFrame({"size": X[:, 0], "kind": np.where(X[:, 1] > 0, "a", "b"), "nr": np.arange(N) % 7})
NET = ng.Sequential([ng.Dense(2)])


def fit(x=X, y=LABELS, network=NET, **settings):
    return ng.fit(network, x, y, **{"epochs": 2, "test": 0.25} | settings)


def test_a_share_is_held_back_and_measured():
    model = fit(validation=0.2, metrics="f1_macro")
    assert len(model.tested.y) == 15
    assert {"loss", "accuracy", "f1_macro"} <= set(model.tested.scores)
    assert model.tested.scores == model.evaluate(model.tested.x, model.tested.y, metrics="f1_macro")
    assert model.card["scores"]["test_accuracy"] == round(model.tested.scores["accuracy"], 6)
    assert repr(model.tested).startswith("15 test examples: accuracy")
    # Classes in proportion; the rest is what training saw, and all that it saw.
    assert abs((model.tested.y == "up").sum() - 0.25 * (LABELS == "up").sum()) <= 1
    rest = np.array([i for i in range(N) if not (model.tested.x == X[i]).all(1).any()])
    same = fit(X[rest], LABELS[rest], test=None, validation=0.2)
    np.testing.assert_array_equal(same.params["dense_1"]["W"], model.params["dense_1"]["W"])
    assert same.tested is None
    # What comes of it later was not tested.
    assert ng.fit(model, X, LABELS, epochs=1).tested is None
    assert ng.fit(model, X, LABELS, epochs=1, test=(X[:5], LABELS[:5])).tested.y.tolist() == LABELS[:5].tolist()


def test_a_pair_dicts_weights_and_lengths():
    several = [ng.Input("a"), ng.Input("b")]
    net = ng.Network(several, ng.Dense(1)(ng.Concatenate()(*several)))
    parts = {"a": X[:, :1], "b": X[:, 1:]}
    model = ng.fit(net, parts, X[:, 0], epochs=1, sample_weight=np.arange(1.0, N + 1), test=0.1)
    assert set(model.tested.x) == {"a", "b"}
    assert model.tested.sample_weight.shape == (6,)
    steps, lengths = RNG.normal(size=(20, 4, 1)), np.tile([2, 4], 10)
    tagger = ng.Sequential([ng.RNN(2), ng.Dense(1)])
    model = ng.fit(tagger, steps, steps, lengths=lengths, loss="squared_error", epochs=1, test=0.25)
    assert model.tested.lengths.shape == (5,)
    own = ng.fit(tagger, steps, steps, loss="squared_error", epochs=1, test=(steps, steps, lengths))
    assert own.tested.scores["loss"] == own.evaluate(steps, steps, lengths=lengths)["loss"]
    whole = ng.fit(ng.Autoencoder([ng.Dense(1)], inputs=3), X, epochs=1, test=0.5)
    assert whole.tested.y is None
    assert whole.tested.x.shape == (30, 3)


def test_of_a_frame_kinds_are_decided_by_all_rows_and_scales_by_those_trained_on():
    table = TABLE.assign(cost=["n/k", *map(str, range(N - 1))])
    model = fit(table, drop=["nr"], numeric=["cost"], validation=(table[:6], LABELS[:6]))
    assert model.encoder.feature_names == ["size", "kind=a", "kind=b", "cost", "cost missing"]
    rest = table.drop(index=model.tested.x.index)
    assert model.encoder.transform(rest)[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert model.predict(table).shape == (N,)
    held = ng.fit(model, table, LABELS, epochs=1, test=0.5)  # a model keeps its encoders
    assert held.encoder is model.encoder
    scaled = fit(TABLE, scaling="range", missing_values=["a"])
    assert scaled.encoder.scaling == "range"
    assert scaled.encoder.feature_names == ["size", "kind=b", "kind missing", "nr"]


def test_a_label_of_one_row_is_learned_and_not_tested():
    labels = LABELS.copy()
    labels[7] = "sideways"
    for seed in (0, 4):  # of which the second draws it for the test
        model = fit(y=labels, network=ng.Sequential([ng.Dense(3)]), epochs=1, seed=seed)
        assert "sideways" not in model.tested.y
        assert "sideways" in model.target_encoder.classes


def test_a_test_that_fails_costs_no_model():
    with pytest.warns(ng.NetgradWarning, match="the model is trained, and could not be tested: .* 'sideways'"):
        model = fit(test=(X[:2], np.array(["up", "sideways"])))
    assert model.tested is None
    assert model.predict(X[:2]).shape == (2,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"test": 1.5}, "test is a share of the examples between 0 and 1, or examples to test on, found 1.5"),
        ({"test": True}, "found True"),
        ({"test": [1]}, "found a list"),
        ({"test": (X,)}, "test is a share or a pair (x, y), found a tuple of 1"),
        ({"y": LABELS[:-1]}, "60"),
        ({"x": lambda: iter([]), "y": None}, "with a stream give test=(x, y)"),
        ({"y": np.array([f"n{i}" for i in range(N)])}, "every label stands in a single row"),
        ({"test_size": 0.2}, "fit has no argument 'test_size': here it is test=0.2"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ng.NetgradError, match=re.escape(said)):
        fit(**settings)


def test_remedies_are_tried_without_the_test_examples():
    with pytest.warns(ng.NetgradWarning):
        model = fit(TABLE, X[:, 0], network=ng.Sequential([ng.Dense(1)]), optimizer="sgd", learning_rate=1e3, fix=True)
    assert len(model.tested.y) == 15
    assert np.isfinite(model.tested.scores["loss"])
