"""ONNX's own node tests: passed or refused in one line, never wrong; and the table in docs/onnx.md says which."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

import netgrad as ng
from netgrad.exchange import from_onnx

from .node_tests import PAGE, page, results


@pytest.fixture(scope="module")
def found():
    return results()


def test_nothing_is_wrong(found):
    assert [r for r in found if r.outcome == "wrong"] == []
    assert all(r.reason and "\n" not in r.reason for r in found if r.outcome == "refused")


def test_the_operators_that_the_layers_are_made_of_pass(found):
    passed = Counter(r.operator for r in found if r.outcome == "passed")
    whole = ("Conv", "RNN", "LSTM", "GRU", "Elu", "LeakyRelu", "Relu", "Sigmoid", "Tanh", "Transpose", "Unsqueeze")
    tests = Counter(r.operator for r in found)
    assert {kind: passed[kind] for kind in whole} == {kind: tests[kind] for kind in whole}


def test_the_table_in_the_documentation_is_this_one(found):
    assert PAGE.read_text() == page(found), "make onnx-table writes it anew"


@pytest.mark.filterwarnings("ignore::netgrad.NetgradWarning")
def test_files_that_pytorch_wrote():
    """The onnx library carries some 80 of them, of one module each, with inputs and outputs."""
    outcomes = Counter()
    for folder in sorted(Path(onnx.__file__).parent.glob("backend/test/data/pytorch-converted/*")):
        inputs, (expected, *_) = (
            [
                onnx.numpy_helper.to_array(onnx.load_tensor(path))
                for path in sorted(folder.glob(f"test_data_set_0/{kind}_*.pb"))
            ]
            for kind in ("input", "output")
        )
        try:
            model = from_onnx(folder / "model.onnx")
        except ng.FileError:
            outcomes["refused"] += 1
            continue
        given = model.predict_proba(dict(zip(model.shapes, inputs, strict=True)))
        np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-5, err_msg=folder.name)
        outcomes["passed"] += 1
    assert outcomes["passed"] >= 69, outcomes
