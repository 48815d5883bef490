"""One compiled call a step gives what one compiled epoch gives."""

import jax
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.training.epoch import compiled_epochs, epoch_order, epochs, step_key
from netgrad.training.objective import Objective
from netgrad.training.prepare import make_batch
from netgrad.training.stepwise import epochs_by_step
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry

OBJECTIVE = Objective((("dense_1", ng.SoftmaxCrossEntropy(), 1.0),))
OPTIMIZER = optax.sgd(0.1, momentum=0.5)


def both(network, in_shape, batch_size, n=10, count=2):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, *in_shape)).astype(np.float32), np.arange(n) % 3
    data = jax.tree.map(jax.numpy.asarray, make_batch(network, OBJECTIVE, x, y))
    params, state = network.init(0, in_shape)
    carry, key = Carry(params, state, OPTIMIZER.init(params)), jax.random.key(3)
    task = Supervised(network, OBJECTIVE, OPTIMIZER)
    apart = epochs_by_step(task.step, epoch_order, step_key, batch_size, True, count)(carry, data, key, 5)
    together = jax.jit(lambda carry: epochs(task, batch_size, True, count, carry, data, key, 5))(carry)
    return task, data, carry, key, apart, together


@pytest.mark.parametrize("batch_size", [4, 5, 10])
def test_the_same_numbers_for_full_and_partial_batches(batch_size):
    network = ng.Sequential([ng.Dense(3)])
    task, data, _, _, apart, together = both(network, (4,), batch_size)
    assert task.scannable(data)
    for a, b in zip(jax.tree.leaves(apart), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="accelerators convolve in a loop as fast as without")
def test_a_convolution_without_a_kernel_goes_step_by_step():
    network = ng.Sequential([ng.Conv(4, (2, 2, 2), activation="tanh"), ng.Flatten(), ng.Dense(3)])
    task, data, carry, key, apart, together = both(network, (4, 4, 4, 2), 4)
    assert not task.scannable(data)
    chosen = compiled_epochs(task, 4, True, 2)(carry, data, key, 5)
    for a, b in zip(jax.tree.leaves(chosen), jax.tree.leaves(apart), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(jax.tree.leaves(apart), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
