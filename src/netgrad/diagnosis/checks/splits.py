"""Training beside validation: do both come from the same source, and is anything of one in the other?

A reference trained on one and scored on the other tells a network that learns by heart from data that differ.
Sources: Kelleher 8.4.4 and chapter 9 (hold-out sampling, concept drift); Kaufman et al., "Leakage in data
mining" (2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis import reference
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import classes_of, columns_of, count_of, digits, shown
from netgrad.registry import register

SOURCES = "check how these columns came about in both, or draw both from the same examples"
ROWS = "check that rows of inputs and targets still belong together: look at some of them"


@register("finding", "missing_class")
@dataclass(frozen=True)
class MissingClass(Check):
    """A class that only one of training and validation has.

    Measure: classes of validation examples that no training example has; and classes that would be expected in
    validation ``expected`` times by their share of the training examples, and are not.
    """

    rank: ClassVar[int] = 50
    spoils: ClassVar[bool] = True
    remedy: ClassVar[str] = "draw training and validation from the same examples (stratified by class)"
    expected: float = 8.0

    def look(self, e):
        if e.held is None:
            return
        for name, loss, _ in e.model.objective.terms:
            if loss.task != "classification":
                continue
            known, unseen = (np.unique(e.targets(name, loss, b), return_counts=True) for b in (e.batch, e.held))
            new = sorted(set(unseen[0]) - set(known[0]))
            if new:
                count = int(unseen[1][np.isin(unseen[0], new)].sum())
                message = f"no training example is of {classes_of(e.class_names(new))}, but "
                message += f"{count_of(count, 'validation example')} {'is' if count == 1 else 'are'}"
                yield self.found("fault", f"the output {name}", message, classes=len(new), examples=count)
            due = known[1] / known[1].sum() * unseen[1].sum()
            gone = known[0][(due > self.expected) & ~np.isin(known[0], unseen[0])]
            if len(gone):
                most = f"{due[np.isin(known[0], gone)].sum():.0f}"
                message = f"no validation example is of {classes_of(e.class_names(gone))}, of which {most} were to "
                message += "be expected"
                yield self.found("warning", f"the output {name}", message, classes=len(gone))


@register("finding", "shifted_inputs")
@dataclass(frozen=True)
class ShiftedInputs(Check):
    """Training and validation inputs differ: one was scaled and the other not, or they come from other sources.

    Measure, by column with at least ``rows`` values other than the median in both: the spread in validation over that
    in training (outside of 1/``times`` to ``times``), the distance of the means over the larger spread (above
    ``away``); where at least half of the columns differ so, it is the scale. Where none does and the network falls
    short on validation, trees that tell the two apart on examples that they have not seen, with an area under the
    curve above ``apart``.
    """

    rank: ClassVar[int] = 60
    spoils: ClassVar[bool] = True
    remedy: ClassVar[str] = "treat both alike: fit a scaler on the training inputs and apply it to both"
    times: float = 4.0
    away: float = 2.0
    apart: float = 0.85
    examples: int = 20
    rows: int = 10

    def look(self, e):
        if e.held is None or min(e.held.size, e.batch.size) < self.examples:
            return
        severity = "fault" if e.held_short else "note"
        for x, held in e.input_pairs:
            with np.errstate(divide="ignore", invalid="ignore"):
                spread, other = x.std(0), held.std(0)
                ratio = other / spread
                moved = np.abs(held.mean(0) - x.mean(0)) / np.maximum(spread, other)
            # What hardly any row has says nothing about a column's spread.
            varied = [((part != np.median(part, axis=0)).sum(0) >= self.rows) for part in (x, held)]
            real = (spread > 0) & (other > 0) & varied[0] & varied[1]
            off = real & ((ratio > self.times) | (ratio < 1 / self.times) | (moved > self.away))
            if not off.any():
                yield from self.told_apart(e, x, held)
                continue
            which = np.flatnonzero(off)[np.argsort(-moved[off])]
            names = columns_of([e.column_name(int(i)) for i in which])
            typical = float(np.median(ratio[off]))
            measured = {"spread": typical, "moved": float(np.median(moved[off]))}
            if off.sum() >= max(2, 0.5 * real.sum()):
                message = f"the validation inputs are on another scale than those of training: {off.sum()} of "
                wide = not 1 / self.times < typical < self.times
                far = (
                    f"spread {digits(typical)} times as far"
                    if wide
                    else f"lie {digits(measured['moved'])} spreads away"
                )
                message += f"{count_of(int(real.sum()), 'column')} {far}"
                yield self.found(severity, "the inputs", message, **measured)
            else:
                whose = "the first's" if off.sum() > 1 else "its"
                if moved[first := which[0]] > self.away:
                    how = f"mean lies {digits(moved[first])} spreads away"
                else:
                    how = f"spread in validation is {digits(ratio[first])} times that in training"
                message = f"training and validation differ in {names}: {whose} {how}"
                yield self.found(severity, names, message, **measured).trying(SOURCES)

    def told_apart(self, e, x, held):
        """The finding of trees that tell training from validation."""
        if not e.held_short:
            return
        area, weights = reference.told_apart(x, held)
        if area > self.apart:
            names = columns_of([e.column_name(int(i)) for i in np.argsort(-weights)[:3]])
            message = f"trees tell validation from training examples (area under the curve {area:.2f}), most by {names}"
            yield self.found("fault", names, message, area=area).trying(SOURCES)


@register("finding", "targets_apart")
@dataclass(frozen=True)
class TargetsApart(Check):
    """Training and validation write the same targets differently: classes numbered otherwise, quantities in other
    units; or the targets of one of both belong to other rows.

    Measure: a reference trained on the training examples has a skill below ``low`` of what it reaches within them on
    the validation examples, and above ``high`` of it once its answers are renamed, or scaled, as fits best; or the
    reference learns within one of both and, by ``margin``, not within the other.
    """

    rank: ClassVar[int] = 170
    spoils: ClassVar[bool] = True
    remedy: ClassVar[str] = "make the targets of both in one place, before they are divided, and look at some rows"
    low: float = 0.5
    high: float = 0.8
    margin: float = 0.3

    def look(self, e):
        for name, task, own, skill, predicted, target in e.transferred:
            if not own > self.margin or skill > self.low * own:
                held = e.held_possible if not own > self.margin else 0.0
                if held - max(own, 0.0) > self.margin and own < 0.1:
                    message = "a reference finds no relation between inputs and targets of training (skill "
                    message += f"{shown(own)}), but one within validation ({shown(held)})"
                    yield self.found("fault", "the targets", message, training=own, validation=held).trying(ROWS)
                continue
            if task == "classification":
                table = np.zeros((max(predicted.max(), target.max()) + 1,) * 2)
                np.add.at(table, (predicted, target), 1)
                named = table.argmax(1)
                again = reference.skill(task, named[predicted], target)
                differ = [c for c in np.unique(predicted) if named[c] != c]
                distinct = len(set(named[np.unique(predicted)])) > 1
                if again > self.high * own and differ and distinct:
                    own_name, other = e.class_names([differ[0], named[differ[0]]])
                    message = f"what training calls class {own_name} is class {other} in validation"
                    message += f"; {len(differ)} classes are renamed" if len(differ) > 1 else ""
                    yield self.found("fault", f"the output {name}", message, as_named=skill, renamed=again)
                    continue
            elif task == "regression" and target.shape[1] == 1 and np.ptp(predicted) > 0:
                slope, offset = np.polyfit(predicted[:, 0], target[:, 0], 1)
                again = reference.skill(task, slope * predicted + offset, target)
                if again > self.high * own:
                    sign = "plus" if offset >= 0 else "minus"
                    message = f"the validation targets are about {digits(slope)} times those of training, {sign} "
                    message += f"{digits(abs(offset))}"
                    yield self.found("fault", f"the output {name}", message, as_given=skill, scaled=again)
                    continue
            if e.held_possible < 0.1 and skill < 0.1 and len(target) >= 60:
                message = "a reference finds no relation between inputs and targets of validation (skill "
                message += f"{shown(e.held_possible)}), but one within training ({shown(own)})"
                measured = {"training": own, "validation": e.held_possible}
                yield self.found("fault", "the targets", message, **measured).trying(ROWS)


@register("finding", "copied_examples")
@dataclass(frozen=True)
class CopiedExamples(Check):
    """Validation examples that are copies of training examples: what is measured on them says nothing about new ones.

    Measure: the share of validation examples closer to a training example than ``near`` of the usual distance between
    neighbours (above ``share``), where the inputs are continuous: half of a column's values or more are different.
    """

    rank: ClassVar[int] = 510
    remedy: ClassVar[str] = "take copies out before the examples are divided, or keep all copies on one side"
    near: float = 0.01
    share: float = 0.05

    def look(self, e):
        if e.held is None:
            return
        for x, held in e.input_pairs:
            if max((len(np.unique(column)) for column in x.T), default=0) < 0.5 * len(x):
                continue
            copies = reference.copies(x, held, self.near)
            if (share := float(copies.mean())) > self.share:
                are = "is a copy of a training example" if copies.sum() == 1 else "are copies of training examples"
                message = f"{copies.sum()} of {len(held)} validation examples looked at {are}"
                yield self.found("warning", "validation", message, share=share)


@register("finding", "training_only_column")
@dataclass(frozen=True)
class TrainingOnlyColumn(Check):
    """A column that tells the target in training and not in validation: an identifier, or a leak that new data lack.

    Measure: a tree that sees this column alone has a skill above ``sure`` on training examples it was not grown on, and
    less than ``lost`` of it on validation examples, on which the network falls short.
    """

    rank: ClassVar[int] = 530
    spoils: ClassVar[bool] = True
    remedy: ClassVar[str] = "leave the column out"
    sure: float = 0.8
    lost: float = 0.5
    most: int = 200

    def look(self, e):
        if e.held is None or not e.held_short:
            return
        for (_, task, x, target), (_, _, held, held_target) in zip(
            e.problems(e.batch), e.problems(e.held), strict=True
        ):
            if (task == "multilabel" and target.shape[1] > 1) or x.shape[1] > self.most:
                continue
            within = reference.single_column_skill(task, x, target)
            for i in np.argsort(-within)[:3]:
                if within[i] < self.sure:
                    break
                across = reference.column_across(task, x[:, i], target, held[:, i], held_target)
                if across < self.lost * within[i]:
                    message = f"{e.column_name(int(i))} tells the target in training (skill {within[i]:.2f}), not in "
                    message += f"validation ({max(across, 0.0):.2f})"
                    yield self.found(
                        "fault", e.column_name(int(i)), message, training=float(within[i]), validation=max(across, 0.0)
                    )
