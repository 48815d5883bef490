"""ONNX import: our own files read back, and files that are not as they should be."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.exchange import from_onnx, to_onnx

from ..layers.cases import CASES
from .networks import model_of, wanted
from .test_onnx_out import REFUSED

# Cases that are written with operators for which there is no layer the other way round.
ONE_WAY = {
    "state_space": "Scan",
    "rnn": "Scan",  # with an activation that ONNX's own RNN does not have
    "norm_pool": "Abs",  # with a p that is not whole
    "gelu": "Erf",  # ONNX has it by name in a later set of operators than the one that is written
    "group_norm": "[A-Z][A-Za-z]+",
    "piecewise_linear": "[A-Z][A-Za-z]+",
    "ensemble": "Mean",
    "attention": "[A-Z][A-Za-z]+",
    "positions": "Range",
    "stack": "[A-Z][A-Za-z]+",  # with attention in it
    "local_response_norm": "Pow",  # of what is no image
    "grid": "[A-Z][A-Za-z]+",
    "grid_pool": "[A-Z][A-Za-z0-9]+",
    "grid_attention": "[A-Z][A-Za-z]+",
    "glimpse_read": "[A-Z][A-Za-z]+",
    "glimpse_write": "[A-Z][A-Za-z]+",
}


def is_one_way(case):
    f = getattr(case.layer, "activation", None)
    p = getattr(case.layer, "p", 2)
    name = case.layer.registered_name
    one_way = name in ("state_space", "gelu", "group_norm", "ensemble", "attention", "positions")
    one_way = one_way or name.startswith(("grid", "glimpse"))
    one_way = one_way or (name == "stack" and len(case.layer.block.inputs) > 1)
    one_way = one_way or (name == "piecewise_linear" and bool(case.layer.columns))
    one_way = one_way or (name == "local_response_norm" and len(case.in_shape) != 3)
    return one_way or p != int(p) or (name == "rnn" and isinstance(f, ng.PReLU | ng.Softmax))


@pytest.mark.parametrize("case", [c for c in CASES if c.layer.registered_name not in REFUSED], ids=str)
def test_round_trip(case, tmp_path):
    model, inputs, _ = model_of(case)
    path = to_onnx(model, tmp_path / "model.onnx")
    if is_one_way(case):
        with pytest.raises(ng.FileError, match=f"operator {ONE_WAY[case.layer.registered_name]} "):
            from_onnx(path)
        return
    again = from_onnx(path)
    assert again.shapes == model.shapes
    np.testing.assert_allclose(again.predict_proba(inputs), wanted(case), rtol=2e-5, atol=2e-6)
    ng.load(again.save(tmp_path / "model.safetensors"))


def test_own_classes_come_back(tmp_path):
    net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(3)])
    x = np.eye(3)
    model = ng.fit(net, x, ["a", "b", "c"], epochs=3)
    again = from_onnx(to_onnx(model, tmp_path / "model.onnx"))
    assert again.predict(x).tolist() == model.predict(x).tolist()
    assert type(again.objective.terms[0][1]) is ng.SoftmaxCrossEntropy
    assert [type(node.layer) for node in again.network.nodes] == [ng.Dense, ng.Dense]
    assert again.network.nodes[0].layer.activation == ng.Tanh()


def test_a_whole_image_network(tmp_path):
    layers = [ng.Conv(4, 3, activation="relu"), ng.BatchNorm(), ng.MaxPool(2), ng.Flatten(), ng.Dense(5, "relu")]
    x = np.random.default_rng(0).normal(size=(6, 8, 8, 2)).astype(np.float32)
    model = ng.fit(ng.Sequential([*layers, ng.Dense(3)]), x, [0, 1, 2, 0, 1, 2], epochs=2, batch_size=3)
    again = from_onnx(to_onnx(model, tmp_path / "model.onnx"))
    np.testing.assert_allclose(again.predict_proba(x), model.predict_proba(x), rtol=1e-5, atol=1e-6)
    kinds = [type(node.layer) for node in again.network.nodes]
    # What the dense layer behind the flattening sees keeps the file's order; nothing else is turned round.
    assert kinds == [ng.Conv, ng.BatchNorm, ng.MaxPool, ng.Flatten, ng.Dense, ng.Dense]
    ng.fit(again.network, x, [0, 1, 2, 0, 1, 2], epochs=1)


def test_lengths_and_any_number_of_steps(tmp_path):
    net = ng.Sequential([ng.Embedding(7, 3), ng.Bidirectional(ng.LSTM(4)), ng.GRU(3), ng.Dense(2)])
    x, lengths = np.arange(12).reshape(2, 6) % 7, np.array([6, 4])
    model = ng.untrained(net, x, np.zeros((2, 6), int))
    again = from_onnx(to_onnx(model, tmp_path / "model.onnx"))
    longer = np.arange(20).reshape(2, 10) % 7
    np.testing.assert_allclose(again.predict_proba(longer), model.predict_proba(longer), rtol=1e-5, atol=1e-6)
    recurrent = ng.Sequential([ng.Dense(3), ng.LSTM(4), ng.GRU(3, returns="last"), ng.Dense(2)])
    x = np.random.default_rng(0).normal(size=(2, 6, 3))
    model = ng.untrained(recurrent, x, [0, 1])
    again = from_onnx(to_onnx(model, tmp_path / "model.onnx", lengths=True))
    for own in (lengths, None):
        given, wanted = (m.predict_proba(x, own) for m in (again, model))
        np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-6)


# --- files from strangers


def proto_of(*nodes, inputs=(("x", ["N", 3]),), constants=(), opset=17, **fields):
    from onnx import TensorProto, helper, numpy_helper

    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants]
    graph = helper.make_graph(list(nodes), "g", infos, outs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], **fields)


def node(kind, *inputs, domain="", **settings):
    from onnx import helper

    return helper.make_node(kind, list(inputs), ["y"], name="it", domain=domain, **settings)


def refused(path, message):
    with pytest.raises(ng.FileError, match=message) as caught:
        from_onnx(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (lambda: proto_of(node("Erf", "x")), "operator Erf 'it' has no layer here"),
        (lambda: proto_of(node("LRN", "x", size=4)), "size=4, expected an odd number"),
        (lambda: proto_of(node("Relu", "x", domain="evil.org")), "operator evil.org.Relu 'it' has no layer here"),
        (lambda: proto_of(node("Relu", "gone")), "operator Relu 'it': its input 'gone' is computed nowhere before"),
        (lambda: proto_of(node("Relu", "x"), opset=3), "operator set 3 is too old"),
        (lambda: proto_of(node("Relu", "x"), inputs=[("x", ["N", 2**40])]), "an axis of length 1099511627776"),
        (lambda: proto_of(node("Relu", "x"), inputs=[("x", ["N", -4])]), "an axis of length -4"),
        (lambda: proto_of(node("Relu", "x"), inputs=[("x", ["N", "T", 2])]), r"shapes=\{'x': \(\.\.\., 2,\)\}"),
        (
            lambda: proto_of(node("MatMul", "x", "W"), constants=[("W", np.zeros((4, 2)))]),
            "for 4 units, its input has 3",
        ),
        (
            lambda: proto_of(node("MatMul", "x", "W"), constants=[("W", np.array(["a"]))]),
            "weights .W. are of type string, expected numbers",
        ),
        (
            lambda: proto_of(node("Reshape", "x", "s"), constants=[("s", np.array([0, 2**62, 2**62]))]),
            "mixes the examples",
        ),
        (
            lambda: proto_of(node("ConstantOfShape", "s"), constants=[("s", np.array([2**40, 2**20]))]),
            "constant of shape .* at most 10,000,000",
        ),
        (
            lambda: proto_of(node("Tile", "x", "r"), constants=[("r", np.array([1, 2**40]))]),
            "repeats of",
        ),
        (
            lambda: proto_of(node("MaxPool", "x", kernel_shape=[2**40]), inputs=[("x", ["N", 2, 8])]),
            "leaves 0 steps",
        ),
        (
            lambda: proto_of(node("MaxPool", "x", kernel_shape=[2], pads=[2**50, 1]), inputs=[("x", ["N", 2, 8])]),
            "padding",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_one_line(proto, message, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(proto().SerializeToString())
    refused(path, message)


def test_external_data_are_not_read(tmp_path):
    from onnx import TensorProto

    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 36)
    proto = proto_of(node("MatMul", "x", "W"), constants=[("W", np.zeros((3, 3), np.float32))])
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../" * 8 + str(secret))
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    refused(tmp_path / "model.onnx", "weights 'W' are kept in another file, which is not read")


def test_weights_that_are_not_there(tmp_path):
    proto = proto_of(node("MatMul", "x", "W"), constants=[("W", np.zeros((3, 3), np.float32))])
    proto.graph.initializer[0].dims[:] = [2**31, 2**31]
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    refused(tmp_path / "model.onnx", "weights 'W'")


def test_cut_off_and_altered_files(tmp_path):
    net = ng.Sequential([ng.Conv(2, 2), ng.Flatten(), ng.Dense(2)])
    x = np.zeros((2, 4, 1))
    data = to_onnx(ng.untrained(net, x, [0, 1]), tmp_path / "model.onnx").read_bytes()
    path, rng = tmp_path / "broken.onnx", np.random.default_rng(0)
    outcomes = set()
    for i in range(300):
        broken = bytearray(data[: rng.integers(len(data))] if i % 2 else data)
        if not i % 2:
            for place in rng.integers(len(data), size=3):
                broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        try:
            from_onnx(path)
            outcomes.add("read")
        except ng.FileError as error:
            outcomes.add("refused")
            if "\n" in str(error):
                raise AssertionError(f"not one line: {error}") from error
    assert outcomes == {"read", "refused"}  # a changed weight is no fault that a file without checksum shows
    refused(tmp_path / "none.onnx", "no file at")
    path.write_bytes(b"")
    refused(path, "cut off or is no ONNX file")
