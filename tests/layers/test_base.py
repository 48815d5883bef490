"""Layers of one function: the quantities that they name."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 5, 3)).astype(np.float32), RNG.normal(size=(8, 5, 3)).astype(np.float32)


@dataclass(frozen=True)
class Attention(ng.Layer):
    """Self-attention, whose parts have names."""

    named: bool = True

    def init(self, key, in_shape):
        return {f"W_{n}": jax.random.normal(jax.random.fold_in(key, i), (3, 3)) / 3 for i, n in enumerate("qkv")}

    def call(self, params, x, context):
        q, k, v = (x @ params[f"W_{n}"] for n in "qkv")
        weights = jax.nn.softmax(q @ jnp.swapaxes(k, 1, 2))
        a = weights @ v
        return (a, {"q": q, "k": k, "v": v, "weights": weights}) if self.named else a


def test_the_trace_shows_what_call_names():
    net = ng.Sequential([Attention(), ng.Dense(3)])
    model = ng.fit(net, X, Y, epochs=2, seed=0)
    node = model.trace(X, Y)["attention_1"]
    np.testing.assert_allclose(node.q, X @ model.params["attention_1"]["W_q"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(node.weights.sum(-1), np.ones((8, 5)), rtol=1e-5)
    np.testing.assert_allclose(node.weights @ node.v, node.a, rtol=1e-4, atol=1e-5)
    assert "weights" in repr(node)
    assert ng.check_gradients(net, X, Y).ok
    plain = ng.fit(ng.Sequential([Attention(named=False), ng.Dense(3)]), X, Y, epochs=2, seed=0)
    jax.tree.map(np.testing.assert_array_equal, plain.params, model.params)  # naming changes no number


def test_and_their_gradients():
    node = ng.untrained(ng.Sequential([Attention()]), X, Y).trace(X, Y)["attention_1"]
    np.testing.assert_allclose(node.d_v, jnp.swapaxes(node.weights, 1, 2) @ node.delta, rtol=1e-4, atol=1e-5)
    d_weights = node.delta @ jnp.swapaxes(node.v, 1, 2)
    np.testing.assert_allclose(node.d_weights, d_weights, rtol=1e-4, atol=1e-5)
    d_scores = node.weights * (d_weights - (node.weights * d_weights).sum(-1, keepdims=True))
    np.testing.assert_allclose(node.d_q, d_scores @ node.k, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(node.dW_k, jnp.einsum("ntd,ntu->du", X, node.d_k), rtol=1e-4, atol=1e-5)


@dataclass(frozen=True)
class Odd(ng.Layer):
    """Names its input, its output, one array twice, whole numbers, two arrays as one, and what
    has no way to the output; draws, too."""

    def call(self, params, x, context):
        y = jnp.tanh(x)
        a = y * jnp.where(jax.random.bernoulli(context.key, 0.5, x.shape), 2, 0)
        return a, {
            "seen": x,
            "y": y,
            "again": y,
            "signs": jnp.sign(x).astype(int),
            "mean": x.mean(),
            "made": a,
            "both": (x, y),
        }


def test_gradients_of_names_of_every_kind():
    layer, x, context = Odd(), jnp.asarray(X[:, 0]), ng.Context(key=jax.random.key(3))
    a, saved = layer.forward({}, x, context)
    d_out = jnp.cos(a)
    found = layer.look_back({}, saved, d_out)
    d_in = layer.backward({}, saved, d_out).d_in
    assert set(found) == {"d_seen", "d_y", "d_again", "d_mean", "d_made"}
    np.testing.assert_allclose(found["d_seen"], d_in, rtol=1e-6)
    np.testing.assert_allclose(found["d_y"], d_in / (1 - saved["y"] ** 2), rtol=1e-4)
    np.testing.assert_array_equal(found["d_y"], found["d_again"])
    np.testing.assert_array_equal(found["d_made"], d_out)
    assert found["d_mean"] == 0


def test_and_so_it_does_inside_a_stack_and_a_wrapper():
    for net, name, copies in (
        (ng.Sequential([ng.Stack(ng.Residual([Attention()]), 4), ng.Dense(3)]), "stack_1/attention_1", (4,)),
        (ng.Sequential([ng.Differentiated(Attention()), ng.Dense(3)]), "differentiated_1", ()),
    ):
        node = ng.untrained(net, X, Y).trace(X, Y)[name]
        assert node.weights.shape == node.d_weights.shape == (*copies, 8, 5, 5)


def test_a_named_quantity_that_nobody_reads_costs_nothing():
    def program(layer):
        params = layer.init(jax.random.key(0), (5, 3))
        return jax.jit(lambda p, x: layer.forward(p, x, ng.Context())[0]).lower(params, X).compile()

    named, plain = (program(Attention(named=given)).cost_analysis()["flops"] for given in (True, False))
    assert named == plain


@dataclass(frozen=True)
class Wrong(ng.Layer):
    found: str = "three"

    def call(self, params, x, context):
        return {"three": (x, x, x), "list": (x, [x]), "taken": (x, {"delta": x})}[self.found]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("three", "Wrong.call returned a tuple of 3: return the output, or the output and a dict of named arrays"),
        ("list", "Wrong.call returned a tuple of 2"),
        ("taken", "Wrong.call names a quantity 'delta', a word of the trace's own: rename it"),
    ],
)
def test_what_call_may_not_return(found, message):
    with pytest.raises(ng.NetgradError, match=message):
        Wrong(found).out_shape((3,))


def test_one_layer_on_two_widths_is_refused_by_both_places():
    shared = ng.Dense(4)
    x = ng.Input()
    net = ng.Network(x, shared(ng.ReLU()(shared(x))))
    assert net.shapes((4,))["dense_1@2"] == (4,)
    for ask in (net.shapes, lambda shape: net.init(0, shape), net.summary):
        with pytest.raises(ng.ShapeError, match=r"dense_1 on inputs of shape \('N', 3\) and dense_1@2 on \('N', 4\)"):
            ask((3,))
    inner = ng.Sequential([ng.Dense(4)], name="part")
    nested = ng.Network(x, inner(inner(x)))
    with pytest.raises(ng.ShapeError, match=r"part/dense_1 on .* and part/dense_1@2 on .*make a layer for each place"):
        ng.fit(nested, X[:, 0], Y[:, 0], epochs=1)
    on_both = ng.Sequential([rows := ng.Dense(3), ng.ReLU(), ng.GlobalPool(), rows])  # (N, T, 3) and (N, 3): one W
    assert ng.fit(on_both, X, Y[:, 0], epochs=1).params["dense_1"]["W"].shape == (3, 3)
