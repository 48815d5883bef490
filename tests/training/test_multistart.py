"""Several starts and several groups at once: each is what it would be alone, and no operation gets its own program."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest

import netgrad as ng
from netgrad.compiling import compilations
from netgrad.training.batch import Batch
from netgrad.training.epoch import OWN, SHARED, compiled_epochs
from netgrad.training.supervised import Supervised

X = np.linspace(-1, 1, 12).reshape(6, 2)
DATA = Batch({"x": X}, {})


@dataclass(frozen=True)
class Line(ng.Task):
    """A line through the origin whose state holds a random key and a counter."""

    in_loops: bool = True

    def init(self, key: Any, batch: Batch) -> Any:
        return {"w": jax.random.normal(key, (2,))}, {"key": key, "steps": jnp.zeros((), int)}

    def init_optimizer(self, params: Any) -> Any:
        return {"adam": optax.adam(0.1).init(params), "begun": 0}

    def step(self, carry: Any, batch: Batch, key: Any) -> Any:
        value, slope = jax.value_and_grad(lambda p: ((batch.x["x"] @ p["w"] - 1) ** 2).mean())(carry.params)
        updates, adam = optax.adam(0.1).update(slope, carry.opt_state["adam"])
        params = optax.apply_updates(carry.params, updates)
        state = {**carry.state, "steps": carry.state["steps"] + 1}
        return carry._replace(params=params, state=state, opt_state={**carry.opt_state, "adam": adam}), {"loss": value}

    def scannable(self, batch: Batch) -> bool:
        return self.in_loops and batch.x["x"].shape[-1] == 2


def keys(count):
    return [jax.random.key(seed) for seed in range(count)]


def plain(tree):
    """With random keys as numbers."""
    typed = jax.dtypes.extended
    return jax.tree.map(lambda v: np.asarray(jax.random.key_data(v) if jnp.issubdtype(v.dtype, typed) else v), tree)


def one_of(tree, k):
    return jax.tree.map(lambda v: v[k], tree)


def test_carries_begun_together_are_those_begun_alone():
    together = plain(Line().begin_each(keys(3), DATA))
    for k, key in enumerate(keys(3)):
        jax.tree.map(np.testing.assert_array_equal, one_of(together, k), plain(Line().begin(key, DATA)))


@pytest.mark.parametrize("in_loops", [True, False])
@pytest.mark.parametrize("batch_size", [2, 6])
@pytest.mark.parametrize("each", [SHARED, OWN])
def test_carries_trained_together_are_those_trained_alone(each, batch_size, in_loops):
    task, key = Line(in_loops), jax.random.key(9)
    data = [Batch({"x": X + (k if each == OWN else 0)}, {}) for k in range(3)]
    shown = jax.tree.map(lambda *v: np.stack(v), *data) if each == OWN else data[0]
    begun = task.begin_each(keys(3), DATA)
    together = compiled_epochs(task, batch_size, True, 2, each)(begun, shown, key, 1)
    alone = compiled_epochs(task, batch_size, True, 2)
    for k in range(3):
        expected = alone(task.begin(keys(3)[k], DATA), data[k], key, 1)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), plain(one_of(together, k)), plain(expected)
        )


def test_no_program_for_a_single_operation():
    net = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(1)])
    with compilations() as made:
        ng.fit(net, X, X[:, 0], starts=3, epochs=2, batch_size=3)
    of_one_operation = {"stack", "unstack", "concatenate", "dynamic_slice", "squeeze", "_threefry_split", "sort"}
    assert not of_one_operation & {program.name for program in made}


SEQUENCES = np.random.default_rng(0).normal(size=(20, 5, 3)).astype(np.float32)
PLACES = SEQUENCES[:, 0, 0] * 10 + 40


@pytest.mark.parametrize(
    ("network", "x", "y", "settings"),
    [
        ([ng.LSTM(4, returns="last"), ng.Dense(2)], SEQUENCES, PLACES > 40, {"lengths": [5, 3] * 10}),
        ([ng.Flatten(), ng.Dense(3)], SEQUENCES, SEQUENCES[:, 1] > 0, {"loss": "binary_cross_entropy"}),
        ([ng.Dropout(0.5), ng.Dense(1)], pd.DataFrame(SEQUENCES[:, 1], columns=list("abc")), PLACES, {}),
        ([ng.Dense(1)], pd.DataFrame(SEQUENCES[:, 1], columns=list("abc")), PLACES, {"log_target": True}),
    ],
)
def test_scores_of_several_starts_are_those_of_each(network, x, y, settings):
    if y.dtype == bool and y.ndim == 1:
        y, settings = y.astype(int), settings | {"loss": "softmax_cross_entropy"}
    own = {name: settings[name] for name in ("lengths",) if name in settings}
    model = ng.fit(ng.Sequential(network), x, y, validation=(x, y, *own.values()), starts=3, epochs=4, **settings)
    expected = model.evaluate(x, y, **own)
    found = [model.history[f"val_{name}"][-1] for name in expected]
    np.testing.assert_allclose(found, list(expected.values()), rtol=1e-5)
    task, batch = Supervised.of(model, optax.sgd(0.1)), model.batch(x, y, None, **own)
    carries = task.begin_each(keys(3), batch)
    for k, found in enumerate(task.score_each(carries, 3, batch)):
        expected = task.score(one_of(carries, k), batch)
        assert list(found) == list(expected)
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-5, atol=1e-6)
