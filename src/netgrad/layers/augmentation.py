"""Augmentation: in training every picture is moved, turned and roughened a little, anew each time it is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from netgrad.data.augmentation import AUGMENTATIONS, augment, check_shares
from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.across import drawn
from netgrad.layers.base import Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Shape


@register("layer", "augment")
@dataclass(frozen=True)
class Augment(Layer):
    """As a first layer, other pictures in every training step; prediction sees them as they are.

    Args:
        shift: the most by which a picture moves along each axis, in pixels (default 0).
        rotation: the most by which it turns about its centre, in degrees (default 0).
        noise: standard deviation of the normal noise added to each number (default 0).
        flip: how often it is mirrored, left to right (default 0; 0.5 where that changes no class).
        crop: the most that is cut off of height and width; what is left is brought to the old size (default 0).
        colour: by what share brightness, contrast and, of colours, saturation differ at most (default 0).

    Inputs and outputs (N, height, width, channels); what moves in from outside is 0, so stand it before the inputs
    are centred. `netgrad.data.augmentation.augment` does the work. Source: Pattipati "Backprop practicalities"
    (training with noise: surrogate data).

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer, x = ng.Augment(shift=2, rotation=10), jnp.ones((1, 8, 8, 1))
    >>> bool((layer.forward({}, x, ng.Context())[0] == x).all())
    True
    >>> bool((layer.forward({}, x, ng.Context(training=True, key=jax.random.key(0)))[0] == x).all())
    False
    """

    hands_on: ClassVar[bool] = True

    shift: float = 0.0
    rotation: float = 0.0
    noise: float = 0.0
    flip: float = 0.0
    crop: float = 0.0
    colour: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in AUGMENTATIONS and (not isinstance(value, int | float) or not 0 <= value < math.inf):
                raise NetgradError(f"{self.label}: {name} must be a number of at least 0, found {value!r}")
        check_shares(self.flip, self.crop, self.colour)

    def call(self, params: Params, x: Array, context: Context) -> Any:
        self.out_shape(x.shape[1:])
        if not context.training or context.key is None:
            return x
        return augment(x, context.key, drawn=drawn, **{name: getattr(self, name) for name in AUGMENTATIONS})

    @property
    def draws(self) -> bool:
        return any(getattr(self, name) for name in AUGMENTATIONS)

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 3:
            raise ShapeError(f"{self.label} needs pictures (N, height, width, channels), found {('N', *in_shape)}")
        return in_shape
