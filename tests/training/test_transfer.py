"""Models that begin from what others have learned: what is taken, what begins anew, and how fast each part learns."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.network.edit import with_outputs
from netgrad.training.transfer import begun_anew

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def layers(outputs=3):
    return [ng.Dense(5, activation="tanh"), ng.BatchNorm(), ng.Dense(4, activation="tanh"), ng.Dense(outputs)]


@pytest.fixture(scope="module")
def known():
    return ng.fit(ng.Sequential(layers()), X, Y, epochs=3)


def test_all_but_the_last_layer_is_taken(known):
    start = ng.transfer(known, X, np.where(Y == 0, "odd", "even"), outputs=2, seed=1)
    assert begun_anew(known, start) == ["dense_3"]
    for name in ("dense_1", "batch_norm_1", "dense_2"):
        jax.tree.map(np.testing.assert_array_equal, start.params[name], known.params[name])
    jax.tree.map(np.testing.assert_array_equal, start.state, known.state)
    assert start.params["dense_3"]["W"].shape == (4, 2)
    assert set(start.predict(X)) <= {"odd", "even"}


def test_a_last_layer_of_the_same_size_is_new_for_other_targets_and_kept_for_the_same(known):
    other = ng.transfer(known, X, (Y + 1) % 3, outputs=3, seed=7)
    assert begun_anew(known, other) == ["dense_3"]
    same = ng.transfer(known, X, Y)
    jax.tree.map(np.testing.assert_array_equal, same.params, known.params)
    np.testing.assert_array_equal(same.predict(X), known.predict(X))
    again = ng.transfer(known, X, Y, anew=["dense_3", "batch*"], seed=7)
    assert begun_anew(known, again) == ["batch_norm_1", "dense_3"]
    assert (again.state["batch_norm_1"]["mean"] == 0).all()


def test_of_a_cut_or_longer_network_what_has_the_same_name_is_taken(known):
    longer = ng.Sequential([*layers()[:3], ng.Dense(7, activation="relu", name="between"), ng.Dense(3, name="last")])
    assert begun_anew(known, ng.transfer(known, X, Y, network=longer)) == ["between", "last"]
    cut = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(3, name="last")])
    assert begun_anew(known, ng.transfer(known, X, Y, network=cut)) == ["last"]
    wider = known.network.select("dense_3").replace(units=6)
    assert begun_anew(known, ng.transfer(known, X, Y, network=wider)) == ["dense_3"]


def test_inside_an_ensemble_and_behind_what_has_no_weights():
    net = ng.Sequential([ng.Ensemble([ng.Dense(4, activation="relu"), ng.WeightNorm(ng.Dense(3))], 2), ng.Dropout(0.1)])
    known = ng.fit(net, X, Y, epochs=1)
    start = ng.transfer(known, X, Y % 2, outputs=2)
    assert begun_anew(known, start) == ["ensemble_1/weight_norm_1"]
    assert start.predict_proba(X).shape == (40, 2)


def test_a_table_is_encoded_as_the_model_was():
    import pandas as pd

    table = pd.DataFrame({"size": X[:, 0], "kind": np.where(Y == 0, "flat", "house")})
    known = ng.fit(ng.Sequential([ng.Dense(4), ng.Dense(1)]), table, X[:, 1], epochs=2)
    other = table.assign(size=10 * table["size"]).iloc[:9]
    start = ng.transfer(known, other, np.array(["a", "b", "b"] * 3), outputs=2)
    assert start.encoder is known.encoder
    assert set(ng.fit(start, other, np.array(["a", "b", "b"] * 3), epochs=1).predict(other)) <= {"a", "b"}


def test_rates_of_layers_are_factors_of_the_common_one(known):
    """Of plain gradient descent one step is the factor times the step without it."""
    settings = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 1, "batch_size": None}
    usual = ng.fit(known, X, Y, **settings)
    factors = {"dense_*": 0.5, "dense_1": 0.1, "dense_3/b": 2.0}  # the last that fits counts
    slower = ng.fit(known, X, Y, layer_rates=factors, **settings)
    expected = {"dense_1/W": 0.1, "dense_1/b": 0.1, "dense_2/W": 0.5, "dense_3/W": 0.5, "dense_3/b": 2.0}
    for path, factor in expected.items():
        layer, name = path.split("/")
        before = known.params[layer][name]
        moved = slower.params[layer][name] - before
        np.testing.assert_allclose(moved, factor * (usual.params[layer][name] - before), rtol=1e-3, atol=1e-7)
    both = ng.fit(known, X, Y, layer_rates=factors, frozen="dense_2", **settings)
    np.testing.assert_array_equal(both.params["dense_2"]["W"], known.params["dense_2"]["W"])
    np.testing.assert_allclose(both.params["dense_1"]["W"], slower.params["dense_1"]["W"], rtol=1e-6)


def test_checkpoints_know_them(known, tmp_path):
    ng.fit(known, X, Y, epochs=1, layer_rates={"dense_1": 0.1}, checkpoint=tmp_path)
    with pytest.raises(ng.FileError, match="it differs in layer rates"):
        ng.fit(known, X, Y, epochs=2, layer_rates={"dense_1": 0.2}, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda k: ng.transfer(k, X[:, :5], Y), r"dense_1/W has the shape \(6, 5\) in the model and would be \(5, 5\)"),
        (lambda k: ng.transfer(k, X, Y, network=ng.Sequential([ng.Dense(3, name="a")])), "nothing of the model is tak"),
        (lambda k: ng.transfer(k, X, Y, network=k.network, outputs=3), "leave it out beside network="),
        (lambda k: ng.transfer(k, X, Y, anew="dense_9"), "unknown layer 'dense_9'"),
        (lambda k: ng.fit(k, X, Y, layer_rates={"dense_9": 1.0}), "unknown layer 'dense_9'"),
        (lambda k: ng.fit(k, X, Y, layer_rates={"dense_1": 0.0}), "found 0.0 for 'dense_1': keep it as it is by froz"),
        (lambda k: ng.fit(k, X, Y, layer_rates={"dense_1": "slow"}), "positive factors, found 'slow'"),
        (lambda k: ng.fit(k, X, Y, layer_rates={"dense_1/V": 2}), "nothing to train in 'dense_1/V'"),
        (lambda k: ng.fit(k, X, Y, optimizer="lbfgs", layer_rates={"dense_1": 2}), "lbfgs finds the length"),
    ],
)
def test_what_does_not_fit_is_said(known, ask, message):
    with pytest.raises(ng.NetgradError, match=message):
        ask(known)


def test_networks_without_one_last_dense_layer():
    x = ng.Input()
    two = ng.Network(x, {"a": ng.Dense(1)(x), "b": ng.Dense(1)(x)})
    for network, message in (
        (two, "has the outputs a, b"),
        (ng.Network(x, ng.Add()(ng.Dense(2)(x), ng.Dense(2)(x))), "made by add_1, of several"),
        (ng.Sequential([ng.Flatten()]), "has no layer with weights"),
        (ng.Sequential([ng.Dense(2), ng.RNN(3)]), "rnn_1, is a RNN, no dense one"),
    ):
        with pytest.raises(ng.NetgradError, match=message):
            with_outputs(network, 4)
