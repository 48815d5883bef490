"""A task: what training does, step by step. The loop, streams, starts, checkpoints and reports know nothing else.

A task is one class with two methods, `Task.init` and `Task.step`; every other method has a default. Supervised
training is one (`netgrad.training.supervised`); `netgrad.train` runs any.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.data.checks import as_array, as_examples, default_float, same_examples
from netgrad.errors import DataError, NetgradError
from netgrad.registry import to_config
from netgrad.training.batch import Batch
from netgrad.training.callbacks import Callback
from netgrad.training.explanation import first_non_finite
from netgrad.training.history import History


class Carry(NamedTuple):
    """All that a training step changes: pytrees of arrays."""

    params: Any
    state: Any
    opt_state: Any


StepReport = dict[str, Any]  # what each step leaves behind: single numbers by name, "loss" among them


@dataclass
class Trained:
    """What `netgrad.train` returns for a task that makes no object of its own: its numbers and its history."""

    task: Task
    params: Any
    state: Any = field(default_factory=dict)
    history: History = field(default_factory=History)

    def __repr__(self) -> str:
        size = sum(np.size(leaf) for leaf in jax.tree.leaves(self.params))
        return f"Trained {self.task.title}: {size} parameters, {self.history!r}"


class Task:
    """Base of all tasks. One of your own defines `init` and `step`; what else it says has a default.

    Programs are cached by the task, so it must be hashable, and equal tasks share a program: best a frozen dataclass
    with hyper-parameters for fields, networks and optax optimisers among them. Its numbers stand in the `Carry`. Its
    methods `init`, `step` and `init_optimizer` are pure functions in JAX, and run compiled, a whole epoch at once.

    >>> import netgrad as ng, jax.numpy as jnp, numpy as np
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Mean(ng.Task):
    ...     rate: float = 0.1
    ...     def init(self, key, batch):
    ...         return {"mean": jnp.zeros(batch.x["x"].shape[1:])}, {}
    ...     def step(self, carry, batch, key):
    ...         away = batch.x["x"].mean(0) - carry.params["mean"]
    ...         params = {"mean": carry.params["mean"] + self.rate * away}
    ...         return carry._replace(params=params), {"loss": (away**2).sum()}
    >>> trained = ng.train(Mean(), np.array([[1.0, 2.0], [3.0, 4.0]]), epochs=100)
    >>> trained.params["mean"].round(2).tolist()
    [2.0, 3.0]
    """

    kind: ClassVar[str] = "task"
    registered_name: ClassVar[str] = ""  # set by netgrad.register
    advice: ClassVar[str] = "try a lower learning rate, gradients that are clipped, or inputs on a smaller scale"

    # --- what every task says

    def init(self, key: jax.Array, batch: Batch) -> tuple[Any, Any]:
        """Parameters and state before the first step, pytrees of arrays; ``batch`` shows what examples look like."""
        raise NetgradError(f"{self.title} does not say how it begins: define init(key, batch) -> (params, state)")

    def step(self, carry: Carry, batch: Batch, key: jax.Array) -> tuple[Carry, StepReport]:
        """One step: the carry after it, of the same shapes, and a dict of single numbers.

        Among them is ``loss``, by which starts and epochs are compared; the others are named freely. Each becomes a
        column of the history. A number that is not finite ends the run.
        """
        raise NetgradError(f"{self.title} does not say what it does: define step(carry, batch, key) -> (carry, report)")

    # --- what a task may say

    def init_optimizer(self, params: Any) -> Any:
        """What its optimisers remember before the first step; nothing by default."""
        return ()

    def score(self, carry: Carry, batch: Batch) -> Mapping[str, Any]:
        """How good the numbers are on held-out examples: a dict of numbers, ``loss`` among them."""
        raise NetgradError(
            f"{self.title} cannot be scored on held-out examples: leave validation out, or define score(carry, batch)"
        )

    def score_each(self, carries: Carry, count: int, batch: Batch) -> list[Mapping[str, Any]]:
        """`score` of so many carries, stacked along a first axis."""
        return [self.score(one_of(carries, k), batch) for k in range(count)]

    def result(self, carry: Carry, history: History) -> Any:
        """What training returns."""
        return Trained(self, carry.params, carry.state, history)

    def batch(self, data: Any) -> Batch:
        """What the user gave, or a chunk of a stream, as checked examples.

        By default an array is ``batch.x["x"]``, a dict of arrays is ``batch.x``, and of a pair of these the second is
        ``batch.y``. Whole numbers stay what they are, all else becomes floats.
        """
        return as_batch(data)

    def scannable(self, batch: Batch) -> bool:
        """Whether a step may stand inside a compiled loop; otherwise each is a call of its own."""
        return True

    def summary(self, reports: Mapping[str, np.ndarray], sizes: Sequence[int]) -> dict[str, Any]:
        """Numbers of epochs (...) from those of their steps (..., steps), on batches of these sizes: the mean."""
        means = {name: np.average(values, axis=-1, weights=sizes) for name, values in reports.items()}
        return {"loss": means.pop("loss"), **means}

    def explain(self, carry: Carry, batch: Batch, key: jax.Array, report: Mapping[str, float]) -> str:
        """Where the first number that is not finite arises in this step, in words; ``report`` is the step's own."""
        return first_non_finite(self.step, carry, batch, key, report)

    def description(self) -> dict[str, Any]:
        """What a checkpoint must agree with, as JSON: by default the fields that can be stored (no optimisers)."""
        names: list[str] = [part.name for part in dataclasses.fields(self)] if dataclasses.is_dataclass(self) else []
        stored: dict[str, Any] = {}
        for name in names:
            try:
                stored[name] = to_config(getattr(self, name))
            except NetgradError:
                continue  # of an optimiser only the layout of its state is compared
        return {"task": self.title, "fields": stored}

    def wrapped(self, callback: Callback) -> Task:
        """This task for one of its callbacks, which may change an optimizer (`Callback.wrap`)."""
        if type(callback).wrap is Callback.wrap:
            return self
        raise NetgradError(
            f"{type(callback).__name__} changes an optimizer, and {self.title} does not say which: leave the callback "
            "out, or define wrapped(callback) -> task"
        )

    def facts(self) -> dict[str, Any]:
        """What trackers write down of it: plain values by name."""
        return {"task": self.title}

    @property
    def numbers(self) -> Any:
        """Hyper-parameters that one compiled program serves at any value; see `at`."""
        return ()

    def at(self, numbers: Any) -> Task:
        """This task with other `numbers`; also what programs are cached by, so it holds nothing that they need not."""
        return self

    # --- what follows

    @property
    def title(self) -> str:
        """The name of its class."""
        return type(self).__name__

    def begin(self, key: jax.Array, batch: Batch, params: Any = None) -> Carry:
        """The carry before the first step: drawn, or with these parameters."""
        drawn, state = self._parts(self.init(key, batch))
        if params is not None:
            params = jax.tree.map(jnp.asarray, params)
            if differs := difference(params, drawn, "params"):
                raise NetgradError(f"the parameters given do not fit {self.title}: {differs}")
            drawn = params
        return Carry(drawn, state, jax.tree.map(jnp.asarray, self.init_optimizer(drawn)))

    def begin_each(self, keys: Sequence[jax.Array], batch: Batch) -> Carry:
        """The carries that `begin` makes of these keys, stacked along a first axis."""
        drawn = [self._parts(self.init(key, batch)) for key in keys]
        params, state = jax.tree.map(_stacked, *drawn)
        return Carry(params, state, _begun_each(self)(params))

    def _parts(self, begun: Any) -> tuple[Any, Any]:
        if not isinstance(begun, tuple) or len(begun) != 2:
            raise NetgradError(f"init of {self.title} must return a pair (params, state), found {_kind(begun)}")
        params, state = jax.tree.map(jnp.asarray, begun)
        return params, state


def _stacked(*leaves: jax.Array) -> Any:
    """Along a first axis, without a program for each shape; random keys only JAX can stack."""
    keys = jnp.issubdtype(leaves[0].dtype, jax.dtypes.extended)
    return jnp.stack(leaves) if keys else np.stack([np.asarray(leaf) for leaf in leaves])


@partial(Program, optimisation=0)
def one_of(carries: Carry, k: Any) -> Carry:
    """One of several carries that are stacked along a first axis."""
    own: Carry = jax.tree.map(lambda leaf: leaf[k], carries)
    return own


@lru_cache(maxsize=64)
def _begun_each(task: Task) -> Any:
    """The states of the optimiser before the first step, of stacked parameters."""
    return Program(jax.vmap(lambda params: jax.tree.map(jnp.asarray, task.init_optimizer(params))), optimisation=0)


def check_task(task: Any) -> Task:
    """Refuse what cannot be trained, before anything is computed."""
    if not isinstance(task, Task):
        raise NetgradError(
            f"train takes a task, an instance of a class made from netgrad.Task, found {_kind(task)}; "
            "networks are trained by netgrad.fit"
        )
    for name, needs in (("init", "init(key, batch) -> (params, state)"), ("step", "step(carry, batch, key)")):
        if getattr(type(task), name) is getattr(Task, name):
            raise NetgradError(f"{task.title} has no method {name}: define {needs}")
    try:
        hash(task)
    except TypeError:
        raise NetgradError(
            f"{task.title} is not hashable{_culprit(task)}, and programs are cached by it: make it a frozen dataclass "
            "of hashable fields (tuples for lists, arrays into the state)"
        ) from None
    return task


def checked_step(task: Task, carry: Carry, batch: Batch, key: jax.Array) -> tuple[Carry, StepReport]:
    """`Task.step`, refused where what it returns does not fit: that costs nothing once it is compiled."""
    made = task.step(carry, batch, key)
    if not isinstance(made, tuple) or isinstance(made, Carry) or len(made) != 2:
        raise NetgradError(f"step of {task.title} must return a pair (carry, report), found {_kind(made)}")
    after, report = made
    if not isinstance(after, Carry):
        raise NetgradError(
            f"step of {task.title} must return a Carry first, found {_kind(after)}: use carry._replace(params=...)"
        )
    if differs := difference(after._asdict(), carry._asdict()):
        raise NetgradError(f"step of {task.title} must return a carry like the one it got: {differs}")
    if not isinstance(report, Mapping) or "loss" not in report:
        found = f"one of {', '.join(map(str, report)) or 'nothing'}" if isinstance(report, Mapping) else _kind(report)
        raise NetgradError(f"step of {task.title} must report a dict of numbers with 'loss' among them, found {found}")
    for name, value in report.items():
        if np.shape(value) != ():
            raise NetgradError(
                f"step of {task.title} must report single numbers, but {name!r} has shape {np.shape(value)}: "
                "take its mean or its sum"
            )
    return after, {name: jnp.asarray(value) for name, value in report.items()}


def difference(found: Any, wanted: Any, name: str = "") -> str:
    """The first leaf by which two pytrees differ in place, shape or type, in words; empty where none does.

    >>> difference({"W": np.zeros((3, 2)), "c": 0.0}, {"W": np.zeros((3, 3)), "b": 0.0}, "params")
    'params.b is missing'
    >>> difference({"W": np.zeros((3, 2))}, {"W": np.zeros((3, 3))}, "params")
    'params.W is float32 of shape (3, 2), expected float32 of shape (3, 3)'
    """
    here, there = _leaves(found, name), _leaves(wanted, name)
    for path in there:
        if path not in here:
            return f"{path} is missing"
    for path, leaf in here.items():
        if path not in there:
            return f"{path} is new"
        have, want = (f"{jnp.result_type(v)} of shape {np.shape(v)}" for v in (leaf, there[path]))
        if have != want:
            return f"{path} is {have}, expected {want}"
    if jax.tree.structure(found) != jax.tree.structure(wanted):  # type: ignore[operator]
        return f"{name or 'it'} holds the same arrays in containers of other kinds"
    return ""


def as_batch(data: Any) -> Batch:
    """Arrays as checked examples, see `Task.batch`."""
    if isinstance(data, Batch):
        return data
    x, y = data if isinstance(data, tuple) and len(data) == 2 else (data, {})
    if isinstance(data, tuple) and len(data) != 2:
        raise DataError(f"data are an array, a dict of arrays, a pair of these or a stream, found {_kind(data)}")
    batch = Batch(_named(x, "x"), _named(y, "y"))
    if not batch.x:
        raise DataError("data are an empty dict: give one array at least")
    same_examples(**batch.x, **{f"{name} of y" if name in batch.x else name: v for name, v in batch.y.items()})
    return batch


def _named(data: Any, name: str) -> dict[str, np.ndarray]:
    given = data if isinstance(data, Mapping) else {name: data}
    checked = {}
    for key, value in given.items():
        array = as_array(value, key)
        kept = jax.dtypes.canonicalize_dtype(array.dtype) if array.dtype.kind in "biu" else default_float()
        checked[key] = as_examples(array, key, dtype=kept)
        if kept != array.dtype and array.dtype.kind in "iu" and (checked[key] != array).any():
            raise DataError(f"{key} holds whole numbers beyond {np.iinfo(kept).max:,}, too large for {kept}")
    return checked


def _leaves(tree: Any, name: str) -> dict[str, Any]:
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        own = jax.tree_util.keystr(path, simple=True, separator=".")
        found[f"{name}.{own}" if name and own else name or own] = leaf
    return found


def _kind(value: Any) -> str:
    return f"a tuple of {len(value)}" if type(value) is tuple else f"a {type(value).__name__}"


def _culprit(task: Task) -> str:
    """The field that has no hash."""
    for name, value in vars(task).items():
        try:
            hash(value)
        except TypeError:
            return f" ({name} holds a {type(value).__name__})"
    return ""
