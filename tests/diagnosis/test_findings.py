"""Every registered finding is found where it was planted; healthy networks are left in peace."""

from functools import cache

import numpy as np
import pytest
from benchmarks.diagnosis import examine as examine_patient
from benchmarks.diagnosis import is_found, recipe
from benchmarks.sick import dense, examples, healthy, patient, sick

import netgrad as ng
from netgrad.diagnosis import Check, diagnose
from netgrad.diagnosis.finding import SEVERITIES, checks
from netgrad.registry import KINDS

BY_HAND = (
    "copied_examples", "labels_without_relation", "leaking_column", "missing_class", "mixed_units", "padding_as_data",
    "regression_on_classes", "shifted_inputs", "targets_apart",
    "training_only_column", "useless_columns", "wrong_labels",
)  # fmt: skip


@cache
def planted():
    """One patient for each fault: the first one that the tuning half has."""
    return {one.fault: one for one in reversed(list(sick())) if one.half == "tuning"}


def names(diagnosis):
    return [finding.name for finding in diagnosis.serious]


@pytest.mark.parametrize("name", KINDS["finding"])
def test_planted_fault_is_found(name):
    row = examine_patient(planted()[name], seed=11, treat=False)
    assert is_found(row), row


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.registered_name)
def test_states_measure_threshold_and_remedy(check: Check):
    assert "Measure" in type(check).__doc__ or check.registered_name == "not_finite"
    assert check.remedy
    assert (type(check).repair is Check.repair) == (check.registered_name in BY_HAND)


def test_ranks_are_unique():
    ranks = [check.rank for check in checks()]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("one", [p for p in healthy() if p.examples.name in ("wine", "friedman")], ids=lambda p: p.name)
def test_healthy_networks_are_left_in_peace(one):
    assert examine_patient(one, seed=11, treat=False)["found"] == []


def test_four_examples_learned_by_heart_are_healthy():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    model = ng.fit(net, x, y, optimizer="adam", learning_rate=0.1, epochs=200, seed=1)
    assert not model.diagnose(x, y)


def test_a_narrow_code_is_asked_for_what_it_can_say():
    """Two numbers cannot say all of twelve independent ones: a code that says what it can underfits nothing."""
    x = np.random.default_rng(0).normal(size=(300, 12)) * [3, 2, *[0.7] * 10]
    net = ng.Autoencoder([ng.Dense(2)], [ng.Dense(12)])
    model = ng.fit(net, x, epochs=150, learning_rate=0.02)
    found = diagnose(model, x)
    assert not found.serious
    assert found.skill < 0.8


@pytest.mark.parametrize(("layers", "shape"), [
    ([ng.GRU(4, returns="last")], (150, 6, 1)),
    ([ng.Embedding(2, 3), ng.GRU(4, returns="last")], (150, 6)),
])  # fmt: skip
def test_the_moment_that_a_sequence_is_about_is_no_leak(layers, shape):
    x = np.random.default_rng(3).integers(0, 2, shape)
    y = x.reshape(len(x), -1)[:, 0]
    model = ng.fit(ng.Sequential([*layers, ng.Dense(2)]), x, y, epochs=1, seed=0)
    assert "leaking_column" not in {f.name for f in model.diagnose(x, y)}


def test_outliers_of_targets_say_nothing_of_their_scale():
    x = np.random.default_rng(0).normal(size=(300, 3))
    y = x[:, 0].copy()
    y[[3, 7]] = 900.0, -4000.0
    model = ng.fit(ng.Sequential([ng.Dense(4, activation="relu"), ng.Dense(1)]), x, y, epochs=2)
    assert "targets_out_of_range" not in diagnose(model, x, y)


def test_examples_that_are_there_many_times_do_not_tell_the_two_apart():
    from netgrad.diagnosis.reference import told_apart

    x = np.random.default_rng(0).normal(size=(120, 5))
    area, _ = told_apart(np.tile(x[:60], (8, 1)), x[60:])
    assert area < 0.75


def test_worst_comes_first():
    found = diagnose(*_dead())
    assert [SEVERITIES.index(f.severity) for f in found] == sorted(
        (SEVERITIES.index(f.severity) for f in found), reverse=True
    )
    assert found.findings[0].name == "dead_units"
    assert found["dead_units"].measured["share"] == 1
    assert "dead_units" in found
    assert "dense_1" in repr(found)
    assert "<table>" in found._repr_html_()


def _dead():
    x = np.random.default_rng(0).normal(size=(200, 3))
    net = ng.Sequential([ng.Dense(8, activation="relu", bias_initializer=ng.Constant(-50.0)), ng.Dense(1)])
    return ng.fit(net, x, x.sum(1), epochs=5), x, x.sum(1)


def test_names_the_first_place_that_is_not_finite():
    model, x, y = _dead()
    model.params["dense_2"]["W"] = model.params["dense_2"]["W"].at[0, 0].set(np.nan)
    found = diagnose(model, x, y)
    assert names(found) == ["not_finite"]
    assert "dense_2.W" in found["not_finite"].where


def test_data_are_asked_before_the_rate_is_blamed():
    model, x, y = _dead()
    model.params["dense_2"]["W"] = model.params["dense_2"]["W"].at[0, 0].set(np.nan)
    found = diagnose(model, 1e4 * x, y)
    assert names(found) == ["inputs_not_normalised", "not_finite"]


def test_an_untrained_model_can_be_diagnosed():
    x = np.random.default_rng(0).normal(size=(100, 3))
    model = ng.untrained(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)]), x, x.sum(1))
    assert diagnose(model, x, x.sum(1)).skill < 0.9


def test_a_loaded_model_gives_the_same_diagnosis(tmp_path):
    model, x, y = _dead()
    again = ng.load(model.save(tmp_path / "dead.safetensors"))
    assert again.history.settings == model.history.settings
    assert names(diagnose(again, x, y)) == names(diagnose(model, x, y))


def test_padding_has_no_effect_on_signals():
    data = examples("first")
    one = patient("tuning", "first", ng.Sequential([ng.RNN(8, returns="last"), ng.Dense(4)]), "RNN", epochs=1)
    model = recipe(one, 0).train(data.x, data.y)
    lengths = data.lengths[0]
    dirty = np.where((np.arange(data.x.shape[1]) < lengths[:, None])[..., None], data.x, 1e6)
    clean, other = (diagnose(model, x, data.y, lengths=lengths) for x in (data.x, dirty))
    assert names(clean) == names(other)
    assert clean.skill == other.skill
    assert clean.possible == other.possible


def test_unusable_data_is_one_line():
    model, x, y = _dead()
    with pytest.raises(ng.NetgradError, match="not finite"):
        diagnose(model, np.full_like(x, np.nan), y)


def test_own_thresholds_and_findings_can_be_registered():
    net = dense(examples("wine"), (8,))
    assert KINDS["finding"]["dead_units"](many=0.9).many == 0.9
    assert isinstance(net, ng.Network)


def test_mistakes_that_nobody_means_are_a_warning_even_where_training_copes():
    x = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    net = ng.Sequential([ng.Dense(16, activation="relu"), ng.Dense(2, activation="relu")])
    model = ng.fit(net, x, y, epochs=10, learning_rate=0.01, optimizer="rprop", batch_size=100, seed=1)
    found = diagnose(model, x, y)
    assert found.skill > 0.9
    assert found["targets_out_of_range"].severity == found["whole_batch_method"].severity == "warning"
    assert "softmax" not in found["targets_out_of_range"].remedy


def test_a_diagnosis_compiles_a_dozen_programs_once():
    """Not one for each operation, and none when it is asked for again."""
    from netgrad.compiling import compilations

    x = np.random.default_rng(0).normal(size=(150, 7)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    net = ng.Sequential([ng.Dense(9, activation="relu"), ng.Dense(2)])
    model = ng.fit(net, x[:100], y[:100], epochs=20, learning_rate=0.02, seed=1)
    held = (x[100:], y[100:])
    with compilations() as made:
        diagnose(model, x[:100], y[:100], validation=held)
    assert len(made) <= 24, [one.name for one in made]
    with compilations() as again:
        diagnose(model, x[:100], y[:100], validation=held)
    assert not again
