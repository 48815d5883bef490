"""The contract that every registered layer keeps, run on each line of `cases.CASES`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from netgrad.layers import Context
from netgrad.registry import KINDS, from_config, to_config

from .cases import CASES

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
    lengths = jnp.arange(n) % shapes[0][0] + 1 if case.lengths else None
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shapes(case):
    layer, params, x, context = make(case)
    a, saved = layer.forward(params, x, context)
    assert a.shape == (N, *layer.out_shape(case.in_shape))
    assert a.dtype == jnp.float32
    back = layer.backward(params, saved, jnp.ones_like(a))
    assert jax.tree.map(jnp.shape, back.d_in) == jax.tree.map(jnp.shape, x)
    assert jax.tree.map(jnp.shape, back.d_params) == jax.tree.map(jnp.shape, params)
    assert jax.tree.leaves(back.delta)
    assert layer.operations(case.in_shape) >= 0


@pytest.mark.parametrize("case", [c for c in CASES if c.differentiable], ids=str)
def test_backward_is_the_derivative_of_forward(case, x64):
    layer, params, x, context = make(case)
    a, saved = layer.forward(params, x, context)
    d_out = jax.random.normal(jax.random.key(7), a.shape, a.dtype)
    ours = layer.backward(params, saved, d_out)

    def error(p, v):
        return jnp.sum(d_out * layer.forward(p, v, context)[0])

    d_params, d_in = jax.grad(error, argnums=(0, 1))(params, x)
    assert_close((ours.d_params, ours.d_in), (d_params, d_in), rtol=1e-9)

    # Central differences along a random direction, which automatic differentiation has no part in.
    leaves, tree = jax.tree.flatten((params, x))
    directions = [
        jax.random.normal(jax.random.fold_in(jax.random.key(8), i), v.shape, v.dtype) for i, v in enumerate(leaves)
    ]
    h = 1e-6

    def moved(by):
        return error(*jax.tree.unflatten(tree, [v + by * d for v, d in zip(leaves, directions, strict=True)]))

    slope = sum(jnp.vdot(d, g) for d, g in zip(directions, jax.tree.leaves((ours.d_params, ours.d_in)), strict=True))
    np.testing.assert_allclose((moved(h) - moved(-h)) / (2 * h), slope, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_jit_and_vmap_change_nothing(case):
    layer, params, x, context = make(case)

    def both(p, v):
        a, saved = layer.forward(p, v, context)
        back = layer.backward(p, saved, jnp.cos(a))
        return a, back.d_in, back.d_params

    plain = both(params, x)
    assert_close(jax.jit(both)(params, x), plain, rtol=2e-5, atol=2e-5)
    stacked = jax.tree.map(lambda v: jnp.stack([v, 2 * v]), (params, x))
    mapped = jax.vmap(both)(*stacked)
    assert_close(jax.tree.map(lambda v: v[0], mapped), plain, rtol=2e-5, atol=2e-5)
    second = both(*jax.tree.map(lambda v: v[1], stacked))
    assert_close(jax.tree.map(lambda v: v[1], mapped), second, rtol=2e-5, atol=5e-5)


@pytest.mark.parametrize("case", [c for c in CASES if not c.mixes_examples], ids=str)
def test_examples_do_not_know_each_other(case):
    layer, params, x, context = make(case)
    context = Context(lengths=context.lengths, state=context.state)
    a, _ = layer.forward(params, x, context)
    order = np.random.default_rng(0).permutation(N)
    lengths = context.lengths
    shuffled = Context(lengths=None if lengths is None else lengths[order], state=context.state)
    b, _ = layer.forward(params, jax.tree.map(lambda v: v[order], x), shuffled)
    assert_close(b, a[order], rtol=1e-5, atol=1e-6)
    alone = Context(lengths=None if lengths is None else lengths[:1], state=context.state)
    c, _ = layer.forward(params, jax.tree.map(lambda v: v[:1], x), alone)
    assert_close(c, a[:1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [c for c in CASES if c.lengths], ids=str)
def test_padding_has_no_effect(case):
    layer, params, x, context = make(case)
    first, *rest = x if isinstance(x, tuple) else (x,)
    steps = jnp.arange(first.shape[1]) < context.lengths[:, None]
    dirty = jnp.where(steps.reshape(*steps.shape, *(1,) * (first.ndim - 2)), first, jnp.nan)
    results = []
    for value in (first, dirty):
        a, saved = layer.forward(params, (value, *rest) if rest else value, context)
        d_out = jnp.ones_like(a)
        if layer.out_lengths(context.lengths, case.in_shape) is not None:
            mask = steps.reshape(*steps.shape, *(1,) * (a.ndim - 2))
            a, d_out = jnp.where(mask, a, 0), jnp.where(mask, d_out, 0)
        back = layer.backward(params, saved, d_out)
        results.append((a, back.d_params, back.d_in))
    assert_close(results[1], results[0], rtol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_configuration_round_trip(case):
    layer = case.layer.placed(first=True)
    assert from_config(to_config(layer)) == layer
