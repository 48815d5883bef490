"""What holds a network back from learning its examples by heart, and what each way does to the gap."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import Curves
from netgrad.regularizers import is_weight

SMALL, LARGE, HELD, EPOCHS = 500, 5000, 1000, 60
STARTS = 5


def wide(dropout: bool = False) -> ng.Network:
    """784-300-300-10 with ReLU: far more weights than 500 examples can settle."""
    before, behind = ([ng.Dropout(0.2)], [ng.Dropout(0.5)]) if dropout else ([], [])
    hidden = [layer for _ in range(2) for layer in (ng.Dense(300, activation="relu"), *behind)]
    return ng.Sequential([*before, *hidden, ng.Dense(10)])


@experiment(
    "overfitting",
    "Overfitting a small set of handwritten digits, and four remedies",
    "Z&M 26.4; Kelleher 8.4.4; Allauzen 'Dropout'",
    needs=("mnist",),
    seconds=35,
)
def overfitting(seed: int = 0) -> Result:
    """500 MNIST digits, a network of 330,000 weights, five starts: loss and accuracy on them and on 10,000 others."""
    from netgrad.data import datasets

    data = datasets.load("mnist").flat()
    order = np.random.default_rng(seed).permutation(len(data.y))
    small, held, more = np.split(order[: SMALL + HELD + LARGE - SMALL], [SMALL, SMALL + HELD])
    large = np.concatenate([small, more])
    remedies: dict[str, tuple[np.ndarray, bool, int | None, dict[str, Any]]] = {
        "nothing": (small, False, None, {}),
        "L2, alpha 0.003": (small, False, None, {"penalty": ng.L2(0.003)}),
        "dropout, 0.2 and 0.5": (small, True, None, {}),
        "early stopping, patience 5": (small, False, 5, {}),
        f"more data, {LARGE}": (large, False, None, {}),
    }
    result, curves, gaps, accuracies = Result(), {}, {}, {}
    for name, (rows, dropout, patience, settings) in remedies.items():
        curves[name] = Curves(data.x[held], data.y[held], patience)
        ng.fit(
            wide(dropout), data.x[rows], data.y[rows], starts=STARTS, callbacks=[curves[name]],
            optimizer="adam", learning_rate=1e-3, batch_size=50, epochs=EPOCHS * SMALL // len(rows), seed=seed,
            **settings,
        )  # fmt: skip
        train = _scores(curves[name].models, data.x[rows], data.y[rows])
        test = _scores(curves[name].models, data.x_test, data.y_test)
        gaps[name], accuracies[name] = test["loss"] - train["loss"], test["accuracy"]
        losses, shares = (np.median([train[of], test[of]], axis=1) for of in ("loss", "accuracy"))
        result.tell(f"{name}: loss, training / test, median of {STARTS}", f"{losses[0]:.3f} / {losses[1]:.3f}")
        result.tell(f"{name}: accuracy, training / test", f"{shares[0]:.1%} / {shares[1]:.1%}")
    base_gap, base_accuracy = gaps.pop("nothing"), accuracies.pop("nothing")
    for name, gap in gaps.items():
        # Start k of each has the same first weights.
        what = f"{name}: a smaller gap between test and training loss than {np.median(base_gap):.3f}"
        result.most(what, "yes", gap, gap < base_gap)
    last = f"more data, {LARGE}"
    others = np.max([accuracies[name] for name in accuracies if name != last], axis=0)
    result.most(f"the most accurate on test: {last}", "yes", accuracies[last], accuracies[last] > others)
    gained = ", ".join(f"{n}: {np.median(a - base_accuracy):+.1%}" for n, a in accuracies.items())
    result.tell("accuracy gained on test, median", gained)
    result.notes.append(
        "All make the same number of steps but early stopping. In the figure the training loss of L2 has the penalty "
        "in it, that of dropout is measured while units are dropped; the table's losses are without both."
    )
    result.figures["overfitting"] = _draw(curves)
    return result


def _scores(models: list[ng.Model], x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    scores = [model.evaluate(x, y) for model in models]
    return {name: np.array([score[name] for score in scores]) for name in ("loss", "accuracy")}


def _draw(curves: dict[str, Curves]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.2), layout="constrained")
    places = figure.subplots(2, 3, sharey=True).flat
    for axes, (name, curve) in zip(places, curves.items(), strict=False):
        for k, (loss, held) in enumerate(zip(curve.losses, curve.held, strict=True)):
            epochs = np.arange(1, len(loss) + 1)
            said = ("training", "held out") if k == 0 else (None, None)
            axes.semilogy(epochs, loss, color="0.6", linestyle="--", linewidth=0.8, label=said[0])
            axes.semilogy(epochs, held, color="black", linewidth=0.8, label=said[1])
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
    places[0].set_ylabel("loss")
    places[3].set_ylabel("loss")
    places[0].legend(frameon=False, fontsize=9)
    places[5].axis("off")
    figure.suptitle(f"A network of 330,000 weights on {SMALL} handwritten digits, {STARTS} starts")
    return figure


@experiment(
    "dropout-expectation",
    "Inverted dropout keeps every activation's mean",
    "Z&M 26.4.2; Kelleher 8.4.4, algorithm 2",
    seconds=3,
)
def dropout_expectation(seed: int = 0) -> Result:
    """A hidden layer's activations, dropped 20,000 times: their mean against the layer without dropout."""
    result, draws = Result(), 20_000
    a = jnp.tanh(jax.random.normal(jax.random.key(seed), (4, 25)))
    keys = jax.random.split(jax.random.key(seed + 1), draws)
    for keep, place in ((0.8, "inputs"), (0.5, "hidden units")):
        for layer in (ng.Dropout(1 - keep), ng.Dropout(1 - keep, classic=True)):
            masked = jax.jit(jax.vmap(lambda key, layer=layer: layer.forward({}, a, ng.Context(True, key))[0]))(keys)
            plain = layer.forward({}, a, ng.Context())[0]
            off = jnp.abs(masked.mean(0) - plain) / (masked.std(0) / draws**0.5)
            kind = "classic" if layer.classic else "inverted"
            result.holds(
                f"{place} kept with {keep}, {kind}: mean of {draws} masks against prediction",
                "equal",
                f"largest difference {float(jnp.abs(masked.mean(0) - plain).max()):.4f}, "
                f"{float(off.max()):.1f} standard errors",
                bool(off.max() < 5),
            )
    return result


@experiment(
    "weight-decay",
    "Weight decay is L2 in the loss for gradient descent, and is not for Adam",
    "Z&M 26.4.1, update rule; Pattipati 'Practicalities'",
    seconds=4,
)
def weight_decay(seed: int = 0) -> Result:
    """The same network trained with the penalty in the loss and with shrinking weights, by SGD and by Adam."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 5))
    y = np.sin(x[:, 0]) + 0.1 * x[:, 1]
    net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    alpha, rate, result = 0.1, 0.05, Result()
    rules = {"SGD": optax.identity(), "Adam": optax.scale_by_adam()}
    for name, rule in rules.items():
        common: dict[str, Any] = {"batch_size": 16, "epochs": 20, "epochs_per_call": 20, "seed": seed}
        penalised = ng.fit(net, x, y, optimizer=optax.chain(rule, optax.scale(-rate)), penalty=ng.L2(alpha), **common)
        decayed = ng.fit(net, x, y, optimizer=shrinking(rule, rate, alpha), **common)
        pairs = zip(jax.tree.leaves(penalised.params), jax.tree.leaves(decayed.params), strict=True)
        apart = max(float(jnp.abs(p - d).max()) for p, d in pairs)
        same = apart < 1e-5
        result.holds(
            f"{name}: W = (1 - eta alpha) W - eta dE/dW against L2 in the loss, after 80 steps",
            "equal" if name == "SGD" else "different",
            f"largest difference {apart:.2g}",
            same if name == "SGD" else not same,
        )
    result.notes.append(
        "Adam divides each gradient by its running size. With L2 in the loss the penalty's part is divided, too, so "
        'that weights with large gradients are hardly held back; decoupled weight decay (optimizer="adamw") is not.'
    )
    return result


def shrinking(rule: optax.GradientTransformation, rate: float, alpha: float) -> optax.GradientTransformation:
    """The text's update, W = (1 - eta alpha) W - eta D, with D the gradient as ``rule`` turns it; biases b - eta D."""

    def update(gradient: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        directions, state = rule.update(gradient, state, params)

        def change(path: Any, w: jax.Array, direction: jax.Array) -> jax.Array:
            kept = (1 - rate * alpha) * w if is_weight(path) else w
            return kept - rate * direction - w

        return jax.tree_util.tree_map_with_path(change, params, directions), state

    return optax.GradientTransformation(rule.init, update)
