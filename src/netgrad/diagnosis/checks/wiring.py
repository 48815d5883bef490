"""Layers that are in the way of training: a step that no gradient passes, and pictures turned into those of others.

Sources: NeuraLint's rules (Nikanjam et al. 2021); Kelleher 8.2 (why the threshold gave way to the logistic function);
Shorten & Khoshgoftaar, "A survey on image data augmentation" (2019), on transformations that keep labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis import reference
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.signals import activation_of
from netgrad.diagnosis.words import layers_of, listed
from netgrad.layers.activation import Threshold
from netgrad.layers.augmentation import Augment
from netgrad.layers.base import Layer
from netgrad.network import Node
from netgrad.registry import register


@register("finding", "cut_off_layers")
@dataclass(frozen=True)
class CutOffLayers(Check):
    """Layers that no gradient reaches: behind them stands a step, or they lead to no output with a loss.

    Measure: layers with weights of which every way to an output with a loss passes a threshold unit, whose derivative
    is 0 everywhere, or that have no such way. Random features in front of a layer that learns may be meant so.
    """

    rank: ClassVar[int] = 35
    remedy: ClassVar[str] = "use units with a derivative (relu, tanh)"

    def look(self, e):
        losing = {name for name, _, weight in e.model.objective.terms if weight}
        heard = {node for key, node in e.network.outputs if key in losing}
        learns, steps = set(heard), set()
        for node in reversed(e.network.nodes):
            if node.name not in heard:
                continue
            stepped = isinstance(activation_of(node.layer), Threshold)
            if stepped:
                steps.add(node.name)
            heard |= set(node.inputs)
            learns |= set(node.inputs) if node.name in learns and not stepped else set()
        weighted = {node.name for node in e.weighted}
        steps_weighted = steps & weighted  # a step's own weights get no gradient either
        unheard = [node.name for node in e.network.nodes if node.name in weighted - heard]
        cut = [n.name for n in e.network.nodes if n.name in (weighted & heard - learns) | steps_weighted]
        if unheard:
            message = f"{listed(unheard)} {'leads' if len(unheard) == 1 else 'lead'} to no output with a loss"
            yield self.found("warning", layers_of(unheard), message, layers=len(unheard)).trying(
                "give that output a loss, or leave these layers out"
            )
        if cut:
            message = f"no gradient reaches {listed(cut)}: the derivative of {listed(sorted(steps))} is 0 everywhere"
            yield self.found(e.severity, layers_of(cut), message, layers=len(cut))

    def repair(self, recipe, e):
        def change(node: Node) -> Layer:
            stepped = isinstance(getattr(node.layer, "activation", None), Threshold) and node.name not in e.ends
            return node.layer.replace(activation="relu") if stepped else node.layer

        return recipe.with_layers(change, "relu instead of threshold units").with_usual_start()


@register("finding", "label_changing_augmentation")
@dataclass(frozen=True)
class LabelChangingAugmentation(Check):
    """Augmentation that turns examples of one class into such of another: a mirrored b is a d.

    Measure: trees that know one half of the pictures as they are see the other half mirrored, or turned by a right
    angle or two where the layer turns so far. share: of a class that they recognise, more than this is taken for one
    other class. Asked where the network falls short.
    """

    rank: ClassVar[int] = 33
    remedy: ClassVar[str] = "leave out what changes the class (flip=0, rotation below 45)"
    share: float = 0.5

    def look(self, e):
        layers = [node for node in e.network.nodes if isinstance(node.layer, Augment)]
        if not layers or not (e.failing or e.held_short):
            return
        for node in layers:
            few = e.some(2 * reference.EXAMPLES)
            x = np.asarray(few.x.get(node.inputs[0], np.zeros(0)))
            (name, loss, _), *_ = e.model.objective.terms
            if x.ndim != 4 or loss.task != "classification" or not e.one_row_each(name):
                continue
            for what, altered in self.altered(node.layer, x):
                turned = reference.taken_for(x, altered, e.targets(name, loss, few))
                if turned is not None and turned[2] > self.share:
                    own, other, share = turned
                    own_name, other_name = e.class_names([own, other])
                    message = (
                        f"{what} makes {share:.0%} of the examples of class {own_name} look like class {other_name}"
                    )
                    yield self.found("fault", f"layer {node.name}", message, share=share)
                    break

    def altered(self, layer: Augment, x: np.ndarray):
        """The pictures as this layer may show them, each way in words."""
        if layer.flip:
            yield "flip", x[:, :, ::-1]
        if layer.rotation >= 45 and x.shape[1] == x.shape[2]:
            yield "rotation", np.rot90(x, axes=(1, 2))
        if layer.rotation >= 135:
            yield "rotation", x[:, ::-1, ::-1]

    def repair(self, recipe, e):
        def change(node: Node) -> Layer:
            layer = node.layer
            return layer.replace(flip=0.0, rotation=min(layer.rotation, 20.0)) if isinstance(layer, Augment) else layer

        return recipe.with_layers(change, "no mirroring, and little turning")
