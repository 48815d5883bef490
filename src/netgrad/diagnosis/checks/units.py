"""Units that do no work: dead rectifiers, saturated units, copies and constants.

Sources: Kelleher 8.4.1 (dead ReLUs, leaky and parametric ReLU) and 8.4.2; Allauzen "Which activation function?".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.checks.data import columns
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.signals import activation_of
from netgrad.diagnosis.words import either
from netgrad.network import Node
from netgrad.registry import register

RECTIFIERS = ("relu",)
LARGE = 3.0  # root mean square of inputs from which on they alone may saturate units


@register("finding", "dead_units")
@dataclass(frozen=True)
class DeadUnits(Check):
    """ReLU units that are active on none of the examples: no gradient passes them, and they cannot come back.

    Measure: units whose derivative is 0 on every example of the probe. many: a layer with this share of them is why a
    network fails; few: from this share on it is noted.

    The bias of 0.1 is the text's heuristic. On digits (four layers of 40, gradient descent, medians of eight starts)
    it takes dead units from 3.1 to 2.5 % at step 0.1, from 6.6 to 4.1 % at 0.3, and from 12.5 to 0 % with first weights
    too small (sigma 0.05); at a step far too large (0.6: 52 and 49 %) only a lower rate helps.
    """

    rank: ClassVar[int] = 240
    remedy: ClassVar[str] = (
        "use leaky_relu or elu, start the biases at 0.1, use He initialisation and a lower learning rate"
    )
    many: float = 0.5
    few: float = 0.1

    def look(self, e):
        for node in e.places:
            if node.end or getattr(activation_of(node.layer), "registered_name", None) not in RECTIFIERS:
                continue
            dead = e.signals[node.name].answer == 0
            share = float(dead.mean()) if dead.size else 0.0
            if share < self.few:
                continue
            severity = e.severity if share >= self.many else "note"
            one = dead.sum() == 1
            message = f"{int(dead.sum())} of {dead.size} units of {node.name} {'is' if one else 'are'} active on no "
            message += f"example: {'it is' if one else 'they are'} dead"
            yield self.found(severity, f"{units(dead)} of layer {node.name}", message, share=share).trying(
                self.advice(dead, e.first_signals[node.name].answer == 0)
            )

    def advice(self, dead: np.ndarray, before: np.ndarray) -> str:
        """What helps these dead units, by whether they were dead before the first step, too."""
        born = bool((dead & before).sum() > 0.5 * dead.sum())
        cause = "He initialisation, with biases of 0.1" if born else "a lower learning rate"
        return either(cause, "leaky_relu or elu units")

    def repair(self, recipe, e):
        def change(node: Node):
            activation = getattr(node.layer, "activation", None)
            if getattr(activation, "registered_name", None) not in RECTIFIERS:
                return node.layer
            return node.layer.replace(activation="leaky_relu")

        return recipe.with_layers(change, "leaky_relu instead of relu").with_usual_start()


@register("finding", "saturated_units")
@dataclass(frozen=True)
class SaturatedUnits(Check):
    """Logistic or tanh units that stand at their limits, where the derivative is next to 0.

    Measure: the share of units and examples with a derivative below 5 % of the largest, by layer. share: above this.
    """

    rank: ClassVar[int] = 260
    remedy: ClassVar[str] = (
        "standardise the inputs, use Xavier initialisation with biases of 0, a lower learning rate, or relu units"
    )
    share: float = 0.7

    def look(self, e):
        for node in e.places:
            activation = getattr(activation_of(node.layer), "registered_name", None)
            if node.end or activation not in ("logistic", "tanh", "scaled_tanh"):
                continue
            flat = e.signals[node.name].flat
            if not flat.size or flat.mean() < self.share:
                continue
            message = f"the {activation} units of {node.name} are saturated in {flat.mean():.0%} of all cases"
            yield self.found(
                e.severity, f"{units(flat > self.share)} of layer {node.name}", message, share=float(flat.mean())
            ).trying(self.advice(e, bool(e.first_signals[node.name].flat.mean() > self.share)))

    def advice(self, e, before: bool) -> str:
        """What helps, by whether these units were saturated before the first step, too."""
        size = max((float(np.sqrt((rows**2).mean())) for rows in columns(e).values()), default=1.0)
        return either(
            "standardised inputs" if size > LARGE else "",
            "Xavier initialisation, with biases of 0" if before else "a lower learning rate",
            "relu units",
        )

    def repair(self, recipe, e):
        return recipe.with_usual_start()


@register("finding", "redundant_units")
@dataclass(frozen=True)
class RedundantUnits(Check):
    """Units that add nothing: copies of another unit of their layer, constants, or units that nothing listens to.

    Measure: correlation of activations above ``alike`` with an earlier unit, a spread below ``still`` of the layer's,
    or a delta below ``unheard`` of the layer's largest. share: of such units in a layer with at least ``units`` units,
    where fewer are left than the inputs have independent columns: what one column says, all units say alike. Dead
    ReLUs are another finding. A layer whose weights are all next to 0 counts as wholly unused.
    """

    rank: ClassVar[int] = 600
    remedy: ClassVar[str] = "take fewer units in this layer, or an initialiser that makes every unit different"
    alike: float = 0.9995
    still: float = 1e-4
    unheard: float = 1e-5
    share: float = 0.5
    units: int = 4

    def look(self, e):
        for node in e.hidden:
            if node not in e.weighted or (wasted := self.wasted(e, node)) is None:
                continue
            share = float(wasted.mean())
            left = wasted.size - int(wasted.sum())
            if wasted.size < self.units or share < self.share or left >= e.input_rank:
                continue
            message = f"{int(wasted.sum())} of {wasted.size} units of {node.name} are copies, constant or unused"
            none_left = "find out what keeps the layer from learning: it is not its width" if not left else ""
            yield self.found(e.severity, f"{units(wasted)} of layer {node.name}", message, share=share).trying(
                none_left
            )

    def wasted(self, e, node: Node) -> np.ndarray | None:
        """(units,) which units of this layer add nothing, dead ones left out; None where it cannot be said."""
        a, signal = e.activations.get(node.name), e.signals[node.name]
        if a is None or a.ndim < 2 or not np.isfinite(a).all():
            return None
        rows = a.reshape(-1, a.shape[-1])[:4096].astype(float)
        spread = rows.std(0)
        still = spread <= self.still * max(np.abs(rows).max(), 1e-30)
        alive = ~still
        copies = np.zeros(len(spread), bool)
        if alive.sum() > 1:
            alike = np.abs(np.corrcoef(rows[:, alive].T)) > self.alike
            copies[alive] = np.triu(alike, 1).any(0)
        reach = signal.reach
        unheard = np.zeros(len(spread), bool)
        if reach.size == len(spread) and reach.max() > 0:
            answers = signal.answer if signal.answer.size == len(spread) else np.ones(len(spread))
            unheard = (reach < self.unheard * reach.max()) & (answers > 0.01)
        dead = signal.answer == 0 if signal.answer.size == len(spread) else np.zeros(len(spread), bool)
        return (still | copies | unheard) & ~dead

    def repair(self, recipe, e):
        counts = {}
        for node in e.hidden:
            wasted = self.wasted(e, node) if node in e.weighted and hasattr(node.layer, "units") else None
            if wasted is not None and wasted.size >= self.units and wasted.mean() >= self.share:
                counts[node.name] = min(node.layer.units, max(4, round(1.25 * float((~wasted).sum()))))

        def change(node: Node):
            fewer = counts.get(node.name)
            return node.layer if fewer is None else node.layer.replace(units=fewer)

        return recipe.with_layers(change, "fewer units where most added nothing").with_usual_start()


def units(chosen: np.ndarray, most: int = 4) -> str:
    """Which units, in words.

    >>> units(np.array([True, False, True])), units(np.ones(9, bool))
    ('units 0, 2', 'all 9 units')
    """
    where = np.flatnonzero(chosen)
    if len(where) == chosen.size:
        return f"all {chosen.size} units"
    shown = ", ".join(map(str, where[:most]))
    return f"unit{'s' * (len(where) > 1)} {shown}" + (f" and {len(where) - most} more" if len(where) > most else "")
