"""What a model that draws examples draws while it learns: kept by a callback, shown by the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.errors import NetgradError
from netgrad.training.callbacks import Callback

if TYPE_CHECKING:
    from netgrad.training.loop import Run

ROWS = 8  # epochs that are kept by default, beside the first weights
PICTURES, POINTS = 10, 200  # samples of an epoch by default: of examples that are looked at singly, and of points


@dataclass
class Samples(Callback):
    """Keeps samples of adversarial networks, variational autoencoders and Boltzmann machines as they learn.

    Before the first epoch, after every ``every``-th and after the last it draws ``count`` examples with the same
    ``seed``: what became of the same noise. They stand in `History.samples`, and `netgrad.report.write` draws them.

    Args:
        every: epochs between two drawings; by default an eighth of all. count: examples of each; by default 10, of
            points in the plane 200. shape: how an example is shown where it is not as it lies, (28, 28) of a picture
            as a row of 784 numbers. seed: of the noise.

    Raises `NetgradError` for a model that draws none, before training.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).random((100, 6))
    >>> net = ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(6)])
    >>> model = ng.fit(net, x, epochs=4, callbacks=[ng.Samples(every=2, shape=(2, 3))])
    >>> [(epoch, drawn.shape) for epoch, drawn in model.history.samples]
    [(0, (10, 2, 3)), (2, (10, 2, 3)), (4, (10, 2, 3))]
    """

    every: int | None = None
    count: int | None = None
    shape: tuple[int, ...] | None = None
    seed: int = 0
    taken: list[tuple[int, np.ndarray]] = field(default_factory=list, init=False)

    only_looks = True

    def __post_init__(self) -> None:
        for name in ("every", "count"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise NetgradError(f"Samples: {name} is a whole number of at least 1, found {value!r}")

    def on_start(self, run: Run) -> None:
        self.taken = run.history.samples = []
        model = run.model()
        if not hasattr(model, "sample"):
            raise NetgradError(f"Samples are drawn from a model that has `sample`, and {run.task.title} makes none")
        one = np.asarray(model.sample(1, seed=self.seed))[0]
        if self.shape is not None and one.size != np.prod(self.shape):
            raise NetgradError(f"Samples: an example has {one.size} numbers, which are no {self.shape}")
        self._count = self.count or (POINTS if one.shape == (2,) else PICTURES)
        self._every = self.every or -(-run.epochs // ROWS)
        self._take(run, model)

    def on_epoch(self, run: Run) -> None:
        if run.epoch - self.taken[-1][0] >= self._every or run.epoch == run.epochs or run.history.stopped:
            self._take(run, run.model())

    def state(self) -> dict[str, Any]:
        return {"epochs": [epoch for epoch, _ in self.taken], "drawn": [drawn for _, drawn in self.taken]}

    def restore(self, state: dict[str, Any]) -> None:
        self.taken[:] = zip(state["epochs"], state["drawn"], strict=True)

    def _take(self, run: Run, model: Any) -> None:
        drawn = np.asarray(model.sample(self._count, seed=self.seed))
        shape = drawn.shape[1:] if self.shape is None else tuple(self.shape)
        self.taken.append((run.epoch, drawn.reshape(len(drawn), *shape)))
