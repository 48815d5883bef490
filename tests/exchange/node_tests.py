"""ONNX's own node tests for the operators that netgrad reads, and the table of them in docs/onnx.md.

Each test is a file of one operator with inputs and outputs. What the operator takes as weights, shapes or axes comes as
inputs there and is made constant here; the data stay inputs. `python -m tests.exchange.node_tests` (make onnx-table)
writes the table.
"""

import re
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

import netgrad as ng
from netgrad.exchange import from_onnx
from netgrad.exchange.reader import OPERATORS

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"
BEGIN, END = "<!-- node tests: written by make onnx-table -->\n", "<!-- end of node tests -->\n"

# Of no use on data: they compute shapes and other constants, and are tested as parts of whole files.
FOR_CONSTANTS = {"Constant", "ConstantOfShape", "Expand", "Shape"}
MERGES = {"Add", "Sub", "Mul", "Div", "Sum", "Concat"}
DATA = {"Gather": (1,), "RNN": (0, 4, 5, 6), "LSTM": (0, 4, 5, 6), "GRU": (0, 4, 5, 6)}  # else the first input


class Result(NamedTuple):
    """How one test went: "passed", "refused" or "wrong", and why."""

    operator: str
    test: str
    outcome: str
    reason: str = ""


def collected():
    """(operator, test) of all that netgrad reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = collect_testcases(None)
    found = []
    for test in tests:
        nodes = test.model.graph.node if test.model is not None else ()
        if len(nodes) == 1 and nodes[0].domain == "" and nodes[0].op_type in OPERATORS:
            found.append((nodes[0].op_type, test))
    return [(kind, test) for kind, test in found if kind not in FOR_CONSTANTS]


def bound(kind, test):
    """The test's file with all but the data as constants, its inputs (name -> array) and expected outputs."""
    inputs, outputs = (
        [onnx.numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v for v in values]
        for values in test.data_sets[0]
    )
    proto = onnx.ModelProto()
    proto.CopyFrom(test.model)
    graph = proto.graph
    node, infos = graph.node[0], list(graph.input)
    given = dict(zip([i.name for i in infos], inputs, strict=True))
    data = {}
    for i, name in enumerate(node.input):
        if name not in given:
            continue
        like_first = np.shape(given[name]) == np.shape(inputs[0]) or (kind == "Concat" and i > 0)
        if (kind in MERGES and like_first) or (kind not in MERGES and i in DATA.get(kind, (0,))):
            data[name] = given[name]
    del graph.input[:]
    graph.input.extend(i for i in infos if i.name in data)
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in given.items() if name not in data
    )
    names = [o.name for o in graph.output]
    if kind not in DATA and kind != "Split":  # by-products: indices of maxima, masks, statistics
        del graph.output[1:]
    return proto, data, dict(zip(names[: len(graph.output)], outputs, strict=False))


def outcome(kind, test, folder):
    """Run one test."""
    values = [*test.data_sets[0][0], *test.data_sets[0][1]]
    if not all(isinstance(v, np.ndarray | np.generic | onnx.TensorProto) for v in values):
        return Result(kind, test.name, "refused", "sequences and optional values")
    proto, data, expected = bound(kind, test)
    path = Path(folder) / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    warnings.simplefilter("ignore", ng.NetgradWarning)  # of rows that no window reaches
    try:
        model = from_onnx(path)
        lengths = {}
        for name in set(data) - set(model.shapes):
            if kind in ("RNN", "LSTM", "GRU") and name == proto.graph.node[0].input[4]:
                lengths = {proto.graph.node[0].input[0]: data[name]}
        ready = {name: examples_first(proto, name, data[name], model) for name in model.shapes}
        given = model.predict_proba(ready, lengths or None)
    except ng.NetgradError as error:
        return Result(
            kind, test.name, "refused", re.sub(r"^.* cannot be read as a network: (operator [^:]*: )?", "", str(error))
        )
    given = given if isinstance(given, dict) else {next(iter(expected)): given}
    moved = model.card.get("examples_axis", {})
    for name, value in expected.items():
        want = np.moveaxis(np.asarray(value, np.float64), moved.get(name, 0), 0)
        same = want.shape == given[name].shape and np.allclose(given[name], want, test.rtol, 1e-5, equal_nan=True)
        if not same:
            return Result(kind, test.name, "wrong", f"{name}: {given[name].shape} for {want.shape}")
    return Result(kind, test.name, "passed")


def examples_first(proto, name, value, model):
    """An input as the model takes it."""
    value = np.asarray(value)
    value = value.astype(np.float32) if value.dtype.kind == "f" else value
    return value if value.shape[1:] == model.shapes[name] else np.moveaxis(value, 1, 0).reshape(-1, *model.shapes[name])


def results():
    """All tests, in order."""
    with tempfile.TemporaryDirectory() as folder:
        return [outcome(kind, test, folder) for kind, test in collected()]


def table(found):
    """The results by operator as a Markdown table."""
    lines = ["| operator | tests | passed | refused, and why |", "|---|---|---|---|"]
    for kind in sorted({r.operator for r in found}):
        own = [r for r in found if r.operator == kind]
        passed = sum(r.outcome == "passed" for r in own)
        given = (r.reason for r in own if r.outcome == "refused")
        reasons = (re.sub(r"^input '\w+' is of type \w+, ", "other types: ", reason) for reason in given)
        why = Counter(reasons)
        listed = "; ".join(f"{n} × {reason}" for reason, n in why.most_common(3))
        more = sum(n for _, n in why.most_common()[3:])
        refused = sum(why.values())
        cell = f"{refused}: {listed}{f'; {more} × others' if more else ''}" if refused else ""
        lines.append(f"| {kind} | {len(own)} | {passed} | {cell.replace('|', '')} |")
    counts = Counter(r.outcome for r in found)
    lines.append(f"| **all** | {len(found)} | {counts['passed']} | {counts['refused']} |")
    return "\n".join(lines) + "\n"


def page(found):
    """docs/onnx.md with the table of these results."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{table(found)}{END}{after}"


if __name__ == "__main__":
    measured = results()
    for wrong in (r for r in measured if r.outcome == "wrong"):
        print(wrong)
    PAGE.write_text(page(measured))
    print(table(measured).splitlines()[-1])
