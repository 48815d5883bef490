"""The trace: every named quantity of one pass through a network, forward and backward, for every node."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad import notebook
from netgrad.errors import unknown_name
from netgrad.layers.base import Backward
from netgrad.network.composite import Composite, parts
from netgrad.network.execution import Forward
from netgrad.network.graph import Network
from netgrad.types import Params

_NOT_SHOWN = ("residuals", "inside")  # what only the way back needs, and what has entries of its own
_SPREAD = ("shape", "mean", "sd", "min", "max")


@dataclass(frozen=True)
class NodeTrace:
    """One node's quantities, as attributes and as keys.

    Whatever the layer saved on the way forward (``x``, ``z``, ``a``, gates, feature maps), ``delta`` = dE/dz,
    ``d_in`` = dE/dx, and the gradient of each parameter as ``d`` + its name (``dW``, ``db``). Quantities that a
    layer keeps by part, such as an LSTM's gates, are dicts of arrays. Recurrent layers also show ``delta_h``,
    ``delta_c`` and ``d_gates``, dE/d(state) and dE/d(gate) at every time-step. A parameter that is stored otherwise
    than the layer computes with it (tied, masked, normed) is there as it does, ``W``, beside its gradient. The layers
    in a `Stack` or an `Ensemble` have entries of their own, "stack_1/dense_1", whose arrays have one more axis in
    front, the copy; those in `Recomputed` have some, too. Their gradients are those of what is stored.
    """

    name: str
    layer: str
    values: Mapping[str, Any]

    def __getattr__(self, key: str) -> Any:
        try:
            return self.__dict__["values"][key]
        except KeyError:
            if key.startswith("__"):
                raise AttributeError(key) from None
            raise AttributeError(str(unknown_name("quantity", key, self.__dict__["values"]))) from None

    def __getitem__(self, key: str) -> Any:
        if key not in self.values:
            raise unknown_name("quantity", key, self.values)
        return self.values[key]

    def rows(self) -> list[tuple[str, ...]]:
        """Name, shape, mean, standard deviation and range of every array, as texts."""
        return [(key, *cells) for name, value in self.values.items() for key, *cells in _rows(name, value)]

    def _repr_html_(self) -> str:
        table = notebook.table((f"{self.name} ({self.layer})", *_SPREAD), self.rows())
        return table + notebook.maps(dict(_heads(self.values)))

    def __repr__(self) -> str:
        rows = [f"  {key:<8} {describe(value)}" for key, value in self.values.items()]
        return "\n".join([f"{self.name} ({self.layer})", *rows])


@dataclass(frozen=True)
class Trace(Mapping[str, NodeTrace]):
    """A mapping from node name to `NodeTrace`, in the order of the way forward; ``loss`` is E, ``outputs`` by name."""

    loss: float
    outputs: Mapping[str, jax.Array]
    nodes: Mapping[str, NodeTrace]

    def __getitem__(self, name: str) -> NodeTrace:
        if name not in self.nodes:
            raise unknown_name("node", name, self.nodes)
        return self.nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        return "\n".join([f"Trace, loss {self.loss:.6g}", *(repr(node) for node in self.nodes.values())])

    def _repr_html_(self) -> str:
        rows = [
            (node.name if i == 0 else "", *row) for node in self.nodes.values() for i, row in enumerate(node.rows())
        ]
        return notebook.table(("layer", "quantity", *_SPREAD), rows, ("loss", f"{self.loss:.6g}"), left=2)

    def first_non_finite(self) -> str | None:
        """Where a number stopped being finite: the first node forward by z and a, else the first backward by delta."""
        for node in self.nodes.values():
            for key in ("x", "z", "a"):
                if key in node.values and not _finite(node.values[key]):
                    arose = "the input of" if key == "x" else f"{key} of"
                    return f"{arose} layer {node.name} (forward)"
        for node in reversed(list(self.nodes.values())):
            for key in ("delta", *(k for k in node.values if k.startswith("d") and k != "d_in"), "d_in"):
                if not _finite(node.values.get(key, 0.0)):
                    return f"{key} of layer {node.name} (backward)"
        return None


def _in_order(values: Any) -> Any:
    """For a program's result: mappings whose order JAX keeps, as it sorts the keys of dicts."""
    if isinstance(values, Mapping):
        return OrderedDict((key, _in_order(value)) for key, value in values.items())
    return values


def _plain(values: Any) -> Any:
    if isinstance(values, OrderedDict):
        return {key: _plain(value) for key, value in values.items()}
    return values


jax.tree_util.register_pytree_node(
    NodeTrace,
    lambda node: ((_in_order(node.values),), (node.name, node.layer)),
    lambda named, kept: NodeTrace(*named, _plain(kept[0])),
)
jax.tree_util.register_pytree_node(
    Trace,
    lambda trace: ((trace.loss, _in_order(trace.outputs), OrderedDict(trace.nodes)), None),
    lambda _, kept: Trace(kept[0], _plain(kept[1]), dict(kept[2])),
)


def record(
    network: Network,
    run: Forward,
    back: Mapping[str, Backward],
    loss: Any,
    params: Params,
    besides: Mapping[str, dict[str, Any]],
) -> Trace:
    """The trace of a forward pass and of the backward pass that followed it, node by node.

    params: as they are stored. Where the network sees them otherwise, it is what it sees that is shown.
    besides: what `look_back` found.
    """
    seen, effective = network.seen_otherwise(params), network.effective(params)
    nodes = {}
    for node in network.nodes:
        saved, whole, looked = run.saved[node.name], back[node.name], besides[node.name]
        block = node.layer.block if isinstance(node.layer, Composite) and "inside" in saved else None
        within = jax.vmap(block.seen_otherwise)(effective.get(node.params, {})) if block and block.views else {}
        for part in parts(node.name, node.layer, effective.get(node.params, {}), saved, whole.delta, whole.d_params):
            name = part.name.removeprefix(f"{node.name}/")
            own = {key: value for key, value in part.saved.items() if key not in _NOT_SHOWN} | {"delta": part.delta}
            own |= {} if "inside" in part.saved else looked.get(name, {})
            own |= {f"d{key}": value for key, value in part.d_params.items()} | within.get(name, {})
            nodes[part.name] = NodeTrace(part.name, type(part.layer).__name__, own)
        values = {key: value for key, value in saved.items() if key not in _NOT_SHOWN}
        values["delta"], values["d_in"] = whole.delta, whole.d_in
        values |= {f"d{key}": value for key, value in whole.d_params.items()} | seen.get(node.params, {})
        values |= {} if block else looked
        nodes[node.name] = NodeTrace(node.name, type(node.layer).__name__, values)
    return Trace(loss, run.outputs, nodes)


def describe(value: Any) -> str:
    """Shape, type and spread of an array in a few words; the parts of a dict one after the other."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {describe(part)}" for key, part in value.items())
    if isinstance(value, tuple):
        return ", ".join(describe(part) for part in value)
    array = np.asarray(value)
    if array.size == 0 or not np.issubdtype(array.dtype, np.floating):
        return f"{array.dtype}{list(array.shape)}"
    return f"{array.dtype}{list(array.shape)} mean {array.mean():.4g} sd {array.std():.4g}"


def _rows(name: str, value: Any) -> Iterator[tuple[str, ...]]:
    """One row for an array, or one for each part of a dict or tuple."""
    if isinstance(value, Mapping | tuple):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in parts:
            yield from _rows(f"{name}.{key}", part)
        return
    array = np.asarray(value)
    shape = " x ".join(map(str, array.shape)) or "1"
    if array.size == 0 or not jnp.issubdtype(array.dtype, jnp.floating):
        yield name, shape, "", "", "", ""
        return
    numbers = (array.mean(), array.std(), array.min(), array.max())
    yield name, shape, *(f"{float(number):.4g}" for number in numbers)


def _heads(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The maps of attention of the first example by head, and by copy in a stack; nothing of any other layer."""
    if not {"q", "k", "weights"} <= set(values):
        return
    weights = np.asarray(values["weights"])
    copies = weights if weights.ndim == 5 else weights[None]
    if copies.ndim != 5:  # stacks in stacks
        return
    for c, copy in enumerate(copies):
        for h, own in enumerate(copy[0]):
            yield (f"copy {c + 1}, " if len(copies) > 1 else "") + f"head {h + 1}", own.tolist()


def _finite(value: Any) -> bool:
    floats = (leaf for leaf in map(jnp.asarray, jax.tree.leaves(value)) if jnp.issubdtype(leaf.dtype, jnp.floating))
    return all(bool(jnp.isfinite(leaf).all()) for leaf in floats)
