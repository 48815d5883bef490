"""Two recurrent layers over the same sequence, one from its start and one from its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels import single
from netgrad.kernels.single import Op
from netgrad.layers.base import Backward, Context, says_for
from netgrad.layers.dense import Dense
from netgrad.layers.recurrent import Recurrent
from netgrad.layers.wrapper import Wrapper
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape, State


@register("layer", "bidirectional")
@dataclass(frozen=True)
class Bidirectional(Wrapper):
    """A recurrent layer and its mirror image, so that every output knows the past and the future.

    Inputs (N, T, d). With ``units`` the outputs are o_t = f(h_t W_o + b_t W_b + bias), (N, T, units), where h_t comes
    from the layer that runs forward and b_t from the one that runs backward; without, h_t and b_t side by side,
    (N, T, 2u). What ``layer`` returns ("sequence", "last", "state") is what both return.

    Parameters: "forward" and "backward", each those of ``layer``; with ``units`` also "output", with W (2u, units), of
    which the first u rows are W_o and the others W_b, and b (units,).

    Source: Z&M 26.1.4.

    >>> import netgrad as ng
    >>> ng.Bidirectional(ng.LSTM(8)).out_shape((20, 3)), ng.Bidirectional(ng.RNN(8), units=5).out_shape((20, 3))
    ((20, 16), (20, 5))
    """

    transparent: ClassVar[bool] = False

    layer: Recurrent
    units: int | None = None
    activation: Any = "identity"

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Recurrent):
            raise NetgradError(f"{self.label} wraps a recurrent layer, found {self.layer!r}: write ng.LSTM(20), say")
        if self.units is not None:
            object.__setattr__(self, "activation", self.output.activation)

    @property
    def directions(self) -> dict[str, Recurrent]:
        """The two recurrent layers by name."""
        return {"forward": self.layer, "backward": self.layer.replace(reverse=not self.layer.reverse)}

    @property
    def output(self) -> Dense:
        """What combines h_t and b_t, where ``units`` says so."""
        return Dense(self.units or 1, activation=self.activation)

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.out_shape(in_shape)
        keys = dict(zip(("forward", "backward", "output"), jax.random.split(key, 3), strict=True))
        params = {name: layer.init(keys[name], in_shape) for name, layer in self.directions.items()}
        if self.units is not None:
            both = Bidirectional(self.layer).out_shape(in_shape)
            params["output"] = self.output.init(keys["output"], both)
        return params

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        saved: Saved = {"x": x}
        outputs = []
        for i, (name, layer) in enumerate(self.directions.items()):
            own = context.replace(key=None if context.key is None else jax.random.fold_in(context.key, i))
            a, saved[name] = layer.forward(params[name], x, own)
            outputs.append(a)
        a = jnp.concatenate(outputs, axis=-1)
        if self.units is not None:
            a, saved["output"] = self.output.forward(params["output"], a, context)
            saved["z"] = saved["output"]["z"]
        return a, saved | {"a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """The gradient of o_t goes to h_t and to b_t, and each layer sends its own back through time (Z&M 26.1.4)."""
        delta, d_params = {}, {}
        if self.units is not None:
            d_out, d_params["output"], delta["output"] = self.output.backward(params["output"], saved["output"], d_out)
        d_in = jnp.zeros_like(saved["x"])
        for (name, layer), d in zip(self.directions.items(), jnp.split(d_out, 2, axis=-1), strict=True):
            back = layer.backward(params[name], saved[name], d)
            d_in, d_params[name], delta[name] = d_in + back.d_in, back.d_params, back.delta
        return Backward(d_in, d_params, delta)

    def gradients(self, params: Params, saved: Saved, d_out: Array) -> Params | None:
        d_params = {}
        if self.units is not None:
            d_out, d_params["output"], _ = self.output.backward(params["output"], saved["output"], d_out)
        for (name, layer), d in zip(self.directions.items(), jnp.split(d_out, 2, axis=-1), strict=True):
            found = layer.gradients(params[name], saved[name], d)
            d_params[name] = layer.backward(params[name], saved[name], d).d_params if found is None else found
        return d_params

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        if self.units is not None:
            d_out = self.output.backward(params["output"], saved["output"], d_out).d_in
        looked = {
            name: layer.look_back(params[name], saved[name], d)
            for (name, layer), d in zip(self.directions.items(), jnp.split(d_out, 2, axis=-1), strict=True)
        }
        return {quantity: {name: looked[name][quantity] for name in looked} for quantity in looked["forward"]}

    def stream_state(self, n: int, in_shape: Shape) -> State:
        raise self.needs_whole("it looks ahead to the end of the sequence")

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        if not says_for(type(self.layer), "single", "forward", "step"):
            return None
        both = [layer.single(params[name], {}, in_shape) for name, layer in self.directions.items()]
        if state or None in both:
            return None
        beside = single.side_by_side(*(op for ops in both for op in ops or ()))
        if self.units is None:
            return beside
        after = self.output.single(params["output"], {}, Bidirectional(self.layer).out_shape(in_shape))
        return None if beside is None or after is None else (*beside, *after)

    def out_shape(self, in_shape: Shape) -> Shape:
        if in_shape and isinstance(in_shape[0], tuple):
            raise ShapeError(f"{self.label} takes one input; learn its two initial states with learned_state=True")
        *rest, u = self.layer.out_shape(in_shape)
        return (*rest, 2 * u if self.units is None else self.units)

    def operations(self, in_shape: Shape) -> int:
        combine = 0
        if self.units is not None:
            combine = self.output.operations(Bidirectional(self.layer).out_shape(in_shape))
        return 2 * self.layer.operations(in_shape) + combine

    def connections(self, in_shape: Shape) -> int:
        combine = 0
        if self.units is not None:
            combine = self.output.connections(Bidirectional(self.layer).out_shape(in_shape))
        return 2 * self.layer.connections(in_shape) + combine
