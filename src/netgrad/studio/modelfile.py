"""A model file in the studio: its network with its own weights, on data of its kind or on random inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.errors import DataError, NetgradError
from netgrad.layers import Attention, Embedding
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Network
from netgrad.studio.examples import Examples, classes_of, divided, folder
from netgrad.studio.trainer import BUILDS
from netgrad.training.files import load
from netgrad.training.model import Model
from netgrad.training.untrained import untrained
from netgrad.trees import by_path

RANDOM = 64  # inputs that are drawn where there are no data


def opened(path: str | Path) -> Model:
    """The model of a file, if the studio can show it; raises what `netgrad.load` raises."""
    model = load(path)
    if not isinstance(model, Model):
        raise NetgradError(f"{path} holds a {type(model).__name__}: the studio opens models that ng.fit made")
    if len(model.network.inputs) > 1 or len(model.network.outputs) > 1 or len(model.objective.terms) != 1:
        raise NetgradError("the studio shows networks of one input and one output: cut one out, or use Model.trace")
    return model


def begun(
    model: Model, network: Network, examples: Examples, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and state that a network begins with: those of the model in the layers of the same names that they
    fit, elsewhere what the seed draws."""
    building = {name: value for name, value in settings.items() if name in BUILDS}
    start = untrained(network, examples.x, examples.targets, lengths=examples.lengths, **building)

    def merged(drawn: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
        return {name: known[name] if _alike(known.get(name), own) else own for name, own in drawn.items()}

    return merged(start.params, model.params), merged(start.state, model.state)


def _alike(known: Any, drawn: Any) -> bool:
    """Whether two trees of arrays have the same names and shapes."""
    mine, other = ({path: leaf.shape for path, leaf in by_path(tree or {}).items()} for tree in (known, drawn))
    return mine == other


def examples_for(source: Mapping[str, Any]) -> Examples:
    """What the model of ``source["weights"]`` is shown on: "table" or "folder", read as the model reads them, or random
    inputs."""
    path = source["weights"]
    model = opened(path)
    if "folder" in source:
        return _pictures(model, source["folder"])
    if "table" in source:
        return _table(model, source["table"], source.get("target"))
    return _random(model, Path(path).name)


def _pictures(model: Model, path: str) -> Examples:
    (shape,) = model.shapes.values()
    if len(shape) != 3:
        raise DataError(f"the model takes inputs of shape {shape}, and a folder has pictures")
    read = folder(path, shape[:2], shape[2])
    known = model.target_encoder.classes if model.target_encoder is not None else None
    if known and set(read.classes) != set(map(str, known)):
        raise DataError(f"the model knows {', '.join(map(str, known))}; the folder has {', '.join(read.classes)}")
    return read


def _table(model: Model, path: str, target: str | None) -> Examples:
    from netgrad.data import read_table
    from netgrad.data.tables import split_target

    if model.encoder is None or model.target_encoder is None or len(next(iter(model.shapes.values()))) != 1:
        raise DataError("the model was not trained on the rows of a table: give no --data, or open it from Python")
    rows = read_table(path)
    if target is None:
        raise DataError(f"which column of {Path(path).name} is to be predicted? It has {', '.join(rows.columns[:12])}")
    columns, y = split_target(rows, target)
    columns, y = columns[y.notna()], y[y.notna()]
    labels = model.target_encoder.transform(y)
    classes = classes_of(model, labels)
    return divided(
        Path(path).name, model.encoder.transform(columns), labels, classes, tuple(model.encoder.feature_names)
    )


def _random(model: Model, name: str) -> Examples:
    rng, (shape,) = np.random.default_rng(0), model.shapes.values()
    nodes = model.network.nodes
    over_time = any(isinstance(node.layer, Recurrent | Attention) for node in nodes)
    more: dict[str, Any] = {"over_time": over_time}
    if isinstance(first := nodes[0].layer, Embedding):
        x = rng.integers(0, first.symbols, (RANDOM, *shape)).astype(np.int32)
        more["symbols"] = "".join(chr(0x100 + i) for i in range(first.symbols))
    else:
        x = rng.normal(size=(RANDOM, *shape)).astype(np.float32)
    ((_, loss, _),) = model.objective.terms
    if model.objective.reconstructs:
        title = f"{name} on random inputs, as no data were given"
        return Examples(title, x, x, x[:0], x[:0], reconstructs=True, **more)
    out = np.asarray(model._single(model.outputs(x)))
    if loss.task == "classification":
        y = rng.integers(0, out.shape[-1], out.shape[:-1]).astype(np.int32)
        classes = classes_of(model, np.array([out.shape[-1] - 1]))
    elif loss.task == "multilabel":
        y, classes = rng.integers(0, 2, out.shape).astype(np.float32), ()
    else:
        y, classes = rng.normal(size=out.shape).astype(np.float32), ()
    title = f"{name} on random inputs and targets, as no data were given"
    features = tuple(f"output {i + 1}" for i in range(out.shape[-1])) if loss.task == "multilabel" else ()
    return Examples(title, x, y, x[:0], y[:0], classes, features, **more)
