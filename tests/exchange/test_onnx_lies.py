"""ONNX files that lie: about sizes, places, names, shapes. Each is refused in one line, in little time and memory."""

import tracemalloc

import numpy as np
import pytest
from onnx import TensorProto, helper

import netgrad as ng
from netgrad.exchange import from_onnx

from .test_onnx_in import node, proto_of, refused


def written(proto, folder):
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def with_weights(**changes):
    """A product with weights (3, 3) of which some fields are others."""
    proto = proto_of(node("MatMul", "x", "W"), constants=[("W", np.zeros((3, 3), np.float32))])
    tensor = proto.graph.initializer[0]
    for name, value in changes.items():
        if name == "dims":
            tensor.dims[:] = value
        elif name == "values":
            tensor.ClearField("raw_data")
            tensor.float_data[:] = value
        elif name == "external":
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, text in value.items():
                tensor.external_data.add(key=key, value=text)
        else:
            setattr(tensor, name, value)
    return proto


OTHER_FILE = "weights 'W' are kept in another file, which is not read"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dims": [3, 4]}, r"the file holds 9 numbers for weights 'W' of shape \(3, 4\)"),
        ({"dims": [2**31, 2**31]}, r"holds 9 numbers for weights 'W' of shape \(2147483648, 2147483648\)"),
        ({"dims": [2**62] * 64}, "the file holds 9 numbers for"),
        ({"dims": [1] * 65}, "have the shape"),
        ({"dims": [2**62] * 10**5}, "have the shape"),
        ({"dims": [-3, -3]}, r"have the shape \(-3, -3\)"),
        ({"dims": [0, 2**62]}, "the file holds 9 numbers for"),
        ({"raw_data": b""}, "the file holds 0 numbers for"),
        ({"raw_data": b"\0" * 35}, "the file holds 8.75 numbers for"),
        ({"values": [0.0] * 8}, "the file holds 8 numbers for"),
        ({"dims": [0, 2**62], "values": []}, "weights 'W'|its weights are for 0 units"),
        ({"data_type": TensorProto.DOUBLE}, "the file holds 4.5 numbers for"),
        ({"data_type": TensorProto.FLOAT8E4M3FN}, "are of type float8e4m3fn, expected numbers of 8 to 64 bits"),
        ({"data_type": TensorProto.UINT4}, "are of type uint4"),
        ({"data_type": TensorProto.COMPLEX64}, "are of type complex64"),
        ({"data_type": TensorProto.STRING}, "are of type string"),
        ({"data_type": TensorProto.UNDEFINED}, "are of type undefined"),
        ({"data_type": 10**6}, "are of type 1000000"),
        ({"external": {"location": "../../etc/passwd"}}, OTHER_FILE),
        ({"external": {"location": "/dev/zero", "length": str(2**60)}}, OTHER_FILE),
        ({"external": {"location": "link", "offset": "-1"}}, OTHER_FILE),
        ({"external": {}}, OTHER_FILE),
    ],
)
def test_weights_that_are_not_what_they_claim(changes, message, tmp_path):
    (tmp_path / "link").symlink_to("/dev/zero")
    refused(written(with_weights(**changes), tmp_path), message)


def relu(x, y):
    return helper.make_node("Relu", [x], [y], name=f"from {x}")


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (lambda: proto_of(relu("u", "v"), relu("v", "u"), relu("u", "y")), "its input 'u' is computed nowhere before"),
        (lambda: proto_of(relu("y", "y")), "its input 'y' is computed nowhere before"),
        (lambda: proto_of(relu("x", "y"), relu("x", "y")), "operator Relu 'from x': the name 'y' is given twice"),
        (lambda: proto_of(relu("x", "x"), relu("x", "y")), "the name 'x' is given twice"),
        (
            lambda: proto_of(node("MatMul", "x", "W"), constants=[("W", np.eye(3)), ("W", np.ones((3, 3)))]),
            "the name 'W' is given twice",
        ),
        (lambda: proto_of(relu("x", "y"), inputs=[("x", ["N", 3]), ("x", ["N", 4])]), "the name 'x' is given twice"),
        (lambda: proto_of(relu("x", "W"), constants=[("W", np.eye(3))]), "the name 'W' is given twice"),
        (lambda: proto_of(relu("x", "y"), inputs=[("x", ["N", *[2] * 10**5])]), "expected 1 to 64"),
        (lambda: proto_of(relu("x", "y"), inputs=[("x", [])]), "input 'x' has 0 axes"),
        (lambda: proto_of(*(relu("x", f"v{i}") for i in range(50_001))), "50,001 operators, expected at most 50,000"),
    ],
)
def test_graphs_that_go_in_circles_or_use_a_name_twice(proto, message, tmp_path):
    refused(written(proto(), tmp_path), message)


def test_an_output_named_twice(tmp_path):
    proto = proto_of(relu("x", "y"))
    proto.graph.output.append(proto.graph.output[0])
    refused(written(proto, tmp_path), "an output is named twice: y, y")


def test_graphs_inside_graphs(tmp_path):
    """Protobuf itself refuses what is nested deeply; what is nested at all is of no operator that is read."""
    inner = proto_of(relu("x", "y")).graph
    proto = proto_of(helper.make_node("Relu", ["x"], ["y"], name="it", body=inner))
    refused(written(proto, tmp_path), "operator Relu 'it': attribute 'body' is not supported")
    for _ in range(200):
        outer = proto_of(helper.make_node("If", ["x"], ["y"], name="it")).graph
        attribute = outer.node[0].attribute.add(name="then_branch", type=5)
        attribute.g.CopyFrom(inner)
        inner = outer
        try:
            proto.graph.CopyFrom(inner)
            data = proto.SerializeToString()
        except Exception:  # as deep as protobuf writes
            break
    (tmp_path / "model.onnx").write_bytes(data)
    refused(tmp_path / "model.onnx", "operator If 'it' has no layer here|cut off or is no ONNX file")


def grown(*names, kind, count=100, **settings):
    """One operator again and again, each on what the one before gave."""
    return [
        helper.make_node(kind, [f"{n}{i}" if n == "c" else n for n in names], [f"c{i + 1}"], **settings)
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (
            lambda: proto_of(
                *grown("c", "c", kind="Concat", axis=0), relu("x", "y"), constants=[("c0", np.zeros(8, np.float32))]
            ),
            "operator Concat .* at most 10,000,000 numbers",
        ),
        (
            lambda: proto_of(
                node("Gather", "D", "i"), constants=[("D", np.zeros((1, 10**5))), ("i", np.zeros(10**5, int))]
            ),
            "operator Gather .* at most 10,000,000 numbers",
        ),
        (
            lambda: proto_of(node("Add", "a", "b"), constants=[("a", np.zeros((10**5, 1))), ("b", np.zeros(10**5))]),
            "operator Add .* at most 10,000,000 numbers",
        ),
        (
            lambda: proto_of(
                *(helper.make_node("ConstantOfShape", ["s"], [f"c{i}"]) for i in range(100)),
                relu("x", "y"),
                constants=[("s", np.array([10**7]))],
            ),
            "become more than 50,000,000 numbers beyond those it holds",
        ),
        (
            lambda: proto_of(
                *(helper.make_node("MatMul", ["x", "W"], [f"v{i}"]) for i in range(1000)),
                helper.make_node("Sum", [f"v{i}" for i in range(1000)], ["y"]),
                inputs=[("x", ["N", 300])],
                constants=[("W", np.zeros((300, 300), np.float32))],
            ),
            "operator MatMul .* become more than 50,000,000 numbers beyond those it holds",
        ),
        (
            lambda: proto_of(
                node("Gather", "x", "i", axis=1), inputs=[("x", ["N", 2**30])], constants=[("i", np.array(1))]
            ),
            "operator Gather .* at most 10,000,000 numbers",
        ),
        (
            lambda: proto_of(
                node("ConvTranspose", "x", "W", output_padding=[2**28]),
                inputs=[("x", ["N", 1, 3])],
                constants=[("W", np.zeros((1, 1, 2), np.float32))],
            ),
            "operator ConvTranspose .* at most 10,000,000 numbers",
        ),
        (
            lambda: proto_of(
                helper.make_node("Unsqueeze", ["x", "a"], ["u"]),
                node("Tile", "u", "r"),
                constants=[("a", np.array([1])), ("r", np.array([1, 2**40, 1]))],
            ),
            "one example of it would take arrays of more than 268,435,456 numbers",
        ),
        (
            lambda: proto_of(node("Unsqueeze", "x", "a"), constants=[("a", np.arange(2, 10**5))]),
            "operator Unsqueeze .* axes, expected at most 64",
        ),
        (
            lambda: proto_of(node("Reshape", "x", "s"), constants=[("s", np.full(10**5, 2**62))]),
            "operator Reshape 'it': input 1 has 100000 numbers of type int64, expected a shape",
        ),
    ],
)
def test_small_files_that_would_become_large(proto, message, tmp_path):
    path = written(proto(), tmp_path)
    from_onnx(written(proto_of(relu("x", "y")), tmp_path / ".."))  # what is loaded on first use does not count
    tracemalloc.start()
    refused(path, message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250 * 2**20  # 50 million float32, and some


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        # the axis of examples would become a number that stands for it
        (
            [("Shape", ["x"], "s", {}), ("Cast", ["s"], "f", {"to": 1}), ("Mul", ["x", "f"], "y", {})],
            "number of examples",
        ),
        ([("Shape", ["x"], "s", {}), ("Slice", ["x", "o", "s", "o"], "y", {})], "number of examples"),
        ([("Shape", ["x"], "s", {}), ("Clip", ["x", "", "s"], "y", {})], "number of examples|one number"),
    ],
)
def test_the_number_of_examples_is_no_number(nodes, message, tmp_path):
    made = [helper.make_node(kind, inputs, [out], **settings) for kind, inputs, out, settings in nodes]
    proto = proto_of(*made, constants=[("o", np.array([1]))])
    refused(written(proto, tmp_path), message)


@pytest.mark.parametrize("kind", ["Squeeze", "Add", "Sub", "Mul", "Div", "Concat", "Gather", "Reshape", "Cast"])
def test_constants_stay_arrays(kind, tmp_path):
    """NumPy makes numbers of arrays without axes; the operator that comes next is to find an array again."""
    settings = {"Concat": {"axis": 0}, "Cast": {"to": TensorProto.INT64}}.get(kind, {})
    second = {"Squeeze": "zero", "Gather": "none", "Reshape": "empty"}.get(kind, "one")
    inputs = ["one"] if kind == "Cast" else ["one", second]
    if kind not in ("Squeeze", "Gather", "Concat"):
        inputs[0] = "none"
    made = [
        helper.make_node(kind, inputs, ["c"], **settings),
        helper.make_node("Unsqueeze", ["c", "zero"], ["u"])
        if kind != "Concat"
        else helper.make_node("Identity", ["c"], ["u"]),
        helper.make_node("Identity", ["u"], ["v"]),
        helper.make_node("Squeeze", ["v"], ["w"]),
        helper.make_node("Unsqueeze", ["x", "zero"], ["y"]),
    ]
    constants = [("one", np.array([1])), ("none", np.array(0)), ("zero", np.array([0])), ("empty", np.zeros(0, int))]
    model = from_onnx(written(proto_of(*made, constants=constants), tmp_path))
    assert model.predict_proba(np.ones((2, 3))).shape == (2, 1, 3)


def test_whatever_a_rule_raises_names_the_operator(tmp_path, monkeypatch):
    from netgrad.exchange.reader import OPERATORS

    class OddError(Exception):
        pass

    for error in (
        OddError("several\nlines"),
        MemoryError(),
        RecursionError("deep"),
        AssertionError(),
        KeyError("gone"),
    ):

        def rule(op, error=error):
            raise error

        monkeypatch.setitem(OPERATORS, "Relu", rule)
        path = written(proto_of(node("Relu", "x")), tmp_path)
        refused(
            path,
            "cannot be read as a network: operator Relu 'it': (OddError: several lines|out of memory|Rec|Ass|KeyErr)",
        )
    monkeypatch.setitem(OPERATORS, "Relu", lambda op: np.array(["a"]))
    refused(written(proto_of(node("Relu", "x")), tmp_path), "operator Relu 'it': 'y' is constant and of type <U1")
    long = helper.make_node("Relu", ["x"], ["y"], name="n" * 10**6)
    with pytest.raises(ng.FileError) as caught:
        from_onnx(written(proto_of(long), tmp_path))
    assert len(str(caught.value)) < 1000


def test_files_that_are_none(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "no file at")
    (tmp_path / "device").symlink_to("/dev/zero")
    refused(tmp_path / "device", "no file at")
    refused(tmp_path, "no file at")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**31 + 1)  # takes no room on the disk
    refused(tmp_path / "large", "is larger than 2,147,483,648 bytes")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: node("Relu", "x", pads=[1, 1]), "operator Relu 'it': Unrecognized attribute: pads"),
        (lambda: node("Softmax", "x", axis=0.5), "operator Softmax 'it': Mismatched attribute type in 'it"),
        (lambda: node("Concat", "x"), "operator Concat 'it': Required attribute 'axis' is missing"),
        (lambda: node("Relu", "x", "x"), "operator Relu 'it': .*has input size 2 not in range"),
        (lambda: node("Softmax", "x", axis=5), "operator Softmax 'it': there is no axis 5 among 2"),
        (lambda: node("Concat", "x", "x", axis=-7), "operator Concat 'it': there is no axis -7 among 2"),
        (lambda: node("LayerNormalization", "x", "x", axis=2), "there is no axis 2 among 2"),
        (lambda: node("Flatten", "x", axis=4), "only the axes behind that of the examples are flattened"),
        (lambda: node("ReduceMean", "x", axes=[3]), "there is no axis 3 among 2"),
        (lambda: node("Gather", "x", "i", axis=2), "there is no axis 2 among 2"),
        (lambda: node("Squeeze", "x", "two"), "there is no axis 2 among 2"),
        (lambda: node("Split", "x", axis=2), "there is no axis 2 among 2"),
    ],
)
def test_operators_that_are_not_as_onnx_defines_them(made, message, tmp_path):
    """onnxruntime refuses them, too: what they would compute is anybody's guess."""
    proto = proto_of(made(), constants=[("i", np.array(0)), ("two", np.array([2]))])
    refused(written(proto, tmp_path), message)
