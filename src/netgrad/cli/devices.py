"""`--device` and `--devices`: what a command computes on."""

from __future__ import annotations

import contextlib
import os

import jax
import typer

from netgrad.errors import NetgradError
from netgrad.parallel import placement

MOST_THREADS = 64  # that a CPU is made to look like so many devices of


def use(ctx: typer.Context, device: str | None, devices: int | None) -> None:
    """Compute on this kind of device, and share batches among so many, until the command ends."""
    few = devices is not None and devices <= max(MOST_THREADS, os.cpu_count() or 1)
    if few and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # JAX has begun; `placement` says how many it has
            jax.config.update("jax_num_cpu_devices", devices)
    if device is not None:
        try:
            first = jax.devices(device)[0]
        except RuntimeError:
            raise NetgradError(f"--device {device}: JAX has none here; it computes on {described()}") from None
        ctx.with_resource(jax.default_device(first))
    if devices is not None:
        kind = jax.devices(device)
        if devices > len(kind):
            raise NetgradError(f"--devices {devices}: JAX has {described()}")
        placement.use(list(kind[:devices]))
        ctx.call_on_close(lambda: placement.use(None))


def described() -> str:
    """JAX's devices in words.

    >>> described().endswith("cpu")
    True
    """
    found = jax.devices()
    return f"{len(found)} {found[0].device_kind}"
