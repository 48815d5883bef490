"""Losses: the error of each example, and its gradient with respect to the network's output in closed form.

A loss sums over the output units (the last axis) and leaves all other axes: one number for each example, or for each
time-step of each sequence. `netgrad.training.objective` weighs, masks and averages them. Those that belong to a link
function (softmax, logistic) take the *logits*, the net input of a linear last layer, so that both are computed stably
and delta is simply p - t; ``link`` turns logits into what a user wants to see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from netgrad.data.checks import as_array, as_examples, as_labels, default_float, valid_steps
from netgrad.errors import DataError, NetgradError, ShapeError
from netgrad.kernels.loss import weighted_loss
from netgrad.registry import register
from netgrad.types import Shape

# The contract's shapes; a target is of the output's, or without its last axis where it says which class is right.
Output = Float[Array, "N *steps units"]
Target = Shaped[Array, "N *steps"] | Shaped[Array, "N *steps units"]
Error = Float[Array, "N *steps"]
Weight = Float[Array, ""] | Float[Array, "N *steps"]
Total = Float[Array, ""]


@dataclass(frozen=True)
class Loss:
    """Base of the losses.

    task: "classification" (targets are class numbers or rows of probabilities), "multilabel" (0/1 for each unit) or
    "regression". logits: the loss applies its own link function, so the last layer must be linear.
    """

    kind: ClassVar[str] = "loss"
    registered_name: ClassVar[str] = ""  # set by netgrad.register
    task: ClassVar[str] = "regression"
    logits: ClassVar[bool] = False

    def value(self, output: Output, target: Target) -> Error:
        """(N, ..., units), target -> (N, ...): the error of each example, summed over its units."""
        raise NotImplementedError

    def delta(self, output: Output, target: Target) -> Output:
        """dE/d(output), of the output's shape, for the value of each example itself."""
        raise NotImplementedError

    def weighted(self, output: Output, target: Target, weight: Weight) -> tuple[Total, Output]:
        """The sum of weight * value, and weight * delta: what a step of training needs of this loss.

        weight: one number, or one for each value (N, ...); where it is 0, the output and target have no effect.
        """
        values, deltas = self.value(output, target), self.delta(output, target)
        if weight.ndim == 0:
            return weight * values.sum(), weight * deltas
        # where, not a product alone: whatever stands in the padding, NaN included, has no effect.
        w = weight[..., None]
        return jnp.where(weight != 0, weight * values, 0).sum(), jnp.where(w != 0, w * deltas, 0)

    def curvature(self, output: Output, target: Target) -> Array:
        """d2E/d(output)2, (N, ..., units, units), for the value of each example itself.

        What Gauss-Newton steps, posteriors and pruning stand on (`netgrad.curvature`). Raises `NetgradError` for losses
        that say none: only those that are convex and smooth in the output do.

        >>> SoftmaxCrossEntropy().curvature(jnp.zeros((1, 2)), jnp.array([0])).round(4).tolist()  # diag(p) - p p'
        [[[0.25, -0.25], [-0.25, 0.25]]]
        """
        root = self.curvature_root(output, target)
        return root @ jnp.swapaxes(root, -1, -2)

    def curvature_root(self, output: Output, target: Target) -> Array:
        """S, (N, ..., units, units), with curvature = S S': by it a Jacobian becomes that of a squared error."""
        raise NetgradError(
            f"the loss {self.registered_name or type(self).__name__!r} says no curvature, which this asks for: "
            "use 'squared_error', 'softmax_cross_entropy' or 'binary_cross_entropy'"
        )

    def link(self, output: Output) -> Output:
        """What the output means: probabilities where ``logits``, else the output itself."""
        return output

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """The target as the loss wants it, or `DataError`/`ShapeError`.

        out_shape: the output's, without the examples' axis; lengths: targets beyond a sequence's end are not read.
        """
        target = as_array(target, "y")
        if target.ndim == len(out_shape) and out_shape[-1:] == (1,):
            target = target[..., None]
        if target.shape[1:] != tuple(out_shape):
            raise ShapeError(
                f"targets of shape {('N', *target.shape[1:])} do not fit the network's output {('N', *out_shape)}"
            )
        return as_examples(target, "y", lengths=lengths, dtype=default_float())


@register("loss", "squared_error")
@dataclass(frozen=True)
class SquaredError(Loss):
    """E = 1/2 sum_k (t_k - a_k)^2, delta = a - t (Kelleher eq. 20; Z&M 26.1)."""

    def value(self, output: Output, target: Target) -> Error:
        return 0.5 * jnp.sum((output - target) ** 2, axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        return output - target

    def curvature_root(self, output: Output, target: Target) -> Array:
        """The identity."""
        return _diagonal(jnp.ones_like(output))


@register("loss", "absolute_error")
@dataclass(frozen=True)
class AbsoluteError(Loss):
    """E = sum_k |t_k - a_k|, delta = sign(a - t), 0 where they agree."""

    def value(self, output: Output, target: Target) -> Error:
        return jnp.sum(jnp.abs(output - target), axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        return jnp.sign(output - target)


@register("loss", "power_error")
@dataclass(frozen=True)
class PowerError(Loss):
    """E = sum_k |t_k - a_k|^R with 1 <= R <= 2, less moved by outliers as R falls (Pattipati, "Computing Gradient")."""

    R: float = 1.5

    def __post_init__(self) -> None:
        if not 1 <= self.R <= 2:
            raise NetgradError(f"PowerError needs 1 <= R <= 2, found R={self.R}")

    def value(self, output: Output, target: Target) -> Error:
        return jnp.sum(jnp.abs(output - target) ** self.R, axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        e = output - target
        return self.R * jnp.abs(e) ** (self.R - 1) * jnp.sign(e)


@register("loss", "huber")
@dataclass(frozen=True)
class Huber(Loss):
    """E = sum_k of 1/2 e_k^2 where |e_k| <= d, else d (|e_k| - d/2), with e = a - t; delta = e, held within -d and d.

    Squared error for small deviations and absolute error for large ones, so that no outlier pulls harder than d = 1 by
    default (Huber 1964).

    >>> Huber(d=1.0).delta(jnp.array([[0.5, 9.0]]), jnp.zeros((1, 2)))
    Array([[0.5, 1. ]], dtype=float32)
    """

    d: float = 1.0

    def __post_init__(self) -> None:
        if not self.d > 0:
            raise NetgradError(f"Huber needs d > 0, found d={self.d}")

    def value(self, output: Output, target: Target) -> Error:
        e = jnp.abs(output - target)
        near = jnp.minimum(e, self.d)
        return jnp.sum(near * (e - 0.5 * near), axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        return jnp.clip(output - target, -self.d, self.d)


@register("loss", "poisson")
@dataclass(frozen=True)
class Poisson(Loss):
    """Half the Poisson deviance, E = sum_k a_k - t_k + t_k ln(t_k / a_k) with a = exp(output), delta = a - t.

    For counts and rates, targets of at least 0; the network puts out the logarithm of the expected count, so the last
    layer is linear. scikit-learn's `MLPRegressor` has the same.

    >>> Poisson().value(jnp.log(jnp.array([[2.0]])), jnp.array([[2.0]]))
    Array([0.], dtype=float32)
    """

    logits: ClassVar[bool] = True

    def value(self, output: Output, target: Target) -> Error:
        own = jax.scipy.special.xlogy(target, target) - target  # what no output changes: 0 for a perfect answer
        return jnp.sum(jnp.exp(output) - target * output + own, axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        return jnp.exp(output) - target

    def link(self, output: Output) -> Output:
        return jnp.exp(output)

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        target = super().check(out_shape, target, lengths)
        valid = target if lengths is None else target[valid_steps(lengths, target.shape[1])]
        if (valid < 0).any():
            raise DataError(
                f"poisson targets are counts or rates of at least 0, found {valid.min():g}: leave them as they are "
                "(scaling='none'), or use squared_error"
            )
        return target


@dataclass(frozen=True)
class Smoothed(Loss):
    """Base of the cross-entropies: their targets may be smoothed.

    label_smoothing: the share of a target that is spread evenly over all classes, so that no answer is worth being
    entirely sure of: t' = (1 - s) t + s / K; of a unit that says yes or no, K = 2. 0 by default; 0.1 is usual.
    Source: Szegedy et al., "Rethinking the Inception architecture" (2016), section 7.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise NetgradError(f"label_smoothing is a share from 0 to below 1, found {self.label_smoothing}")

    def learned(self, output: Output, target: Target) -> Target:
        """The targets that the loss is computed with: as they are, or smoothed, (N, ..., units)."""
        if not self.label_smoothing:
            return target
        classes = output.shape[-1]
        rows = jax.nn.one_hot(target, classes, dtype=output.dtype) if _are_classes(output, target) else target
        return (1 - self.label_smoothing) * rows + self.label_smoothing / (classes if self.task != "multilabel" else 2)


@register("loss", "softmax_cross_entropy")
@dataclass(frozen=True)
class SoftmaxCrossEntropy(Smoothed):
    """E = -sum_k t_k ln p_k with p = softmax(logits), delta = p - t (Kelleher eq. 71-89; Allauzen eq. 2).

    Targets are class numbers (N, ...) or rows of probabilities (N, ..., classes). label_smoothing: see `Smoothed`.

    >>> loss = SoftmaxCrossEntropy()
    >>> loss.delta(jnp.array([[1.5, -0.9, 0.6]]), jnp.array([0])).round(4)
    Array([[-0.3321,  0.0606,  0.2715]], dtype=float32)
    """

    task: ClassVar[str] = "classification"
    logits: ClassVar[bool] = True

    def value(self, output: Output, target: Target) -> Error:
        target = self.learned(output, target)
        log_p = jax.nn.log_softmax(output, axis=-1)
        if _are_classes(output, target):
            return -jnp.take_along_axis(log_p, target[..., None], axis=-1)[..., 0]
        return -jnp.sum(target * log_p, axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        target = self.learned(output, target)
        p = jax.nn.softmax(output, axis=-1)
        if _are_classes(output, target):
            return p - jax.nn.one_hot(target, output.shape[-1], dtype=p.dtype)
        return p * jnp.sum(target, axis=-1, keepdims=True) - target

    def weighted(self, output: Output, target: Target, weight: Weight) -> tuple[Total, Output]:
        if self.label_smoothing or not _are_classes(output, target):
            return super().weighted(output, target, weight)
        return weighted_loss("softmax_cross_entropy", super().weighted, output, target, weight)

    def curvature_root(self, output: Output, target: Target) -> Array:
        """diag(sqrt p) - p sqrt(p)', whose square is diag(p) - p p'."""
        p = jax.nn.softmax(output, axis=-1)
        return _diagonal(jnp.sqrt(p)) - p[..., :, None] * jnp.sqrt(p)[..., None, :]

    def link(self, output: Output) -> Output:
        return jax.nn.softmax(output, axis=-1)

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        target, classes = as_array(target, "y"), out_shape[-1]
        if classes < 2:
            raise ShapeError(
                f"softmax_cross_entropy needs two or more output units, found {classes}: use one unit for each class, "
                "or binary_cross_entropy with one unit"
            )
        if target.shape[1:] == tuple(out_shape) and target.ndim > 1 and target.dtype.kind in "biuf":
            rows = super().check(out_shape, target, lengths)
            sums = rows.sum(-1)
            if lengths is not None and sums.ndim > 1:
                sums = sums[valid_steps(lengths, sums.shape[1])]
            if (rows < 0).any() or not np.allclose(sums, 1, atol=1e-4):
                raise DataError("rows of target probabilities must be non-negative and sum to 1")
            return rows
        if target.ndim == len(out_shape) + 1 and target.shape[-1] == 1:
            target = target[..., 0]
        if target.shape[1:] != tuple(out_shape[:-1]):
            raise ShapeError(
                f"targets have shape {('N', *target.shape[1:])}, expected class numbers {('N', *out_shape[:-1])} or "
                f"rows of probabilities {('N', *out_shape)}"
            )
        return as_labels(target, classes, "y", lengths=lengths if len(out_shape) > 1 else None)


@register("loss", "binary_cross_entropy")
@dataclass(frozen=True)
class BinaryCrossEntropy(Smoothed):
    """E = -sum_k t_k ln p_k + (1 - t_k) ln(1 - p_k), p = logistic(logits), delta = p - t: each unit says yes or no.

    One unit for two classes, or one for each label where several can hold at once. label_smoothing: see `Smoothed`.
    Z&M 26.2.3; Kelleher 8.4.
    """

    task: ClassVar[str] = "multilabel"
    logits: ClassVar[bool] = True

    def value(self, output: Output, target: Target) -> Error:
        target = self.learned(output, target)
        # max(z, 0) - z t + ln(1 + e^-|z|), which never exponentiates a positive number.
        return jnp.sum(jnp.maximum(output, 0) - output * target + jnp.log1p(jnp.exp(-jnp.abs(output))), axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        return jax.nn.sigmoid(output) - self.learned(output, target)

    def weighted(self, output: Output, target: Target, weight: Weight) -> tuple[Total, Output]:
        if self.label_smoothing:
            return super().weighted(output, target, weight)
        return weighted_loss("logistic_cross_entropy", super().weighted, output, target, weight)

    def curvature_root(self, output: Output, target: Target) -> Array:
        """diag(sqrt(p (1 - p))). (Pattipati, "What Made Deep Learning Feasible?", prints the Hessian sum g x x' where
        sum g (1 - g) x x' is meant.)"""
        return _diagonal(jnp.sqrt(jax.nn.sigmoid(output) * jax.nn.sigmoid(-output)))

    def link(self, output: Output) -> Output:
        return jax.nn.sigmoid(output)

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        target = super().check(out_shape, target, lengths)
        if ((target < 0) | (target > 1)).any():
            raise DataError(f"binary targets must lie in [0, 1], found {target.min():g} to {target.max():g}")
        return target


@register("loss", "cross_entropy")
@dataclass(frozen=True)
class CrossEntropy(Smoothed):
    """E = -sum_k t_k ln a_k on probabilities a, for a network that ends in `Softmax` itself.

    Prefer "softmax_cross_entropy" on a linear last layer: it stays exact where a probability rounds to 0.
    """

    task: ClassVar[str] = "classification"

    def value(self, output: Output, target: Target) -> Error:
        target = self.learned(output, target)
        if _are_classes(output, target):
            return -jnp.log(jnp.take_along_axis(output, target[..., None], axis=-1)[..., 0])
        # 0 ln 0 is 0; elsewhere ln 0 stays infinite, since a certain and wrong answer must show.
        return -jnp.sum(jnp.where(target > 0, target * jnp.log(jnp.where(target > 0, output, 1)), 0), axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        target = self.learned(output, target)
        t = jax.nn.one_hot(target, output.shape[-1], dtype=output.dtype) if _are_classes(output, target) else target
        return jnp.where(t > 0, -t / jnp.where(t > 0, output, 1), 0)

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        return SoftmaxCrossEntropy().check(out_shape, target, lengths)


@register("loss", "perceptron")
@dataclass(frozen=True)
class Perceptron(Loss):
    """The perceptron criterion on net inputs z: E = sum_k max(0, -s_k z_k) with s = +1 or -1 for targets 1 or 0.

    delta = U(z) - t, so that gradient descent is Rosenblatt's rule: weights move only on mistakes (Pattipati,
    lectures 9-10; a perceptron is a threshold unit, z >= 0).
    """

    task: ClassVar[str] = "multilabel"
    logits: ClassVar[bool] = True

    def value(self, output: Output, target: Target) -> Error:
        return jnp.sum(jnp.maximum(0, jnp.where(target > 0.5, -output, output)), axis=-1)

    def delta(self, output: Output, target: Target) -> Output:
        return (output >= 0).astype(output.dtype) - target

    def link(self, output: Output) -> Output:
        return (output >= 0).astype(output.dtype)

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        target = super().check(out_shape, target, lengths)
        if not np.isin(target, (0, 1)).all():
            raise DataError("perceptron targets must be 0 or 1")
        return target


@register("loss", "function")
@dataclass(frozen=True)
class FunctionLoss(Loss):
    """A function (output, target) -> error that `jax.vjp` differentiates: ``loss=my_function`` in `netgrad.fit`.

    function: from outputs and targets (N, ..., units) to the error of each example (N, ...), or of each unit
    (N, ..., units), which are then summed; it must be made of JAX's operations. The last layer's outputs are taken as
    they are, as in a regression. A model with such a loss cannot be saved: give a `Loss` of yours a name with
    `netgrad.register` for that.

    >>> FunctionLoss(lambda a, t: jnp.log(jnp.cosh(a - t))).delta(jnp.array([[1.0]]), jnp.array([[0.0]])).round(2)
    Array([[0.76]], dtype=float32)
    """

    function: Callable[[jax.Array, jax.Array], jax.Array]

    def value(self, output: Output, target: Target) -> Error:
        error = jnp.asarray(self.function(output, target))
        if error.shape == output.shape:
            return error.sum(-1)
        if error.shape != output.shape[:-1]:
            raise ShapeError(
                f"the loss function gives {error.shape} for outputs {output.shape}: expected an error for each "
                f"example, {output.shape[:-1]}, or for each unit; netgrad takes the mean itself"
            )
        return error

    def delta(self, output: Output, target: Target) -> Output:
        error, back = jax.vjp(lambda a: self.value(a, target), output)
        d_output: Array = back(jnp.ones_like(error))[0]
        return d_output

    def to_fields(self) -> dict[str, Any]:
        """Refused: a file holds no functions."""
        raise NetgradError(
            "a loss that is a function cannot be stored in a model file: make it a class, "
            "@netgrad.register('loss', NAME) over a netgrad.losses.Loss"
        )


def _diagonal(values: jax.Array) -> jax.Array:
    """(..., K) -> (..., K, K)."""
    return values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype)


def _are_classes(output: jax.Array, target: jax.Array) -> bool:
    return target.ndim == output.ndim - 1
