"""The library is reached through XLA with whatever shapes the caller sends: wrong ones are errors, never a crash."""

import contextlib
import unittest.mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from netgrad import kernels
from netgrad.kernels import attention, dense, loss, normalisation, random, recurrent_call, recurrent_gradients
from tests.kernels.test_recurrent import ONE_OF_A_KIND, everything, problem

pytestmark = pytest.mark.sanitize

CROSS_ENTROPIES = ("logistic_cross_entropy", "softmax_cross_entropy")


def calls():
    """Every kernel over sequences and vectors, with what fits: {name: (arrays, shapes of results, attributes)}."""
    seen = {}

    def record(name, reference, *arrays, input_layouts=None, output_layouts=None, **attributes):
        results = jax.eval_shape(reference, *arrays)
        attributes = {key: np.float32(v) if isinstance(v, float) else v for key, v in attributes.items()}
        seen[name] = arrays, jax.tree.leaves(results), attributes
        return reference(*arrays)

    p = problem("rnn_tanh", 0, n=3, steps=4, d=2, units=5)
    logits, bits = p["d_h"], jnp.zeros((3, 4, 5))
    with contextlib.ExitStack() as patched:
        for module in (attention, dense, loss, normalisation, random, recurrent_call):
            patched.enter_context(unittest.mock.patch.object(module, "call", record))
        x, W = jnp.ones((17, 60)), jnp.ones((60, 70))
        z = dense.dense_forward(x, W, jnp.ones(70))
        dense.dense_gradients(x, z)
        dense.dense_input_gradient(z, W)
        random._hashed(jnp.zeros(2, jnp.uint32), 5)
        maps, one = jnp.ones((5, 3, 2, 4)), jnp.ones(4)
        normalisation.batch_norm_forward(maps, one, one, 1e-3)
        normalisation.batch_norm_backward(maps, one, one, one, one, maps, 1e-3, rectified=True)
        for cell in ONE_OF_A_KIND:
            everything.__wrapped__(cell, problem(cell, 0, n=3, steps=4, d=2, units=5))
        recurrent_gradients.sequence_dense_forward(p["x"], p["W"], p["b"])
        recurrent_gradients.sequence_dense_gradients(p["x"], p["d_h"])
        for name, target in zip(CROSS_ENTROPIES, (bits, jnp.zeros((3, 4), jnp.int32)), strict=True):
            loss.weighted_loss(name, lambda z, t, w: (jnp.float32(0), z), logits, target, jnp.ones((3, 4)))
        q, k, ends = jnp.ones((2, 5, 6)), jnp.ones((2, 7, 6)), jnp.full(2, 4)
        attended, kept = attention.attention_forward(q, k, k, ends, ends, heads=3, causal=False)
        attention.attention_backward(q, k, k, ends, ends, attended, kept, attended, heads=3, causal=False)
    return seen


CALLS = calls()


def run(name, arrays, results, attributes):
    """The kernel itself, without the checks in Python."""
    out = jax.ffi.ffi_call(f"netgrad_{name}", results)(*arrays, **attributes)
    return jax.block_until_ready(out)


def disturbed(array):
    """The same array with one step more and one less along each axis, and with an axis less and more."""
    for axis, size in enumerate(array.shape):
        yield np.resize(array, (*array.shape[:axis], size + 1, *array.shape[axis + 1 :]))
        if size:
            yield np.take(array, range(size - 1), axis)
    yield np.zeros(array.shape[1:], array.dtype)
    yield array[None]


@pytest.mark.parametrize("name", CALLS)
def test_wrong_shapes_are_errors(name):
    if not kernels.active(name):
        pytest.skip(str(kernels.status()))
    arrays, results, attributes = CALLS[name]
    run(name, arrays, results, attributes)
    fit = [np.asarray(a) for a in arrays]
    for i, array in enumerate(fit):
        for wrong in list(disturbed(array))[i % 2 :: 2]:
            if name in CROSS_ENTROPIES and i == 2 and wrong.ndim == 0:
                continue  # one weight for all
            with pytest.raises(jax.errors.JaxRuntimeError, match=r"has shape \("):
                run(name, [*fit[:i], wrong, *fit[i + 1 :]], results, attributes)
    for i, result in enumerate(results):
        wrong = jax.ShapeDtypeStruct((*result.shape, 1), result.dtype)
        with pytest.raises(jax.errors.JaxRuntimeError, match=r"has shape \("):
            run(name, fit, [*results[:i], wrong, *results[i + 1 :]], attributes)
