"""The settings of the run beside what it did: rates that decay, layers that stand still, noise that drowns.

Sources: Pattipati "Backprop practicalities"; Ioffe & Szegedy (2015) for running statistics; Kelleher 8.4.4 (dropout).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import count_of, digits, either, layers_of, shown
from netgrad.layers.base import Layer
from netgrad.layers.dropout import Dropout
from netgrad.layers.gaussian import Gaussian
from netgrad.layers.noise import GaussianNoise
from netgrad.layers.normalisation import BatchNorm
from netgrad.layers.wrapper import bare
from netgrad.network import Network, Node, every_layer
from netgrad.registry import register

WHOLE = ("rprop", "lbfgs", "memoryless_quasi_newton", "conjugate_gradient", "scaled_conjugate_gradient")


@register("finding", "lagging_statistics")
@dataclass(frozen=True)
class LaggingStatistics(Check):
    """Batch normalisation predicts with running averages that are not those of the data (yet).

    Measure: the skill with the statistics of these examples minus that with the running ones. gap: above this.
    """

    rank: ClassVar[int] = 210
    remedy: ClassVar[str] = "lower BatchNorm's momentum to 0.9, train for more steps, or take batches of 16 or more"
    gap: float = 0.1

    def look(self, e):
        normalised = [node.name for node in every_layer(e.network) if isinstance(node.layer, BatchNorm)]
        if normalised and (gap := e.skill_of_batches - e.skill) > self.gap:
            message = f"with the running averages of {', '.join(normalised[:4])} the skill is {shown(e.skill)}, "
            message += f"with the averages of the examples themselves {shown(e.skill_of_batches)}"
            severity = "fault" if e.failing else "warning"
            yield self.found(severity, layers_of(normalised), message, gap=gap).trying(self.advice(e))

    def advice(self, e) -> str:
        """What this run has not done yet."""
        slow = any(getattr(bare(node.layer), "momentum", 0) > 0.9 for node in every_layer(e.network))
        few = (e.settings.get("batch_size") or 16) < 16
        return either(
            "momentum=0.9 in BatchNorm" if slow else "",
            "batches of 16 or more" if few else "",
            "training for more steps",
        )

    def repair(self, recipe, e):
        def change(node: Node) -> Layer:
            slow = isinstance(node.layer, BatchNorm) and node.layer.momentum > 0.9
            return node.layer.replace(momentum=0.9) if slow else node.layer

        changed = recipe.with_layers(change, "momentum 0.9 in batch normalisation")
        size = recipe.settings.get("batch_size", 32)
        return changed.changed("batch_size=32", batch_size=32) if size is not None and size < 16 else changed


@register("finding", "noise_drowns")
@dataclass(frozen=True)
class NoiseDrowns(Check):
    """Dropout or noise so strong that in training mode hardly anything of what the network knows is left.

    Measure: where the network fails, or falls short on validation, its skill with dropout and noise at work is below
    ``left`` of that without; or the noise on the weights is above ``times`` their size.
    """

    rank: ClassVar[int] = 230
    remedy: ClassVar[str] = "drop 10 to 50 % of the units, or less noise"
    left: float = 0.6
    times: float = 0.5

    def look(self, e):
        if not (e.failing or e.held_short) or not np.isfinite(e.loss):
            return
        noise = e.model.objective.weight_noise
        sizes = [float(e.signals[node.name].weight) for node in e.weighted] if noise else []
        if sizes and noise > self.times * np.median(sizes):
            message = (
                f"noise of {digits(noise)} is added to weights of the size {digits(np.median(sizes))} in every step"
            )
            yield self.found("fault", "all layers with weights", message, noise=noise).trying("less weight_noise")
        noisy = {node.name: node.layer for node in every_layer(e.network) if self.counts(node.layer)}
        if noisy and e.skill_under_noise < self.left * e.skill:
            message = f"with {', '.join(noisy)} at work, as in training, the skill is "
            message += f"{shown(e.skill_under_noise)}, without {shown(e.skill)}"
            measured = {"in_training": e.skill_under_noise, "in_prediction": e.skill}
            advice = "drop 10 to 50 % of the units"
            if all(isinstance(bare(layer), GaussianNoise) for layer in noisy.values()):
                advice = "less noise"
            elif set(noisy) <= readers(e.network):
                advice = "drop no inputs, or a few in a hundred"
            yield self.found("fault", layers_of(list(noisy)), message, **measured).trying(advice)

    def counts(self, layer: Layer) -> bool:
        """Whether a layer's noise is there to be trained against; that of a variational code is what it says."""
        return layer.draws and not isinstance(bare(layer), Gaussian)

    def repair(self, recipe, e):
        first = readers(e.network)

        def strong(node: Node) -> bool:
            return isinstance(node.layer, Dropout) and node.layer.rate > 0.2

        def change(node: Node) -> Layer:
            return node.layer.replace(rate=0.0 if node.name in first else 0.2) if strong(node) else node.layer

        names = {node.name for node in every_layer(e.network) if strong(node)}
        said = [*(["dropout of 0.2"] if names - first else []), *(["no inputs dropped"] if names & first else [])]
        changed = recipe.with_layers(change, ", ".join(said))
        if isinstance(recipe.settings.get("weight_noise"), float):
            changed = changed.changed("no noise on the weights", weight_noise=None)
        return changed


def readers(network: Network) -> set[str]:
    """The layers that read nothing but inputs: other units can stand in for one that is dropped, for a column none."""
    return {node.name for node in network.nodes if set(node.inputs) <= set(network.inputs)}


@register("finding", "class_weights_tip")
@dataclass(frozen=True)
class ClassWeightsTip(Check):
    """Class weights so uneven that one class is nearly all that the loss sees.

    Measure: with class_weight, the number of examples of a class times its weight, by the sum over all classes. share:
    above this, where the network fails; sure: above this in any case.
    """

    rank: ClassVar[int] = 290
    remedy: ClassVar[str] = "class_weight='balanced', or weights nearer to 1"
    share: float = 0.9
    sure: float = 0.99

    def look(self, e):
        weights = e.settings.get("class_weight")
        if not isinstance(weights, dict):
            return
        for name, loss, _ in e.model.objective.terms:
            if loss.task == "regression":
                continue
            classes, counts = np.unique(e.answers(name, loss)[0], return_counts=True)
            if len(classes) < 2:
                continue
            labels = e.class_names(classes)
            mass = counts * np.array([weights.get(label, 1.0) for label in labels])
            most = int(mass.argmax())
            if (share := float(mass[most] / max(mass.sum(), 1e-30))) > (self.share if e.failing else self.sure):
                own = float(counts[most] / counts.sum())
                message = f"with its weight, class {labels[most]} makes up {100 * share:.3g}% of the loss, but "
                message += f"{100 * own:.3g}% of the examples"
                severity = "fault" if e.failing else "warning"
                yield self.found(severity, f"the output {name}", message, of_loss=share, of_examples=own)

    def repair(self, recipe, e):
        return recipe.changed("no class weights", class_weight=None)


@register("finding", "padding_as_data")
@dataclass(frozen=True)
class PaddingAsData(Check):
    """Sequences filled up to one length, and no lengths given: the filling is learned as if it were data.

    Measure: the share of sequences that end in ``steps`` or more time-steps of zeros (above ``share``), where their
    number differs from sequence to sequence.
    """

    rank: ClassVar[int] = 330
    remedy: ClassVar[str] = "give lengths=, the number of valid time-steps of each sequence"
    steps: int = 3
    share: float = 0.3

    def look(self, e):
        if e.batch.lengths:
            return
        for name, value in e.batch.x.items():
            if value.ndim != 3 or value.shape[1] <= self.steps:
                continue
            used = (np.asarray(value) != 0).any(axis=-1)
            tail = np.where(used.any(1), used[:, ::-1].argmax(1), value.shape[1])
            share = float((tail >= self.steps).mean())
            if share > self.share and tail.std() > 0.5 and used.any():
                message = (
                    f"{share:.0%} of the sequences end in {self.steps} or more time-steps of zeros, and no lengths "
                )
                message += "are given: the padding counts as data"
                yield self.found(e.severity, f"the inputs {name}", message, share=share)


@register("finding", "clipped_always")
@dataclass(frozen=True)
class ClippedAlways(Check):
    """The gradient is cut in every step, so that the rate is not what sets the size of steps.

    Measure: the lowest mean norm of the gradient of an epoch over clip_norm. times: above this, where the network
    fails and a higher rate reaches a lower loss.
    """

    rank: ClassVar[int] = 420
    remedy: ClassVar[str] = "raise clip_norm to the gradient's usual norm"
    times: float = 5.0

    def look(self, e):
        limit, history = e.settings.get("clip_norm"), e.model.history
        if not limit or "grad_norm" not in history or not e.failing or not e.rates:
            return
        least = float(np.nanmin(history["grad_norm"]))
        slow = min(loss for factor, loss in e.rates.items() if factor > 1) < e.rates[1.0]
        if least > self.times * limit and slow:
            message = f"the gradient's norm was never below {digits(least)} on average, and is cut to "
            message += f"{digits(limit)} in every step"
            yield self.found("fault", "the run", message, norm=least, clip_norm=limit)

    def repair(self, recipe, e):
        usual = float(np.nanmedian(e.model.history["grad_norm"]))
        return recipe.changed(f"clip_norm={usual:.3g}", clip_norm=usual)


@register("finding", "decayed_rate")
@dataclass(frozen=True)
class DecayedRate(Check):
    """The learning rate falls to nothing long before the run ends.

    Measure: the rate after a quarter or half of the steps over the highest before. left: below this, where the network
    fails.
    """

    rank: ClassVar[int] = 430
    remedy: ClassVar[str] = "let the rate fall over the whole run (schedule='cosine')"
    left: float = 0.01

    def look(self, e):
        rates = e.settings.get("rates")
        if not rates or not e.failing or not max(rates[:3]) > 0:
            return
        for at, when in ((2, "a quarter"), (3, "half")):
            if (left := rates[at] / max(rates[: at + 1])) < self.left:
                message = f"after {when} of the steps the learning rate has fallen to {left:.2g} of what it was"
                yield self.found("fault", "the run", message, first=rates[0], then=rates[at], last=rates[-1])
                return

    def repair(self, recipe, e):
        if callable(recipe.settings.get("learning_rate")):
            highest = max(e.settings["rates"])
            return recipe.changed(
                f"learning rate {highest:.3g} that falls over the whole run", learning_rate=highest, schedule="cosine"
            )
        return recipe.changed("a constant learning rate", schedule=None)


@register("finding", "still_layers")
@dataclass(frozen=True)
class StillLayers(Check):
    """Layers that training does not move, or hardly: frozen, cut off from the loss, or with too small steps.

    Measure: the change of a layer's weights over the run, by their size before it: 0, or below ``hardly`` where the
    other layers move by more than ``others``; or below ``hardly`` in every layer.
    """

    rank: ClassVar[int] = 485
    remedy: ClassVar[str] = "check what is frozen, that the layer leads to an output with a loss, and its learning rate"
    hardly: float = 1e-3
    others: float = 0.05

    def look(self, e):
        moved = e.moved
        if not moved:
            return
        still = [name for name, change in moved.items() if change == 0]
        rest = [change for change in moved.values() if change > 0]
        slow = [name for name, change in moved.items() if 0 < change < self.hardly]
        if still and rest:
            message = f"the weights of {', '.join(still[:4])} are those that were drawn: training has not changed them"
            advice = f"check what is frozen, and that {layers_of(still)} lead to an output with a loss"
            if len(still) == 1:
                advice = advice.replace("lead", "leads")
            yield self.found(e.severity, layers_of(still), message, others=float(np.median(rest))).trying(advice)
        if len(slow) == len(moved):
            message = f"no layer's weights changed by more than {max(rest):.2g} of their size in the whole run"
            advice = "larger steps: a higher learning rate, and with Adam a small epsilon"
            yield self.found(e.severity, layers_of(slow), message, moved=max(rest)).trying(advice)
        elif slow and np.median([change for change in rest if change >= self.hardly]) > self.others:
            message = (
                f"the weights of {', '.join(slow[:4])} changed by {moved[slow[0]]:.2g} of their size in the whole "
            )
            message += "run, those of the others far more"
            measured = {"moved": moved[slow[0]], "others": float(np.median(rest))}
            advice = "a higher learning rate of these layers (layer_rates=)"
            yield self.found(e.severity, layers_of(slow), message, **measured).trying(advice)

    def repair(self, recipe, e):
        if recipe.settings.get("frozen") is not None:
            return recipe.changed("nothing frozen", frozen=None)
        return recipe.with_adam() if e.settings.get("optimizer") == "given" else None


@register("finding", "whole_batch_method")
@dataclass(frozen=True)
class WholeBatchMethod(Check):
    """A method that compares the gradients of its steps is given another batch in every step.

    Measure: rprop, L-BFGS or conjugate gradients with batches of less than half of the examples.
    """

    rank: ClassVar[int] = 126
    remedy: ClassVar[str] = "batch_size=None with this optimiser, or adam for mini-batches"

    def look(self, e):
        name, size = e.settings.get("optimizer"), e.settings.get("batch_size")
        if name in WHOLE and size and 2 * size < e.batch.size:
            message = f"{name} compares the gradients of its steps, which are of other examples each time: {size} of "
            message += f"{e.batch.size} a step"
            yield self.found(e.mistaken, "the run", message, batch_size=size)

    def repair(self, recipe, e):
        return recipe.changed("batch_size=None", batch_size=None)


@register("finding", "few_updates")
@dataclass(frozen=True)
class FewUpdates(Check):
    """The run ended while it was still learning, after a handful of updates.

    Measure: fewer than ``updates`` in all, where the network fails; and the loss fell in the last epoch by more than
    ``falling``, or there is one epoch only.
    """

    rank: ClassVar[int] = 455
    remedy: ClassVar[str] = "train for more epochs"
    updates: int = 150
    falling: float = 0.01

    def look(self, e):
        losses = e.model.history["loss"] if "loss" in e.model.history else np.zeros(0)
        size = e.settings.get("batch_size") or e.batch.size
        count = len(losses) * -(-e.batch.size // size)
        if not e.failing or not 0 < count < self.updates or e.model.history.stopped:
            return
        fell = len(losses) == 1 or losses[-1] < (1 - self.falling) * losses[-2]
        if fell and np.isfinite(losses[-1]):
            message = f"the run ended after {count_of(count, 'update')}, while the loss was still falling"
            yield self.found("fault", "the run", message, updates=count, loss=float(losses[-1]))

    def repair(self, recipe, e):
        return recipe.changed("five times the epochs", epochs=5 * int(recipe.settings.get("epochs", 20)))
