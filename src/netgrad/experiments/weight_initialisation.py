"""What the scale of the first weights does to a deep network: z, activations and deltas layer by layer."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.network import forward
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, gradients

UNITS, HIDDEN, EXAMPLES, DRAWS = 100, 5, 100, 100


def network(initializer: Any, activation: str = "identity") -> ng.Network:
    """2 inputs, hidden layers of 100 units, one linear output (figure 23)."""
    hidden = [ng.Dense(UNITS, activation=activation, initializer=initializer, name=f"HL{k + 1}") for k in range(HIDDEN)]
    return ng.Sequential([*hidden, ng.Dense(1, initializer=initializer, name="OL")])


def examples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """100 examples of two features and a target that falls with both, all standardised."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(EXAMPLES, 2))
    y = -0.8 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * rng.normal(size=EXAMPLES)
    standard = [(v - v.mean(0)) / v.std(0) for v in (x, y)]
    return standard[0], standard[1][:, None]


OBJECTIVE = Objective((("OL", ng.SquaredError(), 1.0),))

# Title, network, and by how much var(z) is multiplied from one hidden layer to the next in theory (eq. 64).
STUDIES = {
    "normal-0.01": ("normal, sigma 0.01", network(ng.Normal(0.01)), UNITS * 0.01**2),
    "normal-0.2": ("normal, sigma 0.2", network(ng.Normal(0.2)), UNITS * 0.2**2),
    "xavier": ("Xavier", network(ng.Xavier()), 1.0),
    # The first layer's inputs were not rectified: the text's blend, which is netgrad's default but for a last
    # layer without a rectifier (see initializers.for_activation).
    "he-relu": ("ReLU with He", network(None, "relu"), 1.0),
}


@experiment(
    "weight-initialisation",
    "Weights too small, too large and just right: a deep network's first pass",
    "Kelleher 8.4.2, eq. 59-70, figures 23-27",
    seconds=25,
)
def weight_initialisation(seed: int = 0) -> Result:
    """Variances by theory and as the mean of 100 draws, and the text's four panels for each way to begin."""
    result = Result()
    x, y = examples(seed)
    batch = Batch({"x": jnp.asarray(x, jnp.float32)}, {"OL": jnp.asarray(y, jnp.float32)})
    for name, (title, net, factor) in STUDIES.items():
        z, delta, params = draw(net, batch, seed)
        if name == "normal-0.01":
            result.close("sigma 0.01: var(z) of HL1 in theory, 2 * 0.0001 * 1", 0.0002, 2 * 0.01**2, 1e-12)
            # The same of 200 weights and 100 units: standard errors of 1 and 2 %, of which 5 % are allowed.
            result.close("sigma 0.01: var(z) of HL1, measured", 0.0002, z[0], 1e-5)
            result.close("sigma 0.01: var(z) of HL2 in theory, 100 * 0.0001 * 0.0002", 2e-6, factor * 0.0002, 1e-14)
            result.close("sigma 0.01: var(z) of HL2, measured", 2e-6, z[1], 1e-7)
        _compare(result, f"{title}: var(z) from one hidden layer to the next", factor, z[1:HIDDEN] / z[: HIDDEN - 1])
        _compare(
            result, f"{title}: var(delta) from one hidden layer back", factor, delta[: HIDDEN - 1] / delta[1:HIDDEN]
        )
        model = ng.Model(net, params, {}, OBJECTIVE, {"x": (2,)})
        result.figures[f"weight-initialisation-{name}"] = panels(model, model.trace(x, y), title)
    _blend(result, seed)
    result.notes.append(f"The text does not say how many hidden layers its network has; here there are {HIDDEN}.")
    return result


def _blend(result: Result, seed: int) -> None:
    """Eq. 70: 100-80-50-5 with ReLUs, and the sparse activations at the start, mean of 100 draws of either."""
    rectified = [ng.Dense(80, activation="relu"), ng.Dense(50, activation="relu")]
    nets = {"the text's blend": [*rectified, ng.Dense(5, initializer="he")], "the default": [*rectified, ng.Dense(5)]}
    for name, layers in nets.items():
        net = ng.Sequential(layers)
        drawn = jax.jit(jax.vmap(lambda key, net=net: net.init(key, (100,))[0]))(
            jax.random.split(jax.random.key(seed), DRAWS)
        )
        scaled = [float(layer["W"].var() * layer["W"].shape[1]) for layer in drawn.values()]
        if name == "the default":
            result.tell(
                "eq. 70, variance times fan-in: the default, Xavier in a last layer without a rectifier", scaled
            )
        else:
            # The last layer's 250 weights, drawn 100 times: a standard error of 0.02.
            result.close("eq. 70, variance times fan-in: the text's blend", [1, 2, 2], scaled, 0.05)
    deep, x = STUDIES["he-relu"][1], examples(seed)[0]

    def zeros(key: jax.Array) -> jax.Array:
        done = forward(deep, deep.init(key, (2,))[0], {}, {"x": jnp.asarray(x, jnp.float32)})
        return jnp.stack([(done.saved[f"HL{k + 1}"]["a"] == 0).mean() for k in range(HIDDEN)]).mean()

    share = float(jax.jit(jax.vmap(zeros))(jax.random.split(jax.random.key(seed), DRAWS)).mean())
    result.close("share of zero activations at the start: about half", 0.5, share, 0.02)


def draw(net: ng.Network, batch: Batch, seed: int) -> tuple[np.ndarray, np.ndarray, dict]:
    """The variance of z and of delta over each layer's units and examples, as the mean over many networks of random
    weights; and the weights of the first of them."""

    def one(key: jax.Array) -> tuple[jax.Array, jax.Array, dict]:
        params, _ = net.init(key, (2,))
        looked = gradients(net, OBJECTIVE, params, {}, batch, None)
        z = jnp.stack([looked.run.saved[node.name]["z"].var() for node in net.nodes])
        return z, jnp.stack([looked.nodes[node.name].delta.var() for node in net.nodes]), params

    z, delta, params = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(seed), DRAWS))
    means = [np.asarray(values, np.float64).mean(0) for values in (z, delta)]
    return means[0], means[1], jax.tree.map(lambda value: value[0], params)


def _compare(result: Result, quantity: str, factor: float, found: np.ndarray) -> None:
    # Theory speaks of expectations. From draw to draw the variance of 100 units spreads by sqrt(2/100), 14 % (22 % with
    # rectifiers), its mean over 100 draws by 2 %, and of some hundred such ratios the furthest is four to five of those
    # away.
    shown = ", ".join(f"{ratio:.3g}" for ratio in found)
    result.holds(quantity, f"times {factor:g}", f"times {shown}", bool((np.abs(found / factor - 1) < 0.1).all()))


def panels(model: ng.Model, trace: ng.Trace, title: str) -> Any:
    """Weights, z, activations and deltas by layer, as violins (figures 24-27)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    quantities = {"weights": "W", "weighted sums z": "z", "activations a": "a", "deltas": "delta"}
    for axes, (label, key) in zip(figure.subplots(2, 2).flat, quantities.items(), strict=True):
        values = [np.ravel(model.params[name]["W"] if key == "W" else trace[name][key]) for name in trace]
        drawn = axes.violinplot(values, showextrema=False, widths=0.9)
        for body in drawn["bodies"]:
            body.set(facecolor="0.75", edgecolor="black", linewidth=0.8, alpha=1)
        for place, value in enumerate(values, 1):
            axes.vlines(place, value.min(), value.max(), color="black", linewidth=0.7)
            axes.plot(place, value.mean(), "o", color="black", markersize=3)
        axes.set_xticks(range(1, len(values) + 1), list(trace))
        axes.set_title(f"{label} by layer", fontsize=10)
        axes.axhline(0, color="0.5", linewidth=0.6, linestyle=":", zorder=0)
    figure.suptitle(f"First pass of a deep network: {title}")
    return figure
