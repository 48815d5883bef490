"""Training on more examples than fit into memory: chunks that are read one after the other, in every epoch anew.

Few chunks are in memory at a time: the one that is trained on and the one that is being read, as they came and as the
network takes them; the first one stays. Batches do not reach across chunks: each chunk's last batch is smaller where
they do not divide. With ``shuffle`` the chunks come in a new order in every epoch, where they can be read in any order,
and the examples of each chunk in a new order, too; all of it follows from the seed. Without it, and with chunks that
are a multiple of the batch size, a stream trains to the same bits as the same examples in memory. The processes of a
group read chunks that can be read in any order by turns (`netgrad.training.dealt`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import numpy as np

from netgrad.errors import DataError, FileError, NetgradError
from netgrad.parallel.placement import Placement
from netgrad.parallel.processes import together
from netgrad.training.batch import Batch
from netgrad.training.dealt import dealt
from netgrad.training.divergence import divergence, first_bad
from netgrad.training.epoch import batches_of, compiled_epochs, epoch_order, step_key
from netgrad.training.placed import as_placed, on_devices
from netgrad.training.task import Carry, StepReport, Task
from netgrad.training.watched import After, watched

WHOLE = 2**31 - 1  # the batch size that takes every chunk as one batch


class Stream:
    """Chunks (x, y) of examples, read anew in every epoch; `netgrad.fit` takes one instead of x.

    chunks: a function that starts a new pass, such as a generator function; its chunks come in the order it gives.
    x and y are what `netgrad.fit` takes, targets as numbers; a third part may be a dict with ``sample_weight`` and
    ``lengths``. For `netgrad.train` a chunk is whatever data its task takes. A loader of another library (PyTorch's
    DataLoader, Grain's), or anything else that gives batches (x, y) again and again, is one, too (`Stream.loader`).

    >>> import netgrad as ng, numpy as np
    >>> def chunks():
    ...     for seed in range(3):
    ...         x = np.random.default_rng(seed).normal(size=(64, 2))
    ...         yield x, x.sum(1)
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> model = ng.fit(net, ng.Stream(chunks), optimizer="sgd", epochs=10)
    >>> bool(model.history["loss"][-1] < 1e-3)
    True
    """

    def __init__(self, chunks: Callable[[], Iterable[Any]]):
        if not callable(chunks):
            raise NetgradError(
                f"a stream is a function that starts a new pass over its chunks, found {type(chunks).__name__}: every "
                "epoch reads them anew"
            )
        self._pass: Callable[[], Iterable[Any]] = chunks
        self._count: int | None = None
        self.batched = False  # whether each chunk is a batch
        self.steps: int | None = None  # batches in an epoch, where that is known
        self._read: Callable[[int], Any] = lambda i: None

    @classmethod
    def numbered(cls, count: int, read: Callable[[int], Any]) -> Stream:
        """``count`` chunks that can be read in any order: ``read(i)`` gives the i-th, counted from 0."""
        stream = cls(lambda: map(read, range(count)))
        stream._count, stream._read = count, read
        return stream

    @classmethod
    def loader(cls, loader: Iterable[Any]) -> Stream:
        """The batches of a loader: a list or tuple (x, y) of arrays or tensors each, as it shuffles and cuts them.

        Raises `NetgradError` for what can be gone through only once.
        """
        if iter(loader) is loader:
            raise NetgradError(
                f"a {type(loader).__name__} is used up after one epoch: give the function that makes it, or a loader "
                "that can be gone through again"
            )
        stream = cls(lambda: map(_as_arrays, loader))
        stream.batched, stream.steps = True, len(loader) if isinstance(loader, Sized) else None
        return stream

    @classmethod
    def of(cls, x: Any) -> Stream | None:
        """The stream that ``x`` is: a `Stream`, a function that starts one, or a loader; None for examples in memory.

        >>> Stream.of(np.eye(3)) is None, Stream.of(lambda: iter([])) is None
        (True, False)
        """
        if isinstance(x, Stream):
            return x
        if any(hasattr(x, name) for name in ("__array__", "columns", "toarray")) or isinstance(x, Sequence | Mapping):
            return None
        if hasattr(x, "__iter__") and not isinstance(x, type):
            return cls.loader(x)
        if hasattr(x, "__getitem__") and hasattr(x, "__len__") and not isinstance(x, type):
            raise NetgradError(
                f"a {type(x).__name__} gives its examples one by one: give a loader of batches, as "
                "torch.utils.data.DataLoader(it, batch_size=32)"
            )
        return cls(x) if callable(x) else None

    @classmethod
    def arrays(cls, x: Any, y: Any = None, chunk: int = 65_536) -> Stream:
        """Arrays that lie on disk: paths of .npy files, or anything that is sliced like an array (h5py, zarr).

        ``chunk`` examples are read at a time, without y for a task that takes none. Raises `FileError` for what cannot
        be read.
        """
        n = len(_opened(x))
        if y is not None and n != len(_opened(y)):
            raise DataError(f"x has {n} examples but y has {len(_opened(y))}")
        if not isinstance(chunk, int) or chunk < 1:
            raise NetgradError(f"chunk must be a whole number of at least 1 example, found {chunk!r}")

        def read(i: int) -> Any:
            part = slice(i * chunk, (i + 1) * chunk)
            examples = np.asarray(_opened(x)[part])
            return examples if y is None else (examples, np.asarray(_opened(y)[part]))

        return cls.numbered(-(-n // chunk), read)

    @classmethod
    def parquet(cls, path: str | Path, target: str, features: Iterable[str] | None = None) -> Stream:
        """The row groups of a Parquet file of numbers; ``features`` are all columns but the target where left out.

        x is (rows, features). Raises `FileError` for what is no Parquet file, `DataError` for columns that are missing
        or hold no numbers.
        """
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        try:
            file = ParquetFile(path)
        except (ArrowException, OSError) as error:
            raise FileError(f"cannot read {path} as Parquet: {str(error).splitlines()[0]}") from None
        known = file.schema_arrow
        columns = [name for name in known.names if name != target] if features is None else list(features)
        for name in (target, *columns):
            if name not in known.names:
                raise DataError(f"{path} has no column {name!r}: it has {', '.join(known.names)}")
            kind = known.field(name).type.to_pandas_dtype()
            if not np.issubdtype(kind, np.number) and kind is not np.bool_:
                raise DataError(f"column {name!r} of {path} holds {known.field(name).type}, a stream takes numbers")

        def read(i: int) -> tuple[np.ndarray, np.ndarray]:
            table = file.read_row_group(i, columns=[*columns, target])
            return np.stack([table[name].to_numpy() for name in columns], axis=1), table[target].to_numpy()

        return cls.numbered(file.num_row_groups, read)

    def chunks(self, key: jax.Array | None = None) -> Iterator[Any]:
        """One pass, chunk by chunk; with a key, in a random order where they are numbered."""
        order = self.order(key)
        yield from self._pass() if order is None else map(self.read, order)

    def order(self, key: jax.Array | None = None) -> Sequence[int] | None:
        """The numbers of the chunks as a pass has them, with a key at random; None where they are not numbered."""
        if self._count is None:
            return None
        if key is None:
            return range(self._count)
        order: list[int] = np.asarray(jax.random.permutation(jax.random.fold_in(key, 0), self._count)).tolist()
        return order

    def read(self, i: int) -> Any:
        """The i-th of chunks that are numbered."""
        return self._read(i)

    def first(self) -> Any:
        """The first chunk, which stands for the others when shapes and loss are found out."""
        chunk = next(self.chunks(), None)
        if chunk is None:
            raise DataError("the stream has no chunks")
        return chunk


def pair(chunk: Any, alone: bool = False) -> tuple[Any, Any, dict[str, Any]]:
    """x, y and further arguments of a chunk for supervised training; ``alone``: of x, as there are no targets."""
    if alone and not isinstance(chunk, tuple):
        return chunk, None, {}
    if not isinstance(chunk, tuple) or len(chunk) not in (2, 3):
        raise DataError(f"a stream's chunks are pairs (x, y), found {type(chunk).__name__}")
    x, y, *more = chunk
    if more and not isinstance(more[0], dict):
        raise DataError(
            f"the third part of a stream's chunk is a dict with sample_weight and lengths, found a "
            f"{type(more[0]).__name__}: give (x, y, {{'lengths': ...}}), say"
        )
    return x, y, (more[0] if more else {})


def collected(stream: Stream) -> tuple[Any, Any]:
    """All examples (x, y) of a stream as arrays."""
    parts = [pair(chunk)[:2] for chunk in stream.chunks()]
    if not parts:
        raise DataError("the stream has no chunks")
    x, y = (
        jax.tree.map(lambda *of: np.concatenate([np.asarray(a) for a in of]), *side)
        for side in zip(*parts, strict=True)
    )
    return x, y


def first_pair(stream: Stream, alone: bool = False) -> tuple[Any, Any, dict[str, Any]]:
    """`pair` of the first chunk, where everything must be numbers already: encoders would have to see all chunks."""
    x, y, more = pair(stream.first(), alone)
    if hasattr(x, "columns") or np.asarray(0 if y is None or isinstance(y, dict) else y).dtype.kind in "OUS":
        raise DataError(
            "a stream's chunks must be arrays of numbers: encode tables and labels before, or go on from a model that "
            "has their encoders"
        )
    return x, y, more


def gathered(x: Any) -> tuple[Any, Any]:
    """x and no targets for examples in memory; of a loader or another stream all its examples, with their targets."""
    if hasattr(x, "__array__") or (stream := Stream.of(x)) is None:
        return x, None
    return collected(stream)


@dataclass
class Streaming:
    """What `netgrad.training.memory.InMemory` is for examples in memory."""

    task: Task
    stream: Stream
    batch_size: int
    shuffle: bool
    key: jax.Array
    placement: Placement | None = None  # the devices that share each batch

    def __post_init__(self) -> None:
        self.sizes: list[int] = []  # of the batches of the last epoch

    def advance(self, carry: Carry, first: int, count: int, after: After | None = None) -> tuple[Carry, StepReport]:
        """One epoch, numbered ``first``; raises `DivergenceError` where a number is not finite.

        after: go step by step, and call it after each, see `netgrad.training.watched`.
        """
        key = jax.random.fold_in(self.key, first)
        run_key = self.key if self.placement is None else self.placement.put(self.key)
        carry = carry if self.placement is None or after is not None else self.placement.put_carry(carry)
        program = compiled_epochs(as_placed(self.task, self.placement), self.batch_size, self.shuffle, 1)
        self.sizes, reports, running = [], [], None
        for batch in self._batches(key if self.shuffle else None):
            data = on_devices(batch, self.placement)
            # The program of the chunk before ran while this one was read; only now is it waited for.
            if running is not None:
                reports.append(self._finish(first, key, *running))
            begun = len(self.sizes)
            if after is not None:
                here = data if self.placement is None else self.placement.home(data)
                steps = islice(self._steps(first, key, here, begun), -(-data.size // self.batch_size))
                carry, report = watched(self.task, carry, steps, after, begun, self.placement)
                reports.append(report)
            else:
                done, report = program(carry, data, run_key, first, begun)
                running, carry = (carry, data, begun, report), done
            batch_size = min(self.batch_size, data.size)
            full, rest = batches_of(data.size, batch_size)
            self.sizes += [batch_size] * full + [rest] * (rest > 0)
        if not self.sizes:
            raise DataError(
                f"the stream gave no chunk in epoch {first + 1}: its function must start a new pass each time"
            )
        if running is not None:
            reports.append(self._finish(first, key, *running))
        carry = carry if self.placement is None or after is not None else self.placement.home(carry)
        return carry, jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *reports)

    def _batches(self, key: jax.Array | None) -> Iterator[Batch]:
        """The chunks of a pass as the task takes them; of those that a group can deal out, it reads each once."""
        order = self.stream.order(key)
        if order is None or not together():
            return map(self.task.batch, self.stream.chunks(key))
        return dealt(order, lambda i: self.task.batch(self.stream.read(i)))

    def _finish(
        self, epoch: int, key: jax.Array, carry: Carry, data: Batch, begun: int, report: StepReport
    ) -> StepReport:
        """Wait for a chunk's program; the carry is what the chunk began with."""
        report = jax.tree.map(np.asarray, report)
        if (bad := first_bad(report)) is None:
            return report
        if self.placement is not None:
            carry, data = self.placement.home(carry), self.placement.home(data)

        raise divergence(self.task, carry, self._steps(epoch, key, data, begun), bad, report)

    def _steps(self, epoch: int, key: jax.Array, data: Batch, begun: int) -> Iterator[tuple[str, Batch, jax.Array]]:
        """The steps of a chunk: where each is, its batch and its random key."""
        order = epoch_order(key, data.size, self.shuffle, begun)
        for i in range(-(-data.size // self.batch_size)):
            part = data if self.batch_size >= data.size else data.take(order[i * self.batch_size :][: self.batch_size])
            yield f"epoch {epoch + 1}, batch {begun + i + 1}", part, step_key(key, begun + i)


def as_stream(x: Any, y: Any, batch_size: int | None, usual: int, **unsuited: Any) -> Stream | None:
    """The stream that ``x`` is, or None for examples in memory; refuses what cannot be had with one.

    usual: the batch size that nobody asked for; a loader has its own.
    """
    if (stream := Stream.of(x)) is None:
        return None
    for name, value in {"y": y, **unsuited}.items():
        if value is not None:
            raise NetgradError(f"{name} cannot be given with a stream{_INSTEAD.get(name, '')}")
    if batch_size is None and not stream.batched:
        raise NetgradError("batch_size cannot be given with a stream as None: a batch is not more than a chunk")
    if stream.batched and batch_size not in (None, usual):
        raise NetgradError(
            f"batch_size={batch_size} cannot be given with a loader, whose batches are taken as they come"
        )
    return stream


_INSTEAD = {
    "y": ": its chunks hold the targets",
    "sample_weight": ": its chunks can hold them, as (x, y, {'sample_weight': ...})",
    "lengths": ": its chunks can hold them, as (x, y, {'lengths': ...})",
    "validation": " as a share: give a pair (x, y)",
}


def _as_arrays(batch: Any) -> Any:
    """A loader's batch with tuples for lists, and arrays for the tensors of another library."""
    if isinstance(batch, list | tuple):
        return tuple(_as_arrays(part) for part in batch)
    if isinstance(batch, dict):
        return {name: _as_arrays(part) for name, part in batch.items()}
    if hasattr(batch, "detach"):  # PyTorch's, wherever they are computed
        batch = batch.detach().cpu()
    return np.asarray(batch) if hasattr(batch, "__array__") else batch


def _opened(array: Any) -> Any:
    """An array as it is, a path as the mapped array behind it; mapped anew for each chunk, so that memory is let go."""
    if not isinstance(array, str | Path):
        return array
    try:
        return np.load(array, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {array} as a .npy file: {str(error).splitlines()[0]}") from None
