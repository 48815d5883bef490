"""An ONNX graph while it is being read: what its values are in netgrad's terms, and the layers found so far.

ONNX has no axis of examples, and puts channels and time-steps where netgrad does not. So a value is a `Value`: a node
of the new network, and for each axis that the file sees the node's axis that it is. Transposing, and adding and
removing axes of size 1, then costs nothing; a layer `Permute` or `Reshape` is added only where an operator needs the
numbers in another order than they are in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.types import Shape

N = -(2**40)  # stands for the number of examples in shapes that the file computes while it runs
LARGEST = 10**7  # numbers in a constant that is computed from others: a small file must not fill the memory
IN_ALL = 5 * 10**7  # numbers in all computed constants, and in weights beyond those that stand in the file
AXES = 64  # of an array; NumPy's limit


@dataclass(frozen=True)
class Part:
    """Half of an axis that the file sees as two: axis = outer * inner, as a bidirectional layer's 2 * units."""

    axis: int
    outer: bool
    size: int


Axis = int | Part | None  # of a node's output, 0 for the examples'; None: of size 1, and not there at all


@dataclass(frozen=True)
class Value:
    """What flows through the network: the node (or input) whose output it is, and which of its axes the file's are.

    whole: whole numbers, which may become symbols but nothing else.
    """

    node: str
    axes: tuple[Axis, ...]
    whole: bool = False


Result = Value | np.ndarray


@dataclass(frozen=True)
class Found:
    """A layer that was found, with its numbers; ``params``: the name under which they stand."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    params: str


class Reader:
    """The network so far."""

    def __init__(self, opset: int, held: int = 0):
        """held: how many numbers the file itself holds; its weights may take as many, and `IN_ALL` more."""
        self.opset = opset
        self.left = held + IN_ALL
        self.values: dict[str, Value | np.ndarray] = {}
        self.shapes: dict[str, Shape] = {}  # of every node and input, without the axis of examples
        self.found: dict[str, Found] = {}
        self.params: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.batch: int | None = None  # the number of examples, where the file fixes it
        self.lengths: dict[str, str] = {}  # recurrent nodes, and the file's input that holds their lengths
        self.length_inputs: set[str] = set()
        self._counts: dict[str, int] = {}

    def put(self, name: str, result: Result) -> None:
        """What the file's name stands for; each stands for one thing, and constants are arrays, whatever made them."""
        if name in self.values or name in self.length_inputs:
            raise NetgradError(f"the name {name!r} is given twice")
        if not isinstance(result, Value):
            result = np.asarray(result)
            if result.dtype.kind not in "fiub":
                raise NetgradError(f"{name!r} is constant and of type {result.dtype}, expected numbers")
        elif len(result.axes) > AXES:
            raise NetgradError(f"{name!r} has {len(result.axes)} axes, expected at most {AXES}")
        self.values[name] = result

    def spend(self, numbers: int) -> None:
        """Count numbers that are about to be made, and refuse what would fill the memory."""
        self.left -= numbers
        if self.left < 0:
            raise NetgradError(
                f"the file's constants and weights become more than {IN_ALL:,} numbers beyond those it holds"
            )

    def bounded(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of a constant that is about to be made, the examples' axis as 1; refused where it is too large."""
        sizes = tuple(1 if n == N else int(n) for n in shape)
        if len(sizes) > AXES or any(n < 0 for n in sizes) or math.prod(sizes) > LARGEST:
            raise NetgradError(f"it makes a constant of shape {sizes}: at most {LARGEST:,} numbers are expected")
        self.spend(math.prod(sizes))
        return sizes

    def add(self, layer: Layer, *inputs: str, params: Any = None, state: Any = None, shared: str | None = None) -> str:
        """Append a layer on these nodes and return its name; ``shared``: use that node's parameters."""
        kind = layer.registered_name
        self._counts[kind] = self._counts.get(kind, 0) + 1
        name = f"{kind}_{self._counts[kind]}"
        shapes = tuple(self.shapes[node] for node in inputs)
        shape = layer.out_shape(shapes[0] if len(shapes) == 1 else shapes)
        self.found[name] = Found(name, layer, inputs, shared or name)
        self.shapes[name] = tuple(shape)
        for kept, numbers in ((self.params, params), (self.state, state)):
            if numbers:
                self.spend(sum(array.size for array in leaves(numbers)))
                kept[name] = numbers
        return name

    def size(self, value: Value, axis: int) -> int:
        """How long the file's axis is; `N` for that of the examples."""
        at = value.axes[axis]
        if at is None:
            return 1
        if isinstance(at, Part):
            return at.size
        return N if at == 0 else self.shapes[value.node][at - 1]

    def sizes(self, value: Value) -> list[int]:
        """The shape as the file sees it."""
        return [self.size(value, axis) for axis in range(len(value.axes))]

    def whole_axes(self, value: Value) -> Value:
        """The value without halves of axes."""
        parts = {at.axis: at.size for at in value.axes if isinstance(at, Part) and at.outer}
        if not parts:
            return value
        shape: list[int] = []
        where: dict[Any, int] = {0: 0}
        for axis, size in enumerate(self.shapes[value.node], start=1):
            if axis in parts:
                where[axis, True], where[axis, False] = len(shape) + 1, len(shape) + 2
                shape += [parts[axis], size // parts[axis]]
            else:
                where[axis] = len(shape) + 1
                shape.append(size)
        node = self.add(ng.Reshape(tuple(shape)), value.node)
        axes = [
            where[(at.axis, at.outer) if isinstance(at, Part) else at] if at is not None else None for at in value.axes
        ]
        return Value(node, tuple(axes), value.whole)

    def arranged(self, value: Value, order: Sequence[int]) -> str:
        """The node whose axes are these of the file's, in this order; it begins with that of the examples.

        Axes that are left out must be of size 1 and not there.
        """
        value = self.whole_axes(value)
        wanted = [value.axes[axis] for axis in order]
        there = [at for at in wanted if isinstance(at, int)]
        if there[:1] != [0]:
            raise NetgradError("it works along the axis of the examples, or does not have it where it must stand")
        assert sorted(there) == list(range(len(self.shapes[value.node]) + 1))
        node = value.node
        if there != sorted(there):
            node = self.add(ng.Permute(tuple(at - 1 for at in there[1:])), node)
        if None in wanted:
            shape = iter(self.shapes[node])
            node = self.add(ng.Reshape(tuple(1 if at is None else next(shape) for at in wanted[1:])), node)
        return node

    def last(self, value: Value, axis: int) -> tuple[str, tuple[Axis, ...]]:
        """The node in which this axis of the file's is the last, and where the file's axes stand in it then."""
        value = self.whole_axes(value)
        axis = within(axis, len(value.axes))
        at = value.axes[axis]
        if at == 0:
            raise NetgradError("it works along the axis of the examples")
        if at is not None and at == len(self.shapes[value.node]):
            return value.node, value.axes
        order = [i for i in in_order(value) if i != axis]
        order.append(axis)
        return self.arranged(value, order), places(order, len(value.axes))


def in_order(value: Value) -> list[int]:
    """The file's axes that are there, in the order in which the node has them."""
    there = [(at, i) for i, at in enumerate(value.axes) if isinstance(at, int)]
    return [i for _, i in sorted(there)]


def within(axis: int, rank: int) -> int:
    """The axis counted from the front; refused where there is none such.

    >>> within(-1, 3)
    2
    """
    if not -rank <= axis < rank:
        raise NetgradError(f"there is no axis {axis} among {rank}")
    return axis % rank


def places(order: Sequence[int], rank: int) -> tuple[Axis, ...]:
    """Where each of the file's axes stands in a node that has them in this order; None for those left out."""
    return tuple(order.index(i) if i in order else None for i in range(rank))


class Operator:
    """One operator of the file, with its inputs looked up."""

    def __init__(self, reader: Reader, node: Any, settings: dict[str, Any]):
        self.reader, self.node, self.settings = reader, node, settings
        self.kind: str = node.op_type
        self.outputs: list[str] = list(node.output)

    def __len__(self) -> int:
        return len(self.node.input)

    def given(self, i: int) -> bool:
        """Whether there is an i-th input."""
        return i < len(self.node.input) and bool(self.node.input[i])

    def any(self, i: int) -> Value | np.ndarray:
        """The i-th input, a value or a constant."""
        if not self.given(i):
            raise NetgradError(f"input {i} is missing")
        name = self.node.input[i]
        if name not in self.reader.values:
            raise NetgradError(f"its input {name!r} is computed nowhere before")
        return self.reader.values[name]

    def value(self, i: int = 0) -> Value:
        """The i-th input, which must come from the network's inputs, and not be symbols."""
        found = self.any(i)
        if not isinstance(found, Value):
            raise NetgradError(f"input {i} is constant where data are expected")
        if found.whole:
            raise NetgradError(f"input {i} holds whole numbers, which can only be looked up in an embedding")
        return found

    def constant(self, i: int) -> np.ndarray:
        """The i-th input, which must be constant and know nothing of the number of examples."""
        found = self._constant(i)
        if (found == N).any():
            raise NetgradError(f"input {i} ({self.node.input[i]!r}) depends on the number of examples")
        return found

    def _constant(self, i: int) -> np.ndarray:
        found = self.any(i)
        if not isinstance(found, np.ndarray):
            raise NetgradError(f"input {i} ({self.node.input[i]!r}) is computed from data where a constant is expected")
        return found

    def sizes(self, i: int) -> list[int]:
        """The i-th input, a constant shape; `N` in it stands for the number of examples."""
        found = self._constant(i).ravel()
        if found.size > AXES or found.dtype.kind not in "iu":
            raise NetgradError(f"input {i} has {found.size} numbers of type {found.dtype}, expected a shape")
        return [int(n) for n in found]

    def floats(self, i: int) -> np.ndarray:
        """The i-th input, constant, as float32."""
        return np.asarray(self.constant(i), np.float32)

    def number(self, i: int) -> float:
        """The i-th input, one constant number."""
        found = self.constant(i)
        if found.size != 1:
            raise NetgradError(f"input {i} has the shape {found.shape}, expected one number")
        return float(found.item())

    def setting(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.settings.get(name, default)

    def only(self, **usual: Any) -> None:
        """Refuse attributes that are other than these."""
        for name, value in usual.items():
            if (found := self.setting(name, value)) != value:
                raise NetgradError(f"{name}={found!r} is not supported")

    def axes(self, i: int = 1) -> list[int] | None:
        """Axes, given as an attribute by older files and as the i-th input by newer ones; None where neither is."""
        if "axes" in self.settings:
            return [int(axis) for axis in self.settings["axes"]]
        return [int(axis) for axis in self.constant(i).ravel()] if self.given(i) else None

    def elementwise(self, layer: Layer, value: Value | None = None) -> Value:
        """A layer that leaves every number where it stands."""
        value = self.value() if value is None else value
        return Value(self.reader.add(layer, value.node), value.axes)


Reading = Callable[[Operator], Result | list[Result]]

OPERATORS: dict[str, Reading] = {}


def reads(*kinds: str) -> Callable[[Reading], Reading]:
    """Decorator: this function reads these operators."""

    def add(reading: Reading) -> Reading:
        OPERATORS.update(dict.fromkeys(kinds, reading))
        return reading

    return add


def leaves(tree: Any) -> list[np.ndarray]:
    """The arrays of nested dicts."""
    if not isinstance(tree, dict):
        return [tree]
    return [array for part in tree.values() for array in leaves(part)]
