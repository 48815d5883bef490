"""Random geometries of convolutions and pooling beside plain NumPy.

A program of its own, as XLA may end the whole process over a geometry (``python -m tests.kernels.geometries COUNT
SEED``): it prints each before it is tried, so that the last line names the one that did it.
"""

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.errors import ShapeError

# What made XLA (jaxlib 0.10.2) end the process, or read beyond its arrays, before it was handed other formulations.
KNOWN = (
    {"sizes": (5, 5), "window": (2, 3), "stride": (2, 1), "padding": ((2, 3), (0, 1)), "dilation": (1, 2), "groups": 1},
    {"sizes": (4, 1, 2), "window": (2, 3, 1), "stride": (2, 1, 1), "padding": ((1, 1), (2, 2), (0, 0)), "groups": 2},
    {"sizes": (3,), "window": (2,), "stride": (3,), "padding": ((3, 3),), "groups": 2},
)


def drawn(rng):
    n = int(rng.integers(1, 4))
    numbers = lambda low, high: tuple(map(int, rng.integers(low, high + 1, n)))  # noqa: E731
    return {
        "sizes": numbers(1, (12, 7, 5)[n - 1]),
        "window": numbers(1, (4, 4, 3)[n - 1]),
        "stride": numbers(1, 3),
        "padding": tuple(zip(numbers(0, 4), numbers(0, 4), strict=True)) if rng.random() < 0.8 else ((0, 0),) * n,
        "dilation": numbers(1, 3) if rng.random() < 0.6 else (1,) * n,
        "groups": int(rng.integers(1, 3)),
    }


def places(at):
    """For each place of a window: its index, and where it lies in the padded input, over all windows."""
    for place in itertools.product(*map(range, at.window)):
        first = [a * d for a, d in zip(place, at.dilation, strict=True)]
        yield place, tuple(slice(f, f + (o - 1) * s + 1, s) for f, o, s in zip(first, at.out, at.stride, strict=True))


def padded(x, at, fill=0.0):
    return np.pad(x, ((0, 0), *at.padding, (0, 0)), constant_values=fill)


def correlated(x, W, at, groups):
    """z, place by place; ``W`` with zeros between the groups."""
    whole = padded(x, at)
    return sum(whole[:, *where] @ dense(W, groups)[place] for place, where in places(at))


def gradients(x, W, delta, at, groups):
    """dE/dx and dE/dW."""
    whole, d_whole, dW = padded(x, at), padded(np.zeros(x.shape), at), np.zeros(dense(W, groups).shape)
    for place, where in places(at):
        d_whole[:, *where] += delta @ dense(W, groups)[place].T
        dW[place] = np.tensordot(whole[:, *where], delta, [range(x.ndim - 1)] * 2)
    blocks = zip(np.split(dW, groups, -1), range(groups), strict=True)
    return inside(d_whole, at), np.concatenate([np.split(block, groups, -2)[i] for block, i in blocks], -1)


def dense(W, groups):
    """Filters over the channels of all groups, with zeros: from (..., channels / groups, filters)."""
    blocks = np.split(W, groups, -1)
    return np.concatenate(
        [np.concatenate([b if i == j else 0 * b for j in range(groups)], -2) for i, b in enumerate(blocks)], -1
    )


def inside(whole, at):
    return whole[:, *(slice(before, before + n) for n, (before, _) in zip(at.sizes, at.padding, strict=True))]


def pooled(x, d_a, at):
    """Maxima and means of the inputs in each window, and both gradients."""
    v = np.stack([padded(x, at, np.nan)[:, *where] for _, where in places(at)])
    count, best = (~np.isnan(v)).sum(0), np.nanargmax(v, 0)
    to_max, to_mean = padded(np.zeros(x.shape), at), padded(np.zeros(x.shape), at)
    for i, (_, where) in enumerate(places(at)):
        to_max[:, *where] += d_a * (best == i)
        to_mean[:, *where] += np.where(np.isnan(v[i]), 0, d_a / count)
    return np.nanmax(v, 0), inside(to_max, at), np.nanmean(v, 0), inside(to_mean, at)


def check(rng, *, sizes, groups, **geometry):
    """Whether a convolution, a transposed one and two poolings of this geometry fit; raises where one is wrong."""
    n = int(rng.integers(1, 7))
    layers = {"conv": ng.Conv(4, groups=groups, **geometry), "transposed": ng.ConvTranspose(4, **geometry)}
    of_pool = {name: geometry[name] for name in ("window", "stride", "padding")}
    layers |= {"max": ng.MaxPool(**of_pool), "average": ng.AveragePool(**of_pool)}
    x, arguments, expected = rng.standard_normal((n, *sizes, 2)), {}, {}
    for name, layer in layers.items():
        try:
            at = layer.windows((*sizes, 2))
            shape = layer.result_shape((*sizes, 2)) if name in ("conv", "transposed") else None
        except ShapeError:
            continue
        params = {} if shape is None else {"W": rng.standard_normal(layer.filter_shape((*sizes, 2))), "b": np.zeros(4)}
        delta = rng.standard_normal((n, *(shape or (*at.out, 2))))
        arguments[name] = (params, x, delta)
        if name == "conv":
            W = params["W"]
            expected[name] = (correlated(x, W, at, groups), *gradients(x, W, delta, at, groups))
        elif name == "transposed":  # the way back of a convolution of its output, with channels and filters exchanged
            W = np.swapaxes(params["W"], -1, -2)
            z, dW = gradients(delta, W, x, at, 1)
            expected[name] = (z, correlated(delta, W, at, 1), np.swapaxes(dW, -1, -2))
        else:
            both = pooled(x, delta, at)
            expected[name] = both[:2] if name == "max" else both[2:]

    def run(arguments):
        found = {}
        for name, (params, x, delta) in arguments.items():
            a, saved = layers[name].forward(params, x, ng.layers.Context())
            back = layers[name].backward(params, saved, delta)
            found[name] = (a, back.d_in, *([back.d_params["W"]] if params else []))
        return found

    found = jax.jit(run)(jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), arguments))
    for name, values in expected.items():
        for part, value, own in zip(("result", "input gradient", "weight gradient"), values, found[name], strict=False):
            np.testing.assert_allclose(own, value, rtol=1e-4, atol=1e-4, err_msg=f"{name}, {part}")
    return "conv" in expected


if __name__ == "__main__":
    count, rng = int(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
    known = [{"dilation": (1,) * len(g["sizes"])} | g for g in KNOWN]
    tried = 0
    while tried < count:
        geometry = known.pop() if known else drawn(rng)
        print(geometry, flush=True)
        tried += check(rng, **geometry)
        if tried % 50 == 0:
            jax.clear_caches()
    print("all right", flush=True)
