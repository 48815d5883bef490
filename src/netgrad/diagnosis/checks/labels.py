"""The targets, row by row: labels that are wrong, classes too small to learn, quantities far from all others.

Sources: Northcutt, Jiang & Chuang, "Confident learning" (2021); Kelleher chapter 3 (outliers) and 8.4; Huber (1964).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis import reference
from netgrad.diagnosis.checks.static import DISTANCES
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import classes_of, either, numbered
from netgrad.registry import register


@register("finding", "wrong_labels")
@dataclass(frozen=True)
class WrongLabels(Check):
    """Some labels are wrong: trees that have not seen an example are sure of another class than the one it is given.

    Measure: of the fifth of the examples of which trees are most sure, the share whose label is another one (above
    ``share``, and above ``level`` of that share among all examples: classes that merely overlap are told apart where
    trees are sure). With fewer than ``examples``, or where a reference learns nothing, nothing is said.
    """

    rank: ClassVar[int] = 480
    remedy: ClassVar[str] = "look at these rows first, and correct or leave out those whose label is wrong"
    share: float = 0.05
    level: float = 0.3
    examples: int = 150

    def look(self, e):
        for name, task, x, target in e.problems(e.batch, most=4 * reference.EXAMPLES):
            if task != "classification" or len(x) < self.examples or not e.possible > 0.3:
                continue
            answer, sure = reference.sure_answers(x, target)
            wrong = answer != target
            surest = np.argsort(-sure)[: len(sure) // 5]
            share = float(wrong[surest].mean())
            if share > self.share and share > self.level * wrong.mean():
                worst = surest[wrong[surest]]
                rows = f", most so of {numbered(e.row_numbers(worst))}" if e.one_row_each(name) else ""
                message = f"about {share:.0%} of the labels seem wrong: trees are sure of another class{rows}"
                yield self.found("warning", f"the output {name}", message, share=share, of_all=float(wrong.mean()))


@register("finding", "small_classes")
@dataclass(frozen=True)
class SmallClasses(Check):
    """Classes of a handful of examples, which the network does not learn.

    Measure: classes with fewer than ``examples`` examples, of which less than ``recalled`` are recognised; well
    recognised ones are harmless.
    """

    rank: ClassVar[int] = 310
    remedy: ClassVar[str] = "collect more examples of these classes, join them with others, or resample='over'"
    examples: int = 10
    recalled: float = 0.5

    def look(self, e):
        for name, loss, _ in e.model.objective.terms:
            if loss.task != "classification":
                continue
            truth, answer = e.answers(name, loss)
            values, counts = np.unique(truth, return_counts=True)
            small = [int(v) for v, n in zip(values, counts, strict=True) if n < self.examples]
            if not small or len(truth) < 5 * self.examples or len(small) == len(values):
                continue
            of_small = np.isin(truth, small)
            recall = float((answer == truth)[of_small].mean())
            if recall < self.recalled:
                message = f"{classes_of(e.class_names(small))} {'has' if len(small) == 1 else 'have'} fewer than "
                message += f"{self.examples} examples, and the network recognises {recall:.0%} of them"
                fewest = int(counts.min())
                one = len(small) == 1
                advice = either(
                    f"more examples of {'this class' if one else 'these classes'}",
                    f"joining {'it' if one else 'them'} with others",
                    "resample='over'",
                )
                measured = {"recall": recall, "fewest": fewest}
                yield self.found("warning", f"the output {name}", message, **measured).trying(advice)

    def repair(self, recipe, e):
        return recipe.changed("resample='over'", resample="over")


@register("finding", "target_outliers")
@dataclass(frozen=True)
class TargetOutliers(Check):
    """A few targets so far from all others that a squared error sees little else.

    Measure: targets further from the median than ``far`` widths of the middle half, that together make up more than
    ``share`` of the squared deviation from it.
    """

    rank: ClassVar[int] = 110
    remedy: ClassVar[str] = "look at these rows, correct them or leave them out; or use the loss huber"
    far: float = 15.0
    share: float = 0.5

    def look(self, e):
        for name, loss, _ in e.model.objective.terms:
            if loss.registered_name not in DISTANCES:
                continue
            target = np.asarray(e.batch.y[name], float)
            target = target.reshape(-1, target.shape[-1]) if target.ndim > 1 else target[:, None]
            first, middle, third = np.quantile(target, [0.25, 0.5, 0.75], axis=0)
            away = np.abs(target - middle)
            far = (away > self.far * np.maximum(third - first, 1e-30)) & (third > first)
            share = float((away**2 * far).sum() / max((away**2).sum(), 1e-30))
            if not far.any() or share < self.share:
                continue
            rows = np.flatnonzero(far.any(1))
            rows = rows[np.argsort(-away[rows].max(1))]
            where = f" ({numbered(rows)})" if e.one_row_each(name) else ""
            lie, make = ("lies", "makes") if len(rows) == 1 else ("lie", "make")
            message = f"{len(rows)} of {len(target)} targets {lie} far from all others{where} and {make} up "
            message += f"{share:.0%} of the squared deviation"
            # Where they leave a reference nothing to learn, they are the reason, too.
            severity = "fault" if e.failing or not e.expected > 0.1 else "warning"
            yield self.found(severity, f"the output {name}", message, share=share, count=len(rows))

    def repair(self, recipe, e):
        return recipe.with_loss("huber") if len(e.model.objective.terms) == 1 else None
