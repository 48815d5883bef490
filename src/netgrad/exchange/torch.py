"""Weights in from PyTorch's ``state_dict`` and out to it, as safetensors files: `from_torch`, `to_torch`.

A layer's parameters stand in a file under the name of the PyTorch module that holds them: a prefix such as "0." or
"encoder.lstm.", and behind it the module's own names. `torch_layouts` says which these are and how the numbers are
arranged; here layers and modules find each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import FileError, NetgradError
from netgrad.exchange.torch_layouts import Slot, slots_of
from netgrad.network import Network
from netgrad.training.files import in_order, read
from netgrad.training.model import Model
from netgrad.trees import at, by_path, put
from netgrad.writing import write_file

NOT_READ = ("num_batches_tracked",)  # PyTorch's count of the batches that its running averages saw


@dataclass(frozen=True)
class Module:
    """The tensors of one module, by their names in it; ``layer``: which of a recurrent module's layers."""

    prefix: str
    layer: int | None
    tensors: dict[str, np.ndarray]

    @property
    def label(self) -> str:
        """What errors call it."""
        return (self.prefix or "the file's tensors") + (f" (layer {self.layer})" if self.layer else "")


def from_torch(model: Model, path: str | Path, *, names: Mapping[str, str] | None = None) -> Model:
    """The model with the weights of a PyTorch ``state_dict``.

    Args:
        model: of the same architecture, trained or not (`netgrad.untrained`); it stays as it is.
        path: a safetensors file, written in PyTorch with ``safetensors.torch.save_file(module.state_dict(), path)``.
        names: layer name -> module name ("dense_1": "fc1"; "lstm_2": "rnn.1" for the second layer of a module "rnn"
            with num_layers=2) for layers that shall not find theirs by themselves. A layer's PReLU is named
            "dense_1.activation", the combining layer of a `Bidirectional` with units "bidirectional_1.output", a layer
            in the third copy of a `Stack` "stack_1/2/dense_1".

    A layer whose own name is a module's takes that one ("inception3a/branch1/conv" the module
    "inception3a.branch1.conv"), where it fits; all others take the first module, in the natural order of their names,
    whose tensors have their kind and shapes and that no layer before has taken. The copies of a stack are layers like
    any other, "stack_1/0/conv_1". So the files of torchvision's AlexNet, VGG, GoogLeNet and ResNets go into
    `netgrad.architectures`' networks as they are. Gates, layouts and PyTorch's two biases of a gate are converted; a
    dense layer behind a `Flatten` of images or convolved signals gets its rows in the order that channels last need.
    Weights are converted to float32.

    What cannot be taken over: a `GRU` needs ``reset_after=True``, which is PyTorch's form; projections (proj_size) and
    RNNs whose activation is not in the file but must be the same, tanh or relu, have no counterpart here. Raises
    `FileError` for a file that cannot be read, `NetgradError` that names the tensors where something does not fit or
    is left over.

    >>> import netgrad as ng, numpy as np, tempfile
    >>> from netgrad.exchange import from_torch, to_torch
    >>> net = ng.Sequential([ng.LSTM(4, returns="last"), ng.Dense(2)])
    >>> x = np.ones((3, 5, 2))
    >>> model, other = (ng.untrained(net, x, [0, 1, 1], seed=seed) for seed in (0, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = from_torch(other, to_torch(model, f"{folder}/weights.safetensors"))
    >>> bool(np.allclose(again.predict_proba(x), model.predict_proba(x), atol=1e-6))
    True
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"no file at {path}: expected a state_dict as a .safetensors file")
    modules = modules_of(read(path)[0], path)
    network, kept = model.network, model.params
    model = replace(model, params=network.effective(kept))
    slots = slots_of(model)
    named = named_modules(slots, modules, dict(names or {}), path)
    named |= agreeing(slots, modules, named)
    params, state = jax.tree.map(np.array, (model.params, model.state))
    for slot in slots:
        module = named.get(slot.name) or first_fitting(slot, modules, named)
        if module is None:
            raise NetgradError(not_found(slot, modules, named, path))
        named[slot.name] = module
        new_params, new_state = slot.layout.take(module.tensors)
        fill(params, slot, new_params)
        fill(state, slot, new_state)
    left = [m for m in modules if not any(m is taken for taken in named.values())]
    if left:
        tensors = listed([f"{m.prefix}{name}" for m in left for name in m.tensors])
        raise NetgradError(f"{path} holds more than this network has places for: {tensors}")
    params, state = jax.tree.map(lambda value: jnp.asarray(value, float), (params, state))
    return replace(model, params=as_stored(network, kept, params, path), state=state)


def as_stored(network: Network, kept: dict[str, Any], params: dict[str, Any], path: Path) -> dict[str, Any]:
    """What is stored of a file's parameters, with the masks that are there; refused where the network's views cannot
    make them."""
    if not network.views:
        return params
    stored = network.stored(params)
    masks = {path for view in network.views for path in view.untrained}
    for mask in masks:
        stored = put(stored, mask, at(kept, mask))
    made = by_path(network.effective(stored))
    for name, value in by_path(params).items():
        if not np.allclose(value, made[name], atol=1e-6):
            views = ", ".join(sorted({view.registered_name.replace("_", " ") for view in network.views}))
            raise NetgradError(f"{path} has other numbers for {name} than its place allows, which is {views}")
    return stored


def to_torch(model: Model, path: str | Path, *, names: Mapping[str, str] | None = None) -> Path:
    """Write the model's weights as a safetensors file that PyTorch's ``load_state_dict`` takes.

    names: as for `from_torch`; a layer without one stands under its own name, with points between its parts
    ("dense_1.weight", "encoder.dense_1.weight"). Returns the path.
    Of the two biases that PyTorch adds in each recurrent gate the first gets all, the second zeros. Raises
    `NetgradError` that names the layer for one that PyTorch has no module for, such as an LSTM with peepholes or a GRU
    without ``reset_after``.

    Load it with ``module.load_state_dict(safetensors.torch.load_file(path))``.
    """
    from safetensors.numpy import save

    given = dict(names or {})
    model = replace(model, params=model.network.effective(model.params))
    slots = slots_of(model)
    unknown_names(slots, given)
    tensors: dict[str, np.ndarray] = {}
    for slot in slots:
        prefix, layer = placed(given.get(slot.name, slot.name.replace("/", ".")), slot, in_file=False)
        params, state = got(model.params, slot), got(model.state, slot)
        for name, value in slot.layout.give(params, state).items():
            name = name if layer is None else re.sub(r"_l0", f"_l{layer}", name)
            tensors[f"{prefix}{name}"] = np.ascontiguousarray(value)
    return write_file(path, in_order(save(tensors, {"format": "pt"})))


def modules_of(tensors: Mapping[str, np.ndarray], path: Path) -> list[Module]:
    """The file's tensors by module, in the natural order of the names: "2." before "10."."""
    found: dict[tuple[str, int | None], dict[str, np.ndarray]] = {}
    for name, value in tensors.items():
        prefix, dot, own = name.rpartition(".")
        if own in NOT_READ:
            continue
        if not name.isprintable():
            raise FileError(f"{path}: {name!r} is no name of a tensor, expected letters that can be shown")
        if value.dtype.kind != "f":
            raise FileError(f"{path}: tensor {name!r} is of type {value.dtype}, expected float numbers")
        parent = prefix.removesuffix("out_proj")
        if parent != prefix and not {f"{parent}in_proj_weight", f"{parent}q_proj_weight"}.isdisjoint(tensors):
            prefix, dot, own = parent, "", f"out_proj.{own}"  # a part of its attention
        layer = None
        if recurrent := re.fullmatch(r"((?:weight|bias)_(?:ih|hh|hr)_l)([0-9]{1,4})(_reverse)?", own):
            layer, own = int(recurrent[2]), f"{recurrent[1]}0{recurrent[3] or ''}"
        found.setdefault((prefix + dot, layer), {})[own] = np.asarray(value, np.float32)

    def natural(key: tuple[str, int | None]) -> Any:
        parts = re.split("0*([0-9]+)", key[0])  # every second one is a number: the longer, the larger
        return [(len(part), part) if i % 2 else (0, part) for i, part in enumerate(parts)], key[1] or 0

    return [Module(prefix, layer, found[prefix, layer]) for prefix, layer in sorted(found, key=natural)]


def placed(name: str, slot: Slot, in_file: bool) -> tuple[str, int | None]:
    """Prefix and layer of a module's name: "rnn.1" is the second layer of "rnn", for a recurrent layer."""
    if not slot.recurrent:
        return (f"{name}." if name else ""), None
    stem, dot, last = name.rpartition(".")
    if re.fullmatch("[0-9]{1,4}", last) and dot:
        return f"{stem}.", int(last)
    return (f"{name}." if name else ""), 0


def named_modules(slots: list[Slot], modules: list[Module], names: dict[str, str], path: Path) -> dict[str, Module]:
    """The modules of the layers that were named, by layer."""
    unknown_names(slots, names)
    found = {}
    for slot in slots:
        if slot.name not in names:
            continue
        wanted = names[slot.name]
        # A module in a list ("rnn.1" of a Sequential) goes before the layer of a module with several.
        places = [(f"{wanted}." if wanted else "", 0 if slot.recurrent else None), placed(wanted, slot, in_file=True)]
        module = next((m for place in places for m in modules if (m.prefix, m.layer) == place), None)
        if module is None:
            known = listed(sorted({m.prefix.rstrip(".") for m in modules}))
            raise NetgradError(f"{path} has no module {wanted!r} for {slot.name}: it has {known}")
        if why := slot.layout.misfit(module.tensors):
            raise NetgradError(f"module {wanted!r} does not fit {slot.name}: {why}")
        found[slot.name] = module
    return found


def agreeing(slots: list[Slot], modules: list[Module], named: Mapping[str, Module]) -> dict[str, Module]:
    """The modules of the layers that have a module's name, where it fits and is not given to another."""
    by_place = {(m.prefix, m.layer): m for m in modules}
    found = {}
    for slot in slots:
        module = by_place.get(placed(slot.name.replace("/", "."), slot, in_file=False))
        free = module is not None and not any(module is taken for taken in named.values())
        if module is not None and free and slot.name not in named and slot.layout.misfit(module.tensors) is None:
            found[slot.name] = module
    return found


def unknown_names(slots: list[Slot], names: Mapping[str, str]) -> None:
    """Refuse names for layers that are not there."""
    if unknown := set(names) - {slot.name for slot in slots}:
        known = ", ".join(slot.name for slot in slots)
        raise NetgradError(f"no layer {sorted(unknown)[0]!r} with weights: this network has {known}")


def first_fitting(slot: Slot, modules: list[Module], named: Mapping[str, Module]) -> Module | None:
    """The first module that fits and is not taken."""
    free = (m for m in modules if not any(m is taken for taken in named.values()))
    return next((m for m in free if slot.layout.misfit(m.tensors) is None), None)


def not_found(slot: Slot, modules: list[Module], named: Mapping[str, Module], path: Path) -> str:
    """Why a layer has no module: the nearest one's misfit."""
    wanted = ", ".join(f"{name} {shape}" for name, shape in slot.layout.shapes.items())
    free = [m for m in modules if not any(m is taken for taken in named.values())]
    message = f"{path} has nothing for {slot.name}, which needs {wanted}"
    alike = [m for m in free if set(m.tensors) == set(slot.layout.shapes)] or free
    if not alike:
        return message
    there = listed([f"{alike[0].prefix}{name} {value.shape}" for name, value in alike[0].tensors.items()])
    return f"{message}: next in the file are {there}"


def listed(names: list[str]) -> str:
    """Names from a file in one line that can be read.

    >>> listed(["a", "b", "c"]), listed([str(i) for i in range(30)])
    ('a, b, c', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more')
    """
    first = ", ".join(name if len(name) < 100 else name[:100] + "..." for name in names[:10])
    return first + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def got(tree: dict[str, Any], slot: Slot) -> dict[str, Any]:
    """What stands at a slot, of one copy; {} where nothing does."""
    found: Any = tree
    for part in (slot.layer, *slot.inside):
        found = found.get(part, {})
    one: dict[str, Any] = jax.tree.map(lambda value: value[slot.copies], found) if slot.copies else found
    return one


def fill(tree: dict[str, Any], slot: Slot, values: dict[str, Any]) -> None:
    """Replace what stands at a slot, in the arrays that are there; what its module does not hold stays."""
    if not values:
        return
    place: Any = tree
    for part in (slot.layer, *slot.inside):
        place = place[part]
    for name, value in by_path(values).items():
        at(place, name)[slot.copies or ...] = value
