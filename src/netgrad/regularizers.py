"""Penalties R that are added to the loss: on the weights, in closed form, or on what the network does with its inputs.

Only weights are penalised, never biases, "since they are just thresholds" (Z&M 26.4.1). By netgrad's naming rule
a parameter is a weight if its name begins with W, as those of recurrent layers (W_x, W_h, W_peephole) do.

L2 in the loss and weight decay in the optimiser are the same for plain gradient descent. They differ wherever the
optimiser rescales the gradient: Adam divides the penalty's gradient by the same running size as the loss's, so that
weights with large gradients are hardly penalised, while ``optimizer="adamw"`` shrinks all weights alike.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, unknown_name
from netgrad.registry import register
from netgrad.trees import total


def is_weight(path: tuple[Any, ...]) -> bool:
    """Whether the parameter at this pytree path is a weight, rather than a bias, scale or slope.

    Its name decides; what stands in a list or tuple goes by the list's name.

    >>> import jax
    >>> params = {"heads": {"W": [1, 2], "b": 3}}
    >>> [is_weight(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    [True, True, False]
    """
    names = [part.key for part in path if hasattr(part, "key")]
    return bool(names) and str(names[-1]).startswith("W")


class View(NamedTuple):
    """What a penalty may look at beside the parameters.

    outputs: (params, x) -> {output: (N, ..., units)}, the network as it predicts, without dropout or noise.
    x: the batch's inputs by name. reduction: whether the objective takes the "mean" or the "sum" over examples.
    inside: (params, x) -> what every node saved, by its name, in the same way.
    """

    outputs: Callable[[dict, dict], dict]
    x: dict[str, jax.Array]
    reduction: str = "mean"
    inside: Callable[[dict, dict], dict[str, dict]] | None = None


@dataclass(frozen=True)
class Penalty:
    """Base of the penalties: a subclass defines `value`; its gradient comes from `jax.grad` unless it gives one.

    alpha: the strength, at least 0.
    """

    alpha: float = 1e-4
    kind: ClassVar[str] = "penalty"
    registered_name: ClassVar[str] = ""  # set by netgrad.register
    of_any_strength: ClassVar[bool] = False  # one compiled program serves all alphas, which are then no plain numbers

    def __post_init__(self):
        _not_negative("alpha", self.alpha)

    def at(self, alpha: Any) -> Any:
        """This penalty at another strength, unchecked: it may be an array that is being traced."""
        other = copy(self)
        object.__setattr__(other, "alpha", alpha)
        return other

    def value(self, params: dict, view: View | None = None) -> jax.Array:
        """alpha R, a number."""
        raise NotImplementedError

    def gradient(self, params: dict, view: View | None = None) -> dict:
        """Its derivative, for every parameter."""
        return jax.grad(self.value)(params, view)

    def fed(self, network: Any, state: dict) -> Any:
        """The node whose inputs alone decide this penalty, where training feeds it what it is to be measured on, in
        most cases what prediction does, too; or None.

        Such a penalty is measured on the way forward and goes back with the error: without further passes.
        """
        return None

    def of_inputs(self, x: jax.Array, reduction: str) -> jax.Array:
        """Its value by the inputs (N, ...) of the node that `fed` names."""
        raise NotImplementedError

    def check_network(self, network: Any) -> None:
        """Refuse a penalty on layers that this network does not have, or that it does not suit."""

    def among(self, names: set[str]) -> Penalty | None:
        """This penalty on a network that has only these layers left; None where nothing is left to penalise."""
        return self


@dataclass(frozen=True)
class WeightPenalty(Penalty):
    """Base of the penalties that are sums over weights; a subclass defines `of` and `slope`.

    layers: the names of the layers whose weights are penalised, by default all: with one penalty a layer each has its
    own strength.

    >>> import netgrad as ng
    >>> penalty = [ng.L2(0.01, layers="dense_1"), ng.L1(0.001, layers=("dense_2", "dense_3"))]
    """

    layers: tuple[str, ...] | None = field(default=None, kw_only=True)
    of_any_strength: ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        if self.layers is not None:
            object.__setattr__(self, "layers", (self.layers,) if isinstance(self.layers, str) else tuple(self.layers))

    def of(self, w: jax.Array) -> jax.Array:
        """The penalty of each weight."""
        raise NotImplementedError

    def slope(self, w: jax.Array) -> jax.Array:
        """Its derivative."""
        raise NotImplementedError

    def penalises(self, path: tuple[Any, ...]) -> bool:
        """Whether this penalty is on the parameter at this pytree path, (layer, ..., parameter)."""
        return is_weight(path) and (self.layers is None or str(getattr(path[0], "key", path[0])) in self.layers)

    def value(self, params, view=None):
        leaves = jax.tree_util.tree_leaves_with_path(params)
        return total([self.of(leaf) for path, leaf in leaves if self.penalises(path)])

    def gradient(self, params, view=None):
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: self.slope(leaf) if self.penalises(path) else jnp.zeros_like(leaf), params
        )

    def check_network(self, network):
        names = {node.params for node in network.nodes}
        for name in self.layers or ():
            if name not in names:
                raise unknown_name("layer", name, names)

    def among(self, names):
        if self.layers is None:
            return self
        left = tuple(name for name in self.layers if name in names)
        return replace(self, layers=left) if left else None


@register("penalty", "l2")
@dataclass(frozen=True)
class L2(WeightPenalty):
    """alpha/2 sum w^2, derivative alpha w; with plain gradient descent weight decay by 1 - eta alpha (Z&M 26.4.1).

    Pattipati, "Backprop Practicalities", prints the penalty without the 1/2 but the update with gamma w, which is that
    of this one; Allauzen, "Regularization l2", prints a factor 1 + eta lambda where 1 - eta lambda is meant.
    With Adam it is not: see the head of this module, and "adamw".
    """

    def of(self, w):
        return 0.5 * self.alpha * w * w

    def slope(self, w):
        return self.alpha * w


@register("penalty", "l1")
@dataclass(frozen=True)
class L1(WeightPenalty):
    """alpha sum |w|, subgradient alpha sign(w), 0 at 0: drives weights to zero (Z&M 26.4)."""

    def of(self, w):
        return self.alpha * jnp.abs(w)

    def slope(self, w):
        return self.alpha * jnp.sign(w)


@register("penalty", "elastic_net")
@dataclass(frozen=True)
class ElasticNet(WeightPenalty):
    """alpha (ratio |w| + (1 - ratio)/2 w^2) summed, with ratio lambda in [0, 1] the share of L1.

    Z&M 26.4 names it; its formula is lost in the scan, and this is scikit-learn's and glmnet's form.
    """

    ratio: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.ratio <= 1:
            raise NetgradError(f"ratio, the share of L1, must lie in [0, 1], found {self.ratio}")

    def of(self, w):
        return self.alpha * (self.ratio * jnp.abs(w) + 0.5 * (1 - self.ratio) * w * w)

    def slope(self, w):
        return self.alpha * (self.ratio * jnp.sign(w) + (1 - self.ratio) * w)


@register("penalty", "weight_elimination")
@dataclass(frozen=True)
class WeightElimination(WeightPenalty):
    """alpha sum r / (1 + r) with r = (w / w0)^2: weights well below w0 decay to 0, those well above are left alone.

    It counts the weights that are in use, rather than their size: each adds at most alpha. Derivative
    alpha 2 w / w0^2 / (1 + r)^2. Source: Pattipati "Practicalities", weight eliminator.
    """

    w0: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not self.w0 > 0:
            raise NetgradError(f"w0, the weight that counts half, must be positive, found {self.w0}")

    def of(self, w):
        r = (w / self.w0) ** 2
        return self.alpha * r / (1 + r)

    def slope(self, w):
        return self.alpha * 2 * w / self.w0**2 / (1 + (w / self.w0) ** 2) ** 2


@register("penalty", "curvature")
@dataclass(frozen=True)
class CurvatureSmoothing(Penalty):
    """alpha/2 sum over examples, outputs i and inputs j of (d^2 a_i / d x_j^2)^2: the outputs bend little between
    examples. Averaged over examples where the objective is.

    The text prints the second derivative without the square; a sum that may turn negative has no smallest value, so
    the square is taken here. Units with straight pieces (ReLU) have no curvature and feel no penalty. A step costs
    about three forward passes for every input number: meant for few inputs, not for images.

    Source: Pattipati "Practicalities", curvature-driven smoothing.

    >>> import numpy as np, netgrad as ng
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    >>> model = ng.fit(net, x, np.sin(3 * x), penalty=ng.CurvatureSmoothing(0.01), epochs=2)
    """

    def value(self, params, view=None):
        if view is None:
            raise NetgradError("curvature can only be measured with a network and its inputs at hand")
        n = next(iter(view.x.values())).shape[0]
        total = jnp.zeros((), float)
        for name, x in view.x.items():
            along = partial(_outputs_along, view, params, name)
            total = total + _squared_curvatures(along, x)
        return 0.5 * self.alpha * total / (n if view.reduction == "mean" else 1)


def _outputs_along(view: View, params: dict, name: str, x: jax.Array) -> dict:
    """The outputs as a function of one of the inputs."""
    return view.outputs(params, {**view.x, name: x})


def _squared_curvatures(f: Callable[[jax.Array], dict], x: jax.Array) -> jax.Array:
    """The sum over j of the squared second derivatives of all outputs of ``f`` along x's j-th number."""
    size = x[0].size

    @jax.checkpoint  # keeps one direction's quantities at a time for the way back, instead of all of them
    def along(so_far: jax.Array, j: jax.Array) -> tuple[jax.Array, None]:
        direction = jnp.broadcast_to(jax.nn.one_hot(j, size, dtype=x.dtype).reshape(x.shape[1:]), x.shape)

        def slope(v: jax.Array) -> dict:
            return jax.jvp(f, (v,), (direction,))[1]

        bends = jax.jvp(slope, (x,), (direction,))[1]
        return so_far + total([bend * bend for bend in jax.tree.leaves(bends)]), None

    return jax.lax.scan(along, jnp.zeros((), x.dtype), jnp.arange(size))[0]


def _not_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise NetgradError(f"a penalty's {name} must not be negative, found {value}")
