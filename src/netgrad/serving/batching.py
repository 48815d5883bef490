"""Concurrent requests in one forward pass, on programs that were compiled before the first of them came."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from netgrad.serving.limits import Limits
from netgrad.serving.schema import Request, Schema
from netgrad.training.batch import Batch

GROWTH = 4  # from one compiled batch size to the next: padding costs at most so many times the work
READ_TOGETHER = 2**16  # bytes of the requests that are read before the first of them is run


class BusyError(Exception):
    """Too many requests are waiting already."""


class Answer(NamedTuple):
    """For the examples of one request, by output: what the outputs mean, and the lengths of their sequences.

    warnings: what was said while the request was read.
    """

    linked: dict[str, np.ndarray]
    lengths: dict[str, np.ndarray]
    warnings: list[str]


@dataclass(eq=False)
class Job:
    """A request: how it is read, how many bytes it has, and then what was read."""

    read: Callable[[], Request]
    bytes: int
    answer: asyncio.Future
    request: Request | None = None

    @property
    def examples(self) -> int:
        """How many it asks about, once it is read."""
        return self.request.batch.size if self.request is not None else 0


class Batcher:
    """Requests are read in one thread and run in another, each thread taking whatever waits for it at one go.

    Handing a request over to a thread takes longer than reading it, if it is small, and a pass over 64 examples little
    longer than over one. A request that finds the server idle is served at once. Where others are being read at that
    moment, the forward pass waits for them, at most ``limits.wait`` seconds. What has been read together is padded to
    a compiled size, run once, and each request gets its part. ``observe(examples, seconds)`` hears of each pass.
    """

    def __init__(self, schema: Schema, limits: Limits, observe: Callable[[int, float], None]):
        self.schema, self.limits, self.observe = schema, limits, observe
        self.sizes = sizes(limits.batch)
        self._unread: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._reading = 0  # requests that the thread is busy with
        self._came, self._arrived = asyncio.Event(), asyncio.Event()
        self._threads = [ThreadPoolExecutor(1, f"netgrad-{name}") for name in ("reader", "forward")]

    @property
    def waiting(self) -> int:
        """How many requests wait: to be read, or for a forward pass."""
        return len(self._unread) + self._reading + len(self._waiting)

    def warm_up(self) -> None:
        """Compile every size that there can be."""
        for steps in self.schema.steps or (None,):
            for size in self.sizes:
                self.schema.model.run_batch(grown(self.schema.blank(steps), size), link=True)

    async def submit(self, read: Callable[[], Request], size: int) -> Answer:
        """The answer to the request of so many bytes that ``read`` reads; raises what that raises.

        Raises `BusyError` where too many wait.
        """
        if self.waiting >= self.limits.waiting:
            raise BusyError
        job = Job(read, size, asyncio.get_running_loop().create_future())
        self._unread.append(job)
        self._came.set()
        return await job.answer

    async def run(self) -> None:
        """Serve what is submitted, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read_all())
                tasks.create_task(self._pass_all())
        finally:
            for thread in self._threads:
                thread.shutdown(wait=False)

    async def _read_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            jobs = taken(self._unread, lambda job: job.bytes, READ_TOGETHER)
            if not self._unread:
                self._came.clear()
            self._reading = len(jobs)
            for job, found in zip(jobs, await loop.run_in_executor(self._threads[0], read_each, jobs), strict=True):
                if isinstance(found, Request):
                    job.request = found
                    self._waiting.append(job)
                elif not job.answer.done():
                    job.answer.set_exception(found)
            self._reading = 0
            self._arrived.set()

    async def _pass_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            jobs = await self._collect()
            requests = [job.request for job in jobs if job.request is not None]
            try:
                answers = await loop.run_in_executor(self._threads[1], self._forward, requests)
            except Exception as error:
                for job in jobs:
                    if not job.answer.done():
                        job.answer.set_exception(error)
                continue
            for job, answer in zip(jobs, answers, strict=True):
                if not job.answer.done():  # its client may have gone
                    job.answer.set_result(answer)

    async def _collect(self) -> list[Job]:
        """The next requests to be run together: at least one, and as many as fill the largest size."""
        jobs: list[Job] = []
        while not jobs:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.limits.wait):
                    while self._reading + len(self._unread) and self._examples() < self.limits.batch:
                        self._arrived.clear()
                        await self._arrived.wait()
            jobs = taken(self._waiting, lambda job: job.examples, self.limits.batch)
        return jobs

    def _examples(self) -> int:
        return sum(job.examples for job in self._waiting)

    def _forward(self, requests: list[Request]) -> list[Answer]:
        """One pass over the examples of several requests, in pieces of the largest size where they are more."""
        together = joined([request.batch for request in requests])
        parts = []
        for start in range(0, together.size, self.sizes[-1]):
            part = together.take(slice(start, start + self.sizes[-1]))
            size, began = part.size, time.perf_counter()
            if self.schema.model.plan_for(part, link=True) is None:  # which takes any number as it is
                part = grown(part, next(s for s in self.sizes if s >= size))
            outputs = self.schema.model.run_batch(part, link=True)
            parts.append(jax.tree.map(lambda a, n=size: a[:n], outputs))
            self.observe(size, time.perf_counter() - began)
        linked, lengths = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
        answers, start = [], 0
        for request in requests:
            cut = slice(start, start := start + request.batch.size)
            own = [{name: value[cut] for name, value in values.items()} for values in (linked, lengths)]
            answers.append(Answer(own[0], own[1], request.warnings))
        return answers


def taken(waiting: deque[Job], size: Callable[[Job], int], most: int) -> list[Job]:
    """The first jobs of those that wait, until their sizes reach this; those that were given up are left out."""
    jobs: list[Job] = []
    count = 0
    while waiting and count < most:
        job = waiting.popleft()
        if not job.answer.done():
            jobs.append(job)
            count += size(job)
    return jobs


def read_each(jobs: Sequence[Job]) -> list[Request | Exception]:
    """What these requests ask, or why they cannot be read."""

    def one(job: Job) -> Request | Exception:
        try:
            return job.read()
        except Exception as error:
            return error

    return [one(job) for job in jobs]


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
