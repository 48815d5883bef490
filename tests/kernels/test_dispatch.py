"""The choice between kernel and reference: inside every transformation, and where there is no kernel."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from netgrad import kernels

needs_native = pytest.mark.skipif(not kernels.status().active, reason=str(kernels.status()))


def python(code: str, **environment: str) -> str:
    """What `code` prints in a fresh Python."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def tanh(z):
    """Of every number: a convolution of pictures of one pixel, whose kernel knows activations."""
    pixels = z.reshape(-1, 1, 1, 1)
    return kernels.conv_forward(pixels, jnp.ones((1, 1, 1, 1), z.dtype), activation="tanh").reshape(z.shape)


def uses_kernel(function, *args) -> bool:
    return "netgrad_conv_forward" in jax.jit(function).lower(*args).as_text()


@needs_native
def test_float32_on_cpu_runs_the_kernel():
    assert uses_kernel(tanh, jnp.ones(3))


def test_other_dtypes_run_the_reference():
    z = jnp.ones(3, jnp.float16)
    assert not uses_kernel(tanh, z)
    assert tanh(z).dtype == jnp.float16


@needs_native
def test_other_platforms_run_the_reference():
    traced = jax.jit(tanh).trace(jnp.ones(3))
    assert "netgrad_conv_forward" not in traced.lower(lowering_platforms=("cuda",)).as_text()


def test_inside_scan_vmap_and_shard_map():
    z = jnp.linspace(-2.0, 2.0, 12).reshape(4, 3)
    expected = jnp.tanh(z)
    close = {"rtol": 1e-6, "atol": 0}
    _, scanned = jax.jit(lambda z: jax.lax.scan(lambda _, row: ((), tanh(row)), (), z))(z)
    np.testing.assert_allclose(scanned, expected, **close)
    np.testing.assert_allclose(jax.vmap(tanh, 1, 1)(z), expected, **close)
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = jax.shard_map(tanh, mesh=mesh, in_specs=PartitionSpec("i"), out_specs=PartitionSpec("i"))
    np.testing.assert_allclose(jax.jit(sharded)(z), expected, **close)


ON_TWO_DEVICES = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import PartitionSpec as P
import netgrad as ng
from netgrad import kernels
from netgrad.kernels import recurrent, recurrent_gradients

rng = np.random.default_rng(0)
normal = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
images, filters = normal(40, 7, 7, 2), normal(3, 3, 2, 5)
x, W, U, b = normal(40, 6, 3), normal(3, 16), normal(4, 16), normal(16)
lengths = jnp.asarray(rng.integers(0, 7, 40), jnp.int32)

def work(images, x, lengths, total):
    z = kernels.conv_forward(images, filters)
    a, index = kernels.max_pool_forward(z, (2, 2), (2, 2))
    back = kernels.max_pool_backward(a, index, (5, 5), (2, 2), (2, 2))
    d_images = kernels.conv_input_gradient(back, filters, (7, 7))
    cell, own, start = ng.LSTM(4), jnp.zeros((3, 4)), jnp.zeros((len(x), 8))
    h, c, gates = recurrent.forward(cell, x, W, U, b, own, start, lengths)
    masked = recurrent.forward(cell, x, W, U, b, own, start, lengths, mask=jnp.ones((len(x), 4)))
    delta, _ = recurrent.backward(cell, h, U, own, h, c, gates, start, lengths, start)
    gradients = recurrent_gradients.weight_gradients(x, h, delta, lengths=lengths)
    gradients += kernels.conv_weight_gradient(images, z, (3, 3))
    return (d_images, masked, h, delta), [total(g) for g in gradients]

alone = jax.jit(lambda *a: work(*a, total=lambda g: g))(images, x, lengths)
mesh = jax.make_mesh((2,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
share = jax.jit(jax.shard_map(lambda *a: work(*a, total=lambda g: jax.lax.psum(g, "i")), mesh=mesh,
                in_specs=(P("i"),) * 3, out_specs=(P("i"), P())))
for _ in range(3):
    for a, s in zip(jax.tree.leaves(alone), jax.tree.leaves(share(images, x, lengths)), strict=True):
        np.testing.assert_allclose(a, s, rtol=1e-5, atol=1e-5 * np.abs(a).max())
print(len(s.sharding.device_set), "netgrad_forward_lstm" in share.lower(images, x, lengths).as_text())
"""


@pytest.mark.parametrize("switch", ["", "0"])
def test_shard_map_over_two_devices(switch):
    environment = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    if switch:
        environment["NETGRAD_KERNELS"] = switch
    devices, native = python(ON_TWO_DEVICES, **environment).split()
    assert devices == "2"
    assert native == str(kernels.active("forward_lstm") and not switch)


def test_gradient_is_the_references():
    z = jnp.linspace(-2.0, 2.0, 5)
    np.testing.assert_allclose(
        jax.grad(lambda z: tanh(z).sum())(z), jax.grad(lambda z: jnp.tanh(z).sum())(z), rtol=1e-6
    )
    second = jax.grad(lambda z: jax.grad(lambda z: tanh(z).sum())(z).sum())(z)
    np.testing.assert_allclose(second, -2 * np.tanh(z) * (1 - np.tanh(z) ** 2), rtol=1e-5, atol=1e-6)


def test_switched_off():
    code = (
        "from netgrad import kernels as k; import jax.numpy as jnp; one = jnp.ones((1, 1, 1, 1))\n"
        "print(k.status(), k.conv_forward(one, one, activation='tanh'))"
    )
    out = python(code, NETGRAD_KERNELS="0")
    assert "switched off by NETGRAD_KERNELS=0" in out
    assert "0.761594" in out


def test_absent_library_is_reported_and_harmless(tmp_path):
    code = "from netgrad import kernels; print(kernels.status(), kernels.active('dense_forward'))"
    out = python(code, NETGRAD_KERNELS_DIR=str(tmp_path), NETGRAD_KERNELS="")
    assert "was not built" in out
    assert out.endswith("False")


def test_importing_loads_no_library():
    code = "from netgrad.kernels import dispatch; print(dispatch._load.cache_info().currsize)"
    assert python(code) == "0"


@needs_native
def test_a_library_that_this_jaxlib_refuses_is_left_alone_and_the_reason_said():
    run = """
import jax
def refuse(*args, **kwargs):
    raise RuntimeError("INVALID_ARGUMENT: the handler's API version (0.9)\\n is incompatible with (0.1)")
jax.ffi.register_ffi_target = refuse
import jax.numpy as jnp
from netgrad import kernels
print(kernels.status(), kernels.conv_forward(jnp.ones((1, 3, 3, 1)), jnp.ones((3, 3, 1, 1))).sum())
"""
    refused = "INVALID_ARGUMENT: the handler's API version (0.9) is incompatible with (0.1)"
    assert python(run) == f"native kernels: none ({refused}) 9.0"
