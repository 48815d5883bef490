"""Models in from ONNX: `from_onnx` reads the file, the modules ``in_*`` say what each operator is as a layer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.data.targets import TargetEncoder
from netgrad.errors import FileError, NetgradError, unknown_name
from netgrad.exchange import (  # noqa: F401 - they register their operators
    in_arithmetic,
    in_basic,
    in_places,
    in_recurrent,
    in_shape,
    in_windows,
)
from netgrad.exchange.assembly import assembled
from netgrad.exchange.faults import naming, said
from netgrad.exchange.in_basic import FLOATS, WHOLE
from netgrad.exchange.onnx_library import onnx
from netgrad.exchange.reader import AXES, OPERATORS, Axis, Operator, Reader, Value
from netgrad.training.model import Model
from netgrad.types import Shape

LARGEST_FILE = 2**31  # bytes: the limit of protobuf, in which these files are written
OPERATORS_AT_MOST = 50_000  # half a minute
OLDEST = 6  # operator set: before it, most operators had other attributes
NUMBERS = (*FLOATS, *WHOLE, 2, 3, 4, 5, 9, 12, 13)  # and UINT8, INT8, UINT16, INT16, BOOL, UINT32, UINT64
RECURRENT = ("RNN", "LSTM", "GRU")


def from_onnx(path: str | Path, *, shapes: Mapping[str, Shape] | None = None) -> Model:
    """A model, trainable like any other, that computes what the ONNX file computes.

    Args:
        path: the file. It is data: nothing in it is run, and no other file is read for it.
        shapes: input name -> shape of one example, for inputs with an axis of unknown length besides that of the
            examples. The axis of a recurrent network's time-steps may have another length in every prediction.

    Inputs and outputs keep the file's names and shapes, but the examples come first, also where the file has the
    time-steps before them. Every weight becomes a parameter of a layer. An output that ends in a softmax or a logistic
    function gets the loss with that link function, and the layer before it becomes the network's output, so that
    `predict_proba` gives what the file gives and `netgrad.fit` can go on training it; other outputs get squared error.
    An input for ``sequence_lens`` becomes the ``lengths`` of the sequences' input.

    Raises `FileError`, in one line that names the operator, for a file that is cut off, uses operators that have no
    layer here (docs/onnx.md lists those that have), keeps weights in other files, or makes no sense.
    """
    path = Path(path)
    proto = parsed(path)
    try:
        model = model_of(proto, shapes or {})
        return replace(model, target_encoder=target(proto, model))
    except Exception as error:  # a file from strangers: whatever it brings about is said in one line
        raise FileError(f"{path} cannot be read as a network: {said(error)}") from error


def parsed(path: Path) -> Any:
    """The file as an `onnx.ModelProto`."""
    library = onnx()
    if not path.is_file():
        raise FileError(f"no file at {path}: expected an ONNX model")
    if path.stat().st_size > LARGEST_FILE:
        raise FileError(f"{path} is larger than {LARGEST_FILE:,} bytes, which no ONNX file is")
    proto = library.ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError, whose place differs between its versions
        raise FileError(f"{path} is cut off or is no ONNX file: {' '.join(str(error).split())}") from None
    if not proto.graph.output:
        raise FileError(f"{path} is cut off or is no ONNX file: it has no outputs")
    return proto


def model_of(proto: Any, shapes: Mapping[str, Shape]) -> Model:
    """The model of an `onnx.ModelProto`; arguments and errors as for `from_onnx`."""
    graph = proto.graph
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < OLDEST:
        raise NetgradError(f"operator set {opset} is too old, expected {OLDEST} or newer: see onnx.version_converter")
    if graph.sparse_initializer:
        raise NetgradError("sparse weights are not supported")
    constants = [array(tensor) for tensor in graph.initializer]
    reader = Reader(opset, sum(each.size for each in constants))
    for tensor, each in zip(graph.initializer, constants, strict=True):
        reader.put(tensor.name, each)
    if len(graph.node) > OPERATORS_AT_MOST:
        raise NetgradError(f"it has {len(graph.node):,} operators, expected at most {OPERATORS_AT_MOST:,}")
    outputs = [o.name for o in graph.output]
    if len(set(outputs)) < len(outputs):
        raise NetgradError(f"an output is named twice: {', '.join(outputs)}")
    told = noted_shapes(proto) | {name: tuple(shape) for name, shape in shapes.items()}
    inputs = [i for i in graph.input if i.name not in reader.values]
    if unknown := set(shapes) - {i.name for i in inputs}:
        raise unknown_name("input", sorted(unknown)[0], [i.name for i in inputs])
    users = users_of(graph)
    for info in inputs:
        take_input(reader, users.get(info.name, []), info, told.get(info.name))
    for node in graph.node:
        read(reader, node)
    return assembled(reader, [i.name for i in inputs if i.name in reader.shapes], outputs)


def users_of(graph: Any) -> dict[str, list[tuple[Any, int]]]:
    """For every name the operators that take it, and as which input."""
    users: dict[str, list[tuple[Any, int]]] = {}
    for node in graph.node:
        for i, name in enumerate(node.input):
            users.setdefault(name, []).append((node, i))
    return users


def array(tensor: Any) -> np.ndarray:
    """A constant of the file."""
    library = onnx()
    if tensor.data_location == library.TensorProto.EXTERNAL or tensor.external_data:
        raise NetgradError(
            f"weights {tensor.name!r} are kept in another file, which is not read: save all in one, in PyTorch with "
            "torch.onnx.export(..., external_data=False)"
        )
    kind = tensor.data_type
    if kind not in NUMBERS:
        known = library.TensorProto.DataType.DESCRIPTOR.values_by_number
        name = known[kind].name.lower() if kind in known else kind
        raise NetgradError(f"weights {tensor.name!r} are of type {name}, expected numbers of 8 to 64 bits")
    dims = tuple(tensor.dims)
    if len(dims) > AXES or any(n < 0 for n in dims):
        raise NetgradError(f"weights {tensor.name!r} have the shape {dims}, expected at most {AXES} axes of 0 or more")
    dtype = library.helper.tensor_dtype_to_np_dtype(kind)
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data) / dtype.itemsize
    else:
        held = len(getattr(tensor, library.helper.tensor_dtype_to_field(kind)))
    if held != math.prod(dims):
        raise NetgradError(
            f"the file holds {held:,g} numbers for weights {tensor.name!r} of shape {dims}: it is cut off or altered"
        )
    with naming(f"weights {tensor.name!r}"):
        return np.asarray(library.numpy_helper.to_array(tensor))


def notes(proto: Any) -> dict[str, Any]:
    """What netgrad noted in the file, where it wrote it."""
    for entry in proto.metadata_props:
        if entry.key == "netgrad":
            try:
                found = json.loads(entry.value)
            except (ValueError, RecursionError):
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def noted_shapes(proto: Any) -> dict[str, Shape]:
    """The shapes of the inputs that netgrad noted."""
    try:
        return {str(name): tuple(map(int, shape)) for name, shape in notes(proto)["shapes"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def target(proto: Any, model: Model) -> TargetEncoder | None:
    """What the outputs mean in the target's own terms, where netgrad noted it and it fits."""
    try:
        encoder = TargetEncoder.from_config(notes(proto)["target"])
    except (NetgradError, ValueError, KeyError, TypeError, AttributeError):
        return None
    (_, loss, _), *more = model.objective.terms
    units = model.network.shapes(model.shapes)[model.network.outputs[0][1]][-1:]
    two = encoder.classes and units == (1,) and len(encoder.classes) == 2
    fits = (units == (encoder.outputs,) or two) and (loss.task == "regression") == (encoder.task == "regression")
    return encoder if fits and not more else None


def take_input(reader: Reader, users: list[tuple[Any, int]], info: Any, told: Shape | None) -> None:
    """Make an input of the file one of the network, or remember that it holds lengths; ``users``: who takes it."""
    name, kind = info.name, info.type.tensor_type
    if name in reader.values or name in reader.length_inputs:
        raise NetgradError(f"the name {name!r} is given twice")
    recurrent = [(node, i) for node, i in users if node.op_type in RECURRENT]
    if recurrent and all(i == 4 for _, i in recurrent) and len(recurrent) == len(users):
        reader.length_inputs.add(name)
        return
    if kind.elem_type not in FLOATS + WHOLE:
        given = onnx().TensorProto.DataType.Name(kind.elem_type).lower()
        raise NetgradError(f"input {name!r} is of type {given}, expected float or integer numbers")
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    # A recurrent operator wants the examples on the second axis, everything else has them on the first.
    second = any(not a.i for node, _ in recurrent for a in [setting(node, "layout")])
    batch = 1 if second else 0
    if not batch < len(dims) <= AXES:
        raise NetgradError(f"input {name!r} has {len(dims)} axes, expected {batch + 1} to {AXES}: one is the examples'")
    fixed = dims.pop(batch)
    reader.batch = reader.batch or fixed
    told = tuple(told) if told is not None and len(told) == len(dims) else None
    shape: list[int] = []
    for i, n in enumerate(dims):
        n = n if n is not None else told[i] if told is not None else None
        if n is None:
            raise NetgradError(
                f"input {name!r} has axes of unknown length: give the shape of one example, "
                f"shapes={{{name!r}: ({', '.join('...' if d is None else str(d) for d in dims)},)}}"
            )
        if not 0 < n < 2**31:
            raise NetgradError(f"input {name!r} has an axis of length {n}")
        shape.append(n)
    state = bool(recurrent) and all(i in (5, 6) for _, i in recurrent)
    axes: list[Axis] = list(range(1, len(shape) + 1))
    if state and shape[0] == 1:  # (directions, N, units)
        shape, axes = shape[1:], [None, *range(1, len(shape))]
    axes.insert(batch, 0)
    reader.shapes[name] = tuple(shape)
    reader.put(name, Value(name, tuple(axes), whole=kind.elem_type in WHOLE))


def setting(node: Any, name: str) -> Any:
    """An attribute as the file has it, empty where it has none."""
    return next((a for a in node.attribute if a.name == name), onnx().AttributeProto())


def read(reader: Reader, node: Any) -> None:
    """One operator: its layers, and what its outputs are."""
    kind = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    # PyTorch's newer exporter names no node: then its output says which it is.
    label = f"{kind} {node.name!r}" if node.name else f"{kind} of {', '.join(map(repr, node.output))}"
    if kind not in OPERATORS:
        raise NetgradError(f"operator {label} has no layer here (docs/onnx.md lists those that have)")
    with naming(f"operator {label}"):
        settings = {a.name: attribute(a) for a in node.attribute}
        check(reader.opset, node)
        results = OPERATORS[kind](Operator(reader, node, settings))
        for name, result in zip(node.output, results if isinstance(results, list) else [results], strict=False):
            if name:
                reader.put(name, result)


def check(opset: int, node: Any) -> None:
    """Refuse an operator that is not as ONNX defines it: too many inputs, attributes of other names or types."""
    checker = onnx().checker
    context = checker.C.CheckerContext()
    context.ir_version = onnx().IR_VERSION
    context.opset_imports = {"": opset}
    try:
        checker.check_node(node, context)
    except checker.ValidationError as error:
        raise NetgradError(str(error).strip().splitlines()[0]) from None


def attribute(found: Any) -> Any:
    """An attribute's value; those with graphs are of no operator that is read."""
    library = onnx()
    value = library.helper.get_attribute_value(found)
    if isinstance(value, library.TensorProto):
        return array(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list | tuple) or hasattr(value, "extend"):
        return [v.decode() if isinstance(v, bytes) else v for v in value]
    if not isinstance(value, int | float):
        raise NetgradError(f"attribute {found.name!r} is not supported")
    return value
