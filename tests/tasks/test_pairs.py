"""Pairs: the margin loss against JAX's own derivative, a step against the printed J, and what it is good for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.tasks import Siamese, fit_pairs, margin_loss, random_pairs
from netgrad.tasks.pairs import _examples

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3))
Y = X[:4].sum(1)
ALIKE, APART = [[4, 5], [6, 7], [8, 2]], [[4, 8], [9, 10], [11, 0]]
PAIRS = {"similar": ALIKE, "dissimilar": APART}


def perceptron(outputs=2):
    return ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(outputs)])


def test_the_margin_loss_and_its_slope(x64):
    """Of both kinds, inside the margin and beyond it, against jax.grad of what the text prints."""
    one, two = RNG.normal(size=(2, 40, 3))
    similar, margin = RNG.random(40) < 0.5, 5.0

    def printed(z, other):
        square = ((z - other) ** 2).sum(1)
        return jnp.where(similar, square, jnp.maximum(0, margin - square))

    error, slope = margin_loss(one, two, similar, margin)
    beyond = ~similar & (((one - two) ** 2).sum(1) > margin)
    assert beyond.any()
    assert (~similar & ~beyond).any()
    np.testing.assert_allclose(error, printed(one, two), rtol=1e-12)
    for sign, which in ((1, 0), (-1, 1)):
        slopes = jax.grad(lambda *z: printed(*z).sum(), argnums=which)(jnp.asarray(one), jnp.asarray(two))
        np.testing.assert_allclose(sign * slope, slopes, rtol=1e-12)
    assert not np.asarray(slope)[beyond].any()


@pytest.mark.parametrize("layer", [None, "dense_1"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_step_goes_down_the_three_parts_of_j_in_turn(layer, reduction, x64):
    """Three updates of rate 0.1, each along JAX's own derivative of its part of J at where the one before ended."""
    start = ng.untrained(perceptron(1), X, Y, reduction=reduction)
    task = Siamese.of(start, optax.sgd(0.1), margin=3.0, weight=0.7, layer=layer)
    batch = _examples(start, X, Y, None, PAIRS, 0)
    carry = task.begin(jax.random.key(0), batch)
    after, report = jax.jit(task.step)(carry, batch, jax.random.key(1))
    assert batch.size == 4
    assert batch.x["similar x"].shape == (4, 2, 3)

    def run(params, x, upto=None):
        h = jnp.tanh(x @ params["dense_1"]["W"] + params["dense_1"]["b"])
        return h if upto else h @ params["dense_2"]["W"] + params["dense_2"]["b"]

    whole = jnp.mean if reduction == "mean" else jnp.sum

    def labelled(params):
        return whole(0.5 * (run(params, batch.x["x"])[:, 0] - batch.y["dense_2"][:, 0]) ** 2)

    def pairs(params, kind):
        one, two = (run(params, batch.x[f"{kind} x"][:, i], layer) for i in (0, 1))
        square = ((one - two) ** 2).sum(1)
        return 0.7 / 2 * whole(square if kind == "similar" else jnp.maximum(0, 3.0 - square))

    params, costs = carry.params, []
    for part in (labelled, lambda p: pairs(p, "similar"), lambda p: pairs(p, "dissimilar")):
        cost, slope = jax.value_and_grad(part)(params)
        params = jax.tree.map(lambda w, d: w - 0.1 * d, params, slope)
        costs.append(float(cost))
    for p, q in zip(jax.tree.leaves(after.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)
    assert report["loss"] == pytest.approx(sum(costs))
    assert report["labelled"] == pytest.approx(costs[0])
    assert [report[kind] * 0.35 for kind in PAIRS] == pytest.approx(costs[1:])


def test_pairs_say_what_two_labels_do_not(tmp_path):
    """Four clouds on the corners of a square, a class on each diagonal and one label of each: only pairs tell the
    corners without a label."""
    corner = np.tile(np.arange(4), 60)
    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]])[corner] * 4 - 2 + RNG.normal(size=(240, 2)) * 0.4
    truth = np.where(corner < 2, "rising", "falling")
    linked = random_pairs(240, 400)
    same = truth[linked[:, 0]] == truth[linked[:, 1]]
    net = ng.Sequential([ng.Dense(16, activation="tanh"), ng.Dense(2)])
    models = [
        fit_pairs(
            net, x, ["rising", "falling"], labelled=[0, 2], similar=linked[same], dissimilar=linked[~same],
            margin=4.0, epochs=40, epochs_per_call=40, learning_rate=0.01, seed=seed,
        )
        for seed in (0, 1, 2)
    ]  # fmt: skip
    alone = ng.fit(net, x[[0, 2]], ["rising", "falling"], epochs=200, epochs_per_call=200)
    assert (alone.predict(x) == truth).mean() < 0.8
    right = [(model.predict(x) == truth).mean() for model in models]
    assert min(right) > 0.95, right
    assert models[0].history.settings["task"] == "Siamese"
    kept = ng.load(models[0].save(tmp_path / "corners.safetensors"))
    assert kept.predict(x).tolist() == models[0].predict(x).tolist()
    assert ng.fit(kept, x[:8], truth[:8], epochs=1).predict(x).shape == (240,)


def test_one_kind_of_pairs_is_enough_and_starts_callbacks_and_validation_go_along():
    model = fit_pairs(
        perceptron(), {"x": X}, np.array([0, 1, 1]), labelled=[1, 2, 3], similar=ALIKE, starts=2, epochs=3,
        validation=(X[:2], [1, 0]), callbacks=[ng.ReduceOnPlateau(factor=0.5, patience=1, threshold=0.9)],
        batch_size=None, params=None,
    )  # fmt: skip
    assert {"similar", "labelled", "val_loss", "val_accuracy", "rate_factor", "loss_2"} < set(model.history.columns)
    assert "dissimilar" not in model.history
    again = fit_pairs(model.network, X, [0, 1], dissimilar=APART, params=model.params, epochs=1, learning_rate=1e-12)
    np.testing.assert_allclose(again.params["dense_1"]["W"], model.params["dense_1"]["W"], atol=1e-6)


def test_pictures_several_outputs_and_layers_with_a_state():
    """Uint8 pictures get their layer in front; pairs are compared at a named layer, or at one that is an output."""
    x = ng.Input()
    h = ng.Dense(4, name="code")(ng.BatchNorm()(ng.Flatten()(ng.Conv(2, 3, activation="relu")(x))))
    net = ng.Network(x, {"digit": ng.Dense(3)(h), "size": ng.Dense(1, name="size")(h)})
    pictures = RNG.integers(0, 256, (12, 6, 6, 1), dtype=np.uint8)
    y = {"digit": np.array([0, 1, 2]), "size": np.array([0.1, 0.2, 0.3])}
    with pytest.warns(ng.NetgradWarning, match="255"):
        model = fit_pairs(net, pictures, y, layer="code", epochs=1, **PAIRS)
    drawn = net.init_state((6, 6, 1))["batch_norm_1"]
    assert all((np.asarray(model.state["batch_norm_1"][name]) != v).any() for name, v in drawn.items())
    assert set(model.predict(pictures)) == {"digit", "size"}
    one = Siamese.of(model, optax.sgd(0.1), layer="size")
    assert one._embedding[1] == "size"
    assert one._embedding[0].outputs == model.network.outputs
    with pytest.raises(ng.NetgradError, match="has the outputs digit, size: name the layer that pairs are compared at"):
        Siamese.of(model, optax.sgd(0.1))


WRONG = {
    "no pairs": ({"similar": None, "dissimilar": []}, "there are no pairs: give similar, dissimilar or both"),
    "an unknown example": ({"similar": [[0, 12]]}, r"similar names example 12 at \[0, 1\]: x has 12, numbered from 0"),
    "a number below 0": ({"dissimilar": [[-1, 3]]}, r"dissimilar names example -1 at \[0, 0\]"),
    "no whole numbers": ({"similar": [[0.5, 1]]}, "similar holds float64 values: expected whole numbers"),
    "another shape": ({"similar": [1, 2, 3]}, r"similar has shape \(3,\): expected \(P, 2\)"),
    "itself": ({"dissimilar": [[1, 2], [3, 3]]}, r"dissimilar pairs example 3 with itself at \[1\]"),
    "both": ({"dissimilar": [[5, 4]]}, "examples 4 and 5 are similar and dissimilar: give one of both"),
    "margin 0": ({"margin": 0}, "margin is a number above 0, found 0"),
    "weight below 0": ({"weight": -1.0}, "weight is a number above 0, found -1.0"),
    "no number": ({"margin": "wide"}, "margin is a number above 0, found 'wide'"),
    "an endless margin": ({"margin": np.inf}, "margin is a number above 0, found inf"),
    "another layer": ({"layer": "dense_3"}, "unknown layer 'dense_3'"),
    "an unknown label's example": ({"labelled": [0, 1, 2, 40]}, r"labelled names example 40 at \[3\]"),
    "labels of others": ({"labelled": [0, 1]}, "labelled has 2 examples but y has 4"),
    "no labelled": ({"labelled": []}, r"labelled has shape \(0,\): expected \(L,\)"),
    "no targets": ({"y": None}, "y, the targets of the labelled examples, are missing"),
    "a share": ({"validation": 0.2}, r"a pair \(x, y\) of labelled examples, not among those of x: found a float"),
    "a line search": ({"optimizer": "lbfgs"}, "asks for more than gradients, and labelled examples and pairs take"),
    "curvature": ({"optimizer": "levenberg_marquardt"}, "use one that does not, such as adam or sgd"),
    "a habit": ({"lr": 0.1}, "fit_pairs has no argument 'lr': here it is learning_rate"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind):
    given, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        fit_pairs(perceptron(1), X, **{"y": Y, **PAIRS, **given})
    assert "\n" not in str(raised.value)


def test_what_has_no_pairs_or_is_no_network():
    with pytest.raises(ng.NetgradError, match=r"found a Model: of a model give model\.network, params"):
        fit_pairs(ng.untrained(perceptron(1), X[:4], Y), X, Y, similar=ALIKE)
    with pytest.raises(ng.NetgradError, match=r"have no pairs beside them: train by netgrad\.tasks\.fit_pairs"):
        ng.train(Siamese.of(ng.untrained(perceptron(1), X[:4], Y), optax.sgd(0.1)), (X[:4], Y))
