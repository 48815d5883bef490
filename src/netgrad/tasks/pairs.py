"""Learning with few labels: of other examples it is known which are alike, and which are not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netgrad import optimizers
from netgrad.compiling import as_seed
from netgrad.data.checks import as_array, same_examples
from netgrad.errors import DataError, NetgradError, ShapeError, unknown_name
from netgrad.habits import OF_FIT, answering
from netgrad.network import Network, backward, forward, fused, next_state
from netgrad.registry import register
from netgrad.tasks.similarity import as_pairs, check_numbers, in_both
from netgrad.training.batch import Batch
from netgrad.training.callbacks import Callback
from netgrad.training.history import History
from netgrad.training.model import Model
from netgrad.training.prepare import check_inputs, in_shapes, make_batch
from netgrad.training.supervised import scannable, update
from netgrad.training.task import Carry, StepReport, Task
from netgrad.training.told import plain
from netgrad.training.train import train
from netgrad.training.untrained import untrained
from netgrad.types import Named, Params

ALIKE = {"similar": True, "dissimilar": False}


def margin_loss(one: Any, two: Any, similar: Any, margin: float) -> tuple[jax.Array, jax.Array]:
    """The error of pairs (P,), and its derivative by the first of each (P, d); by the second it is the negative.

    Of similar ones it is ||z_n - z_m||^2, of others max(0, margin - ||z_n - z_m||^2): what is unlike is pushed apart
    until its squared distance is the margin. one, two: (P, d). similar: whether they are, one for all or (P,).

    >>> error, slope = margin_loss(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]), False, margin=1.0)
    >>> error.tolist(), slope.tolist()
    ([0.5], [[1.0, -1.0]])
    """
    away = jnp.asarray(one) - jnp.asarray(two)
    square = (away**2).sum(-1)
    error = jnp.where(similar, square, jnp.maximum(0, margin - square))
    pull = jnp.where(similar, 2.0, jnp.where(square < margin, -2.0, 0.0)).astype(away.dtype)
    return error, pull[:, None] * away


@register("task", "siamese")
@dataclass(frozen=True)
class Siamese(Task):
    """Supervised training in turn with that on pairs, what `fit_pairs` makes of its arguments.

    A step updates a network by a batch of labelled examples, then by one of similar pairs, then by one of dissimilar
    ones, each of both of which goes through the same network. In a batch, pairs stand beside the inputs, as
    "similar x" and "dissimilar x" of shape (N, 2, ...). In the history: ``loss``, that of the labelled examples and
    weight / 2 times those of the pairs; ``labelled``, ``similar`` and ``dissimilar``, each by itself.
    """

    blank: Model = field(compare=False, repr=False)
    network: Network
    objective: Any
    optimizer: Any
    margin: float = 1.0
    weight: float = 1.0
    layer: str | None = None

    @classmethod
    def of(cls, model: Model, optimizer: Any, **settings: Any) -> Siamese:
        """The task of training this model."""
        blank = replace(model, params={}, state={}, history=History(), posterior=None, tested=None)
        return cls(blank, model.network, model.objective, optimizer, **settings)

    def __post_init__(self) -> None:
        for name in ("margin", "weight"):
            number = plain(getattr(self, name))
            if not isinstance(number, int | float) or not 0 < number < math.inf:
                raise NetgradError(f"{name} is a number above 0, found {number!r}")
            object.__setattr__(self, name, float(number))
        if self.layer is None and len(self.network.outputs) > 1:
            names = ", ".join(self.network.output_names)
            raise NetgradError(f"this network has the outputs {names}: name the layer that pairs are compared at")
        if self.layer is not None and self.layer not in self.network.by_name:
            raise unknown_name("layer", self.layer, self.network.by_name)

    def batch(self, data: Any) -> Batch:
        return data if isinstance(data, Batch) else self.blank.batch(*data)

    def init(self, key: jax.Array, batch: Batch) -> Any:
        return self.network.init(key, in_shapes(self._labelled(batch).x))

    def init_optimizer(self, params: Params) -> Any:
        return self.optimizer.init(params)

    def scannable(self, batch: Batch) -> bool:
        return scannable(self.network, in_shapes(self._labelled(batch).x))

    def step(self, carry: Carry, batch: Batch, key: jax.Array) -> tuple[Carry, StepReport]:
        first, other = jax.random.split(key)
        names = self.network.inputs
        carry, report = update(self.network, self.objective, self.optimizer, carry, self._labelled(batch), first)
        kinds = [kind for kind in ALIKE if f"{kind} {names[0]}" in batch.x]
        if not kinds:
            raise NetgradError("these examples have no pairs beside them: train by netgrad.tasks.fit_pairs")
        pairs = {name: jnp.stack([batch.x[f"{kind} {name}"] for kind in kinds]) for name in names}
        turns = (pairs, jnp.array([ALIKE[kind] for kind in kinds]), jax.random.split(other, len(kinds)))
        # A loop, so that one body is compiled for both, and rounds alike in whatever program it stands.
        apart = not self.scannable(batch)
        carry, errors = jax.lax.scan(lambda now, turn: self._update(now, *turn), carry, turns, unroll=apart)
        loss = report["loss"] + 0.5 * self.weight * errors.sum()
        return carry, {"loss": loss, "labelled": report["loss"], **dict(zip(kinds, errors, strict=True))}

    def _update(self, carry: Carry, pairs: Named, alike: jax.Array, key: jax.Array) -> tuple[Carry, jax.Array]:
        """One update by pairs, all of which go through the network as one batch of twice as many examples."""
        network, seen = self._embedding
        inputs = {name: jnp.concatenate([v[:, 0], v[:, 1]]) for name, v in pairs.items()}
        run = forward(network, carry.params, carry.state, inputs, training=True, key=key)
        z = run.outputs[seen]
        one, two = z.reshape(2, len(z) // 2, -1)
        error, slope = margin_loss(one, two, alike, self.margin)
        shared = 1 if self.objective.reduction == "sum" else len(error)
        d_z = (0.5 * self.weight / shared * jnp.concatenate([slope, -slope])).reshape(z.shape)
        d_outputs = {name: d_z if name == seen else jnp.zeros_like(v) for name, v in run.outputs.items()}
        gradient = backward(network, carry.params, run.saved, d_outputs).params
        updates, opt_state = self.optimizer.update(gradient, carry.opt_state, carry.params)
        params = optax.apply_updates(carry.params, updates)
        return Carry(params, next_state(network, carry.state, run.saved), opt_state), error.sum() / shared

    @cached_property
    def _embedding(self) -> tuple[Network, str]:
        """The network with an output at which pairs are compared, and that output's name."""
        net = self.network
        if self.layer is None or (self.layer, self.layer) in net.outputs:
            return fused(net), self.layer or net.output_names[0]
        seen = f"{self.layer} of pairs"
        return fused(Network.from_nodes(net.inputs, net.nodes, [*net.outputs, (seen, self.layer)], net.views)), seen

    def _labelled(self, batch: Batch) -> Batch:
        return batch._replace(x={name: batch.x[name] for name in self.network.inputs})

    def wrapped(self, callback: Callback) -> Siamese:
        return replace(self, optimizer=callback.wrap(self.optimizer, self.blank))

    def score(self, carry: Carry, batch: Batch) -> Mapping[str, Any]:
        """As of any model, by labelled examples alone."""
        return self.result(carry, History()).score_batch(self._labelled(batch))

    def result(self, carry: Carry, history: History) -> Model:
        return replace(self.blank, params=carry.params, state=carry.state, history=history)


@answering("fit_pairs", OF_FIT)
def fit_pairs(
    network: Network,
    x: Any,
    y: Any,
    *,
    similar: Any = None,
    dissimilar: Any = None,
    labelled: Any = None,
    margin: float = 1.0,
    weight: float = 1.0,
    layer: str | None = None,
    loss: Any = None,
    penalty: Any = None,
    optimizer: Any = "adam",
    learning_rate: Any = None,
    clip_norm: float | None = None,
    epochs: int = 20,
    batch_size: int | None = 32,
    validation: Any = None,
    patience: int | None = None,
    epochs_per_call: int = 1,
    starts: int = 1,
    callbacks: Sequence[Callback] = (),
    checkpoint: Any = None,
    progress: bool = False,
    seed: int = 0,
    params: Any = None,
) -> Model:
    """Train a network on few labelled examples and on pairs of which is known only whether they are alike: a `Model`.

    In turn an update by a batch of labelled examples, one by similar pairs and one by dissimilar pairs: together down
    J = sum of the loss + weight / 2 * sum of `margin_loss`, each sum over its own examples and a mean as in `fit`. An
    epoch is as long as the longest of the three lists, and goes through the others again and again.

    Args:
        x: (N, ...) all examples, labelled or not; or a dict of them by input, or a data frame.
        y: targets of the labelled ones. labelled: which these are, their numbers in x; by default the first ones.
        similar, dissimilar: (P, 2) numbers in x of two examples each; one of them may be left out. `neighbour_pairs`,
            `random_pairs` and `altered_pairs` make some. Each is held in memory as two examples.
        margin: squared distance from which on dissimilar examples are left alone. weight: lambda, how much pairs count.
        layer: where pairs are compared, a layer's name; by default at the network's output, before the link of the loss
            (softmax), as the text does.
        params: begin with these, see `netgrad.tasks.pretrain`. validation: labelled examples (x, y). Everything else as
            for `netgrad.fit`.

    Raises `NetgradError` for unknown examples, contradictory pairs, an example with itself, no pairs, a margin that is
    not above 0, and optimisers that want one loss to go down (those without a rate, such as "lbfgs").

    Sources: Pattipati "Semi-supervised Learning of MLPs", which prints J squared as a whole, a slip; Weston et al.
    (2008), deep learning via semi-supervised embedding; Hadsell et al. (2006).

    >>> import netgrad as ng, numpy as np
    >>> from netgrad.tasks import fit_pairs, neighbour_pairs, random_pairs
    >>> x = np.random.default_rng(0).normal(size=(100, 2)) + np.repeat([[0, 0], [5, 5]], 50, axis=0)
    >>> net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(2)])
    >>> alike = neighbour_pairs(x, k=3)
    >>> apart = random_pairs(100, 100, besides=alike)
    >>> model = fit_pairs(net, x, [0, 1], labelled=[0, 99], similar=alike, dissimilar=apart, epochs=5)
    >>> model.predict(x[[3, 77]]).tolist(), model.history.columns[1:]
    ([0, 1], ['loss', 'dissimilar', 'labelled', 'similar'])
    """
    seed = as_seed(seed)
    if not isinstance(network, Network):
        raise NetgradError(
            f"fit_pairs trains a network, found a {type(network).__name__}: of a model give model.network, "
            "params=model.params"
        )
    if y is None:
        raise DataError("y, the targets of the labelled examples, are missing")
    if validation is not None and not (isinstance(validation, tuple) and len(validation) == 2):
        found = type(validation).__name__
        raise NetgradError(f"validation is a pair (x, y) of labelled examples, not among those of x: found a {found}")
    start = untrained(network, x, y, loss=loss, penalty=penalty, seed=seed, params=params)
    chosen = optimizers.get(
        optimizers.named(optimizer), plain(learning_rate), plain(clip_norm), start.network.untrained
    )
    task = Siamese.of(start, chosen, margin=margin, weight=weight, layer=layer)
    _check_takes_turns(task, start.params)
    data = _examples(start, x, y, labelled, {"similar": similar, "dissimilar": dissimilar}, seed)
    trained: Model = train(
        task, data, epochs=epochs, batch_size=batch_size, validation=validation, patience=patience,
        epochs_per_call=epochs_per_call, starts=starts, callbacks=callbacks, checkpoint=checkpoint, progress=progress,
        seed=seed, params=None if params is None else start.params,
    )  # fmt: skip
    return trained


def _check_takes_turns(task: Siamese, params: Params) -> None:
    """Refuse an optimiser that asks for more than a gradient: a line search, say, along a loss that changes in turn."""
    try:
        jax.eval_shape(lambda p: task.optimizer.update(p, task.optimizer.init(p), p), params)
    except TypeError as error:
        raise NetgradError(
            "this optimizer asks for more than gradients, and labelled examples and pairs take turns with losses of "
            "their own: use one that does not, such as adam or sgd"
        ) from error


def _examples(start: Model, x: Any, y: Any, labelled: Any, given: dict[str, Any], seed: int) -> Batch:
    """Labelled examples and pairs side by side, each list repeated until it is as long as the longest."""
    inputs, _ = check_inputs(start.network, start.encode_inputs(x))
    n = same_examples(**inputs)
    count = len(next(iter(y.values())) if isinstance(y, Mapping) else y)
    own = as_array(range(count) if labelled is None else labelled, "labelled")
    if own.ndim != 1 or own.size == 0:
        raise ShapeError(f"labelled has shape {own.shape}: expected (L,), the numbers of the labelled examples in x")
    check_numbers(own, n, "labelled")
    same_examples(labelled=own, **(y if isinstance(y, Mapping) else {"y": y}))
    pairs = {kind: as_pairs(spec, n, kind) for kind, spec in given.items()}
    if not any(map(len, pairs.values())):
        raise DataError("there are no pairs: give similar, dissimilar or both, or train by netgrad.fit")
    if len(both := in_both(**pairs)):
        raise DataError(f"examples {both[0][0]} and {both[0][1]} are similar and dissimilar: give one of both")
    known = make_batch(
        start.network, start.objective, {name: v[own] for name, v in inputs.items()}, start.encode_targets(y)
    )
    size, rng = max(len(own), *map(len, pairs.values())), np.random.default_rng(seed)
    data = known.take(_repeated(len(own), size, rng))
    for kind, numbers in pairs.items():
        if len(numbers):
            drawn = numbers[_repeated(len(numbers), size, rng)]
            data.x.update({f"{kind} {name}": v[drawn] for name, v in inputs.items()})
    return data


def _repeated(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """``size`` numbers below ``count``, all equally often as far as it goes, in a new order in each round."""
    if count == size:
        return np.arange(size)
    return np.concatenate([rng.permutation(count) for _ in range(-(-size // count))])[:size]
