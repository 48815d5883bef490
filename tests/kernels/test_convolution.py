"""Convolution and pooling kernels against plain XLA: values, gradients, repeatability, what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netgrad import kernels
from netgrad.errors import ShapeError
from netgrad.kernels import pooling

pytestmark = pytest.mark.sanitize

pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731
padding = st.tuples(pair(0, 3), pair(0, 3))


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def fits(size, window, **steps):
    try:
        kernels.conv_shape(size, window, **steps)
    except ShapeError:
        return False
    return True


def reference(x, W, b, strides, padding, dilation):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))  # beforehand: XLA's gradients are wrong for much padding
    return b + jax.lax.conv_general_dilated(
        x, W, strides, "VALID", rhs_dilation=dilation, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def assert_close(found, expected, terms):
    """Equal up to the rounding of a sum of `terms` products, in whatever order."""
    scale = 1e-6 * np.sqrt(terms) * (1 + np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=scale)


@settings(max_examples=10)
@given(
    n=st.sampled_from([1, 2, 4, 15, 16, 17, 33]),
    size=st.tuples(st.integers(1, 10), st.integers(1, 40)),
    channels=st.sampled_from([1, 2, 3, 7]),
    filters=st.sampled_from([1, 2, 5, 6, 9, 17]),
    window=pair(1, 5),
    strides=pair(1, 3),
    padding=padding,
    dilation=pair(1, 2),
)
def test_convolution_and_its_gradients(n, size, channels, filters, window, strides, padding, dilation):
    steps = {"strides": strides, "padding": padding, "dilation": dilation}
    assume(fits(size, window, **steps))
    x, W, b = normal(0, n, *size, channels), normal(1, *window, channels, filters), normal(2, filters)
    delta = normal(3, n, *kernels.conv_shape(size, window, **steps), filters)

    @jax.jit
    def plain(x, W, b, delta):
        z, back = jax.vjp(lambda x, W, b: reference(x, W, b, **steps), x, W, b)
        return z, *back(delta)

    z, d_x, dW, db = plain(x, W, b, delta)
    taps, positions = W[..., 0].size, z[..., 0].size
    assert_close(kernels.conv_forward(x, W, b, **steps), z, taps)
    assert_close(kernels.conv_input_gradient(delta, W, size, **steps), d_x, taps * filters)
    found_W, found_b = kernels.conv_weight_gradient(x, delta, window, **steps)
    assert_close(found_W, dW, positions)
    assert_close(found_b, db, positions)


@pytest.mark.parametrize("n", [2, 16])  # by XLA, by kernel
def test_input_gradient_with_more_padding_than_a_window_reaches(n):
    W, delta, padding = normal(1, 3, 1, 90, 90), normal(3, n, 12, 17, 90), ((3, 1), (1, 1))
    d_x = kernels.conv_input_gradient(delta, W, (10, 15), padding=padding)
    expected = np.zeros((n, 14, 17, 90), np.float32)
    for i in range(3):
        expected[:, i : i + 12] += delta @ W[i, 0].T
    assert_close(d_x, expected[:, 3:13, 1:16], 270)


@settings(max_examples=10)
@given(
    n=st.sampled_from([1, 3, 16, 21]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 12)),
    channels=st.integers(1, 3),
    window=pair(1, 4),
    strides=pair(1, 3),
    padding=padding,
    seed=st.integers(0, 99),
)
def test_pooling_and_its_gradients(n, size, channels, window, strides, padding, seed):
    assume(fits(size, window, strides=strides, padding=padding))
    rng = np.random.default_rng(seed)
    # Few different numbers, so that there are ties; and what is not finite.
    numbers = np.array([-1, 0, 1, 2, np.nan, -np.inf], np.float32)
    rough = rng.choice(numbers, (n, *size, channels), p=[0.2375] * 4 + [0.025] * 2)
    smooth = rng.standard_normal(rough.shape, dtype=np.float32)
    delta = normal(seed, n, *kernels.conv_shape(size, window, strides=strides, padding=padding), channels)

    @jax.jit
    def plain(rough, smooth, delta):
        def largest(x):
            return pooling._max_reference(x, window, strides, padding, jnp.uint8)

        a, index = largest(rough)
        _, max_back = jax.vjp(lambda x: largest(x)[0], smooth)
        edges = ((0, 0), *padding, (0, 0))
        by_xla = jax.lax.reduce_window(rough, -jnp.inf, jax.lax.max, (1, *window, 1), (1, *strides, 1), edges)
        return a, index, by_xla, max_back(delta)[0]

    expected, expected_index, by_xla, max_gradient = plain(rough, smooth, delta)
    a, index = kernels.max_pool_forward(rough, window, strides, padding)
    np.testing.assert_array_equal(a, expected)
    np.testing.assert_array_equal(a, by_xla)
    np.testing.assert_array_equal(index, expected_index)
    _, index = kernels.max_pool_forward(smooth, window, strides, padding)
    assert_close(kernels.max_pool_backward(delta, index, size, window, strides, padding), max_gradient, 9)


@pytest.mark.parametrize("channels", [1, 15, 16])
def test_pooling_takes_the_kernel_for_few_channels(channels):
    """Measured on (128, 28, 28, channels): 2 to 3 times as fast below 16 channels, no faster from there on."""
    x = normal(0, 17, 4, 6, channels)
    a, index = kernels.max_pool_forward(x, (2, 2), (2, 2))
    expected, expected_index = pooling._max_reference(x, (2, 2), (2, 2), ((0, 0), (0, 0)), jnp.uint8)
    np.testing.assert_array_equal(a, expected)
    np.testing.assert_array_equal(index, expected_index)
    assert index.dtype == jnp.uint8
    back = kernels.max_pool_backward(a, index, (4, 6), (2, 2), (2, 2))
    np.testing.assert_array_equal(kernels.max_pool_forward(jnp.abs(back), (2, 2), (2, 2))[0], jnp.abs(a))
    assert np.count_nonzero(back) == a.size

    def both(x):
        a, index = kernels.max_pool_forward(x, (2, 2), (2, 2))
        return kernels.max_pool_backward(a, index, (4, 6), (2, 2), (2, 2))

    few = channels < 16 and kernels.active("max_pool_forward")
    text = jax.jit(both).lower(x).as_text()
    assert [f"netgrad_max_pool_{way}" in text for way in ("forward", "backward")] == [few, few]


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_activation_is_applied_on_the_way_out(activation):
    functions = {"identity": lambda z: z, "relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid}
    x, W = normal(0, 17, 6, 6, 2), normal(1, 3, 3, 2, 4)
    found = kernels.conv_forward(x, W, activation=activation)
    assert_close(found, functions[activation](kernels.conv_forward(x, W)), 1)


def test_signal_as_image_of_height_one():
    x, W, b = normal(0, 20, 1, 700, 8), normal(1, 1, 5, 8, 8), normal(2, 8)
    steps = {"strides": (1, 2), "padding": ((0, 0), (2, 2)), "dilation": (1, 1)}
    z, back = jax.vjp(lambda x, W: reference(x, W, b, **steps), x, W)
    assert_close(kernels.conv_forward(x, W, b, **steps), z, 40)
    d_x, dW = back(z)
    assert_close(kernels.conv_input_gradient(z, W, (1, 700), **steps), d_x, 200)
    assert_close(kernels.conv_weight_gradient(x, z, (1, 5), **steps)[0], dW, 20 * 350)


def test_many_channels():
    x, W = normal(0, 16, 9, 9, 64), normal(1, 3, 3, 64, 64)
    steps = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
    z, back = jax.vjp(lambda x, W: reference(x, W, 0.0, **steps), x, W)
    assert_close(kernels.conv_forward(x, W, **steps), z, 576)
    d_x, dW = back(z)
    assert_close(kernels.conv_input_gradient(z, W, (9, 9), **steps), d_x, 576)
    assert_close(kernels.conv_weight_gradient(x, z, (3, 3), **steps)[0], dW, 1296)


# Few examples and many: tiles that lie alone and side by side, of which the last has lanes that nobody fills; patches
# that reach beyond the edge on each side, images of less than a patch, filters that fill no vector.
@settings(max_examples=8)
@given(
    n=st.sampled_from([4, 8, 21, 33]),
    size=pair(1, 9),
    channels=st.sampled_from([64, 70]),
    filters=st.sampled_from([64, 77]),
    padding=padding,
    activation=st.sampled_from(["identity", "relu"]),
)
def test_results_two_by_two(n, size, channels, filters, padding, activation):
    steps = {"strides": (1, 1), "padding": padding, "dilation": (1, 1)}
    assume(fits(size, (3, 3), **steps))
    x, W, b = normal(0, n, *size, channels), normal(1, 3, 3, channels, filters), normal(2, filters)
    delta = normal(3, n, *kernels.conv_shape(size, (3, 3), **steps), filters)
    with jax.enable_x64():
        exact = [jnp.asarray(a, jnp.float64) for a in (x, W, b)]
        z, back = jax.vjp(lambda x, W, b: reference(x, W, b, **steps), *exact)
        d_x, dW, db = back(jnp.asarray(delta, jnp.float64))
        expected = [np.asarray(a) for a in (jnp.maximum(z, 0) if activation == "relu" else z, d_x, dW, db)]
    positions = delta[..., 0].size
    found_W, found_b = kernels.conv_weight_gradient(x, delta, (3, 3), **steps)
    assert_close(kernels.conv_forward(x, W, b, activation=activation, **steps), expected[0], 9 * channels)
    assert_close(kernels.conv_input_gradient(delta, W, size, **steps), expected[1], 9 * filters)
    assert_close(found_W, expected[2], positions)
    assert_close(found_b, expected[3], positions)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_patch(bad):
    """Where results are computed two by two, a pixel reaches all four of each patch that sees it, and no others."""
    x, W = normal(0, 18, 10, 10, 64), normal(1, 3, 3, 64, 64)
    x[17, 4, 4, 0] = bad
    z = np.array(kernels.conv_forward(x, W))
    touched, around = np.zeros((18, 8, 8), bool), np.zeros((18, 8, 8), bool)
    touched[17, 2:5, 2:5] = True
    around[17, 2:6, 2:6] = True
    found = ~np.isfinite(z).all(-1)
    assert found[touched].all()
    assert not found[~around].any()
    dW, db = kernels.conv_weight_gradient(x, jnp.ones_like(z), (3, 3))
    assert not np.isfinite(dW[:, :, 0]).any()
    assert np.isfinite(dW[:, :, 1:]).all()
    assert np.isfinite(db).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_reach_exactly_what_they_touch(bad):
    x, W = normal(0, 18, 6, 6, 2), normal(1, 3, 3, 2, 3)
    x[17, 1, 1, 0] = bad
    z = np.array(kernels.conv_forward(x, W))
    expected = np.zeros((18, 4, 4), bool)
    expected[17, :2, :2] = True
    np.testing.assert_array_equal(~np.isfinite(z).all(-1), expected)
    dW, db = kernels.conv_weight_gradient(x, jnp.ones_like(z), (3, 3))
    assert not np.isfinite(dW[:2, :2, 0]).any()
    assert np.isfinite(dW[:, :, 1]).all()
    assert np.isfinite(db).all()


@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (64, 72)])
def test_same_bits_on_every_run(channels, filters):
    x, delta = normal(0, 100, 12, 12, channels), normal(1, 100, 10, 10, filters)
    first = kernels.conv_weight_gradient(x, delta, (3, 3))
    for _ in range(5):
        again = kernels.conv_weight_gradient(x, delta, (3, 3))
        assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_inside_jit_scan_vmap_and_grad():
    x, W = normal(0, 3, 4, 6, 6, 1), normal(1, 3, 3, 1, 2)
    expected = jnp.stack([reference(image, W, 0.0, (1, 1), ((0, 0), (0, 0)), (1, 1)) for image in x])
    assert_close(jax.vmap(lambda x: kernels.conv_forward(x, W))(x), expected, 9)
    _, scanned = jax.jit(lambda x: jax.lax.scan(lambda _, x: ((), kernels.conv_forward(x, W)), (), x))(x)
    assert_close(scanned, expected, 9)
    gradient = jax.grad(lambda W: (kernels.conv_forward(x[0], W) ** 2).sum())(W)
    z = kernels.conv_forward(x[0], W)
    assert_close(gradient, kernels.conv_weight_gradient(x[0], 2 * z, (3, 3))[0], 64)


def test_sizes_that_do_not_fit_are_errors():
    x, W = normal(0, 2, 4, 4, 1), normal(1, 5, 5, 1, 1)
    with pytest.raises(ShapeError, match="does not fit"):
        kernels.conv_forward(x, W)
    with pytest.raises(ShapeError, match="same channels"):
        kernels.conv_forward(x, normal(1, 3, 3, 2, 1))
    with pytest.raises(ShapeError, match="the shape of z"):
        kernels.conv_weight_gradient(x, normal(1, 2, 3, 3, 1), (3, 3))
    with pytest.raises(ShapeError, match="does not fit"):
        kernels.max_pool_forward(x, (5, 5), (1, 1))
    with pytest.raises(ShapeError, match="does not fit"):
        kernels.conv_forward(x, W, strides=(0, 1), padding=((2, 2), (2, 2)))


@pytest.mark.skipif(not kernels.active("conv_forward"), reason=str(kernels.status()))
def test_native_code_checks_for_itself():
    """The library is reached through XLA with whatever shapes and numbers the caller sends."""
    x, W, b = normal(0, 2, 4, 4, 1), normal(1, 3, 3, 1, 1), normal(2, 1)

    def run(shape, **attributes):
        given = {"strides": [1, 1], "padding": [0] * 4, "dilation": [1, 1], "activation": 0, **attributes}
        given = {k: v if k == "activation" else np.array(v, np.int64) for k, v in given.items()}
        kernel = jax.ffi.ffi_call("netgrad_conv_forward", jax.ShapeDtypeStruct(shape, jnp.float32))
        return jax.block_until_ready(kernel(x, W, b, **given))

    run((2, 2, 2, 1))
    for shape, attributes in [
        ((2, 3, 3, 1), {}),
        ((2, 2, 2, 1), {"strides": [0, 1]}),
        ((2, 2, 2, 1), {"strides": [1]}),
        ((2, 2, 2, 1), {"padding": [-1, 0, 0, 0]}),
        ((2, 2, 2, 1), {"dilation": [2**40, 1]}),
        ((2, 2, 2, 1), {"activation": 9}),
        ((2, 2, 2), {}),
    ]:
        with pytest.raises(jax.errors.JaxRuntimeError, match="convolution"):
            run(shape, **attributes)


@pytest.mark.skipif(not kernels.active("max_pool_forward"), reason="there are no kernels")
@pytest.mark.parametrize(("strides", "native"), [((1, 1), True), ((2, 2), True), ((3, 3), False)])
def test_pooling_of_many_channels_is_left_to_xla_where_no_windows_overlap(strides, native):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 7, 8, 20)), jnp.float32).round(1)  # with equals

    def both(x):
        a, index = kernels.max_pool_forward(x, (3, 3), strides, ((1, 1), (1, 1)))
        return a, index, kernels.max_pool_backward(jnp.cos(a), index, (7, 8), (3, 3), strides, ((1, 1), (1, 1)))

    assert ("netgrad_max_pool_forward" in jax.jit(both).lower(x).as_text()) == native
    parts = [both(x[..., i : i + 10]) for i in (0, 10)]  # few enough for the kernel anyway
    for whole, *own in zip(both(x), *parts, strict=True):
        np.testing.assert_array_equal(whole, jnp.concatenate(own, axis=-1))
