"""The computation graph: layers as function nodes, in topological order.

A graph is built by calling layers on symbols::

    x = ng.Input()
    h = ng.Dense(32, activation="relu")(x)
    y = ng.Dense(1)(ng.Concatenate()(x, h))
    net = ng.Network(x, y)

and `Sequential` is the graph without forks. A network called on symbols becomes a part of another: its nodes stand
there under its name, as "encoder/dense_1". A finished `Network` is immutable and holds no numbers: parameters live
in a dict beside it, under the layers' names. (Allauzen, "Computation graph" and "A function node".)
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from netgrad import kernels
from netgrad.compiling import Program, as_seed, check_process
from netgrad.errors import NetgradError, ShapeError, unknown_name
from netgrad.habits import answer
from netgrad.layers.base import Layer
from netgrad.layers.symbol import Call, Input, Symbol, symbols
from netgrad.layers.views import ParameterView
from netgrad.network.building import Node, as_node, build
from netgrad.network.initial import checked_memory, is_key, shapes_made
from netgrad.network.parameters import Parameters
from netgrad.network.selection import Selection
from netgrad.offered import offered
from netgrad.registry import find, register
from netgrad.types import Params, Shape, State

if TYPE_CHECKING:
    from netgrad.network.summary import Summary

MOST_LAYERS = 10_000  # each is a part of the compiled programs, which takes XLA minutes long before that
SMALL = 2**22  # bytes of parameters that are drawn in less time than it takes to compile a faster program


@register("network", "network")
@dataclass(frozen=True, init=False, eq=False, repr=False)
class Network(Parameters):
    """A computation graph from named inputs to named outputs. Hashable, and equal to another of the same structure.

    Args:
        inputs: a symbol made by `Input`, or several.
        outputs: a symbol; or a mapping from output name to symbol for several outputs, each with its own loss.
        name: what stands before the names of its layers where it becomes a part of another network; by default its
            kind and a number, "sequential_1".

    >>> import netgrad as ng
    >>> x = ng.Input()
    >>> h = ng.Dense(4, activation="tanh")(x)
    >>> net = ng.Network(x, ng.Add()(h, ng.Dense(4)(x)))
    >>> [(node.name, node.inputs) for node in net.nodes]
    [('dense_1', ('x',)), ('dense_2', ('x',)), ('add_1', ('dense_1', 'dense_2'))]
    >>> encoder = ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(2)], name="encoder")
    >>> a, b = ng.Input("a"), ng.Input("b")
    >>> twins = ng.Network([a, b], ng.Add()(encoder(a), encoder(b)))  # one set of weights, used twice
    >>> [(node.name, node.params) for node in twins.nodes][1:3]
    [('encoder/dense_2', 'encoder/dense_2'), ('encoder/dense_1@2', 'encoder/dense_1')]
    """

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, str], ...]
    name: str | None
    written: tuple[Layer, ...]  # of each node, before the defaults that depend on its place were filled in
    views: tuple[ParameterView, ...]  # how the parameters are made from what is stored

    def __init__(
        self, inputs: Symbol | Sequence[Symbol], outputs: Symbol | Mapping[str, Symbol], *, name: str | None = None
    ):
        sources = (inputs,) if isinstance(inputs, Symbol) else tuple(inputs)
        sinks = {"": outputs} if isinstance(outputs, Symbol) else dict(outputs)
        made = build(sources, sinks.values())
        named = tuple((key or made.values[symbol], made.values[symbol]) for key, symbol in sinks.items())
        self._set(tuple(str(s.name) for s in sources), tuple(made.nodes), named, tuple(made.views))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "written", tuple(made.written))

    def _set(self, inputs: tuple[str, ...], nodes: tuple[Node, ...], outputs: Any, views: Any) -> None:
        if len(nodes) > MOST_LAYERS:
            raise NetgradError(f"a network may have up to {MOST_LAYERS:,} layers, found {len(nodes):,}")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "views", tuple(sorted(dict.fromkeys(views), key=lambda view: view.rank)))

    def __call__(self, *inputs: Symbol) -> Any:
        """Place this network in another: symbols in, the symbol of its output back, or a dict of them by output name.

        Called twice it is used twice: its layers' parameters are shared.
        """
        call = Call(self, symbols(type(self).__name__, inputs))
        if len(inputs) != len(self.inputs):
            raise NetgradError(f"this network has the inputs {', '.join(self.inputs)}: found {len(inputs)} symbols")
        made = {key: Symbol(None, call.inputs, key, call) for key in self.output_names}
        return made if len(made) > 1 else next(iter(made.values()))

    @classmethod
    def from_nodes(
        cls,
        inputs: Iterable[str],
        nodes: Iterable[Node],
        outputs: Iterable[tuple[str, str]],
        views: Iterable[ParameterView] = (),
    ) -> Network:
        """A network from its finished parts, as a model file holds them."""
        network = object.__new__(Network)
        network._set(tuple(inputs), tuple(nodes), tuple((key, node) for key, node in outputs), views)
        layers: dict[str, Layer] = {}  # nodes that share their parameters come from a file with a layer each
        object.__setattr__(network, "name", None)
        object.__setattr__(network, "written", tuple(layers.setdefault(n.params, n.layer) for n in network.nodes))
        return network

    def to_fields(self) -> dict[str, Any]:
        """The finished parts, for `netgrad.registry.to_config`."""
        nodes = [[n.name, n.layer, n.inputs, n.params] for n in self.nodes]
        viewed = {"views": self.views} if self.views else {}
        return {"inputs": self.inputs, "nodes": nodes, "outputs": self.outputs} | viewed

    @classmethod
    def from_fields(cls, inputs: Any, nodes: Any, outputs: Any, views: Any = ()) -> Network:
        """The inverse of `to_fields`."""
        made = [Node(str(n), as_node(layer), tuple(i), str(p)) for n, layer, i, p in nodes]
        return cls.from_nodes(inputs, made, outputs, [find("view", view) for view in views])

    def __getattr__(self, name: str) -> Any:
        raise answer("network", name)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was worked out on the way: shapes by shapes, and a hash that no other process gives."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _structure(self) -> tuple[Any, ...]:
        return (self.inputs, self.nodes, self.outputs, self.views)

    @cached_property
    def _hash(self) -> int:
        return hash(self._structure)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self._structure == other._structure

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names under which outputs, targets and losses are given."""
        return tuple(key for key, _ in self.outputs)

    def output_layer(self, output: str | None = None) -> Layer:
        """The layer that makes this output (the only one, by default)."""
        return self.by_name[dict(self.outputs)[output or self.output_names[0]]].layer

    def without(self, output: str) -> Network:
        """This network without one of its outputs, and without the nodes and inputs that led to that output alone.

        >>> import netgrad as ng
        >>> x = ng.Input()
        >>> h = ng.Dense(4)(x)
        >>> net = ng.Network(x, {"fault": ng.Dense(2)(h), "severity": ng.Dense(1)(h)})
        >>> [node.name for node in net.without("severity").nodes]
        ['dense_1', 'dense_2']
        """
        if output not in self.output_names:
            raise unknown_name("output", output, self.output_names)
        outputs = [pair for pair in self.outputs if pair[0] != output]
        if not outputs:
            raise NetgradError(f"{output!r} is the only output: a network needs at least one")
        needed = {name for _, name in outputs}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        nodes = [n for n in self.nodes if n.name in needed]
        inputs = [name for name in self.inputs if name in needed]
        return Network.from_nodes(inputs, nodes, outputs, self.views_among({n.params for n in nodes}))

    def shapes(self, in_shapes: Shape | Mapping[str, Shape]) -> dict[str, Shape]:
        """The shape of every input and every node's output, without the axis of examples, before anything is made.

        Raises `ShapeError` at the first layer that cannot take what reaches it. What layers warn of, such as rows of
        an image that no window reaches, is said when a network meets a shape for the first time.

        >>> import netgrad as ng
        >>> ng.Sequential([ng.Dense(8), ng.Dense(3)]).shapes((5,))
        {'x': (5,), 'dense_1': (8,), 'dense_2': (3,)}
        """
        shapes = dict(self._in_shapes(in_shapes))
        key = tuple((name, tuple(shape)) for name, shape in shapes.items())
        if key not in self._known_shapes:
            for node in self.nodes:
                self._check_shared(node, shapes)
                shapes[node.name] = node.out_shape(self.in_shape(node, shapes))
            self._known_shapes[key] = shapes
        return dict(self._known_shapes[key])

    def _check_shared(self, node: Node, shapes: Mapping[str, Any]) -> None:
        """Refuse one layer in two places that need parameters of different shapes."""
        first, numbers = self._first_uses[node.params], jax.dtypes.canonicalize_dtype(float)
        if first is node:
            return
        fed = [self.in_shape(use, shapes) for use in (first, node)]
        made = [shapes_made(first.layer, in_shape, numbers) for in_shape in fed]
        if made[0] != made[1]:
            raise ShapeError(
                f"one layer is used in two places, {first.name} on inputs of shape {('N', *fed[0])} and {node.name} on "
                f"{('N', *fed[1])}: its parameters fit only one of them, make a layer for each place"
            )

    @cached_property
    def _first_uses(self) -> dict[str, Node]:
        """The node that comes first of those with the same parameters, by the parameters' name."""
        return {node.params: node for node in reversed(self.nodes)}

    @cached_property
    def _known_shapes(self) -> dict[tuple[Any, ...], dict[str, Shape]]:
        return {}

    def summary(self, in_shapes: Shape | Mapping[str, Shape], examples: int | None = None) -> Summary:
        """The table of layers for inputs of these shapes: outputs, parameters, multiply-adds, connections, memory.

        Nothing is allocated. Prints as text and shows as HTML in a notebook; its rows and totals are attributes.
        examples: how many there are to train on; where they are fewer than ten a weight, a line says so.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Conv(6, 5, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(10)])
        >>> net.summary((28, 28, 1))
        layer       settings                     output       parameters  multiply-adds  connections    memory
        ------------------------------------------------------------------------------------------------------
        x           input                        28 x 28 x 1                                           3.1 KiB
        conv_1      Conv(6, 5, activation=relu)  24 x 24 x 6         156         86,400       89,856  13.5 KiB
        max_pool_1  MaxPool(2)                   12 x 12 x 6           0              0        3,456   3.4 KiB
        flatten_1   Flatten()                    864                   0              0            0   3.4 KiB
        dense_1     Dense(10)                    10                8,650          8,640        8,650      40 B
        ------------------------------------------------------------------------------------------------------
        total                                                      8,806         95,040      101,962  20.3 KiB
        parameters take 34.4 KiB; work and memory are those of one example
        """
        made: Summary = offered("network.summary")(self, in_shapes, examples)
        return made

    def select(self, which: str | type) -> Selection:
        """The nodes whose name fits a pattern, or whose layer is of a class; `NetgradError` where there is none.

        >>> import netgrad as ng
        >>> encoder = ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(2)], name="encoder")
        >>> net = ng.Sequential([encoder, ng.Dropout(0.1), ng.Dense(1)])
        >>> [node.name for node in net.select("encoder")], [node.name for node in net.select(ng.Dropout)]
        (['encoder/dense_1', 'encoder/dense_2'], ['dropout_1'])
        >>> wider = net.select("encoder/dense_1").replace(units=16)  # a network like this one
        """
        return Selection.of(self, which)

    def rebuilt(self, nodes: Sequence[Node], written: Sequence[Layer]) -> Network:
        """This network with other layers in its nodes; what else is said of it stays."""
        other = copy(self)
        object.__setattr__(other, "nodes", tuple(nodes))
        object.__setattr__(other, "written", tuple(written))
        return other

    def __repr__(self) -> str:
        return str(offered("network.outline")(self))

    def _repr_html_(self) -> str:
        """The layers in a notebook; `summary` says more, once the shapes of the inputs are known."""
        return str(offered("network.table")(self))

    def draw(self, in_shapes: Shape | Mapping[str, Shape]) -> Any:
        """The same as a drawing, a `matplotlib.figure.Figure`: every layer's output to scale, arrows between them."""
        return offered("network.drawing")(self, in_shapes)

    def init(self, key: jax.Array | int, in_shapes: Shape | Mapping[str, Shape]) -> tuple[Params, State]:
        """Fresh parameters and state for inputs of these shapes (without the axis of examples).

        Returns (params, state), both keyed by layer name. Raises `ShapeError` where shapes do not fit, and
        `NetgradError` where the parameters would not fit into this machine's memory.
        """
        check_process()
        key = jax.random.clone(key) if is_key(key) else jax.random.key(as_seed(key))  # inside a program: its own
        shapes = self.shapes(in_shapes)
        optimisation = int(self._memory(shapes) > SMALL)  # for few bytes of parameters, and for more
        drawn: tuple[Params, State] = _drawing(self, tuple(shapes.items()), optimisation)(key)
        return drawn

    def init_state(self, in_shapes: Shape | Mapping[str, Shape]) -> State:
        """The state alone, for parameters that are there already: drawing some takes long to compile."""
        check_process()
        shapes = self.shapes(in_shapes)
        made = {node.params: node.layer.init_state(self.in_shape(node, shapes)) for node in self.nodes}
        return {name: state for name, state in made.items() if state}

    def _draw(self, key: jax.Array, shapes: dict[str, Shape]) -> tuple[Params, State]:
        params: Params = {}
        state: dict[str, Any] = {}
        key = kernels.quickly_compiled(key)
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(np.arange(len(self.nodes)))  # at once: quicker to compile
        for own, node in zip(keys, self.nodes, strict=True):
            if node.params in params or node.params in state:
                continue
            in_shape = self.in_shape(node, shapes)
            if made := node.layer.init(own, in_shape):
                params[node.params] = made
            if kept := node.layer.init_state(in_shape):
                state[node.params] = kept
        return self.stored(params), state

    def param_shapes(self, in_shapes: Shape | Mapping[str, Shape]) -> Params:
        """Shape and type of every parameter that is stored as `jax.ShapeDtypeStruct`s, without making any."""
        made = self._made(self.shapes(in_shapes), 0)
        return jax.eval_shape(self.stored, made) if self.views else made

    def state_shapes(self, in_shapes: Shape | Mapping[str, Shape]) -> State:
        """The same of the state that the few layers with one begin with."""
        return self._made(self.shapes(in_shapes), 1)

    def _made(self, shapes: Mapping[str, Shape], which: int) -> Params:
        """Shapes and types of what the layers make: 0 for parameters, 1 for state."""
        numbers = jax.dtypes.canonicalize_dtype(float)
        made = {
            node.params: shapes_made(node.layer, self.in_shape(node, shapes), numbers)[which] for node in self.nodes
        }
        return {name: part for name, part in made.items() if part}

    def in_shape(self, node: Node, shapes: Mapping[str, Any]) -> Any:
        """What a node is fed: one value where it has one input, a tuple where it has several."""
        return shapes[node.inputs[0]] if len(node.inputs) == 1 else tuple(shapes[name] for name in node.inputs)

    def _in_shapes(self, in_shapes: Shape | Mapping[str, Shape]) -> Mapping[str, Shape]:
        if not isinstance(in_shapes, Mapping):
            in_shapes = {self.inputs[0]: tuple(in_shapes)}
        if set(in_shapes) != set(self.inputs):
            raise ShapeError(
                f"the network's inputs are {', '.join(self.inputs)}; shapes were given for {', '.join(in_shapes)}"
            )
        return in_shapes

    def _memory(self, shapes: dict[str, Shape]) -> int:
        """How many bytes the parameters take; checked is that this process's memory holds them several times."""
        return checked_memory(self._made(shapes, 0))


class Sequential(Network):
    """Layers and networks in a row, as a list or as arguments, each fed by the one before; ``name`` as for `Network`.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(10)])
    >>> [node.name for node in net.nodes]
    ['dense_1', 'dense_2']
    """

    def __init__(self, *layers: Layer | Network | Sequence[Layer | Network], name: str | None = None):
        row: Any = layers[0] if len(layers) == 1 and not isinstance(layers[0], Layer | Network) else layers
        if not row:
            raise NetgradError("Sequential needs at least one layer, found an empty list")
        source = Input()
        super().__init__(source, in_a_row(row, source), name=name)


def in_a_row(layers: Iterable[Layer | Network], symbol: Symbol) -> Symbol:
    """The output of layers and networks of which each is fed by the one before, the first by this symbol."""
    for layer in layers:
        if not isinstance(layer, Layer | Network):
            found = reprlib.repr(layer)
            raise NetgradError(f"Sequential takes layers and networks, found {found}: write for instance ng.Dense(10)")
        symbol = layer(symbol)
        if not isinstance(symbol, Symbol):
            raise NetgradError(
                f"layers in a row hand on one output, found a network with the outputs {', '.join(symbol)}: call it on "
                "a symbol, and go on from one of them"
            )
    return symbol


@lru_cache(maxsize=64)
def _drawing(network: Network, shapes: tuple[tuple[str, Shape], ...], optimisation: int) -> Any:
    """By structure: fitting one network many times compiles this once."""
    return Program(lambda key: network._draw(key, dict(shapes)), optimisation=optimisation)
