"""Plain JAX with jax.grad, the layers from Equinox where it has them; one jitted step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.works import Work


class Recurrent(eqx.Module):
    """A cell scanned over the time axis of one sequence, in one direction or both."""

    cells: list[Any]
    kind: str = eqx.field(static=True)

    def __init__(self, kind: str, inputs: int, units: int, both: bool, key: Any):
        made = {"rnn": ElmanCell, "gru": eqx.nn.GRUCell, "lstm": eqx.nn.LSTMCell}[kind]
        self.cells = [made(inputs, units, key=k) for k in jax.random.split(key, 2 if both else 1)]
        self.kind = kind

    def __call__(self, x, length):
        outputs = []
        for cell, backwards in zip(self.cells, (False, True), strict=False):
            zeros = jnp.zeros(cell.hidden_size)
            start = (zeros, zeros) if self.kind == "lstm" else zeros

            def step(state, at, cell=cell):
                x_t, valid = at
                new = jax.tree.map(lambda a, b: jnp.where(valid, a, b), cell(x_t, state), state)
                return new, new[0] if self.kind == "lstm" else new

            valid = jnp.arange(x.shape[0]) < length
            outputs.append(jax.lax.scan(step, start, (x, valid), reverse=backwards)[1])
        return jnp.concatenate(outputs, -1)


class ElmanCell(eqx.Module):
    """h_t = tanh(W x_t + U h_(t-1) + b), which Equinox does not have."""

    linear: eqx.nn.Linear
    hidden_size: int = eqx.field(static=True)

    def __init__(self, inputs, units, key):
        self.linear = eqx.nn.Linear(inputs + units, units, key=key)
        self.hidden_size = units

    def __call__(self, x, h):
        return jnp.tanh(self.linear(jnp.concatenate([x, h])))


def build(work: Work, key: Any) -> Callable[..., Any]:
    """The network for one example, channels first where it convolves, as Equinox wants it."""
    parts: list[Any] = []
    size = list(work.shape if work.kind in ("sequence", "vector") else (work.shape[-1], *work.shape[:-1]))
    dims = len(size) - 1
    for i, (name, *settings) in enumerate(work.layers):
        k = jax.random.fold_in(key, i)
        if name in ("rnn", "gru", "lstm"):
            both = len(settings) > 1
            parts.append(Recurrent(name, size[1], settings[0], both, k))
            size = [size[0], settings[0] * (1 + both)]
        elif name == "conv":
            filters, window, padding = settings
            parts.append(eqx.nn.Conv(dims, size[0], filters, window, padding=padding.upper(), key=k))
            parts.append(jax.nn.relu)
            size = [filters, *(n if padding == "same" else n - window + 1 for n in size[1:])]
        elif name == "pool":
            w = settings[0]
            parts.append(eqx.nn.MaxPool2d(w, w) if dims == 2 else eqx.nn.MaxPool1d(w, w))
            size = [size[0], *(n // w for n in size[1:])]
        elif name == "global_pool":
            parts.append(lambda v: v.mean(axis=(1, 2)))
            size = size[:1]
        elif name == "flatten":
            parts.append(jnp.ravel)
            total = 1
            for n in size:
                total *= n
            size = [total]
        else:
            linear = eqx.nn.Linear(size[-1], settings[0], key=k)
            parts.append(jax.vmap(linear) if work.kind == "sequence" else linear)
            if settings[1] == "relu":
                parts.append(jax.nn.relu)
            size = [*size[:-1], settings[0]]
    return Chain(parts)


class Chain(eqx.Module):
    """Parts in a row; recurrent ones also take the sequence's length."""

    parts: list[Any]

    def __init__(self, parts):
        self.parts = parts

    def __call__(self, x, length):
        for part in self.parts:
            x = part(x, length) if isinstance(part, Recurrent) else part(x)
        return x


def inputs(work: Work) -> tuple[Any, Any]:
    """The inputs as Equinox wants them, and the lengths."""
    data = work.data()
    x = data["x"] if work.kind in ("sequence", "vector") else np.moveaxis(data["x"], -1, 1)
    return x, data.get("lengths", np.full(work.examples, work.shape[0]))


def make_prediction(work: Work, variant: str) -> Callable[[], None]:
    """One jitted forward pass, probabilities back to NumPy."""
    x, lengths = inputs(work)
    model = build(work, jax.random.key(0))
    link = jax.nn.sigmoid if work.target == "bits" else jax.nn.softmax
    predict = eqx.filter_jit(lambda model, x, lengths: link(jax.vmap(model)(x, lengths)))
    return lambda: np.asarray(predict(model, x, lengths))


def make(work: Work, variant: str) -> Callable[[], None]:
    """One jitted step: jax.grad through vmap, optax.sgd."""
    x, lengths = (jnp.asarray(v) for v in inputs(work))
    target = jnp.asarray(work.data()["y"])
    model = build(work, jax.random.key(0))
    descent = optax.sgd(work.rate)
    state = descent.init(eqx.filter(model, eqx.is_inexact_array))

    def error(model, x, y, lengths):
        out = jax.vmap(model)(x, lengths)
        if work.target == "bits":
            losses = optax.sigmoid_binary_cross_entropy(out, y).sum(-1)
        else:
            losses = optax.softmax_cross_entropy_with_integer_labels(out, y)
        if work.kind == "sequence" and work.unequal:
            mask = jnp.arange(losses.shape[1]) < lengths[:, None]
            return jnp.sum(losses * mask) / mask.sum()
        return losses.mean()

    @eqx.filter_jit
    def update(model, state, x, y, lengths):
        gradients = eqx.filter_grad(error)(model, x, y, lengths)
        updates, state = descent.update(gradients, state)
        return eqx.apply_updates(model, updates), state

    def step() -> None:
        nonlocal model, state
        model, state = update(model, state, x, target, lengths)
        jax.block_until_ready(eqx.filter(model, eqx.is_array))

    return step
