"""The contract that every registered layer keeps, run on each line of `cases.CASES`."""

from typing import get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from beartype.door import is_bearable
from jaxtyping import jaxtyped

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.kernels import single
from netgrad.layers import Context, Layer
from netgrad.layers.base import QUANTITIES
from netgrad.layers.conv_pool import ConvPool
from netgrad.network.composite import Copies
from netgrad.registry import KINDS, from_config, to_config
from netgrad.training.precision import narrowed

from .cases import CASES, Case

N = 5


def is_shape(value):
    return isinstance(value, tuple) and all(isinstance(n, int) for n in value)


def make(case, seed=0, n=N):
    """Parameters, input, context and lengths for a case, in the float type of the moment."""
    key = jax.random.key(seed)
    layer = case.layer.placed(first=False)
    params = layer.init(jax.random.fold_in(key, 1), case.in_shape)
    # Biases and the like start at 0, which would hide their part in the gradients.
    params = jax.tree.map(lambda p: p + 0.1 * jax.random.normal(jax.random.fold_in(key, 2), p.shape, p.dtype), params)
    shapes, tree = jax.tree.flatten(case.in_shape, is_leaf=is_shape)
    x = jax.tree.unflatten(
        tree, [jax.random.normal(jax.random.fold_in(key, 3 + i), (n, *s), float) for i, s in enumerate(shapes)]
    )
    if case.symbols:
        x = jax.tree.map(lambda v: jnp.floor(jnp.abs(10 * v)) % case.symbols + 0.3, x)  # apart from the next number
    each = [
        (jnp.arange(n) + 2 * i) % s[0] + 1 if case.lengths and (i == 0 or len(s) > 1) else None
        for i, s in enumerate(shapes)
    ]
    lengths = tuple(each) if isinstance(x, tuple) else each[0]
    context = Context(
        training=True, key=jax.random.fold_in(key, 99), lengths=lengths, state=layer.init_state(case.in_shape)
    )
    return layer, params, x, context


def assert_close(a, b, rtol, atol=1e-9):
    for (path, left), right in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(left, right, rtol=rtol, atol=atol, err_msg=jax.tree_util.keystr(path))


@pytest.mark.parametrize("kind", ["layer", "activation"])
def test_every_registered_layer_has_a_case(kind):
    own = {name: cls for name, cls in KINDS[kind].items() if cls.__module__.startswith("netgrad.")}
    missing = set(own) - {case.layer.registered_name for case in CASES if case.layer.kind == kind}
    assert not missing, f"add a line to tests/layers/cases.py for {sorted(missing)}"


def other_than_stated(values, stated):
    """The first name of a value whose type or shape is not what is stated; None where all N, outputs, ... agree."""
    with jaxtyped("context"):
        for name, value in values.items():
            # Of several inputs or gates each; what a method takes and gives as it is.
            for leaf in jax.tree.leaves(value) if stated is QUANTITIES else [value]:
                if not is_bearable(leaf, stated[name]):
                    return name
    return None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shapes(case):
    layer, params, x, context = make(case)

    def both(p, v):
        a, saved = layer.forward(p, v, context)
        d_out = jnp.ones_like(a)
        back = layer.backward(p, saved, d_out)
        hints = {name: get_type_hints(getattr(Layer, name)) for name in ("forward", "backward")}
        assert other_than_stated({"params": p, "x": v, "return": (a, saved)}, hints["forward"]) is None
        assert other_than_stated({"d_out": d_out, "return": back}, hints["backward"]) is None
        known = {name: saved[name] for name in ("x", "z", "a") if name in saved}
        if not isinstance(layer, Copies):  # whose deltas have the copies in front
            known["delta"] = back.delta
        assert other_than_stated(known, QUANTITIES) is None
        if {"W", "b"} <= set(p):
            assert other_than_stated({name: p[name] for name in ("W", "b")}, QUANTITIES) is None
        return a, back

    a, back = jax.eval_shape(both, params, x)
    assert a.shape == (N, *layer.out_shape(case.in_shape))
    assert a.dtype == jnp.float32
    assert jax.tree.map(jnp.shape, back.d_in) == jax.tree.map(jnp.shape, x)
    assert jax.tree.map(jnp.shape, back.d_params) == jax.tree.map(jnp.shape, params)
    assert jax.tree.leaves(back.delta)
    assert layer.operations(case.in_shape) >= 0


def test_other_shapes_are_seen():
    params = {"W": jnp.ones((3, 2)), "b": jnp.ones(3)}
    assert other_than_stated(params, QUANTITIES) == "b"
    assert other_than_stated({"x": jnp.ones((3, 2)), "delta": {"gate": jnp.ones((2, 2))}}, QUANTITIES) == "delta"
    backward = get_type_hints(Layer.backward)
    assert other_than_stated({"d_out": jnp.ones(3, int)}, backward) == "d_out"
    assert other_than_stated({"return": ((2, 3), {})}, get_type_hints(Layer.forward)) == "return"


@pytest.mark.parametrize("case", [c for c in CASES if c.differentiable], ids=str)
def test_backward_is_the_derivative_of_forward(case, x64):
    layer, params, x, context = make(case)
    d_out = jax.random.normal(jax.random.key(7), (N, *layer.out_shape(case.in_shape)), float)
    leaves, tree = jax.tree.flatten((params, x))
    directions = [
        jax.random.normal(jax.random.fold_in(jax.random.key(8), i), v.shape, v.dtype) for i, v in enumerate(leaves)
    ]
    h = 1e-6

    def error(p, v):
        return jnp.sum(d_out * layer.forward(p, v, context)[0])

    @jax.jit
    def three_ways(p, v):
        """Our gradients, automatic differentiation's, and central differences along a random direction."""
        saved = layer.forward(p, v, context)[1]
        back, alone = layer.backward(p, saved, d_out), layer.gradients(p, saved, d_out)
        leaves = jax.tree.leaves((p, v))

        def moved(by):
            return error(*jax.tree.unflatten(tree, [v + by * d for v, d in zip(leaves, directions, strict=True)]))

        ends = jax.lax.map(moved, jnp.array([h, -h]))
        ours = (back.d_params, back.d_in)
        return ours, alone, jax.grad(error, argnums=(0, 1))(p, v), (ends[0] - ends[1]) / (2 * h)

    ours, alone, theirs, difference = three_ways(params, x)
    assert_close(ours, theirs, rtol=1e-9)
    assert_close(ours[0] if alone is None else alone, theirs[0], rtol=1e-9)
    slope = sum(jnp.vdot(d, g) for d, g in zip(directions, jax.tree.leaves(ours), strict=True))
    np.testing.assert_allclose(difference, slope, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_jit_and_vmap_change_nothing(case):
    layer, params, x, context = make(case)

    def both(p, v):
        a, saved = layer.forward(p, v, context)
        back = layer.backward(p, saved, jnp.cos(a))
        return a, layer.forward(p, v, context.replace(outputs_only=True))[0], back.d_in, back.d_params

    plain = both(params, x)
    assert_close(plain[1], plain[0], rtol=2e-5, atol=2e-5)
    compiled = jax.jit(both)
    assert_close(compiled(params, x), plain, rtol=2e-5, atol=2e-5)
    stacked = jax.tree.map(lambda v: jnp.stack([v, 2 * v]), (params, x))
    mapped = jax.jit(jax.vmap(both))(*stacked)
    assert_close(jax.tree.map(lambda v: v[0], mapped), plain, rtol=2e-5, atol=2e-5)
    second = compiled(*jax.tree.map(lambda v: v[1], stacked))
    assert_close(jax.tree.map(lambda v: v[1], mapped), second, rtol=2e-5, atol=5e-5)


@pytest.mark.parametrize("case", [c for c in CASES if not c.mixes_examples], ids=str)
def test_examples_do_not_know_each_other(case):
    layer, params, x, context = make(case)

    @jax.jit
    def forward(v, lengths):
        return layer.forward(params, v, Context(lengths=lengths, state=context.state))[0]

    a = forward(x, context.lengths)
    for some in (np.random.default_rng(0).permutation(N), np.array([0])):
        b = forward(*jax.tree.map(lambda v, some=some: v[some], (x, context.lengths)))
        assert_close(b, a[some], rtol=1e-5, atol=1e-6)
    if is_shape(case.in_shape) and case.in_shape and single.available():
        # What the layer says of itself for few examples, too, is its forward pass.
        own = jax.tree.map(np.asarray, (params, context.state))
        if ops := layer.single(*own, case.in_shape):
            whole = None if context.lengths is None else jnp.full_like(context.lengths, case.in_shape[0])
            a = np.asarray(forward(x, whole))
            for n in (N, 1):
                found = single.Plan(ops, case.in_shape, a.shape[1:], n)(np.asarray(x[:n]))
                np.testing.assert_allclose(found, a[:n], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c.lengths], ids=str)
def test_padding_has_no_effect(case):
    layer, params, x, context = make(case)

    def dirtied(value, lengths):
        if lengths is None:
            return value
        steps = jnp.arange(value.shape[1]) < lengths[:, None]
        return jnp.where(steps.reshape(*steps.shape, *(1,) * (value.ndim - 2)), value, jnp.nan)

    dirty = tuple(map(dirtied, x, context.lengths)) if isinstance(x, tuple) else dirtied(x, context.lengths)

    @jax.jit
    def both(value):
        a, saved = layer.forward(params, value, context)
        d_out = jnp.ones_like(a)
        if (ends := layer.out_lengths(context.lengths, case.in_shape)) is not None:
            mask = jnp.arange(a.shape[1]) < ends[:, None]
            mask = mask.reshape(*mask.shape, *(1,) * (a.ndim - 2))
            a, d_out = jnp.where(mask, a, 0), jnp.where(mask, d_out, 0)
        back = layer.backward(params, saved, d_out)
        return a, back.d_params, back.d_in

    assert_close(both(dirty), both(x), rtol=1e-6)


def step_by_step(layer, params, x, state):
    """The outputs (N, 2, ...) of the first two steps of x, one after the other; None where the layer needs all."""
    in_shape = x.shape[1:]
    try:
        state = state | layer.stream_state(len(x), in_shape)
    except NetgradError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert "cannot work through a sequence piece by piece: " in refused
        assert "\n" not in refused
        return None
    found = []
    for t in range(2):
        a, saved = layer.forward(params, x[:, t : t + 1], Context(state=state))
        state = layer.next_state(state, saved)
        found.append(a)
    return jnp.concatenate(found, axis=1)


SEQUENCES = {c.layer.registered_name: c for c in CASES if is_shape(c.in_shape) and len(c.in_shape) > 1}


@pytest.mark.parametrize("case", SEQUENCES.values(), ids=SEQUENCES)
def test_step_by_step_is_the_whole_or_is_refused(case):
    layer, params, x, context = make(case, n=2)
    if (found := step_by_step(layer, params, x, context.state)) is not None:
        whole = layer.forward(params, x, Context(state=context.state))[0][:, :2]
        assert_close(found, whole, rtol=1e-5, atol=1e-6)


WHOLE = [
    (ng.Conv(2, 3, padding="same"), (6, 2), "its windows reach over the border"),
    (ng.Conv(2, 3, padding=((2, 0),)), (6, 2), "its windows reach over the border"),
    (ng.Conv(2, 1, stride=2), (5, 2), "its windows reach over the border"),
    (ng.ConvTranspose(2, 2, stride=2), (6, 2), "its windows reach over the border"),
    (ng.DepthwiseConv(3, padding="same"), (6, 2), "its windows reach over the border"),
    (ng.MaxPool(2, stride=1), (6, 2), "its windows reach over the border"),
    (ng.Subsample(2), (6, 2), "its windows reach over the border"),
    (ConvPool(ng.Conv(2, 1), ng.MaxPool(2)), (6, 2), "its windows reach over the border"),
    (ng.GlobalPool(), (6, 2), "it makes one vector of all steps"),
    (ng.Flatten(), (6, 2), "it makes one row of all steps"),
    (ng.Reshape((6, 1, 2)), (6, 2), "one that begins with -1 may keep the steps"),
    (ng.Reshape((-1, 1)), (6, 2), "one that begins with -1 may keep the steps"),
    (ng.Permute((1, 0)), (6, 2), "it puts another axis in the place of the steps"),
    (ng.GroupNorm(1), (6, 2), "its mean and variance are those of all steps"),
]
EACH = [
    (ng.Conv(2, (1, 3), padding="same"), (4, 6, 2)),
    (ng.DepthwiseConv(1, bias=False), (4, 2)),
    (ng.MaxPool((1, 2)), (4, 6, 2)),
    (ng.Subsample((1, 2)), (4, 6, 2)),
    (ConvPool(ng.Conv(2, (1, 3)), ng.MaxPool((1, 2))), (4, 6, 2)),
    (ng.Reshape((-1, 2, 1)), (4, 2)),
    (ng.Permute((0, 2, 1)), (4, 3, 2)),
]


@pytest.mark.parametrize(("layer", "in_shape", "why"), WHOLE, ids=str)
def test_what_mixes_steps_needs_them_all(layer, in_shape, why):
    with pytest.raises(NetgradError, match=f"cannot work through a sequence piece by piece: .*{why}"):
        layer.stream_state(2, in_shape)


@pytest.mark.parametrize(("layer", "in_shape"), EACH, ids=str)
def test_what_keeps_steps_apart_takes_them_one_by_one(layer, in_shape):
    layer, params, x, _ = make(Case(layer, in_shape), n=2)
    found = step_by_step(layer, params, x, {})
    assert_close(found, layer.forward(params, x, Context())[0][:, :2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [ng.Flatten(), ng.GroupNorm(2)], ids=str)
def test_vectors_have_no_steps(layer):
    assert layer.stream_state(2, (4,)) == {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_bfloat16_all_is_bfloat16(case):
    """A layer computes in what it is given: nothing in it makes float32 of narrower numbers, in silence and slowly."""
    layer, params, x, context = make(case)
    params, x, state = narrowed((params, x, context.state), "bfloat16")

    def both():
        a, saved = layer.forward(params, x, context.replace(state=state))
        back = layer.backward(params, saved, a)
        return a, back.d_in, back.d_params

    floats = [leaf.dtype for leaf in jax.tree.leaves(jax.eval_shape(both)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    assert {dtype.name for dtype in floats} == {"bfloat16"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_configuration_round_trip(case):
    layer = case.layer.placed(first=True)
    assert from_config(to_config(layer)) == layer
