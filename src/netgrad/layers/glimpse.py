"""Attention to a place in a picture: a grid of Gaussian filters reads a small patch of it, or writes one into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Lengths, Params, Saved, Shape, Shapes, State

AIM = 5  # numbers that say where: along both axes, and the logarithms of width, stride and strength


class _Filters(NamedTuple):
    """Filters (N, n, length) along one axis, whose rows add up to 1; and how far each pixel is from each centre."""

    weights: jax.Array
    away: jax.Array


@dataclass(frozen=True)
class _Glimpse(Layer):
    """What reading and writing have in common: where the filters lie, and the way back to the numbers that say so."""

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Lengths:
        return None

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        raise self.needs_whole("a glimpse is of a whole picture")

    def _filters(self, aim: jax.Array, size: int, lengths: tuple[int, int]) -> tuple[_Filters, _Filters]:
        """Along the height and along the width."""
        variance, stride = jnp.exp(aim[:, 2])[:, None, None], _stride(aim, size, lengths)
        made = []
        for axis, length in enumerate(lengths):
            middle = (length - 1) / 2 + (length + 1) / 2 * aim[:, axis]
            centres = middle[:, None] + stride[:, None] * _places(size, aim)
            away = jnp.arange(length, dtype=aim.dtype) - centres[:, :, None]
            made.append(_Filters(jax.nn.softmax(-(away**2) / (2 * variance), axis=-1), away))
        return made[0], made[1]

    def _aim_back(
        self, aim: jax.Array, filters: tuple[_Filters, _Filters], d_filters: tuple[Any, Any], d_strength: jax.Array
    ) -> jax.Array:
        """dE/daim, from the gradients of both axes' filters and of the strength's logarithm."""
        variance, (size, _) = jnp.exp(aim[:, 2])[:, None, None], filters[0].weights.shape[1:]
        lengths = (filters[0].weights.shape[2], filters[1].weights.shape[2])
        d_width, d_stride, d_middle = jnp.zeros_like(d_strength), jnp.zeros_like(d_strength), []
        for (weights, away), d, length in zip(filters, d_filters, lengths, strict=True):
            d_scores = weights * (d - (weights * d).sum(-1, keepdims=True))  # softmax's Jacobian
            d_centres = (d_scores * away / variance).sum(-1)
            d_width = d_width + (d_scores * away**2 / (2 * variance)).sum((1, 2))
            d_stride = d_stride + (d_centres * _places(size, aim)).sum(-1)
            d_middle.append((length + 1) / 2 * d_centres.sum(-1))
        return jnp.stack([*d_middle, d_width, d_stride * _stride(aim, size, lengths), d_strength], axis=-1)


@register("layer", "glimpse_read")
@dataclass(frozen=True)
class GlimpseRead(_Glimpse):
    """A patch of size x size numbers a channel, read from a picture where five numbers say: (N, H, W, C), (N, 5) ->
    (N, size, size, C).

    The five are y, x, log variance, log stride and log strength. Filter i along an axis of L pixels is a Gaussian that
    adds up to 1 over the pixels p, here of the height, and the patch is what both axes' filters let through:

        stride = e^(log stride) (max(H, W) - 1)/(size - 1)
        centre_i = (L - 1)/2 + (L + 1)/2 y + (i - (size - 1)/2) stride
        F_ip = softmax over p of -(p - centre_i)^2 / (2 variance)
        a = strength F_y image F_x'

    so that five zeros read the whole picture. Called on the picture alone, ``layer(image)``, it reads that. The trace
    shows ``filters_y`` and ``filters_x``. Raises `NetgradError` where size is no whole number of at least 2.

    Source: Pattipati, applications: image generation with attention; Gregor et al. (2015), DRAW, eq. 19 to 27.

    >>> import jax.numpy as jnp, netgrad as ng
    >>> picture = jnp.arange(25.0).reshape(1, 5, 5, 1)
    >>> sharp_corner = jnp.array([[-1 / 3, -1 / 3, -9.0, -0.7, 0.0]])
    >>> ng.GlimpseRead(2).forward({}, (picture, sharp_corner), ng.Context())[0].shape
    (1, 2, 2, 1)
    """

    size: int

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 2:
            raise NetgradError(f"{self.label}: size must be a whole number of at least 2, found {self.size!r}")

    def forward(self, params: Params, x: Any, context: Context) -> tuple[Array, Saved]:
        image, aim = x if isinstance(x, tuple) else (x, jnp.zeros((x.shape[0], AIM), x.dtype))
        filters = self._filters(aim, self.size, image.shape[1:3])
        a = _strength(aim) * _through(filters, image)
        named = {"filters_y": filters[0].weights, "filters_x": filters[1].weights}
        return a, named | {"x": x, "a": a, "residuals": (aim, filters)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dimage = strength F_y' dE/da F_x;  dE/dlog strength = sum of dE/da a;
        dE/dF_y = strength dE/da (image F_x')', dE/dF_x = strength dE/da' (F_y image), and through the softmax's
        Jacobian dE/dcentre_i = sum over p of dE/dscore_ip (p - centre_i)/variance, dE/dlog variance = the sum of
        dE/dscore_ip (p - centre_i)^2/(2 variance): what y, x and the stride get are sums over the centres."""
        aim, filters = saved["residuals"]
        delta = _strength(aim) * d_out
        several = isinstance(saved["x"], tuple)
        image = saved["x"][0] if several else saved["x"]
        d_image = _back_through(filters, delta)
        if not several:
            return Backward(d_image, {}, d_out)
        along_x = jnp.einsum("nyxc,njx->nyjc", image, filters[1].weights)
        along_y = jnp.einsum("niy,nyxc->nixc", filters[0].weights, image)
        d_filters = jnp.einsum("nijc,nyjc->niy", delta, along_x), jnp.einsum("nijc,nixc->njx", delta, along_y)
        d_aim = self._aim_back(aim, filters, d_filters, (d_out * saved["a"]).sum((1, 2, 3)))
        return Backward((d_image, d_aim), {}, d_out)

    def out_shape(self, in_shape: Shapes) -> Shape:
        shapes: Any = in_shape if in_shape and isinstance(in_shape[0], tuple) else (in_shape, (AIM,))
        if len(shapes) != 2 or len(shapes[0]) != 3 or shapes[1] != (AIM,):
            raise ShapeError(
                f"{self.label} needs a picture (N, H, W, C), alone or with five numbers (N, 5) that say where, found "
                f"inputs of shape {in_shape}"
            )
        return (self.size, self.size, shapes[0][2])

    def operations(self, in_shape: Shapes) -> int:
        shape: Any = in_shape[0] if isinstance(in_shape[0], tuple) else in_shape
        height, width, channels = shape
        return int(self.size * width * channels * (height + self.size))


@register("layer", "glimpse_write")
@dataclass(frozen=True)
class GlimpseWrite(_Glimpse):
    """A patch written into an empty picture where five numbers say: (N, n, n, C), (N, 5) -> (N, height, width, C).

    The filters are those of `GlimpseRead`, and what that reads this writes back:

        a = F_y' patch F_x / strength

    Raises `NetgradError` where height or width is no whole number of at least 1.

    Source: Gregor et al. (2015), DRAW, eq. 28 and 29.

    >>> import netgrad as ng
    >>> ng.GlimpseWrite(28, 28).out_shape(((5, 5, 1), (5,)))
    (28, 28, 1)
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise NetgradError(f"{self.label}: {name} must be a whole number of at least 1, found {value!r}")

    def forward(self, params: Params, x: tuple[Array, Array], context: Context) -> tuple[Array, Saved]:
        patch, aim = x
        filters = self._filters(aim, patch.shape[1], (self.height, self.width))
        a = _back_through(filters, patch) / _strength(aim)
        named = {"filters_y": filters[0].weights, "filters_x": filters[1].weights}
        return a, named | {"x": x, "a": a, "residuals": filters}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dpatch = F_y dE/da F_x' / strength;  dE/dlog strength = - sum of dE/da a;
        dE/dF_y = patch (dE/da F_x')' / strength, dE/dF_x = patch' (F_y dE/da) / strength, and on as in `GlimpseRead`.
        """
        (patch, aim), filters = saved["x"], saved["residuals"]
        delta = d_out / _strength(aim)
        along_x = jnp.einsum("nyxc,njx->nyjc", delta, filters[1].weights)
        along_y = jnp.einsum("niy,nyxc->nixc", filters[0].weights, delta)
        d_filters = jnp.einsum("nijc,nyjc->niy", patch, along_x), jnp.einsum("nijc,nixc->njx", patch, along_y)
        d_aim = self._aim_back(aim, filters, d_filters, -(d_out * saved["a"]).sum((1, 2, 3)))
        return Backward((_through(filters, delta), d_aim), {}, d_out)

    def out_shape(self, in_shape: Shapes) -> Shape:
        shapes: Any = in_shape
        fits = len(shapes) == 2 and isinstance(shapes[0], tuple) and len(shapes[0]) == 3 and shapes[1] == (AIM,)
        if not fits or shapes[0][0] != shapes[0][1] or shapes[0][0] < 2:
            raise ShapeError(
                f"{self.label} needs a patch (N, n, n, C) of at least 2 x 2 and five numbers (N, 5) that say where, "
                f"found inputs of shape {in_shape}"
            )
        return (self.height, self.width, shapes[0][2])

    def operations(self, in_shape: Shapes) -> int:
        shapes: Any = in_shape
        size, _, channels = shapes[0]
        return int(size * self.width * channels * (self.height + size))


def _places(size: int, like: jax.Array) -> jax.Array:
    """Where the filters lie beside their middle, in strides."""
    return jnp.arange(size, dtype=like.dtype) - (size - 1) / 2


def _stride(aim: jax.Array, size: int, lengths: tuple[int, int]) -> jax.Array:
    return jnp.exp(aim[:, 3]) * (max(lengths) - 1) / (size - 1)


def _strength(aim: jax.Array) -> jax.Array:
    return jnp.exp(aim[:, 4])[:, None, None, None]


def _through(filters: tuple[_Filters, _Filters], image: jax.Array) -> jax.Array:
    """F_y image F_x', channel by channel."""
    return jnp.einsum("niy,nyxc,njx->nijc", filters[0].weights, image, filters[1].weights)


def _back_through(filters: tuple[_Filters, _Filters], patch: jax.Array) -> jax.Array:
    """F_y' patch F_x, channel by channel."""
    return jnp.einsum("niy,nijc,njx->nyxc", filters[0].weights, patch, filters[1].weights)
