"""Transformers: blocks beside PyTorch's, one compiled block whatever the depth, and what is refused."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.architectures import transformer, transformer_decoder, transformer_encoder
from netgrad.network import stream_state

RNG = np.random.default_rng(0)
with_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


@with_torch
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_encoder_is_that_of_torch(norm):
    import torch

    units, steps, lengths = 8, 5, np.array([5, 2, 3])
    net = transformer_encoder(None, units, layers=2, heads=2, hidden=12, norm=norm, activation="gelu")
    net = ng.Network.from_nodes(["positions_1"], net.nodes[2:], net.outputs)  # the blocks alone, as theirs
    params, _ = net.init(0, (steps, units))
    params = jax.tree.map(lambda p: p + 0.1 * RNG.normal(size=p.shape).astype(np.float32), params)
    layer = torch.nn.TransformerEncoderLayer(
        units, 2, 12, dropout=0.0, batch_first=True, norm_first=norm == "pre", activation="gelu"
    )
    last = torch.nn.LayerNorm(units) if norm == "pre" else None
    theirs = torch.nn.TransformerEncoder(layer, 2, norm=last, enable_nested_tensor=False)
    own = {name: dict(value) for name, value in params["blocks"].items()}
    first, second = ("attend/layer_norm_1", "feed/layer_norm_1") if norm == "pre" else ("layer_norm_1", "layer_norm_2")
    for i, block in enumerate(theirs.layers):
        a, b, c = (own[name] for name in ("attend/attention_1", "feed/dense_1", "feed/dense_2"))
        tensors = {
            "self_attn.in_proj_weight": np.concatenate([a[f"W_{name}"][i].T for name in "qkv"]),
            "self_attn.in_proj_bias": np.concatenate([a["b_q"][i], np.zeros(units), a["b_v"][i]]),
            "self_attn.out_proj.weight": a["W_o"][i].T,
            "self_attn.out_proj.bias": a["b_o"][i],
            "linear1.weight": b["W"][i].T,
            "linear1.bias": b["b"][i],
            "linear2.weight": c["W"][i].T,
            "linear2.bias": c["b"][i],
            "norm1.weight": own[first]["gamma"][i],
            "norm1.bias": own[first]["beta"][i],
            "norm2.weight": own[second]["gamma"][i],
            "norm2.bias": own[second]["beta"][i],
        }
        block.load_state_dict({name: torch.tensor(np.array(value, np.float32)) for name, value in tensors.items()})
    if last is not None:
        numbers = params["layer_norm_1"]
        last.weight.data, last.bias.data = (torch.tensor(np.asarray(numbers[name])) for name in ("gamma", "beta"))

    x = RNG.normal(size=(3, steps, units)).astype(np.float32)
    valid = np.arange(steps) < lengths[:, None]
    d_out = RNG.normal(size=x.shape).astype(np.float32) * valid[..., None]
    given = torch.tensor(x, requires_grad=True)
    out = theirs(given, src_key_padding_mask=torch.tensor(~valid))
    out.backward(torch.tensor(d_out))

    def ours(params, x):
        return ng.apply(net, params, x, lengths=jnp.asarray(lengths))

    a, back = jax.vjp(jax.jit(ours), params, jnp.asarray(x))
    d_params, d_x = back(jnp.asarray(d_out))
    np.testing.assert_allclose(np.asarray(a)[valid], out.detach().numpy()[valid], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.asarray(d_x)[valid], given.grad.numpy()[valid], rtol=1e-3, atol=1e-5)
    found = d_params["blocks"]["feed/dense_1"]["W"]
    for i, block in enumerate(theirs.layers):
        np.testing.assert_allclose(found[i].T, block.linear1.weight.grad, rtol=1e-3, atol=2e-5)
        grad = block.self_attn.in_proj_weight.grad[:units]
        np.testing.assert_allclose(d_params["blocks"]["attend/attention_1"]["W_q"][i].T, grad, rtol=1e-3, atol=2e-5)


def test_depth_is_one_block_whatever_it_is():
    sizes = []
    for layers in (2, 40):
        net = transformer(7, 5, 8, layers=layers, heads=2)
        params, _ = net.init(0, {"source": (6,), "target": (4,)})
        x = {"source": jnp.zeros((2, 6), int), "target": jnp.zeros((2, 4), int)}
        sizes.append(len(jax.jit(lambda p, net=net, x=x: ng.apply(net, p, x)).lower(params).as_text()))
    assert sizes[1] < 1.1 * sizes[0]


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_decoder_sees_no_step_that_is_to_come(norm):
    net = transformer_decoder(9, 8, layers=2, heads=2, norm=norm, positions="learned", longest=10)
    params, _ = net.init(0, (10,))
    x = jnp.asarray(RNG.integers(0, 9, (2, 10)))
    run = jax.jit(lambda x: ng.apply(net, params, x))
    a, b = run(x), run(x.at[:, 6:].set((x[:, 6:] + 1) % 9))
    np.testing.assert_array_equal(a[:, :6], b[:, :6])
    assert (np.asarray(a[:, 6:]) != np.asarray(b[:, 6:])).any(-1).all()
    state = stream_state(net, 2, net.shapes((10,)))
    step = jax.jit(lambda state, x: ng.apply(net, params, x, state=state))
    parts = []
    for t in range(10):
        out, state = step(state, x[:, t : t + 1])
        parts.append(out)
    np.testing.assert_allclose(jnp.concatenate(parts, 1), a, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_whole_and_what_dropout_adds():
    net = transformer(None, 5, 4, layers=1, heads=2, dropout=0.2)
    x = {"source": RNG.normal(size=(3, 6, 2)), "target": RNG.integers(0, 5, (3, 4))}
    y = RNG.integers(0, 5, (3, 4))
    lengths = {"source": np.array([6, 2, 3]), "target": np.array([4, 1, 2])}
    assert ng.check_gradients(net, x, y, lengths=lengths).ok
    assert len(net.select(ng.layers.Dropout)) == 2  # where symbols enter; those in the blocks stand in their stacks


def test_a_label_and_a_tag_are_learned():
    """The label: of which half the first symbol is; each tag: whether its symbol is the first one."""
    x = RNG.integers(0, 6, (600, 8))
    for returns, y in (("sequence", (x == x[:, :1]).astype(int)), ("mean", (x[:, 0] < 3).astype(int))):
        net = transformer_encoder(6, 16, outputs=2, returns=returns, layers=1, heads=2)
        model = ng.fit(net, x[:500], y[:500], epochs=30, learning_rate=0.005, batch_size=50, seed=0)
        assert model.evaluate(x[500:], y[500:])["accuracy"] > 0.9, returns


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: transformer_encoder(5, 8, norm="both"), "norm must be one of pre, post, found 'both'"),
        (lambda: transformer_encoder(5, 8, returns="last"), "returns must be one of sequence, mean, found 'last'"),
        (lambda: transformer_decoder(5, 10), "4 heads do not divide 10 units: take a divisor such as 2"),
        (lambda: transformer_decoder(5, 8, positions="learned"), "learned positions have an end, give longest"),
        (
            lambda: transformer_decoder(5, 8, positions="learned", longest=4).init(0, (5,)),
            "has 4 positions, found sequences of 5 steps",
        ),
    ],
)
def test_mistakes(make, said):
    with pytest.raises(ng.NetgradError, match=said):
        make()
