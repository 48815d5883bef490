"""Remedies: tried one at a time, kept where they help, and told."""

import warnings
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis import Finding, Recipe, repair
from netgrad.diagnosis.repair import LONG, Repair, better, no_worse, outcome, usual
from netgrad.registry import KINDS

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
    first, best, kept, *_ = repair(recipe, X, shuffled, None)
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


def noisy_line():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (500, 1)).astype(np.float32)
    return x, 2 * x[:, 0] + rng.normal(0, 0.1, 500)


def test_units_that_agree_about_one_column_are_not_taken_away():
    """Whatever tanh makes of one column correlates with whatever else it makes of it."""
    x, y = noisy_line()
    net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fixed = ng.fit(net, x, y, epochs=20, seed=0, validation=0.2, fix=True)
    plain = ng.fit(net, x, y, epochs=20, seed=0, validation=0.2)
    assert fixed.network == net
    assert fixed.history.events == []
    np.testing.assert_array_equal(fixed.history["val_loss"], plain.history["val_loss"])
    np.testing.assert_array_equal(fixed.predict(x), plain.predict(x))
    assert not fixed.diagnose(x, y)


def test_what_no_remedy_helps_comes_back_as_it_was_and_is_told():
    y = np.random.default_rng(1).permutation(Y)
    net = ng.Sequential([ng.Dense(12, activation="relu"), ng.Dense(2)])
    with pytest.warns(ng.NetgradWarning, match=r"^nothing was changed, since .* nothing to try remedies on: no model"):
        fixed = ng.fit(net, X, y, epochs=3, fix=True)
    plain = ng.fit(net, X, y, epochs=3)
    np.testing.assert_array_equal(fixed.predict_proba(X), plain.predict_proba(X))


def attempt(skill, loss=1.0, **facts):
    """A stand-in for an `Attempt`."""
    usual = {
        "score": skill,
        "loss": loss,
        "error": None,
        "fails": skill < 0.8,
        "evidence": SimpleNamespace(failing=True, possible=0.93),
        "recipe": SimpleNamespace(changes=()),
        "model": SimpleNamespace(objective=SimpleNamespace(terms=("squared_error",))),
        "diagnosis": SimpleNamespace(serious=()),
    }
    return SimpleNamespace(**usual | facts)


def test_every_outcome_is_said():
    changed = SimpleNamespace(changes=("a lower rate",))
    before, after = attempt(0.2), attempt(0.9, recipe=changed)
    diverged = attempt(0.2, error=ng.DivergenceError("at once"))
    well = attempt(0.88, evidence=SimpleNamespace(failing=False, possible=0.93))
    fault = Finding("dead_units", "fault", "layer a", "all are dead", {}, "leaky_relu")
    sick = attempt(0.2, diagnosis=SimpleNamespace(serious=(fault,)))
    assert (
        outcome(Repair(before, after, [], []))
        == "training failed (skill 0.20) and was repaired (skill 0.90): a lower rate"
    )
    assert outcome(Repair(diverged, after, [], [])) == "training diverged and was repaired (skill 0.90): a lower rate"
    assert outcome(Repair(well, after, [], [])) == "training was improved (skill 0.90 instead of 0.88): a lower rate"
    short = attempt(0.6, recipe=changed)
    line = "training failed (skill 0.20) and was improved (skill 0.60, where a reference reaches 0.93): a lower rate"
    assert outcome(Repair(before, short, [], [])) == line
    assert outcome(Repair(well, well, [], [])) == ""
    none = "nothing was changed, since no remedy helped: all are dead (layer a). Tried: leaky_relu"
    assert outcome(Repair(sick, sick, [], ["leaky_relu"])) == none
    unknown = "nothing was changed: training falls short (skill 0.20, where a reference reaches 0.93), nothing was "
    unknown += "found that says why, and "
    assert outcome(Repair(before, before, [], [])) == f"{unknown}there was nothing to try"
    assert outcome(Repair(before, before, [], ["adam", "a rate"])) == f"{unknown}no remedy helped. Tried: adam; a rate"
    alone = attempt(0.2, evidence=SimpleNamespace(failing=True, possible=float("nan")))
    assert "(skill 0.20, where 0.9 is usual), nothing" in outcome(Repair(alone, alone, [], []))
    assert outcome(Repair(sick, sick, [], [], failed=True)) == ""
    assert outcome(Repair(sick, sick, [], [])).endswith("remedies on: all are dead (layer a). Try: leaky_relu")


def test_a_change_is_kept_for_skill_or_for_a_loss_of_the_same_kind():
    best = attempt(0.5)
    other = SimpleNamespace(objective=SimpleNamespace(terms=("huber",)))
    assert better(attempt(0.52), best)
    assert better(attempt(0.5, 0.8), best)
    assert not better(attempt(0.5, 0.95), best)
    assert not better(attempt(0.5, 0.8, model=other), best)
    assert better(attempt(0.45, 0.1), best)  # skill by luck, where training failed
    assert not better(attempt(0.45, 0.1), attempt(0.5, evidence=SimpleNamespace(failing=False, possible=0.93)))
    assert no_worse(attempt(0.495), best)
    assert not no_worse(attempt(float("-inf")), attempt(float("-inf")))


def ways(settings, rows, /, at_last=False, **facts):
    """What `usual` would try next on a run with these settings and this history: names and what is changed."""
    model = SimpleNamespace(history=ng.History(rows), objective=SimpleNamespace(penalties=()))
    known = {
        "expected": 0.9,
        "rates": {},
        "model": model,
        "batch": SimpleNamespace(size=320),
        "settings": {"batch_size": 32},
        "skill": 0.5,
        "held_skill": 0.5,
    }
    best = SimpleNamespace(recipe=Recipe(dead(), settings), score=0.5, evidence=SimpleNamespace(**known | facts))
    return {name: changed.changes for name, changed in usual(best) if name != "as_most" or at_last}


def test_what_falls_short_is_trained_on_as_most_are_while_it_gains():
    falling = [{"loss": 1 / (i + 1), "val_loss": 1 / (i + 1)} for i in range(20)]
    flat = [{"loss": 0.5, "val_loss": 0.6 + i / 100} for i in range(20)]
    long = ("three times the epochs, stopped early (patience=10)",)
    held = {"validation": 0.2}
    assert ways({}, falling) == {"epochs": ("three times the epochs",)}
    assert ways(held, falling) == {"epochs": long}
    assert ways({**held, "patience": 3}, falling) == {"epochs": ("three times the epochs",)}
    assert ways(held, flat) == {}
    assert ways(held, [{**row, "loss": 0.5} for row in falling]) == {"epochs": long}  # by its validation loss
    assert ways(held, falling[:1]) == {"epochs": long}
    assert ways(held, falling, settings={"batch_size": 1}, batch=SimpleNamespace(size=LONG)) == {}
    assert ways(held, []) == {}
    rates = {0.1: 0.5, 1.0: 0.6, 10.0: 0.2}
    assert ways({"optimizer": "sgd"}, flat, rates=rates) == {
        "adam": ("the optimiser adam",),
        "rate": ("learning rate 1 instead of 0.1",),
    }
    assert ways({}, falling, expected=0.5) == {}


def test_at_last_a_network_is_trained_as_most_are():
    flat = [{"loss": 0.5, "val_loss": 0.6 + i / 100} for i in range(20)]
    said = "the optimiser adam, batches of 32 and 200 epochs"
    assert ways({}, flat, at_last=True) == {"as_most": (said,)}
    assert ways({"validation": 0.2}, flat, at_last=True) == {"as_most": (f"{said}, stopped early (patience=10)",)}
    assert ways({}, 20 * flat, at_last=True) == {}
    assert ways({"learning_rate": 0.1}, 20 * flat, at_last=True) == {"as_most": (said.replace("200", "400"),)}
    few = SimpleNamespace(size=20)
    assert "batches of 20 and 200 epochs" in ways({}, flat, at_last=True, batch=few)["as_most"][0]


@pytest.mark.parametrize(("rates", "left", "said"), [
    ((0.9, 0.9), (0.0, 0.2), "dropout of 0.2, no inputs dropped"),
    ((0.1, 0.9), (0.1, 0.2), "dropout of 0.2"),
    ((0.9, 0.1), (0.0, 0.1), "no inputs dropped"),
])  # fmt: skip
def test_of_dropout_that_drowns_none_of_the_inputs_is_kept(rates, left, said):
    net = ng.Sequential([ng.Dropout(rates[0]), ng.Dense(8), ng.Dropout(rates[1]), ng.Dense(1)])
    changed = KINDS["finding"]["noise_drowns"]().repair(Recipe(net, {}), SimpleNamespace(network=net))
    assert [node.layer.rate for node in changed.graph.nodes if isinstance(node.layer, ng.Dropout)] == list(left)
    assert changed.changes == (said,)


def test_what_does_worse_on_validation_is_penalised_and_ended_early():
    flat = [{"loss": 0.1, "val_loss": 0.6 + i / 100} for i in range(20)]
    changed = ("penalty l2 of 0.001", "stopped early (patience=10)")
    assert ways({"validation": 0.2}, flat, skill=0.9) == {"penalty": changed}
    assert ways({"validation": 0.2, "patience": 3}, flat, skill=0.9) == {"penalty": changed[:1]}
    assert ways({"validation": 0.2}, flat, skill=0.9, held_skill=0.895) == {}  # within what a remedy must gain
    assert ways({"validation": 0.2}, flat, skill=1.0, held_skill=0.895) == {}  # as the reference
    assert ways({}, flat, skill=0.9, held_skill=np.nan) == {}


def quantity():
    x = np.random.default_rng(2).normal(size=(400, 4)).astype(np.float32)
    return x, np.sin(2 * x[:, 0]) + x[:, 1]


def test_where_training_failed_a_mended_network_is_trained_as_most_are():
    """The usual start alone leaves plain steps too short of what the data allow."""
    x, y = quantity()
    net = ng.Sequential([ng.Dense(24, activation="relu", initializer=ng.Normal(1e-3)), ng.Dense(1)])
    settings = {"optimizer": "sgd", "learning_rate": 1e-3, "epochs": 10, "validation": (x[300:], y[300:])}
    found = repair(Recipe(net, settings), x[:300], y[:300], (x[300:], y[300:]))
    assert found.best.score > 0.85 * found.first.evidence.possible
    assert {"adam", "rate", "epochs"} & set(found.kept)
    assert any(word in " ".join(found.best.recipe.changes) for word in ("adam", "three times the epochs"))


def test_a_network_that_falls_short_for_no_known_reason_is_trained_on(monkeypatch):
    monkeypatch.setattr(import_module("netgrad.diagnosis.diagnose"), "checks", list)
    x, y = quantity()
    net = ng.Sequential([ng.Dense(24, activation="relu"), ng.Dense(1)])
    with pytest.warns(ng.NetgradWarning, match=r"^training failed \(skill 0\.\d+\) and was .*three times the epochs"):
        fixed = ng.fit(net, x[:300], y[:300], epochs=2, validation=(x[300:], y[300:]), fix=True)
    plain = ng.fit(net, x[:300], y[:300], epochs=2, validation=(x[300:], y[300:]))
    assert fixed.history["val_loss"].min() < 0.7 * plain.history["val_loss"].min()


def test_nothing_is_tried_where_the_examples_that_decide_are_at_fault():
    x, y = quantity()
    held = (x[300:] * 50 + 200, y[300:])
    net = ng.Sequential([ng.Dense(24, activation="relu"), ng.Dense(1)])
    found = repair(Recipe(net, {"epochs": 10, "learning_rate": 0.01, "validation": held}), x[:300], y[:300], held)
    assert found.first.diagnosis.findings[0].name == "shifted_inputs"
    assert found.tried == []
    assert found.best is found.first


def test_a_stand_in_for_a_missing_value_is_scaled_away():
    x, y = quantity()
    x[::15, 2] = -9999
    net = ng.Sequential([ng.Dense(24, activation="relu"), ng.Dense(1)])
    found = repair(Recipe(net, {"epochs": 20, "learning_rate": 0.01}), x, y, None)
    assert found.first.diagnosis.findings[0].name == "sentinel_values"
    assert found.first.evidence.possible > 0.7  # the reference is not put off by it
    assert "sentinel_values" in found.kept
    assert found.best.score > found.first.score + 0.1


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
