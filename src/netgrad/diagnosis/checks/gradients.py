"""Gradients that vanish or explode on the way back: over the depth of a network, and over time.

Sources: Kelleher 8.4 (vanishing gradients, Fig. 8.x of learning speeds by layer) and 8.4.2; Z&M 26.2 (products of
Jacobians over time); Allauzen "Vanishing gradient"; Pattipati "Dealing with Sequences: RNNs".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis import recurrence
from netgrad.diagnosis.checks.rates import lower_helps
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import digits, either
from netgrad.initializers import Orthogonal
from netgrad.layers.cells import LSTM, RNN, ForgetGateRNN
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Node
from netgrad.registry import register

SATURATING = ("logistic", "tanh", "scaled_tanh")
STEADY = 0.9  # spectral radius of W_h below which its start alone lets a state fade


@register("finding", "vanishing_gradients")
@dataclass(frozen=True)
class VanishingGradients(Check):
    """delta of an early layer is much smaller than delta at the output, before the first step or after the last.

    Measure: the root mean square of delta in each layer with weights, over the largest of the layers behind it. share:
    below this.
    A layer of dead units, whose delta is exactly 0, is another finding.
    """

    rank: ClassVar[int] = 400
    remedy: ClassVar[str] = (
        "use relu (or tanh) instead of logistic units, with He or Xavier initialisation; batch normalisation or fewer "
        "layers also help"
    )
    share: float = 1e-3

    def look(self, e):
        worst = None
        for when, signals in (("before the first step", e.first_signals), ("as trained", e.signals)):
            names, sizes = e.flow(signals)
            if len(sizes) < 3 or not sizes[-1] > 0:
                continue
            ratios = sizes[:-1] / np.maximum.accumulate(sizes[::-1])[::-1][1:]  # to the largest behind each layer
            at = int(np.argmin(ratios))
            if 0 < ratios[at] < self.share and (worst is None or ratios[at] < worst[0]):
                worst = (ratios[at], names[at], names[at + 1 + int(np.argmax(sizes[at + 1 :]))], when)
        if worst is not None:
            ratio, name, last, when = worst
            message = (
                f"delta shrinks to {digits(ratio)} of its size from {last} back to {name}, {when}: {name} hardly learns"
            )
            kinds = {getattr(getattr(p.layer, "activation", p.layer), "registered_name", "") for p in e.places}
            bent = sorted(kinds & set(SATURATING))
            advice = either(
                f"relu units instead of {bent[0]} ones" if bent else "",
                "He or Xavier initialisation",
                "batch normalisation",
                "fewer layers",
            )
            yield self.found(e.severity, f"layer {name}", message, ratio=ratio).trying(advice)

    def repair(self, recipe, e):
        def change(node: Node):
            activation = getattr(node.layer, "activation", None)
            saturates = getattr(activation, "registered_name", None) in SATURATING
            if node.name in e.ends or not saturates or isinstance(node.layer, Recurrent):
                return node.layer
            return node.layer.replace(activation="relu")

        return recipe.with_layers(change, "relu in the hidden layers").with_usual_start()


@register("finding", "exploding_gradients")
@dataclass(frozen=True)
class ExplodingGradients(Check):
    """delta grows on its way back through the layers, before the first step or after the last.

    Measure: as for vanishing gradients, over the smallest of the layers behind. share: above this. As trained it is
    what too high a learning rate leaves behind: where a lower one trains better, a note.
    """

    rank: ClassVar[int] = 124
    remedy: ClassVar[str] = (
        "use He or Xavier initialisation, limit the gradient with clip_norm=1.0, or normalise layers"
    )
    share: float = 30.0

    def look(self, e):
        worst = None
        for when, signals in (("before the first step", e.first_signals), ("as trained", e.signals)):
            names, sizes = e.flow(signals)
            if len(sizes) < 3 or not sizes[-1] > 0:
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = sizes[:-1] / np.minimum.accumulate(sizes[::-1])[::-1][1:]  # to the smallest behind each layer
            at = int(np.argmax(np.where(np.isfinite(ratios), ratios, 0)))
            if self.share < ratios[at] < np.inf and (worst is None or ratios[at] > worst[0]):
                worst = (ratios[at], names[at], names[at + 1 + int(np.argmin(sizes[at + 1 :]))], when)
        if worst is not None:
            ratio, name, last, when = worst
            message = f"delta grows to {digits(ratio)} times its size from {last} back to {name}, {when}"
            left_behind = e.failing and when == "as trained" and lower_helps(e)
            advice = either(
                "a lower learning rate" if left_behind else "He or Xavier initialisation",
                "" if e.settings.get("clip_norm") else "clip_norm=1.0",
                "batch or layer normalisation",
            )
            severity = "note" if left_behind else e.severity
            yield self.found(severity, f"layer {name}", message, ratio=ratio).trying(advice)

    def repair(self, recipe, e):
        return clipped(recipe.with_usual_start())


@register("finding", "vanishing_memory")
@dataclass(frozen=True)
class VanishingMemory(Check):
    """A recurrent layer forgets: what it saw at the beginning of a sequence has no effect on its state at the end.

    Measure: the norm of the product of all Jacobians from the first step to the last, before the first step of
    training or after the last: the smaller of both, and the spectral radius of W_h. share: below this. Short sequences,
    of fewer than ``steps`` steps, are not judged.
    """

    rank: ClassVar[int] = 360
    remedy: ClassVar[str] = (
        "use an LSTM or a GRU, whose gates carry the state on, or start W_h orthogonal so that its spectral radius is 1"
    )
    share: float = 1e-4
    steps: int = 8

    def look(self, e):
        if not e.memory:
            return
        radii = recurrence.spectral_radii(e.start)
        for name, curves in e.memory.items():
            first, last = float(np.median(curves[:, 0])), float(np.median(e.memory_now[name][:, 0]))
            reach = min(first, last)
            if np.isfinite(curves).sum(1).min() < self.steps or not reach < self.share:
                continue
            radius = max((r for key, r in radii.items() if key.startswith(f"{name}.")), default=float("nan"))
            message = f"the last state of {name} depends on the first step of its sequence by a factor of "
            message += f"{digits(reach)} only"
            simple = isinstance(e.network.by_name[name].layer, RNN | ForgetGateRNN)
            advice = either(
                "an LSTM or a GRU, whose gates carry the state on"
                if simple
                else "a forget gate's bias that starts at 1",
                "a W_h that starts orthogonal" if radius < STEADY else "",
                "an output that sees earlier steps, too",
            )
            measured = {"jacobian": reach, "spectral_radius": radius}
            yield self.found(e.severity, f"layer {name}, over time", message, **measured).trying(advice)

    def repair(self, recipe, e):
        return recipe.with_layers(gated, "an LSTM in the place of each simple recurrent layer").with_usual_start()


@register("finding", "exploding_memory")
@dataclass(frozen=True)
class ExplodingMemory(Check):
    """A recurrent layer amplifies: small changes at the beginning of a sequence become huge ones at its end.

    Measure: the norm of the product of all Jacobians over time, before the first step of training; and the spectral
    radius of W_h. growth: a median above this; radius: or a spectral radius above this, where units saturate and the
    norm alone says little.
    """

    rank: ClassVar[int] = 235
    remedy: ClassVar[str] = "limit the gradient with clip_norm=1.0 and start W_h orthogonal, so that its radius is 1"
    growth: float = 100.0
    radius: float = 1.6

    def look(self, e):
        if not e.memory:
            return
        radii = recurrence.spectral_radii(e.start)
        for name, curves in e.memory.items():
            reach = float(np.median(np.nanmax(curves, axis=1)))
            radius = max((r for key, r in radii.items() if key.startswith(f"{name}.")), default=0.0)
            if reach > self.growth or not np.isfinite(reach) or radius > self.radius:
                message = f"gradients of {name} grow up to {digits(reach)} times on their way back through time"
                measured = {"jacobian": reach, "spectral_radius": radius}
                advice = either("a W_h that starts orthogonal", "" if e.settings.get("clip_norm") else "clip_norm=1.0")
                yield self.found(e.severity, f"layer {name}, over time", message, **measured).trying(advice)

    def repair(self, recipe, e):
        def change(node: Node):
            layer = node.layer
            if isinstance(layer, RNN) and layer.activation.registered_name not in SATURATING:
                layer = layer.replace(activation="tanh")
            return layer.replace(recurrent_initializer=Orthogonal()) if isinstance(layer, Recurrent) else layer

        return clipped(recipe.with_layers(change, "W_h starts orthogonal, before tanh").with_usual_start())


def gated(node: Node):
    """The node's layer, or an LSTM in the place of a recurrent layer without gates."""
    layer = node.layer
    if not isinstance(layer, RNN | ForgetGateRNN) or layer.returns == "state":
        return layer
    shared = ("units", "returns", "reverse", "learned_state", "dropout", "recurrent_dropout", "output_dropout", "name")
    return LSTM(**{name: getattr(layer, name) for name in shared})


def clipped(recipe):
    """The recipe with gradients limited, where the optimiser has a rate and they are not yet."""
    if recipe.settings.get("clip_norm") is not None or recipe.with_rate(1.0) is recipe:
        return recipe
    return recipe.changed("clip_norm=1.0", clip_norm=1.0)
