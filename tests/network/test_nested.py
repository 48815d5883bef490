"""Padding, state and random keys of networks inside networks."""

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.network import forward, next_state

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 8, 3)).astype(np.float32)
LENGTHS = np.array([8, 2, 5, 7, 3, 8])


def halving():
    return [ng.Conv(4, 2, stride=2), ng.BatchNorm(), ng.GRU(3)]


def test_the_padding_of_a_nested_network_has_no_effect():
    nested = ng.Sequential([ng.Sequential([ng.Sequential(halving()), ng.Dense(3)], name="encoder"), ng.GlobalPool()])
    flat = ng.Sequential([*halving(), ng.Dense(3), ng.GlobalPool()])
    params, state = nested.init(0, (8, 3))
    assert nested.nodes[1].name == "encoder/sequential_1/batch_norm_1"
    short = {name.split("/")[-1]: value for name, value in params.items()}
    kept = {name.split("/")[-1]: value for name, value in state.items()}
    dirty = X.copy()
    for row, length in zip(dirty, LENGTHS, strict=True):
        row[length:] = np.nan
    for training in (False, True):
        runs = [
            forward(net, p, s, {"x": x}, lengths={"x": LENGTHS}, training=training)
            for net, p, s, x in ((nested, params, state, X), (nested, params, state, dirty), (flat, short, kept, X))
        ]
        ends = [run.outputs["global_pool_1"] for run in runs]
        np.testing.assert_array_equal(ends[0], ends[1])
        np.testing.assert_array_equal(ends[0], ends[2])
        assert runs[0].lengths["global_pool_1"] is None
    moved = [next_state(net, s, run.saved) for net, s, run in ((nested, state, runs[0]), (flat, kept, runs[2]))]
    jax.tree.map(np.testing.assert_array_equal, *(jax.tree.leaves(m) for m in moved))


def test_a_network_used_twice_has_one_state_which_moves_at_each_use():
    encoder = ng.Sequential([ng.Dense(2), ng.BatchNorm()], name="encoder")
    a, b = ng.Input("a"), ng.Input("b")
    net = ng.Network([a, b], ng.Add()(encoder(a), encoder(b)))
    params, state = net.init(0, {"a": (3,), "b": (3,)})
    assert list(state) == ["encoder/batch_norm_1"]
    x = {"a": X[:, 0] + 5, "b": X[:, 1] - 3}
    run = forward(net, params, state, x, training=True)
    dense = params["encoder/dense_1"]
    means = [(x[name] @ dense["W"] + dense["b"]).mean(0) for name in ("a", "b")]
    first, second = (0.1 * mean for mean in means)
    found = next_state(net, state, run.saved)["encoder/batch_norm_1"]["mean"]
    np.testing.assert_allclose(found, 0.9 * first + second, rtol=1e-4, atol=1e-6)


def test_every_use_of_a_layer_that_draws_has_a_key_of_its_own():
    part = ng.Sequential([ng.Dropout(0.5), ng.Dropout(0.5)], name="part")
    x = ng.Input()
    h = part(part(x))
    net = ng.Network(x, ng.Stack([ng.Dropout(0.5), ng.Dropout(0.5)], 2)(ng.Recomputed([ng.Dropout(0.5)])(h)))
    run = forward(net, {}, {}, {"x": jnp.ones((4, 64))}, training=True, key=jax.random.key(0))
    masks = [run.saved[f"part/dropout_{use}"]["mask"] for use in ("1", "2", "1@2", "2@2")]
    for node in ("dropout_1", "dropout_2"):
        masks.extend(run.saved["stack_1"]["inside"][node]["mask"])
    kept = run.saved["recomputed_1"]
    masks.append(kept["a"] / jnp.where(kept["x"] == 0, 1, kept["x"]))
    distinct = {np.asarray(mask > 0).tobytes() for mask in masks}
    assert len(distinct) == len(masks) == 9
