"""Convolution: the texts' printed results, agreement with XLA's and PyTorch's, sequences, and what is refused."""

import warnings

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from jax import lax

import netgrad as ng
from netgrad.errors import NetgradError, NetgradWarning, ShapeError
from netgrad.layers import Context

X_4 = [[1, 2, 2, 1], [3, 1, 4, 2], [2, 1, 3, 4], [1, 2, 3, 1]]
X_5 = [[1, 2, 2, 1, 1], [3, 1, 4, 2, 1], [2, 1, 3, 4, 3], [1, 2, 3, 1, 1], [4, 1, 3, 2, 1]]
W_3 = [[1, 0, 0], [0, 1, 1], [0, 1, 0]]
RGB = np.moveaxis([[[1, 1, 1], [0] * 3, [0] * 3], [[0, 0, 2]] * 3, [[3, 0, 0], [0, 3, 0], [0, 0, 3]]], 0, -1)
W_RGB = np.moveaxis([[[1, 1], [0, 0]], [[0, 1], [0, 1]], [[1, 0], [0, 1]]], 0, -1)


def slide(x, w, bias=0.0, **options):
    """One filter over one input; both end in channels."""
    x, w = jnp.asarray(x, float), jnp.asarray(w, float)
    layer = ng.Conv(1, w.shape[: w.ndim - 1], **options)
    a, _ = layer.forward({"W": w[..., None], "b": jnp.array([bias])}, x[None], Context())
    return a[0, ..., 0]


def maps(x):
    return np.asarray(x, float)[..., None]


@pytest.mark.parametrize(
    ("x", "w", "options", "y"),
    [
        ([1, 3, -1, 2, 3, 1, -2], [1, 0, 2], {}, [-1, 7, 5, 4, -1]),
        (X_4, [[1, 0], [0, 1]], {}, [[2, 6, 4], [4, 4, 8], [4, 4, 4]]),
        (X_5, W_3, {}, [[7, 11, 9], [9, 11, 12], [8, 8, 7]]),
        (
            X_5, W_3, {"padding": 1},
            [[6, 5, 7, 4, 2], [6, 7, 11, 9, 5], [4, 9, 11, 12, 6], [7, 8, 8, 7, 6], [5, 5, 7, 6, 2]],
        ),
        (X_5, W_3, {"stride": 2}, [[7, 9], [8, 7]]),
    ],
)  # fmt: skip
def test_results_that_the_texts_print(x, w, options, y):
    np.testing.assert_array_equal(slide(maps(x), maps(w), **options), y)


def test_a_filter_over_three_colours():
    np.testing.assert_array_equal(slide(RGB, W_RGB, 0.5, activation="relu"), [[8.5, 6.5], [0.5, 10.5]])


def test_flip_is_the_mathematical_convolution():
    x, w = np.random.default_rng(0).normal(size=9), np.random.default_rng(1).normal(size=4)
    np.testing.assert_allclose(slide(maps(x), maps(w), flip=True), np.convolve(x, w, "valid"), rtol=1e-5, atol=1e-6)


def test_a_filter_of_fewer_channels_slides_along_them_too(x64):
    """Z&M 26.3.1, the general 3D convolution: output (n - k + 1) x (n - k + 1) x (m - r + 1)."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 5, 4)), rng.normal(size=(3, 3, 2))
    layer = ng.Conv(1, 3, depth=2, bias=False)
    a, _ = layer.forward({"W": jnp.asarray(w)[..., None]}, jnp.asarray(x)[None], Context())
    assert layer.out_shape((5, 5, 4)) == (3, 3, 3)
    expected = [
        [[(x[i : i + 3, j : j + 3, q : q + 2] * w).sum() for q in range(3)] for j in range(3)] for i in range(3)
    ]
    np.testing.assert_allclose(a[0], expected, rtol=1e-12)


def test_a_shared_weights_gradient_is_the_sum_over_its_windows(x64):
    """Kelleher eq. 95: delta_i times the activation, summed over the neurons that share the weight."""
    rng = np.random.default_rng(0)
    x, d_out = rng.normal(size=(1, 6, 1)), rng.normal(size=(1, 4, 1))
    layer = ng.Conv(1, 3)
    params = layer.init(jax.random.key(0), (6, 1))
    _, saved = layer.forward(params, jnp.asarray(x), Context())
    back = layer.backward(params, saved, jnp.asarray(d_out))
    expected = [sum(d_out[0, i, 0] * x[0, i + j, 0] for i in range(4)) for j in range(3)]
    np.testing.assert_allclose(back.d_params["W"].ravel(), expected, rtol=1e-12)
    np.testing.assert_allclose(back.d_params["b"], d_out.sum((0, 1)), rtol=1e-12)


@st.composite
def configurations(draw, dims=None):
    """Settings and an input shape that fit each other."""
    n = dims or draw(st.integers(1, 3))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(n))  # noqa: E731
    window, stride, dilation = each(1, 3), each(1, 2), each(1, 2)
    padding = tuple(zip(each(0, 2), each(0, 2), strict=True))
    sizes = tuple((k - 1) * d + draw(st.integers(1, 3)) for k, d in zip(window, dilation, strict=True))
    groups, per_group = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 2))
    layer = ng.Conv(
        2 * groups, window, stride=stride, padding=padding, dilation=dilation, groups=groups, activation="tanh",
        bias=draw(st.booleans()),
    )  # fmt: skip
    return layer, (*sizes, groups * per_group)


@settings(max_examples=8)
@given(configurations(), st.integers(0, 2**16))
def test_agrees_with_jax_lax(configuration, seed):
    layer, in_shape = configuration
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, *in_shape)).astype(np.float32)
    params = layer.init(jax.random.key(seed), in_shape)
    letters = "XYZ"[: len(in_shape) - 1]

    def theirs(params, x):
        x = jnp.pad(x, ((0, 0), *layer.padding, (0, 0)))  # beforehand: XLA's gradients are wrong for much padding
        z = lax.conv_general_dilated(
            x, params["W"], layer.stride, "VALID", rhs_dilation=layer.dilation,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"), feature_group_count=layer.groups,
        )  # fmt: skip
        return jnp.tanh(z + params.get("b", 0))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetgradWarning)
        a, saved = layer.forward(params, x, Context())
        d_out = rng.normal(size=a.shape).astype(np.float32)
        back = layer.backward(params, saved, d_out)
    expected, way_back = jax.vjp(theirs, params, x)
    d_params, d_in = way_back(d_out)
    np.testing.assert_allclose(a, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(back.d_in, d_in, rtol=1e-4, atol=1e-5)
    for name, value in d_params.items():
        np.testing.assert_allclose(back.d_params[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_input_gradient_of_groups_with_more_padding_than_a_window_reaches():
    layer = ng.Conv(2, (3, 1), padding=((3, 1), (1, 1)), groups=2)
    params = layer.init(jax.random.key(0), (10, 15, 2))
    rng = np.random.default_rng(0)
    _, saved = layer.forward(params, rng.normal(size=(16, 10, 15, 2)).astype(np.float32), Context())
    delta = rng.normal(size=(16, 12, 17, 2)).astype(np.float32)
    expected = np.zeros((16, 14, 17, 2))
    for i in range(3):
        expected[:, i : i + 12] += delta * np.asarray(params["W"])[i, 0, 0]
    np.testing.assert_allclose(layer.backward(params, saved, delta).d_in, expected[:, 3:13, 1:16], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_agrees_with_pytorch(dims, seed):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: parity with it is not tested")
    rng = np.random.default_rng(100 * dims + seed)
    pick = lambda low, high: tuple(int(v) for v in rng.integers(low, high + 1, dims))  # noqa: E731
    window, stride, dilation, padding = pick(1, 3), pick(1, 2), pick(1, 2), pick(0, 2)
    sizes = tuple((k - 1) * d + int(rng.integers(2, 5)) for k, d in zip(window, dilation, strict=True))
    groups = int(rng.integers(1, 3))
    x = rng.normal(size=(4, *sizes, 2 * groups)).astype(np.float32)
    first, last = tuple(range(1, dims + 1)), dims + 1

    def channels_second(v):
        return torch.tensor(np.moveaxis(np.asarray(v), last, 1).copy(), requires_grad=True)

    for transposed in (False, True):
        if transposed:
            layer = ng.ConvTranspose(3, window, stride=stride, padding=padding, dilation=dilation)
            if min(n for n in ng.ConvTranspose(3, window, stride=stride, dilation=dilation).out_shape(x.shape[1:])) < 5:
                layer = layer.replace(padding="valid")
        else:
            layer = ng.Conv(3 * groups, window, stride=stride, padding=padding, dilation=dilation, groups=groups)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NetgradWarning)
            params = layer.init(jax.random.key(seed), x.shape[1:])
            params["b"] = params["b"] + 0.1
            a, saved = layer.forward(params, x, Context())
            d_out = rng.normal(size=a.shape).astype(np.float32)
            back = layer.backward(params, saved, d_out)
        W = np.asarray(params["W"])
        order = (dims, dims + 1, *(i - 1 for i in first)) if transposed else (dims + 1, dims, *(i - 1 for i in first))
        weight = torch.tensor(W.transpose(order).copy(), requires_grad=True)
        bias = torch.tensor(np.array(params["b"]), requires_grad=True)
        given_x = channels_second(x)
        name = f"conv{'_transpose' if transposed else ''}{dims}d"
        options = {"stride": stride, "dilation": dilation}
        options["padding"] = 0 if layer.padding == "valid" else padding
        if not transposed:
            options["groups"] = groups
        out = getattr(torch.nn.functional, name)(given_x, weight, bias, **options)
        out.backward(channels_second(d_out).detach())
        theirs = np.moveaxis(out.detach().numpy(), 1, last)
        np.testing.assert_allclose(a, theirs, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(back.d_in, np.moveaxis(given_x.grad.numpy(), 1, last), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(back.d_params["W"].transpose(order), weight.grad, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(back.d_params["b"], bias.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding", ["valid", "same", ((2, 0),)])
def test_a_padded_sequence_gives_what_it_gives_alone(padding):
    layer = ng.Conv(3, 3, padding=padding, activation="tanh")
    params = layer.init(jax.random.key(0), (8, 2))
    x = jax.random.normal(jax.random.key(1), (4, 8, 2))
    lengths = jnp.array([8, 5, 3, 2])
    together, _ = layer.forward(params, x, Context(lengths=lengths))
    ends = layer.out_lengths(lengths, (8, 2))
    for i, n in enumerate(lengths):
        if int(n) < 3 and padding == "valid":
            assert int(ends[i]) == 0
            continue
        alone, _ = layer.forward(params, x[i : i + 1, : int(n)], Context())
        assert int(ends[i]) == alone.shape[1]
        np.testing.assert_allclose(together[i, : alone.shape[1]], alone[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("in_shape", "filters", "options", "out", "parameters", "connections"),
    [
        ((32, 32, 3), 6, {}, (28, 28, 6), 456, 357504),
        ((28, 28, 6), 10, {}, (24, 24, 10), 1510, None),
        ((32, 32, 3), 6, {"stride": 3}, (10, 10, 6), 456, None),
        ((10, 10, 6), 10, {}, (6, 6, 10), 1510, None),
        ((32, 32, 3), 6, {"padding": 2}, (32, 32, 6), 456, None),
        ((32, 32, 3), 6, {"padding": "same"}, (32, 32, 6), 456, None),
        ((227, 227, 3), 6, {"stride": (3, 4), "padding": (1, (0, 2))}, (75, 57, 6), 456, None),
    ],
)
def test_shapes_and_counts(in_shape, filters, options, out, parameters, connections):
    layer = ng.Conv(filters, 5, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetgradWarning)
        assert layer.out_shape(in_shape) == out
        assert sum(p.size for p in layer.init(jax.random.key(0), in_shape).values()) == parameters
    assert connections is None or layer.connections(in_shape) == connections


def test_rows_that_no_window_reaches_are_named_once():
    net = ng.Sequential([ng.Conv(6, 5, stride=2), ng.GlobalPool()])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.shapes((32, 32, 3))
        net.init(0, (32, 32, 3))
        net.summary((32, 32, 3))
    said = [str(w.message) for w in caught if w.category is NetgradWarning]
    assert said == [
        "Conv: floor((32 - 5 + 0)/2) + 1 = 14 rows, rounded down: rows 31 of 0 to 31 are never seen",
        "Conv: floor((32 - 5 + 0)/2) + 1 = 14 columns, rounded down: columns 31 of 0 to 31 are never seen",
    ]
    assert {w.filename for w in caught if w.category is NetgradWarning} == {__file__}


@pytest.mark.parametrize(
    ("make", "in_shape", "message"),
    [
        (lambda: ng.Conv(6, 5), (4, 9, 1), r"floor\(\(4 - 5 \+ 0\)/1\) \+ 1 leaves 0 rows"),
        (lambda: ng.Conv(6, 3, dilation=4), (8, 1), r"floor\(\(8 - 9 \+ 0\)/1\) \+ 1 leaves 0 steps"),
        (lambda: ng.Conv(6, (3, 3)), (28, 28), "add an axis of channels"),
        (lambda: ng.Conv(6, 3), (28,), "add an axis of channels"),
        (lambda: ng.Conv(6, 3), (2, 2, 2, 2, 1), "found"),
        (lambda: ng.Conv(6, 3, stride=(1, 1)), (5, 5, 5, 1), "one setting an axis"),
        (lambda: ng.Conv(6, 3, groups=3), (5, 5, 4), "4 channels cannot be split into 3 groups"),
        (lambda: ng.Conv(6, 3, depth=3), (5, 5, 2), "depth 3 do not fit an input of 2 channels"),
        (lambda: ng.ConvTranspose(2, 2, padding=3), (2, 1), "leaves nothing"),
    ],
)
def test_shapes_that_do_not_fit(make, in_shape, message):
    with pytest.raises(ShapeError, match=message):
        make().out_shape(in_shape)
    with pytest.raises(ShapeError, match=message):
        ng.Sequential([make()]).init(0, in_shape)


@pytest.mark.parametrize(
    "options",
    [
        {"filters": 0, "window": 3},
        {"filters": 2, "window": 0},
        {"filters": 2, "window": (3, 3, 3, 3)},
        {"filters": 2, "window": 2.5},
        {"filters": 2, "window": 3, "stride": 0},
        {"filters": 2, "window": 3, "padding": "full"},
        {"filters": 2, "window": 3, "padding": -1},
        {"filters": 2, "window": 3, "padding": ((1, 2, 3),)},
        {"filters": 3, "window": 3, "groups": 2},
        {"filters": 2, "window": 3, "depth": 0},
        {"filters": 2, "window": 3, "activation": "rellu"},
    ],
    ids=str,
)
def test_settings_that_mean_nothing(options):
    with pytest.raises(NetgradError) as caught:
        ng.Conv(**options)
    assert "\n" not in str(caught.value)


def test_the_trace_shows_maps_filters_deltas_and_where_maxima_came_from():
    net = ng.Sequential([ng.Conv(2, 3, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(3)])
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 1)).astype(np.float32)
    model = ng.fit(net, x, [0, 1, 2, 0, 1], epochs=1)
    trace = model.trace(x, [0, 1, 2, 0, 1])
    conv, pool = trace["conv_1"], trace["max_pool_1"]
    assert conv.z.shape == conv.a.shape == conv.delta.shape == (5, 6, 6, 2)
    assert conv.dW.shape == model.params["conv_1"]["W"].shape == (3, 3, 1, 2)
    flat = np.asarray(conv.a).reshape(5, 36, 2)
    origin = np.asarray(pool.index).reshape(5, 9, 2)
    np.testing.assert_array_equal(np.take_along_axis(flat, origin, 1).reshape(5, 3, 3, 2), pool.a)


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_groups_are_convolutions_side_by_side(groups):
    rng = np.random.default_rng(groups)
    x, layer = rng.normal(size=(5, 6, 8, 8)).astype(np.float32), ng.Conv(16, (3, 2), stride=(1, 2), groups=groups)
    params = layer.init(jax.random.key(0), (6, 8, 8))
    d_out = rng.normal(size=(5, *layer.out_shape((6, 8, 8)))).astype(np.float32)
    a, saved = layer.forward(params, x, Context())
    back, parts = layer.backward(params, saved, d_out), []
    for g in range(groups):
        filters, channels = (slice(g * n // groups, (g + 1) * n // groups) for n in (16, 8))
        own = {"W": params["W"][..., filters], "b": params["b"][filters]}
        one = ng.Conv(16 // groups, (3, 2), stride=(1, 2))
        z, kept = one.forward(own, x[..., channels], Context())
        parts.append((z, one.backward(own, kept, d_out[..., filters])))
    np.testing.assert_allclose(a, np.concatenate([z for z, _ in parts], -1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(back.d_in, np.concatenate([b.d_in for _, b in parts], -1), rtol=1e-4, atol=1e-5)
    for name in params:
        joined = np.concatenate([b.d_params[name] for _, b in parts], -1)
        np.testing.assert_allclose(back.d_params[name], joined, rtol=1e-4, atol=1e-4)


def test_a_depthwise_convolution_is_one_with_as_many_groups_as_channels():
    x = np.random.default_rng(0).normal(size=(3, 6, 5, 4)).astype(np.float32)
    layer, conv = ng.DepthwiseConv(3, padding="same", multiplier=2), ng.Conv(8, 3, padding="same", groups=4)
    params = layer.init(jax.random.key(0), x.shape[1:])
    np.testing.assert_array_equal(layer.forward(params, x, Context())[0], conv.forward(params, x, Context())[0])
    assert layer.operations(x.shape[1:]) == conv.operations(x.shape[1:]) == 30 * 9 * 8
    with pytest.raises(NetgradError, match="multiplier must be a whole number of at least 1, found 0"):
        ng.DepthwiseConv(3, multiplier=0)
    with pytest.raises(ShapeError, match="DepthwiseConv needs inputs of shape"):
        layer.out_shape(())
