"""Norms and sums of trees are those of NumPy, and XLA makes one loop of all small arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from netgrad.optimizers.names import clipped
from netgrad.trees import JOINED, norm, total

RNG = np.random.default_rng(0)
SMALL = [(32, 32), (3,), (), (2, 0), (1, 1, 5)]
LARGE = [(JOINED + 1,), (80, 64)]


@pytest.mark.parametrize("shapes", [[], SMALL, LARGE, SMALL + LARGE, [(7,)]])
def test_a_norm_is_that_of_all_numbers(shapes):
    arrays = [RNG.normal(size=shape).astype(np.float32) for shape in shapes]
    every = np.concatenate([np.ravel(array) for array in arrays] or [np.zeros(0)])
    tree = {"layer": arrays, "frozen": None}
    np.testing.assert_allclose(jax.jit(norm)(tree), np.linalg.norm(every), rtol=1e-5)
    np.testing.assert_allclose(total(arrays), every.sum(), rtol=1e-4, atol=1e-4)


def test_small_arrays_are_summed_in_one_loop():
    arrays = [jnp.ones((32, 32))] * 12
    text = jax.jit(norm).lower(arrays).compile().as_text()
    plain = jax.jit(optax.tree.norm).lower(arrays).compile().as_text()
    assert text.count(" reduce(") < 4 < plain.count(" reduce(")


def test_slopes_go_through_a_sum():
    arrays = [jnp.ones((2, 3)), jnp.ones(JOINED + 1)]
    for slope in jax.grad(lambda some: total([array**2 for array in some]))(arrays):
        np.testing.assert_array_equal(slope, 2)


@pytest.mark.parametrize("limit", [0.5, 3.0, 1e6])
def test_clipping_is_that_of_optax(limit):
    slopes = {"W": RNG.normal(size=(8, 8)), "b": RNG.normal(size=8), "frozen": None}
    ours, theirs = clipped(limit), optax.clip_by_global_norm(limit)
    found, kept = ours.update(slopes, ours.init(slopes))
    expected, state = theirs.update(slopes, theirs.init(slopes))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)
    assert kept == state


def test_what_is_not_finite_stays_so():
    slopes = {"W": np.array([np.nan, 1.0])}
    assert np.isnan(clipped(1.0).update(slopes, optax.EmptyState())[0]["W"]).all()
