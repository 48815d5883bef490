"""The diagnosis sees inside a stack: the copy that is sick is named."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.checks.gradients import VanishingGradients
from netgrad.diagnosis.checks.numbers import WrongGradient
from netgrad.diagnosis.checks.units import DeadUnits
from netgrad.diagnosis.diagnose import examine
from netgrad.diagnosis.evidence import Evidence
from netgrad.diagnosis.recipe import Recipe
from netgrad.diagnosis.reference import skill
from netgrad.network import every_layer
from netgrad.report.layers import architecture, traced
from netgrad.training.gradient_check import _disagreement

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def evidence_of(model):
    return Evidence(model, model.batch(X, Y))


def rectified(n=4):
    return ng.Sequential(
        [ng.Dense(6), ng.Stack(ng.Residual([ng.Dense(6, activation="relu"), ng.Dense(6)]), n), ng.Dense(2)]
    )


def killed(model, *copies):
    """The model with the biases of these copies far below zero."""
    b = model.params["stack_1"]["dense_1"]["b"]
    model.params["stack_1"]["dense_1"]["b"] = b.at[jnp.array(copies)].set(-1e4)
    return model


def test_what_is_asked_twice_is_looked_at_once():
    model = ng.untrained(ng.Sequential([ng.Dense(6, activation="relu"), ng.Dense(2)]), X, Y)
    evidence = evidence_of(model)
    assert examine(evidence) is examine(evidence)
    assert examine(evidence).measures is None is not examine(evidence, True).measures
    np.testing.assert_allclose(evidence.outputs(model.network.output_names[0]), model.predict_proba(X), rtol=1e-5)
    assert evidence.skill == skill("classification", model.predict(X), Y)


def test_dead_copies_are_named():
    evidence = evidence_of(killed(ng.untrained(rectified(), X, Y), 2))
    (found,) = [f for f in examine(evidence) if f.name == "dead_units"]
    assert found.where == "all 6 units of layer stack_1/dense_1[2]"
    assert found.message == "6 of 6 units of stack_1/dense_1[2] are active on no example: they are dead"
    both = evidence_of(killed(ng.untrained(rectified(), X, Y), 1, 3))
    (found,) = [f for f in examine(both) if f.name == "dead_units"]
    assert "stack_1/dense_1[" in found.where
    assert found.message.endswith("they are dead; so it is in 1 more of its copies")
    assert not [f for f in examine(evidence_of(ng.untrained(rectified(), X, Y))) if f.name == "dead_units"]


def test_a_dead_copy_of_an_ensemble_is_named():
    net = ng.Sequential([ng.Ensemble([ng.Dense(6, activation="relu"), ng.Dense(2)], 3)])
    model = ng.untrained(net, X, Y)
    b = model.params["ensemble_1"]["dense_1"]["b"]
    model.params["ensemble_1"]["dense_1"]["b"] = b.at[1].set(-1e4)
    evidence = evidence_of(model)
    (found,) = [f for f in examine(evidence) if f.name == "dead_units"]
    assert found.where == "all 6 units of layer ensemble_1/dense_1[1]"
    assert evidence.flow(evidence.signals)[0] == ["ensemble_1/dense_1[0]", "ensemble_1/dense_2[0]"]
    assert evidence.ends == {"ensemble_1/dense_2"}
    rows = {row.name: row for row in traced(model, X, Y)}
    assert list(rows) == ["ensemble_1/dense_1", "ensemble_1/dense_2", "ensemble_1"]
    assert rows["ensemble_1/dense_1"].parameters == 3 * (4 * 6 + 6)
    assert rows["ensemble_1/dense_1"].values["z"].size == 3 * 6 * len(X)


def test_what_is_made_again_is_seen_as_what_is_kept():
    """A block whose activations are not kept, alone and in a stack, beside the same block that keeps them."""
    block = [ng.Dense(4, activation="relu"), ng.Dense(4)]
    stacks = ng.Stack(block, 2), ng.Stack(ng.Recomputed(block), 2)
    kept, again = (ng.untrained(ng.Sequential([stack, ng.Dense(2)]), X, Y) for stack in stacks)
    again.params = {"stack_1": {"recomputed_1": kept.params["stack_1"]}, "dense_1": kept.params["dense_1"]}
    one, other = kept.trace(X, Y)["stack_1/dense_1"], again.trace(X, Y)["stack_1/recomputed_1/dense_1"]
    for quantity in ("x", "z", "a", "delta", "dW"):
        np.testing.assert_allclose(other[quantity], one[quantity], rtol=1e-5, atol=1e-6)
    found = evidence_of(again)
    assert found.flow(found.signals)[0][:2] == ["stack_1/recomputed_1/dense_1[0]", "stack_1/recomputed_1/dense_2[0]"]
    alone = ng.untrained(ng.Sequential([ng.Recomputed([*block, ng.Dense(2)])]), X, Y)
    alone.params["recomputed_1"]["dense_1"]["b"] -= 1e4
    (dead,) = [f for f in examine(evidence_of(alone)) if f.name == "dead_units"]
    assert dead.where == "all 4 units of layer recomputed_1/dense_1"
    assert evidence_of(alone).ends == {"recomputed_1/dense_3"}
    rows = {row.name: row for row in traced(alone, X, Y)}
    assert list(rows) == [*(f"recomputed_1/dense_{i}" for i in (1, 2, 3)), "recomputed_1"]
    assert rows["recomputed_1/dense_1"].values["z"].shape == (4 * len(X),)


def test_the_remedy_reaches_the_copies():
    net = rectified()
    recipe = DeadUnits().repair(Recipe(net, {"epochs": 1}), evidence_of(killed(ng.untrained(net, X, Y), 2)))
    kinds = {node.name: getattr(node.layer, "activation", None) for node in every_layer(recipe.graph)}
    assert kinds["stack_1/dense_1"] == ng.LeakyReLU()
    assert recipe.changes == ("leaky_relu instead of relu",)
    assert np.isfinite(recipe.train(X, Y).history["loss"]).all()


def test_vanishing_inside_a_stack_is_placed():
    net = ng.Sequential([ng.Dense(6), ng.Stack([ng.Dense(6, activation="logistic")], 8), ng.Dense(2)])
    evidence = evidence_of(ng.untrained(net, X, Y))
    names, sizes = evidence.flow(evidence.signals)
    assert names == ["dense_1", *(f"stack_1/dense_1[{i}]" for i in range(8)), "dense_2"]
    delta = ng.untrained(net, X, Y).trace(X, Y)["stack_1/dense_1"].delta
    np.testing.assert_allclose(120 * sizes[1:9], np.sqrt((np.asarray(delta) ** 2).mean((1, 2))), rtol=1e-4)
    (found,) = VanishingGradients().look(evidence)
    assert found.where == "layer stack_1/dense_1[0]"
    assert "back to stack_1/dense_1[0], before the first step" in found.message
    recipe = VanishingGradients().repair(Recipe(net, {}), evidence)
    assert {n.name: n.layer for n in every_layer(recipe.graph)}["stack_1/dense_1"].activation == ng.ReLU()


def test_stacks_in_stacks_and_stacks_that_make_the_output():
    inner = ng.Stack([ng.Dense(2, activation="tanh")], 2)
    net = ng.Sequential([ng.Dense(2), ng.Stack([inner, ng.Dense(2)], 3)])
    model = ng.untrained(net, X, Y)
    evidence = evidence_of(model)
    names = [place.name for place in evidence.places]
    assert names[:3] == ["dense_1", "stack_1/stack_1/dense_1[0, 0]", "stack_1/stack_1/dense_1[0, 1]"]
    assert len(names) == 1 + 3 * (2 + 1)
    assert [place.name for place in evidence.places if place.end] == ["stack_1/dense_1[2]"]
    assert evidence.ends == {"stack_1/dense_1"}
    z = model.trace(X, Y)["stack_1/stack_1/dense_1"].z
    assert z.shape == (3, 2, 120, 2)
    expected = float(jnp.sqrt((z[2, 1] ** 2).mean()))
    np.testing.assert_allclose(evidence.signals["stack_1/stack_1/dense_1[2, 1]"].z, expected, rtol=1e-4)
    assert np.isfinite(model.diagnose(X, Y).skill)


def test_the_report_shows_the_blocks(tmp_path):
    model = ng.fit(rectified(), X, Y, epochs=1)
    rows = {row.name: row for row in traced(model, X, Y)}
    assert list(rows) == ["dense_1", "stack_1/dense_1", "stack_1/dense_2", "stack_1/add_1", "stack_1", "dense_2"]
    row = rows["stack_1/dense_1"]
    assert row.shape == (6,)
    assert row.parameters == 4 * (6 * 6 + 6)
    assert row.values["z"].size == 4 * 120 * 6
    assert row.weights.size == 4 * 6 * 6
    total = sum(value.size for layer in model.params.values() for part in layer.values() for value in (
        part.values() if isinstance(part, dict) else [part]))  # fmt: skip
    assert sum(row.parameters for row in architecture(model)) == total
    page = ng.report.write(model, X, Y, tmp_path / "deep.html").read_text()
    assert "stack_1/dense_1" in page
    assert "stack_1/dense_1[3]" in page  # the map of units, copy by copy


def test_padding_in_a_stack_is_left_out():
    x, lengths = RNG.normal(size=(9, 5, 3)).astype(np.float32), np.arange(9) % 5 + 1
    model = ng.untrained(ng.Sequential([ng.Stack(ng.RNN(3), 2), ng.Dense(1)]), x, x[..., :1], lengths=lengths)
    row = traced(model, x, x[..., :1], lengths)[0]
    assert row.name == "stack_1/rnn_1"
    assert row.values["a"].size == 2 * lengths.sum() * 3


class Wrong(ng.Dense):
    """A Dense layer whose rule doubles the gradient of its weights."""

    def backward(self, params, saved, d_out):
        back = super().backward(params, saved, d_out)
        return back._replace(d_params=back.d_params | {"W": 2 * back.d_params["W"]})


def test_a_wrong_rule_inside_a_stack_is_found_and_remedied():
    net = ng.Sequential([ng.Dense(3), ng.Stack([Wrong(3, activation="tanh")], 3), ng.Dense(2)])
    report = ng.check_gradients(net, X[:5], Y[:5])
    assert not report.ok
    assert re.fullmatch(r"stack_1\.dense_1\.W\[[012]\]", report.worst.parameter)
    (found,) = [f for f in ng.untrained(net, X, Y).diagnose(X, Y) if f.name == "wrong_gradient"]
    assert found.where == "layer stack_1/dense_1"
    assert ng.check_gradients(WrongGradient().repair(Recipe(net, {}), None).graph, X[:5], Y[:5]).ok


def test_a_copy_with_small_gradients_does_not_hide_behind_the_others():
    mine, other = jnp.array([[1e-6, 0.0], [1.0, 2.0]]), jnp.array([[2e-6, 0.0], [1.0, 2.0]])
    assert _disagreement(mine, other, 2) == (pytest.approx(0.5), 0)
    assert _disagreement(mine, other, 1)[0] < 1e-5
