"""What one client may ask for, so that no other has to wait for it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from netgrad.errors import NetgradError

BACKLOG = 512  # connections that the system accepts on the server's behalf


@dataclass(frozen=True)
class Limits:
    """The limits of a server; whoever exceeds one gets an answer that names it.

    body: bytes of a request. rows: examples of a request. seconds: for a request to arrive, and again for its answer.
    waiting: requests that may wait for a forward pass. connections: open at once. batch: the most examples of one
    forward pass. wait: seconds that a forward pass waits for requests that are being read. steps: the longest sequence
    taken, where the network takes any length; by default that of training, at most 1000.

    >>> Limits(rows=0)
    Traceback (most recent call last):
    netgrad.errors.NetgradError: the limit on rows must be above 0, found 0
    """

    body: int = 8 * 2**20
    rows: int = 10_000
    seconds: float = 30.0
    waiting: int = 1000
    connections: int = 500
    batch: int = 64
    wait: float = 0.002
    steps: int | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and (value < 0 or (value == 0 and field.name != "wait")):
                raise NetgradError(f"the limit on {field.name} must be above 0, found {value}")
