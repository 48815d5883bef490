"""Targets to labels or scaled quantities and back, and the rule that tells one from the other."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netgrad.data.targets import TargetEncoder, infer_task
from netgrad.errors import DataError, FileError, NetgradError, NetgradWarning, ShapeError


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (["a", "b", "a"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 0, 1], "classification"),
        ([0.0, 1.0, 0.0, 1.0], "classification"),
        (list(range(10)) * 30, "classification"),
        (list(range(21)) * 30, "regression"),
        ([1, 2, 3], "regression"),
        (["1", "0", "1"], "classification"),
        ([0.5, 1.5, 0.5, 1.5], "regression"),
        (pd.Categorical([1, 2, 3]), "classification"),
    ],
)
def test_the_rule_that_infers_the_task(target, task):
    assert infer_task(pd.Series(target)) == task


def test_a_date_cannot_be_a_target():
    with pytest.raises(DataError, match="'when' is a date"):
        infer_task(pd.Series(["2024-01-01", "2024-01-02"], name="when"))


@pytest.mark.parametrize("classes", [["a", "b", "c"], [3, 5, 9], [False, True], [0.5, 1.5]])
def test_classes_there_and_back_also_through_json(classes):
    y = [classes[i] for i in np.random.default_rng(0).integers(0, len(classes), 20)]
    encoder = TargetEncoder("classification").fit(y)
    again = TargetEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    labels = again.transform(y)
    assert labels.dtype == np.int32
    assert again.outputs == len(classes)
    assert again.decode(labels).tolist() == y
    assert again.decode(np.eye(len(classes))[labels]).tolist() == y


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30),
    st.sampled_from(["standardise", "range", "symmetric", "logistic", "tanh", "none"]),
)
def test_quantities_there_and_back(y, scaling):
    encoder = TargetEncoder("regression", scaling=scaling).fit(y)
    again = TargetEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    scaled = again.transform(y)
    assert scaled.shape == (len(y), 1)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(
        again.decode(scaled), y, rtol=1e-5, atol=1e-6 * np.ptp(y) + 1e-6 * np.abs(y).max() + 1e-37
    )


@pytest.mark.parametrize(("offset", "step"), [(1e6, 1e-7), (1e12, 1.0), (2**52, 64)])
def test_a_large_offset_costs_a_quantity_nothing(offset, step):
    y = offset + step * np.random.default_rng(0).permutation(200)
    for target in (y, np.stack([y, -y], axis=1)):
        encoder = TargetEncoder("regression").fit(target)
        decoded = encoder.decode(encoder.transform(target))
        assert np.abs(decoded - target).max() < 1e-2 * y.std()


def test_a_quantity_that_float64_cannot_tell_apart_is_said():
    near = 2**60 + np.arange(50)
    with pytest.warns(NetgradWarning, match="column 'y' holds numbers near"):
        TargetEncoder("regression").fit(near)
    with pytest.warns(NetgradWarning, match=r"column 'y\[1\]' holds numbers near"):
        TargetEncoder("regression").fit(np.stack([np.arange(50), near], axis=1))


def test_several_quantities_at_once():
    y = np.array([[1.0, 10.0], [3.0, 30.0], [2.0, 30.0]])
    encoder = TargetEncoder(scaling="range").fit(y)
    np.testing.assert_allclose(encoder.transform(y), [[0, 0], [1, 1], [0.5, 1]])
    np.testing.assert_allclose(encoder.decode(encoder.transform(y)), y)
    with pytest.raises(ShapeError, match="expected"):
        encoder.transform(y[:, :1])
    with pytest.raises(DataError, match="one column of classes"):
        TargetEncoder("classification").fit(y)


def test_a_column_vector_is_one_quantity():
    encoder = TargetEncoder("regression").fit([[1.0], [2.0]])
    assert encoder.decode(encoder.transform([[1.0], [2.0]])).shape == (2,)


def test_a_constant_quantity_decodes_to_itself():
    encoder = TargetEncoder("regression").fit([4.0, 4.0])
    assert encoder.decode(encoder.transform([4.0, 9.0])).tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    ("target", "task", "message"),
    [
        ([], None, "the target 'y' is empty"),
        (["a", "a"], None, "holds only the class 'a'"),
        ([1, 1, 1], "classification", "holds only the class 1"),
        (["a", None, "b"], None, "1 missing value in 3 rows, the first in row 2: a target cannot be imputed"),
        ([1.0, np.nan], "regression", "1 missing value in 2 rows"),
        (["a", "b"], "regression", "column 'y' holds 'a' in row 1 of 2: expected a number"),
        ([1.5, 2.5, "x", 3.5], None, "column 'y' holds 'x' in row 3 of 4: expected a number"),
        ([f"v{i % 40}" for i in range(50)], None, "40 different values in 50 rows"),
        (["1 kg", "2 kg", "3 g"], "regression", "column 'y' holds '1 kg' in row 1 of 3: expected a number"),
        ([b"a", b"b"], None, "the target 'y' holds values of the type bytes"),
        ([f"id{i}" for i in range(30)], None, "30 different values in 30 rows, the first 'id0'"),
    ],
)
def test_targets_that_cannot_be_learnt(target, task, message):
    with pytest.raises(DataError, match=message) as caught:
        TargetEncoder(task).fit(target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([f"{i},5" for i in range(30)], [i + 0.5 for i in range(30)]),
        ([f"${1000 + i:,}" for i in range(30)], [1000.0 + i for i in range(30)]),
        ([f"{i} %" for i in range(30)], [float(i) for i in range(30)]),
        ([f"\u2212{i}" for i in range(30)], [-float(i) for i in range(30)]),
        ([str(i / 8) for i in range(30)], [i / 8 for i in range(30)]),
    ],
)
def test_quantities_written_as_texts(texts, values):
    target = pd.Series(texts, name="price")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder = TargetEncoder().fit(target)
    assert len(caught) == any(mark in texts[0] for mark in ",$%")
    assert all("column 'price' is read" in str(warning.message) for warning in caught)
    assert encoder.task == "regression"
    again = TargetEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    np.testing.assert_allclose(again.decode(again.transform(texts)), values, atol=1e-4)
    assert again.values(texts).tolist() == values
    assert again.transform([values[3]])[0] == again.transform([texts[3]])[0]
    with pytest.raises(DataError, match="column 'price' holds 'much' in row 1 of 1: expected a number"):
        again.transform(["much"])


@pytest.mark.parametrize(
    ("target", "classes", "later"),
    [
        (["1", "0"], [0, 1], [1, 0.0]),
        (["01", "1"], ["01", "1"], ["01", 1]),
        (["1.0", "2.0"], ["1.0", "2.0"], [1, 2.0]),
        (["TRUE", "FALSE"], ["FALSE", "TRUE"], [True, "FALSE"]),
        ([True, False], [False, True], ["TRUE", "no"]),
        ([3.0, 5.0], [3.0, 5.0], ["3", "5.0"]),
        (["a", 1], ["1", "a"], ["a", 1.0]),
    ],
)
def test_classes_are_the_same_however_they_are_written(target, classes, later):
    encoder = TargetEncoder().fit(target * 2)
    assert encoder.classes == classes
    assert [type(c) for c in encoder.classes] == [type(c) for c in classes]
    assert encoder.transform(later).tolist() == encoder.transform(target).tolist()
    with pytest.raises(DataError, match="the classes known from training"):
        encoder.transform(["x"])


def test_a_target_of_no_known_form_is_said():
    with pytest.warns(NetgradWarning, match=r"'y' is taken for 2 categories \('1.5M' is in no form"):
        assert TargetEncoder().fit(["1.5M", "300k"] * 3).task == "classification"


def test_a_new_class_is_an_error():
    encoder = TargetEncoder().fit(pd.Series(["a", "b"], name="kind"))
    with pytest.raises(DataError, match=r"column 'kind' holds 'c' in row 2 of 2: the classes known .* 'a', 'b'"):
        encoder.transform(["a", "c"])


def test_bad_options_use_before_fit_and_foreign_descriptions():
    with pytest.raises(NetgradError, match="unknown task"):
        TargetEncoder("clustering")
    with pytest.raises(NetgradError, match="unknown scaling"):
        TargetEncoder(scaling="log")
    with pytest.raises(NetgradError, match="call fit"):
        TargetEncoder().transform([1])
    with pytest.raises(FileError, match="not the description"):
        TargetEncoder.from_config({"task": "regression"})


def test_outputs_over_time_are_decoded_too():
    tags = TargetEncoder().fit(["a", "b", "b"])
    labels = np.array([[0, 1, 1], [1, 0, 0]])
    expected = [["a", "b", "b"], ["b", "a", "a"]]
    assert tags.decode(labels).tolist() == tags.decode(np.eye(2)[labels]).tolist() == expected
    amounts = TargetEncoder("regression", scaling="range").fit([0.0, 10.0])
    np.testing.assert_allclose(amounts.decode(np.full((2, 3, 1), 0.5)), np.full((2, 3), 5.0))


@pytest.mark.parametrize(
    ("target", "outputs", "message"),
    [
        (["a", "b"], [2], r"label 2 at \[0\]: expected whole numbers from 0 to 1"),
        (["a", "b"], [0.3], "label 0.3"),
        (["a", "b"], [[0.1, 0.2, 0.7]], r"\(1, 3\): expected \(N, 2\)"),
        ([0.5, 1.5], [[0.1, 0.2]], r"\(1, 2\): expected \(N, 1\)"),
    ],
)
def test_outputs_that_mean_nothing(target, outputs, message):
    with pytest.raises(NetgradError, match=message):
        TargetEncoder().fit(target).decode(outputs)


def test_the_logarithm_of_a_quantity_is_learned_and_undone():
    y = np.exp(np.linspace(0, 9, 100))
    encoder = TargetEncoder("regression", log_target=True).fit(y)
    assert np.ptp(np.diff(encoder.transform(y)[:, 0])) < 1e-5
    np.testing.assert_allclose(encoder.decode(encoder.transform(y)), y, rtol=1e-5)
    again = TargetEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    np.testing.assert_array_equal(again.decode(encoder.transform(y)), encoder.decode(encoder.transform(y)))
    with pytest.raises(DataError, match=r"column 'y' holds 0.0 in row 2 of 2, of which there is no logarithm"):
        encoder.transform([1.0, 0.0])


def test_predictions_stay_within_what_training_had():
    encoder = TargetEncoder("regression", within=True).fit([1.0, 5.0, 3.0])
    outputs = [[-100.0], [0.0], [100.0]]
    assert encoder.decode(outputs).tolist() == [1, 3, 5]
    assert encoder.decode(outputs, limited=False)[0] < -100
    logarithm = TargetEncoder("regression", within=True, log_target=True).fit([1.0, 5.0, 3.0])
    np.testing.assert_allclose(logarithm.decode([[-100.0], [100.0]]), [1, 5])


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=30))
def test_lifted_predictions_of_a_logarithm_are_right_on_average(off):
    truth = np.geomspace(1, 100, len(off))
    encoder = TargetEncoder("regression", log_target=True).fit(truth)
    target = encoder.transform(truth)
    outputs = target - np.array(off, np.float32)[:, None]
    lifted = encoder.lifted(outputs, target)
    assert np.mean(lifted.decode(outputs)) == pytest.approx(np.mean(truth), rel=1e-4)
    assert encoder.lift == []
    assert lifted.lifted(outputs, target).lift == lifted.lift
    np.testing.assert_allclose(lifted.decode(target, limited=False), truth, rtol=1e-4)  # the truth lacks nothing
    again = TargetEncoder.from_config(json.loads(json.dumps(lifted.to_config())))
    np.testing.assert_array_equal(again.decode(outputs), lifted.decode(outputs))
    first = encoder.lifted(outputs, target, weight=np.arange(len(off)) == 0)
    assert first.decode(outputs)[0] == pytest.approx(truth[0], rel=1e-4)


def test_without_a_logarithm_nothing_is_lifted():
    encoder = TargetEncoder("regression").fit([1.0, 2.0])
    assert encoder.lifted([[3.0]], [[5.0]]) is encoder


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_target": 3},
        {"within": "yes"},
        {"bounds": [[1.0]]},
        {"bounds": [["a"], [2.0]]},
        {"lift": 0.5},
        {"lift": ["a"]},
        {"lift": [1.0, 2.0]},
    ],
)
def test_bounds_and_logarithms_that_no_target_leads_to_are_refused(wrong):
    config = TargetEncoder("regression", within=True).fit([1.0, 5.0, 3.0]).to_config()
    with pytest.raises(FileError, match="no target has"):
        TargetEncoder.from_config(config | wrong)


def test_a_target_saved_before_there_were_bounds():
    config = TargetEncoder("regression").fit([1.0, 5.0, 3.0]).to_config()
    old = {name: value for name, value in config.items() if name not in ("log_target", "within", "bounds", "lift")}
    assert TargetEncoder.from_config(old).decode([[0.0]]).tolist() == [3.0]
