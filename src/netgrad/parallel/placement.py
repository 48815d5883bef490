"""A placement: the devices that a training step is spread over, and what lies where on them.

Every device holds all examples and, unless they are sharded, all parameters; of each batch it works through its share,
and the devices add up what they find. A step is still one function of the whole batch, so that its numbers are those
of one device, up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from netgrad.errors import NetgradError
from netgrad.parallel.processes import together

AXIS = "batch"  # the name of the mesh's one axis
LEAST_SHARDED = 1024  # numbers; smaller arrays are on every device whatever is asked


@dataclass(frozen=True)
class Placement:
    """Devices that share the batches of a run; what ``devices=`` of `netgrad.fit` becomes.

    Args:
        devices: of one kind, see `Placement.of`.
        shard: "parameters" keeps parameters and the optimiser's numbers in parts, one on each device, that are put
            together for a step and no longer: where they do not fit into one device's memory several times.
        statistics: "batch", where batch normalisation takes its means over the whole batch, or "device".

    >>> import jax
    >>> Placement(tuple(jax.devices()[:1])).count
    1
    >>> Placement.of(1)  # nothing to share
    """

    devices: tuple[jax.Device, ...]
    shard: str | None = None
    statistics: str = "batch"

    def __post_init__(self) -> None:
        if self.shard not in (None, "parameters"):
            raise NetgradError(f"shard must be 'parameters' or None, found {self.shard!r}")
        if self.statistics not in ("batch", "device"):
            raise NetgradError(f"statistics must be of the 'batch' or of the 'device', found {self.statistics!r}")

    @classmethod
    def of(cls, devices: Any, shard: str | None = None, statistics: str = "batch") -> Placement | None:
        """A placement from what ``devices=`` may be, or None where nothing is to be spread: on the one device that JAX
        computes on anyway the path of several costs an eighth of a small network's step, and changes nothing.

        devices: how many of JAX's devices, "all", those of a platform ("cpu", "gpu", "tpu"), a list of them, or a
        placement. None is the one device that JAX computes on, or in a group of processes all of theirs.
        """
        if isinstance(devices, Placement):
            return devices
        devices = _usual.get() if devices is None else devices
        if devices is None and not together() and shard is None:
            return None
        chosen = tuple(_chosen("all" if devices is None else devices))
        if together() and len(chosen) < len(jax.devices()):
            raise NetgradError("a group of processes shares batches among all their devices: leave devices out")
        alone = len(chosen) == 1 and not together() and chosen[0] in jnp.zeros(()).devices()
        return None if alone else cls(chosen, shard, statistics)

    @property
    def count(self) -> int:
        """How many devices there are."""
        return len(self.devices)

    @property
    def mesh(self) -> Mesh:
        """Them, as JAX wants them."""
        return _mesh(self.devices)

    def put(self, tree: Any) -> Any:
        """Arrays on every device."""
        return jax.tree.map(lambda leaf: _on(leaf, NamedSharding(self.mesh, PartitionSpec())), tree)

    def put_carry(self, carry: Any) -> Any:
        """What steps change on the devices: on all, or in parts."""
        return jax.tree.map(lambda leaf: _on(leaf, self._kept(leaf)), carry)

    def keep(self, carry: Any) -> Any:
        """Inside a program: a step leaves the carry where it was."""
        return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, self._kept(leaf)), carry)

    def spread(self, batch: Any) -> Any:
        """Inside a program: each device makes its own part of a batch, where the examples divide."""
        n = jax.tree.leaves(batch)[0].shape[0]
        if n % self.count:
            return batch
        shares = NamedSharding(self.mesh, PartitionSpec(AXIS))
        return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, shares), batch)

    def home(self, carry: Any) -> Any:
        """The numbers back on the device that JAX computes on."""
        if self.shard is not None:
            carry = _gathered(self.devices)(carry)
        return jax.tree.map(lambda leaf: _alone(leaf.addressable_shards[0].data), carry)

    def _kept(self, leaf: Any) -> NamedSharding:
        spec = PartitionSpec()
        if self.shard is not None and np.size(leaf) >= LEAST_SHARDED:
            axes = [i for i, n in enumerate(np.shape(leaf)) if n % self.count == 0]
            if axes:
                longest = max(axes, key=lambda i: np.shape(leaf)[i])
                spec = PartitionSpec(*[None] * longest, AXIS)
        return NamedSharding(self.mesh, spec)


_usual: ContextVar[Any] = ContextVar("usual devices", default=None)


def use(devices: Any) -> None:
    """What None stands for from here on, in this thread: what ``devices=`` may be."""
    _usual.set(devices)


_current: ContextVar[Placement | None] = ContextVar("placement", default=None)


@contextmanager
def placed(placement: Placement) -> Iterator[None]:
    """A step that is traced within is spread over these devices."""
    before = _current.set(placement)
    try:
        yield
    finally:
        _current.reset(before)


def current() -> Placement | None:
    """The placement of the step that is being traced, or None."""
    return _current.get()


def _chosen(devices: Any) -> Sequence[jax.Device]:
    if isinstance(devices, list | tuple):
        if not devices or not all(isinstance(device, jax.Device) for device in devices):
            raise NetgradError(f"a list of devices holds some of jax.devices(), found {devices!r}")
        if len(set(devices)) < len(devices):
            raise NetgradError(f"a device is named twice: {', '.join(map(str, devices))}")
        return devices
    if isinstance(devices, str):
        try:
            return jax.devices() if devices == "all" else jax.devices(devices)
        except RuntimeError:
            here = ", ".join(sorted({device.platform for device in jax.devices()}))
            raise NetgradError(
                f"JAX has no devices {devices!r} here, it has {here}: give a number, 'all', 'cpu', 'gpu' or a list"
            ) from None
    if not isinstance(devices, int | np.integer) or isinstance(devices, bool) or devices < 1:
        raise NetgradError(f"devices must be a number of at least 1, 'all', 'cpu', 'gpu' or a list, found {devices!r}")
    have = jax.devices()
    if devices > len(have):
        on_cpu = have[0].platform == "cpu"
        instead = f"; XLA_FLAGS=--xla_force_host_platform_device_count={devices} makes so many" if on_cpu else ""
        raise NetgradError(f"{devices} devices are asked for, JAX has {len(have)} ({have[0].platform}){instead}")
    return have[: int(devices)]


@lru_cache(maxsize=64)
def _mesh(devices: tuple[jax.Device, ...]) -> Mesh:
    return Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))


@lru_cache(maxsize=64)
def _gathered(devices: tuple[jax.Device, ...]) -> Any:
    return jax.jit(lambda carry: carry, out_shardings=NamedSharding(_mesh(devices), PartitionSpec()))


def _on(leaf: Any, sharding: NamedSharding) -> jax.Array:
    """An array as it is to lie; every process holds all of it."""
    if isinstance(leaf, jax.Array) and leaf.sharding == sharding:
        return leaf
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _on(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    array = np.asarray(leaf)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def _alone(leaf: jax.Array) -> jax.Array:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(
            jnp.asarray(np.asarray(jax.random.key_data(leaf))), impl=jax.random.key_impl(leaf)
        )
    return jnp.asarray(np.asarray(leaf))
