"""Where training starts: weights too small, too large or all alike, and a first loss far from chance.

Sources: Kelleher 8.4.2 (weight initialisation, symmetry, Xavier, He); Allauzen "Initialization recipes"; Pattipati
"Backprop practicalities"; Chizat, Oyallon & Bach, "On lazy training in differentiable programming" (2019) and Zhang et
al., "A type of generalization error induced by initialization in deep neural networks" (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np

from netgrad.diagnosis.checks.data import columns
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import digits, either, layers_of, listed
from netgrad.initializers import fans
from netgrad.layers.embedding import Embedding
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Ensemble, Stack
from netgrad.registry import register
from netgrad.regularizers import is_weight


def gains(e, node) -> list[float]:
    """By how much each weight array of a layer multiplies the size of what it receives, before the first step: the
    root mean square of W times the root of the fan-in. Xavier gives 1, He 1.4."""
    found = []
    copies = isinstance(node.layer, Stack | Ensemble)  # along their first axis, which is no part of a window
    for path, W in jax.tree_util.tree_leaves_with_path(e.start.effective.get(node.params, {})):
        if is_weight(path) and W.ndim > 1 + copies:
            W = np.asarray(W)
            found.append(float(np.sqrt((W**2).mean() * fans(W.shape[copies:])[0])))
    return found


@register("finding", "initialisation_scale")
@dataclass(frozen=True)
class InitialisationScale(Check):
    """Weights start so small that signals die out from layer to layer, or so large that units saturate or explode.

    Measure: the gain of each layer's weights, see `gains`. small, large: outside of these. Large ones are a fault, too,
    where the network learns its examples and falls short on validation examples alone: it then stays close to where it
    started, and what it says between the examples is what was drawn.
    """

    rank: ClassVar[int] = 122
    remedy: ClassVar[str] = "leave the initialiser out (Xavier, or He behind rectifiers, is chosen then)"
    small: float = 0.15
    large: float = 4.5

    def look(self, e):
        layers = {}
        for node in e.weighted:
            off = [g for g in gains(e, node) if not self.small < g < self.large]
            if off and not isinstance(node.layer, Embedding):
                layers[node.name] = max(off, key=lambda g: abs(np.log(max(g, 1e-30))))
        if layers:
            name = max(layers, key=lambda n: abs(np.log(max(layers[n], 1e-30))))
            size = "small" if layers[name] < 1 else "large"
            message = f"the weights of {listed(list(layers))} start too {size}: {name} multiplies what it receives by "
            message += f"{digits(layers[name])}, where about 1 keeps signals steady"
            severity = "fault" if size == "large" and e.held_short else e.severity
            yield self.found(severity, layers_of(list(layers)), message, gain=layers[name])

    def repair(self, recipe, e):
        return recipe.with_usual_start()


@register("finding", "identical_units")
@dataclass(frozen=True)
class IdenticalUnits(Check):
    """All units of a layer start with the same weights, so they get the same gradients and stay one unit for ever.

    Measure: the spread of the weights between a layer's units over their size, before the first step. spread: below.
    """

    rank: ClassVar[int] = 180
    remedy: ClassVar[str] = "start the weights at random (leave the initialiser out); only biases may start at 0"
    spread: float = 1e-5

    def look(self, e):
        for node in e.hidden:
            own = e.start.effective.get(node.params, {})
            weights = [
                np.asarray(W) for p, W in jax.tree_util.tree_leaves_with_path(own) if is_weight(p) and W.ndim > 1
            ]
            biases = [np.asarray(b) for p, b in jax.tree_util.tree_leaves_with_path(own) if not is_weight(p)]
            if not weights or weights[0].shape[-1] < 2 or isinstance(node.layer, Recurrent):
                continue
            between = max(float(W.std(-1).max()) for W in weights)
            size = max(float(np.abs(W).max()) for W in weights)
            random_bias = any(b.ndim and np.ptp(b) > 0 for b in biases) and size > 0
            if between <= self.spread * size and not random_bias:
                message = f"all {weights[0].shape[-1]} units of {node.name} start with the same weights and stay alike"
                severity = "fault" if e.failing else "warning"  # wasted units even where the rest of the network copes
                yield self.found(severity, f"layer {node.name}", message, spread=between)

    def repair(self, recipe, e):
        return recipe.with_usual_start()


@register("finding", "first_loss")
@dataclass(frozen=True)
class FirstLoss(Check):
    """The loss before the first step is far above that of guessing, which for C classes is ln C.

    Measure: the first loss over that of the best constant answer or, where that is more, of outputs of 0. times: above
    this; far: above this it is worth a warning even where training copes, if at least ``share`` of the epochs went into
    unlearning it.
    """

    rank: ClassVar[int] = 280
    remedy: ClassVar[str] = (
        "start the output layer's weights smaller (Xavier), and standardise inputs and targets; the first loss is then "
        "that of guessing"
    )
    times: float = 4.0
    far: float = 15.0
    share: float = 0.25

    def look(self, e):
        guess = max(e.chance, e.guess)
        if guess > 0 and np.isfinite(e.first_loss) and e.first_loss > self.times * guess:
            message = f"the loss starts at {digits(e.first_loss)}, while a constant answer has {digits(guess)}"
            losses = e.model.history["loss"] if "loss" in e.model.history else np.zeros(1)
            lasting = e.first_loss > self.far * guess and (losses > guess).mean() >= self.share
            severity = "warning" if lasting and not e.failing else e.severity
            last = [gain for node in e.weighted if node not in e.hidden for gain in gains(e, node)]
            size = max((float(np.sqrt((rows**2).mean())) for rows in columns(e).values()), default=1.0)
            loud = max(last, default=1) > 2
            advice = either(
                "start the output layer's weights smaller (leave its initialiser out)" if loud else "",
                "standardise the inputs" if size > 3 else "",
                "start the output layer's weights smaller" if not loud and size <= 3 else "",
            )
            measured = {"first_loss": e.first_loss, "chance": guess}
            yield self.found(severity, "the first step", message, **measured).trying(advice)

    def repair(self, recipe, e):
        changed = recipe.with_usual_start()
        return recipe if changed is recipe else changed
