"""Class weights and resampling; noise on the weights; examples without a label."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.training.balance import resample, weigh_classes

X = np.random.default_rng(0).normal(size=(20, 3))
Y = (np.arange(20) < 4).astype(int)  # 16 of class 0, 4 of class 1
OUT = "dense_1"


def net(units=2):
    return ng.Sequential([ng.Dense(units)])


def prepared(y=Y, units=2, **settings):
    model = ng.untrained(net(units), X, y, **settings)
    return model.batch(X, y), model.objective, model.target_encoder


def leaves(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model.params)]


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_sample_weight

    weights = weigh_classes(*prepared(), "balanced").weights[OUT]
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", Y), rtol=1e-6)
    one_unit = prepared(units=1, loss="binary_cross_entropy")
    np.testing.assert_allclose(weigh_classes(*one_unit, "balanced").weights[OUT], weights)


def test_weights_by_label_multiply_those_of_the_examples():
    data, objective, encoder = prepared(np.array(["no", "yes"])[Y])
    data = data._replace(weights={OUT: np.linspace(1, 2, 20)})
    weights = weigh_classes(data, objective, encoder, {"yes": 3}).weights[OUT]
    np.testing.assert_allclose(weights, np.linspace(1, 2, 20) * np.where(Y, 3, 1), rtol=1e-6)


def test_padding_and_examples_of_weight_zero_are_no_members_of_a_class():
    sequences = np.zeros((2, 4, 3))
    y = np.array([[1, 1, 0, 0], [0, 1, 0, 0]])
    model = ng.untrained(net(), sequences, y, lengths=[4, 2])
    data = model.batch(sequences, y, lengths=[4, 2])
    weights = weigh_classes(data, model.objective, None, "balanced", {OUT: [4, 2]}).weights[OUT]
    np.testing.assert_allclose(weights, 1)  # three of each class within the sequences


def test_the_padding_is_that_of_the_output_and_not_of_the_first_input():
    """Two sequences of their own lengths, of which only the second is labelled."""
    a, b = ng.Input("a"), ng.Input("b")
    last = ng.LSTM(2, returns="last", name="last")(a)
    network = ng.Network([a, b], {"tag": ng.Dense(2)(b), "whole": ng.Dense(2)(last)})
    x = {"a": np.zeros((2, 4, 3)), "b": np.zeros((2, 4, 3))}
    y = {"tag": np.array([[1, 1, 0, 0], [0, 1, 0, 0]]), "whole": np.array([0, 1])}
    settings = {"lengths": {"a": [1, 2], "b": [4, 2]}, "epochs": 1, "seed": 0}
    balanced = ng.fit(network, x, y, class_weight={"tag": "balanced"}, **settings)
    plain = ng.fit(network, x, y, **settings)  # three of each class within the labelled sequences
    assert all((p == q).all() for p, q in zip(leaves(balanced), leaves(plain), strict=True))


def test_class_weights_are_sample_weights_of_training():
    settings = {"epochs": 3, "batch_size": 7, "seed": 2}
    a = ng.fit(net(), X, Y, class_weight={1: 4.0}, **settings)
    b = ng.fit(net(), X, Y, sample_weight=np.where(Y, 4.0, 1.0), **settings)
    assert all((p == q).all() for p, q in zip(leaves(a), leaves(b), strict=True))


@pytest.mark.parametrize(("how", "each"), [("over", 16), ("under", 4)])
def test_resampling_makes_classes_equal(how, each):
    data, objective, _ = prepared()
    drawn = resample(data, objective, how, seed=1)
    np.testing.assert_array_equal(np.bincount(drawn.y[OUT]), [each, each])
    rows = {tuple(row) for row in drawn.x["x"]}
    assert rows <= {tuple(row) for row in data.x["x"]}
    assert how == "under" or len(rows) == 20
    model = ng.fit(net(), X, Y, resample=how, batch_size=None, epochs=1)
    assert len(model.history) == 1


def test_noise_on_the_weights_is_drawn_in_training_only():
    settings = {"optimizer": "sgd", "epochs": 2, "batch_size": None}
    noisy = ng.fit(net(), X, Y, weight_noise=0.5, **settings)
    again = ng.fit(net(), X, Y, weight_noise=0.5, **settings)
    plain = ng.fit(net(), X, Y, **settings)
    assert all((p == q).all() for p, q in zip(leaves(noisy), leaves(again), strict=True))
    assert any((p != q).any() for p, q in zip(leaves(noisy), leaves(plain), strict=True))
    first = ng.untrained(net(), X, Y, weight_noise=0.5)
    assert first.evaluate(X, Y)["loss"] == ng.untrained(net(), X, Y).evaluate(X, Y)["loss"]


def test_noise_on_the_weights_is_a_penalty_on_average():
    """For a linear unit and squared error, noise of variance s^2 adds s^2/2 |x|^2: the mean over many draws."""
    from netgrad.training.batch import Batch
    from netgrad.training.objective import loss

    model = ng.untrained(net(1), X, X[:, 0], weight_noise=0.5)
    batch = Batch({"x": X.astype("float32")}, {OUT: X[:, :1].astype("float32")})
    one = jax.jit(lambda key: loss(model.network, model.objective, model.params, {}, batch, key))
    mean = np.mean(jax.vmap(one)(jax.random.split(jax.random.key(0), 20000)))
    clean = model.evaluate(X, X[:, 0])["loss"]
    np.testing.assert_allclose(mean - clean, 0.5 * 0.25 * (X**2).sum(1).mean(), rtol=0.03)


def autoencoder():
    """A shared hidden layer, an output for the label, and one that reconstructs the input."""
    x = ng.Input()
    h = ng.Dense(4, activation="tanh")(x)
    return ng.Network(x, {"label": ng.Dense(2, name="label")(h), "x": ng.Dense(3, name="reconstruction")(h)})


def test_unlabelled_examples_teach_the_other_output():
    """Weight 0 on one output: its targets have no effect, while the reconstruction learns from all examples."""
    labelled = (np.arange(20) % 2 == 0).astype(float)
    losses = {"label": "softmax_cross_entropy", "x": "squared_error"}
    weights = {"label": labelled}

    def trained(y, x=X):
        return ng.fit(autoencoder(), x, {"label": y, "x": x}, loss=losses, sample_weight=weights, epochs=3,
                      batch_size=5, seed=1)  # fmt: skip

    model = trained(Y)
    other_labels = np.where(labelled == 1, Y, 1 - Y)
    assert all((p == q).all() for p, q in zip(leaves(model), leaves(trained(other_labels)), strict=True))
    other_inputs = np.where(labelled[:, None] == 1, X, X + 1)
    moved = trained(Y, other_inputs)
    assert (moved.params["reconstruction"]["W"] != model.params["reconstruction"]["W"]).any()


def test_a_hint_is_used_in_training_and_dropped_afterwards():
    x = ng.Input()
    h = ng.Dense(4, activation="tanh", name="shared")(x)
    hidden = ng.Dense(3, activation="tanh", name="for_the_hint")(h)
    network = ng.Network(x, {"class": ng.Dense(2, name="class")(h), "hint": ng.Dense(1, name="severity")(hidden)})
    penalties = [ng.L2(0.01, layers=("shared", "severity")), ng.L1(0.01, layers="for_the_hint")]
    model = ng.fit(network, X, {"class": Y, "hint": X.sum(1)}, loss_weights={"hint": 0.3}, penalty=penalties, epochs=2)
    bare = model.without("hint")
    assert bare.network.output_names == ("class",)
    assert set(bare.params) == {"shared", "class"}
    assert bare.objective.penalties == (ng.L2(0.01, layers="shared"),)
    np.testing.assert_array_equal(bare.predict(X), model.predict(X)["class"])
    assert ng.fit(bare, X, Y, epochs=1).history["loss"].size == 1
    with pytest.raises(ng.NetgradError, match="the only output"):
        bare.without("class")
    with pytest.raises(ng.NetgradError, match="did you mean 'hint'"):
        model.without("hnt")


def test_an_input_that_only_the_hint_used_goes_with_it():
    a, b = ng.Input("a"), ng.Input("b")
    network = ng.Network([a, b], {"y": ng.Dense(1)(a), "hint": ng.Dense(1)(ng.Add()(a, b))})
    model = ng.untrained(network, {"a": X, "b": X}, {"y": X[:, 0], "hint": X[:, 1]})
    bare = model.without("hint")
    assert bare.network.inputs == ("a",)
    assert bare.predict(X).shape == (20,)


BAD = {
    "weights for a regression": ({"loss": "squared_error"}, {"class_weight": "balanced"}, "needs classes"),
    "an unknown class": ({}, {"class_weight": {7: 1.0}}, "the classes are 0, 1"),
    "a weight below zero": ({}, {"class_weight": {1: -1.0}}, "at least 0, found -1.0"),
    "an unknown word": ({}, {"class_weight": "balance"}, "did you mean 'balanced'"),
    "a number": ({}, {"class_weight": 3}, "'balanced' or a dict"),
    "an unknown resampling": ({}, {"resample": "undr"}, "did you mean 'under'"),
    "resampling a regression": ({"loss": "squared_error"}, {"resample": "over"}, "needs classes"),
    "noise below zero": ({}, {"weight_noise": -0.1}, "weight_noise must be"),
    "a penalty on no layer": ({}, {"penalty": ng.L2(0.1, layers="dense_7")}, "did you mean 'dense_1'"),
    "another objective": ({"model": True}, {"weight_noise": 0.1}, "leave weight_noise out"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    base, wrong, message = BAD[case]
    units = 1 if "loss" in base else 2
    start = ng.untrained(net(), X, Y) if base.get("model") else net(units)
    with pytest.raises(ng.NetgradError, match=message) as caught:
        ng.fit(start, X, Y, loss=base.get("loss"), **wrong)
    assert "\n" not in str(caught.value)
