"""The recipe for tables."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netgrad as ng
from netgrad.data import TableEncoder

RNG = np.random.default_rng(0)
N = 300
SIZE = RNG.uniform(20, 200, N)
COLOUR = RNG.choice(["red", "blue"], N)
TABLE = pd.DataFrame({
    "size": SIZE,
    "colour": COLOUR,
    "noise": RNG.normal(size=N),
    "price": np.where(SIZE > 110, 3.0, 1.0) + (COLOUR == "red") + 0.1 * RNG.normal(size=N),
})  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return ng.fit_table(TABLE, "price", epochs=40, hidden=(32,), pieces=16)


def test_a_threshold_is_learned_and_answers_stay_within_what_was_seen(model):
    assert model.evaluate(TABLE, TABLE["price"])["r2"] > 0.9
    wild = TABLE.assign(size=1e9, noise=-1e9)
    assert TABLE["price"].min() <= model.predict(wild).min() <= model.predict(wild).max() <= TABLE["price"].max()


def test_the_model_is_kept_with_all_of_it(model, tmp_path):
    again = ng.load(model.save(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict(TABLE), model.predict(TABLE))
    assert again.evaluate(TABLE, TABLE["price"]) == model.evaluate(TABLE, TABLE["price"])
    assert again.encoder.scaling == "robust"


def test_scores_are_of_the_predictions_themselves(model):
    y, predicted = TABLE["price"].to_numpy(), model.predict(TABLE)
    scores = model.evaluate(TABLE, TABLE["price"])
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - y) ** 2)), rel=1e-5)
    assert scores["r2"] == pytest.approx(1 - np.mean((predicted - y) ** 2) / y.var(), rel=1e-5)
    weights = np.arange(1.0, N + 1)
    weighed = model.evaluate(TABLE, TABLE["price"], sample_weight=weights)
    assert weighed["rmse"] == pytest.approx(np.sqrt(np.average((predicted - y) ** 2, weights=weights)), rel=1e-5)


def test_a_skewed_target_is_learned_by_its_logarithm_and_scored_as_it_is():
    table = TABLE.assign(price=np.exp(2 * TABLE["price"]))
    with pytest.warns(ng.NetgradWarning, match="'price' is positive and skewed: its logarithm is learned"):
        model = ng.fit_table(table, "price", epochs=40, hidden=(32,), pieces=16)
    assert model.target_encoder.log_target is True
    y, predicted = table["price"].to_numpy(), model.predict(table)
    assert model.evaluate(table, table["price"])["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - y) ** 2)))
    assert np.corrcoef(predicted, y)[0, 1] > 0.8
    assert len(model.target_encoder.lift) == 1
    unheld = ng.fit_table(table, "price", epochs=1, hidden=(4,), validation=None, log_target=True)
    assert unheld.target_encoder.lift == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = ng.fit_table(table, "price", epochs=1, hidden=(4,), log_target=False)
    assert plain.target_encoder.log_target is False


def test_columns_are_left_out_or_alone_used():
    model = ng.fit_table(TABLE, "price", drop=["noise"], epochs=1, hidden=(4,), members=1, pieces=0)
    assert model.encoder.feature_names == ["size", "colour=blue", "colour=red"]
    model = ng.fit_table(TABLE, "price", only=["size"], epochs=1, hidden=(4,), encoder=TableEncoder("range"), alpha=0.1)
    assert model.encoder.feature_names == ["size"]
    assert model.encoder.scaling == "range"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drop": ["nois"]}, "no column 'nois': did you mean 'noise'"),
        ({"only": ["price"]}, "column 'price' is to be predicted, and cannot be left out or be predicted from"),
        ({"only": ["size"], "drop": ["size"]}, "column 'size' is both to be left out and to be used"),
        ({"layers": 3}, "a recipe has no 'layers': change hidden, members"),
        ({"layers": 3}, "or of its training class_weight, resample"),
        ({"label_smoothing": 0.1}, "label_smoothing is for classes, and the target is a quantity"),
        ({"test": 2}, "test is a share of the examples between 0 and 1"),
        ({"log_target": True, "task": "classification"}, "is of classes, without a logarithm"),
        ({"log_target": True}, "of which there is no logarithm: expected numbers above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(settings, message):
    table = TABLE.assign(price=np.round(TABLE["price"]) - 1)
    settings = {"task": "regression"} | settings
    with pytest.raises(ng.NetgradError, match=message):
        ng.fit_table(table, "price", **settings)


def test_rows_without_a_target_are_not_trained_on():
    table = TABLE.assign(price=TABLE["price"].where(TABLE.index % 2 == 0))
    whole = ng.fit_table(table, "price", epochs=1, hidden=(4,))
    half = ng.fit_table(table[::2].reset_index(drop=True), "price", epochs=1, hidden=(4,))
    np.testing.assert_array_equal(whole.predict(TABLE), half.predict(TABLE))


def test_the_recipe_goes_by_rows_and_columns():
    few = ng.recipe(RNG.normal(size=(10, 2)))
    assert few.validation is None
    rates = [ng.recipe(np.zeros((n, 2)), "classification").learning_rate for n in (40, 6000)]
    assert rates[1] < rates[0] < ng.recipe(np.eye(40)).learning_rate
    wide = ng.recipe(RNG.normal(size=(30, 2000)))
    assert wide.pieces == 0
    assert ng.recipe(RNG.normal(size=(2000, 200))).pieces == 5
    assert [ng.recipe(RNG.normal(size=(n, 3))).pieces for n in (30, 350, 2000)] == [2, 5, 16]
    quantity, classes = (ng.recipe(np.zeros((9000, 2)), task).epochs for task in ("regression", "classification"))
    assert quantity > classes
    with pytest.raises(ng.NetgradError, match="unknown task 'regresion': did you mean 'regression'"):
        ng.recipe(np.zeros((30, 2)), "regresion")


@given(rows=st.integers(1, 120_000), task=st.sampled_from(["regression", "classification"]))
def test_batches_are_of_one_size_and_few_more_rows_are_held_out_for_it(rows, task):
    how = ng.recipe(np.zeros((rows, 1)), task)
    held = round(rows * (how.validation or 0))  # as `netgrad.training.batch.split` counts them
    steps, rest = divmod(rows - held, how.batch_size)
    assert rest == 0
    share = 0 if rows < 20 else 0.2 if rows < 10_000 else 0.1
    assert 0 <= held - round(rows * share) < max(steps, 1)


def test_rows_are_kept_for_testing_and_settings_reach_the_training():
    model = ng.fit_table(TABLE, "price", test=0.25, epochs=2, hidden=(4,), clip_norm=1.0, scaling="range")
    assert len(model.tested.x) == 75
    assert model.tested.scores == model.evaluate(model.tested.x, model.tested.y)
    assert model.encoder.scaling == model.target_encoder.scaling == "range"
    assert model.history.settings["clip_norm"] == 1.0
    other = TABLE[:20].assign(price=[None, *TABLE["price"][1:20]])
    with pytest.warns(ng.NetgradWarning, match="1 row of 20 has no value of 'price'"):
        model = ng.fit_table(TABLE, "price", test=other, epochs=1, hidden=(4,), missing_values=["red"])
    assert len(model.tested.y) == 19
    assert "colour missing" in model.encoder.feature_names
    classes = ng.fit_table(TABLE, "colour", epochs=1, hidden=(4,), label_smoothing=0.1, class_weight="balanced")
    assert classes.objective.terms[0][1].label_smoothing == 0.1
