"""Pictures in training, each time a little otherwise: moved, turned, mirrored, cut, in other light, with noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netgrad.errors import DataError, ShapeError

if TYPE_CHECKING:
    import jax

AUGMENTATIONS = ("shift", "rotation", "noise", "flip", "crop", "colour")
GREY = (0.299, 0.587, 0.114)  # what red, green and blue weigh in the grey that a person sees (ITU-R BT.601)


def _as_drawn(draw: Callable[..., jax.Array], shape: tuple[int, ...], axis: int = 0) -> jax.Array:
    return draw(shape)


def augment(
    x: jax.Array,
    key: jax.Array,
    *,
    shift: float = 0.0,
    rotation: float = 0.0,
    noise: float = 0.0,
    flip: float = 0.0,
    crop: float = 0.0,
    colour: float = 0.0,
    drawn: Callable[..., jax.Array] = _as_drawn,
) -> jax.Array:
    """Each picture of `x` (N, height, width, channels) moved, turned and roughened at random; may be jitted.

    - shift: the most by which a picture moves along each axis, in pixels
    - rotation: the most by which it turns about its centre, in degrees
    - noise: standard deviation of the normal noise added to each pixel
    - flip: how often it is mirrored, left to right, from 0 to 1
    - crop: the most that is cut off of height and width, from 0 to 1; what is left is brought to the old size
    - colour: by what share, up to 1, its brightness, its contrast and the saturation of colours differ at most; an
      opacity behind the colours stays

    drawn: what to make of a function that draws and the shape it is to draw, with the pictures along ``axis``.

    Between pixels values are interpolated linearly; what comes in from outside is 0. Nothing is clipped.

    >>> import jax
    >>> x = jax.numpy.ones((2, 8, 8, 1))
    >>> augment(x, jax.random.key(0), shift=2, rotation=10, noise=0.1).shape
    (2, 8, 8, 1)
    >>> bool((augment(x, jax.random.key(0)) == x).all())
    True
    """
    import jax
    import jax.numpy as jnp

    if x.ndim != 4:
        raise ShapeError(f"x has shape {x.shape}: expected pictures (N, height, width, channels)")
    if min(shift, rotation, noise) < 0:
        raise DataError(f"shift {shift}, rotation {rotation}, noise {noise}: expected nothing below 0")
    check_shares(flip, crop, colour)

    def uniform(key: jax.Array, shape: tuple[int, ...], least: float, most: float, axis: int = 0) -> jax.Array:
        return drawn(lambda whole: jax.random.uniform(key, whole, x.dtype, least, most), shape, axis)

    key_shift, key_rotation, key_noise = jax.random.split(key, 3)
    if shift or rotation or flip or crop:
        n, height, width, _ = x.shape
        shifts = uniform(key_shift, (n, 2), -shift, shift)
        angles = jnp.deg2rad(uniform(key_rotation, (n,), -rotation, rotation))
        key_flip, key_crop, key_place = (jax.random.fold_in(key, i) for i in range(1, 4))
        mirrored = jnp.where(uniform(key_flip, (n,), 0, 1) < flip, -1.0, 1.0).astype(x.dtype)
        kept = uniform(key_crop, (n,), 1 - crop, 1.0)
        room = (1 - kept)[:, None] * (jnp.array([height, width], x.dtype) / 2)  # for the middle of what is left
        places = uniform(key_place, (n, 2), -1, 1) * room
        centre = jnp.array([(height - 1) / 2, (width - 1) / 2], x.dtype)[:, None, None]
        grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")) - centre

        def move(
            picture: jax.Array, shift: jax.Array, angle: jax.Array, scale: jax.Array, place: jax.Array
        ) -> jax.Array:
            cos, sin = jnp.cos(angle), jnp.sin(angle)
            # Where each pixel of the result comes from: turned back, and shifted back.
            back = jnp.array([[cos, sin], [-sin, cos]])
            source = jnp.einsum("ij,jhw->ihw", back, grid - shift[:, None, None])
            if flip or crop:
                source = source * scale[:, None, None] + place[:, None, None]
            sample = jax.scipy.ndimage.map_coordinates
            at = list(source + centre)
            return jax.vmap(lambda channel: sample(channel, at, order=1), in_axes=-1, out_axes=-1)(picture)

        x = jax.vmap(move)(x, shifts, angles, jnp.stack([kept, kept * mirrored], axis=1), places)
    if colour:
        own = jax.random.fold_in(key, 4)
        x = _in_other_light(x, uniform(own, (3, len(x), 1, 1, 1), 1 - colour, 1 + colour, axis=1))
    if noise:
        x = x + noise * drawn(lambda whole: jax.random.normal(key_noise, whole, x.dtype), x.shape)
    return x


def check_shares(flip: float, crop: float, colour: float) -> None:
    """Refuse shares beyond 1, and a picture of which nothing is left."""
    if not (0 <= flip <= 1 and 0 <= crop < 1 and 0 <= colour <= 1):
        raise DataError(f"flip {flip}, crop {crop}, colour {colour}: expected shares from 0 to 1, of a crop below 1")


def _in_other_light(x: jax.Array, by: jax.Array) -> jax.Array:
    """Pictures whose brightness, contrast and saturation are multiplied by the three of ``by`` (3, N, 1, 1, 1)."""
    import jax.numpy as jnp

    light, contrast, saturation = by
    seen, opacity = (x[..., :3], x[..., 3:]) if x.shape[-1] in (3, 4) else (x, x[..., :0])
    if seen.shape[-1] == 3:
        grey = (seen * jnp.array(GREY, x.dtype)).sum(-1, keepdims=True)
        seen = grey + saturation * (seen - grey)
    middle = seen.mean((1, 2, 3), keepdims=True)
    seen = light * (middle + contrast * (seen - middle))
    return jnp.concatenate([seen, opacity], axis=-1)
