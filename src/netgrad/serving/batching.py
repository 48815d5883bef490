"""Concurrent requests in one forward pass, on programs that were compiled before the first of them came."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import jax
import numpy as np

from netgrad.serving.limits import Limits
from netgrad.serving.schema import Schema
from netgrad.training.objective import Batch

GROWTH = 4  # from one compiled batch size to the next: padding costs at most so many times the work


class BusyError(Exception):
    """Too many requests are waiting already."""


class Answer(NamedTuple):
    """For the examples of one request, by output: what the outputs mean, and the lengths of their sequences."""

    linked: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]


class Job(NamedTuple):
    """A request that waits."""

    batch: Batch
    answer: asyncio.Future


class Batcher:
    """Collects what waits, pads it to a compiled size, runs it once, and hands each request its part.

    A request that finds the server idle is run at once. Where others are being read at that moment (`expecting`), the
    forward pass waits for them, at most ``limits.wait`` seconds. ``observe(examples, seconds)`` hears of each pass.
    """

    def __init__(self, schema: Schema, limits: Limits, observe: Callable[[int, float], None]):
        self.schema, self.limits, self.observe = schema, limits, observe
        self.sizes = sizes(limits.batch)
        self._waiting: deque[Job] = deque()
        self._arrived = asyncio.Event()
        self._expected = 0
        self._thread = ThreadPoolExecutor(1, "netgrad-forward")

    @property
    def waiting(self) -> int:
        """How many requests wait for a forward pass."""
        return len(self._waiting)

    def warm_up(self) -> None:
        """Compile every size that there can be."""
        for steps in self.schema.steps or (None,):
            for size in self.sizes:
                self.schema.model.run_batch(grown(self.schema.blank(steps), size), link=True)

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While a request is being read that will be submitted soon."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def submit(self, batch: Batch) -> Answer:
        """The answer to these examples; raises `BusyError` where too many wait."""
        if len(self._waiting) >= self.limits.waiting:
            raise BusyError
        job = Job(batch, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._arrived.set()
        return await job.answer

    async def run(self) -> None:
        """Serve what is submitted, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                jobs = await self._collect()
                try:
                    answers = await loop.run_in_executor(self._thread, self._forward, [job.batch for job in jobs])
                except Exception as error:
                    for job in jobs:
                        if not job.answer.done():
                            job.answer.set_exception(error)
                    continue
                for job, answer in zip(jobs, answers, strict=True):
                    if not job.answer.done():  # its client may have gone
                        job.answer.set_result(answer)
        finally:
            self._thread.shutdown(wait=False)

    async def _collect(self) -> list[Job]:
        """The next requests to be run together: at least one, and as many as fill the largest size."""
        jobs: list[Job] = []
        while not jobs:
            await self._arrived.wait()
            until = time.monotonic() + self.limits.wait
            while self._expected and self._examples() < self.limits.batch and time.monotonic() < until:
                await asyncio.sleep(self.limits.wait / 8)
            count = 0
            while self._waiting and count < self.limits.batch:
                job = self._waiting.popleft()
                if not job.answer.done():  # else it was given up while it waited
                    jobs.append(job)
                    count += job.batch.size
            if not self._waiting:
                self._arrived.clear()
        return jobs

    def _examples(self) -> int:
        return sum(job.batch.size for job in self._waiting)

    def _forward(self, batches: list[Batch]) -> list[Answer]:
        """One pass over the examples of several requests, in pieces of the largest size where they are more."""
        together = joined(batches)
        parts = []
        for start in range(0, together.size, self.sizes[-1]):
            part = together.take(slice(start, start + self.sizes[-1]))
            began = time.perf_counter()
            size = next(s for s in self.sizes if s >= part.size)
            outputs = self.schema.model.run_batch(grown(part, size), link=True)
            parts.append(jax.tree.map(lambda a, n=part.size: a[:n], outputs))
            self.observe(part.size, time.perf_counter() - began)
        linked, lengths = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
        ends = np.cumsum([batch.size for batch in batches])
        cuts = [slice(end - batch.size, end) for end, batch in zip(ends, batches, strict=True)]
        return [Answer(*jax.tree.map(lambda a, cut=cut: a[cut], (linked, lengths))) for cut in cuts]


def joined(batches: Sequence[Batch]) -> Batch:
    """Several requests as one batch, their sequences padded to one length."""
    if len(batches) == 1:
        return batches[0]
    x = {}
    for name, first in batches[0].x.items():
        arrays = [batch.x[name] for batch in batches]
        if name in batches[0].lengths:
            longest = max(array.shape[1] for array in arrays)
            arrays = [padded(array, 1, longest) for array in arrays]
        x[name] = np.concatenate(arrays, dtype=first.dtype)
    lengths = {name: np.concatenate([batch.lengths[name] for batch in batches]) for name in batches[0].lengths}
    return Batch(x, {}, {}, lengths)


def grown(batch: Batch, size: int) -> Batch:
    """The batch with examples of zeros up to this size."""
    lengths = {name: np.maximum(padded(value, 0, size), 1) for name, value in batch.lengths.items()}
    return Batch({name: padded(value, 0, size) for name, value in batch.x.items()}, {}, {}, lengths)


def padded(array: np.ndarray, axis: int, size: int) -> np.ndarray:
    """The array with zeros at the end of an axis, up to this size.

    >>> padded(np.array([1, 2]), 0, 4)
    array([1, 2, 0, 0])
    """
    missing = size - array.shape[axis]
    return np.pad(array, [(0, missing if i == axis else 0) for i in range(array.ndim)]) if missing else array


def sizes(largest: int) -> tuple[int, ...]:
    """The batch sizes that are compiled.

    >>> sizes(64), sizes(100)
    ((1, 4, 16, 64), (1, 4, 16, 64, 100))
    """
    made = [1]
    while made[-1] < largest:
        made.append(min(made[-1] * GROWTH, largest))
    return tuple(made)
