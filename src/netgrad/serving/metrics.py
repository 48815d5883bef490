"""What the server counts, for Prometheus to read."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from netgrad.serving.modelfile import ModelFile

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COUNTS = (1, 4, 16, 64, 256, 1024)


class Metrics:
    """Requests by path and status, their seconds, forward passes and their sizes, requests that wait; processor
    time and memory of the process, where the system states them.

    waiting: a function that says how many requests wait for a forward pass. file: what the model was loaded from.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, waiting: Callable[[], int], file: ModelFile | None = None):
        own = self._registry = CollectorRegistry()  # of this application alone: a process may hold several
        ProcessCollector(registry=own)
        self.requests = Counter("netgrad_requests", "Requests answered.", ["path", "status"], registry=own)
        self.seconds = Histogram("netgrad_request_seconds", "A request.", ["path"], buckets=SECONDS, registry=own)
        self.passes = Histogram("netgrad_forward_seconds", "A forward pass.", buckets=SECONDS, registry=own)
        self.examples = Histogram("netgrad_forward_examples", "In a forward pass.", buckets=COUNTS, registry=own)
        Gauge("netgrad_waiting_requests", "Waiting for a forward pass.", registry=own).set_function(waiting)
        if file is not None:
            changed = Gauge("netgrad_model_file_changed", "1 where it is not what was loaded.", registry=own)
            changed.set_function(lambda: file.state() != "as loaded")

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def forward(self, examples: int, seconds: float) -> None:
        """Count a forward pass."""
        self.passes.observe(seconds)
        self.examples.observe(examples)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)
