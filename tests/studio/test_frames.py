"""What a frame holds, where it is not what `test_worker` sees of it."""

import json

import numpy as np

from netgrad.studio import Design, Examples, Trainer
from netgrad.studio.equations import of_weight
from netgrad.studio.examples import gallery
from netgrad.studio.frames import Curve, Selection, bars, frame, number


def seen(data, design, selection=None):
    trainer = Trainer(design.network(data), design.settings(data), data)
    return json.loads(json.dumps(frame(trainer, Curve(), selection or Selection()), allow_nan=False))


def test_pictures_have_answers_confusion_filters_and_maps():
    layers = [{"kind": "conv", "filters": 4, "window": 3}, {"kind": "flatten"}]
    told = seen(gallery("digits"), Design.of({"data": "digits", "layers": layers}), Selection("conv_1", 0, 0, 2))
    assert np.shape(told["look"]["filters"]) == (4, 3, 3)
    assert np.shape(told["look"]["maps"]) == (4, 6, 6)
    assert np.sum(told["confusion"]) == 360
    assert len(told["pictures"]) == 12


def test_one_input_has_a_fit_and_many_have_pairs():
    design = Design.of({"data": "sine", "layers": []})
    assert len(seen(gallery("sine"), design)["fit"]["y"]) == 160
    x, y = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32), np.ones((20, 1), np.float32)
    assert len(seen(Examples("many", x, y, x[:7], y[:7]), design)["pairs"]["guess"]) == 7


def test_numbers_that_json_does_not_know_are_null():
    assert number(float("nan")) is None
    assert number(np.float32(1 / 3)) == 0.33333
    assert bars(np.array([np.nan, np.inf]))["counts"] == []
    assert sum(bars(np.arange(100.0))["counts"]) == 100


def test_a_curve_keeps_its_length_and_its_end():
    curve = Curve(50)
    for i in range(1000):
        curve.add([i])
    assert len(curve.points) <= 50
    assert curve.points[0] == [0]
    assert curve.points[-1] == [999]
    curve.add([999, 1])
    assert curve.points[-1] == [999, 1]


def test_equations_say_what_they_can():
    known = {"x": [1.0] * 5, "w": [-0.5] * 5, "b": 0.0, "z": -2.5, "a": 0.0, "delta": 0.0, "i": 4, "rate": 0.1}
    told = of_weight(**known, activation="gelu", slope=None, optimizer="adam")
    assert r"\dots" in told[0]["tex"]
    assert "f(z)" in told[1]["tex"]
    assert told[-1]["title"] == "Gradient of the weight"  # how Adam moves a weight depends on its past
