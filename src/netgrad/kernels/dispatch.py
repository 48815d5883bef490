"""The choice between a native kernel and its reference implementation.

Every kernel has a *reference implementation*: a plain `jax.numpy` function that does the same. `call` runs the kernel
where the program is lowered for a CPU, and the reference elsewhere: on accelerators, for dtypes other than float32,
where the library was not built, and where the environment says ``NETGRAD_KERNELS=0``. The kernels agree with
their references to float32 rounding.

``NETGRAD_KERNELS`` may also name an instruction set (``baseline``, ``avx2``, ``avx512``) to try an older one
than the processor has. It is read once, when the first kernel is asked for.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

INSTRUCTION_SETS = ("baseline", "avx2", "avx512")

Layouts = Sequence[Sequence[int] | None]


@dataclass(frozen=True)
class Status:
    """Which native kernels run on this machine's CPU, or why none does."""

    active: tuple[str, ...]
    instruction_set: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.active:
            return f"native kernels: {len(self.active)} ({self.instruction_set})"
        return f"native kernels: none ({self.reason})"


def status() -> Status:
    """What `call` will do on a CPU; prints as one line.

    >>> from netgrad import kernels
    >>> str(kernels.status()).startswith("native kernels: ")
    True
    """
    return _load()


def active(name: str) -> bool:
    """Whether kernel `name` runs natively on this machine's CPU."""
    return not _aside.get() and name in _load().active


_aside: ContextVar[bool] = ContextVar("aside", default=False)
are_aside = _aside.get  # whether `aside` holds: asked in every prediction of a few examples


@contextlib.contextmanager
def aside(away: bool = True) -> Iterator[None]:
    """What is asked or traced within does without native kernels, where ``away``.

    >>> with aside():
    ...     active("dense_forward")
    False
    """
    before = _aside.set(away or _aside.get())
    try:
        yield
    finally:
        _aside.reset(before)


def call(
    name: str,
    reference: Callable[..., Any],
    *args: Any,
    input_layouts: Layouts | None = None,
    output_layouts: Layouts | None = None,
    **attributes: Any,
) -> Any:
    """``reference(*args)``, computed by the native kernel `name` where that is possible.

    Parameters
    ----------
    name: the kernel; the C++ side exports it as ``netgrad_<name>``.
    reference: a pure function of the arrays `args` that returns one array or a tuple of arrays. It fixes the
        results' shapes and dtypes, and it is what gets differentiated.
    args: arrays; those of a floating dtype must be float32 for the kernel to be used.
    input_layouts, output_layouts: the order of the axes in memory, major to minor, per argument and per
        result; None is row-major. XLA rearranges where an array comes in another order: the logical shapes
        stay the reference's. Examples-last for shape (N, d) is ``(1, 0)``.
    attributes: what the kernel is told besides the arrays: bool, int (64 bits), float (converted to
        float32), str, or a numpy array of int64.

    Works inside `jit`, `scan`, `vmap` (one call after the other) and `shard_map`. `jax.grad` goes through the
    derivative of the reference.
    """
    args = vary_alike(*map(jnp.asarray, args))
    if not active(name) or not all(_supported(arg.dtype) for arg in args):
        return reference(*args)
    shapes = jax.eval_shape(reference, *args)
    single = not isinstance(shapes, (tuple, list))
    results = [shapes] if single else list(shapes)
    if not all(_supported(result.dtype) for result in results):
        return reference(*args)

    # An array without elements is never turned: XLA's compiler divides by their number where it should be.
    input_layouts = _of_some(args, input_layouts)
    output_layouts = _of_some(results, output_layouts)
    varying = frozenset[str]().union(*map(_varying, args))
    kinds = [jax.ShapeDtypeStruct(result.shape, result.dtype) for result in results]
    attributes = {key: np.float32(v) if isinstance(v, float) else v for key, v in attributes.items()}

    def native(*args):
        out = jax.ffi.ffi_call(
            f"netgrad_{name}",
            kinds,
            vmap_method="sequential",
            input_layouts=input_layouts,
            output_layouts=output_layouts,
        )(*args, **attributes)
        out = [_vary(o, varying) for o in out]
        return out[0] if single else tuple(out)

    def elsewhere(*args):
        out = reference(*args)
        return _vary(out, varying) if single else tuple(_vary(o, varying) for o in out)

    @jax.custom_jvp
    def kernel(*args):
        return jax.lax.platform_dependent(*args, cpu=native, default=elsewhere)

    @kernel.defjvp
    def _(primals, tangents):
        return jax.jvp(reference, primals, tangents)

    return kernel(*args)


def vary_alike(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """The same arrays; inside `shard_map`, where each says over which axes of the mesh it varies, all agree.

    A kernel's arguments must, and so must what a scan carries and what it adds to that.
    """
    axes = frozenset[str]().union(*map(_varying, arrays))
    return tuple(_vary(array, axes) for array in arrays)


def _of_some(arrays: Sequence[Any], layouts: Layouts | None) -> Layouts | None:
    """The layouts, row-major for empty arrays."""
    if layouts is None:
        return None
    return [layout if array.size else None for array, layout in zip(arrays, layouts, strict=True)]


def _supported(dtype: Any) -> bool:
    return dtype == jnp.float32 or not jnp.issubdtype(dtype, jnp.inexact)


def _varying(x: jax.Array) -> frozenset[str]:
    kind = jax.typeof(x)
    manual = getattr(kind, "manual_axis_type", None)  # jax 0.10 on; before that, `vma`
    return getattr(kind, "vma", frozenset()) if manual is None else manual.varying


def _vary(x: jax.Array, axes: frozenset[str]) -> jax.Array:
    missing = tuple(sorted(axes - _varying(x)))
    return jax.lax.pcast(x, missing, to="varying") if missing else x


def library() -> Any:
    """The C++ library itself, as ctypes has loaded it, for what is called without JAX; None where there is none."""
    _load()
    return _loaded[0] if _loaded else None


_loaded: list[Any] = []


@functools.cache
def _load() -> Status:
    """Load the library for this processor and register its kernels with XLA: once, on first use."""
    wanted = os.environ.get("NETGRAD_KERNELS", "").strip().lower()
    if wanted in ("0", "off", "false", "no"):
        return Status((), reason=f"switched off by NETGRAD_KERNELS={wanted}")
    try:
        best = _best_instruction_set()
        chosen = wanted if wanted in INSTRUCTION_SETS else best
        if INSTRUCTION_SETS.index(chosen) > INSTRUCTION_SETS.index(best):
            return Status((), reason=f"NETGRAD_KERNELS={chosen}, but this processor only has {best}")
        library = ctypes.CDLL(str(_library(chosen)))
        names = _names(library)
        jax.local_devices(backend="cpu")  # once XLA has begun it refuses at once what it cannot run; before, only later
        for name in names:
            function = getattr(library, f"netgrad_{name}")
            jax.ffi.register_ffi_target(f"netgrad_{name}", jax.ffi.pycapsule(function), platform="cpu")
    except (OSError, AttributeError, RuntimeError, ValueError) as error:
        return Status((), reason=" ".join(str(error).split()))
    _loaded.append(library)
    return Status(names, chosen)


def _best_instruction_set() -> str:
    best = ctypes.CDLL(str(_library("baseline"))).netgrad_best_instruction_set
    best.restype = ctypes.c_char_p
    return best().decode()


def _names(library: ctypes.CDLL) -> tuple[str, ...]:
    """The kernels that the library says it holds."""
    name_at = library.netgrad_kernel_name
    name_at.restype = ctypes.c_char_p
    return tuple(sorted(name.decode() for name in iter(map(name_at, itertools.count()).__next__, None)))


def _library(instruction_set: str) -> Path:
    # NETGRAD_KERNELS_DIR: another build, such as the one with sanitizers. An editable install keeps the
    # libraries beside the installed package, one more folder of the package's path; the newest build counts.
    override = os.environ.get("NETGRAD_KERNELS_DIR")
    folders = [override] if override else __import__(__package__, fromlist=["__path__"]).__path__
    built = [path for f in folders if (path := Path(f) / f"netgrad_kernels_{instruction_set}.so").exists()]
    if built:
        return max(built, key=lambda path: path.stat().st_mtime)
    raise OSError("the C++ library was not built when netgrad was installed: install a C++17 compiler, reinstall")
