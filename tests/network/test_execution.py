"""The executor on graphs with forks, merges, shared layers and several outputs, held against jax.grad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import forward


def forked():
    x = ng.Input()
    h = ng.Dense(4, activation="tanh")(x)
    left = ng.Dense(4, activation="logistic")(h)
    gated = ng.Multiply()(left, h)
    return ng.Network(x, ng.Dense(2)(ng.Concatenate()(ng.Add()(gated, h), x)))


def siamese():
    a, b = ng.Input("a"), ng.Input("b")
    twin = ng.Dense(3, activation="tanh")
    return ng.Network([a, b], ng.Dense(2)(ng.Multiply()(twin(a), twin(twin(b)))))


def two_outputs():
    x = ng.Input()
    h = ng.Dense(4, activation="tanh")(x)
    return ng.Network(x, {"value": ng.Dense(1)(h), "hidden": h})


@pytest.mark.parametrize("build", [forked, siamese, two_outputs])
def test_gradients_are_those_of_jax(build, x64):
    net = build()
    params, _ = net.init(0, dict.fromkeys(net.inputs, (3,)))
    inputs = {name: jax.random.normal(jax.random.key(i), (5, 3), float) for i, name in enumerate(net.inputs)}

    def of(run):
        return lambda p, v: sum(jnp.sum(jnp.sin(out)) for out in run(p, v).values())

    ours = jax.grad(of(lambda p, v: ng.apply(net, p, v)), argnums=(0, 1))(params, inputs)
    theirs = jax.grad(of(lambda p, v: forward(net, p, {}, v).outputs), argnums=(0, 1))(params, inputs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_hessian_vector_products_come_through_our_rule(x64):
    net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(1)])
    params, _ = net.init(0, (2,))
    x = jax.random.normal(jax.random.key(1), (4, 2), float)

    def error(p):
        return jnp.sum(ng.apply(net, p, {"x": x})["dense_2"] ** 2)

    def plain(p):
        return jnp.sum(forward(net, p, {}, {"x": x}).outputs["dense_2"] ** 2)

    direction = jax.tree.map(jnp.ones_like, params)
    # Reverse over reverse: the backward rule is itself plain JAX code.
    ours = jax.grad(lambda p: sum(map(jnp.sum, jax.tree.leaves(jax.grad(error)(p)))))(params)
    theirs = jax.jvp(jax.grad(plain), (params,), (direction,))[1]
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_layer_of_ones_own_is_one_function_long():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Gaussian(ng.Layer):
        width: float = 1.0

        def call(self, params, x, context):
            return jnp.exp(-((x / self.width) ** 2))

    net = ng.Sequential([ng.Dense(3), Gaussian(0.7), ng.Dense(1)])
    assert ng.check_gradients(net, np.random.default_rng(0).normal(size=(6, 2)), np.ones(6)).ok
    assert net.shapes((2,))["gaussian_1"] == (3,)
