"""Random numbers by kernel: JAX's own bits, and networks begin with the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels
from netgrad.kernels.random import quickly_compiled

pytestmark = pytest.mark.sanitize


def draws(key):
    """Numbers of several kinds, also of many keys at once."""
    first, second, third = jax.random.split(key, 3)
    many = jax.random.split(jax.random.fold_in(first, 7), (2, 3))
    return {
        "normal": jax.random.normal(second, (3, 5, 7)),
        "uniform": jax.random.uniform(third, (40_001,)),
        "none": jax.random.normal(second, (0, 4)),
        "one": jax.random.normal(second, ()),
        "bytes": jax.random.bits(third, (9,), jnp.uint8),
        "whole": jax.random.randint(third, (9,), 0, 77),
        "of many": jax.vmap(jax.vmap(lambda k: jax.random.normal(k, (4,))))(many),
    }


@pytest.mark.parametrize("seed", [0, 12345])
def test_the_bits_are_those_of_jax(seed):
    key = jax.random.key(seed)
    ours = jax.jit(lambda key: draws(quickly_compiled(key)))(key)
    jax.tree.map(np.testing.assert_array_equal, ours, jax.jit(draws)(key))


def test_other_keys_stay_as_they_are():
    for key in (jax.random.key(0, impl="rbg"), jax.random.PRNGKey(0), quickly_compiled(jax.random.key(0))):
        assert quickly_compiled(key) is key
    with kernels.aside():
        key = jax.random.key(0)
        assert quickly_compiled(key) is key


def test_networks_begin_with_the_same_weights():
    block = ng.Residual([ng.Conv(3, 3, padding="same", initializer="he"), ng.BatchNorm()])
    images = ng.Sequential([ng.Conv(3, 3), ng.Stack(block, 3), ng.GlobalPool(), ng.Dense(5, activation="relu")])
    sequences = ng.Sequential([ng.Embedding(9, 4), ng.LSTM(6), ng.Dense(2, initializer=ng.Orthogonal())])
    for net, shape in ((images, (8, 8, 2)), (sequences, (7,))):
        shapes = net.shapes(shape)
        key = jax.random.key(4)
        text, ours = _drawn(net, shapes, key)
        with kernels.aside():
            _, plain = _drawn(net, shapes, key)
        assert ("netgrad_threefry" in text) == kernels.active("threefry")
        jax.tree.map(np.testing.assert_array_equal, ours, plain)


def _drawn(net, shapes, key):
    """The program that draws, as text, and what it draws."""
    program = jax.jit(lambda key: net._draw(key, shapes))
    return program.lower(key).as_text(), program(key)
