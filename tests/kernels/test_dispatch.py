"""The choice between kernel and twin: inside every transformation, and where there is no kernel."""

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


def uses_kernel(function, *args) -> bool:
    return "netgrad_tanh" in jax.jit(function).lower(*args).as_text()


@needs_native
def test_float32_on_cpu_runs_the_kernel():
    assert uses_kernel(kernels.tanh, jnp.ones(3))


def test_other_dtypes_run_the_twin():
    z = jnp.ones(3, jnp.float16)
    assert not uses_kernel(kernels.tanh, z)
    assert kernels.tanh(z).dtype == jnp.float16


@needs_native
def test_other_platforms_run_the_twin():
    traced = jax.jit(kernels.tanh).trace(jnp.ones(3))
    assert "netgrad_tanh" not in traced.lower(lowering_platforms=("cuda",)).as_text()


def test_inside_scan_vmap_and_shard_map():
    z = jnp.linspace(-2.0, 2.0, 12).reshape(4, 3)
    expected = jnp.tanh(z)
    close = {"rtol": 1e-6, "atol": 0}
    _, scanned = jax.jit(lambda z: jax.lax.scan(lambda _, row: ((), kernels.tanh(row)), (), z))(z)
    np.testing.assert_allclose(scanned, expected, **close)
    np.testing.assert_allclose(jax.vmap(kernels.tanh, 1, 1)(z), expected, **close)
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = jax.shard_map(kernels.tanh, mesh=mesh, in_specs=PartitionSpec("i"), out_specs=PartitionSpec("i"))
    np.testing.assert_allclose(jax.jit(sharded)(z), expected, **close)


def test_gradient_is_the_twins():
    z = jnp.linspace(-2.0, 2.0, 5)
    np.testing.assert_allclose(
        jax.grad(lambda z: kernels.tanh(z).sum())(z), jax.grad(lambda z: jnp.tanh(z).sum())(z), rtol=1e-6
    )
    second = jax.grad(lambda z: jax.grad(lambda z: kernels.tanh(z).sum())(z).sum())(z)
    np.testing.assert_allclose(second, -2 * np.tanh(z) * (1 - np.tanh(z) ** 2), rtol=1e-5, atol=1e-6)


@needs_native
def test_layouts_rearrange_memory_and_leave_the_values():
    # An element-by-element kernel must not care in which order its elements lie.
    z = jnp.arange(6.0).reshape(2, 3)
    out = kernels.call("tanh", jnp.tanh, z, input_layouts=[(1, 0)], output_layouts=[(1, 0)])
    np.testing.assert_allclose(out, jnp.tanh(z), rtol=1e-6)


def test_switched_off():
    code = "from netgrad import kernels as k; import jax.numpy as jnp; print(k.status(), k.tanh(jnp.ones(1)))"
    out = python(code, NETGRAD_KERNELS="0")
    assert "switched off by NETGRAD_KERNELS=0" in out
    assert "0.761594" in out


def test_absent_library_is_reported_and_harmless(tmp_path):
    code = "from netgrad import kernels; print(kernels.status(), kernels.active('tanh'))"
    out = python(code, NETGRAD_KERNELS_DIR=str(tmp_path), NETGRAD_KERNELS="")
    assert "was not built" in out
    assert out.endswith("False")


def test_importing_loads_no_library():
    code = "from netgrad.kernels import dispatch; print(dispatch._load.cache_info().currsize)"
    assert python(code) == "0"
