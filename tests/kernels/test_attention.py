"""Attention in one pass against the equations in float64, and what is masked, cut into blocks or not finite."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels
from netgrad.kernels import attention

needs_kernels = pytest.mark.skipif(not kernels.active("attention_forward"), reason=str(kernels.status()))
FORWARD = jax.jit(attention.attention_forward, static_argnames=("heads", "causal"))
BACKWARD = jax.jit(attention.attention_backward, static_argnames=("heads", "causal"))


def problem(seed, n, steps, answers, units, size=1.0):
    """q, k, v, d_attended, and lengths with 0 and all steps among them."""
    rng = np.random.default_rng(seed)
    shapes = [(n, steps, units), (n, answers, units), (n, answers, units), (n, steps, units)]
    q, k, v, d = (rng.normal(scale=size, size=shape).astype(np.float32) for shape in shapes)
    ends = [rng.choice([0, 1, most, *range(most)], n).astype(np.int32) for most in (steps, answers)]
    return q, k, v, d, *ends


def exact(q, k, v, d, asked, given, heads, causal):
    """What is attended to and the gradients of q, k and v, in float64, one example and head after the other."""
    attended, *slopes = (np.zeros(a.shape) for a in (q, q, k, v))
    c = q.shape[2] // heads
    for n, (asking, answering) in enumerate(zip(asked, given, strict=True)):
        for part in (slice(h * c, (h + 1) * c) for h in range(heads)):
            rows, columns = (n, slice(asking), part), (n, slice(answering), part)
            if not asking or not answering:
                continue
            own_q, own_d = q[rows].astype(float), d[rows].astype(float)
            own_k, own_v = k[columns].astype(float), v[columns].astype(float)
            scores = own_q @ own_k.T / c**0.5
            if causal:
                scores[np.arange(answering) > np.arange(asking)[:, None]] = -np.inf
            weights = np.exp(scores - scores.max(1, keepdims=True))
            weights /= weights.sum(1, keepdims=True)
            d_weights = own_d @ own_v.T
            d_scores = weights * (d_weights - (weights * d_weights).sum(1, keepdims=True)) / c**0.5
            attended[rows] = weights @ own_v
            slopes[0][rows] = d_scores @ own_k
            slopes[1][columns], slopes[2][columns] = d_scores.T @ own_q, weights.T @ own_d
    return attended, *slopes


def found(q, k, v, d, asked, given, heads, causal):
    how = {"heads": heads, "causal": causal}
    attended, kept = FORWARD(q, k, v, asked, given, **how)
    return attended, *BACKWARD(q, k, v, asked, given, attended, kept, d, **how)


def agree(given, heads, causal):
    for ours, expected in zip(found(*given, heads, causal), exact(*given, heads, causal), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=4e-6 * max(1, np.abs(expected).max()))


@pytest.mark.sanitize
@hypothesis.given(
    st.integers(1, 4), st.integers(1, 60), st.integers(1, 60), st.integers(1, 3), st.integers(1, 40), st.booleans(),
    st.integers(0, 99),
)  # fmt: skip
@hypothesis.settings(max_examples=8)
def test_agrees_with_the_equations(n, steps, answers, heads, width, causal, seed):
    agree(problem(seed, n, steps, answers, heads * width), heads, causal)


@pytest.mark.sanitize
@pytest.mark.parametrize(("n", "steps", "answers"), [(1, 300, 300), (20, 130, 140), (2, 16, 513)])
@pytest.mark.parametrize("causal", [False, True])
def test_many_blocks_and_tiles(n, steps, answers, causal):
    agree(problem(0, n, steps, answers, 32), 2, causal)


@needs_kernels
def test_calls_run_the_kernel_and_give_the_same_bits_again():
    given = problem(1, 3, 40, 40, 16)
    q, k, v, _, asked, ends = given
    text = FORWARD.lower(q, k, v, asked, ends, heads=2, causal=True).as_text()
    assert "netgrad_attention_forward" in text
    for first, again in zip(found(*given, 2, True), found(*given, 2, True), strict=True):
        np.testing.assert_array_equal(first, again)


@pytest.mark.sanitize
def test_large_scores_stay_finite_and_padding_has_no_effect():
    q, k, v, d, _, _ = problem(2, 2, 50, 50, 16, size=100.0)
    asked = given = np.array([50, 20], np.int32)
    before = found(q, k, v, d, asked, given, 2, False)
    assert all(np.isfinite(value).all() for value in before)
    for array in (q, k, v, d):
        array[1, 20:] = np.nan
    for ours, expected in zip(found(q, k, v, d, asked, given, 2, False), before, strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_as_in_the_reference(value):
    q, k, v, _, asked, given = problem(3, 2, 30, 30, 16)
    asked[:], given[:] = 30, 30
    q[0, 3, 1], v[1, 7, 2] = value, value
    with kernels.aside():
        expected, _ = attention.attention_forward(q, k, v, asked, given, heads=2, causal=True)
    ours, _ = FORWARD(q, k, v, asked, given, heads=2, causal=True)
    reached = np.array(np.isnan(expected))
    reached[1, :7] = False  # of a weight of 0, the kernel sees only those within a block
    np.testing.assert_array_equal(np.isfinite(ours)[0], np.isfinite(expected)[0])
    assert not np.isfinite(ours[1, 7:, 2]).any()
    assert np.isfinite(np.delete(np.asarray(ours[1]), 2, 1)).all()


def test_gradient_goes_through_the_reference():
    q, k, v, d, asked, given = problem(4, 2, 20, 20, 16)

    def error(q, k, v):
        return (attention.attention_forward(q, k, v, asked, given, heads=2, causal=True)[0] * d).sum()

    expected = exact(q, k, v, d, asked, given, 2, True)[1:]
    for ours, slope in zip(jax.jit(jax.grad(error, (0, 1, 2)))(q, k, v), expected, strict=True):
        np.testing.assert_allclose(ours, slope, atol=5e-6)


@pytest.mark.sanitize
@needs_kernels
@pytest.mark.parametrize("heads", [0, -1, 3])
def test_heads_that_do_not_divide_the_units_are_an_error(heads):
    x, steps = jnp.ones((2, 20, 16)), jnp.full(2, 20)
    results = [jax.ShapeDtypeStruct(x.shape, x.dtype), jax.ShapeDtypeStruct((2, max(heads, 0), 20, 2), x.dtype)]
    call = jax.ffi.ffi_call("netgrad_attention_forward", results)
    with pytest.raises(jax.errors.JaxRuntimeError, match="heads must divide units"):
        jax.block_until_ready(call(x, x, x, steps, steps, heads=heads, causal=True))


@needs_kernels
def test_training_writes_no_scores_down_where_nobody_looks():
    x = jnp.ones((4, 48, 16))
    stack = ng.Stack(ng.Residual([ng.Attention(heads=2, causal=True)]), 2)
    params = stack.init(jax.random.key(0), x.shape[1:])

    def slopes(params, x):
        a, saved = stack.forward(params, x, ng.Context(training=True))
        return stack.backward(params, saved, a).d_params

    text = jax.jit(slopes).lower(params, x).compile().as_text()
    assert "netgrad_attention_backward" in text
    assert "48,48]" not in text
