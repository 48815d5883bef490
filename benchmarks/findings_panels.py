"""How each finding shows: one panel of one network, drawn of what its check looks at.

Every function draws on an axis what it finds in the evidence, in a colour; `benchmarks.findings_pictures` puts a sick
network beside a healthy one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from netgrad.diagnosis import reference
from netgrad.diagnosis.checks.data import columns
from netgrad.diagnosis.evidence import Evidence
from netgrad.layers.differentiated import Differentiated
from netgrad.network import with_layers
from netgrad.training.objective import gradients

SOME = 300  # points of a cloud, at most


def said(axis: Any, x: str, y: str) -> None:
    """What the axes are."""
    axis.set_xlabel(x)
    axis.set_ylabel(y)


def bars(axis: Any, heights: dict[str, float], color: str, y: str = "") -> None:
    """One bar for each name; what is no number has none."""
    values = np.nan_to_num(list(heights.values()), posinf=np.nan)
    axis.bar(range(len(values)), values, color=color, width=0.6)
    axis.set_xticks(range(len(values)), list(heights), fontsize=6)
    axis.set_ylabel(y)


def spread_out(x: np.ndarray, seed: int = 0) -> np.ndarray:
    """Whole numbers a little apart, so that points do not hide each other."""
    return x + np.random.default_rng(seed).uniform(-0.25, 0.25, len(x))


def rows_of(e: Evidence) -> np.ndarray:
    """The inputs of the examples, (N, d)."""
    x = next(iter(e.batch.x.values()))
    return np.asarray(x, float).reshape(len(x), -1)


def target_of(e: Evidence, batch: Any = None) -> np.ndarray:
    """The first output's targets, (N,) or (N, units)."""
    batch = e.batch if batch is None else batch
    return np.asarray(next(iter(batch.y.values())))


# --- layers and units


def of_layers(axis: Any, e: Evidence, color: str) -> None:
    """The size of delta in each layer before the first step, over that at the output."""
    sizes = e.flow(e.first_signals)[1]
    axis.semilogy(np.arange(len(sizes)) - len(sizes) + 1, sizes / sizes[-1], marker="o", color=color)
    said(axis, "layers before the output", "delta")


def reached(axis: Any, e: Evidence, color: str) -> None:
    """The size of delta in each layer as trained."""
    names, sizes = e.flow(e.signals)
    bars(axis, dict(zip(names, sizes, strict=True)), color, "delta")


def active(axis: Any, e: Evidence, color: str) -> None:
    """On what share of the examples each hidden unit answers."""
    _shares(axis, np.concatenate([e.signals[p.name].answer for p in e.places if not p.end]), color)
    said(axis, "share of examples, active", "share of units")


def flat(axis: Any, e: Evidence, color: str) -> None:
    """In what share of the examples each hidden unit stands at its limits."""
    _shares(axis, np.concatenate([e.signals[p.name].flat for p in e.places if not p.end]), color)
    said(axis, "share of examples, at a limit", "share of units")


def _shares(axis: Any, units: np.ndarray, color: str) -> None:
    axis.hist(units, bins=np.linspace(0, 1, 21), weights=np.full(len(units), 1 / len(units)), color=color)


def signal(axis: Any, e: Evidence, color: str) -> None:
    """The size of what each layer hands on, before the first step."""
    sizes = [float(e.first_signals[node.name].z) for node in e.weighted]
    axis.semilogy(np.arange(1, len(sizes) + 1), sizes, marker="o", color=color)
    said(axis, "layer", "z before the first step")


def shrunk(axis: Any, e: Evidence, color: str) -> None:
    """The weights of each layer over those before the first step."""
    left = [float(e.signals[n.name].weight / e.first_signals[n.name].weight) for n in e.weighted]
    axis.plot(np.arange(1, len(left) + 1), left, marker="o", color=color)
    said(axis, "layer", "weights, of those drawn")


def moved(axis: Any, e: Evidence, color: str) -> None:
    """By how much training changed each layer's weights."""
    bars(axis, e.moved, color, "change, of the weights")
    axis.set_yscale("log")


def first_weights(axis: Any, e: Evidence, color: str) -> None:
    """The first hidden layer's weights as drawn, a column for each unit."""
    axis.imshow(np.asarray(e.start.params[e.weighted[0].params]["W"])[20:44], aspect="auto", cmap="coolwarm")
    said(axis, "unit", "input")


def alike(axis: Any, e: Evidence, color: str) -> None:
    """How the activations of the first hidden layer's units go together."""
    a = e.activations[e.weighted[0].name]
    axis.imshow(np.abs(np.corrcoef(a.reshape(-1, a.shape[-1]).T)), vmin=0, vmax=1, cmap="magma")
    said(axis, "unit", "unit")


def codes(axis: Any, e: Evidence, color: str) -> None:
    """How far each unit of the code follows the input."""
    variances = e.codes[0][1].var(0)
    axis.bar(np.arange(len(variances)), variances, color=color)
    said(axis, "unit of the code", "variance of its mean")


def heads(axis: Any, e: Evidence, color: str) -> None:
    """Where the heads look in one example, side by side."""
    weights = e.attention[0][1][0]
    axis.imshow(np.concatenate(list(weights), axis=1), cmap="magma", vmin=0, aspect="auto")
    axis.axvline(weights.shape[-1] - 0.5, color="white", lw=1)
    said(axis, "time-step looked at, head by head", "time-step")


def memory(axis: Any, e: Evidence, color: str) -> None:
    """How strongly the last state depends on earlier ones, before the first step."""
    curves = np.concatenate(list(e.memory.values()))
    for curve in curves:
        axis.semilogy(np.arange(len(curve)), curve, color=color, lw=1)
    said(axis, "time-step", "effect on the last state")


def own_rule(axis: Any, e: Evidence, color: str) -> None:
    """The gradient of the layers' own rules beside that of automatic differentiation."""
    automatic = with_layers(e.network, lambda node: Differentiated(node.layer))
    name = e.weighted[0].params
    slopes = []
    for net in (automatic, e.network):
        found = gradients(net, e.model.objective, e.model.params, e.model.state, e.probe, None, training=False)
        slopes.append(np.asarray(found.params[name]["W"]))
    axis.scatter(*(part.ravel()[:SOME] for part in slopes), s=5, color=color)
    said(axis, "automatic differentiation", "the layer's own rule")


# --- the run


def curves(axis: Any, e: Evidence, color: str) -> None:
    """Training and validation loss."""
    history = e.model.history
    epochs = np.arange(1, len(history) + 1)
    axis.semilogy(epochs, history["loss"], color=color)
    axis.semilogy(epochs, history["val_loss"], ls=":", color=color)
    said(axis, "epoch", "loss, dotted: validation")


def beside_chance(axis: Any, e: Evidence, color: str) -> None:
    """The training loss from before the first step, beside that of a constant answer."""
    losses = [e.first_loss, *e.model.history["loss"]]
    axis.semilogy(losses, color=color, marker="o", ms=3)
    axis.axhline(e.chance, color="grey", ls="--", lw=1)
    said(axis, "epoch", "loss, dashed: constant answer")


def updates(axis: Any, e: Evidence, color: str) -> None:
    """The training loss over the number of updates."""
    losses = [e.first_loss, *e.model.history["loss"]]
    size = e.settings.get("batch_size") or e.batch.size
    axis.semilogy(np.arange(len(losses)) * -(-e.batch.size // size), losses, color=color, marker="o", ms=3)
    said(axis, "updates", "loss")


def tried(axis: Any, e: Evidence, color: str) -> None:
    """The loss after the trial's epochs with other learning rates."""
    axis.loglog(list(e.rates), np.minimum(list(e.rates.values()), 1e3), marker="o", color=color)
    axis.axvline(1, color="grey", ls="--", lw=1)
    said(axis, "times the learning rate", "loss")


def batches(axis: Any, e: Evidence, color: str) -> None:
    """The loss of the trial with batches of this size, and with 32 examples a step."""
    size = e.settings.get("batch_size") or e.batch.size
    bars(axis, {f"{min(size, e.batch.size)} a step": e.rates[1.0], "32 a step": e.smaller_batches[1.0]}, color, "loss")


def norms(axis: Any, e: Evidence, color: str) -> None:
    """The gradient's norm by epoch beside what it is cut to."""
    axis.semilogy(np.arange(1, len(e.model.history) + 1), e.model.history["grad_norm"], color=color, marker="o", ms=3)
    axis.axhline(e.settings["clip_norm"], color="grey", ls="--", lw=1)
    said(axis, "epoch", "gradient, dashed: clip_norm")


def schedule(axis: Any, e: Evidence, color: str) -> None:
    """The learning rate over the run."""
    rates = e.settings["rates"]
    axis.semilogy(np.linspace(0, 1, len(rates)), np.maximum(rates, 1e-12), color=color, marker="o")
    axis.set_ylim(1e-9, 1e-2)
    said(axis, "part of the run", "learning rate")


def statistics(axis: Any, e: Evidence, color: str) -> None:
    """The skill with running averages, and with those of the examples."""
    bars(axis, {"running averages": e.skill, "of the examples": e.skill_of_batches}, color, "skill")


def noise(axis: Any, e: Evidence, color: str) -> None:
    """The skill with dropout at work and without."""
    bars(axis, {"as in training": e.skill_under_noise, "in prediction": e.skill}, color, "skill")


# --- answers and targets


def answers(axis: Any, e: Evidence, color: str) -> None:
    """What the outputs answer."""
    linked = np.concatenate([e.outputs(name).ravel() for name, *_ in e.model.objective.terms])
    axis.hist(linked, bins=30, color=color)
    said(axis, "answer", "count")


def by_class(axis: Any, e: Evidence, color: str) -> None:
    """The answer to each example beside its class."""
    value = e.outputs(e.model.objective.terms[0][0])
    answer = value[:, 0] if value.shape[1] == 1 else spread_out(value.argmax(1).astype(float), 1)
    axis.scatter(spread_out(target_of(e, e.scored).ravel().astype(float))[:SOME], answer[:SOME], s=4, color=color)
    said(axis, "class", "answer")


def reachable(axis: Any, e: Evidence, color: str) -> None:
    """The answers beside the targets."""
    truth, answer = target_of(e, e.scored).ravel(), e.outputs(e.model.objective.terms[0][0])[:, 0]
    axis.scatter(truth, answer, s=4, color=color)
    axis.plot([truth.min(), truth.max()], [truth.min(), truth.max()], color="grey", ls="--", lw=1)
    said(axis, "target", "answer")


def plane(axis: Any, e: Evidence, color: str) -> None:
    """Which class the network answers where, and examples."""
    x, y = rows_of(e), target_of(e)
    side = np.linspace(-3, 3, 60)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2).astype(np.float32)
    answer = np.asarray(e.model.predict(grid)).reshape(len(grid), -1)
    answer = (answer[:, 0] if answer.shape[1] == 1 else answer.argmax(1)).reshape(60, 60)
    axis.imshow(answer, extent=(-3, 3, -3, 3), origin="lower", cmap="Greys", alpha=0.5, aspect="auto")
    for kind, shape in ((0, "o"), (1, "x")):
        axis.scatter(*x[y == kind][: SOME // 2].T, s=9, marker=shape, color=color, lw=0.7)
    axis.set(xlim=(-3, 3), ylim=(-3, 3))
    said(axis, "column 0", "column 1")


def in_order(axis: Any, e: Evidence, color: str) -> None:
    """The class of each example in the order in which a step sees them."""
    y = target_of(e)
    seen = np.random.default_rng(0).permutation(y) if e.settings.get("shuffle", True) else y
    axis.scatter(np.arange(len(seen)), spread_out(seen.astype(float)), s=2, color=color)
    said(axis, "in the order of the steps", "class")


def class_counts(axis: Any, e: Evidence, color: str) -> None:
    """How many examples of each class training and validation have."""
    count = int(max(target_of(e).max(), target_of(e, e.held).max())) + 1
    own, held = (np.bincount(target_of(e, part), minlength=count) for part in (e.batch, e.held))
    axis.bar(np.arange(count) - 0.2, own / own.sum(), 0.4, color=color)
    axis.bar(np.arange(count) + 0.2, held / held.sum(), 0.4, color=color, alpha=0.4)
    axis.set_xticks(range(count))
    said(axis, "class", "share, pale: validation")


def recognised(axis: Any, e: Evidence, color: str) -> None:
    """How many examples each class has, and how many of them are recognised."""
    name, loss, _ = e.model.objective.terms[0]
    truth, answer = e.answers(name, loss)
    counts = np.bincount(truth)
    axis.bar(np.arange(len(counts)), counts, color=color, alpha=0.35)
    axis.bar(np.arange(len(counts)), np.bincount(truth[truth == answer], minlength=len(counts)), color=color)
    axis.set_yscale("symlog", linthresh=10)
    said(axis, "class", "examples, full: recognised")


def of_the_loss(axis: Any, e: Evidence, color: str) -> None:
    """Each class's share of the loss, and of the examples."""
    counts = np.bincount(target_of(e))
    weights = e.settings.get("class_weight") or {}
    mass = counts * np.array([weights.get(str(k), 1.0) for k in range(len(counts))])
    axis.bar(np.arange(len(counts)) - 0.2, mass / mass.sum(), 0.4, color=color)
    axis.bar(np.arange(len(counts)) + 0.2, counts / counts.sum(), 0.4, color=color, alpha=0.4)
    axis.set_xticks(range(len(counts)))
    said(axis, "class", "of the loss, pale: of the rows")


def by_row(axis: Any, e: Evidence, color: str) -> None:
    """The target of each row."""
    axis.scatter(np.arange(len(target_of(e))), target_of(e).ravel(), s=4, color=color)
    said(axis, "row", "target")


def related(axis: Any, e: Evidence, color: str) -> None:
    """What a reference learns of these targets, and of the same permuted."""
    found = {"reference": e.possible, "permuted": e.by_accident, "network": e.held_skill}
    bars(axis, found, color, "skill on unseen")
    axis.set_ylim(-0.2, 1)


def renamed(axis: Any, e: Evidence, color: str) -> None:
    """What a reference trained on the training examples answers to those of validation."""
    *_, predicted, target = e.transferred[0]
    count = int(max(predicted.max(), target.max())) + 1
    table = np.zeros((count, count))
    np.add.at(table, (target, predicted), 1)
    axis.imshow(table, cmap="Reds" if color == "C3" else "Blues")
    axis.set_xticks(range(count))
    axis.set_yticks(range(count))
    said(axis, "a reference answers", "validation says")


def sure(axis: Any, e: Evidence, color: str) -> None:
    """How sure trees are of examples whose label they share, and of those whose label they do not."""
    answer, sureness = reference.sure_answers(rows_of(e), target_of(e))
    wrong = answer != target_of(e)
    axis.hist([sureness[~wrong], sureness[wrong]], bins=15, stacked=True, color=[color, "black"])
    said(axis, "how sure trees are", "rows, black: other label")


# --- columns and rows


def spreads(axis: Any, e: Evidence, color: str) -> None:
    """The size of the columns."""
    (rows,) = columns(e).values()
    sizes = np.sqrt((rows**2).mean(0))
    axis.semilogy(np.sort(sizes[sizes > 0])[::-1], color=color, marker=".")
    axis.set_ylim(1e-2, 1e4)
    said(axis, "column", "size")


def beside(axis: Any, e: Evidence, color: str) -> None:
    """Mean and spread of each column in training and in validation."""
    for part, shift, alpha in ((e.batch, -0.15, 1.0), (e.held, 0.15, 0.4)):
        x = np.asarray(next(iter(part.x.values())), float)
        axis.errorbar(np.arange(x.shape[1]) + shift, x.mean(0), x.std(0), fmt=".", color=color, alpha=alpha, lw=1)
    said(axis, "column", "value, pale: validation")


def column(number: int, log: bool = False) -> Any:
    """The values of one column."""

    def draw(axis: Any, e: Evidence, color: str) -> None:
        values = rows_of(e)[:, number]
        axis.hist(np.log10(values[values > 0]) if log else values, bins=40, color=color)
        axis.set_yscale("log")
        said(axis, f"{'log10 of ' if log else ''}column {number}", "rows")

    return draw


def one_column(axis: Any, e: Evidence, color: str) -> None:
    """Column 1 beside the target, in training and in validation."""
    axis.scatter(rows_of(e)[:, 1], target_of(e).ravel(), s=5, color=color)
    held = np.asarray(next(iter(e.held.x.values())), float)
    axis.scatter(held[:, 1], target_of(e, e.held).ravel(), s=9, color="black", marker="x", lw=0.6)
    said(axis, "column 1", "target, x: validation")


def nearest(axis: Any, e: Evidence, color: str) -> None:
    """How far each validation example lies from the nearest training example."""
    held = np.asarray(next(iter(e.held.x.values())), float)
    distance = NearestNeighbors(n_neighbors=1).fit(rows_of(e)).kneighbors(held)[0][:, 0]
    axis.hist(distance, bins=np.linspace(0, max(float(distance.max()), 1.0), 25), color=color)
    said(axis, "to the nearest training row", "validation rows")


def same_columns(axis: Any, e: Evidence, color: str) -> None:
    """How the columns go together."""
    x = rows_of(e)
    varied = x[:, x.std(0) > 0]
    axis.imshow(np.abs(np.corrcoef(varied.T)), vmin=0, vmax=1, cmap="magma")
    said(axis, "column", "column")


def used(axis: Any, e: Evidence, color: str) -> None:
    """What the network reads of forty sequences; steps beyond the lengths, where they are given, are grey."""
    (name, x), *_ = e.batch.x.items()
    shown = np.abs(np.asarray(x)[:40]).max(-1)
    if name in e.batch.lengths:
        shown = np.where(np.arange(shown.shape[1]) < np.asarray(e.batch.lengths[name])[:40, None], shown, np.nan)
    axis.set_facecolor("lightgrey")
    axis.imshow(shown, aspect="auto", cmap="Reds" if color == "C3" else "Blues")
    said(axis, "time-step", "sequence, grey: not read")


def altered(axis: Any, e: Evidence, color: str) -> None:
    """The mean picture of class 0, and what the layer may make of it."""
    x = np.asarray(next(iter(e.batch.x.values())))
    mean = x[target_of(e) == 0].mean(0)[..., 0]
    layer = e.network.nodes[0].layer
    other = mean[:, ::-1] if layer.flip else np.roll(mean, 1, axis=0)
    axis.imshow(np.concatenate([mean, np.full((len(mean), 1), np.nan), other], axis=1), cmap="gray")
    axis.set_xticks([])
    axis.set_yticks([])
    said(axis, "class 0, and as altered", "")
