"""Class by class, and what columns are worth."""

import re

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.report.classes import by_class
from netgrad.report.columns import columns_judged, dependence, importance
from netgrad.report.judgement import Judgement


def judged(truth, p, classes):
    predicted = np.array(classes)[p.argmax(1)]
    place = [classes.index(t) for t in truth]
    return Judgement(np.array(truth), predicted, p[np.arange(len(p)), place], classes, p)


def test_each_class_and_a_threshold_for_two_of_unequal_size():
    rare = np.array([0.45, 0.4, 0.1, 0.2, 0.05, 0.3, 0.1, 0.1, 0.2, 0.1, 0.1, 0.05])
    p = np.stack([1 - rare, rare], axis=1)
    section, sure = by_class(judged(["yes"] * 2 + ["no"] * 10, p[:, [0, 1]], ["no", "yes"]))
    assert section.rows == [["no", "10", "83.3%", "100.0%", "1.000"], ["yes", "2", "", "0.0%", "1.000"]]
    assert "taken for yes from a probability of 0.40 on, precision would be 100% and recall 100%" in section.text
    assert "On average the model is 82% sure and right in 83%" in sure.text
    assert "55% sure, 0% right, 1 examples" in sure.figure


def test_a_class_without_examples_and_probabilities_that_are_none():
    p = np.full((4, 3), 1 / 3) + np.eye(3)[[0, 1, 0, 1]] * 0.1
    section, _ = by_class(judged(["a", "b", "a", "b"], p, ["a", "b", "c"]))
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
    worth, depends = columns_judged(model, table, y)
    assert re.search("Bars: size .*, kind .*, noise ", worth.figure)
    assert "size: -" in depends.figure
    assert list(columns_judged(model, np.zeros((3, 2)), y[:3])) == []


def test_worth_and_dependence_are_those_of_tables_with_other_values():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"size": rng.normal(size=90), "kind": rng.choice(["a", "b"], 90), "odd": rng.normal(size=90)})
    table.loc[7, "size"] = np.nan
    y = table["size"].fillna(0).to_numpy() + (table["kind"] == "a")
    model = ng.fit(ng.Sequential([ng.Dense(1)]), table, y, epochs=5)
    draws = np.random.default_rng(0)
    rows = draws.permutation(90)
    x, wanted = table.iloc[rows].reset_index(drop=True), y.to_numpy()[rows]
    usual, worth = model.evaluate(x, wanted)["loss"], {}
    for name in x.columns:
        shuffled = (x.assign(**{name: x[name].to_numpy()[draws.permutation(90)]}) for _ in range(3))
        worth[name] = np.mean([model.evaluate(other, wanted)["loss"] for other in shuffled]) - usual
    assert importance(model, table, y) == pytest.approx(worth, rel=1e-4)
    found = dependence(model, table, "kind")
    alike = [model.predict(table.assign(kind=kind)).mean() for kind in found.labels]
    np.testing.assert_allclose(found.answers[:, 0], alike, rtol=1e-5)


def test_the_answer_by_values_of_a_column():
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=120).strftime("%Y-%m-%d")
    table = pd.DataFrame({"size": rng.normal(size=120), "kind": rng.choice(["a", "b", "c"], 120, p=[0.6, 0.3, 0.1])})
    table["day"], table["odd"] = days, rng.choice(["yes", "no"], 120)
    table.loc[3, "size"] = np.nan
    y = np.where(table["kind"] == "a", "high", "low")
    model = ng.fit(ng.Sequential([ng.Dense(2)]), table, y, epochs=150, learning_rate=0.1)
    kind = dependence(model, table, "kind")
    assert (kind.named, set(kind.labels)) == (True, {"a", "b", "c"})
    assert kind.labels[np.argmin(kind.answers[:, 0])] == "a"  # of two classes the probability of the second, low
    size = dependence(model, table, "size")
    assert size.labels == ()
    assert (np.diff(size.places) > 0).all()
    assert len(size.places) == 15
    assert dependence(model, table, "day").labels[0] < "2024-01-20" < dependence(model, table, "day").labels[-1]
    assert sorted(dependence(model, table, "odd").labels) == ["no", "yes"]
    worth, depends = columns_judged(model, table, y)
    assert "The mean probability of low" in depends.text
    assert worth.figure.index("kind") > 0
    three = ng.fit(ng.Sequential([ng.Dense(3)]), table, table["kind"].to_numpy(), epochs=30, learning_rate=0.1)
    depends = list(columns_judged(three, table, table["kind"].to_numpy()))[-1]
    assert "The mean probability of each class" in depends.text
