"""Networks that are used as one layer: many copies one after the other, or activations made again on the way back.

What a composite says of itself is derived from its block here, in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.convolution import Conv
from netgrad.layers.wrapper import bare
from netgrad.network.execution import (
    Forward,
    Gradients,
    backward,
    forward,
    look_back,
    next_state,
    out_lengths,
    stream_state,
)
from netgrad.network.graph import Network, Sequential
from netgrad.registry import register
from netgrad.types import Array, Inputs, Named, Params, Saved, Shape, Shapes, State

MOST_WRITTEN_OUT = 4  # copies of a block of images that are compiled one by one
_IMAGES = 4  # axes: (N, height, width, channels)


@dataclass(frozen=True)
class Composite(Layer):
    """Base of the layers that consist of a block: a layer, layers in a row, or a network of one input and one output.

    Parameters and state are those of the block, by its layers' names. `netgrad.network.record` puts the block's own
    quantities into the trace, under the composite's name.
    """

    several: ClassVar[bool] = False  # the block may have several inputs

    block: Any  # becomes a Network

    def __post_init__(self) -> None:
        block = self.block
        if isinstance(block, Layer):
            block = Sequential([block])
        elif not isinstance(block, Network):
            block = Sequential(list(block) if isinstance(block, Sequence) else [block])
        if (len(block.inputs) > 1 and not self.several) or len(block.outputs) > 1:
            raise NetgradError(
                f"{self.label} takes a block of one input and one output, found the inputs {', '.join(block.inputs)} "
                f"and the outputs {', '.join(block.output_names)}"
            )
        # Defaults as in the middle of a network: what reaches a block is no longer the data.
        nodes = [replace(n, layer=layer.placed(False)) for n, layer in zip(block.nodes, block.written, strict=True)]
        object.__setattr__(self, "block", Network.from_nodes(block.inputs, nodes, block.outputs, block.views))

    # --- the block

    @property
    def _network(self) -> Network:
        block: Network = self.block
        return block

    def entry(self, in_shape: Shapes) -> Shapes:
        """The shape of what enters the block, where that is not what enters the composite."""
        return in_shape

    def fed(self, value: Any) -> dict[str, Any]:
        """What the block's inputs are given, by their names; ``value`` is a tuple where they are several."""
        names = self.block.inputs
        if len(names) == 1 or value is None:
            return dict.fromkeys(names, value)
        return dict(zip(names, value, strict=True))

    def run(
        self, params: Params, state: State, x: Inputs, context: Context, key: jax.Array | None, laid: bool = False
    ) -> Forward:
        """The block's way forward; laid: see `netgrad.network.execution.forward`."""
        return forward(
            self.block,
            params,
            state,
            self.fed(x),
            training=context.training,
            key=key,
            lengths=self.fed(context.lengths),
            outputs_only=context.outputs_only,
            laid=laid,
        )

    def back(self, params: Params, saved: Saved, d_out: Any, bottom: bool = False) -> Gradients:
        """The block's way back; bottom: nobody wants the gradient of its input."""
        return backward(self.block, params, saved, {self.block.output_names[0]: d_out}, bottom=bottom)

    def output(self, run: Forward) -> Any:
        """The block's only output."""
        return run.outputs[self.block.output_names[0]]

    def shapes(self, in_shape: Shapes) -> dict[str, Any]:
        """The shapes of all of the block's outputs, by name."""
        return self._network.shapes(self.fed(self.entry(in_shape)))

    def total(self, of: str, in_shape: Shapes) -> int:
        """The sum over the block's layers of what each says, "operations" or "connections"."""
        shapes = self.shapes(in_shape)
        return sum(getattr(n.layer, of)(self.block.in_shape(n, shapes)) for n in self.block.nodes)

    def with_block(self, block: Network) -> Composite:
        """The same around another block."""
        changed: Composite = self.replace(block=block)
        return changed

    # --- the contract

    def init(self, key: Array, in_shape: Shapes) -> Params:
        return self._network.init(key, self.fed(self.entry(in_shape)))[0]

    def init_state(self, in_shape: Shapes) -> State:
        return self._network.init_state(self.fed(self.entry(in_shape)))

    def next_state(self, state: State, saved: Saved) -> State:
        return next_state(self.block, state, saved["inside"])

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        return stream_state(self.block, n, self.shapes(in_shape))

    def check_input(self, x: np.ndarray, name: str, lengths: np.ndarray | None) -> np.ndarray:
        if len(self.block.inputs) > 1:  # which of them this is, is not known here
            return x
        for node in self.block.nodes:
            if self.block.inputs[0] in node.inputs:
                x = node.layer.check_input(x, name, lengths)
        return x

    def layout(self, x: Inputs) -> Inputs:
        for node in self.block.nodes:
            if node.inputs == self.block.inputs:
                x = node.layer.layout(x)
        return x

    def out_shape(self, in_shape: Shapes) -> Shape:
        made: Shape = self.shapes(in_shape)[self.block.outputs[0][1]]
        return made

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Any:
        lengths_at = out_lengths(self.block, self.fed(lengths), self.shapes(in_shape))
        return lengths_at[self.block.outputs[0][1]]

    def operations(self, in_shape: Shapes) -> int:
        return self.total("operations", in_shape)

    def connections(self, in_shape: Shapes) -> int:
        return self.total("connections", in_shape)

    def scannable(self, in_shape: Shapes) -> bool:
        shapes = self.shapes(in_shape)
        return all(node.layer.scannable(self.block.in_shape(node, shapes)) for node in self.block.nodes)

    @property
    def draws(self) -> bool:
        return any(node.layer.draws for node in self.block.nodes)

    @property
    def holds_steps(self) -> bool:
        return any(node.layer.holds_steps for node in self.block.nodes)


@dataclass(frozen=True)
class Copies(Composite):
    """Base of the composites that hold ``n`` copies of a block: parameters, state and all quantities of the block have
    one more axis, the copy, in front."""

    n: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.n, int) or self.n < 1:
            raise NetgradError(f"{self.label}: n must be a whole number of at least 1, found {self.n!r}")

    def init(self, key: Array, in_shape: Shapes) -> Params:
        self.out_shape(in_shape)
        drawn: Params = jax.vmap(lambda own: super(Copies, self).init(own, in_shape))(jax.random.split(key, self.n))
        return drawn

    def init_state(self, in_shape: Shapes) -> State:
        return self._each(super().init_state(in_shape))

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        return self._each(super().stream_state(n, in_shape))

    def _each(self, state: State) -> State:
        """The same for every copy."""
        copies: State = jax.tree.map(lambda v: jnp.broadcast_to(v, (self.n, *v.shape)), state)
        return copies

    def next_state(self, state: State, saved: Saved) -> State:
        return jax.vmap(lambda s, inside: next_state(self.block, s, inside))(state, saved["inside"])

    def total(self, of: str, in_shape: Shapes) -> int:
        return self.n * super().total(of, in_shape)


@register("layer", "stack")
@dataclass(frozen=True)
class Stack(Copies):
    """``n`` copies of a block one after the other, each with weights of its own: x -> block_1 -> ... -> block_n.

    They run as one compiled loop, so that compiling takes as long for 300 copies as for 10. The block's output has
    the shape of its input. Of a block of several inputs the first is the one that runs through, and every copy is given
    the others as they are: ``stack(x, memory)``. Parameters, state and all quantities of the block have one more axis,
    the copy, in front: ``trace["stack_1/dense_1"].delta[137]``.

    >>> import netgrad as ng
    >>> block = ng.Residual([ng.Dense(16, activation="relu"), ng.Dense(16)])
    >>> net = ng.Sequential([ng.Dense(16), ng.Stack(block, 100), ng.Dense(1)])
    >>> params, _ = net.init(0, (4,))
    >>> params["stack_1"]["dense_1"]["W"].shape
    (100, 16, 16)
    """

    several: ClassVar[bool] = True

    def forward(self, params: Params, x: Inputs, context: Context) -> tuple[Array, Saved]:
        start, *others = x if isinstance(x, tuple) else (x,)
        structure: Any = None
        places: list[int] = []

        def one(h: Array, copy: Any) -> tuple[Array, list[Array]]:
            nonlocal structure, places
            own, state, i = copy
            key = None if context.key is None else jax.random.fold_in(context.key, i)
            h = self._unlaid(h)
            run = self.run(own, state, (h, *others) if others else h, context, key, laid=self._of_images)
            # One layer's output is the next one's input: a loop writes whatever it hands on, so each array goes once.
            leaves, structure = jax.tree.flatten(run.saved)
            once = {id(leaf): leaf for leaf in leaves}
            number = {identity: place for place, identity in enumerate(once)}
            places = [number[id(leaf)] for leaf in leaves]
            return self._laid(self.output(run)), self._laid(list(once.values()))

        copies = params, context.state, jnp.arange(self.n)
        a, kept = jax.lax.scan(one, self._laid(start), copies, unroll=self._at_a_time)
        kept = jax.vmap(self._unlaid)(kept)
        inside = jax.tree.unflatten(structure, [kept[place] for place in places])
        return self._unlaid(a), {"x": x, "a": self._unlaid(a), "inside": inside}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """Through the copies from the last to the first, by the block's own rules; what every copy is given gets the
        sum of their gradients."""
        through, *others = self.block.inputs
        given = saved["x"][1:] if others else ()

        def one(carry: tuple[Array, tuple[Array, ...]], copy: Any) -> Any:
            back = self.back(copy[0], self._unlaid(copy[1]), self._unlaid(carry[0]))
            added = tuple(d + back.inputs[name] for d, name in zip(carry[1], others, strict=True))
            kept = back.params, {name: b.delta for name, b in back.nodes.items()}
            return (self._laid(back.inputs[through]), added), kept

        start = self._laid(d_out), tuple(jnp.zeros_like(value) for value in given)
        inside = jax.vmap(self._laid)(saved["inside"])
        (d_in, d_others), (d_params, delta) = jax.lax.scan(
            one, start, (params, inside), reverse=True, unroll=self._at_a_time
        )
        d_in = self._unlaid(d_in)
        return Backward((d_in, *d_others) if others else d_in, d_params, delta)

    def _laid(self, kept: Any) -> Any:
        """What copies save and hand on, images with the examples last, as convolutions have them in memory.

        XLA keeps what a loop hands on in the order of its axes, so that each image was turned on its way in and out.
        """
        return self._moved(kept, 0, -1)

    def _unlaid(self, laid: Any) -> Any:
        """The inverse of `_laid`."""
        return self._moved(laid, -1, 0)

    def _moved(self, kept: Any, source: int, destination: int) -> Any:
        if not self._of_images:
            return kept
        return jax.tree.map(lambda v: jnp.moveaxis(v, source, destination) if jnp.ndim(v) == _IMAGES else v, kept)

    @property
    def _at_a_time(self) -> int:
        """How many copies are written out in the compiled loop: what a loop keeps is copied into its place and back."""
        return self.n if self._of_images and self.n <= MOST_WRITTEN_OUT else 1

    @property
    def _of_images(self) -> bool:
        """Whether the block's images are a convolution's, on a processor; elsewhere the examples come first."""
        convolved = any(isinstance(bare(node.layer), Conv) for node in self.block.nodes)
        return convolved and jax.default_backend() == "cpu"

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        """What the block's layers show, by their names."""

        def one(d: Array, copy: Any) -> tuple[Array, Any]:
            back = self.back(copy[0], copy[1], d)
            return back.inputs[self.block.inputs[0]], look_back(self.block, copy[0], copy[1], back.outputs)

        looked: Saved = jax.lax.scan(one, d_out, (params, saved["inside"]), reverse=True)[1]
        return looked

    def out_shape(self, in_shape: Shapes) -> Shape:
        through = tuple(in_shape[0] if len(self.block.inputs) > 1 else in_shape)
        if (made := super().out_shape(in_shape)) != through:
            raise ShapeError(f"{self.label}: a block must keep the shape, but it makes {made} of {through}")
        return made


class Part(NamedTuple):
    """A layer inside a composite, with what it has and computes; all arrays have an axis for the copies in front, two
    inside a stack in a stack: so many as ``copies`` says."""

    name: str
    layer: Layer
    params: Params
    saved: Saved
    delta: Any
    d_params: Params
    copies: int


def parts(
    name: str, layer: Layer, params: Params, saved: Saved, delta: Any, d_params: Params, copies: int = 0
) -> Iterator[Part]:
    """What is inside a node, under its name, in the order of the way forward; nothing where it shows nothing inside."""
    if isinstance(layer, Recomputed):
        again = layer.again
        for _ in range(copies):
            again = jax.vmap(again)
        inside, delta = again(params, saved, delta)
    elif isinstance(layer, Composite) and "inside" in saved:
        inside, copies = saved["inside"], copies + 1
    else:
        return
    for node in layer.block.nodes:
        own, slopes = params.get(node.params, {}), d_params.get(node.params, {})
        kept, net = inside[node.name], delta[node.name]
        part = Part(f"{name}/{node.name}", node.layer, own, kept, net, slopes, copies)
        yield from parts(*part)
        yield part


@register("layer", "recomputed")
@dataclass(frozen=True)
class Recomputed(Composite):
    """A block of which nothing but the input is kept for the way back, where the way forward is gone once more.

    Training then needs the memory of the block's input instead of all its activations, and the time of one more way
    forward. In a stack, ``Stack(Recomputed(block), n)``, memory for activations no longer grows with the block's depth.
    Whoever looks inside, the trace or the diagnosis, has it made once more.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Recomputed([ng.Dense(64, activation="relu"), ng.Dense(8)]), ng.Dense(1)])
    >>> net.shapes((4,))["recomputed_1"]
    (8,)
    """

    def forward(self, params: Params, x: Inputs, context: Context) -> tuple[Array, Saved]:
        run = self.run(params, context.state, x, context, context.key)
        state = next_state(self.block, context.state, run.saved)
        return self.output(run), {"x": x, "a": self.output(run), "residuals": (context, state)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """The way forward once more, then the block's own rules."""
        back = self._back(params, saved, d_out)
        return Backward(back.inputs[self.block.inputs[0]], back.params, d_out)

    def _back(self, params: Params, saved: Saved, d_out: Array, bottom: bool = False) -> Gradients:
        # The barrier keeps the compiler from finding that it has all this already, which is what is not to be kept.
        params, x, context, d_out = jax.lax.optimization_barrier((params, saved["x"], saved["residuals"][0], d_out))
        return self.back(params, self.run(params, context.state, x, context, context.key).saved, d_out, bottom)

    def gradients(self, params: Params, saved: Saved, d_out: Array) -> Params | None:
        return self._back(params, saved, d_out, bottom=True).params

    def again(self, params: Params, saved: Saved, d_out: Array) -> tuple[dict[str, Saved], Named]:
        """What the block's layers keep on the way forward, and their deltas, by name: made again to be looked at."""
        context = saved["residuals"][0]
        run = self.run(params, context.state, saved["x"], context, context.key)
        back = self.back(params, run.saved, d_out)
        return run.saved, {name: node.delta for name, node in back.nodes.items()}

    def next_state(self, state: State, saved: Saved) -> State:
        after: State = saved["residuals"][1]
        return after
