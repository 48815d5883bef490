"""The contract of a task, held by every registered one; and what is wrong with one is said in a line."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.registry import KINDS
from netgrad.training.task import Carry, Trained
from tests.training.task_cases import CASES, GAN, RBM, mixture, patterns


def train(name, **settings):
    task, data = CASES[name]
    return ng.train(task, data, **{"epochs": 4, "batch_size": 32} | settings)


def assert_same(a, b):
    for p, q in zip(jax.tree.leaves((a.params, a.state)), jax.tree.leaves((b.params, b.state)), strict=True):
        np.testing.assert_array_equal(p, q)
    assert a.history.rows == b.history.rows


def split(data):
    """The same data in three chunks."""
    parts = [jax.tree.map(lambda v, i=i: v[i : i + 32], data) for i in (0, 32)]
    return [*parts, jax.tree.map(lambda v: v[64:], data)]


class Die(ng.Callback):
    def on_epoch(self, run):
        if run.epoch == 2:
            raise KeyboardInterrupt


def test_every_task_has_a_case():
    assert set(KINDS["task"]) == set(CASES)


@pytest.mark.parametrize("name", CASES)
class TestContract:
    def test_it_is_a_key_for_its_programs(self, name):
        task, data = CASES[name]
        assert hash(task) == hash(task.at(task.numbers))
        assert task == task.at(task.numbers)
        assert ng.registry.find("task", task) is task
        assert task.batch(data).size == 100

    def test_same_bits_from_a_seed_by_call_and_from_a_checkpoint(self, name, tmp_path):
        whole = train(name)
        assert whole.history.columns[:2] == ["epoch", "loss"]
        assert len(whole.history) == 4
        assert_same(train(name, epochs_per_call=3), whole)
        assert train(name, seed=1).history.rows != whole.history.rows
        with pytest.raises(KeyboardInterrupt):
            train(name, checkpoint=tmp_path, callbacks=[Die()])
        assert_same(train(name, checkpoint=tmp_path), whole)
        with pytest.raises(ng.FileError, match="differs in seed"):
            train(name, checkpoint=tmp_path, seed=1)

    def test_streams_and_steps_of_their_own(self, name, monkeypatch):
        task, data = CASES[name]
        whole = train(name, shuffle=False)
        streamed = ng.train(task, ng.Stream(lambda: split(data)), epochs=4, batch_size=32, shuffle=False)
        for p, q in zip(jax.tree.leaves(streamed.params), jax.tree.leaves(whole.params), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-7)  # two programs of XLA's, which may fuse otherwise
        monkeypatch.setattr(type(task), "scannable", lambda self, batch: False)
        apart = train(name, shuffle=False)
        for p, q in zip(jax.tree.leaves(apart.params), jax.tree.leaves(whole.params), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-3, atol=1e-4)

    def test_several_starts_and_the_best_of_them(self, name):
        best = train(name, starts=3)
        last = best.history.rows[-1]
        assert last["loss"] == min(last[f"loss_{k}"] for k in (1, 2, 3))
        assert len({last[f"loss_{k}"] for k in (1, 2, 3)}) == 3

    def test_a_number_that_is_not_finite_ends_the_run_and_is_named(self, name):
        task, data = CASES[name]
        params, _ = task.init(jax.random.key(0), task.batch(data))
        leaves, tree = jax.tree.flatten(params)
        params = jax.tree.unflatten(tree, [leaves[0].at[0].set(np.nan), *leaves[1:]])
        with pytest.raises(ng.DivergenceError, match=r"epoch 1, batch 1: the first number .* is in .*; try") as raised:
            ng.train(task, data, params=params)
        assert "\n" not in str(raised.value)
        with pytest.raises(ng.DivergenceError, match="epoch 1, batch 1"):
            ng.train(task, ng.Stream(lambda: split(data)), params=params)

    def test_validation_or_a_line(self, name):
        if type(CASES[name][0]).score is ng.Task.score:
            with pytest.raises(ng.NetgradError, match="cannot be scored on held-out examples"):
                train(name, validation=0.2)
            return
        stopped = train(name, validation=0.2, patience=2, starts=2)
        assert "val_loss" in stopped.history
        assert train(name, validation=split(CASES[name][1])[0]).history["val_loss"].shape == (4,)


def test_a_gan_finds_both_halves_of_a_mixture():
    real = mixture()
    trained = ng.train(GAN(), real, epochs=250, epochs_per_call=50)
    assert trained.history.columns == ["epoch", "loss", "discriminator", "generator"]
    row = trained.history.rows[-1]
    assert row["loss"] == pytest.approx(row["generator"] + row["discriminator"], rel=1e-5)
    fake = trained.task.sample(trained.params, 2000)
    right = fake[:, 0] > 0
    assert 0.2 < right.mean() < 0.8
    np.testing.assert_allclose(fake[right].mean(0), [2, -1], atol=0.5)
    np.testing.assert_allclose(fake[~right].mean(0), [-2, 1], atol=0.5)
    assert repr(trained).startswith("Trained GAN: 163 parameters, History of 250 epochs")


def test_a_boltzmann_machine_learns_its_patterns():
    trained = ng.train(RBM(), patterns(), epochs=60, epochs_per_call=30, validation=0.2)
    assert trained.history["loss"][-1] < 0.4 * trained.history["loss"][0]
    assert trained.history["val_wrong"][-1] < 0.1


def test_a_callback_may_change_the_optimizer_of_supervised_training():
    slow = ng.ReduceOnPlateau(factor=0.5, patience=1, threshold=0.9)
    assert train("supervised", callbacks=[slow]).history["rate_factor"].tolist() == [1, 0.5, 0.25, 0.125]


def test_arrays_on_disk_without_targets(tmp_path):
    np.save(tmp_path / "x.npy", patterns(100))
    streamed = ng.train(RBM(), ng.Stream.arrays(tmp_path / "x.npy", chunk=32), epochs=2, shuffle=False)
    assert_same(streamed, train("test_rbm", epochs=2, shuffle=False))
    with pytest.raises(ng.DataError, match=r"pairs \(x, y\), found ndarray"):
        ng.fit(ng.Sequential([ng.Dense(1)]), ng.Stream.arrays(tmp_path / "x.npy"))


@dataclass(frozen=True)
class Walk(ng.Task):
    """Its state is a random key of its own."""

    def init(self, key, batch):
        return {"at": jnp.zeros(())}, {"key": key}

    def step(self, carry, batch, key):
        own, now = jax.random.split(carry.state["key"])
        at = carry.params["at"] + jax.random.normal(now)
        return carry._replace(params={"at": at}, state={"key": own}), {"loss": at, "key_is_new": 1}


def test_a_random_key_in_the_state_is_kept(tmp_path):
    whole = ng.train(Walk(), np.ones(4), epochs=4, starts=2)
    ng.train(Walk(), np.ones(4), epochs=2, starts=2, checkpoint=tmp_path)
    assert ng.train(Walk(), np.ones(4), epochs=4, starts=2, checkpoint=tmp_path).history.rows == whole.history.rows


# --- data


def test_data_are_arrays_dicts_or_pairs():
    batch = ng.Task().batch(([[1, 2], [3, 4]], {"label": [0.5, 1.5]}))
    assert batch.x["x"].dtype.kind == "i"
    assert batch.y["label"].dtype == np.float32
    assert ng.Task().batch({"a": [1.0], "b": [2.0]}).x.keys() == {"a", "b"}
    assert ng.Task().batch(batch) is batch


WRONG_DATA = {
    "examples of different number": ({"a": np.ones((3, 1)), "b": np.ones(4)}, "a has 3 examples but b has 4"),
    "targets of another number": ((np.ones((3, 1)), np.ones(4)), "x has 3 examples but y has 4"),
    "one name in both": (({"a": np.ones(3)}, {"a": np.ones(4)}), "a has 3 examples but a of y has 4"),
    "not finite": ([1.0, np.nan], "x has 1 value that is not finite"),
    "text": (["a", "b"], "expected numbers"),
    "whole numbers too large": (np.array([1, 2**40]), "beyond 2,147,483,647, too large for int32"),
    "nothing": ({}, "an empty dict"),
    "three of them": ((1, 2, 3), "a pair of these or a stream, found a tuple of 3"),
}


@pytest.mark.parametrize("kind", WRONG_DATA)
def test_wrong_data_are_one_line(kind):
    data, message = WRONG_DATA[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        ng.train(RBM(), data)
    assert "\n" not in str(raised.value)


# --- wrong tasks


@dataclass(frozen=True)
class Odd(ng.Task):
    """A task that goes wrong in the way asked for."""

    after: Any = None  # carry -> what step returns
    begun: Any = None
    report: Any = field(default=None, hash=False)

    def init(self, key, batch):
        return self.begun or ({"layer": {"W": jnp.ones((3, 2)), "b": jnp.ones(2)}}, {})

    def step(self, carry, batch, key):
        return self.after(carry) if self.after else (carry, self.report)


def changed(**params):
    return lambda carry: (carry._replace(params={"layer": {**carry.params["layer"], **params}}), {"loss": 0.0})


class Unfinished(ng.Task):
    """Says nothing."""


class OnlyBegins(ng.Task):
    def init(self, key, batch):
        return {}, {}


@dataclass
class NoKey(ng.Task):
    sizes: list

    init = step = lambda self, *_: None


LOSS = {"loss": 0.0}
WRONG = {
    "no task": (lambda: 3, "takes a task, .* found a int; networks are trained by netgrad.fit"),
    "a network": (lambda: ng.Sequential([ng.Dense(2)]), "found a Sequential; networks are trained by netgrad.fit"),
    "no method at all": (Unfinished, "Unfinished has no method init: define init"),
    "no step": (OnlyBegins, "OnlyBegins has no method step: define step"),
    "not hashable": (lambda: NoKey([1]), r"NoKey is not hashable \(sizes holds a list\), and programs"),
    "a field that is not hashable": (lambda: Odd((1, [2])), r"not hashable \(after holds a tuple\)"),
    "init returns one thing": (lambda: Odd(begun=("W",) * 3), r"a pair \(params, state\), found a tuple of 3"),
    "another shape": (lambda: Odd(changed(W=jnp.ones((3, 3)))), r"params.layer.W is float32 of shape \(3, 3\), exp"),
    "another type": (lambda: Odd(changed(b=jnp.ones(2, int))), "params.layer.b is int32 of shape"),
    "a leaf more": (lambda: Odd(changed(c=1.0)), "params.layer.c is new"),
    "a leaf less": (lambda: Odd(lambda c: (c._replace(params={}), LOSS)), "params.layer.W is missing"),
    "other containers": (
        lambda: Odd(lambda c: (c._replace(state=[{}]), LOSS)), "the same arrays in containers of other kinds"),
    "no pair": (lambda: Odd(lambda c: c), r"must return a pair \(carry, report\), found a Carry"),
    "no carry": (lambda: Odd(lambda c: ((1, 2, 3), LOSS)), "must return a Carry first, found a tuple of 3"),
    "no report": (lambda: Odd(report=1.0), "with 'loss' among them, found a float"),
    "no loss": (lambda: Odd(report={"error": 1.0}), "with 'loss' among them, found one of error"),
    "no single number": (lambda: Odd(report={"loss": jnp.ones(3)}), r"'loss' has shape \(3,\): take its mean"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_task_is_one_line(kind):
    task, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        ng.train(task(), np.ones((4, 3)), batch_size=2)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


@dataclass(frozen=True)
class Scored(Odd):
    scores: Any = None

    def score(self, carry, batch):
        return self.scores()


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (lambda: 1.0, "dict of numbers with 'loss' among them, found float"),
        (lambda: {"r2": 1.0}, "'loss' among them, found r2"),
        (lambda: {"loss": np.ones(2)}, r"'loss' has shape \(2,\)"),
    ],
)
def test_a_wrong_score_is_one_line(scores, message):
    with pytest.raises(ng.NetgradError, match=message):
        ng.train(Scored(report={"loss": 0.0}, scores=scores), np.ones((4, 3)), validation=0.5)


STREAM = ng.Stream(lambda: [np.ones((4, 24))])
WRONG_SETTINGS = {
    "parameters that do not fit": ({"params": {"W": 1.0}}, r"do not fit RBM: params.b is missing"),
    "a callback for fit's optimizer": (
        {"callbacks": [ng.ReduceOnPlateau()]},
        "ReduceOnPlateau changes an optimizer, and RBM",
    ),
    "starts with parameters": ({"starts": 2, "params": {}}, "draw their own parameters"),
    "no epochs": ({"epochs": 0}, "epochs must be a whole number"),
    "a stream in one batch": ({"data": STREAM, "batch_size": None}, "batch_size=None cannot be given with a stream"),
    "a share of a stream": ({"data": STREAM, "validation": 0.1}, "validation as a share cannot be given"),
    "starts on a stream": ({"data": STREAM, "starts": 2}, "starts cannot be given with a stream"),
    "calls on a stream": ({"data": STREAM, "epochs_per_call": 2}, "epochs_per_call cannot be given with a stream"),
    "a stream without chunks": ({"data": list}, "the stream has no chunks"),
}


@pytest.mark.parametrize("kind", WRONG_SETTINGS)
def test_wrong_settings_are_one_line(kind):
    settings, message = WRONG_SETTINGS[kind]
    with pytest.raises(ng.NetgradError, match=message):
        ng.train(RBM(), **{"data": np.ones((4, 24))} | settings)


def test_trained_says_what_it_is():
    assert repr(Trained(RBM(), {"W": np.ones((2, 3))})) == "Trained RBM: 6 parameters, History: no epoch yet"


def test_a_run_without_a_network_says_so():
    from netgrad.training.loop import Run

    with pytest.raises(ng.NetgradError, match="RBM has no one network"):
        _ = Run(RBM(), Carry({}, {}, ()), 1).network
    with pytest.raises(ng.NetgradError, match="does not say how it begins"):
        ng.Task().init(jax.random.key(0), None)
    with pytest.raises(ng.NetgradError, match="does not say what it does"):
        ng.Task().step(None, None, None)
