"""Attention: every step of a sequence takes what it needs from all steps of a sequence, its own or another."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.initializers import Xavier, Zeros
from netgrad.kernels.attention import attention_backward, attention_forward, served
from netgrad.kernels.dense import dense_forward, dense_gradients, dense_input_gradient
from netgrad.layers.across import drawn
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.window import within
from netgrad.registry import find, register
from netgrad.types import Array, Inputs, Params, Saved, Shape, Shapes, State

SCORES = ("dot", "additive")


@register("layer", "attention")
@dataclass(frozen=True)
class Attention(Layer):
    """Each step t asks (q_t), each step s answers (k_s) and gives (v_s): a_t is a mean of what all give.

    Called on one symbol, ``layer(x)``, a sequence (N, T, d) attends to itself; called on two, ``layer(x, memory)``, its
    steps ask and those of the memory (N, S, m) answer. The outputs are (N, T, units) either way, and lie in ``heads``
    parts of c = units / heads numbers that attend each on its own:

        q = x W_q + b_q,  k = memory W_k,  v = memory W_v + b_v     (N, heads, T or S, c)
        scores_ts = q_t . k_s / sqrt(c)                             score="dot"
        scores_ts = W_s . tanh(q_t + k_s)                           score="additive"
        weights_t = softmax over s of scores_t                      (N, heads, T, S)
        attended_t = sum over s of weights_ts v_s                   (N, T, units), the heads side by side
        a = attended W_o + b_o

    There is no b_k: it would add the same number to all scores of a step (or does what b_q does), and softmax takes
    that away.

    Args:
        units: of the outputs; None: as many as x has.
        heads: a divisor of units.
        score: "dot" or "additive".
        causal: step t sees the steps up to t alone, as a step that is to be predicted must not be seen.
        dropout: the share of weights that training drops.
        bias: whether there are b_q, b_v and b_o. initializer: of the weights; default Xavier.

    Padding is never attended to and gives 0, as a step does that has nothing to attend to. The trace shows q, k, v,
    scores (before anything is left out), weights and attended, and their gradients d_q, d_k, d_v, d_scores, d_weights.

    A causal layer works through long sequences piece by piece, as `netgrad.sample` does: its state holds the keys and
    values of all steps so far, so that a new step costs one row of scores. Steps beyond those that it has room for give
    NaN. No gradient goes back to an earlier piece.

    Source: Pattipati, "Attention-based models"; Vaswani et al. 2017 (dot); Bahdanau et al. 2015 (additive). Raises
    `NetgradError` for heads that do not divide units, an unknown score, or a dropout outside [0, 1).

    >>> import jax, netgrad as ng
    >>> layer = ng.Attention(heads=2, causal=True)
    >>> params = layer.init(jax.random.key(0), (5, 8))
    >>> {name: value.shape for name, value in params.items() if name[0] == "W"}
    {'W_q': (8, 8), 'W_k': (8, 8), 'W_v': (8, 8), 'W_o': (8, 8)}
    >>> a, saved = layer.forward(params, jax.numpy.ones((1, 5, 8)), ng.layers.Context())
    >>> saved["weights"][0, 0, 1]
    Array([0.5, 0.5, 0. , 0. , 0. ], dtype=float32)
    """

    units: int | None = None
    _: KW_ONLY
    heads: int = 1
    score: str = "dot"
    causal: bool = False
    dropout: float = 0.0
    bias: bool = True
    initializer: Any = Xavier()

    def __post_init__(self) -> None:
        for name in ("units", "heads"):
            value = getattr(self, name)
            if (value is not None or name == "heads") and (not isinstance(value, int) or value < 1):
                raise NetgradError(f"{self.label}: {name} must be a whole number of at least 1, found {value!r}")
        if self.score not in SCORES:
            raise NetgradError(f"{self.label}: score must be one of {', '.join(SCORES)}, found {self.score!r}")
        if not 0 <= self.dropout < 1:
            raise NetgradError(f"{self.label}: dropout must lie in [0, 1), found {self.dropout!r}")
        if self.units is not None:
            self._split(self.units)
        object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def init(self, key: Array, in_shape: Shapes) -> Params:
        (_, d), (_, m) = _both(self._checked(in_shape))
        u = self._split(self.units or d)
        shapes = {"W_q": (d, u), "W_k": (m, u), "W_v": (m, u), "W_o": (u, u)}
        if self.score == "additive":
            shapes["W_s"] = (self.heads, u // self.heads)
        keys = jax.random.split(key, len(shapes))
        params = {name: self.initializer(own, shape) for own, (name, shape) in zip(keys, shapes.items(), strict=True)}
        if self.bias:
            params |= {name: Zeros()(key, (u,)) for name in ("b_q", "b_v", "b_o")}
        return params

    def forward(self, params: Params, x: Inputs, context: Context) -> tuple[Array, Saved]:
        queries, memory = _both(x)
        asked, given = _both(context.lengths)
        seen = _Seen(_cleared(queries, asked), _cleared(memory, given) if isinstance(x, tuple) else None)
        q = self._projected(params, "q", seen.queries)
        k, v, at, stream = self._answers(params, seen.memory, context.state, q.shape[2])
        mask = self._mask(q.shape[2], k.shape[2], at, given)
        scores, bent = self._scores(params, q, k)
        weights = _softmax(scores, mask)
        rows = _rows(asked, given, queries.shape)
        if rows is not None:
            weights = jnp.where(rows[:, None], weights, 0)
        drop = self._drop(context, weights)
        given_to = self._one_pass(q, k, v, asked, given) if drop is None and at is None else None
        if given_to is None:
            attended, kept = _joined(jnp.einsum("nhts,nhsc->nhtc", times(weights, drop), v)), None
        else:
            attended, kept = attention_forward(*given_to, heads=self.heads, causal=self.causal)
        a = dense_forward(attended, params["W_o"], params.get("b_o"))
        if at is not None:
            a = jnp.where((at < k.shape[2])[:, None], a, jnp.nan)
        a = a if rows is None else jnp.where(rows, a, 0)
        named = {"q": q, "k": k, "v": v, "scores": scores, "weights": weights, "attended": attended}
        return a, named | stream | {"x": x, "a": a, "residuals": (seen, drop, rows, bent, at, given_to, kept)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """The heads side by side, a is a dense layer of attended; then, head by head,

        dE/dweights_ts = dE/dattended_t . v_s,  dE/dv_s = sum over t of weights_ts dE/dattended_t
        dE/dscores_t = weights_t (dE/dweights_t - weights_t . dE/dweights_t), softmax's Jacobian
        dE/dq_t = sum over s of dE/dscores_ts k_s / sqrt(c),  dE/dk_s = sum over t of dE/dscores_ts q_t / sqrt(c)

        and q, k, v are dense layers of x and of the memory. Additive: dE/du_ts = dE/dscores_ts W_s (1 - u_ts^2) with
        u_ts = tanh(q_t + k_s), whose sums over s and t are dE/dq and dE/dk; dE/dW_s = sum of dE/dscores_ts u_ts.
        """
        seen, _, rows, _, at, given_to, kept = saved["residuals"]
        delta = d_out if rows is None else jnp.where(rows, d_out, 0)
        arrived = dense_input_gradient(delta, params["W_o"])
        if given_to is None:
            back = self._back(params, saved, self._heads(arrived))
            d_heads: tuple[Array, ...] = (back.q, back.k, back.v)
            d_params = dict(back.own)
            if at is not None:  # those of earlier pieces are given
                d_heads = back.q, *(jnp.take(d, at, axis=2, mode="fill", fill_value=0) for d in (back.k, back.v))
            slopes = tuple(map(_joined, d_heads))
        else:
            d_params = {}
            given_back = (*given_to, saved["attended"], kept, arrived)
            slopes = attention_backward(*given_back, heads=self.heads, causal=self.causal)
        d_params["W_o"], d_params["b_o"] = dense_gradients(saved["attended"], delta)
        d_seen = []
        for name, value, d in zip("qkv", (seen.queries, seen.memory, seen.memory), slopes, strict=True):
            d_params[f"W_{name}"], d_params[f"b_{name}"] = dense_gradients(value, d)
            d_seen.append(dense_input_gradient(d, params[f"W_{name}"]))
        d_queries, d_memory = d_seen[0], d_seen[1] + d_seen[2]
        d_in = (d_queries, d_memory) if isinstance(saved["x"], tuple) else d_queries + d_memory
        return Backward(d_in, {name: d_params[name] for name in params}, delta)

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        rows = saved["residuals"][2]
        delta = d_out if rows is None else jnp.where(rows, d_out, 0)
        back = self._back(params, saved, self._heads(dense_input_gradient(delta, params["W_o"])))
        return {f"d_{name}": getattr(back, name) for name in ("q", "k", "v", "scores", "weights")}

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        several = isinstance(self._checked(in_shape)[0], tuple)
        if several and not self.causal:
            return {}  # the memory is whole, whatever comes of the sequence that asks
        if several or not self.causal:
            why = "of its two sequences only one comes in pieces" if several else "it looks ahead: causal=True does not"
            raise self.needs_whole(why)
        steps, d = in_shape
        u = self._split(self.units or d)
        kept = jnp.zeros((n, self.heads, steps, u // self.heads), float)
        return {"k": kept, "v": kept, "at": jnp.zeros((), jnp.int32)}

    def next_state(self, state: State, saved: Saved) -> State:
        return saved["stream"] if state else state

    def out_shape(self, in_shape: Shapes) -> Shape:
        (steps, d), _ = _both(self._checked(in_shape))
        return (steps, self._split(self.units or d))

    def operations(self, in_shape: Shapes) -> int:
        (steps, d), (answers, m) = _both(self._checked(in_shape))
        u = self.units or d
        pairs = steps * answers * u * (3 if self.score == "additive" else 2)
        return int(steps * d * u + 2 * answers * m * u + pairs + steps * u * u)

    @property
    def draws(self) -> bool:
        return self.dropout > 0

    @property
    def holds_steps(self) -> bool:
        return self.causal

    # --- parts

    def _split(self, units: int) -> int:
        """The units, which the heads must divide."""
        if units % self.heads:
            raise NetgradError(
                f"{self.label}: {self.heads} heads do not divide {units} units: take a divisor such as "
                f"{max(h for h in range(1, self.heads) if units % h == 0)}"
            )
        return units

    def _checked(self, in_shape: Any) -> Any:
        """The shapes of x, or of x and the memory."""
        several = in_shape and isinstance(in_shape[0], tuple)
        shapes = in_shape if several else (in_shape,)
        if len(shapes) > 2 or not all(len(s) == 2 and all(isinstance(n, int) for n in s) for s in shapes):
            raise ShapeError(
                f"{self.label} needs sequences (N, T, d), one or two (what asks, what is attended to), found inputs of "
                f"shape {in_shape}"
            )
        return in_shape

    def _heads(self, value: jax.Array) -> jax.Array:
        """(N, T, units) -> (N, heads, T, c)."""
        n, steps, units = value.shape
        return jnp.swapaxes(value.reshape(n, steps, self.heads, units // self.heads), 1, 2)

    def _projected(self, params: Any, name: str, value: jax.Array) -> jax.Array:
        """q, k or v of what asks or answers, (N, heads, T, c)."""
        return self._heads(dense_forward(value, params[f"W_{name}"], params.get(f"b_{name}")))

    def _answers(self, params: Any, memory: jax.Array, state: Any, steps: int) -> tuple[Any, Any, Any, Saved]:
        """k and v; and in a stream, where each of so many steps that ask stands, and what the next ones start from."""
        k, v = (self._projected(params, name, memory) for name in ("k", "v"))
        if not state:
            return k, v, None, {}
        at = state["at"] + jnp.arange(steps)
        k, v = (_stored(state[name], value, at) for name, value in (("k", k), ("v", v)))
        return k, v, at, {"stream": {"k": k, "v": v, "at": at[-1] + 1}}

    def _mask(self, steps: int, answers: int, at: Any, given: Any) -> Any:
        """Which steps may be attended to, (N or 1, 1, T or 1, S); None: all. at: in a stream, where each step stands;
        what lies behind the end of a sequence's last piece is seen by none of its steps."""
        mask = None
        if self.causal:
            mask = (jnp.arange(answers) <= (jnp.arange(steps) if at is None else at)[:, None])[None, None]
        if given is not None and at is None:
            valid = (jnp.arange(answers) < given[:, None])[:, None, None]
            mask = valid if mask is None else mask & valid
        return mask

    def _scores(self, params: Any, q: jax.Array, k: jax.Array) -> tuple[jax.Array, Any]:
        """The scores, and tanh(q_t + k_s) where they are made of that."""
        if self.score == "dot":
            return jnp.einsum("nhtc,nhsc->nhts", q, k) / q.shape[-1] ** 0.5, None
        bent = jnp.tanh(q[:, :, :, None] + k[:, :, None])
        return jnp.einsum("nhtsc,hc->nhts", bent, params["W_s"]), bent

    def _one_pass(self, q: jax.Array, k: jax.Array, v: jax.Array, asked: Any, given: Any) -> Any:
        """What the kernel is given that makes no scores and weights, where it serves; they are then made for whoever
        looks at them alone."""
        q, k, v = (_joined(value) for value in (q, k, v))
        if self.score != "dot" or not served(q, k, self.heads):
            return None
        n = q.shape[0]
        ends = ((asked, q.shape[1]), (given, k.shape[1]))
        asked, given = (jnp.full(n, steps) if end is None else end for end, steps in ends)
        return q, k, v, asked.astype(jnp.int32), given.astype(jnp.int32)

    def _drop(self, context: Any, weights: jax.Array) -> Any:
        if context.key is None or not self.dropout:
            return None
        draw = partial(jax.random.bernoulli, context.key, 1 - self.dropout)
        return drawn(draw, weights.shape) / (1 - self.dropout)

    def _back(self, params: Any, saved: Any, d_attended: jax.Array) -> _Back:
        """From the gradient of what was attended, head by head, to q, k and v."""
        _, drop, _, bent, *_ = saved["residuals"]
        q, k, v, weights = (saved[name] for name in ("q", "k", "v", "weights"))
        d_weights = times(jnp.einsum("nhtc,nhsc->nhts", d_attended, v), drop)
        d_v = jnp.einsum("nhts,nhtc->nhsc", times(weights, drop), d_attended)
        d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True))
        if bent is None:
            scaled = d_scores / q.shape[-1] ** 0.5
            d_q, d_k = jnp.einsum("nhts,nhsc->nhtc", scaled, k), jnp.einsum("nhts,nhtc->nhsc", scaled, q)
            return _Back(d_q, d_k, d_v, d_scores, d_weights, {})
        d_bent = d_scores[..., None] * params["W_s"][:, None, None] * (1 - bent**2)
        own = {"W_s": jnp.einsum("nhts,nhtsc->hc", d_scores, bent)}
        return _Back(d_bent.sum(3), d_bent.sum(2), d_v, d_scores, d_weights, own)


@dataclass(frozen=True)
class Recalling(Attention):
    """Attention to a memory that stays the same while those that ask come step by step, as `netgrad.translate` has it.

    Its stream holds the memory's keys and values: with ``first`` it makes them, without it takes them from there. No
    gradient goes through what is recalled.
    """

    first: bool = field(default=False, kw_only=True)

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        (_, d), (answers, _) = _both(self._checked(in_shape))
        u = self._split(self.units or d)
        kept = jnp.zeros((n, self.heads, answers, u // self.heads), float)
        return {"memory_k": kept, "memory_v": kept}

    def next_state(self, state: State, saved: Saved) -> State:
        return {"memory_k": saved["k"], "memory_v": saved["v"]} if self.first else state

    def _answers(self, params: Any, memory: jax.Array, state: Any, steps: int) -> tuple[Any, Any, Any, Saved]:
        if self.first:
            return super()._answers(params, memory, {}, steps)
        return state["memory_k"], state["memory_v"], None, {}


class _Back(NamedTuple):
    """The gradients on the way back; own: of the parameters that belong to no product."""

    q: jax.Array
    k: jax.Array
    v: jax.Array
    scores: jax.Array
    weights: jax.Array
    own: dict[str, jax.Array]


class _Seen(NamedTuple):
    """What asks and what answers, with 0 in the padding; one and the same where a sequence attends to itself."""

    queries: jax.Array
    other: jax.Array | None

    @property
    def memory(self) -> jax.Array:
        return self.queries if self.other is None else self.other


def times(value: jax.Array, mask: Any) -> jax.Array:
    """The product with a dropout mask, where there is one."""
    return value if mask is None else value * mask


def _both(value: Any) -> tuple[Any, Any]:
    """Of what asks and of what is attended to: a pair, or one for both."""
    return value if isinstance(value, tuple) and (not value or not isinstance(value[0], int)) else (value, value)


def _stored(kept: jax.Array, new: jax.Array, at: jax.Array) -> jax.Array:
    """What is kept (N, heads, S, c) with new steps at these places; what finds no room is left out."""
    if new.shape[2] == 1:
        return jax.lax.dynamic_update_slice_in_dim(kept, new.astype(kept.dtype), at[0], 2)
    return kept.at[:, :, at].set(new.astype(kept.dtype), mode="drop")


def _cleared(value: jax.Array, lengths: Any) -> jax.Array:
    return value if lengths is None else jnp.where(within(lengths, value.shape), value, 0)


def _rows(asked: Any, given: Any, shape: Any) -> Any:
    """Which steps are there and have something to attend to, (N, T or 1, 1); None: all."""
    rows = None if given is None else (given > 0)[:, None, None]
    if asked is None:
        return rows
    valid = within(asked, shape)
    return valid if rows is None else valid & rows


def _joined(heads: jax.Array) -> jax.Array:
    """(N, heads, T, c) -> (N, T, units)."""
    n, h, steps, c = heads.shape
    return jnp.swapaxes(heads, 1, 2).reshape(n, steps, h * c)


def _softmax(scores: jax.Array, mask: Any) -> jax.Array:
    """Along the last axis, 0 where the mask is false, and 0 everywhere where all of it is."""
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf)
    top = jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    raised = jnp.exp(scores - jnp.where(jnp.isneginf(top), 0, top))
    total = raised.sum(-1, keepdims=True)
    return raised / jnp.where(total == 0, 1, total)
