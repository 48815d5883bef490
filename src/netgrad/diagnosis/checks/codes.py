"""Codes and attention: units of a variational code that say nothing, heads that look nowhere or all at the same.

Sources: Bowman et al., "Generating sentences from a continuous space" (2016), and Burda et al., "Importance weighted
autoencoders" (2016), for collapsed and active units; Michel et al., "Are sixteen heads really better than one?" (2019).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from netgrad.activity import GaussianKL
from netgrad.diagnosis.checks.units import units
from netgrad.diagnosis.finding import Check
from netgrad.registry import register


@register("finding", "posterior_collapse")
@dataclass(frozen=True)
class PosteriorCollapse(Check):
    """Units of a variational code whose mean hardly depends on the input: the decoder does without them.

    Measure: the variance over the examples of the mean of each unit of a `Gaussian` layer, as Burda et al. count active
    units. silent: below this a unit says nothing. share: of such units, from which on it is why a network fails.
    """

    rank: ClassVar[int] = 197
    remedy: ClassVar[str] = (
        "a weaker divergence (penalty=ng.GaussianKL(alpha=0.1)), a smaller code, or a weaker decoder"
    )
    silent: float = 0.01
    share: float = 0.5

    def look(self, e):
        for name, mean, log_variance in e.codes:
            rows = mean.reshape(-1, mean.shape[-1])
            silent = rows.var(0) < self.silent
            if silent.any():
                share = float(silent.mean())
                have, them = ("has", "it") if silent.sum() == 1 else ("have", "them")
                message = f"{int(silent.sum())} of {silent.size} units of the code {name} {have} the same mean "
                message += f"whatever the input is: the penalty has silenced {them}"
                severity = e.severity if share >= self.share else "note"
                kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
                measured = {"share": share, "nats": float(kl.reshape(rows.shape).sum(1).mean())}
                yield self.found(severity, f"{units(silent)} of layer {name}", message, **measured)

    def repair(self, recipe, e):
        own = [p for p in e.model.objective.penalties if isinstance(p, GaussianKL)]
        return recipe.with_penalty(replace(own[0], alpha=0.1 * own[0].alpha)) if len(own) == 1 else None


@register("finding", "attention_heads")
@dataclass(frozen=True)
class AttentionHeads(Check):
    """Heads of attention that look at everything alike, at one place whatever is asked, or all at the same.

    Measure, over the examples and the steps that see three or more: the entropy of a head's weights over that of equal
    ones (above ``uniform``); the largest mean weight of one place (above ``fixed``); half the sum of the differences of
    two heads' weights (below ``alike``). share: of such heads, from which on it is why a network fails.
    """

    rank: ClassVar[int] = 465
    remedy: ClassVar[str] = "other first weights (leave the initialiser out), fewer heads, or a layer of positions"
    uniform: float = 0.99
    fixed: float = 0.99
    alike: float = 0.01
    share: float = 0.5

    def look(self, e):
        for name, weights in e.attention:
            seen = (weights > 0).sum(-1) >= 3  # (N, heads, T)
            if not seen.any():
                continue
            even, place, same = self.kinds(weights, seen)
            heads = weights.shape[1]
            for which, message, remedy in (
                (even, "look at everything alike", "a layer of positions, other first weights, or no attention here"),
                (place & ~even, "look at one and the same place whatever is asked", ""),
                (same & ~even & ~place, "look where another head looks", "fewer heads"),
            ):
                if which.any():
                    count, share = int(which.sum()), float(which.mean())
                    words = message if count > 1 else message.replace("look", "looks", 1)
                    severity = e.severity if share >= self.share else "note"
                    yield self.found(
                        severity, f"layer {name}", f"{count} of {heads} heads of {name} {words}", share=share
                    ).trying(remedy)

    def kinds(self, weights: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(heads,) each: which are uniform, which look at one place, which look where an earlier one looks."""
        count = np.maximum((weights > 0).sum(-1), 2)
        entropy = -(weights * np.log(np.where(weights > 0, weights, 1))).sum(-1) / np.log(count)
        rows = np.maximum(seen.sum((0, 2)), 1)
        even = (entropy * seen).sum((0, 2)) / rows > self.uniform
        place = ((weights * seen[..., None]).sum((0, 2)) / rows[:, None]).max(-1) > self.fixed
        same = np.zeros(len(even), bool)
        for i in range(len(even)):
            for k in range(i):
                apart = 0.5 * np.abs(weights[:, i] - weights[:, k]).sum(-1)
                same[i] |= bool((apart * seen[:, i]).sum() / rows[i] < self.alike)
        return even, place, same

    def repair(self, recipe, e):
        return recipe.with_usual_start()
