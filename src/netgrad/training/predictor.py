"""A prepared prediction: what can be checked and looked up beforehand is, so that a call costs little but its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.checks import default_float
from netgrad.errors import NetgradError, ShapeError
from netgrad.training.running import compiled_forward
from netgrad.training.single import plan_of

if TYPE_CHECKING:
    from netgrad.training.model import Model


class Predictor:
    """What `Model.predictor` gives: called with up to ``sizes[-1]`` examples, it answers as `Model.predict_proba` does.

    The weights are those that the model had when this was made. An array of another type is converted; whether its
    numbers are finite is not asked: what is not finite goes in, and comes out. Several threads may call it; those that
    shall not wait for each other take one each.

    >>> import netgrad as ng, numpy as np
    >>> model = ng.fit(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(3)]), np.eye(3), [0, 1, 2], epochs=1)
    >>> predictor = model.predictor(1, 8)
    >>> x, out = np.eye(3, dtype="float32"), np.empty((3, 3), "float32")
    >>> predictor(x, out=out) is out, bool(np.array_equal(out, model.predict_proba(x)))
    (True, True)
    """

    def __init__(self, model: Model, sizes: tuple[int, ...] = (1,)):
        if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
            raise NetgradError(f"sizes must be whole numbers of examples of at least 1, found {sizes!r}")
        if len(model.network.inputs) > 1 or len(model.network.outputs) > 1:
            ends = *model.network.inputs, *(name for name, _ in model.network.outputs)
            found = ", ".join(ends)
            raise NetgradError(f"a predictor is for one input and one output, found {found}: use predict_proba")
        self.sizes = tuple(sorted(set(sizes)))
        ((self._input, self.shape),) = model.shapes.items()
        self._output = model.network.outputs[0][0]
        linked = model.objective.without_penalties
        self._plan = plan_of(model.network, model.params, model.state, self.shape, linked)
        self._program = compiled_forward(model.network, linked)
        self._params, self._state, self._dtype = model.params, model.state, np.dtype(default_float())
        for size in self.sizes:
            self(np.zeros((size, *self.shape), self._dtype))

    def __call__(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Predictions for x (n, ...), into ``out`` where it is given."""
        x = np.asarray(x)
        n = len(x) if x.ndim else 0
        if x.shape[1:] != self.shape or not 0 < n <= self.sizes[-1]:
            raise ShapeError(f"expected 1 to {self.sizes[-1]} examples of shape {self.shape}, found {x.shape}")
        if self._plan is not None and n <= self._plan.most:
            return self._plan(x, out)
        x = np.asarray(x, self._dtype)
        if n not in self.sizes:
            size = next(size for size in self.sizes if size > n)
            x = np.concatenate([x, np.zeros((size - n, *self.shape), self._dtype)])
        outputs, _ = self._program.alone(self._params, self._state, {self._input: x}, {}, None)
        found: np.ndarray = np.asarray(outputs[self._output])[:n]
        if out is None:
            return found
        np.copyto(out, found)
        return out
