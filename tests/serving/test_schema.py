"""The schema: requests of every kind of model, each checked before anything is computed."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netgrad as ng
from netgrad.data import TargetEncoder
from netgrad.serving import Limits, Schema

KINDS = ["table_model", "vector_model", "image_model", "label_model", "tag_model", "text_model", "pair_model"]


def answer(model, request, proba=False, **limits):
    schema = Schema(model, **limits)
    read = schema.parse_json(json.dumps(request).encode())
    return schema.answer(*model.run_batch(read.batch, link=True), proba)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_in_the_schema_is_taken(kind, request):
    model = request.getfixturevalue(kind)
    about = Schema(model).describe()
    assert len(answer(model, about["example"])["predictions"]) in (1, 2)  # an instance, or two outputs
    json.dumps(about, allow_nan=False)


def test_predictions_are_the_models_own(table_model, vector_model, image_model):
    records = [{"size": 40, "colour": "red"}, {"colour": "blue", "size": 190.5, "more": None}]
    got = answer(table_model, {"instances": records}, proba=True)
    assert got["predictions"] == ["small", "big"]
    assert got["classes"] == ["big", "small"]
    assert np.allclose(np.sum(got["probabilities"], axis=1), 1)
    x = np.random.default_rng(1).normal(size=(3, 3))
    got = answer(vector_model, {"instances": x.tolist()})
    assert got == {"predictions": vector_model.predict(x).tolist()}
    x = np.random.default_rng(1).normal(size=(2, 4, 5, 1))
    got = answer(image_model, {"instances": x.tolist()}, proba=True)
    assert got["predictions"] == image_model.predict(x).tolist()
    assert np.allclose(got["probabilities"], image_model.predict_proba(x))


def test_sequences_of_any_length_with_and_without_padding(label_model, tag_model, text_model):
    x = np.random.default_rng(1).normal(size=(2, 30, 2))
    ragged = answer(label_model, {"instances": [x[0].tolist(), x[1, :7].tolist()]}, proba=True)
    padded = answer(label_model, {"instances": x.tolist(), "lengths": [30, 7]}, proba=True)
    assert ragged == padded
    assert np.allclose(ragged["probabilities"], label_model.predict_proba(x, lengths=[30, 7]), atol=1e-6)
    tags = answer(tag_model, {"instances": [[{"rain": 1.0}], [{"rain": -1}, {"rain": 2}, {"rain": 0.5}]]})
    assert [len(row) for row in tags["predictions"]] == [1, 3]
    text = answer(text_model, {"instances": ["a", "abc abc"]})["predictions"]
    assert [len(t) for t in text] == [1, 7]
    assert set("".join(text)) <= set("abc ")


def test_csv(table_model, vector_model, tag_model, label_model):
    schema = Schema(table_model)
    read = schema.parse_csv(b"colour,size\nblue,190\nmauve,40\n")
    assert read.batch.size == 2
    assert "'mauve'" in read.warnings[0]
    assert "\n" not in read.warnings[0]
    by_json = schema.parse_json(b'{"instances": [{"size": 190, "colour": "blue"}, {"size": 40, "colour": "mauve"}]}')
    np.testing.assert_array_equal(read.batch.x["x"], by_json.batch.x["x"])
    assert Schema(vector_model).parse_csv(b"a,b,c\n1,2,3\n").batch.x["x"].tolist() == [[1, 2, 3]]
    read = Schema(tag_model).parse_csv(b"id,day,rain\nq,2,0.5\nq,1,0.25\nr,1,1\n")
    assert read.batch.lengths["x"].tolist() == [2, 1]
    with pytest.raises(ng.DataError, match="send JSON"):
        Schema(label_model).parse_csv(b"a,b\n1,2\n")


def test_a_record_and_a_line_of_csv_are_the_same_features(table_model):
    schema = Schema(table_model)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.sampled_from(["red", "blue", "mauve"])), min_size=1))
    def agree(rows):
        numbers = [n / 8 if n % 2 else n for n, _ in rows]
        records = [{"size": number, "colour": colour} for number, (_, colour) in zip(numbers, rows, strict=True)]
        lines = "".join(f"{record['size']!r},{record['colour']}\n" for record in records)
        by_json = schema.parse_json(json.dumps({"instances": records}).encode())
        by_csv = schema.parse_csv(f"size,colour\n{lines}".encode())
        np.testing.assert_array_equal(by_json.batch.x["x"], by_csv.batch.x["x"])
        assert by_json.warnings == by_csv.warnings

    agree()


def test_several_inputs_and_outputs(pair_model):
    got = answer(pair_model, {"instances": [{"left": [1, 0, 0, 0], "right": [0, 0, 0, 1]}]}, proba=True)
    assert set(got["predictions"]) == {"fault", "severity"}
    assert set(got["probabilities"]) == {"fault"} or got["probabilities"]["fault"]


BAD = {
    "table_model": [
        (b"", "no JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"instances": [NaN]}', "NaN"),
        (b'{"instances": [' + b"9" * 5000 + b"]}", "thousands of digits"),
        (b"[1, 2]", "expected {"),
        (b'{"instances": []}', "at least one"),
        (b'{"instances": [{"size": 1, "colour": "\\ud800"}]}', "half a symbol"),
        (b'{"instances": {"size": 1}}', "must be a list"),
        (b'{"instances": [1]}', "is a number: expected a record"),
        (b'{"instances": [{"size": 1}]}', "has no 'colour'"),
        (b'{"instances": [{"size": [1], "colour": "red"}]}', "has a list for 'size'"),
        (b'{"instances": [{"size": "big", "colour": "red"}]}', "'big' in row 1 of 1"),
        (
            b'{"instances": [{"size": "big", "colour": "red"}]}',
            "column 'size' holds 'big' in row 1 of 1: expected a number",
        ),
        (b'{"instances": [{"size": 1e999, "colour": "red"}]}', "number"),
        (b'{"instances": [{"size": 1' + b"0" * 400 + b', "colour": "red"}]}', "number"),
        (b'{"instances": [{"size": 1, "colour": "red"}], "lengths": [1]}', "leave them out"),
        (b'{"instances": [{"size": 1, "colour": "red"}], "size": 1}', "unknown field 'size'"),
        (b'{"instances": [' + b'{"size": 1, "colour": "red"},' * 50 + b'{"size": 1, "colour": "red"}]}', "51 examples"),
    ],
    "vector_model": [
        (b'{"instances": [[1, 2]]}', r"instances\[0\] has the shape \(2\): expected \(3\)"),
        (b'{"instances": [[1, 2, 3], [1, 2]]}', r"instances\[1\] has the shape \(2\)"),
        (b'{"instances": [[1, 2, "3"]]}', r"instances\[0\]\[2\] is a text"),
        (b'{"instances": [[1, 2, true]]}', "a truth value"),
        (b'{"instances": [[1, 2, null]]}', "is null"),
        (b'{"instances": [[1, 2, {}]]}', "is an object"),
        (b'{"instances": [[1, 2, 1e300]]}', "too large"),
        (b'{"instances": [[1, 2, 1' + b"0" * 400 + b"]]}", "too large"),
        (b'{"instances": ["abc"]}', "a single number: expected"),
    ],
    "image_model": [(b'{"instances": [[[[1]], [[1], [2]]]]}', "differing length|has the shape")],
    "label_model": [
        (b'{"instances": [[]]}', "0 time-steps"),
        (b'{"instances": [[[1, 2], [1]]]}', r"instances\[0\]\[1\] has the shape \(1\)"),
        (b'{"instances": [' + json.dumps([[0, 0]] * 41).encode() + b"]}", "41 time-steps: expected 1 to 40"),
        (b'{"instances": [[[1, 2]]], "lengths": [2]}', "from 1 to 1"),
        (b'{"instances": [[[1, 2]]], "lengths": [1, 1]}', "lengths has shape"),
        (b'{"instances": [[[1, 2]]], "lengths": "1"}', "lengths is a text"),
        (b'{"instances": [5], "lengths": [1]}', "must be a sequence"),
    ],
    "text_model": [
        (b'{"instances": ["abd"]}', "'d' at position 2"),
        (b'{"instances": [""]}', "0 time-steps"),
        (b'{"instances": [["a"]]}', "is a list: expected a text"),
    ],
    "tag_model": [
        (b'{"instances": [{"rain": 1}]}', "expected a sequence"),
        (b'{"instances": [[{"rain": 1}, {"sun": 1}]]}', "time-step 1 of all has no 'rain'"),
    ],
    "pair_model": [(b'{"instances": [{"left": [1, 0, 0, 0]}]}', "must be an object with the inputs left, right")],
}


def test_a_missing_value_is_filled_and_said(table_model):
    read = Schema(table_model).parse_json(b'{"instances": [{"size": null, "colour": "red"}]}')
    assert "column 'size' has 1 missing value in 1 rows" in read.warnings[0]
    assert np.isfinite(read.batch.x["x"]).all()


@pytest.mark.parametrize(("kind", "body", "message"), [(k, *case) for k, cases in BAD.items() for case in cases])
def test_what_does_not_fit_is_refused_in_one_line(kind, body, message, request):
    schema = Schema(request.getfixturevalue(kind), rows=50)
    with pytest.raises(ng.NetgradError, match=message) as caught:
        schema.parse_json(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("table_model", b"", "is empty"),
        ("table_model", b"size\n1\n", "no column 'colour'"),
        ("table_model", b"size,colour\n1,red\n1,red,3,4\n", r"row 2 \(line 3\) has 4 fields"),
        ("table_model", b"\x00\x01\x02", "cannot be read|rows|column"),
        ("vector_model", b"a,b,c\n1,2,x\n", "expected numbers"),
        ("vector_model", b"a,b\n1,2\n", "expected"),
        ("tag_model", b"day,rain\n1,2\n", "no column 'id'"),
        ("tag_model", b"id,day,rain\n,1,2\n", "missing value"),
        ("tag_model", b"id,day,rain\n" + b"".join(b"q,%d,1\n" % i for i in range(50)), "has 50 time-steps"),
        ("tag_model", b"id,day,rain\n" + b"".join(b"%d,1,1\n" % i for i in range(51)), "51 examples"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_one_line(kind, body, message, request):
    with pytest.raises(ng.NetgradError, match=message) as caught:
        Schema(request.getfixturevalue(kind), rows=50).parse_csv(body)
    assert "\n" not in str(caught.value)


def test_ragged_sequences_cannot_be_padded_to_gigabytes():
    x = np.zeros((2, 1000, 200), np.float32)
    model = ng.untrained(ng.Sequential([ng.RNN(2, returns="last"), ng.Dense(1)]), x, [0.0, 1.0])
    row = [0.0] * 200
    request = {"instances": [[row] * 1000] + [[row]] * 100}
    with pytest.raises(ng.DataError, match="are too many"):
        Schema(model).parse_json(json.dumps(request).encode())


def test_outputs_that_are_not_finite_are_no_answer(vector_model, table_model):
    for wrong in (np.inf, np.nan):
        with pytest.raises(ng.DataError, match="not finite"):
            Schema(vector_model).answer({"dense_1": np.array([[wrong]])}, {}, False)
    with pytest.raises(ng.DataError, match="not finite"):  # of classes, too
        Schema(table_model).answer({"dense_2": np.array([[np.nan, 0.5]])}, {}, False)
    wide = dataclasses.replace(vector_model, target_encoder=TargetEncoder().fit(pd.Series([-1e149, 1e149])))
    wide.target_encoder.factor = [1e-300]
    with pytest.raises(ng.DataError, match="not finite"):  # finite until it is put in the target's own units
        Schema(wide).answer({"dense_1": np.array([[1e30]])}, {}, False)


def test_probabilities_of_a_quantity_are_refused(vector_model):
    with pytest.raises(ng.NetgradError, match="predicts quantities"):
        answer(vector_model, {"instances": [[1, 2, 3]]}, proba=True)


def test_limits_are_above_zero():
    with pytest.raises(ng.NetgradError, match="rows must be above 0"):
        Limits(rows=0)
