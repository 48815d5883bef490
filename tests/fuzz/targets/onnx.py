"""ONNX files: of other bytes, and of tensors, shapes, attributes and names that lie."""

import zlib

import numpy as np
import onnx

from netgrad.exchange import from_onnx, to_onnx

from ...exchange.torch_exports import DATA
from ..mutate import change_bytes
from .base import Target
from .models import models

SIZES = [0, 1, -1, 2, 3, 7, 64, 1000, 2**16, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63)]
KINDS = [*range(26), 10**6]
PLACES = ["/dev/zero", "../../../../etc/passwd", "link", "", "model.onnx", "x" * 3000, "\x00"]


class OnnxBytes(Target):
    """ONNX files with some bytes changed: ours, and PyTorch's."""

    suffix = ".onnx"

    def valid(self):
        ours = [to_onnx(model, self.path).read_bytes() for model in models()]
        return ours + [path.read_bytes() for path in sorted(DATA.glob("*.onnx"))]

    def take(self, data):
        model = from_onnx(self.path)
        if zlib.crc32(data) % 100 == 0 and sum(np.prod(shape) for shape in model.shapes.values()) < 10**5:
            model.predict({name: np.ones((2, *shape)) for name, shape in model.shapes.items()})  # compiles: takes long


class OnnxLies(OnnxBytes):
    """ONNX files whose tensors, shapes, attributes, names or order are others than they should be."""

    def make(self, rng):
        proto = onnx.ModelProto()
        proto.ParseFromString(rng.choice(self.seeds))
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            rng.choice(LIES)(rng, proto.graph)
        data = proto.SerializeToString()
        return change_bytes(rng, data, self.seeds) if rng.random() < 0.1 else data


def one(rng, things):
    """One of some things, or None where there are none."""
    return rng.choice(things) if len(things) else None


def tensors(graph):
    """All tensors: weights, and attributes of constants."""
    return [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]


def other_shape(rng, graph):
    if tensor := one(rng, tensors(graph)):
        dims = list(tensor.dims)
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(len(dims) + 1)
            dims[at : at + rng.choice([0, 1])] = rng.choice([[], [rng.choice(SIZES)], [rng.choice(SIZES)] * 70])
        tensor.dims[:] = dims


def other_type(rng, graph):
    if tensor := one(rng, tensors(graph)):
        tensor.data_type = rng.choice(KINDS)


def other_numbers(rng, graph):
    if tensor := one(rng, tensors(graph)):
        if rng.random() < 0.5:
            raw = bytearray(tensor.raw_data)
            tensor.raw_data = bytes(raw[: rng.randrange(len(raw) + 1)] if rng.random() < 0.5 else raw * 3)
        else:
            tensor.ClearField("raw_data")
            field = rng.choice(["float_data", "int32_data", "int64_data", "double_data", "uint64_data"])
            getattr(tensor, field).extend([1] * rng.choice([0, 1, 9, 1000]))


def other_place(rng, graph):
    if tensor := one(rng, tensors(graph)):
        tensor.data_location = rng.choice([0, 1])
        for key in ("location", "offset", "length")[: rng.randrange(4)]:
            tensor.external_data.add(key=key, value=rng.choice(PLACES) if key == "location" else str(rng.choice(SIZES)))


def other_values(rng, graph):
    """What a constant of whole numbers says: shapes, axes, places."""
    whole = [t for t in tensors(graph) if t.data_type == 7]
    if tensor := one(rng, whole):
        numbers = [rng.choice(SIZES) for _ in range(rng.choice([1, 1, 2, 4, 100]))]
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(numbers, np.int64), tensor.name))


def other_attribute(rng, graph):
    node = one(rng, [node for node in graph.node if node.attribute])
    if node is None:
        return
    attribute = rng.choice(node.attribute)
    name = attribute.name if rng.random() < 0.8 else rng.choice(["axis", "perm", "pads", "x"])
    value = rng.choice(
        [rng.choice(SIZES), 0.5, float("nan"), "x", [rng.choice(SIZES)], [rng.choice(SIZES)] * rng.choice([2, 4, 70])]
    )
    node.attribute.remove(attribute)
    if rng.random() < 0.9:
        node.attribute.append(onnx.helper.make_attribute(name, value))


def other_operator(rng, graph):
    if node := one(rng, graph.node):
        node.op_type = rng.choice([n.op_type for n in graph.node] + OTHERS) if rng.random() < 0.9 else "a\nb"


OTHERS = ["Concat", "Expand", "Tile", "Gather", "Squeeze", "Unsqueeze", "Slice", "Split", "Mul", "Div", "Sum", "Clip"]
OTHERS += ["Reshape", "ConstantOfShape", "Shape", "Transpose", "ReduceSum", "Cast", "PRelu", "If", "Loop", "Scan"]


def other_names(rng, graph):
    """Names used twice, in a circle, or not at all."""
    node = one(rng, graph.node)
    names = [i.name for i in graph.input] + [t.name for t in graph.initializer]
    names += [name for n in graph.node for name in n.output] + ["", "gone"]
    if node is None:
        return
    where = node.input if rng.random() < 0.7 else node.output
    if len(where):
        where[rng.randrange(len(where))] = rng.choice(names)


def other_order(rng, graph):
    """Operators, weights, inputs or outputs in another order, twice, or missing."""
    for things in (graph.node, graph.initializer, graph.input, graph.output):
        if len(things) and rng.random() < 0.4:
            copies = [type(things[0]).FromString(each.SerializeToString()) for each in things]
            at = rng.randrange(len(copies))
            change = rng.randrange(3)
            if change == 0:
                rng.shuffle(copies)
            elif change == 1:
                copies[at:at] = [copies[at]] * rng.choice([1, 1, 50])
            else:
                del copies[at]
            del things[:]
            things.extend(copies)


def other_input(rng, graph):
    info = one(rng, graph.input)
    if info is None:
        return
    kind = info.type.tensor_type
    if rng.random() < 0.3:
        kind.elem_type = rng.choice(KINDS)
    elif len(kind.shape.dim):
        dim = rng.choice(kind.shape.dim)
        if rng.random() < 0.7:
            dim.dim_value = rng.choice(SIZES)
        else:
            dim.dim_param = "T"
    if rng.random() < 0.2:
        for _ in range(rng.choice([1, 70])):
            kind.shape.dim.add(dim_value=rng.choice(SIZES))


LIES = [other_shape, other_type, other_numbers, other_place, other_values, other_attribute, other_operator]
LIES += [other_names, other_order, other_input]
