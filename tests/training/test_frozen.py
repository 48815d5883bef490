"""Training with frozen parts, and going on with pruned and tied models."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.recipe import Recipe

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def network(hidden=None):
    part = ng.Sequential([ng.Dense(5, activation="tanh", initializer=hidden), ng.BatchNorm()], name="encoder")
    return ng.Sequential([part, ng.Dense(3, name="head")])


@pytest.fixture(scope="module")
def model():
    return ng.fit(network(), X, Y, epochs=1)


@pytest.mark.parametrize("frozen", ["encoder", ["encoder/dense_1", ng.BatchNorm], ("*/dense_1", "encoder/batch*")])
def test_for_one_run(model, frozen):
    more = ng.fit(model, X, Y, epochs=2, frozen=frozen)
    for name in ("encoder/dense_1", "encoder/batch_norm_1"):
        jax.tree.map(np.testing.assert_array_equal, more.params[name], model.params[name])
    jax.tree.map(np.testing.assert_array_equal, more.state, model.state)
    assert (more.params["head"]["W"] != model.params["head"]["W"]).any()
    assert more.network == model.network
    free = ng.fit(more, X, Y, epochs=1)
    assert (free.params["encoder/dense_1"]["W"] != more.params["encoder/dense_1"]["W"]).any()


def test_it_is_as_if_the_network_were_frozen():
    runs = ng.fit(network(), X, Y, epochs=2, frozen="encoder"), ng.fit(network().frozen("encoder"), X, Y, epochs=2)
    jax.tree.map(np.testing.assert_array_equal, runs[0].params, runs[1].params)
    assert runs[0].history.rows == runs[1].history.rows


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        ("encoder/V", "nothing to freeze in 'encoder/V'"),
        ("head/c", "nothing to freeze in 'head/c'"),
        ("tail", "unknown layer 'tail'"),
        ("*", "every parameter is frozen"),
        ([], None),
    ],
)
def test_what_cannot_be_frozen_is_said(model, frozen, message):
    if message is None:
        assert ng.fit(model, X, Y, epochs=1, frozen=frozen).network == model.network
        return
    with pytest.raises(ng.NetgradError, match=message):
        ng.fit(model, X, Y, epochs=1, frozen=frozen)


def test_a_checkpoint_knows_what_is_frozen(model, tmp_path):
    ng.fit(model, X, Y, epochs=1, frozen="encoder", checkpoint=tmp_path)
    whole = ng.fit(model, X, Y, epochs=3, frozen="encoder", checkpoint=tmp_path)
    once = ng.fit(model, X, Y, epochs=3, frozen="encoder")
    jax.tree.map(np.testing.assert_array_equal, whole.params, once.params)
    with pytest.raises(ng.FileError, match="differs in network"):
        ng.fit(model, X, Y, epochs=3, checkpoint=tmp_path)


def test_remedies_leave_alone_what_is_frozen(model):
    recipe = Recipe(model, {"frozen": "encoder/dense_1"}).with_network(model.network, "anew")
    jax.tree.map(
        np.testing.assert_array_equal, recipe.network.params["encoder/dense_1"], model.params["encoder/dense_1"]
    )
    assert (recipe.network.params["head"]["W"] != model.params["head"]["W"]).any()


def test_pruning_again_and_again(model, tmp_path):
    for share in (0.3, 0.6):
        W = np.abs(model.params["head"]["W"])
        mask = np.quantile(W, share) < W
        model = ng.fit(model.masked("head/W", mask), X, Y, epochs=2)
        np.testing.assert_array_equal(np.asarray(model.params["head"]["W"]) != 0, mask)
    again = ng.load(model.save(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.params["head"]["mask_W"], mask)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.parameters == 5 * 6 + 5 + 10 + 15 + 3


@pytest.mark.parametrize(
    ("path", "mask", "message"),
    [
        ("head/W", [1, 0], r"the mask of head/W has the shape \(2,\), the parameter has \(5, 3\)"),
        ("head/W", np.full((5, 3), 0.5), "array of zeros and ones"),
        ("head/V", np.ones((5, 3)), "unknown parameter 'head/V'"),
        ("tail/W", np.ones((5, 3)), "unknown layer 'tail'"),
    ],
)
def test_masks_that_do_not_fit_a_model(model, path, mask, message):
    with pytest.raises(ng.NetgradError, match=message):
        model.masked(path, mask)


def test_a_mask_before_normed_weights():
    net = ng.Sequential([ng.Dense(3)]).weight_normed("dense_1/W")
    model = ng.untrained(net, X, Y).masked("dense_1/W", np.eye(6, 3))
    assert (np.asarray(ng.fit(model, X, Y, epochs=1).effective["dense_1"]["W"]) != 0).tolist() == (
        np.eye(6, 3) > 0
    ).tolist()


def test_a_tied_autoencoder(tmp_path):
    """It learns with 24 weights what it could learn with 48, and its file holds them once."""
    hidden = RNG.normal(size=(200, 3))
    x = (hidden @ RNG.normal(size=(3, 8)) * 0.5).astype(np.float32)
    layers = [ng.Dense(3, activation="tanh", name="encoder"), ng.Dense(8, name="decoder")]
    net = ng.Sequential(layers).tied("decoder/W", "encoder/W", transposed=True)
    assert ng.check_gradients(net, x[:6], x[:6]).ok
    model = ng.fit(net, x, x, epochs=60, learning_rate=0.01)
    assert model.parameters == 24 + 3 + 8
    assert model.evaluate(x, x)["loss"] < 0.2 * ng.untrained(net, x, x).evaluate(x, x)["loss"]
    W = np.asarray(model.params["encoder"]["W"])
    made = np.tanh(x @ W + model.params["encoder"]["b"]) @ W.T + model.params["decoder"]["b"]
    np.testing.assert_allclose(model.predict(x), made, rtol=1e-3, atol=1e-4)
    path = model.save(tmp_path / "tied.safetensors")
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["params/decoder/b", "params/encoder/W", "params/encoder/b"]
    np.testing.assert_array_equal(ng.load(path).predict(x), model.predict(x))
