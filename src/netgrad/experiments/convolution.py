"""The texts' convolutions by hand: 1D, 2D, padding, stride, max-pooling, the digit four, a colour filter, shapes."""

from __future__ import annotations

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.errors import NetgradWarning
from netgrad.experiments.base import Result, experiment
from netgrad.layers import Context, Layer

# Z&M 26.3.1 to 26.3.4, the examples' inputs, filters and results.
X_1D, W_1D, Y_1D = [1, 3, -1, 2, 3, 1, -2], [1, 0, 2], [-1, 7, 5, 4, -1]
X_4 = [[1, 2, 2, 1], [3, 1, 4, 2], [2, 1, 3, 4], [1, 2, 3, 1]]
W_2, Y_2D = [[1, 0], [0, 1]], [[2, 6, 4], [4, 4, 8], [4, 4, 4]]
X_5 = [[1, 2, 2, 1, 1], [3, 1, 4, 2, 1], [2, 1, 3, 4, 3], [1, 2, 3, 1, 1], [4, 1, 3, 2, 1]]
W_3 = [[1, 0, 0], [0, 1, 1], [0, 1, 0]]
Y_VALID = [[7, 11, 9], [9, 11, 12], [8, 8, 7]]
Y_PADDED = [[6, 5, 7, 4, 2], [6, 7, 11, 9, 5], [4, 9, 11, 12, 6], [7, 8, 8, 7, 6], [5, 5, 7, 6, 2]]
Y_STRIDE_2 = [[7, 9], [8, 7]]
Y_MAX = [[3, 4], [2, 4]]

# Kelleher eq. 96-99: a four of 6x6 pixels, a filter for vertical and one for horizontal lines, valid and padded.
FOUR = 255 * np.array(
    [[0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0], [0, 1, 1, 1, 1, 0], [0, 0, 0, 1, 0, 0], [0] * 6]
)
VERTICAL = [[-1, 1, -1]] * 3
HORIZONTAL = [[-1] * 3, [1] * 3, [-1] * 3]
FOUR_MAPS = {
    ("vertical", "valid"): [[510, 0, 255, 0], [510, 0, 0, 0], [255, 0, 255, 0], [0, 0, 0, 0]],
    ("horizontal", "valid"): [[0, 0, 0, 0], [0, 0, 0, 0], [255, 0, 255, 0], [0, 0, 0, 0]],
    ("vertical", "same"): [
        [0, 255, 0, 0, 0, 0], [0, 510, 0, 255, 0, 0], [0, 510, 0, 0, 0, 0], [0, 255, 0, 255, 0, 0], [0] * 6,
        [0, 0, 0, 255, 0, 0],
    ],
    ("horizontal", "same"): [[0] * 6, [0] * 6, [0] * 6, [0, 255, 0, 255, 0, 255], [0] * 6, [0] * 6],
}  # fmt: skip

# Kelleher eq. 91: a filter of a middle row. Z&M 26.3.1, "3D Convolution", first window: sum(X_2(1,1) . W), channels
# first; window and filter follow from the printed product [1 -1 | 2 0 | 0 1; 4 0 | 0 -1 | 2 0].
MIDDLE_ROW = [[0] * 3, [1] * 3, [0] * 3]
X_3D = [[[1, -1], [2, 1]], [[2, 1], [3, -1]], [[1, -2], [2, 1]]]
W_3D = [[[1, 1], [2, 0]], [[1, 0], [0, 1]], [[0, 1], [1, 0]]]

# Kelleher eq. 104-109: red, green and blue of a 3x3 image, and a 2x2 filter with bias 0.5.
RGB = [[[1, 1, 1], [0] * 3, [0] * 3], [[0, 0, 2]] * 3, [[3, 0, 0], [0, 3, 0], [0, 0, 3]]]
W_RGB, B_RGB = [[[1, 1], [0, 0]], [[0, 1], [0, 1]], [[1, 0], [0, 1]]], 0.5
Y_RGB = [[8.5, 6.5], [0.5, 10.5]]

# Pattipati, "How convolution works": input, (filters, window, stride, padding), output, parameters, connections.
SHAPES: list[tuple[Any, tuple[int, int, int, int], Any, int | None, int | None]] = [
    ((32, 32, 3), (6, 5, 1, 0), (28, 28, 6), 456, 357504),
    ((28, 28, 6), (10, 5, 1, 0), (24, 24, 10), 1510, None),
    ((32, 32, 3), (6, 5, 3, 0), (10, 10, 6), None, None),
    ((10, 10, 6), (10, 5, 1, 0), (6, 6, 10), None, None),
    ((32, 32, 3), (6, 5, 1, 2), (32, 32, 6), None, None),
    ((32, 32, 6), (10, 5, 1, 2), (32, 32, 10), None, None),
    ((227, 227, 3), (96, 11, 4, 0), (55, 55, 96), None, None),  # the first layer of "CNN Structures ...", AlexNet
    ((6, 6, 1), (1, 2, 1, 0), (5, 5, 1), None, None),  # Kelleher: a filter of 2x2 over the four of 6x6
]


def slide(x: Any, w: Any, bias: float = 0.0, **settings: Any) -> np.ndarray:
    """One filter w (window...) over one input x of a single channel, or over x and w with channels first."""
    x, w = np.asarray(x, float), np.asarray(w, float)
    if w.ndim == 3:
        x, w = np.moveaxis(x, 0, -1), np.moveaxis(w, 0, -1)
    else:
        x, w = x[..., None], w[..., None]
    layer = ng.Conv(1, w.shape[:-1], **settings)
    return run(layer, {"W": jnp.asarray(w[..., None], float), "b": jnp.array([bias], float)}, x)


def run(layer: Layer, params: dict, x: np.ndarray) -> np.ndarray:
    """The layer's only feature map for one example x (sizes..., channels)."""
    return np.asarray(layer.forward(params, jnp.asarray(x[None], float), Context())[0])[0, ..., 0]


def seen_by(window: int, size: tuple[int, ...]) -> np.ndarray:
    """How many windows each pixel lies in: what a gradient of 1 at every neuron of weights 1 brings back to it."""
    layer, x = ng.Conv(1, window), jnp.zeros((1, *size, 1), float)
    params = {"W": jnp.ones((window, window, 1, 1), float), "b": jnp.zeros(1, float)}
    out, saved = layer.forward(params, x, Context())
    return np.asarray(layer.backward(params, saved, jnp.ones_like(out)).d_in)[0, ..., 0]


@experiment(
    "convolution",
    "Convolution by hand: 1D, 2D, padding, stride, max-pooling, channels, shapes",
    "Z&M 26.3 examples; Kelleher eq. 90-109; Pattipati 'How convolution works'",
    seconds=10,
)
def convolution(seed: int = 0) -> Result:
    """Every number that the texts print for convolutions and pooling; nothing is random."""
    result = Result()
    result.close("1D", Y_1D, slide(X_1D, W_1D), 0)
    result.close("2D", Y_2D, slide(X_4, W_2), 0)
    result.close("2D, 3x3 filter, no padding", Y_VALID, slide(X_5, W_3), 0)
    result.close("2D, padding 1", Y_PADDED, slide(X_5, W_3, padding=1), 0)
    result.close("2D, stride 2", Y_STRIDE_2, slide(X_5, W_3, stride=2), 0)
    result.close("max-pooling, window and stride 2", Y_MAX, run(ng.MaxPool(2), {}, np.asarray(X_4)[..., None]), 0)
    maps = {}
    for (lines, padding), text in FOUR_MAPS.items():
        w = VERTICAL if lines == "vertical" else HORIZONTAL
        maps[lines, padding] = slide(FOUR, w, padding=padding, activation="relu")
        result.close(f"a four, {lines} lines, {padding}", text, maps[lines, padding], 0)
    rows = slide(FOUR, MIDDLE_ROW, activation="relu")
    result.close("eq. 92, 93: a middle row's filter, top left and at the bar", [255, 765], [rows[0, 0], rows[2, 1]], 0)
    seen = seen_by(3, (6, 6))
    result.close("windows of 3x3 that see the corner, and the pixel (3, 3)", [1, 9], [seen[0, 0], seen[2, 2]], 0)
    result.close("3D, first window", 5, slide(X_3D, W_3D)[0, 0], 0)
    result.close("a colour image, one 2x2x3 filter", Y_RGB, slide(RGB, W_RGB, B_RGB, activation="relu"), 0)
    _shapes(result)
    result.figures["convolution-four"] = _draw(maps)
    return result


def _shapes(result: Result) -> None:
    for in_shape, (filters, window, stride, padding), text, parameters, connections in SHAPES:
        layer = ng.Conv(filters, window, stride=stride, padding=padding)
        what = (
            f"{'x'.join(map(str, in_shape))}, {filters} filters {window}x{window}, stride {stride}, padding {padding}"
        )
        result.close(f"{what}: output", text, layer.out_shape(in_shape), 0)
        if parameters:
            result.close(f"{what}: parameters", parameters, ng.Sequential([layer]).summary(in_shape).parameters, 0)
        if connections:
            result.close(f"{what}: connections", connections, layer.connections(in_shape), 0)
    both = ng.Sequential([ng.Conv(6, 5), ng.Conv(10, 5)]).summary((32, 32, 3)).parameters
    result.close("both together: weights, 456 + 1510", 1966, both, 0)
    lenet = ng.Sequential([ng.Conv(6, 5), ng.MaxPool(2), ng.Conv(16, 5), ng.MaxPool(2), ng.Flatten()])
    shapes = list(lenet.shapes((28, 28, 1)).values())[-5:]
    text = [(24, 24, 6), (12, 12, 6), (8, 8, 16), (4, 4, 16), (256,)]
    result.holds("Z&M 26.3.6: a digit through the CNN", show_shapes(text), show_shapes(shapes), shapes == text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = ng.Conv(6, 5, stride=2).out_shape((32, 32, 3))
    said = [w for w in caught if issubclass(w.category, NetgradWarning)]
    result.holds(
        "32x32x3, stride 2: (32 - 5)/2 is not whole", "does not work (Pattipati); floor (Z&M)",
        f"{out[0]}x{out[1]}, rounded down with a warning" if said else str(out), out == (14, 14, 6) and bool(said),
    )  # fmt: skip


def show_shapes(shapes: list[tuple[int, ...]]) -> str:
    """Shapes as the texts write them.

    >>> show_shapes([(24, 24, 6), (256,)])
    '24x24x6, 256'
    """
    return ", ".join("x".join(map(str, shape)) for shape in shapes)


def _draw(maps: dict[tuple[str, str], np.ndarray]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2, 3.6), layout="constrained")
    axes = figure.subplots(2, 4)
    for row, (lines, w) in zip(axes, (("vertical", VERTICAL), ("horizontal", HORIZONTAL)), strict=True):
        panels = (
            ("input", FOUR),
            (f"filter: {lines}", np.asarray(w)),
            ("feature map", maps[lines, "valid"]),
            ("feature map, padded", maps[lines, "same"]),
        )
        for ax, (title, values) in zip(row, panels, strict=True):
            ax.imshow(values, cmap="gray_r")
            ax.set_title(title, fontsize=8)
            ax.set_xticks([])
            ax.set_yticks([])
            middle = (values.max() + values.min()) / 2
            for (i, j), value in np.ndenumerate(values):
                ax.text(j, i, f"{value:g}", ha="center", va="center", fontsize=5,
                        color="white" if value > middle else "black")  # fmt: skip
    figure.suptitle("A four, and where its lines are", fontsize=10)
    return figure
