"""`train`: any task on any examples; and the assembly of a run, which `netgrad.fit` shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from netgrad.compiling import INITIAL, ORDER, as_seed, check_process, random_key
from netgrad.errors import NetgradError
from netgrad.parallel.placement import Placement
from netgrad.parallel.processes import agree, together
from netgrad.training.batch import Batch, split
from netgrad.training.callbacks import Callback, EarlyStopping, as_callbacks
from netgrad.training.checkpoint import Checkpoint, fingerprint, settings_of
from netgrad.training.history import History
from netgrad.training.loop import Run, run_to_end
from netgrad.training.memory import InMemory
from netgrad.training.multistart import Starts
from netgrad.training.progress import Progress
from netgrad.training.restart import refuse_to_forget
from netgrad.training.stream import WHOLE, Stream, Streaming
from netgrad.training.task import Carry, Task, check_task


def train(
    task: Task,
    data: Any,
    *,
    epochs: int = 20,
    batch_size: int | None = 32,
    validation: Any = None,
    patience: int | None = None,
    shuffle: bool = True,
    epochs_per_call: int = 1,
    starts: int = 1,
    callbacks: Sequence[Callback] = (),
    checkpoint: Any = None,
    keep: int = 3,
    progress: bool = False,
    seed: int = 0,
    params: Any = None,
    devices: Any = None,
) -> Any:
    """Train by a task: a training step of your own, run as `netgrad.fit` runs its own, compiled, an epoch at once.

    Args:
        task: see `netgrad.Task`: how it begins and what a step does, in a class with two methods.
        data: an array (N, ...), a dict of them, or a pair of these; the task sees an array as ``batch.x["x"]``, a dict
            as ``batch.x``, and the second of a pair as ``batch.y`` (its array as ``batch.y["y"]``). Or a
            `netgrad.Stream` whose chunks are one of these.
        epochs: how often every example is used. batch_size: examples a step; None for all of them at once. The last
            batch of an epoch is smaller where they do not divide.
        validation: a share of the examples to hold out, or other examples like ``data``: scored after every epoch by
            `Task.score`.
        patience: stop after so many epochs without a better validation loss (training loss where there is no
            validation set), and return the best parameters.
        shuffle: draw the examples in a new random order in every epoch.
        epochs_per_call: epochs that run as one compiled program; callbacks see the last of them only.
        starts: train so many initialisations at once and keep the best by its loss; the history holds every start's
            as ``loss_1``, ``loss_2``, ...
        callbacks: `netgrad.Callback`s; those that change the optimizer, such as `netgrad.ReduceOnPlateau`, where
            `Task.wrapped` says how.
        checkpoint: a folder, or a `netgrad.Checkpoint`: the same call once more goes on from there, to the same bits;
            the last ``keep`` stay, and the best.
        progress: show a progress bar. seed: everything random comes from it.
        params: begin with these parameters instead of those drawn. devices: as for `netgrad.fit`.

    Returns what the task makes of its numbers: by default a `netgrad.training.task.Trained` with params, state and
    history. Each number that steps report is a column of the history: the mean over an epoch.

    Raises:
        NetgradError: for unusable data, settings or tasks, in one line.
        DivergenceError: when a step reports a number that is not finite; names the step, and where the first arose.

    >>> import netgrad as ng, numpy as np, optax
    >>> from dataclasses import dataclass
    >>> from typing import Any
    >>> import jax, jax.numpy as jnp
    >>> @dataclass(frozen=True)
    ... class Line(ng.Task):
    ...     optimizer: Any = optax.adam(0.1)
    ...     def init(self, key, batch):
    ...         return {"a": jnp.zeros(()), "b": jnp.zeros(())}, {}
    ...     def init_optimizer(self, params):
    ...         return self.optimizer.init(params)
    ...     def step(self, carry, batch, key):
    ...         def loss(p):
    ...             return jnp.abs(p["a"] * batch.x["x"] + p["b"] - batch.y["y"]).mean()
    ...         value, gradient = jax.value_and_grad(loss)(carry.params)
    ...         updates, opt_state = self.optimizer.update(gradient, carry.opt_state)
    ...         params = optax.apply_updates(carry.params, updates)
    ...         return carry._replace(params=params, opt_state=opt_state), {"loss": value, "slope": params["a"]}
    >>> x = np.linspace(-1, 1, 100)
    >>> line = ng.train(Line(), (x, 3 * x + 1), epochs=100)
    >>> round(float(line.params["a"]), 1), line.history.columns
    (3.0, ['epoch', 'loss', 'slope'])
    """
    check_process()
    seed, task = as_seed(seed), check_task(task)
    epochs, epochs_per_call, starts = counts(epochs=epochs, epochs_per_call=epochs_per_call, starts=starts)
    (batch_size,) = counts(batch_size=batch_size)
    if starts > 1 and params is not None:
        raise NetgradError("several starts draw their own parameters: leave params out")
    placement = placed_on(devices, starts)
    watchers = watching(progress, callbacks, patience)
    refuse_to_forget(watchers, params is not None)
    for callback in watchers:
        task = task.wrapped(callback)
    stream = Stream.of(data)
    share = isinstance(validation, float | int)
    if stream is not None:
        unsuited = {
            "validation as a share": share,
            "batch_size=None": batch_size is None and not stream.batched,
            f"batch_size={batch_size or 32}": stream.batched and batch_size not in (None, 32),
            "epochs_per_call": epochs_per_call > 1,
            "starts": starts > 1,
        }
        if given := [name for name, refused in unsuited.items() if refused]:
            raise NetgradError(f"{given[0]} cannot be given with a stream, which is read chunk by chunk")
    examples, held = task.batch(data if stream is None else stream.first()), None
    if share:
        examples, held = split(examples, validation, seed)
    elif validation is not None:
        held = task.batch(validation)
    carry = task.begin(random_key(seed, INITIAL), examples, params)
    asked = {"task": task.title, "batch_size": batch_size, "epochs": epochs, "seed": seed, "drawn": params is None}
    run = carry_out(
        task, carry, examples, stream, held,
        epochs=epochs, batch_size=batch_size, shuffle=shuffle, epochs_per_call=epochs_per_call, starts=starts,
        callbacks=watchers, checkpoint=checkpoint, keep=keep, seed=seed, asked=asked, settings={},
        placement=placement,
    )  # fmt: skip
    return run.model()


def watching(progress: bool, callbacks: Sequence[Callback], patience: int | None) -> list[Callback]:
    """The callbacks of a run, in their order."""
    return [Progress()] * progress + as_callbacks(callbacks) + ([] if patience is None else [EarlyStopping(patience)])


def carry_out(
    task: Task,
    carry: Carry,
    examples: Batch,
    stream: Stream | None,
    held: Batch | None,
    *,
    epochs: int,
    batch_size: int | None,
    shuffle: bool,
    epochs_per_call: int,
    starts: int,
    callbacks: Sequence[Callback],
    checkpoint: Any,
    keep: int,
    seed: int,
    asked: dict[str, Any],
    settings: dict[str, Any],
    history: History | None = None,
    begun: int = 0,
    placement: Placement | None = None,
) -> Run:
    """A run from its parts to its end.

    carry: where it begins. examples: all of them, or a stream's first chunk. asked: for the history; settings: what
    decides the numbers beside what is named here, for checkpoints. history, begun: of the epochs before, and how many
    of ``epochs`` they are. placement: the devices that share each batch.
    """
    run = Run(task, carry, epochs, history or History(), begun, examples=examples, held=held)
    run.history.settings = asked
    if starts > 1:
        run.starts = Starts(task, examples, starts, seed)
    key = random_key(seed, ORDER)
    source: InMemory | Streaming
    if stream is not None:
        source = Streaming(task, stream, WHOLE if stream.batched else batch_size or 1, shuffle, key, placement)
    else:
        source = InMemory(task, examples, batch_size or examples.size, shuffle, key, placement)
    run.settings = settings | {
        "batch_size": source.batch_size,
        "shuffle": shuffle,
        "starts": starts,
        "seed": seed,
    }
    _check_group(run, examples, held)
    watchers = [*callbacks]
    if checkpoint is not None:
        run.settings |= {
            "data": fingerprint(examples),
            "validation_data": fingerprint(held),
            "first_parameters": fingerprint(carry.params),
        }
        watchers.append(checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint, keep))
    run.callbacks = watchers
    run_to_end(run, source, held, epochs_per_call)
    return run


def _check_group(run: Run, examples: Batch, held: Batch | None) -> None:
    """Refuse to begin where the processes of a group would not do the same."""
    if together():
        versions = [metadata.version(name) for name in ("netgrad", "jax", "jaxlib", "optax", "numpy")]
        agree(
            {
                "versions": versions,
                "data": [fingerprint(examples), fingerprint(held)],
                "settings": [settings_of(run), run.epochs],
                "first parameters": fingerprint(run.carry.params),
            }
        )


def placed_on(devices: Any, starts: int) -> Placement | None:
    """The placement that ``devices=`` of a run stands for."""
    placement = Placement.of(devices)
    if placement is not None and starts > 1:
        raise NetgradError("several starts are trained side by side on one device: leave devices or starts out")
    return placement


def counts(**given: Any) -> Iterator[Any]:
    """These counts as plain numbers, and None where it stands for a default."""
    for name, value in given.items():
        asked = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (asked and value >= 1) and not (value is None and name in ("batch_size", "truncate")):
            raise NetgradError(f"{name} must be a whole number of at least 1, found {value!r}")
        yield value if value is None else int(value)
