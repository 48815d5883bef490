"""The data: inputs on bad scales, targets that the outputs cannot give, classes out of balance, labels without sense.

Sources: Kelleher chapter 8 "Data preparation"; Pattipati "Backprop practicalities" (normalise inputs; targets within
the range of the output activation; unequal classes); Kelleher 8.4.3 (softmax and its loss).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from netgrad.diagnosis import reference
from netgrad.diagnosis.finding import Check, Finding
from netgrad.diagnosis.words import classes_of, count_of, digits, either, shown
from netgrad.layers.activation import Identity, Logistic, ReLU, ScaledTanh, Softmax, Tanh, Threshold
from netgrad.layers.embedding import Embedding
from netgrad.layers.rescaling import Rescaling
from netgrad.network import Node, with_first, with_last
from netgrad.registry import register


@register("finding", "inputs_not_normalised")
@dataclass(frozen=True)
class InputsNotNormalised(Check):
    """Inputs far from mean 0 and spread 1, columns on very different scales, constant columns, or wild values.

    Measure, by column over the examples: the root mean square (below ``small`` or above ``large``), the mean over the
    spread (above ``offset``), the share of constant columns (from ``constant`` on); of columns with more than two
    values, the largest spread over the median one (above ``uneven``) and the largest distance from a column's median
    over its middle half's width, or over the columns' median spread where that is larger (above ``wild``).
    """

    rank: ClassVar[int] = 100
    remedy: ClassVar[str] = (
        "standardise each column (ng.Rescaling.standardising(x, each=True) as the first layer, or a data frame, which "
        "netgrad encodes)"
    )
    small: float = 0.03
    large: float = 8.0
    offset: float = 6.0
    uneven: float = 30.0
    wild: float = 60.0
    constant: float = 0.95

    def look(self, e):
        severity = "fault" if e.failing or e.held_short else "note"  # what is learned by heart on a bad scale, too
        for name, rows in columns(e).items():
            called = e.column_name if e.batch.x[name].ndim == 2 else "column {}".format
            yield from islice(self.wrong(rows, partial(self.found, severity, f"the inputs {name}"), called), 1)

    def wrong(self, rows: np.ndarray, found: Callable[..., Finding], called: Callable[[int], str]) -> Iterator[Finding]:
        """What is wrong with these inputs (P, d), each time as ``found`` makes a finding of words and numbers; columns
        by what they are ``called``."""
        spread, mean = rows.std(0), rows.mean(0)
        size = np.sqrt((rows**2).mean(0))
        real = spread > 1e-6 * np.maximum(size, 1e-30)
        if real.mean() <= 1 - self.constant:
            message = (
                f"{(~real).sum()} of {count_of(len(real), 'column')} {'is' if (~real).sum() == 1 else 'are'} constant"
            )
            yield found(message, constant=float((~real).mean())).trying("leave these columns out")
        if not real.any():
            return
        # Yes and no, a category's columns among them, have the spread that their share gives them: a rare 1 is far from
        # its column's median, but not wild, and a hundred rare ones say nothing about the scale of the numbers.
        number = np.flatnonzero(real & ((rows > rows.min(0)) & (rows < rows.max(0))).any(0))
        usual = float(np.median(spread[number])) if len(number) else 1.0
        if len(number):
            numbers = rows[:, number]
            first, median, third = np.quantile(numbers, [0.25, 0.5, 0.75], axis=0)
            far = (np.abs(numbers - median) / np.maximum(third - first, usual)).max(0)
            if far.max() > self.wild:
                column, distance = called(int(number[far.argmax()])), float(far.max())
                message = f"{column} has a value {digits(distance)} times the usual spread away from its median"
                yield found(message, distance=distance).trying("correct such values, or cut them off")
        total = float(np.sqrt((rows[:, real] ** 2).mean()))
        if total > self.large or total < self.small:
            yield found(f"the inputs' size is {digits(total)}, where about 1 trains best", size=total)
        offset = np.abs(mean[real]) / spread[real]
        if np.median(offset) > self.offset:
            message = f"the inputs' means lie {digits(np.median(offset))} of their spreads away from 0"
            yield found(message, offset=float(np.median(offset)))
        # Beside the usual one: columns that hardly vary do no harm, those that dwarf all others do.
        if len(number) and (ratio := float(np.quantile(spread[number], 0.98) / usual)) > self.uneven:
            yield found(f"the columns' spreads differ by a factor of {digits(ratio)}", uneven=ratio)

    def repair(self, recipe, e):
        def tame(rows: np.ndarray) -> np.ndarray:
            return np.clip(rows, *np.quantile(rows, [0.005, 0.995], axis=0))

        return standardised(recipe, e, tame, 8.0, "wild values cut off")


def standardised(recipe, e, tame: Callable[[np.ndarray], np.ndarray], limit: float, what: str):
    """The recipe with inputs standardised column by column, by what their rows are once they are tamed, and cut off at
    plus and minus this limit; ``what`` is that in words."""
    network = recipe.graph
    for name, rows in columns(e).items():
        layer = network.by_name[next(n.name for n in network.nodes if name in n.inputs)].layer
        if not isinstance(layer, Rescaling):
            scale = Rescaling.standardising(tame(rows), each=True, limit=limit)
            network = with_first(network, scale, "standardised", name)
    if network == recipe.graph:
        return recipe
    return recipe.with_network(network, f"inputs standardised column by column, {what}")


def columns(e) -> dict[str, np.ndarray]:
    """The valid inputs by name as rows of numbers (P, d), the last axis as columns; symbols are left out."""
    found = {}
    for name, value in e.scored.x.items():
        readers = [node.layer for node in e.network.nodes if name in node.inputs]
        if any(isinstance(layer, Embedding) for layer in readers):
            continue
        value = np.asarray(value, float)
        if all(isinstance(layer, Rescaling) for layer in readers):
            value = np.asarray(readers[0].forward({}, value.astype(np.float32), None)[0])
        if name in e.scored.lengths:
            value = value[np.arange(value.shape[1]) < np.asarray(e.scored.lengths[name])[:, None]]
        # Pictures: all positions of a channel are on one scale.
        found[name] = value.reshape(-1, value.shape[-1])
    return found


@register("finding", "targets_out_of_range")
@dataclass(frozen=True)
class TargetsOutOfRange(Check):
    """The output activation cannot give the targets, or does not belong to the loss.

    Measure: the share of targets outside of the output activation's range (``outside``), by more than ``slack`` of the
    targets' spread; a rectified, tanh or threshold output under a loss that takes logits; no softmax or logistic under
    a loss that takes probabilities; for a linear output, targets whose mean or spread is above ``scale``, the furthest
    fiftieth on each side counted as no further than the rest.
    """

    rank: ClassVar[int] = 80
    remedy: ClassVar[str] = (
        "use a linear output for quantities (and standardise the targets), softmax_cross_entropy on a linear output "
        "for classes, binary_cross_entropy on a linear output for yes and no"
    )
    outside: float = 0.02
    slack: float = 0.01
    scale: float = 10.0

    def look(self, e):
        for name, loss, _ in e.model.objective.terms:
            layer = e.network.output_layer(name)
            activation = getattr(layer, "activation", layer)
            where = f"the output {name}"
            if loss.logits:
                if isinstance(activation, ReLU | Tanh | ScaledTanh | Threshold):
                    bent = activation.registered_name
                    message = f"the loss {loss.registered_name} takes logits of any size, but the output's activation "
                    message += f"is {bent}"
                    yield self.found(e.mistaken, where, message, skill=e.skill).trying("leave its activation out")
                continue
            if loss.registered_name == "cross_entropy" and not isinstance(activation, Softmax | Logistic):
                message = "the loss cross_entropy takes probabilities, but the output is no softmax"
                advice = "use softmax_cross_entropy on a linear output"
                yield self.found(e.severity, where, message, skill=e.skill).trying(advice)
            if loss.task != "regression":
                continue
            target = e.targets(name, loss, e.scored)
            low, high = reach(activation)
            slack = self.slack * max(float(np.ptp(target)), 1e-12)
            share = float(((target < low - slack) | (target > high + slack)).mean())
            if share > self.outside:
                place = f"outside of [{low:g}, {high:g}]" if np.isfinite(high) else f"below {low:g}"
                message = f"{share:.0%} of the targets lie {place}, which the output cannot give"
                yield self.found("fault", where, message, outside=share).trying(
                    either("a linear output", "targets scaled to this range")
                )
                continue
            usual = np.clip(target, *np.quantile(target, [0.02, 0.98], axis=0))  # outliers are another finding
            if (size := max(abs(float(m)) for m in (*usual.mean(0), *usual.std(0)))) > self.scale:
                which = "mean" if np.abs(usual.mean(0)).max() == size else "spread"
                message = f"the targets' {which} is {digits(size)}, far from what a network puts out at first"
                yield self.found(e.severity, where, message, size=size).trying("standardise the targets")

    def repair(self, recipe, e):
        (name, loss, _), *more = e.model.objective.terms
        end = dict(recipe.graph.outputs)[name]
        layer = recipe.graph.by_name[end].layer
        if more or isinstance(layer, Rescaling):
            return None

        def change(node: Node):
            bent = node.name == end and not isinstance(getattr(node.layer, "activation", Identity()), Identity)
            return node.layer.replace(activation="identity", initializer=None).placed(False) if bent else node.layer

        changed = recipe.with_layers(change, "a linear output")
        if loss.registered_name == "cross_entropy":
            return changed.with_loss("softmax_cross_entropy")
        if loss.task == "regression" and not loss.logits:
            target = e.targets(name, loss, e.scored)
            offset, factor = float(target.mean()), float(target.std()) or 1.0
            if max(abs(offset), factor) > 2 or factor < 0.1:
                scaled = Rescaling(-offset / factor, factor)
                network = with_last(changed.graph, scaled, "in_units_of_the_target")
                changed = changed.with_network(network, "outputs brought to the targets' scale")
                # The gradient is larger by that factor, too.
                changed = changed.changed("the optimiser adam", optimizer="adam", learning_rate=None)
        return changed


def reach(activation) -> tuple[float, float]:
    """The lowest and the highest value that an activation gives.

    >>> reach(Tanh()), reach(ReLU())
    ((-1.0, 1.0), (0.0, inf))
    """
    if isinstance(activation, Logistic | Softmax | Threshold):
        return 0.0, 1.0
    if isinstance(activation, Tanh):
        return -1.0, 1.0
    if isinstance(activation, ScaledTanh):
        limit = float(np.abs(np.asarray(activation.f(jnp.asarray(1e6, jnp.float32)))))
        return -limit, limit
    return (0.0, np.inf) if isinstance(activation, ReLU) else (-np.inf, np.inf)


@register("finding", "class_collapse")
@dataclass(frozen=True)
class ClassCollapse(Check):
    """Classes are out of balance, and the network answers with the frequent one (almost) always.

    Measure: the share of the most frequent class (above ``frequent``), and the share of examples of all other classes
    that are recognised (below ``recalled``), where a reference recognises twice as many.
    """

    rank: ClassVar[int] = 300
    remedy: ClassVar[str] = "class_weight='balanced', or resample='over'"
    frequent: float = 0.6
    recalled: float = 0.2

    def look(self, e):
        for name, loss, _ in e.model.objective.terms:
            if loss.task == "regression":
                continue
            truth, answer = e.answers(name, loss)
            if truth.ndim > 1 and truth.shape[-1] > 1:
                continue
            truth, answer = truth.ravel(), answer.ravel()
            values, counts = np.unique(truth, return_counts=True)
            if len(values) < 2:
                continue
            largest, share = values[counts.argmax()], counts.max() / counts.sum()
            others = truth != largest
            recall = float((answer[others] == truth[others]).mean())
            if share < self.frequent or recall >= self.recalled or others.sum() < 5:
                continue
            severity = "fault" if e.recallable(name) > 2 * max(recall, 0.05) else "note"
            message = f"{share:.0%} of the examples are of {classes_of(e.class_names([largest]))}, and the network "
            message += f"recognises {recall:.0%} of "
            yield self.found(severity, f"the output {name}", message + "the others", frequent=share, recall=recall)

    def repair(self, recipe, e):
        return recipe.changed("class_weight='balanced'", class_weight="balanced")


@register("finding", "labels_without_relation")
@dataclass(frozen=True)
class LabelsWithoutRelation(Check):
    """The targets have nothing to do with the inputs: shuffled, out of step, or of another table.

    Measure: the skill of a reference on examples that it has not seen, beside its skill on permuted targets; and the
    network's own skill on held-out examples, where there are any. margin: no better by more than this. With fewer than
    ``examples``, or where a column goes with the targets more than chance explains, however little that helps, nothing
    is said.
    """

    rank: ClassVar[int] = 140
    spoils: ClassVar[bool] = True
    remedy: ClassVar[str] = "check that rows of inputs and targets still belong together: look at some of them"
    margin: float = 0.06
    examples: int = 80

    def look(self, e):
        if e.batch.size < self.examples or not np.isfinite(e.possible):
            return
        own = e.held_skill if np.isfinite(e.held_skill) else e.skill
        if own > 2 * self.margin:
            return
        if any(reference.related(task, x, target) for _, task, x, target in e.problems(e.batch)):
            return
        if e.possible - e.by_accident > self.margin:
            return
        message = f"no model finds a relation: a reference reaches a skill of {shown(e.possible)} on unseen examples, "
        message += f"{shown(e.by_accident)} with permuted targets, the network {shown(own)}"
        measured = {"reference": e.possible, "permuted": e.by_accident, "network": own}
        yield self.found("fault", "the targets", message, **measured)
