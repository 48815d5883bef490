"""Models out to ONNX: `to_onnx` writes the file, the rules beside this module say how each layer is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netgrad
from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange import out_attention, out_glimpse, out_grid, out_recurrent  # noqa: F401 - register their rules
from netgrad.exchange.onnx_library import onnx
from netgrad.exchange.out_basic import FLOAT, activated
from netgrad.exchange.out_network import write_nodes
from netgrad.exchange.rules import FIXED_STEPS, rule_for
from netgrad.exchange.writer import OPSET, Writer, needed, read_by
from netgrad.layers.wrapper import bare
from netgrad.losses import BinaryCrossEntropy, Loss, Perceptron, Poisson, SoftmaxCrossEntropy
from netgrad.network import every_layer
from netgrad.training.model import Model
from netgrad.types import Shape
from netgrad.writing import write_file


def to_onnx(
    model: Model, path: str | Path, *, probabilities: bool = True, lengths: bool | Sequence[str] = False
) -> Path:
    """Write the model as an ONNX file that gives what `Model.predict_proba` gives, for any number of examples.

    Args:
        model: a trained model. A table's columns are encoded before they reach its network, and that stays outside:
            feed the file with ``model.encode_inputs(table)``.
        path: of the file.
        probabilities: apply the loss's link function (softmax, logistic, exp), as `predict_proba` does; False writes
            the raw outputs, as `Model.outputs` gives them.
        lengths: give the file one more input for every sequence (T, d) or (T,) of symbols that enters the network,
            named as that with "_lengths", (N,) int32: the number of its valid steps. Names: for these inputs alone.
            Without, all steps are valid.

    Inputs and outputs keep netgrad's names and shapes, examples first and channels last, as float32; inputs that only
    embeddings read are int64. The time axis is of any length where no layer depends on it. Returns the path. Raises
    `NetgradError` that names the layer for one that ONNX cannot express, `FileError` where the path cannot be written.

    >>> import netgrad as ng, numpy as np, tempfile
    >>> from netgrad.exchange import from_onnx, to_onnx
    >>> net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(3)])
    >>> model = ng.fit(net, np.eye(3), [0, 1, 2], epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = from_onnx(to_onnx(model, f"{folder}/model.onnx"))
    >>> bool(np.allclose(again.predict_proba(np.eye(3)), model.predict_proba(np.eye(3)), atol=1e-6))
    True
    """
    return write_file(path, graph_of(model, probabilities, lengths).SerializeToString(deterministic=True))


def graph_of(model: Model, probabilities: bool = True, lengths: bool | Sequence[str] = False) -> Any:
    """The model as an `onnx.ModelProto`; arguments as for `to_onnx`."""
    helper = onnx().helper
    network = model.network
    for each in network.nodes:
        rule_for(each.layer, each.name)
    w = Writer()
    longer = if_longer(model)
    apart = looks_elsewhere(model)
    ins = [
        value_info(name, type_of(model, name), model.shapes[name], longer.get(name), f"T_{name}" if apart else "T")
        for name in network.inputs
    ]
    lengths_at: dict[str, str | None] = dict.fromkeys(network.inputs)
    for name in timed(model, lengths):
        lengths_at[name] = f"{name}_lengths"
        ins.append(value_info(f"{name}_lengths", onnx().TensorProto.INT32, (), None, "T"))
    shapes = network.shapes(model.shapes)
    values = {name: name for name in network.inputs}
    write_nodes(w, network, model.params, model.state, shapes, values, lengths_at)
    losses: dict[str, Loss] = {name: loss for name, loss, _ in model.objective.terms} if probabilities else {}
    outs = []
    for name, node in network.outputs:
        w.scope = f"output {name}"
        a = linked(w, losses.get(name), values[node], len(shapes[node]) + 1)
        w.op("Identity", a, outputs=[name])
        outs.append(value_info(name, FLOAT, shapes[node], longer.get(node), None if apart else "T"))
    nodes = needed(w.nodes, network.output_names)
    used = set().union(*map(read_by, nodes))
    constants = [onnx().numpy_helper.from_array(v, k) for k, v in w.constants.items() if k in used]
    graph = helper.make_graph(nodes, "netgrad", ins, outs, constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    proto.producer_name, proto.producer_version = "netgrad", netgrad.__version__
    proto.doc_string = str(model.card.get("what", ""))
    helper.set_model_props(proto, {"netgrad": json.dumps(notes(model), sort_keys=True)})
    return proto


def linked(w: Writer, loss: Loss | None, z: str, rank: int) -> str:
    """What the output means, as `Loss.link` has it."""
    match loss:
        case SoftmaxCrossEntropy():
            return activated(w, ng.Softmax(), z, {}, rank)
        case BinaryCrossEntropy():
            return activated(w, ng.Logistic(), z, {}, rank)
        case Perceptron():
            return activated(w, ng.Threshold(), z, {}, rank)
        case Poisson():
            return w.op("Exp", z)
        case Loss(logits=True):
            raise NetgradError(
                f"the link function of the loss {type(loss).__name__} cannot be written as ONNX: export with "
                "probabilities=False"
            )
    return z


def type_of(model: Model, name: str) -> int:
    """Of an input: whole numbers where embeddings alone read it."""
    readers = [node.layer for node in model.network.nodes if name in node.inputs]
    return onnx().TensorProto.INT64 if all(isinstance(layer, ng.Embedding) for layer in readers) else FLOAT


def timed(model: Model, lengths: bool | Sequence[str]) -> list[str]:
    """The inputs that are to have lengths."""
    if not isinstance(lengths, bool):
        for name in lengths:
            if not model.shapes.get(name):
                known = ", ".join(name for name, shape in model.shapes.items() if shape)
                raise NetgradError(f"no input {name!r} with a time axis: this model's inputs are {known}")
        return list(lengths)
    found = [name for name in model.network.inputs if lengths and has_steps(model, name)]
    if lengths and not found:
        raise NetgradError("lengths are for sequences: no input of this model has a time axis")
    return found


def has_steps(model: Model, name: str) -> bool:
    """Whether an input is a sequence: (T, d), or symbols (T,)."""
    return len(model.shapes[name]) == (1 if type_of(model, name) != FLOAT else 2)


def if_longer(model: Model) -> dict[str, Shape]:
    """All shapes for sequences one step longer; {} where a layer is written for one number of steps only."""
    if FIXED_STEPS.intersection(type(bare(node.layer)) for node in every_layer(model.network)):
        return {}
    shapes = {
        name: (shape[0] + 1, *shape[1:]) if has_steps(model, name) else shape for name, shape in model.shapes.items()
    }
    try:
        return model.network.shapes(shapes)
    except NetgradError:
        return {}


def looks_elsewhere(model: Model) -> bool:
    """Whether one sequence looks at another, so that they may have different numbers of steps."""
    return any(isinstance(n.layer, ng.Attention | ng.Grid) and len(n.inputs) > 1 for n in every_layer(model.network))


def value_info(name: str, kind: int, shape: Shape, longer: Shape | None, steps: str | None) -> Any:
    """An input or output: N, and ``steps`` wherever longer sequences would have another size."""
    sizes = [n if n == m else steps for n, m in zip(shape, longer or shape, strict=True)]
    return onnx().helper.make_tensor_value_info(name, kind, ["N", *sizes])


def notes(model: Model) -> dict[str, Any]:
    """What the file says of itself under the key "netgrad" of its metadata, as JSON."""
    about: dict[str, Any] = {"shapes": {name: list(shape) for name, shape in model.shapes.items()}}
    if model.target_encoder is not None:
        about["target"] = model.target_encoder.to_config()
    return about
