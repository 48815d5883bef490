"""Do gradients survive the way back through time? Spectral radii, Jacobian products, and where a loss sends them.

Source: Z&M 26.2: the net gradient t steps back is a product of t Jacobians, for linear units powers of W_h, which
vanishes where the spectral radius of W_h is below 1 and explodes where it is above.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels.recurrent_call import full_lengths
from netgrad.layers.base import Context
from netgrad.layers.cells import CELLS
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Network, Node, forward
from netgrad.training.batch import Batch
from netgrad.training.model import Model
from netgrad.training.objective import Objective, trace_batch
from netgrad.training.prepare import check_inputs
from netgrad.types import Named, Params, State


def spectral_radii(model: Model) -> dict[str, float]:
    """The absolute value of the largest eigenvalue of every W_h, by layer and gate.

    >>> import netgrad as ng, numpy as np
    >>> from netgrad.diagnosis import recurrence
    >>> model = ng.untrained(ng.Sequential([ng.RNN(4)]), np.ones((1, 5, 2)), np.ones((1, 5, 4)))
    >>> {name: round(radius, 3) for name, radius in recurrence.spectral_radii(model).items()}  # orthogonal at first
    {'rnn_1.W_h': 1.0}
    """
    radii = {}
    for path, W in jax.tree_util.tree_leaves_with_path(model.effective):
        if getattr(path[-1], "key", None) == "W_h":
            radii[jax.tree_util.keystr(path, simple=True, separator=".")] = float(
                np.abs(np.linalg.eigvals(np.asarray(W))).max()
            )
    return radii


def jacobian_norms(model: Model, x: Any, lengths: Any = None, layer: str | None = None) -> np.ndarray:
    """How strongly each sequence's last state depends on its state after step t: (N, T), NaN in the padding.

    The largest singular value of ds_end/ds_t, the product of all Jacobians ds_(k+1)/ds_k from t on, where s is h (for
    an LSTM h and c together). It is 1 at the last step. A curve that falls to 0 as t moves back is a vanishing
    gradient, one that grows an exploding one.

    layer: the recurrent layer's name, by default the first one's.
    """
    node = _recurrent_node(model, layer)
    inputs, given = check_inputs(model.network, model.encode_inputs(x), lengths)
    own, before, ends = map(np.asarray, _passed(model.network, node.name)(model.params, model.state, inputs, given))
    norms = _norms(node.layer.replace(returns="state", learned_state=False))
    params = model.effective[node.params]
    with jax.default_matmul_precision("highest"):
        curves = np.stack([np.asarray(norms(params, *one)) for one in zip(own, before, ends, strict=True)])
    return np.where(np.arange(own.shape[1]) < ends[:, None], curves, np.nan)


@lru_cache(maxsize=16)
def _passed(network: Network, name: str) -> Program:
    """What a recurrent layer was fed (N, T, d), its state before each step (N, T, s), and the lengths (N,)."""

    @Program
    def passed(params: Params, state: State, inputs: Named, lengths: Named) -> tuple[jax.Array, jax.Array, jax.Array]:
        saved = forward(network, params, state, inputs, lengths=lengths).saved[name]
        own = saved["x"][0] if isinstance(saved["x"], tuple) else saved["x"]
        states = jnp.concatenate([saved["h"], saved["c"]] if "c" in saved else [saved["h"]], axis=-1)
        before = jnp.concatenate([saved["start"][:, None], states[:, :-1]], axis=1)
        return own, before, full_lengths(saved.get("lengths"), own)

    return passed


@lru_cache(maxsize=16)
def _norms(cell: Recurrent) -> Any:
    """Compiled for one sequence: parameters, x (T, d), the state before each step (T, s), the length -> (T,)."""

    @Program
    def norms(params: dict, x: jax.Array, before: jax.Array, end: jax.Array) -> jax.Array:
        def follow(x_t: jax.Array, s: jax.Array) -> jax.Array:
            return cell.forward(params, (x_t[None, None], s[None]), Context())[0][0]

        steps = len(x)
        J = jax.vmap(jax.jacfwd(follow, argnums=1))(x, before)
        J = jnp.where((jnp.arange(steps) < end)[:, None, None], J, jnp.eye(before.shape[-1]))

        def back(product: jax.Array, J_t: jax.Array) -> tuple[jax.Array, jax.Array]:
            return product @ J_t, jnp.linalg.norm(product, 2)

        return jax.lax.scan(back, jnp.eye(before.shape[-1]), J, reverse=True)[1]

    return norms


def gradient_flow(model: Model, x: Any, y: Any, at: int = -1, lengths: Any = None) -> dict[str, np.ndarray]:
    """Where the loss of one time-step sends its gradient: for each layer with a time axis the norm of delta, (N, T).

    at: the time-step, counted from 0, or from each sequence's end where negative: -1 is its last valid step. Only
    that step's loss is sent back, so that everything before it shows how far the gradient reaches.
    """
    whole = model.batch(x, y, None, lengths)
    (steps,) = {value.shape[1] for value in whole.y.values()}
    ends = next(iter(whole.lengths.values())) if whole.lengths else np.full(whole.size, steps)
    place = np.where(at < 0, ends + at, at)
    if (place < 0).any() or (place >= ends).any():
        raise ShapeError(f"time-step {at} lies outside a sequence: the shortest has {ends.min()} steps")
    only = {name: (np.arange(steps) == place[:, None]).astype(np.float32) for name in whole.y}
    batch = Batch(whole.x, whole.y, only, whole.lengths)
    objective = Objective(model.objective.terms, (), "sum")
    trace = trace_batch(model.network, objective, model.params, model.state, jax.tree.map(jnp.asarray, batch))
    flow = {}
    for name, node in trace.items():
        parts = [np.asarray(part) for part in jax.tree.leaves(node.delta)]
        if all(part.ndim == 3 and part.shape[1] == steps for part in parts):
            flow[name] = np.sqrt(sum((part**2).sum(-1) for part in parts))
    return flow


def _recurrent_node(model: Model, name: str | None) -> Node:
    nodes = {node.name: node for node in model.network.nodes if isinstance(node.layer, Recurrent)}
    if not nodes:
        kinds = ", ".join(cell.__name__ for cell in CELLS.values())
        raise NetgradError(f"this network has no recurrent layer ({kinds})")
    if name is not None and name not in nodes:
        raise NetgradError(f"{name!r} is no recurrent layer of this network: choose {' or '.join(nodes)}")
    node = nodes[name] if name is not None else next(iter(nodes.values()))
    if isinstance(node.layer, Recurrent) and node.layer.reverse:
        raise NetgradError(f"layer {node.name} runs backwards: look at one with reverse=False, on flipped sequences")
    return node
