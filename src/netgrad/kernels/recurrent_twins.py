"""The recurrent kernels in plain JAX: the equations, and the form that runs wherever XLA does.

Each function here has a C++ twin of the same name; `netgrad.kernels.recurrent` documents both and chooses.
A sequence that has ended keeps its state, emits zeros and gets zero gradients, whatever its padding holds.
`reverse` runs time backwards: a sequence then starts at its own last valid step, because until then it
keeps its initial state. `mask (N, u)`, which only the twins know, multiplies the state before it meets
U: recurrent dropout, one mask a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": lambda z: jnp.where(z < 0, 0, z),  # NaN stays NaN
    "logistic": jax.nn.sigmoid,
    "identity": lambda z: z,
}

_DERIVATIVES: dict[str, Callable[[Array], Array]] = {  # df/dz, written in terms of h = f(z)
    "tanh": lambda h: 1 - h * h,
    "relu": lambda h: jnp.where(h > 0, jnp.ones_like(h), jnp.where(jnp.isnan(h), h, 0)),
    "logistic": lambda h: h * (1 - h),
    "identity": jnp.ones_like,
}

ACTIVATIONS = tuple(_FUNCTIONS)


def valid_steps(steps: int, lengths: Array) -> Array:
    """(N, T, 1), true where the step belongs to the sequence."""
    return (jnp.arange(steps) < lengths[:, None])[..., None]


def masked(h: Array, mask: Array | None) -> Array:
    """What recurrent dropout leaves of h (N, u) on its way to the next step; without a mask, all of it."""
    return h if mask is None else h * mask


def previous_states(states: Array, initial: Array, lengths: Array, reverse: bool) -> Array:
    """The state that each step started from, (N, T, u)."""
    first = initial[:, None]
    if not reverse:
        return jnp.concatenate([first, states[:, :-1]], axis=1)
    later = jnp.concatenate([states[:, 1:], first], axis=1)
    return jnp.where(valid_steps(states.shape[1], lengths - 1), later, first)


def scan(step: Callable, state: Any, inputs: Any, lengths: Array, reverse: bool) -> tuple[Any, Any]:
    """`lax.scan` of `step(state, inputs) -> (state, outputs)` over axis 1, within valid parts."""
    valid = valid_steps(jax.tree.leaves(inputs)[0].shape[1], lengths)
    # The padding is cleared before the equations see it: zero times NaN would be NaN.
    clean = jax.tree.map(lambda a: jnp.swapaxes(jnp.where(valid, a, 0), 0, 1), inputs)

    def masked(state: Any, now: Any) -> tuple[Any, Any]:
        inputs, valid = now
        new, outputs = step(state, inputs)
        kept = jax.tree.map(lambda a, b: jnp.where(valid, a, b), new, state)
        return kept, jax.tree.map(lambda a: jnp.where(valid, a, 0), outputs)

    state, outputs = jax.lax.scan(masked, state, (clean, jnp.swapaxes(valid, 0, 1)), reverse=reverse)
    return state, jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), outputs)


def rnn_forward(
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    h0: Array,
    lengths: Array,
    *,
    activation: str,
    reverse: bool,
    mask: Array | None = None,
) -> Array:
    f = _FUNCTIONS[activation]

    def step(h: Array, x_t: Array) -> tuple[Array, Array]:
        h = f(x_t @ W + masked(h, mask) @ U + b)
        return h, h

    return scan(step, h0, x, lengths, reverse)[1]


def rnn_backward(
    d_h: Array,
    U: Array,
    h: Array,
    lengths: Array,
    d_h_last: Array,
    *,
    activation: str,
    reverse: bool,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    derivative = _DERIVATIVES[activation]

    def step(d_later: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        d_h_t, h_t = now
        delta = (d_h_t + d_later) * derivative(h_t)
        return masked(delta @ U.T, mask), delta

    d_h0, delta = scan(step, d_h_last, (d_h, h), lengths, not reverse)
    return delta, d_h0


def forget_gate_forward(
    x: Array, W: Array, U: Array, b: Array, h0: Array, lengths: Array, *, reverse: bool, mask: Array | None = None
) -> tuple[Array, Array]:
    def step(h: Array, x_t: Array) -> tuple[Array, tuple[Array, Array]]:
        z_forget, z_candidate = jnp.split(x_t @ W + masked(h, mask) @ U + b, 2, axis=-1)
        forget, candidate = jax.nn.sigmoid(z_forget), jnp.tanh(z_candidate)
        h = forget * h + (1 - forget) * candidate
        return h, (h, jnp.concatenate([forget, candidate], axis=-1))

    return scan(step, h0, x, lengths, reverse)[1]


def forget_gate_backward(
    d_h: Array,
    U: Array,
    h: Array,
    gates: Array,
    h0: Array,
    lengths: Array,
    d_h_last: Array,
    *,
    reverse: bool,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    def step(d_later: Array, now: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        d_h_t, h_before, gates_t = now
        d_h_t = d_h_t + d_later
        forget, candidate = jnp.split(gates_t, 2, axis=-1)
        delta_forget = d_h_t * (h_before - candidate) * forget * (1 - forget)
        delta_candidate = d_h_t * (1 - forget) * (1 - candidate * candidate)
        delta = jnp.concatenate([delta_forget, delta_candidate], axis=-1)
        return d_h_t * forget + masked(delta @ U.T, mask), delta

    before = previous_states(h, h0, lengths, reverse)
    d_h0, delta = scan(step, d_h_last, (d_h, before, gates), lengths, not reverse)
    return delta, d_h0


def lstm_forward(
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    peepholes: Array,
    h0: Array,
    c0: Array,
    lengths: Array,
    *,
    reverse: bool,
    mask: Array | None = None,
) -> tuple[Array, Array, Array]:
    p_input, p_forget, p_output = peepholes

    def step(state: tuple[Array, Array], x_t: Array) -> tuple[Any, Any]:
        h, c = state
        z_input, z_forget, z_output, z_candidate = jnp.split(x_t @ W + masked(h, mask) @ U + b, 4, axis=-1)
        input_ = jax.nn.sigmoid(z_input + p_input * c)
        forget = jax.nn.sigmoid(z_forget + p_forget * c)
        candidate = jnp.tanh(z_candidate)
        c = forget * c + input_ * candidate
        output = jax.nn.sigmoid(z_output + p_output * c)
        h = output * jnp.tanh(c)
        return (h, c), (h, c, jnp.concatenate([input_, forget, output, candidate], axis=-1))

    return scan(step, (h0, c0), x, lengths, reverse)[1]


def lstm_backward(
    d_h: Array,
    U: Array,
    peepholes: Array,
    c: Array,
    gates: Array,
    c0: Array,
    lengths: Array,
    d_h_last: Array,
    d_c_last: Array,
    *,
    reverse: bool,
    mask: Array | None = None,
) -> tuple[Array, Array, Array]:
    p_input, p_forget, p_output = peepholes

    def step(later: tuple[Array, Array], now: tuple[Array, Array, Array, Array]) -> tuple[Any, Array]:
        d_h_t, c_t, c_before, gates_t = now
        d_h_t = d_h_t + later[0]
        input_, forget, output, candidate = jnp.split(gates_t, 4, axis=-1)
        tanh_c = jnp.tanh(c_t)
        delta_output = d_h_t * tanh_c * output * (1 - output)
        d_c = later[1] + d_h_t * output * (1 - tanh_c * tanh_c) + delta_output * p_output
        delta_input = d_c * candidate * input_ * (1 - input_)
        delta_forget = d_c * c_before * forget * (1 - forget)
        delta_candidate = d_c * input_ * (1 - candidate * candidate)
        delta = jnp.concatenate([delta_input, delta_forget, delta_output, delta_candidate], axis=-1)
        d_c_before = d_c * forget + delta_input * p_input + delta_forget * p_forget
        return (masked(delta @ U.T, mask), d_c_before), delta

    before = previous_states(c, c0, lengths, reverse)
    (d_h0, d_c0), delta = scan(step, (d_h_last, d_c_last), (d_h, c, before, gates), lengths, not reverse)
    return delta, d_h0, d_c0


def gru_forward(
    x: Array, W: Array, U: Array, b: Array, h0: Array, lengths: Array, *, reverse: bool, mask: Array | None = None
) -> tuple[Array, Array]:
    units = U.shape[0]
    U_gates, U_candidate = U[:, : 2 * units], U[:, 2 * units :]

    def step(h: Array, x_t: Array) -> tuple[Array, tuple[Array, Array]]:
        z = x_t @ W + b
        reset, update = jnp.split(jax.nn.sigmoid(z[:, : 2 * units] + masked(h, mask) @ U_gates), 2, axis=-1)
        candidate = jnp.tanh(z[:, 2 * units :] + (reset * masked(h, mask)) @ U_candidate)
        h = (1 - update) * h + update * candidate
        return h, (h, jnp.concatenate([reset, update, candidate], axis=-1))

    return scan(step, h0, x, lengths, reverse)[1]


def gru_backward(
    d_h: Array,
    U: Array,
    h: Array,
    gates: Array,
    h0: Array,
    lengths: Array,
    d_h_last: Array,
    *,
    reverse: bool,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    units = U.shape[0]
    U_gates, U_candidate = U[:, : 2 * units], U[:, 2 * units :]

    def step(d_later: Array, now: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        d_h_t, h_before, gates_t = now
        d_h_t = d_h_t + d_later
        reset, update, candidate = jnp.split(gates_t, 3, axis=-1)
        delta_candidate = d_h_t * update * (1 - candidate * candidate)
        d_reset_h = delta_candidate @ U_candidate.T
        delta_reset = d_reset_h * masked(h_before, mask) * reset * (1 - reset)
        delta_update = d_h_t * (candidate - h_before) * update * (1 - update)
        delta_gates = jnp.concatenate([delta_reset, delta_update], axis=-1)
        d_before = d_h_t * (1 - update) + masked(d_reset_h * reset + delta_gates @ U_gates.T, mask)
        return d_before, jnp.concatenate([delta_gates, delta_candidate], axis=-1)

    before = previous_states(h, h0, lengths, reverse)
    d_h0, delta = scan(step, d_h_last, (d_h, before, gates), lengths, not reverse)
    return delta, d_h0


def weight_gradients(
    x: Array, h: Array, delta: Array, h0: Array, lengths: Array, *, reverse: bool
) -> tuple[Array, Array, Array]:
    valid = valid_steps(x.shape[1], lengths)
    x, delta = jnp.where(valid, x, 0), jnp.where(valid, delta, 0)
    before = jnp.where(valid, previous_states(h, h0, lengths, reverse), 0)
    dW = jnp.einsum("ntd,ntk->dk", x, delta)
    dU = jnp.einsum("ntu,ntk->uk", before, delta)
    return dW, dU, delta.sum(axis=(0, 1))


def gru_weight_gradients(
    x: Array, h: Array, gates: Array, delta: Array, h0: Array, lengths: Array, *, reverse: bool
) -> tuple[Array, Array, Array]:
    units = h.shape[-1]
    valid = valid_steps(x.shape[1], lengths)
    x, delta = jnp.where(valid, x, 0), jnp.where(valid, delta, 0)
    before = jnp.where(valid, previous_states(h, h0, lengths, reverse), 0)
    reset_h = jnp.where(valid, gates[..., :units] * before, 0)
    dW = jnp.einsum("ntd,ntk->dk", x, delta)
    dU_gates = jnp.einsum("ntu,ntk->uk", before, delta[..., : 2 * units])
    dU_candidate = jnp.einsum("ntu,ntk->uk", reset_h, delta[..., 2 * units :])
    return dW, jnp.concatenate([dU_gates, dU_candidate], axis=1), delta.sum(axis=(0, 1))


def rnn_gradients(
    d_h: Array,
    U: Array,
    h: Array,
    lengths: Array,
    d_h_last: Array,
    x: Array,
    h0: Array,
    *,
    activation: str,
    reverse: bool,
) -> tuple[Array, ...]:
    delta, d_h0 = rnn_backward(d_h, U, h, lengths, d_h_last, activation=activation, reverse=reverse)
    return *weight_gradients(x, h, delta, h0, lengths, reverse=reverse), d_h0


def forget_gate_gradients(
    d_h: Array, U: Array, h: Array, gates: Array, h0: Array, lengths: Array, d_h_last: Array, x: Array, *, reverse: bool
) -> tuple[Array, ...]:
    delta, d_h0 = forget_gate_backward(d_h, U, h, gates, h0, lengths, d_h_last, reverse=reverse)
    return *weight_gradients(x, h, delta, h0, lengths, reverse=reverse), d_h0


def gru_gradients(
    d_h: Array, U: Array, h: Array, gates: Array, h0: Array, lengths: Array, d_h_last: Array, x: Array, *, reverse: bool
) -> tuple[Array, ...]:
    delta, d_h0 = gru_backward(d_h, U, h, gates, h0, lengths, d_h_last, reverse=reverse)
    return *gru_weight_gradients(x, h, gates, delta, h0, lengths, reverse=reverse), d_h0


def lstm_gradients(
    d_h: Array,
    U: Array,
    peepholes: Array,
    c: Array,
    gates: Array,
    c0: Array,
    lengths: Array,
    d_h_last: Array,
    d_c_last: Array,
    x: Array,
    h: Array,
    h0: Array,
    *,
    reverse: bool,
) -> tuple[Array, ...]:
    delta, *d_start = lstm_backward(d_h, U, peepholes, c, gates, c0, lengths, d_h_last, d_c_last, reverse=reverse)
    return *weight_gradients(x, h, delta, h0, lengths, reverse=reverse), *d_start


def input_gradient(delta: Array, W: Array) -> Array:
    return delta @ W.T


def sequence_dense_forward(x: Array, W: Array, b: Array) -> Array:
    return x @ W + b


def sequence_dense_gradients(x: Array, delta: Array) -> tuple[Array, Array]:
    return jnp.einsum("ntd,ntk->dk", x, delta), delta.sum(axis=(0, 1))
