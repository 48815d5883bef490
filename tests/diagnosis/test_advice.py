"""What is advised applies to the case: a dead unit is not told to be born otherwise if it was alive at first."""

from types import SimpleNamespace

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.finding import Diagnosis
from netgrad.diagnosis.measures import Measures
from netgrad.registry import KINDS
from tests.diagnosis.facts import flow, known, signal

DEAD, ALIVE = signal(answer=np.zeros(4)), signal(answer=np.ones(4))
STUCK, FREE = signal(flat=np.ones(4)), signal(flat=np.zeros(4))


def advised(name, evidence):
    (found,) = KINDS["finding"][name]().look(evidence)
    return found.remedy


@pytest.mark.parametrize(("before", "advice"), [
    (DEAD, "He initialisation, with biases of 0.1, or leaky_relu or elu units"),
    (ALIVE, "a lower learning rate, or leaky_relu or elu units"),
])  # fmt: skip
def test_of_dead_units(before, advice):
    facts = {"signals": {"dense_1": DEAD}, "first_signals": {"dense_1": before}}
    assert advised("dead_units", known(**facts)) == advice


@pytest.mark.parametrize(("before", "size", "advice"), [
    (STUCK, 1, "Xavier initialisation, with biases of 0, or relu units"),
    (FREE, 1, "a lower learning rate, or relu units"),
    (STUCK, 50, "standardised inputs, Xavier initialisation, with biases of 0, or relu units"),
])  # fmt: skip
def test_of_saturated_units(before, size, advice):
    layers = (ng.Dense(4, activation="tanh"), ng.Dense(1))
    facts = {"signals": {"dense_1": STUCK}, "first_signals": {"dense_1": before}}
    evidence = known(*layers, **facts)
    evidence.scored.x = {name: size * x for name, x in evidence.scored.x.items()}
    assert advised("saturated_units", evidence) == advice


def test_of_a_layer_without_one_useful_unit():
    facts = {"activations": {"dense_1": np.ones((300, 4))}, "signals": {"dense_1": signal()}}
    assert "it is not its width" in advised("redundant_units", known(**facts))
    half = np.repeat(np.random.default_rng(0).normal(size=(300, 2)), 2, axis=1)
    facts["activations"] = {"dense_1": half}
    assert "take fewer units" in advised("redundant_units", known(**facts))


@pytest.mark.parametrize(("activation", "begins"), [
    ("logistic", "relu units instead of logistic ones"),
    ("tanh", "relu units instead of tanh ones"),
    ("relu", "He or Xavier initialisation"),
])  # fmt: skip
def test_of_vanishing_gradients(activation, begins):
    layers = (ng.Dense(4, activation=activation), ng.Dense(1))
    assert advised("vanishing_gradients", known(*layers, **flow(1e-6, 1.0, 1.0))).startswith(begins)


def test_of_exploding_gradients_no_limit_where_there_is_one():
    evidence = known(**flow(100.0, 1.0, 1.0))
    assert "clip_norm" in advised("exploding_gradients", evidence)
    evidence.settings = {"clip_norm": 1.0}
    assert "clip_norm" not in advised("exploding_gradients", evidence)


@pytest.mark.parametrize(("scale", "size", "advice"), [
    (1, 1, "start the output layer's weights smaller"),
    (50, 1, "start the output layer's weights smaller (leave its initialiser out)"),
    (1, 50, "standardise the inputs"),
])  # fmt: skip
def test_of_a_first_loss(scale, size, advice):
    def loud(params):
        return {**params, "dense_2": {**params["dense_2"], "W": scale * params["dense_2"]["W"]}}

    evidence = known(first_loss=50.0, params=loud)
    evidence.scored.x = {name: size * x for name, x in evidence.scored.x.items()}
    assert advised("first_loss", evidence) == advice


@pytest.mark.parametrize(("layer", "advice"), [
    (ng.Dropout(0.9), "drop 10 to 50 % of the units"),
    (ng.GaussianNoise(9.0), "less noise"),
])  # fmt: skip
def test_of_noise(layer, advice):
    assert advised("noise_drowns", known(ng.Dense(4), layer, ng.Dense(1), skill_under_noise=0.1, skill=0.9)) == advice


def test_of_dropped_inputs():
    evidence = known(ng.Dropout(0.9), ng.Dense(1), skill_under_noise=0.1, skill=0.9)
    assert advised("noise_drowns", evidence) == "drop no inputs, or a few in a hundred"


def test_of_layers_that_stand_still():
    one, two = {"dense_1": 0.0, "dense_2": 1.0}, {"dense_1": 0.0, "dense_2": 0.0, "dense_3": 1.0}
    assert "that layer dense_1 leads to an output" in advised("still_layers", known(moved=one))
    assert "that layers dense_1, dense_2 lead to an output" in advised("still_layers", known(moved=two))
    assert "layer_rates" in advised("still_layers", known(moved={"dense_1": 1e-6, "dense_2": 1.0}))


@pytest.mark.parametrize(("layer", "radius", "advice"), [
    (ng.RNN(4), 1.0, "an LSTM or a GRU, whose gates carry the state on, or an output that sees earlier steps, too"),
    (ng.LSTM(4), 0.1, "a forget gate's bias that starts at 1, a W_h that starts orthogonal, or an output that"),
])  # fmt: skip
def test_of_a_memory_that_fades(layer, radius, advice, monkeypatch):
    monkeypatch.setattr("netgrad.diagnosis.recurrence.spectral_radii", lambda model: {"rnn_1.W": radius})
    curves = {"rnn_1": np.full((2, 12), 1e-9)}
    network = ng.Sequential([layer.replace(name="rnn_1"), ng.Dense(1)])
    evidence = known(memory=curves, memory_now=curves)
    evidence.network = network
    assert advised("vanishing_memory", evidence).startswith(advice)


def test_of_a_memory_that_explodes():
    curves = {"rnn_1": np.full((2, 12), 1e9)}
    assert "clip_norm=1.0" in advised("exploding_memory", known(memory=curves))
    assert "clip_norm" not in advised("exploding_memory", known(memory=curves, settings={"clip_norm": 1.0}))


def test_of_columns_whose_spreads_differ():
    x = np.random.default_rng(2).normal(size=(300, 4))
    (found,) = KINDS["finding"]["shifted_inputs"]().look(
        known(held=SimpleNamespace(size=300), batch=SimpleNamespace(size=300), input_pairs=[(x, x * [9, 1, 1, 1])])
    )
    assert (
        found.message
        == "training and validation differ in column 0: its spread in validation is 9 times that in training"
    )


def test_where_nothing_is_found_the_wiring_is_tested_first():
    unknown = Diagnosis((), 0.1, 0.9, fails=True)
    assert unknown.summary.endswith("(measure=True): if not, its wiring is wrong")
    measured = Diagnosis((), 0.1, 0.9, Measures({}, 1.0, 1.0, float("nan"), 0.01), fails=True)
    assert "measure=True" not in measured.summary
