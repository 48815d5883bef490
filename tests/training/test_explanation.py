"""Where the first number that is not finite arises, in the words that a user's own step is told."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import forward
from netgrad.training.explanation import first_non_finite
from netgrad.training.task import Carry

NET = ng.Sequential([ng.Dense(1)])


@dataclass(frozen=True)
class Grows(ng.Task):
    """Its parameter grows by 20 a step, until its exponential overflows."""

    def init(self, key, batch):
        return {"a": jnp.zeros(())}, {}

    def step(self, carry, batch, key):
        a = carry.params["a"] + 20
        return carry._replace(params={"a": a}), {"loss": jnp.exp(a)}


def test_the_operation_and_its_line_are_named():
    with pytest.raises(
        ng.DivergenceError, match=r"epoch 3, batch 1: .* in what exp makes in step, test_explanation.py"
    ):
        ng.train(Grows(), np.ones((4, 1)), batch_size=2)


def explained(step, params, **report):
    return first_non_finite(step, Carry(params, {}, ()), None, None, report)


def test_an_array_that_is_broken_before_the_step():
    assert explained(None, {"W": jnp.ones(2), "b": jnp.array([1.0, np.inf])}) == "params.b before the step"


def test_a_line_of_the_users_goes_before_one_of_ours():
    def step(carry, batch, key):
        return forward(NET, carry.params, {}, {"x": jnp.full((1, 2), 1e30)})

    params = {"dense_1": {"W": jnp.full((2, 1), 1e30), "b": jnp.zeros(1)}}
    assert explained(step, params).startswith("what dot_general makes in step, test_explanation.py line")


def test_a_step_that_makes_finite_numbers_one_by_one():
    told = explained(lambda *_: jnp.ones(3), {"W": jnp.ones(2)}, loss=np.nan, other=1.0, third=np.inf)
    assert told == "the reported loss and third"
