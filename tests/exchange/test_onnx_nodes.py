"""ONNX's own node tests: passed or refused in one line, never wrong; and the table in docs/onnx.md says which."""

from collections import Counter

import pytest

from .node_tests import page, results


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
    from .node_tests import PAGE

    assert PAGE.read_text() == page(found), "make onnx-table writes it anew"
