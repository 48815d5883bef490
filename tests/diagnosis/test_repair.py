"""Remedies: tried one at a time, kept where they help, and told."""

from importlib import import_module

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis import Recipe, repair
from netgrad.diagnosis.repair import held_out

X = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0, 1.0]) > 0).astype(int)


def dead():
    return ng.Sequential([ng.Dense(12, activation="relu", bias_initializer=ng.Constant(-50.0)), ng.Dense(2)])


def test_fix_repairs_and_says_what_it_changed():
    with pytest.warns(ng.NetgradWarning, match="leaky_relu"):
        model = ng.fit(dead(), X, Y, epochs=15, validation=0.2, fix=True)
    assert model.evaluate(X, Y)["accuracy"] > 0.9
    assert [event["finding"] for event in model.history.events] == ["remedy"] * len(model.history.events)
    assert not model.diagnose(X, Y)


def test_fix_leaves_a_healthy_network_alone():
    net = ng.Sequential([ng.Dense(12, activation="relu"), ng.Dense(2)])
    plain = ng.fit(net, X, Y, epochs=15, learning_rate=0.01, seed=3)
    fixed = ng.fit(net, X, Y, epochs=15, learning_rate=0.01, seed=3, fix=True)
    np.testing.assert_array_equal(plain.params["dense_1"]["W"], fixed.params["dense_1"]["W"])
    assert fixed.history.events == []


def test_fix_saves_a_run_that_diverges():
    net = ng.Sequential([ng.Dense(12, activation="relu"), ng.Dense(1)])
    y = X.sum(1)
    settings = {"optimizer": "sgd", "learning_rate": 50.0, "epochs": 10}
    with pytest.raises(ng.DivergenceError):
        ng.fit(net, X, y, **settings)
    with pytest.warns(ng.NetgradWarning, match="diverged"):
        model = ng.fit(net, X, y, fix=True, **settings)
    assert model.evaluate(X, y)["r2"] > 0.5


def test_fix_keeps_what_a_model_knows():
    start = ng.untrained(dead(), X, np.where(Y, "yes", "no"))
    with pytest.warns(ng.NetgradWarning):
        model = ng.fit(start, X, np.where(Y, "yes", "no"), epochs=15, fix=True)
    assert set(model.predict(X)) == {"yes", "no"}


def test_a_remedy_that_does_not_help_is_not_kept():
    shuffled = np.random.default_rng(1).permutation(Y)
    recipe = Recipe(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(2)]), {"epochs": 3})
    first, best, kept = repair(recipe, X, shuffled, None)
    assert kept == []
    assert best is first


def test_recipes_change_by_value():
    recipe = Recipe(dead(), {"optimizer": "adam"})
    assert recipe.with_rate(10).settings["learning_rate"] == pytest.approx(0.03)
    assert recipe.settings == {"optimizer": "adam"}
    assert Recipe(dead(), {"optimizer": "lbfgs"}).with_rate(0.1).changes == ()
    assert recipe.with_usual_start().graph.nodes[0].layer.bias_initializer == ng.Zeros()
    assert recipe.with_penalty(None) is recipe
    assert recipe.with_penalty(ng.L2(0.1)).settings["penalty"] == ng.L2(0.1)
    assert recipe.with_loss("squared_error").settings["loss"] == "squared_error"


def test_validation_examples_are_held_out_whole():
    x, y, settings = held_out({"x": X}, Y, {"lengths": None, "sample_weight": np.arange(300.0), "seed": 1}, 0.1)
    unseen_x, unseen_y = settings["validation"]
    assert len(unseen_y) == len(unseen_x["x"]) == 30
    assert len(x["x"]) == len(y) == len(settings["sample_weight"]) == 270
    with pytest.raises(ng.NetgradError, match="share"):
        held_out(X, Y, {}, 1.5)


@pytest.mark.parametrize("at", [1, 2])
def test_a_diagnosis_that_fails_costs_no_model(at, monkeypatch):
    looked = []

    def broken(evidence):
        looked.append(evidence)
        if len(looked) == at:
            raise ValueError("too many\nvalues")
        return whole(evidence)

    repairing = import_module("netgrad.diagnosis.repair")
    whole = repairing.examine
    monkeypatch.setattr(repairing, "examine", broken)
    settings = {"epochs": 5, "validation": (X[:60], Y[:60])}
    with pytest.warns(ng.NetgradWarning, match=r"in vain \(ValueError: too many values\): the model is as trained"):
        model = ng.fit(dead(), X[60:], Y[60:], fix=True, **settings)
    plain = ng.fit(dead(), X[60:], Y[60:], **settings)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
