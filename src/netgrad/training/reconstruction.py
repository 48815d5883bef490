"""Training without targets: a network gives back its inputs. What they are as targets; codes seen and drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from netgrad.activity import Activity, GaussianKL
from netgrad.compiling import as_seed
from netgrad.errors import DataError, NetgradError, warn
from netgrad.layers.gaussian import Gaussian
from netgrad.layers.wrapper import bare
from netgrad.losses import SquaredError
from netgrad.network import Autoencoder, Network, behind, part
from netgrad.types import Shape

if TYPE_CHECKING:
    from netgrad.training.model import Model
    from netgrad.training.objective import Objective

SILENCING = 10  # how many times the error of a place a divergence may weigh, with no more asked


def inputs_as_targets(network: Network, x: Any) -> Any:
    """The targets of a network that reconstructs: its inputs, as they were given."""
    return x[network.inputs[0]] if isinstance(x, Mapping) else x


def check_reconstructs(network: Network, shapes: Mapping[str, Shape]) -> None:
    """Refuse a network without targets whose output cannot be its input, symbols as classes apart."""
    missing = "y, the targets, are missing, and without them a network reconstructs its inputs: "
    if len(network.inputs) > 1 or len(network.outputs) > 1:
        raise DataError(f"{missing}that takes one input and one output, give y")
    asked, made = tuple(shapes[network.inputs[0]]), tuple(shapes[network.outputs[0][1]])
    if made not in (asked, (*asked, made[-1])):
        raise DataError(f"{missing}its output is {_show(made)} and its input {_show(asked)}, give y or change one")


def check_targets(network: Network, reconstructs: bool, y: Any) -> None:
    """Refuse targets for a network that reconstructs."""
    if y is not None and (reconstructs or isinstance(network, Autoencoder)):
        raise NetgradError(
            "an autoencoder reconstructs its inputs: leave y out; for other targets build the network with "
            "ng.Sequential([encoder, decoder])"
        )


def warn_of_copies(network: Network, objective: Objective, shapes: Mapping[str, Shape]) -> None:
    """Say where nothing keeps a code from being a copy of the inputs."""
    if not isinstance(network, Autoencoder):
        return
    given = math.prod(shapes[network.inputs[0]])
    code = math.prod(shapes[part(network, "encoder").outputs[0][1]])
    penalised = any(isinstance(penalty, Activity) for penalty in objective.penalties)  # small weights copy as well
    held = penalised or objective.weight_noise or any(node.layer.draws for node in network.nodes)
    if code > given and not held:
        warn(
            f"the code has {code:,} numbers, more than the {given:,} of an input, and can be a copy: make it smaller, "
            "put ng.GaussianNoise() before the encoder's first layer, or give penalty=ng.Sparsity()"
        )


def warn_of_silence(network: Network, objective: Objective, shapes: Mapping[str, Shape]) -> None:
    """Say where a code's divergence, a sum, weighs many times what the error does, a mean over the places of an output:
    the code then says nothing (posterior collapse)."""
    nodes = dict(network.outputs)
    for name, loss, weight in objective.terms:
        out = tuple(shapes[nodes[name]])
        places = math.prod(out[:-1])
        for penalty in objective.penalties:
            if isinstance(penalty, GaussianKL) and penalty.alpha * places >= SILENCING * weight > 0:
                error = f"the error ({loss.registered_name}) of an output {_show(out)} is a mean over its"
                times = f"weighs {penalty.alpha * places / weight:,.0f} times as much, and can silence the code"
                rows = f"train on rows of {math.prod(out):,} numbers (ng.Flatten() as the last layer, y as rows)"
                warn(
                    f"{error} {places:,} places, beside which the code's divergence {times}: {rows}, or give "
                    f"penalty=ng.GaussianKL(alpha={weight / places:.2g})"
                )


def part_of(model: Model, name: str) -> Model:
    """A part of a model as a model of its own, see `Model.part`."""
    return _model_of(model, part(model.network, name))


def _model_of(model: Model, network: Network) -> Model:
    """A model of a part of the network, with one output."""
    layers, output = {node.params for node in network.nodes}, network.outputs[0][0]
    kept = [loss for key, loss, _ in model.objective.terms if dict(model.network.outputs)[key] == output]
    first = network.inputs[0] in model.network.inputs
    shapes = model.network.shapes(model.shapes)
    return replace(
        model,
        network=network,
        params=model.network.left_to(network, model.params),
        state={layer: state for layer, state in model.state.items() if layer in layers},
        objective=replace(
            model.objective,
            terms=((output, kept[0] if kept else SquaredError(), 1.0),),
            penalties=(),
            reconstructs=False,
        ),
        shapes={name: shapes[name] for name in network.inputs},
        encoder=model.encoder if first else None,
        target_encoder=model.target_encoder if kept else None,
        optimizer_state=None,
        tested=None,
    )


def sample(model: Model, n: int, seed: int) -> np.ndarray:
    """New examples of a network with codes that are distributions, see `Model.sample`."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise NetgradError(f"how many examples are drawn is a whole number of at least 1, found {n!r}")
    codes = [node.name for node in model.network.nodes if isinstance(bare(node.layer), Gaussian)]
    if not codes:
        (before,) = part_of(model, "decoder").network.inputs
        raise NetgradError(
            f"only codes that are distributions can be drawn, and {before} makes single ones: end the encoder in "
            "ng.Gaussian()"
        )
    decoder, key = _model_of(model, behind(model.network, codes)), jax.random.key(as_seed(seed))
    keys = [key] if len(codes) == 1 else jax.random.split(key, len(codes))
    drawn = {
        name: np.asarray(jax.random.normal(own, (n, *decoder.shapes[name])))
        for name, own in zip(decoder.network.inputs, keys, strict=False)
    }
    return np.asarray(decoder.predict_proba(drawn))


def _show(shape: Shape) -> str:
    return str(("N", *shape)).replace("'", "")
