"""Model files: one safetensors file, with everything that is not an array as JSON in its metadata.

No pickle, so loading a stranger's file never runs code. Files are written whole (`netgrad.writing`);
a checksum over all of it tells an altered file from a good one.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from sys import float_info
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import check_process
from netgrad.data.encodings import TableEncoder
from netgrad.data.targets import TargetEncoder
from netgrad.errors import FileError, warn
from netgrad.network import Network, Node
from netgrad.network.building import as_node
from netgrad.network.graph import MOST_LAYERS
from netgrad.offered import offered, offers
from netgrad.registry import find, from_config, to_config
from netgrad.training.history import History
from netgrad.training.kept import Kept
from netgrad.training.model import Model
from netgrad.training.objective import Objective
from netgrad.trees import by_path
from netgrad.writing import write_file

FORMAT = 3  # 2 has no posterior, 1 no views of parameters and no optimiser's state; written is the first that does
LARGEST = 2**28  # numbers that the output of a layer may have for one example: a gibibyte

# What a description consists of: a type; [of] a list; (of, of) a list of so many; {str: of} a dict of those.
MOST_AXES = 60  # of an example: NumPy's arrays have up to 64
DESCRIPTION: dict[str, Any] = {
    "format": int,
    "inputs": [str],
    "nodes": [(str, dict, [str], str)],
    "outputs": [(str, str)],
    "terms": [(str, dict, float)],
    "penalties": [dict],
    "reduction": str,
    "shapes": {str: [int]},
    "history": [{str: float}],
    "stopped": str,
    "card": {str: object},
}
OPTIONAL: dict[str, Any] = {
    "reconstructs": bool,
    "weight_noise": float,
    "settings": {str: object},
    "events": [{str: object}],
    "views": [dict],
    "optimizer": {str: object},
    "posterior": {str: object},
}


@offers("save")
def save(model: Model, path: str | Path) -> Path:
    """Write the model to ``path``; what stood there stays whole until the new file is complete.

    Weights that are not finite are written, so that one can look for the reason, and warned of, here and by `load`.
    Raises `NetgradError` for layers without a registered name, `FileError` where the path cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    if bad := model.not_finite():
        warn(f"the model written to {path} cannot predict: {bad}")
    arrays, described = flatten({"params": model.params, "state": model.state}), describe(model)
    if (kept := model.optimizer_state) is not None:
        arrays |= {f"optimizer/{i}": array for i, array in enumerate(kept.arrays)}
        described |= {"format": 2, "optimizer": {"name": kept.optimizer, "epochs": kept.epochs}}
    if model.posterior is not None:
        plain, parts = offered("kept_posterior")(model.posterior, model)
        arrays |= {f"posterior/{name}": part for name, part in parts.items()}
        described |= {"format": FORMAT, "posterior": plain}
    description = json.dumps(described)
    data = in_order(to_bytes(arrays, {"netgrad": description, "sha256": digest(arrays, description)}))
    return write_file(path, data)


def load(path: str | Path) -> Model:
    """Read a model file.

    Raises `FileError`, in one line, for a file that is missing, truncated, altered, of another kind, or written by
    a newer netgrad.
    """
    check_process()
    path = Path(path)
    arrays, metadata = read(path)
    description = metadata.get("netgrad")
    if description is None:
        raise FileError(f"{path} is a safetensors file, but no netgrad model: it carries no architecture")
    if metadata.get("sha256") != digest(arrays, description):
        raise FileError(f"{path} was altered after it was written: its checksum does not match")
    try:
        model = rebuild(json.loads(description), arrays)
    except FileError:
        raise
    except Exception as error:  # a stranger's description may fail in any way
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise FileError(f"{path} does not describe a model this netgrad can build: {reason}") from None
    if bad := model.not_finite():
        warn(f"the model in {path} cannot predict: {bad}")
    return model


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a safetensors file, or `FileError`."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileError(f"no model file at {path}: expected a .safetensors file written by netgrad")
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except AttributeError as error:  # NumPy is asked for a type by its name
        kind = getattr(error, "name", None) or "unknown"
        raise FileError(
            f"{path} holds numbers of the type {kind}: expected those of NumPy, float16 to float64"
        ) from None
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise FileError(f"{path} is truncated or is no safetensors file: {str(error).splitlines()[0]}") from None


def describe(model: Model) -> dict[str, Any]:
    """Everything of a model that is not an array, as plain JSON."""
    network, objective = model.network, model.objective
    viewed = {"views": [to_config(view) for view in network.views]} if network.views else {}
    nodes = [[n.name, to_config(n.layer), list(n.inputs), n.params] for n in network.nodes]
    return (
        {
            "format": 2 if any(part.views for part, _ in network.networks()) else 1,
            "inputs": list(network.inputs),
            "nodes": nodes,
            "outputs": [list(pair) for pair in network.outputs],
            "terms": [[name, to_config(loss), weight] for name, loss, weight in objective.terms],
            "penalties": [to_config(p) for p in objective.penalties],
            "reduction": objective.reduction,
            "weight_noise": objective.weight_noise,
            "shapes": {name: list(shape) for name, shape in model.shapes.items()},
            "history": model.history.rows,
            "stopped": model.history.stopped,
            "settings": model.history.settings,
            "events": model.history.events,
            "encoder": model.encoder.to_config() if model.encoder else None,
            "target_encoder": model.target_encoder.to_config() if model.target_encoder else None,
            "card": model.card,
        }
        | viewed
        | ({"reconstructs": True} if objective.reconstructs else {})
    )


def rebuild(config: dict[str, Any], arrays: dict[str, Any]) -> Model:
    """The model of a description and its arrays; checks that the parameters are those of the architecture."""
    if isinstance(config, dict) and isinstance(config.get("format"), int) and config["format"] > FORMAT:
        raise FileError(f"this file has format {config['format']}, this netgrad reads up to {FORMAT}: upgrade netgrad")
    check_description(config)
    model = described(config)
    network, shapes = model.network, model.shapes
    if max(math.prod(shape) for shape in network.shapes(shapes).values()) > LARGEST:
        raise FileError(f"one example of it would take arrays of more than {LARGEST:,} numbers")
    kept: dict[str, dict[str, Any]] = {"params": {}, "state": {}, "optimizer": {}, "posterior": {}}
    for path, array in arrays.items():
        part, _, rest = path.partition("/")
        kept.setdefault(part, {})[rest] = array
    params = restore(kept["params"], network.param_shapes(shapes))
    if params is None or len(kept) > 4:
        raise FileError("the parameters in the file are not those of its architecture")
    state = restore(kept["state"], network.state_shapes(shapes))
    if state is None:
        raise FileError("the state in the file is not that of its architecture")
    optimizer = restored_optimizer(config.get("optimizer"), kept["optimizer"])
    model = replace(model, params=params, state=state, optimizer_state=optimizer)
    if "posterior" not in config and not kept["posterior"]:
        return model
    return replace(model, posterior=offered("posterior_again")(config.get("posterior", {}), kept["posterior"], model))


def restored_optimizer(config: Any, arrays: dict[str, Any]) -> Kept | None:
    """The optimiser's state that a file keeps, if any. What it is the state of is seen when training goes on."""
    if config is None and not arrays:
        return None
    good = isinstance(config, dict) and fits([config.get("epochs"), config.get("name")], (int, str))
    if not good or config["epochs"] < 0 or set(arrays) != set(map(str, range(len(arrays)))):
        raise FileError("the state of the optimizer in the file is not as it was written")
    return Kept(config["epochs"], config["name"], tuple(arrays[str(i)] for i in range(len(arrays))))


def described(config: dict[str, Any]) -> Model:
    """The model of a description, without parameters and state."""
    parts = [as_node(from_config(layer)) for _, layer, _, _ in config["nodes"]]
    nodes = [Node(n, part, tuple(i), p) for part, (n, _, i, p) in zip(parts, config["nodes"], strict=True)]
    if not {node for _, node in config["outputs"]} <= {*config["inputs"], *(node.name for node in nodes)}:
        raise FileError("its outputs are of layers that it has not")
    views = [find("view", from_config(view)) for view in config.get("views", ())]
    network = Network.from_nodes(config["inputs"], nodes, config["outputs"], views)
    terms = tuple((name, find("loss", from_config(loss)), weight) for name, loss, weight in config["terms"])
    penalties = tuple(find("penalty", from_config(p)) for p in config["penalties"])
    objective = Objective(
        terms, penalties, config["reduction"], config.get("weight_noise", 0.0), config.get("reconstructs", False)
    )
    shapes = {name: tuple(shape) for name, shape in config["shapes"].items()}
    encoder, target = config["encoder"], config["target_encoder"]
    return Model(
        network,
        {},
        {},
        objective,
        shapes,
        History(config["history"], config["stopped"], config.get("settings", {}), config.get("events", [])),
        TableEncoder.from_config(encoder) if encoder else None,
        TargetEncoder.from_config(target) if target else None,
        config["card"],
    )


def check_description(config: Any) -> None:
    """Refuse a description of which a part is of another kind, before anything is built of it."""
    if not isinstance(config, dict):
        raise FileError("its description is no object")
    if isinstance(nodes := config.get("nodes"), list) and len(nodes) > MOST_LAYERS:
        raise FileError(f"it has {len(nodes):,} layers, a network may have up to {MOST_LAYERS:,}")
    for part, kind in DESCRIPTION.items():
        if part not in config:
            raise FileError(f"its description has no {part}")
        if not fits(config[part], kind):
            raise FileError(f"the {part} in its description are of another kind")
    for part, kind in OPTIONAL.items():
        if part in config and not fits(config[part], kind):
            raise FileError(f"the {part} in its description are of another kind")
    outputs = [name for name, _ in config["outputs"]]
    if not config["terms"] or not {name for name, _, _ in config["terms"]} <= set(outputs):
        raise FileError(f"its losses are not those of its outputs, {', '.join(outputs)[:100]}")
    if min((n for shape in config["shapes"].values() for n in shape), default=1) < 1:
        raise FileError("the shapes in its description are not all positive")
    if max(map(len, config["shapes"].values()), default=0) > MOST_AXES:
        raise FileError(f"one example of it would have more than {MOST_AXES} axes")
    try:
        json.dumps(config, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise FileError("its description holds half a symbol, such as \\ud800 alone") from None


def fits(value: Any, kind: Any) -> bool:
    """Whether a value of JSON is of this kind, see `DESCRIPTION`; a whole number is a float, too, a truth value is no
    number.

    >>> fits([["a", 1]], [(str, float)]), fits([["a"]], [(str, float)]), fits({"a": True}, {str: int})
    (True, False, False)
    """
    if isinstance(kind, list):
        return isinstance(value, list) and all(fits(item, kind[0]) for item in value)
    if isinstance(kind, tuple):
        return isinstance(value, list) and len(value) == len(kind) and all(map(fits, value, kind))
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(fits(item, kind[str]) for item in value.values())
    if isinstance(value, bool) and kind in (int, float):
        return False
    if kind is float and isinstance(value, int):
        return abs(value) <= float_info.max
    return isinstance(value, kind)


def flatten(tree: Any) -> dict[str, np.ndarray]:
    """The arrays in dicts, lists and tuples, by their paths.

    >>> {path: array.item() for path, array in flatten({"encoder/dense_1": {"W": 1}, "heads": [2, {"b": 3}]}).items()}
    {'encoder/dense_1/W': 1, 'heads/0': 2, 'heads/1/b': 3}
    """
    return {path: np.asarray(leaf, order="C") for path, leaf in by_path(tree).items()}


def restore(flat: Mapping[str, Any], like: Any) -> Any:
    """The inverse of `flatten` for a tree like this one; None where names, shapes or kinds of numbers differ.

    How many bits a number has depends on where it is read.
    """
    expected = by_path(like)
    if set(flat) != set(expected) or any(_kind(flat[path]) != _kind(leaf) for path, leaf in expected.items()):
        return None
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(flat[path]) for path in expected])


def _kind(leaf: Any) -> tuple[tuple[int, ...], bool]:
    return tuple(leaf.shape), bool(jnp.issubdtype(leaf.dtype, jnp.floating))


def in_order(data: bytes) -> bytes:
    """The safetensors file with its header's entries sorted: safetensors writes metadata in random order, and the
    same model is to be the same file."""
    size = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the arrays begin at a multiple of 8 bytes
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def digest(arrays: dict[str, np.ndarray], description: str) -> str:
    """SHA-256 over the description and every array's name, type, shape and bytes."""
    sha = hashlib.sha256(description.encode())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"{name}{array.dtype}{array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
