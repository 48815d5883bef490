"""Trials: the same start and the same examples once more, at other rates side by side in one compiled program."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad import optimizers
from netgrad.compiling import INITIAL, random_key
from netgrad.diagnosis.examples import Examples
from netgrad.errors import ShapeError
from netgrad.optimizers.schedules import adjustable, set_level
from netgrad.training.batch import Batch
from netgrad.training.epoch import SHARED, compiled_epochs
from netgrad.training.model import Model
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry

TRIED = 2000  # examples that a trial of other learning rates sees, at most
FEW, ALONE = 32, 300  # examples that are learned by heart, and updates that this may take
FACTORS = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)  # of the learning rate, that a trial compares


class Trials(Examples):
    """What becomes of a model on `Examples` when it is trained anew otherwise."""

    @cached_property
    def start(self) -> Model:
        """The model as its network is drawn, before the first step."""
        key = random_key(int(self.settings.get("seed", 0)), INITIAL)
        params, state = self.network.init(key, self.model.shapes)
        return replace(self.model, params=params, state=state)

    @cached_property
    def rates(self) -> dict[float, float]:
        """Loss after a few epochs from the start with the learning rate times each of `FACTORS`.

        Empty where the optimiser is not known by name or finds its own step.
        """
        return self._trial(self.settings.get("batch_size"))

    @cached_property
    def smaller_batches(self) -> dict[float, float]:
        """The same with 32 examples a step."""
        return self._trial(32)

    @cached_property
    def by_heart(self) -> float:
        """The loss after `ALONE` updates of Adam on `FEW` examples alone, with the best of `FACTORS` and without
        penalties; the mean, whether or not the model's is a sum."""
        plain = replace(self.model.objective, penalties=(), weight_noise=0.0, reduction="mean")
        free = replace(self.model, objective=plain)
        chosen = adjustable(optimizers.get("adam", None, None, self.start.network.untrained))
        return min(self._tried(free, chosen, self.some(FEW), FEW, ALONE).values(), default=float("nan"))

    def _trial(self, batch_size: int | None) -> dict[float, float]:
        name, rate = self.settings.get("optimizer"), self.settings.get("learning_rate")
        if name not in optimizers.OPTIMIZERS or optimizers.OPTIMIZERS[name][1] is None or rate == "given":
            return {}
        chosen = adjustable(optimizers.get(name, rate, self.settings.get("clip_norm"), self.start.network.untrained))
        data = self.some(TRIED)
        size = min(batch_size or data.size, data.size)
        count = int(np.clip(self.settings.get("epochs", 3), 1, max(2, 400 * size // data.size)))
        return self._tried(self.model, chosen, data, size, count)

    def _tried(self, model: Model, chosen: Any, examples: Batch, size: int, count: int) -> dict[float, float]:
        """The loss after so many epochs from the start with the rate times each of `FACTORS`, side by side; nothing
        where a layer refuses batches of this size.

        The batches are whole ones and in every epoch the same, drawn at random: drawing them anew takes as long to
        compile as the steps, and so does a smaller last one.
        """
        size = min(size, examples.size)
        whole = np.random.default_rng(1).permutation(examples.size)[: examples.size // size * size]
        data = jax.tree.map(jnp.asarray, examples.take(whole))
        start = Carry(self.start.params, self.start.state, chosen.init(self.start.params))
        carries = [start._replace(opt_state=set_level(start.opt_state, factor)) for factor in FACTORS]
        together: Carry = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *carries)
        task = Supervised.of(model, chosen)
        program = compiled_epochs(task, size, False, count, SHARED)
        try:
            _, reports = program(together, data, jax.random.key(1), 0)
        except ShapeError:  # batches of another size than the run's that a layer refuses
            return {}
        sizes = [size] * (data.size // size)
        losses = task.summary({name: np.asarray(values)[:, -1] for name, values in reports.items()}, sizes)["loss"]
        return {f: float(loss) if np.isfinite(loss) else np.inf for f, loss in zip(FACTORS, losses, strict=True)}
