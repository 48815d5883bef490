"""Checks of the arrays that go into training and prediction: what comes out is safe to compute with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from netgrad.errors import DataError, ShapeError


def default_float() -> Any:
    """The type of netgrad's numbers: float32, or float64 where JAX's 64-bit mode is on."""
    return jax.dtypes.canonicalize_dtype(float)


def as_examples(
    x: Any,
    name: str = "x",
    *,
    shape: Sequence[int | None] | None = None,
    lengths: np.ndarray | None = None,
    dtype: Any = np.float32,
) -> np.ndarray:
    """The examples `x` as a float array, examples first: (N,), (N, d), (N, T, d),
    (N, height, width, channels).

    `shape` is what one example must look like, with None for an axis of any size. With `lengths` (N,) only
    the first `lengths[i]` time-steps of sequence i are looked at; a value beyond them that is not finite
    becomes 0, so that padding can have no effect. An array that already fits comes back uncopied.

    Raises `DataError` where `x` is empty, not numeric or not finite, `ShapeError` where it has another shape.

    >>> as_examples([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    >>> as_examples([[1.0, 2.0], [3.0, float("nan")]])
    Traceback (most recent call last):
    netgrad.errors.DataError: x has 1 value that is not finite, the first nan at [1, 1]: remove or impute it
    """
    array = _numeric(x, name)
    if array.ndim == 0:
        raise ShapeError(f"{name} is a single number: expected an array with the examples along its first axis")
    if array.size == 0:
        raise DataError(f"{name} is empty, of shape {array.shape}: at least one example with one value is needed")
    if shape is not None:
        _check_shape(array, name, tuple(shape))
    floats = array
    if array.dtype != dtype:
        with np.errstate(over="ignore"):  # a value too large becomes infinite, and is reported below
            floats = array.astype(dtype)
    if all_finite(floats):
        return floats
    finite = np.isfinite(floats)
    if lengths is not None:
        padding = ~valid_steps(lengths, floats.shape[1]).reshape(floats.shape[:2] + (1,) * (floats.ndim - 2))
        floats = np.where(padding & ~finite, 0, floats)
        finite |= padding
    if not finite.all():
        raise DataError(_not_finite(array, finite, name, np.dtype(dtype).name))
    return floats


def all_finite(array: np.ndarray) -> bool:
    """Whether all of these numbers are finite.

    >>> all_finite(np.ones(3)), all_finite(np.array([1.0, np.nan])), all_finite(np.array([1e30], "float32"))
    (True, False, True)
    """
    # Of few numbers a product takes half the time: it is finite only where they are.
    few = array.size <= 10_000 and array.dtype in (np.float32, np.float64)
    return (few and math.isfinite(np.vdot(array, array))) or bool(np.isfinite(array).all())


def as_labels(y: Any, classes: int | None = None, name: str = "y", *, lengths: np.ndarray | None = None) -> np.ndarray:
    """The class labels `y`, whole numbers from 0 to `classes` - 1, as int32: (N,), or (N, T) for tagging.

    With `lengths` (N,), labels beyond a sequence's end are not looked at and become 0.
    Also right for symbols that go into an embedding: `classes` is then the size of the vocabulary.

    >>> as_labels([0.0, 2.0, 1.0], classes=3)
    array([0, 2, 1], dtype=int32)
    >>> as_labels([0, 3, 1], classes=3)
    Traceback (most recent call last):
    netgrad.errors.DataError: y holds the label 3 at [1]: expected whole numbers from 0 to 2
    """
    array = _numeric(y, name)
    if array.ndim == 0 or array.size == 0:
        raise DataError(f"{name} is empty or a single number: expected one label for each example")
    if lengths is not None:
        array = np.where(valid_steps(lengths, array.shape[1]), array, 0)
    largest = np.iinfo(np.int32).max if classes is None else classes - 1
    with np.errstate(invalid="ignore"):
        right = (array >= 0) & (array <= largest) & (array == np.floor(array))
    if not right.all():
        place = np.argwhere(~right)[0].tolist()
        upper = "" if classes is None else f" to {largest}"
        value = array[tuple(place)].item()
        raise DataError(f"{name} holds the label {value} at {place}: expected whole numbers from 0{upper}")
    return array.astype(np.int32)


def as_lengths(lengths: Any, examples: int, steps: int) -> np.ndarray:
    """The numbers of valid time-steps (N,) of `examples` sequences, each from 1 to `steps`, as int32.

    `lengths` None means that every sequence fills its row.

    >>> as_lengths([3, 1], examples=2, steps=4)
    array([3, 1], dtype=int32)
    >>> as_lengths([3, 0], examples=2, steps=4)
    Traceback (most recent call last):
    netgrad.errors.DataError: lengths[1] is 0: expected whole numbers from 1 to 4, the time-steps of x
    """
    if steps < 1:
        raise DataError("x is empty: its sequences have 0 time-steps, at least one is needed")
    if lengths is None:
        return np.full(examples, steps, np.int32)
    array = _numeric(lengths, "lengths")
    if array.shape != (examples,):
        raise ShapeError(f"lengths has shape {array.shape}: expected ({examples},), one number for each sequence")
    with np.errstate(invalid="ignore"):
        wrong = ~((array >= 1) & (array <= steps) & (array == np.floor(array)))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            f"lengths[{first}] is {array[first].item()}: expected whole numbers from 1 to {steps}, the time-steps of x"
        )
    return array.astype(np.int32)


def valid_steps(lengths: np.ndarray, steps: int) -> np.ndarray:
    """The mask (N, T) of the time-steps that belong to each sequence.

    >>> valid_steps(np.array([1, 3]), 3).astype(int)
    array([[1, 0, 0],
           [1, 1, 1]])
    """
    return np.arange(steps) < np.asarray(lengths)[:, None]


def same_examples(**arrays: Any) -> int:
    """The number of examples N that all the named arrays have; None counts as absent.

    >>> same_examples(x=np.zeros((3, 2)), y=np.zeros(3), weights=None)
    3
    >>> same_examples(x=np.zeros((3, 2)), y=np.zeros(4))
    Traceback (most recent call last):
    netgrad.errors.ShapeError: x has 3 examples but y has 4: expected the same number
    """
    counts = {name: len(array) for name, array in arrays.items() if array is not None}
    (first, expected), *others = counts.items()
    for name, count in others:
        if count != expected:
            raise ShapeError(f"{first} has {expected} examples but {name} has {count}: expected the same number")
    return expected


def as_array(x: Any, name: str) -> np.ndarray:
    """`x` as an array of anything, or a `ShapeError` where its rows differ in length.

    >>> as_array([[1, 2], [3]], "x")
    Traceback (most recent call last):
    netgrad.errors.ShapeError: x has rows of differing length: pad them to one shape (sequences: ng.data.pad_sequences)
    """
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ShapeError(
            f"{name} has rows of differing length: pad them to one shape (sequences: ng.data.pad_sequences)"
        ) from error


def _numeric(x: Any, name: str) -> np.ndarray:
    """`x` as an array of booleans, integers or real numbers, otherwise an error."""
    array = as_array(x, name)
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(_not_numeric(array, name)) from error
    # JAX's bfloat16 and its relatives have a kind of their own and are numbers all the same.
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        raise DataError(_not_numeric(array, name))
    return array


def _not_numeric(array: np.ndarray, name: str) -> str:
    for i in range(array.size if array.dtype.kind in "OUS" else 0):
        place = [int(p) for p in np.unravel_index(i, array.shape)]
        value = array[tuple(place)]
        try:
            float(value)
        except OverflowError:
            return f"{name} holds a whole number at {place} that is too large for a float: scale it"
        except (TypeError, ValueError):
            # The repr of a foreign object (a sparse matrix, say) may run over many lines.
            shown = " ".join(repr(value).split())[:60]
            return f"{name} holds {shown} at {place}: expected numbers (encode text and dates first)"
    return f"{name} holds {array.dtype.name} values: expected real numbers (encode text and dates first)"


def _not_finite(array: np.ndarray, finite: np.ndarray, name: str, dtype: str) -> str:
    place = np.argwhere(~finite)[0].tolist()
    value = array[tuple(place)].item()
    count = int((~finite).sum())
    values, them = ("value", "it") if count == 1 else ("values", "them")
    if np.isfinite(value):
        return f"{name} has {count} {values} too large for {dtype}, the first {value:g} at {place}: scale {them}"
    verb = "is" if count == 1 else "are"
    return f"{name} has {count} {values} that {verb} not finite, the first {value} at {place}: remove or impute {them}"


def _check_shape(array: np.ndarray, name: str, shape: tuple[int | None, ...]) -> None:
    found = array.shape[1:]
    fits = len(found) == len(shape) and all(s in (None, f) for f, s in zip(found, shape, strict=True))
    if not fits:
        sizes = ", ".join("any" if s is None else str(s) for s in shape)
        expected = f"(N, {sizes})" if shape else "(N,)"
        raise ShapeError(f"{name} has shape {array.shape}: expected {expected}")
