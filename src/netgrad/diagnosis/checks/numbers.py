"""Numbers that are none, and gradients that are wrong.

Sources: Allauzen "Gradient checking"; Kelleher 8.4 (exploding gradients end in numbers that are not finite).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.checks.data import InputsNotNormalised, columns
from netgrad.diagnosis.checks.gradients import clipped
from netgrad.diagnosis.checks.start import InitialisationScale, gains
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import either, layers_of
from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.layers.differentiated import Differentiated
from netgrad.network import Node, every_layer
from netgrad.registry import register
from netgrad.training.gradient_check import check_gradients


@register("finding", "not_finite")
@dataclass(frozen=True)
class NotFinite(Check):
    """A NaN or an infinity, with the first place where it arose: forward by z and a, else backward by delta.

    Checks of a lower rank need only the network, the settings and the data: they are asked first, since what they find
    is more often the reason than the learning rate.
    """

    rank: ClassVar[int] = 130
    remedy: ClassVar[str] = "a lower learning rate, clip_norm=1.0, inputs on a smaller scale, the usual initialisation"

    def look(self, e):
        place = e.first_non_finite()
        if place is not None:
            message = f"numbers are not finite; the first arose in {place}"
            size = max((float(np.sqrt((rows**2).mean())) for rows in columns(e).values()), default=1.0)
            loud = any(max(gains(e, node), default=1.0) > InitialisationScale.large for node in e.weighted)
            advice = either(
                "inputs on a smaller scale" if size > InputsNotNormalised.large else "",
                "the usual initialisation" if loud else "",
                "a lower learning rate",
                "" if e.settings.get("clip_norm") else "clip_norm=1.0",
            )
            yield self.found("fault", place, message, loss=e.loss).trying(advice)

    def repair(self, recipe, e):
        finite = [factor for factor, loss in e.rates.items() if factor < 1 and loss < e.first_loss]
        return clipped(recipe.with_usual_start().with_rate(max(finite, default=0.1)))


@register("finding", "wrong_gradient")
@dataclass(frozen=True)
class WrongGradient(Check):
    """A layer's own backward rule disagrees with automatic differentiation.

    Measure: the largest disagreement of a parameter's gradient, relative to its largest element, in float64
    (`netgrad.check_gradients`). tolerance: above this. Only layers from outside of netgrad that define ``backward``
    are asked: those inside are checked in its tests.
    """

    rank: ClassVar[int] = 150
    remedy: ClassVar[str] = "correct the layer's backward, or define only `call` and let netgrad differentiate it"
    tolerance: float = 1e-3

    def look(self, e):
        own = [node for node in every_layer(e.network) if foreign(node.layer)]
        if not own:
            return
        few = e.some(4)
        losses = {name: loss for name, loss, _ in e.model.objective.terms}
        try:
            report = check_gradients(
                e.network, few.x, few.y, loss=losses, lengths=few.lengths or None, params=e.model.params
            )
        except NetgradError:
            return
        worst = report.worst
        error = max(worst.against_autodiff, worst.against_differences)
        if not error < self.tolerance:
            names = ", ".join(node.name for node in own)
            own_rule = "brings its own rule" if len(own) == 1 else "bring their own rules"
            message = f"the gradient of {worst.parameter} is wrong by {error:.2g} of its size; {names} {own_rule}"
            yield self.found("fault", layers_of([node.name for node in own]), message, disagreement=error)

    def repair(self, recipe, e):
        def change(node: Node) -> Layer:
            return Differentiated(node.layer) if foreign(node.layer) else node.layer

        return recipe.with_layers(change, "automatic differentiation instead of the layer's own backward rule")


def foreign(layer: Layer) -> bool:
    """Whether a layer is of the user's own making and brings its own backward rule."""
    cls = type(layer)
    return not cls.__module__.startswith("netgrad.") and cls.backward is not Layer.backward
