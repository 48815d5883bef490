"""What sharing weights and pooling do with a moved picture, and pooling as Z&M define it in general: max(Z . W)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.convolution import FOUR, VERTICAL, slide


@dataclass(frozen=True)
class WeightedMaxPool(ng.Layer):
    """The largest of z w over every k x k x r window of an image (N, n, n, m), weights fixed: (N, n', n', m - r + 1).

    A layer of one's own: one function, whose backward rule JAX finds.
    """

    weights: tuple = ()

    def out_shape(self, in_shape):
        n, _, m = in_shape
        k, _, r = np.shape(self.weights)
        return (n - k + 1, n - k + 1, m - r + 1)

    def call(self, params, x, context):
        W = jnp.asarray(self.weights, x.dtype)
        rows, columns, channels = self.out_shape(x.shape[1:])
        products = [
            x[:, a : a + rows, b : b + columns, c : c + channels] * W[a, b, c] for a, b, c in np.ndindex(W.shape)
        ]
        return jnp.stack(products).max(0)


@experiment(
    "shifts",
    "Feature maps move with the picture, and pooling with weights and across channels",
    "Kelleher 8.4.5, translation equivariance; Z&M 26.3.4, generalised aggregation",
    seconds=5,
)
def shifts(seed: int = 0) -> Result:
    """The four moved by a pixel each way; then max(Z . W) with windows of one and of three channels."""
    result = Result()
    big = np.pad(FOUR, 3)
    features = slide(big, VERTICAL, padding="same", activation="relu")
    alike = []
    for shift in ((0, 1), (1, 0), (2, -2), (-1, 2)):
        moved = slide(np.roll(big, shift, (0, 1)), VERTICAL, padding="same", activation="relu")
        alike.append(bool((moved == np.roll(features, shift, (0, 1))).all()))
    result.holds("a picture moved: its feature map moved alike", "equivariant", f"{sum(alike)} of 4 ways", all(alike))
    peaks = [slide(np.roll(big, s, (0, 1)), VERTICAL, activation="relu").max() for s in ((0, 0), (0, 2), (-2, 1))]
    result.holds("the strongest answer, wherever the four stands", "the same", [float(p) for p in peaks],
                 len(set(map(float, peaks))) == 1)  # fmt: skip

    x = jax.random.normal(jax.random.key(seed), (2, 6, 6, 5))
    ones = WeightedMaxPool(_nested(np.ones((3, 3, 1))))
    same = _out(ng.MaxPool(3, stride=1), x)
    result.close("weights of 1 in a k x k x 1 window: largest difference to MaxPool", 0.0,
                 np.abs(_out(ones, x) - same).max(), 0)  # fmt: skip
    W = np.array([1.0, -1, 0.5, 2, 0, 1, 3, -2, 1, 1, 0.5, 1]).reshape(2, 2, 3)
    layer = WeightedMaxPool(_nested(W))
    out = _out(layer, x)
    result.close("2x2x3 over 6x6x5: (n - k + 1) x (n - k + 1) x (m - r + 1)", [5, 5, 3], out.shape[1:], 0)
    by_hand = max(np.asarray(x)[0, 1 + a, 2 + b, 1 + c] * W[a, b, c] for a, b, c in np.ndindex(W.shape))
    result.close("one of its elements by hand", by_hand, out[0, 1, 2, 1], 1e-6)
    net = ng.Sequential([layer, ng.Flatten(), ng.Dense(1)])
    agree = ng.check_gradients(net, np.asarray(x), np.array([[0.3], [0.7]]), loss="squared_error").ok
    result.holds("its gradients, through a network", "agree", "agree" if agree else "differ", agree)
    return result


def _out(layer: Any, x: jax.Array) -> np.ndarray:
    return np.asarray(layer.forward({}, x, ng.Context())[0])


def _nested(W: np.ndarray) -> tuple:
    return tuple(tuple(tuple(map(float, row)) for row in plane) for plane in W)
