"""Scaled dot-product attention in one pass, where nobody looks at scores and weights.

q (N, T, units), k and v (N, S, units): the heads side by side, as the dense layers that make them leave them. asked
(N,) and given (N,), whole numbers: how many steps of each example ask, and how many answer; the others ask for nothing,
or are not seen. causal: step t sees the steps up to t alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.kernels.dispatch import active, call

Array = jax.Array

# A head of fewer units does not fill the kernel's vectors.
FEWEST_UNITS = 8
# Fewer scores of an example's head than these are made as fast by one product of all heads.
FEWEST_SCORES = 16 * 16


def served(q: Array, k: Array, heads: int) -> bool:
    """Whether the kernel serves these queries (N, T, units) and keys (N, S, units), and is faster."""
    single = q.dtype == k.dtype == jnp.float32
    scores, width = q.shape[1] * k.shape[1], q.shape[2] // heads
    return active("attention_forward") and single and scores >= FEWEST_SCORES and width >= FEWEST_UNITS


def attention_forward(
    q: Array, k: Array, v: Array, asked: Array, given: Array, *, heads: int, causal: bool
) -> tuple[Array, Array]:
    """What each step attends to, (N, T, units), and what `attention_backward` makes the weights from: of each head and
    step the largest score, and 1 / the sum of the powers of the others' distances from it, (N, heads, T, 2).

    >>> x, steps = jnp.ones((1, 2, 4)), jnp.array([2])
    >>> attention_forward(x, x, x, steps, steps, heads=2, causal=True)[0].tolist()
    [[[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]]
    """
    reference = partial(_forward, heads=heads, causal=causal)
    attended, kept = call("attention_forward", reference, q, k, v, asked, given, heads=heads, causal=causal)
    return attended, kept


def attention_backward(
    q: Array,
    k: Array,
    v: Array,
    asked: Array,
    given: Array,
    attended: Array,
    kept: Array,
    d_attended: Array,
    *,
    heads: int,
    causal: bool,
) -> tuple[Array, Array, Array]:
    """dE/dq, dE/dk and dE/dv from dE/dattended (N, T, units) and what the way forward kept.

    weights_ts = e^(scores_ts - largest_t) / sum_t;  dE/dscores_ts = weights_ts (dE/dattended_t . (v_s - attended_t))
    """
    reference = partial(_backward, heads=heads, causal=causal)
    arrays = (q, k, v, asked, given, attended, kept, d_attended)
    d_q, d_k, d_v = call("attention_backward", reference, *arrays, heads=heads, causal=causal)
    return d_q, d_k, d_v


def _forward(q: Any, k: Any, v: Any, asked: Any, given: Any, *, heads: int, causal: bool) -> tuple[Array, Array]:
    q, k, v = (_apart(value, heads) for value in (q, k, v))
    scores, seen = _scores(q, k, asked, given, causal)
    top = scores.max(-1, initial=-jnp.inf, where=seen)
    top = jnp.where(jnp.isneginf(top), 0, top)
    powers = jnp.where(seen, jnp.exp(scores - top[..., None]), 0)
    total = powers.sum(-1)
    share = jnp.where(total == 0, 0, 1 / jnp.where(total == 0, 1, total))
    weights = powers * share[..., None]
    return _together(jnp.einsum("nhts,nhsc->nhtc", weights, v)), jnp.stack([top, share], -1)


def _backward(
    q: Any, k: Any, v: Any, asked: Any, given: Any, attended: Any, kept: Any, d: Any, *, heads: int, causal: bool
) -> tuple[Array, Array, Array]:
    q, k, v, attended, d = (_apart(value, heads) for value in (q, k, v, attended, d))
    scores, seen = _scores(q, k, asked, given, causal)
    weights = jnp.where(seen, jnp.exp(scores - kept[..., :1]) * kept[..., 1:], 0)
    d_weights = jnp.einsum("nhtc,nhsc->nhts", d, v) - (attended * d).sum(-1, keepdims=True)
    d_scores = weights * d_weights / q.shape[-1] ** 0.5
    d_v = jnp.einsum("nhts,nhtc->nhsc", weights, d)
    d_q, d_k = jnp.einsum("nhts,nhsc->nhtc", d_scores, k), jnp.einsum("nhts,nhtc->nhsc", d_scores, q)
    return _together(d_q), _together(d_k), _together(d_v)


def _scores(q: Array, k: Array, asked: Array, given: Array, causal: bool) -> tuple[Array, Array]:
    """All scores, and which of them are not masked, (N, heads or 1, T, S)."""
    t, s = jnp.arange(q.shape[2]), jnp.arange(k.shape[2])
    seen = (t < asked[:, None])[:, :, None] & (s < given[:, None])[:, None]
    if causal:
        seen = seen & (s <= t[:, None])
    return jnp.einsum("nhtc,nhsc->nhts", q, k) / q.shape[-1] ** 0.5, seen[:, None]


def _apart(value: Array, heads: int) -> Array:
    """(N, T, units) -> (N, heads, T, units / heads)."""
    n, steps, units = value.shape
    return jnp.swapaxes(value.reshape(n, steps, heads, units // heads), 1, 2)


def _together(value: Array) -> Array:
    """The inverse of `_apart`."""
    n, heads, steps, width = value.shape
    return jnp.swapaxes(value, 1, 2).reshape(n, steps, heads * width)
