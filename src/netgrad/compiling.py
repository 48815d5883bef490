"""How netgrad's programs are compiled, and the random keys that a seed stands for.

XLA optimises what it compiles with new fusions of its own and LLVM's second and third round of optimisation. On a CPU
that takes two thirds of the time of compiling and pays nothing here: the work that counts is done by
`netgrad.kernels`, and the rest runs as fast without (docs/benchmarks.md, "Compiling").
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import operator
import os
import re
import reprlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import cache, cached_property, partial, update_wrapper, wraps
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from netgrad import kept_programs
from netgrad.errors import NetgradError

SETTINGS: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False}  # of every program, beside its level
_unknown: set[str] = set()  # the settings that this version of XLA has refused: names come and go with versions
# A program keeps some 4 MB and 40 regions of memory. Those of the 30 networks used last fit in here, or one server's.
MOST_PROGRAMS = 128
BETWEEN_CLEARINGS = 768  # programs compiled, of some 250 small networks, until JAX's own caches are emptied
MOST_REGIONS = 30_000  # of memory mapped by the process, of which Linux allows 65,530: LLVM ends it on the next one

INITIAL, ORDER, STARTS = range(3)  # what a seed's keys are for
MOST_SEEDS = 2**32  # JAX's keys and scikit-learn's splits tell so many apart

# Inputs come from and results go to NumPy, so nothing is gained where JAX hands a CPU's program to another thread and
# waits for it, and a prediction of one example spends half of its time so. What the environment says goes before it.
if "JAX_CPU_ENABLE_ASYNC_DISPATCH" not in os.environ:
    jax.config.update("jax_cpu_enable_async_dispatch", False)


kept_programs.begin()


class Program:
    """A function compiled by `jax.jit`, on a CPU at a low level of optimisation; XLA_FLAGS goes before our settings.

    optimisation: LLVM's level, 1 by default. 0 halves the time of compiling once more; such a program runs
    several times as slow, and is for one that runs a few times and on little.
    static: as for `jax.jit`, ``static_argnums`` and ``static_argnames``.

    Called by another program it becomes a part of that one. Settings that this version of XLA does not know are left
    out.

    >>> from netgrad.compiling import Program
    >>> print(Program(lambda x: 2 * x)(3.0))
    6.0
    """

    def __init__(self, function: Callable[..., Any], *, optimisation: int = 1, **static: Any):
        update_wrapper(self, function)
        self._function, self._static = _exact(function), static
        self._settings = {"xla_backend_optimization_level": optimisation, **SETTINGS}
        self.within = jax.jit(self._function, **static)
        self._used = self._kept = 0  # when it was called last; how many programs it stands for, one for each shape

    @cached_property
    def alone(self) -> Any:
        """Compiled with options, which JAX does not take for a part of another program."""
        flags = os.environ.get("XLA_FLAGS", "")
        unset = {name: value for name, value in self._settings.items() if f"--{name}=" not in flags}
        options = {name: value for name, value in unset.items() if name not in _unknown}
        on_cpu = jax.default_backend() == "cpu"
        return jax.jit(self._function, compiler_options=options if on_cpu else None, **self._static)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        for leaf in jax.tree.leaves((arguments, named)):
            if isinstance(leaf, jax.core.Tracer):
                return self.within(*arguments, **named)
        try:
            result = self.alone(*arguments, **named)
        except jax.errors.JaxRuntimeError as error:
            unknown = re.search(r"No such compile option: '(\w+)'", str(error))
            if unknown is None or unknown[1] in _unknown:
                raise
            _unknown.add(unknown[1])
            del self.alone
            return self(*arguments, **named)
        self._used = next(_clock)
        if self.alone._cache_size() != self._kept:
            _make_room(self)
        return result

    def _forget(self) -> None:
        self.alone.clear_cache()
        self._kept = 0


def _exact(function: Callable[..., Any]) -> Callable[..., Any]:
    """On an accelerator, products in whole float32, which JAX rounds to some 10 bits there unless told how precise.

    What the user says goes before it: JAX_DEFAULT_MATMUL_PRECISION=tensorfloat32, or `jax.default_matmul_precision`.
    """

    @wraps(function)
    def traced(*arguments: Any, **named: Any) -> Any:
        if jax.default_backend() == "cpu" or jax.config.jax_default_matmul_precision is not None:  # type: ignore[attr-defined]
            return function(*arguments, **named)
        with jax.default_matmul_precision("float32"):
            return function(*arguments, **named)

    return traced


class Compilation(NamedTuple):
    """One program that was made: its function's name, the seconds that took, and whether it was kept from before."""

    name: str
    seconds: float
    kept: bool


_lists: list[list[Compilation]] = []  # of those who are listening


@contextlib.contextmanager
def compilations() -> Iterator[list[Compilation]]:
    """A list of the programs that are compiled meanwhile, netgrad's own and others', in this process.

    Seconds are those of translating and compiling, or of reading a program kept in the cache folder.

    >>> with compilations() as made:
    ...     _ = Program(lambda x: 3 * x)(1.0), Program(abs)(2.0)
    >>> [program.name for program in made]
    ['<lambda>', 'abs']
    """
    _listen()
    made: list[Compilation] = []
    _lists.append(made)
    try:
        yield made
    finally:
        _lists[:] = [other for other in _lists if other is not made]


@cache
def _listen() -> None:
    """Hear what JAX says of every program: once, for JAX keeps its listeners for good."""
    spent, found = 0.0, False

    def hear(event: str, duration_secs: float, **told: Any) -> None:
        nonlocal spent, found
        if event.endswith("/jaxpr_to_mlir_module_duration"):
            spent, found = duration_secs, False
        elif event.endswith("/cache_retrieval_time_sec"):
            found = True
        elif event.endswith("/backend_compile_duration"):
            name = str(told.get("fun_name", "")).removeprefix("jit(").removesuffix(")")
            for made in _lists:
                made.append(Compilation(name, spent + duration_secs, found))
            spent, found = 0.0, False

    jax.monitoring.register_event_duration_secs_listener(hear)


_clock = count()
_making_room = threading.Lock()
_compiled: weakref.WeakSet[Program] = weakref.WeakSet()  # those that hold something
_events = count(1)


def _make_room(newest: Program) -> None:
    """Let go of what was called longest ago, now that a program was compiled: a process may meet any number."""
    with _making_room:
        newest._kept = newest.alone._cache_size()
        _compiled.add(newest)
        held = sorted(_compiled, key=lambda program: program._used)
        total = sum(program._kept for program in held)
        for program in held:
            if total <= MOST_PROGRAMS:
                break
            total -= program._kept
            _compiled.discard(program)
            program._forget()
    # JAX keeps what it has traced, 4,096 functions of each kind, and programs that are not ours; the allocator keeps
    # what both gave back. What is in use still is compiled anew, a small part of what was compiled since the last time.
    event = next(_events)
    if event % BETWEEN_CLEARINGS == 0 or (event % 32 == 0 and _regions() > MOST_REGIONS):
        jax.clear_caches()
        gc.collect()
        give_memory_back()


def give_memory_back() -> None:
    """Hand free memory back to the system, where the C library can: glibc keeps what lies between blocks in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _regions() -> int:
    """How many regions of memory this process has mapped; 0 where the system does not say."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


_forked = False


def check_process() -> None:
    """Raise in a process forked from one that had compiled something: its arrays, too, would wait for threads."""
    if _forked:
        raise NetgradError(
            "this process was forked from one that had run netgrad, whose threads did not come along: it would wait "
            "for them for ever; start it anew, with multiprocessing.get_context('spawn') or joblib's own backend, loky"
        )


def _after_fork() -> None:
    global _forked
    if _compiled or getattr(sys.modules.get("jax._src.xla_bridge"), "_backends", None):
        _forked = True
        Program.__call__ = lambda *_, **__: check_process()  # type: ignore[method-assign]  # costs no call a check


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def as_seed(seed: Any) -> int:
    """A seed as a plain number; `NetgradError` for what is none: truth values, fractions, below 0 or 2**32 and more.

    >>> as_seed(np.int64(7))
    7
    >>> as_seed(-1)
    Traceback (most recent call last):
        ...
    netgrad.errors.NetgradError: seed must be a whole number from 0 to 4294967295, found -1
    """
    try:
        number = -1 if isinstance(seed, bool | np.bool_) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < MOST_SEEDS:
        found = reprlib.repr(seed)
        raise NetgradError(f"seed must be a whole number from 0 to {MOST_SEEDS - 1}, found {' '.join(found.split())}")
    return number


def random_key(seed: int, purpose: int) -> jax.Array:
    """One of a seed's keys: for the INITIAL parameters, for the ORDER of the examples or for further STARTS.

    >>> from netgrad.compiling import INITIAL, random_key
    >>> bool(random_key(3, INITIAL) == jax.random.fold_in(jax.random.key(3), 0))
    True
    """
    return _key(np.int64(as_seed(seed)), purpose)


@partial(Program, optimisation=0)
def _key(seed: Any, purpose: Any) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed), purpose)
