"""Does the network learn too much by heart, or too little?

Sources: Kelleher 8.4.4 (overfitting, early stopping, dropout); Pattipati "Generalization" (bias and variance, network
size); Allauzen "Regularization".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import digits, either, layers_of, shown
from netgrad.layers.dense import Dense
from netgrad.layers.dropout import Dropout
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Node, every_layer
from netgrad.registry import register
from netgrad.regularizers import L2


@register("finding", "overfitting")
@dataclass(frozen=True)
class Overfitting(Check):
    """Examples that training did not see go ever worse, while those that it saw go ever better.

    Measure: the last validation loss over its lowest (above ``risen``), and the skill on training examples minus that
    on held-out ones (above ``gap``), or, where none are given, both losses of the history (above ``times``). Or, where
    the network falls short on held-out examples, a gap above ``wide``, where a reference trained on the same examples
    reaches more than ``alike`` there of what it reaches within them: else the two differ, which is another finding.
    """

    rank: ClassVar[int] = 540
    remedy: ClassVar[str] = (
        "stop early (patience=10), penalise weights (penalty='l2'), use dropout, or get more examples"
    )
    risen: float = 1.25
    gap: float = 0.2
    times: float = 3.0
    wide: float = 0.25
    alike: float = 0.5

    def look(self, e):
        found = list(self.risen_since(e))
        yield from found
        gap = e.skill - e.held_skill
        if found or not e.held_short or e.short(e.skill) or not gap > self.wide:
            return
        others = [skill for _, _, _, skill, _, _ in e.transferred]
        within = [own for _, _, own, *_ in e.transferred]
        if others and np.mean(others) > self.alike * np.mean(within):
            message = f"the skill is {shown(e.skill)} on the training examples and {shown(e.held_skill)} on "
            message += (
                f"validation examples, where a reference trained on the same examples reaches {shown(np.mean(others))}"
            )
            measured = {"gap": gap, "reference": float(np.mean(others))}
            yield self.found("fault", "the run", message, **measured).trying(self.advice(e))

    def risen_since(self, e):
        """The finding of a validation loss that has risen."""
        history = e.model.history
        if "val_loss" not in history or len(history) < 3:
            return
        held, own = history["val_loss"], history["loss"]
        # What matters is what is kept: a run that stopped early returns its best epoch.
        last = len(held) - 1 if not history.stopped else int(np.nanargmin(held))
        risen = float(held[last] / max(np.nanmin(held), 1e-12))
        gap = e.skill - e.held_skill
        apart = gap > self.gap if np.isfinite(gap) else held[last] > self.times * max(own[last], 1e-12)
        if risen > self.risen and apart:
            best = int(np.nanargmin(held)) + 1
            message = (
                f"the validation loss was lowest in epoch {best} and is {digits(risen)} times as high at the end, "
            )
            measured = {"risen": risen, "gap": gap} if np.isfinite(gap) else {"risen": risen}
            yield self.found("fault", "the run", message + "while the training loss fell on", **measured).trying(
                self.advice(e)
            )

    def advice(self, e) -> str:
        """What this run has not done yet."""
        dropped = any(isinstance(node.layer, Dropout) for node in every_layer(e.network))
        return either(
            "" if e.model.history.stopped else "stopping early (patience=10)",
            "a stronger penalty" if e.model.objective.penalties else "a penalty on the weights (penalty='l2')",
            "" if dropped else "dropout",
            "more examples",
        )

    def repair(self, recipe, e):
        changed = recipe.changed("patience=5", patience=5)
        if not e.model.objective.penalties:
            changed = changed.with_penalty(L2(1e-3))
        return changed


@register("finding", "over_regularised")
@dataclass(frozen=True)
class OverRegularised(Check):
    """The penalty has driven the weights to nothing: what the network could express is gone.

    Measure: the size of each layer's weights over that before the first step, where there is a penalty. left: the
    median over the layers is below this.
    """

    rank: ClassVar[int] = 120
    remedy: ClassVar[str] = "a penalty a hundred times weaker, or none (alpha=0)"
    left: float = 0.1

    def look(self, e):
        if not e.model.objective.penalties or not e.weighted:
            return
        sizes = [float(e.signals[n.name].weight / e.first_signals[n.name].weight) for n in e.weighted]
        if (left := float(np.median(sizes))) < self.left:
            message = f"under the penalty the weights have shrunk to {left:.2g} of what they started with"
            yield self.found(e.severity, "all layers with weights", message, left=left)

    def repair(self, recipe, e):
        return recipe.with_penalty(None)


@register("finding", "underfitting")
@dataclass(frozen=True)
class Underfitting(Check):
    """The training error is high and no longer falls: the network is too small, or too strongly regularised.

    Measure: it fails although nothing else explains it, and over the last quarter of the run the loss fell by less
    than ``still`` of the loss of a constant answer, at a skill below ``well`` of the reference's; or everything passes
    a layer of at most ``narrow`` numbers, which says so beside other faults, too. What a narrow code can say of many
    targets is not asked for in the first place.
    """

    rank: ClassVar[int] = 195
    remedy: ClassVar[str] = "more units or another layer, a weaker penalty, less dropout, or more epochs"
    still: float = 0.03
    well: float = 0.75
    narrow: int = 3

    def look(self, e):
        if not e.failing or not np.isfinite(e.loss):
            return
        losses = e.model.history["loss"] if "loss" in e.model.history else np.zeros(0)
        if len(losses) < 4:
            return
        fallen = float(losses[-max(2, len(losses) // 4)] - losses[-1])
        narrow = []
        if e.passable >= 1:  # else as much as that lets through is all that is asked for
            still = {name for name, change in e.moved.items() if change == 0}  # its width is not why it says little
            narrow = [n.name for n in e.weighted if n.name not in still]
            narrow = [name for name in narrow if e.bottlenecks.get(name, self.narrow + 1) <= self.narrow]
        flat = fallen < self.still * e.chance
        if not narrow and not (flat and e.skill < self.well * e.expected):
            return
        why = f"; {layers_of(narrow)} {'is' if len(narrow) == 1 else 'are'} very narrow" if narrow else ""
        message = f"training error stays high, at a skill of {shown(e.skill)}{why}"
        measured = {"skill": e.skill, "fallen": fallen}
        if np.isfinite(e.possible):
            measured["reference"] = e.possible
        if narrow:
            measured["narrowest"] = min(e.bottlenecks[name] for name in narrow)
        dropped = any(isinstance(node.layer, Dropout) for node in every_layer(e.network))
        advice = either(
            f"more units in {layers_of(narrow)}" if narrow else "",
            "a weaker penalty" if e.model.objective.penalties else "",
            "less dropout" if dropped else "",
            "" if narrow or e.model.objective.penalties or dropped else "more units or another layer",
            "" if flat else "more epochs",
        )
        yield self.found("fault", "the run", message, **measured).trying(advice)

    def repair(self, recipe, e):
        hidden = {node.name for node in e.hidden}

        def change(node: Node):
            layer = node.layer
            if isinstance(layer, Dropout):
                return layer.replace(rate=min(layer.rate, 0.1))
            if node.name in hidden and isinstance(layer, Dense | Recurrent) and layer.units < 128:
                return layer.replace(units=max(32, 4 * layer.units))
            return layer

        return recipe.with_layers(change, "more units, less dropout").with_penalty(None)
