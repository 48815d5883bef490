"""Windows that slide over signals, images and volumes: the shape arithmetic that convolution and pooling share.

Along each axis n inputs, a window of k, stride s and p zeros in all give floor((n - k + p)/s) + 1 outputs (Z&M
26.3.3; Pattipati "How convolution works"); a dilation d widens the window to (k - 1)d + 1.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from netgrad.errors import NetgradError, ShapeError

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

_AXES = {1: ("steps",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
_EXPECTED = {
    1: "(N, length, channels)",
    2: "(N, height, width, channels)",
    3: "(N, depth, height, width, channels)",
}


@dataclass(frozen=True)
class Windows:
    """All windows over inputs of these ``sizes``, one entry an axis; ``padding`` in pairs (before, after).

    >>> at = windows_over("Conv", (28, 28, 1), 5, 1, "same", 1)
    >>> at.out, at.padding
    ((28, 28), ((2, 2), (2, 2)))
    """

    sizes: Sizes
    window: Sizes
    stride: Sizes
    padding: Pairs
    dilation: Sizes
    same: bool = False  # padded so as to give ceil(n / s) outputs

    @property
    def spans(self) -> Sizes:
        """How many inputs a window reaches over, (k - 1) dilation + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.window, self.dilation, strict=True))

    @property
    def out(self) -> Sizes:
        """How many windows there are."""
        return tuple(
            (n - span + sum(p)) // s + 1
            for n, span, s, p in zip(self.sizes, self.spans, self.stride, self.padding, strict=True)
        )

    def offsets(self) -> Iterator[Sizes]:
        """Where each element of a window stands from the window's beginning, in row-major order."""
        return itertools.product(*(range(0, span, d) for span, d in zip(self.spans, self.dilation, strict=True)))

    @property
    def mixes_steps(self) -> bool:
        """Whether a window reaches over more than one entry of the first axis, that of time, or its steps are others
        than the input's."""
        return (self.window[0], self.stride[0], self.padding[0]) != (1, 1, (0, 0))

    def check(self, label: str) -> None:
        """Raise `ShapeError` with the formula and its numbers where an axis has no output."""
        for axis, out in enumerate(self.out):
            if out < 1:
                raise ShapeError(
                    f"{label}: {self._formula(axis)} leaves {max(out, 0)} {self._name(axis)}: use a smaller window, "
                    "less pooling before, or padding"
                )

    def unseen(self) -> list[str]:
        """What the floor in the formula leaves out: a line for each axis whose last inputs no window reaches.

        A stride over the window's length leaves some out between windows, too: as many are none at the end.
        """
        lines = []
        for axis, (out, s, span, (before, _), n) in enumerate(
            zip(self.out, self.stride, self.spans, self.padding, self.sizes, strict=True)
        ):
            first = (out - 1) * s + span - before
            if n - first > max(s - span, 0):
                which = f"{first}" if first == n - 1 else f"{first} to {n - 1}"
                lines.append(
                    f"{self._formula(axis)} = {out} {self._name(axis)}, rounded down: "
                    f"{self._name(axis)} {which} of 0 to {n - 1} are never seen"
                )
        return lines

    def out_lengths(self, lengths: jax.Array) -> jax.Array:
        """How many windows along the first axis lie within each sequence; 0 for one shorter than the window."""
        s, span, padding, out = self.stride[0], self.spans[0], self.padding[0], self.out[0]
        if self.same:
            return jnp.minimum(-(-lengths // s), out)
        return jnp.clip((lengths - span + sum(padding)) // s + 1, 0, out)

    def _formula(self, axis: int) -> str:
        n, span, p, s = self.sizes[axis], self.spans[axis], sum(self.padding[axis]), self.stride[axis]
        return f"floor(({n} - {span} + {p})/{s}) + 1"

    def _name(self, axis: int) -> str:
        return _AXES[len(self.sizes)][axis] if len(self.sizes) in _AXES else f"positions on axis {axis + 1}"


def windows_over(label: str, in_shape: Sizes, window: Any, stride: Any, padding: Any, dilation: Any) -> Windows:
    """The windows of these settings over inputs (..., channels), checked.

    window, stride, dilation: a number, or one an axis. padding: "valid" (none), "same" (zeros as evenly as possible
    on both sides, the odd one behind, for ceil(n / s) outputs), a number, or for each axis a number or a pair.
    Raises `ShapeError` where the input has another number of axes, or is smaller than a window.
    """
    sizes, k, s, d, pairs = _settings(label, in_shape, window, stride, padding, dilation)
    if pairs is None:
        totals = (
            max((-(-n // step) - 1) * step + (w - 1) * gap + 1 - n, 0)
            for n, w, step, gap in zip(sizes, k, s, d, strict=True)
        )
        pairs = tuple((total // 2, total - total // 2) for total in totals)
    at = Windows(sizes, k, s, pairs, d, padding == "same")
    at.check(label)
    return at


def windows_onto(label: str, in_shape: Sizes, window: Any, stride: Any, padding: Any, dilation: Any) -> Windows:
    """The windows over an output of which there are as many as the input (..., channels) has positions.

    The output has (n - 1) stride + (k - 1) dilation + 1 - padding positions along each axis, n stride with "same".

    >>> windows_onto("ConvTranspose", (14, 14, 16), 2, 2, "valid", 1).sizes
    (28, 28)
    """
    sizes, k, s, d, pairs = _settings(label, in_shape, window, stride, padding, dilation)
    if pairs is None:
        return windows_over(label, (*(n * step for n, step in zip(sizes, s, strict=True)), 1), k, s, "same", d)
    onto = []
    for n, w, step, p, gap in zip(sizes, k, s, pairs, d, strict=True):
        onto.append((n - 1) * step + (w - 1) * gap + 1 - sum(p))
        if onto[-1] < 1:
            raise ShapeError(
                f"{label}: ({n} - 1) * {step} + {(w - 1) * gap + 1} - {sum(p)} leaves nothing: use less padding"
            )
    return Windows(tuple(onto), k, s, pairs, d)


def _settings(
    label: str, in_shape: Sizes, window: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Sizes, Sizes, Sizes, Sizes, Pairs | None]:
    """Sizes, window, stride, dilation and padding, one entry an axis; padding None where it is "same"."""
    sizes = tuple(in_shape[:-1])
    given = {len(v) for v in (window, stride, dilation, padding) if isinstance(v, tuple)}
    dims = max(given, default=len(sizes))
    if not 1 <= len(sizes) <= 3 or given - {len(sizes)}:
        wanted = _EXPECTED.get(dims, "one of " + ", ".join(_EXPECTED.values()))
        hint = "add an axis of channels, x[..., None]" if len(sizes) < max(dims, 1) else "give one setting an axis"
        raise ShapeError(f"{label} needs inputs of shape {wanted}, found {_shown(in_shape)}: {hint}")
    pairs = None
    if padding != "same":
        each = _each(0 if padding == "valid" else padding, dims)
        pairs = tuple(p if isinstance(p, tuple) else (p, p) for p in each)
    return sizes, _each(window, dims), _each(stride, dims), _each(dilation, dims), pairs


def views(x: jax.Array, at: Windows) -> Iterator[jax.Array]:
    """(N, sizes..., channels) -> K times (N, out..., channels): the first element of every window, the second, and so
    on, in row-major order, zeros from the padding."""
    x = jnp.pad(x, ((0, 0), *at.padding, (0, 0)))
    last = [(out - 1) * s + 1 for out, s in zip(at.out, at.stride, strict=True)]
    for offset in at.offsets():
        ends = (o + n for o, n in zip(offset, last, strict=True))
        yield lax.slice(x, (0, *offset, 0), (x.shape[0], *ends, x.shape[-1]), (1, *at.stride, 1))


def gathered(parts: Iterable[jax.Array], at: Windows) -> jax.Array:
    """The way back of `views`: every input's sum over all the windows' elements that it is."""
    found = []
    for part, offset in zip(parts, at.offsets(), strict=True):
        config = [(0, 0, 0)]
        for n, out, s, (before, _), o in zip(at.sizes, at.out, at.stride, at.padding, offset, strict=True):
            first = o - before
            config.append((first, n - first - (out - 1) * s - 1, s - 1))
        found.append(lax.pad(part, jnp.zeros((), part.dtype), [*config, (0, 0, 0)]))
    return functools.reduce(jnp.add, found)


def as_image(at: Windows) -> Windows | None:
    """These windows over an image, the input that the kernels take: of a signal one of height 1, of a volume None."""
    if len(at.sizes) > 2:
        return None
    if len(at.sizes) == 2:
        return at
    return Windows((1, *at.sizes), (1, *at.window), (1, *at.stride), ((0, 0), *at.padding), (1, *at.dilation))


def image(x: jax.Array) -> jax.Array:
    """(N, length, channels) as (N, 1, length, channels); images as they are."""
    return x if x.ndim == 4 else x[:, None]


def as_setting(label: str, name: str, value: Any, least: int) -> Any:
    """A number of at least ``least``, or a tuple of one to three such numbers; anything else is refused."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not 1 <= len(values) <= 3 or not all(_whole(v, least) for v in values):
        raise NetgradError(
            f"{label}: {name} must be a whole number of at least {least}, or one for each axis, found {value!r}"
        )
    return values if isinstance(value, list | tuple) else value


def as_padding(label: str, value: Any) -> Any:
    """ "valid", "same", a number, or for each axis a number or a pair (before, after); anything else is refused."""
    if value in ("valid", "same") or _whole(value, 0):
        return value
    if isinstance(value, list | tuple) and 1 <= len(value) <= 3:
        each = tuple(tuple(v) if isinstance(v, list | tuple) else v for v in value)
        if all(_whole(v, 0) or (isinstance(v, tuple) and len(v) == 2 and all(_whole(p, 0) for p in v)) for v in each):
            return each
    raise NetgradError(
        f"{label}: padding must be 'valid', 'same', a whole number, or for each axis a number or a pair "
        f"(before, after), found {value!r}"
    )


def within(lengths: jax.Array, shape: Sizes) -> jax.Array:
    """Which steps of arrays (N, T, ...) of this shape are valid, as (N, T, 1, ...)."""
    mask = jnp.arange(shape[1]) < lengths[:, None]
    return mask.reshape(*mask.shape, *(1,) * (len(shape) - 2))


def positions(at: Windows) -> int:
    """The number of windows."""
    return math.prod(at.out)


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _each(value: Any, dims: int) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * dims


def _shown(in_shape: Any) -> str:
    return str(("N", *in_shape)).replace("'", "")
