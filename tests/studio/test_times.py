"""What is seen of sequences, time-step by time-step."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import netgrad as ng
from netgrad.studio import Examples, Trainer
from netgrad.studio.examples import divided
from netgrad.studio.frames import Curve, Selection, frame

RNG = np.random.default_rng(0)
X, LENGTHS = RNG.normal(size=(12, 6, 2)).astype(np.float32), np.arange(12) % 4 + 3
TAGS = (X[..., 0] > 0).astype(np.int32)
DATA = divided("tags", X, TAGS, ("down", "up"), ("a", "b"), lengths=LENGTHS, over_time=True)


def seen(layers, selection, data=DATA, settings=None):
    trainer = Trainer(ng.Sequential(layers), settings or {}, data)
    return trainer, json.loads(json.dumps(frame(trainer, Curve(), selection), allow_nan=False))


@pytest.mark.parametrize("layer", [ng.RNN(3), ng.GRU(3), ng.LSTM(3, reverse=True)])
def test_each_gate_has_its_numbers_by_step_and_unit(layer):
    trainer, told = seen([layer, ng.Dense(2)], Selection(name := f"{layer.registered_name}_1", 1, 0, 4, 2))
    look, data, steps = told["look"], trainer.examples, int(trainer.examples.lengths[4])
    trace = trainer.model().trace(data.x, data.y, lengths=data.lengths)[name]
    rows = {row["name"]: np.array(row["values"]) for row in look["rows"]}
    for gate in layer.gates:
        for what, value in ((gate, trace.gates[gate]), (f"delta {gate}", trace.delta[gate])):
            shown = rows[what.replace("_", " ")]
            np.testing.assert_allclose(shown, np.asarray(value)[4, :steps].T, atol=1e-4)
    np.testing.assert_allclose(rows["h"], np.asarray(trace.h)[4, :steps].T, atol=1e-4)
    assert look["quantity"] == f'trace["{name}"].delta{f"""["{layer.gates[0]}"]""" if layer.gates else ""}[4, 2, 1]'
    titles = [step["title"] for step in look.get("equations", [])]
    known = {"rnn": "Hidden state", "lstm": "Memory"}.get(layer.registered_name)
    assert known is None or known in titles
    assert told["written"][0]["truth"][0] in ("down", "up")
    assert np.sum(told["confusion"]) == data.lengths_held.sum()
    assert told["layers"][0]["delta"] > 0


def test_an_lstms_equations_are_those_of_its_numbers():
    trainer, told = seen([ng.LSTM(3), ng.Dense(2)], Selection("lstm_1", 1, 0, 4, 2))
    saved = trainer.model().trace(trainer.examples.x, trainer.examples.y, lengths=trainer.examples.lengths)["lstm_1"]
    memory = next(step["tex"] for step in told["look"]["equations"] if step["title"] == "Memory")
    assert memory.split("=")[-1].strip() == f"{float(saved.c[4, 2, 1]):.4g}"
    assert f"{float(saved.c[4, 1, 1]):.4g}" in memory


def test_attention_is_shown_head_by_head():
    _, told = seen([ng.Attention(units=4, heads=2), ng.Dense(2)], Selection("attention_1", 0, 0, 4, 1))
    weights = np.array(told["look"]["attention"])
    assert weights.shape == (2, int(DATA.lengths[4]), int(DATA.lengths[4]))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-3)


def test_one_answer_for_each_sequence_and_one_quantity_a_step():
    whole = divided("whole", X, TAGS[:, 0], ("down", "up"), lengths=LENGTHS, over_time=True)
    _, told = seen([ng.LSTM(3, returns="last"), ng.Dense(2)], Selection("dense_1"), whole)
    assert "written" not in told
    assert np.sum(told["confusion"]) == 3
    assert "rows" not in told["look"]  # a layer behind the last step has no time
    quantities = Examples("sums", X, X[..., :1], X[:0], X[:0, :, :1], over_time=True)
    _, told = seen([ng.RNN(3), ng.Dense(1)], Selection("rnn_1"), quantities)
    assert len(told["pairs"]["truth"]) == 72
    assert told["written"][0]["steps"] == ["0", "1", "2", "3", "4", "5"]


def test_a_callback_shows_them_too():
    from netgrad.studio.live import Watched

    watched = []

    def look(run):
        watched.append(frame(Watched(run), Curve(), Selection("gru_1")))

    ng.fit(ng.Sequential([ng.GRU(3), ng.Dense(2)]), X, TAGS, lengths=LENGTHS, epochs=1, callbacks=[look])
    assert len(watched[0]["look"]["rows"][0]["values"]) == 2
    assert SimpleNamespace(**watched[0]["look"]).length == 3
