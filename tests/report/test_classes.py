"""Class by class, and what columns are worth."""

import numpy as np
import pandas as pd

import netgrad as ng
from netgrad.report.classes import by_class
from netgrad.report.columns import columns_judged, importance
from netgrad.report.judgement import Judgement


def judged(truth, p, classes):
    predicted = np.array(classes)[p.argmax(1)]
    place = [classes.index(t) for t in truth]
    return Judgement(np.array(truth), predicted, p[np.arange(len(p)), place], classes, p)


def test_each_class_and_a_threshold_for_two_of_unequal_size():
    rare = np.array([0.45, 0.4, 0.1, 0.2, 0.05, 0.3, 0.1, 0.1, 0.2, 0.1, 0.1, 0.05])
    p = np.stack([1 - rare, rare], axis=1)
    (section,) = by_class(judged(["yes"] * 2 + ["no"] * 10, p[:, [0, 1]], ["no", "yes"]))
    assert section.rows == [["no", "10", "83.3%", "100.0%", "1.000"], ["yes", "2", "", "0.0%", "1.000"]]
    assert "taken for yes from a probability of 0.40 on, precision would be 100% and recall 100%" in section.text
    assert "right in 83%" in section.text


def test_a_class_without_examples_and_probabilities_that_are_none():
    p = np.full((4, 3), 1 / 3) + np.eye(3)[[0, 1, 0, 1]] * 0.1
    (section,) = by_class(judged(["a", "b", "a", "b"], p, ["a", "b", "c"]))
    assert section.rows[2] == ["c", "0", "", "", ""]
    assert "unequal" not in section.text
    assert list(by_class(judged(["a", "b"], np.full((2, 2), np.nan), ["a", "b"]))) == []


def test_a_column_that_nothing_hangs_on_is_worth_nothing():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"noise": rng.normal(size=200), "size": rng.normal(size=200), "kind": ["a", "b"] * 100})
    y = 3 * table["size"].to_numpy() + (table["kind"] == "a")
    model = ng.fit(ng.Sequential([ng.Dense(1)]), table, y, epochs=60, learning_rate=0.05)
    found = importance(model, table, y)
    assert list(found) == ["size", "kind", "noise"]
    assert abs(found["noise"]) < 0.01 * found["size"]
    (section,) = columns_judged(model, table, y)
    assert [row[0] for row in section.rows] == list(found)
    assert list(columns_judged(model, np.zeros((3, 2)), y[:3])) == []
