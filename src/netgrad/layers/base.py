"""The contract of a layer: a pair of pure functions, forward and backward.

    init(key, in_shape)            -> params
    forward(params, x, context)    -> output, saved
    backward(params, saved, d_out) -> Backward(d_in, d_params, delta)

Hyper-parameters stand in a frozen dataclass, parameters outside it in a dict, and nothing is hidden. ``saved`` is a
dict of named arrays that the way back needs: the input ``x``, the net input ``z``, the activation ``a``, and whatever
the layer adds; what nobody reads is removed by the compiler, so naming a quantity costs nothing.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels.single import Op
from netgrad.layers.named import named_gradients
from netgrad.layers.symbol import Symbol, place
from netgrad.types import Inputs, Params, Saved, Shape, Shapes, State

# The contract's shapes, of N examples; `outputs` is what `out_shape` says. z and delta are dicts where a layer has
# several, one for each gate, and so is x, as a tuple, where it has several inputs.
Output = Float[Array, "N *outputs"]
QUANTITIES = {
    "x": Shaped[Array, "N ..."],
    "z": Float[Array, "N ..."],
    "a": Output,
    "delta": Float[Array, "N ..."],
    "W": Float[Array, "... units"],
    "b": Float[Array, "units"],
}

TAKEN = frozenset({"x", "a", "delta", "d_in", "inside", "residuals"})  # names of quantities that mean something else


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("key", "lengths", "state"),
    meta_fields=("training", "outputs_only"),
)
@dataclass(frozen=True)
class Context:
    """What a layer is told that is neither input nor parameter.

    training: whether this is a step of training; batch statistics are then taken from the batch.
    key: the random key of this layer at this step, or None where nothing is random: in prediction, unless dropout is
        asked to drop there, too (`Model.monte_carlo`).
    lengths: (N,) the number of valid time-steps of each sequence, or None where all are valid. A layer of several
        inputs is told those of each, in a tuple, as x is one.
    state: what the layer remembers between steps (running statistics, a carried hidden state); see `Layer.next_state`.
    outputs_only: nobody asks for what is saved, as in prediction: a layer may leave out of it what costs time to write.
    """

    training: bool = False
    key: jax.Array | None = None
    lengths: Any = None
    state: Params = field(default_factory=dict)
    outputs_only: bool = False

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        return dataclasses.replace(self, **changes)


class Backward(NamedTuple):
    """What comes back: the gradient of the input, those of the parameters (same keys), and the net gradient dE/dz."""

    d_in: Inputs
    d_params: Params
    delta: Any


class _Called(NamedTuple):
    """What is kept of `Layer.call`: the way back through it, and what it was told."""

    back: Any
    context: Context


def says_for(cls: type, says: str, *does: str) -> bool:
    """Whether what ``says`` tells of a class holds for it: nothing that it ``does`` was redefined further down.

    >>> class Louder(Layer):
    ...     def call(self, params, x, context):
    ...         return 2 * x
    >>> says_for(Layer, "single", "call"), says_for(Louder, "single", "call")
    (True, False)
    """
    depth = {name: i for i, base in reversed(list(enumerate(cls.__mro__))) for name in vars(base)}
    return all(depth[says] <= depth.get(name, depth[says]) for name in does)


def along_first(lengths: Any) -> Any:
    """The lengths of a layer's only input, or of the first of several, along whose steps its output runs."""
    return lengths[0] if isinstance(lengths, tuple) else lengths


@dataclass(frozen=True)
class Layer:
    """Base of all layers. A layer of your own defines `call`, one function; netgrad differentiates it.

    >>> @dataclass(frozen=True)
    ... class Scale(Layer):
    ...     def init(self, key, in_shape):
    ...         return {"scale": jnp.ones(in_shape)}
    ...     def call(self, params, x, context):
    ...         return params["scale"] * x
    >>> layer = Scale()
    >>> params = layer.init(jax.random.key(0), (3,))
    >>> a, saved = layer.forward(params, jnp.ones((2, 3)), Context())
    >>> layer.backward(params, saved, jnp.ones((2, 3))).d_params["scale"]
    Array([2., 2., 2.], dtype=float32)

    ``call`` may name quantities on its way, which the trace then shows beside ``x`` and ``a``, in a stack for each
    copy: it returns the output and a dict of arrays. The trace shows their gradients, too, ``d_weights`` of
    ``weights``: of each the whole derivative of the error. What nobody looks at costs nothing.

    >>> @dataclass(frozen=True)
    ... class SelfAttention(Layer):
    ...     def call(self, params, x, context):
    ...         weights = jax.nn.softmax(x @ jnp.swapaxes(x, 1, 2))
    ...         return weights @ x, {"weights": weights}
    >>> SelfAttention().forward({}, jnp.ones((2, 5, 3)), Context())[1]["weights"].shape
    (2, 5, 5)
    """

    name: str | None = field(default=None, kw_only=True)
    kind: ClassVar[str] = "layer"
    registered_name: ClassVar[str] = ""  # set by netgrad.register
    hands_on: ClassVar[bool] = False  # only rearranges, scales or roughens: the next layer is still a first one

    def init(self, key: jax.Array, in_shape: Shapes) -> Params:
        """The parameters for inputs of this shape (without the axis of examples); {} where there are none."""
        return {}

    def init_state(self, in_shape: Shapes) -> State:
        """What the layer remembers between steps, at the start; {} for almost every layer."""
        return {}

    def call(self, params: Params, x: Inputs, context: Context) -> Any:
        """The output, for layers that leave the backward rule to `jax.vjp`; or (output, {name: quantity, ...})."""
        raise NotImplementedError(f"{type(self).__name__} defines neither call nor forward and backward")

    def forward(self, params: Params, x: Inputs, context: Context) -> tuple[Output, Saved]:
        """The output and what must be kept for the way back; x is a tuple where the layer has several inputs."""
        a, residuals, named = jax.vjp(lambda p, v: self._called(p, v, context), params, x, has_aux=True)
        return a, named | {"x": x, "a": a, "residuals": _Called(residuals, context)}

    def _called(self, params: Params, x: Inputs, context: Context) -> tuple[Output, Saved]:
        """What `call` says: the output, and the quantities that it names."""
        found = self.call(params, x, context)
        if not isinstance(found, tuple):
            return found, {}
        if len(found) != 2 or not isinstance(found[1], dict):
            raise NetgradError(
                f"{self.label}.call returned a tuple of {len(found)}: return the output, or the output and a dict of "
                "named arrays"
            )
        if taken := sorted(TAKEN.intersection(found[1])):
            raise NetgradError(f"{self.label}.call names a quantity {taken[0]!r}, a word of the trace's own: rename it")
        return found

    def backward(self, params: Params, saved: Saved, d_out: Output) -> Backward:
        """The gradients, from the gradient of the output."""
        d_params, d_in = saved["residuals"].back(d_out)
        return Backward(d_in, d_params, d_out)

    def gradients(self, params: Params, saved: Saved, d_out: Output) -> Params | None:
        """backward's d_params without d_in and delta, for a layer that makes them faster so; None for all others.

        At the bottom of a network training wants nothing else. Whoever looks at delta gets it from `backward`.
        """
        return None

    def look_back(self, params: Params, saved: Saved, d_out: Output) -> Saved:
        """Gradients that the trace shows besides `backward`'s, by name; only the trace asks: training pays nothing.

        By default those of what `call` names.
        """
        kept = saved.get("residuals")
        if not isinstance(kept, _Called) or not set(saved) - {"x", "a", "residuals"}:
            return {}
        named = named_gradients(lambda: self._called(params, saved["x"], kept.context), d_out)
        return {f"d_{name}": d for name, d in named.items()}

    def next_state(self, state: State, saved: Saved) -> State:
        """The state after a training step, from the state before and what forward saved."""
        return state

    def stream_state(self, n: int, in_shape: Any) -> Params:
        """The state with which ``n`` long sequences begin that are worked through piece by piece; {} where a layer
        keeps nothing from one piece to the next. `forward` starts from it, `next_state` says how it goes on.

        in_shape: of whole sequences; its T is the number of steps that a layer has room for which `holds_steps`.
        Raises `needs_whole` where the steps see each other and nothing is kept that would bring one piece to the next.
        """
        return {}

    def needs_whole(self, why: str) -> NetgradError:
        """What `stream_state` raises of a layer that must see a sequence at once."""
        return NetgradError(f"{self.label} cannot work through a sequence piece by piece: {why}")

    def check_input(self, x: np.ndarray, name: str, lengths: np.ndarray | None) -> np.ndarray:
        """Checked data that enter the network at this layer, as the layer wants them, or a `DataError`."""
        return x

    def out_shape(self, in_shape: Shapes) -> Shape:
        """The output's shape without the axis of examples; raises `ShapeError` where the input does not fit."""
        key = jax.eval_shape(lambda: jax.random.key(0))
        params = jax.eval_shape(lambda k: self.init(k, in_shape), key)
        state = jax.eval_shape(lambda: self.init_state(in_shape))
        x = jax.tree.map(
            lambda s: jax.ShapeDtypeStruct((1, *s), jnp.result_type(float)),
            in_shape,
            is_leaf=lambda s: isinstance(s, tuple) and all(isinstance(n, int) for n in s),
        )
        try:
            out = jax.eval_shape(
                lambda p, s, v, k: self.forward(p, v, Context(key=k, state=s))[0], params, state, x, key
            )
        except TypeError as error:
            raise ShapeError(f"{self.label} cannot take an input of shape {in_shape}: {error}".split("\n")[0]) from None
        shape: Shape = out.shape[1:]
        return shape

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Any:
        """The valid lengths of the output's sequences; layers that shorten or drop the time axis say so here.

        lengths: as in `Context`. By default they are those of the input, of the first where there are several.
        """
        return along_first(lengths)

    def placed(self, first: bool) -> Layer:
        """This layer with the defaults that depend on where it stands filled in; ``first``: it sees the inputs."""
        return self

    def operations(self, in_shape: Shapes) -> int:
        """Multiply-adds of one forward pass of one example; 0 where the layer only moves or bends numbers."""
        return 0

    def connections(self, in_shape: Shapes) -> int:
        """How often one example uses a weight or bias; the multiply-adds, where a layer does not count its biases."""
        return self.operations(in_shape)

    def scannable(self, in_shape: Shapes) -> bool:
        """Whether this layer is as fast inside a compiled loop as outside; on CPUs XLA's own convolution is not."""
        return True

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        """What predicts a few examples without JAX, of one input without lengths; None where there is nothing.

        params, state: NumPy arrays. () for a layer that then hands on what it is given. A class that changes the way
        forward of its base is not asked for what the base says here, see `says_for`.
        """
        return None

    def layout(self, x: Inputs) -> Inputs:
        """An input of the network in the order in memory that this layer works in; its values and its shape stay."""
        return x

    @property
    def draws(self) -> bool:
        """Whether it draws random numbers in training, so that `netgrad.apply` asks for a key."""
        return False

    @property
    def holds_steps(self) -> bool:
        """Whether a stream of this layer has an end: it keeps every step, or counts them, up to the T of in_shape."""
        return False

    @property
    def label(self) -> str:
        """What error messages and summaries call this layer."""
        return self.name or type(self).__name__

    def __call__(self, *inputs: Symbol) -> Symbol:
        """Place this layer in a graph: symbols in, the symbol of its output back.

        The same layer object called twice is one layer used twice: its parameters are shared.
        """
        return place(self, inputs)

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed."""
        return dataclasses.replace(self, **changes)
