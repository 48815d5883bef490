"""Attention beside PyTorch's, what padding may not do, and what is refused."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels
from netgrad.layers import Context
from netgrad.layers.attention import _softmax
from netgrad.network import stream_state

N, T, S, D = 3, 5, 7, 8
with_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def drawn(layer, in_shape):
    """Parameters none of which is 0."""
    params = layer.init(jax.random.key(0), in_shape)
    return {name: value + 0.1 * numbers(*value.shape, seed=i) for i, (name, value) in enumerate(params.items())}


@with_torch
@pytest.mark.parametrize(("causal", "cross"), [(False, False), (True, False), (False, True)])
def test_attention_is_that_of_torch(causal, cross):
    import torch

    layer = ng.Attention(D, heads=2, causal=causal)
    asked, given = np.array([5, 2, 4]), np.array([7, 1, 6]) if cross else np.array([5, 2, 4])
    x, memory = numbers(N, T, D, seed=1), numbers(N, S, 6, seed=2) if cross else None
    params = drawn(layer, ((T, D), (S, 6)) if cross else (T, D))
    theirs = torch.nn.MultiheadAttention(D, 2, batch_first=True, kdim=6 if cross else None, vdim=6 if cross else None)
    own = {name: torch.tensor(np.asarray(value).T) for name, value in params.items()}
    if cross:
        theirs.q_proj_weight.data, theirs.k_proj_weight.data, theirs.v_proj_weight.data = (
            own[f"W_{name}"] for name in "qkv"
        )
    else:
        theirs.in_proj_weight.data = torch.cat([own[f"W_{name}"] for name in "qkv"])
    theirs.in_proj_bias.data = torch.cat([own["b_q"], torch.zeros(D), own["b_v"]])
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = own["W_o"], own["b_o"]

    steps = torch.tensor(np.arange(S if cross else T)[None] >= given[:, None])
    unseen = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if causal else None
    q, m = torch.tensor(x, requires_grad=True), torch.tensor(memory if cross else x, requires_grad=True)
    m = m if cross else q
    expected, weights = theirs(q, m, m, steps, attn_mask=unseen, average_attn_weights=False)
    valid = np.arange(T)[None] < asked[:, None]
    d_out = numbers(N, T, D, seed=3) * valid[..., None]
    expected.backward(torch.tensor(d_out))

    value = (jnp.asarray(x), jnp.asarray(memory)) if cross else jnp.asarray(x)
    lengths = (jnp.asarray(asked), jnp.asarray(given)) if cross else jnp.asarray(asked)

    @jax.jit
    def both(params, value):
        a, saved = layer.forward(params, value, Context(lengths=lengths))
        return a, saved["weights"], layer.backward(params, saved, jnp.asarray(d_out))

    a, ours, back = both(params, value)
    np.testing.assert_allclose(a[valid], expected.detach().numpy()[valid], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(
        np.swapaxes(ours, 1, 2)[valid], np.swapaxes(weights.detach().numpy(), 1, 2)[valid], rtol=2e-5, atol=2e-6
    )
    d_q, d_m = back.d_in if cross else (back.d_in, back.d_in)
    np.testing.assert_allclose(d_q, q.grad, rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(d_m, m.grad, rtol=1e-4, atol=2e-6)
    np.testing.assert_allclose(back.d_params["W_o"].T, theirs.out_proj.weight.grad, rtol=1e-4, atol=5e-6)
    in_proj = [theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight] if cross else []
    grads = [p.grad for p in in_proj] or torch.chunk(theirs.in_proj_weight.grad, 3)
    for name, grad in zip("qkv", grads, strict=True):
        np.testing.assert_allclose(back.d_params[f"W_{name}"].T, grad, rtol=1e-4, atol=5e-6, err_msg=name)
    d_bias = torch.chunk(theirs.in_proj_bias.grad, 3)
    np.testing.assert_allclose(back.d_params["b_q"], d_bias[0], rtol=1e-4, atol=5e-6)
    np.testing.assert_allclose(d_bias[1], 0, atol=5e-6)  # which is why there is no b_k


@pytest.mark.parametrize(("causal", "cross"), [(True, False), (False, True)])
def test_one_pass_is_what_scores_and_weights_make(causal, cross):
    steps, answers = 20, 24 if cross else 20
    layer = ng.Attention(16, heads=2, causal=causal)
    asked, given = jnp.array([20, 13, 0]), jnp.array([24, 0, 7])
    x, memory = jnp.asarray(numbers(N, steps, D, seed=1)), jnp.asarray(numbers(N, answers, 6, seed=2))
    params = drawn(layer, ((steps, D), (answers, 6)) if cross else (steps, D))
    value, lengths = ((x, memory), (asked, given)) if cross else (x, asked)

    def both(params, value):
        a, saved = layer.forward(params, value, Context(lengths=lengths))
        back = layer.backward(params, saved, jnp.cos(a))
        return a, saved["weights"], back.d_in, back.d_params

    lowered = jax.jit(both).lower(params, value)
    assert lowered.as_text().count("netgrad_attention_") == 2 * kernels.active("attention_forward")
    found = lowered.compile()(params, value)
    with kernels.aside():
        expected = both(params, value)
    jax.tree.map(lambda ours, plain: np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5), found, expected)


def test_a_step_without_anything_to_attend_to_gives_0_and_no_nan():
    layer = ng.Attention(D, heads=2)
    params = drawn(layer, ((T, D), (S, D)))
    x = jnp.asarray(numbers(N, T, D)), jnp.asarray(numbers(N, S, D))
    a, saved = layer.forward(params, x, Context(lengths=(None, jnp.array([0, 3, 7]))))
    assert not a[0].any()
    assert a[1:].any(-1).all()
    np.testing.assert_allclose(saved["weights"].sum(-1)[1:], 1, rtol=1e-6)
    back = layer.backward(params, saved, jnp.ones_like(a))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(back))
    assert not back.d_in[0][0].any()
    assert not _softmax(jnp.zeros((1, 3)), jnp.zeros((1, 3), bool)).any()


def test_the_trace_shows_what_attends_to_what():
    x = numbers(4, 6, 3)
    net = ng.Sequential([ng.Attention(4, heads=2, causal=True, name="look"), ng.Dense(1)])
    trace = ng.untrained(net, x, x[..., :1]).trace(x, x[..., :1])
    assert trace["look"].weights.shape == trace["look"].d_scores.shape == (4, 2, 6, 6)
    assert trace["look"].q.shape == trace["look"].d_v.shape == (4, 2, 6, 2)
    np.testing.assert_allclose(trace["look"].weights.sum(-1), 1, rtol=1e-5)
    assert not np.triu(trace["look"].weights[0, 0], 1).any()
    np.testing.assert_allclose(trace["look"].d_scores.sum(-1), 0, atol=1e-5)  # softmax does not see what all share
    x = jnp.asarray(x)
    layer = net.nodes[0].layer
    params = layer.init(jax.random.key(1), (6, 3))

    def error(q):
        """The output from q alone, by the equations."""
        scores = jnp.einsum("nhtc,nhsc->nhts", q, saved["k"]) / 2**0.5
        weights = jax.nn.softmax(jnp.where(jnp.tri(6, dtype=bool), scores, -jnp.inf))
        mixed = jnp.einsum("nhts,nhsc->nthc", weights, saved["v"]).reshape(4, 6, 4)
        return jnp.sum(jnp.cos(mixed @ params["W_o"] + params["b_o"]))

    a, saved = layer.forward(params, x, Context())
    looked = layer.look_back(params, saved, -jnp.sin(a))
    np.testing.assert_allclose(looked["d_q"], jax.grad(error)(saved["q"]), rtol=1e-4, atol=1e-6)


def test_attention_learns_which_step_is_meant():
    """The target is the number at the step that the first number names: no fixed weights of steps can say it."""
    rng = np.random.default_rng(0)
    which = rng.integers(0, 4, 400)
    x = np.concatenate([np.eye(4)[which][:, None].repeat(4, 1), rng.normal(size=(400, 4, 1))], -1)
    y = x[np.arange(400), which, -1]
    net = ng.Sequential([ng.Positions("learned", longest=4), ng.Attention(16, heads=2), ng.GlobalPool(), ng.Dense(1)])
    model = ng.fit(net, x[:300], y[:300], epochs=150, learning_rate=0.01, batch_size=50, seed=0)
    assert model.evaluate(x[300:], y[300:])["r2"] > 0.8


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ng.Attention(8, heads=3), "3 heads do not divide 8 units: take a divisor such as 2"),
        (lambda: ng.Attention(heads=3).out_shape((5, 8)), "3 heads do not divide 8 units"),
        (lambda: ng.Attention(0), "units must be a whole number of at least 1, found 0"),
        (lambda: ng.Attention(heads=0), "heads must be a whole number of at least 1, found 0"),
        (lambda: ng.Attention(score="cosine"), "score must be one of dot, additive, found 'cosine'"),
        (lambda: ng.Attention(dropout=1), r"dropout must lie in \[0, 1\), found 1"),
        (lambda: ng.Attention().out_shape((5,)), "needs sequences .* found inputs of shape"),
        (lambda: ng.Attention().out_shape(((5, 2),) * 3), "one or two"),
    ],
)
def test_what_attention_refuses(make, said):
    with pytest.raises(ng.NetgradError, match=said):
        make()


def in_pieces(net, params, x, sizes, room=None):
    """The outputs of a network that goes through (N, T, ...) in pieces of these sizes."""
    shape = (room or x.shape[1], *x.shape[2:])
    state = stream_state(net, len(x), net.shapes(shape))
    step = jax.jit(lambda state, piece: ng.apply(net, params, piece, state=state))
    outputs, start = [], 0
    for size in sizes:
        out, state = step(state, x[:, start : start + size])
        outputs.append(out)
        start += size
    return np.concatenate(outputs, 1)


BLOCK = ng.Residual([ng.LayerNorm(), ng.Attention(8, heads=2, causal=True)])


@pytest.mark.parametrize("positions", [ng.Positions(), ng.Positions("learned", longest=12)])
def test_a_stream_is_the_whole_sequence_piece_by_piece(positions):
    net = ng.Sequential([positions, ng.Stack(BLOCK, 2), ng.Recomputed(BLOCK), ng.Dense(3)])
    params, _ = net.init(0, (12, 8))
    x = jnp.asarray(numbers(2, 12, 8))
    whole = ng.apply(net, params, x)
    np.testing.assert_allclose(in_pieces(net, params, x, [1] * 12), whole, rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(in_pieces(net, params, x, [5, 1, 4, 2]), whole, rtol=1e-5, atol=2e-6)


def test_no_room_is_nan_and_never_a_wrong_number():
    net = ng.Sequential([ng.Attention(8, heads=2, causal=True)])
    params, _ = net.init(0, (6, 8))
    x = jnp.asarray(numbers(2, 6, 8))
    for sizes in ([1] * 6, [3, 3], [2, 4]):
        a = in_pieces(net, params, x, sizes, room=4)
        assert np.isnan(a[:, 4:]).all(), sizes
        np.testing.assert_allclose(a[:, :4], ng.apply(net, params, x)[:, :4], rtol=1e-5, atol=2e-6)


def test_a_step_of_a_stream_costs_one_row_of_the_whole():
    net = ng.Sequential([ng.Stack(BLOCK, 1), ng.Dense(8)])
    steps = 128
    params, _ = net.init(0, (steps, 8))

    def operations(run, *given):
        return jax.jit(run).lower(*given).compile().cost_analysis()["flops"]

    state = stream_state(net, 1, net.shapes((steps, 8)))
    one = operations(lambda s, x: ng.apply(net, params, x, state=s), state, jnp.zeros((1, 1, 8)))
    whole = operations(lambda x: ng.apply(net, params, x), jnp.zeros((1, steps, 8)))
    assert one < whole / 32  # 1 / 128, and what there is besides


def test_training_in_pieces_remembers_what_came_before():
    """The target is the first number, which the last piece has not seen: keys and values are carried on to it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 10, 1))
    y = np.repeat(x[:, :1], 10, axis=1)
    net = ng.Sequential([ng.Dense(16), ng.Positions(), ng.Attention(causal=True, heads=2), ng.Dense(1)])
    model = ng.fit(net, x, y, truncate=4, epochs=150, learning_rate=0.01, batch_size=32, seed=0)
    assert model.evaluate(x, y)["r2"] > 0.9  # as a whole: the pieces, of which the last is shorter, say the same


@pytest.mark.parametrize(
    ("layer", "in_shape", "said"),
    [
        (ng.Attention(), (5, 8), "it looks ahead: causal=True does not"),
        (ng.Attention(causal=True), ((5, 8), (5, 8)), "of its two sequences only one comes in pieces"),
    ],
)
def test_what_cannot_be_a_stream(layer, in_shape, said):
    with pytest.raises(ng.NetgradError, match=said):
        layer.stream_state(1, in_shape)
    assert ng.Attention().stream_state(1, ((5, 8), (5, 8))) == {}
