"""What is wrong before any number is looked at: the network, its loss and its settings beside the targets.

These are asked first, also where a run ended in numbers that are not finite. Sources: UMLAUT's heuristics (Schoop,
Huang & Hartmann 2021) and NeuraLint's rules (Nikanjam et al. 2021); Kelleher 8.3 (why a network needs activations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis import reference
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import shown
from netgrad.layers.activation import Activation, Identity
from netgrad.layers.base import Layer
from netgrad.layers.convolution import Conv, ConvTranspose
from netgrad.layers.dense import Dense
from netgrad.layers.dropout import Dropout
from netgrad.layers.feature_scale import FeatureScale
from netgrad.layers.merge import Add, Concatenate
from netgrad.layers.noise import GaussianNoise
from netgrad.layers.normalisation import BatchNorm
from netgrad.layers.pooling import AveragePool, SumPool
from netgrad.layers.rescaling import Rescaling
from netgrad.layers.shape import Flatten, Permute, Reshape
from netgrad.layers.wrapper import bare
from netgrad.network import Composite, Node, every_layer
from netgrad.registry import register

DISTANCES = ("squared_error", "absolute_error", "power_error", "huber")  # losses that measure how far off a number is
AFFINE = (
    Dense, Conv, ConvTranspose, Flatten, Reshape, Permute, AveragePool, SumPool, Rescaling, FeatureScale, Dropout,
    GaussianNoise, BatchNorm, Add, Concatenate, Identity,
)  # fmt: skip


@register("finding", "one_hot_regression")
@dataclass(frozen=True)
class OneHotRegression(Check):
    """Targets that say which class, one 1 in each row, under a loss that measures distances of numbers.

    Measure: whether every row of two or more targets holds one 1 and zeros, under a loss for quantities.
    """

    rank: ClassVar[int] = 10
    remedy: ClassVar[str] = "use the loss softmax_cross_entropy on a linear output"

    def look(self, e):
        for name, loss, _ in e.model.objective.terms:
            if loss.registered_name not in DISTANCES:
                continue
            target = e.targets(name, loss, e.scored)
            ones = target == 1
            if target.shape[-1] < 2 or not ((ones.sum(1) == 1) & (ones | (target == 0)).all(1)).all():
                continue
            message = (
                f"the targets are one-hot rows of {target.shape[1]} classes, but the loss is {loss.registered_name}"
            )
            yield self.found(e.severity, f"the output {name}", message, classes=target.shape[1], skill=e.skill)

    def repair(self, recipe, e):
        return as_classifier(recipe, e)


def as_classifier(recipe, e):
    """The recipe with a linear output under softmax_cross_entropy; None for several outputs."""
    if len(e.model.objective.terms) > 1:
        return None
    end = dict(recipe.graph.outputs)[e.model.objective.terms[0][0]]

    def change(node: Node) -> Layer:
        bent = node.name == end and not isinstance(getattr(node.layer, "activation", Identity()), Identity)
        return node.layer.replace(activation="identity", initializer=None).placed(False) if bent else node.layer

    return recipe.with_layers(change, "a linear output").with_loss("softmax_cross_entropy")


@register("finding", "regression_on_classes")
@dataclass(frozen=True)
class RegressionOnClasses(Check):
    """Class numbers learned as if they were quantities, class 2 halfway between 1 and 3.

    Measure: one output under a loss for quantities, and targets of whole numbers from 0 or 1 on without a gap, of
    three to ``most`` values, where a classifier of unseen examples has a skill above that of the network's rounded
    answers by more than ``margin``. Ratings and counts, which are quantities, are as well told by rounding.
    """

    rank: ClassVar[int] = 20
    remedy: ClassVar[str] = "use one output unit for each class and the loss softmax_cross_entropy"
    most: int = 20
    margin: float = 0.2

    def look(self, e):
        for name, loss, _ in e.model.objective.terms:
            target = e.targets(name, loss, e.scored) if loss.registered_name in DISTANCES else np.zeros((0, 0))
            values = np.unique(target)
            counted = len(values) and values[0] in (0, 1) and (np.diff(values) == 1).all()
            if target.shape[1] != 1 or not counted or not 3 <= len(values) <= self.most:
                continue
            told, classes = self.told(e, name)
            if told - classes < -self.margin:
                message = f"the targets are the class numbers {values[0]:g} to {values[-1]:g}, taken for quantities: "
                message += f"rounded, the answers have a skill of {shown(told)}, a classifier has {shown(classes)}"
                measured = {"classes": len(values), "rounded": told, "classifier": classes}
                yield self.found("fault" if e.failing else "warning", f"the output {name}", message, **measured)

    def told(self, e, name: str) -> tuple[float, float]:
        """The skill of the network's answers, rounded, and of a classifier on unseen examples."""
        truth = e.targets(name, next(loss for key, loss, _ in e.model.objective.terms if key == name), e.scored)
        answer = np.nan_to_num(e.outputs(name), nan=-1e9, posinf=1e9, neginf=-1e9)
        labels = truth[:, 0].astype(int)
        own = reference.skill("classification", np.round(answer[:, 0]).astype(int), labels)
        x, target = next((x, t) for key, _, x, t in e.problems(e.batch) if key == name)
        return max(round(own, 6), 0.0), reference.possible("classification", x, target[:, 0].astype(int))


@register("finding", "no_nonlinearity")
@dataclass(frozen=True)
class NoNonlinearity(Check):
    """Several layers with weights and nowhere an activation: together they are one linear layer.

    Measure: every layer is linear in what it receives. Where trees or a small network reach a skill above that of a
    linear model by more than ``margin`` it costs something, and is why a network fails.
    """

    rank: ClassVar[int] = 30
    remedy: ClassVar[str] = "give the hidden layers an activation (activation='relu')"
    margin: float = 0.05

    def look(self, e):
        hidden = [node.name for node in e.weighted if node in e.hidden]
        if not hidden or any(bends(node.layer) for node in every_layer(e.network)):
            return
        bent, linear = e.references
        severity = e.mistaken if bent - linear > self.margin else "note"
        which = f"layer{'s' * (len(hidden) > 1)} {', '.join(hidden[:4])}" + " and others" * (len(hidden) > 4)
        message = f"no layer has an activation, so that {len(hidden) + 1} layers with weights are one linear layer"
        yield self.found(severity, which, message, bent=bent, linear=linear)

    def repair(self, recipe, e):
        def change(node: Node) -> Layer:
            own = getattr(node.layer, "activation", None)
            plain = isinstance(own, Identity) and node.name not in e.ends and isinstance(node.layer, Dense | Conv)
            return node.layer.replace(activation="relu") if plain else node.layer

        return recipe.with_layers(change, "relu in the hidden layers").with_usual_start()


def bends(layer: Layer) -> bool:
    """Whether a layer is anything but linear in what it receives.

    >>> import netgrad as ng
    >>> bends(ng.Dense(3)), bends(ng.Dense(3, activation="tanh")), bends(ng.MaxPool(2))
    (False, True, True)
    """
    layer = bare(layer)
    if isinstance(layer, Composite):
        return False  # its own layers are asked
    activation = layer if isinstance(layer, Activation) else getattr(layer, "activation", None)
    return not isinstance(layer, AFFINE) or not isinstance(activation, Identity | None)


@register("finding", "sorted_labels")
@dataclass(frozen=True)
class SortedLabels(Check):
    """Examples that are sorted by their targets and not shuffled: each batch sees one class or one end of the scale.

    Measure: with shuffle=False, the largest class's share in each batch, on average above its share of all examples by
    more than ``margin``; for quantities the correlation of the targets' ranks with the rows' numbers (above
    ``ordered``).
    """

    rank: ClassVar[int] = 40
    remedy: ClassVar[str] = "shuffle the examples (shuffle=True, the default)"
    margin: float = 0.3
    ordered: float = 0.9

    def look(self, e):
        size = e.settings.get("batch_size")
        if e.settings.get("shuffle", True) or not size or 2 * size > e.batch.size:
            return
        for name, loss, _ in e.model.objective.terms:
            y = np.asarray(e.batch.y[name])
            if len(y) != y.size:
                continue  # several numbers for each example have no order
            y = y.ravel()
            if loss.task == "regression":
                ranks = np.argsort(np.argsort(y, kind="stable"), kind="stable")
                order = abs(float(np.corrcoef(ranks, np.arange(len(y)))[0, 1])) if np.ptp(y) > 0 else 0.0
                if order > self.ordered:
                    message = f"the rows are sorted by the target (correlation {order:.2f}) and not shuffled"
                    yield self.found(e.mistaken, f"the output {name}", message, order=order)
                continue
            labels = np.unique(y, return_inverse=True)[1]
            overall = np.bincount(labels).max() / len(y)
            within = np.mean(
                [np.bincount(part).max() / len(part) for part in np.split(labels, range(size, len(y), size))]
            )
            if within - overall > self.margin:
                message = f"the rows are sorted by class and not shuffled: in a batch of {size} examples "
                message += f"{within:.0%} are of one class, of all examples {overall:.0%}"
                yield self.found(
                    e.mistaken, f"the output {name}", message, in_a_batch=float(within), of_all=float(overall)
                )

    def repair(self, recipe, e):
        return recipe.changed("shuffle=True", shuffle=True)
