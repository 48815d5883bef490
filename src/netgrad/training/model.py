"""A model: a network with its parameters, what it was trained for, and the encodings around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import as_seed
from netgrad.data.checks import all_finite
from netgrad.data.encodings import TableEncoder
from netgrad.data.targets import TargetEncoder
from netgrad.errors import NetgradError, ShapeError, warn
from netgrad.habits import NO_CALL, answer
from netgrad.kernels.single import MOST, Plan
from netgrad.network import Network, Trace
from netgrad.offered import offered
from netgrad.training.batch import Batch
from netgrad.training.history import History
from netgrad.training.kept import Kept
from netgrad.training.measures import measured
from netgrad.training.objective import Objective, trace_batch
from netgrad.training.predictor import Predictor
from netgrad.training.prepare import check_inputs, in_shapes, make_batch
from netgrad.training.reconstruction import inputs_as_targets, part_of, sample
from netgrad.training.running import compiled_score, run
from netgrad.training.single import Kept as Plans
from netgrad.training.stream import gathered
from netgrad.types import Named, Params, Shape, State

if TYPE_CHECKING:
    from netgrad.network.summary import Summary
    from netgrad.training.tested import Tested
    from netgrad.uncertainty.posterior import Posterior


@dataclass
class Model:
    """What `netgrad.fit` returns and `netgrad.load` reads.

    network, params, state: the graph and its numbers. objective: what it was trained to minimise. shapes: of one
    example of each input. history: of the run. encoder, target_encoder: from a table's columns to inputs and from
    outputs back to the target's own terms, where there are any. card: free notes kept in the model file.
    optimizer_state: what ``fit(keep_optimizer=True)`` goes on from. posterior: what `netgrad.posterior` has made of the
    weights, of which predictions get a spread. tested: the examples of ``fit(test=)`` and the scores on them; of these
    the file has the scores, in the card.
    """

    network: Network
    params: Params
    state: State
    objective: Objective
    shapes: dict[str, Shape]
    history: History = field(default_factory=History)
    encoder: TableEncoder | None = None
    target_encoder: TargetEncoder | None = None
    card: dict[str, Any] = field(default_factory=dict)
    optimizer_state: Kept | None = None
    posterior: Posterior | None = None
    tested: Tested | None = None
    _plans: Plans = field(default_factory=Plans, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._plans = Plans()  # never those of a model that this one was made from

    # --- prediction

    def outputs(self, x: Any, lengths: Any = None) -> dict[str, np.ndarray]:
        """The network's raw outputs by name, (N, ..., units): logits where the loss has a link function."""
        return self.run_batch(self._inputs(x, lengths))[0]

    def predict_proba(self, x: Any, lengths: Any = None, *, spread: bool = False) -> Any:
        """What the outputs mean: probabilities (N, ..., classes) for a classifier, values for a regression.

        A dict by output where there are several. Values stay on the scale the network was trained on; `predict`
        undoes a target's scaling. With ``spread``, of a classifier with a posterior (`netgrad.posterior`): a pair of
        probabilities that know how sure the weights are, and the standard deviation of each.
        """
        if spread:
            return self._spread(x, lengths, "regression", "predict(x, spread=True)")
        linked = self.linked(x, lengths)
        self._warn_of(linked)
        return self._single(linked)

    def predict(self, x: Any, lengths: Any = None, *, spread: bool = False) -> Any:
        """Predictions in the target's own terms: labels (N, ...) for a classifier, values for a regression.

        Classes are numbers, or the labels that `fit` was given. A single regression unit is squeezed to (N, ...).
        A dict by output where there are several. A warning says where an output is not finite, and a prediction
        therefore none. With ``spread``, of a regression with a posterior (`netgrad.posterior`): a pair of values and
        the standard deviation of new targets around them, both in the target's own terms.
        """
        if spread:
            return self._spread(x, lengths, "classification", "predict_proba(x, spread=True)")
        linked = self.linked(x, lengths)
        self._warn_of(linked)
        return self._single(self.decide(linked))

    def predictor(self, *sizes: int) -> Predictor:
        """`predict_proba` as a prepared call, for many single predictions: checked and compiled now, not every time.

        sizes: the numbers of examples that programs are compiled for, (1,) by default; fewer are filled up to the next.
        """
        return Predictor(self, sizes or (1,))

    def _spread(self, x: Any, lengths: Any, not_for: str, instead: str) -> tuple[Any, Any]:
        tasks = {"classification" if loss.task == "multilabel" else loss.task for _, loss, _ in self.objective.terms}
        if not_for in tasks:
            raise NetgradError(f"of a {not_for} the spread is asked for by {instead}")
        made: tuple[Any, Any] = offered("spread_of")(self, x, lengths)
        return made

    def linked(self, x: Any, lengths: Any = None) -> dict[str, np.ndarray]:
        """What the outputs mean, by output: the first half of `predict`."""
        return self.run_batch(self._inputs(x, lengths), link=True)[0]

    def decide(self, linked: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """From what the outputs mean to predictions, by output: the second half of `predict`."""
        return {name: self._decide(loss, linked[name]) for name, loss, _ in self.objective.terms}

    def _warn_of(self, linked: Mapping[str, np.ndarray]) -> None:
        for name, value in linked.items():
            if not all_finite(value):
                bad = (~np.isfinite(value)).reshape(len(value), -1).any(1)
                why = self.not_finite() or "inputs or weights are too large"
                warn(f"{name} is not finite for {bad.sum():,} of {len(bad):,} examples, first {bad.argmax()}: {why}")

    def monte_carlo(self, x: Any, samples: int = 100, lengths: Any = None, seed: int = 0) -> tuple[Any, Any]:
        """Mean and spread of many predictions in which dropout drops: how sure the network is of each of its outputs.

        Probabilities for a classifier, as from `predict_proba`; values in the target's own terms for a regression.
        Spread is the standard deviation over the samples. Batch statistics are those of prediction.

        >>> import netgrad as ng, numpy as np
        >>> net = ng.Sequential([ng.Dense(8, activation="relu"), ng.Dropout(), ng.Dense(1)])
        >>> model = ng.fit(net, np.eye(3), [0.1, 0.2, 0.3], epochs=1)
        >>> mean, spread = model.monte_carlo(np.eye(3), samples=20)
        >>> mean.shape, bool((spread > 0).all())
        ((3,), True)
        """
        if not isinstance(samples, int) or samples < 2:
            raise NetgradError(f"a spread needs at least 2 samples, found {samples!r}")
        batch, key = self._inputs(x, lengths), jax.random.key(as_seed(seed))
        mean: dict[str, np.ndarray] = {}
        squares: dict[str, np.ndarray] = {}
        for i in range(samples):
            drawn = self.run_batch(batch, jax.random.fold_in(key, i), link=True)[0]
            for name, loss, _ in self.objective.terms:
                if loss.task == "regression":
                    drawn[name] = self._decide(loss, drawn[name])
            for name, value in drawn.items():  # Welford's algorithm: one sample in memory at a time
                away = value - mean.get(name, 0.0)
                mean[name] = mean.get(name, 0.0) + away / (i + 1)
                squares[name] = squares.get(name, 0.0) + away * (value - mean[name])
        spread = {name: np.sqrt(total / (samples - 1)) for name, total in squares.items()}
        if not any(value.any() for value in spread.values()):
            warn("all samples are the same: this network has no dropout, and its spread of 0 says nothing")
        return self._single(mean), self._single(spread)

    def _inputs(self, x: Any, lengths: Any) -> Batch:
        inputs, checked_lengths = check_inputs(self.network, self.encode_inputs(gathered(x)[0]), lengths)
        self._check_shapes(in_shapes(inputs))
        return Batch(inputs, {}, {}, checked_lengths)

    def _decide(self, loss: Any, value: np.ndarray) -> np.ndarray:
        if loss.task == "regression":
            if self.target_encoder is not None:
                value = self.target_encoder.decode(value)
            return value[..., 0] if value.ndim > 1 and value.shape[-1] == 1 else value
        if loss.task == "classification":
            labels = value.argmax(-1)
        else:
            labels = (value >= 0.5).astype(int)
            labels = labels[..., 0] if labels.shape[-1] == 1 else labels
        return self.target_encoder.decode(labels) if self.target_encoder is not None else labels

    def evaluate(
        self, x: Any, y: Any = None, sample_weight: Any = None, lengths: Any = None, metrics: Any = None
    ) -> dict[str, float]:
        """Loss and metrics on these examples, see `netgrad.training.metrics.score`; further ``metrics`` as for
        `netgrad.fit`.

        The loss is on the scale that the network was trained on; ``rmse`` in the target's own units, where an
        encoder scaled one. y: left out for a model that reconstructs x.
        """
        batch = self.batch(x, y, sample_weight, lengths)
        return self.score_batch(batch) | ({} if metrics is None else measured(self, batch, metrics))

    def score_batch(self, batch: Batch) -> dict[str, float]:
        """`evaluate` on a batch that has been checked already."""
        outputs, lengths = self.run_batch(batch)
        measured = compiled_score(self.objective.without_penalties)(outputs, batch, lengths)
        scores = self.in_units({name: float(value) for name, value in measured.items()})
        encoder = self.target_encoder
        bent = "rmse" in scores and encoder is not None and encoder.one_dimensional and encoder.bends
        return scores | self._own_terms(outputs, batch) if bent else scores

    def in_units(self, scores: dict[str, float]) -> dict[str, float]:
        """These scores with ``rmse`` in the units of the target, where an encoder scaled it."""
        encoder = self.target_encoder
        if "rmse" not in scores or encoder is None or not encoder.one_dimensional:
            return scores
        return scores | {"rmse": scores["rmse"] * encoder.unit}

    def _own_terms(self, outputs: dict[str, Any], batch: Batch) -> dict[str, float]:
        """rmse and r2 of the predictions themselves, where these are no mere rescaling of the outputs."""
        ((name, loss, _),) = self.objective.terms
        encoder = self.target_encoder
        assert encoder is not None
        predicted = encoder.decode(np.asarray(loss.link(outputs[name])))
        truth, weight = encoder.decode(np.asarray(batch.y[name]), limited=False), batch.weights.get(name)
        weight = np.ones(len(truth)) if weight is None else np.asarray(weight)
        square = float(np.average((predicted - truth) ** 2, weights=weight))
        spread = float(np.average((truth - np.average(truth, weights=weight)) ** 2, weights=weight))
        return {"rmse": square**0.5, "r2": 1 - square / spread if spread else float("nan")}

    def run_batch(self, batch: Batch, key: jax.Array | None = None, link: bool = False) -> tuple[Named, Named]:
        """Outputs and their lengths, a bounded number of examples at a time.

        With a key, dropout drops; with ``link`` the outputs are what they mean, see `Loss.link`. A few examples go
        without JAX where the layers can (`netgrad.training.single`), with the same results to rounding.
        """
        linked = self.objective.without_penalties if link else None
        if key is None and (plan := self.plan_for(batch, link)) is not None:
            return {self.network.outputs[0][0]: plan(next(iter(batch.x.values())))}, {}
        return run(self.network, linked, self.params, self.state, batch, key)

    def plan_for(self, batch: Batch, link: bool = False) -> Plan | None:
        """What `run_batch` runs these few examples by, whatever their number up to its ``most``; None for others."""
        if len(batch.x) > 1 or batch.lengths or (n := batch.size) > MOST:
            return None
        linked = self.objective.without_penalties if link else None
        shape = next(iter(batch.x.values())).shape[1:]
        plan = self._plans.plan(self.network, self.params, self.state, shape, linked)
        return plan if plan is not None and n <= plan.most else None

    # --- looking inside

    def trace(
        self, x: Any, y: Any = None, *, lengths: Any = None, reduction: str = "sum", training: bool = False
    ) -> Trace:
        """Every named quantity of one pass over these examples, forward and backward.

        With reduction "sum", the default, each row of ``delta`` is that example's own gradient and ``dW`` their
        sum, as the texts write them; with "mean" they are what a training step on this batch sees.

        >>> import netgrad as ng, numpy as np
        >>> net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
        >>> model = ng.fit(net, np.eye(3), [0.1, 0.2, 0.3], epochs=1)
        >>> model.trace(np.eye(3), [0.1, 0.2, 0.3])["dense_1"].delta.shape
        (3, 2)
        """
        objective = replace(self.objective, reduction=reduction)
        batch = jax.tree.map(jnp.asarray, self.batch(x, y, None, lengths))
        key = jax.random.key(0) if training else None
        return trace_batch(self.network, objective, self.params, self.state, batch, key, training)

    def diagnose(
        self, x: Any, y: Any = None, *, lengths: Any = None, validation: Any = None, measure: bool = False
    ) -> Any:
        """What is wrong with this network, where, how that shows, and what to do: `netgrad.diagnosis.diagnose`."""
        return offered("diagnose")(self, x, y, lengths=lengths, validation=validation, measure=measure)

    def not_finite(self) -> str:
        """Which weights are not finite numbers, in words; empty where all are.

        >>> import netgrad as ng, numpy as np
        >>> model = ng.untrained(ng.Sequential([ng.Dense(2)]), np.eye(3), np.eye(3)[:, :2])
        >>> model.params["dense_1"]["b"] = np.array([0.0, np.nan])
        >>> model.not_finite()
        '1 of 2 numbers in b of layer dense_1 is not finite'
        """
        told = []
        for kept in (self.params, self.state):
            for path, leaf in jax.tree_util.tree_leaves_with_path(kept):
                finite = np.isfinite(leaf)
                if not finite.all():
                    layer, *parts = (str(getattr(key, "key", getattr(key, "idx", key))) for key in path)
                    are = "is" if finite.size - finite.sum() == 1 else "are"
                    counted = f"{finite.size - finite.sum():,} of {finite.size:,} numbers"
                    told.append(f"{counted} in {'.'.join(parts)} of layer {layer} {are} not finite")
        more = f" and so in {len(told) - 1} more place{'s' * (len(told) > 2)}" if len(told) > 1 else ""
        return told[0] + more if told else ""

    @property
    def effective(self) -> Params:
        """The parameters that the layers compute with; ``params`` are those that are stored (`Network.effective`)."""
        return self.network.effective(self.params)

    @property
    def parameters(self) -> int:
        """How many numbers the model has learned; tied ones count once, masks not at all."""
        return self.network.count(self.params)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"Model of {len(self.network.nodes)} layers, {self.parameters} parameters, inputs {shapes}"

    def summary(self, examples: int | None = None) -> Summary:
        """The network's table of layers, see `Network.summary`."""
        return self.network.summary(self.shapes, examples)

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refused: what a call gives is another thing in each library."""
        raise NetgradError(f"a model is not called: {NO_CALL}")

    def __getattr__(self, name: str) -> Any:
        raise answer("model", name)

    def _repr_html_(self) -> str:
        """The layers and the run, in a notebook."""
        history = self.history._repr_html_() if len(self.history) else ""
        return self.summary()._repr_html_() + history

    def without(self, output: str) -> Model:
        """This model without one of its outputs: for hints, which are outputs that only training uses.

        What led to that output alone is dropped with it: layers, inputs, its loss, penalties on its layers.
        Source: Pattipati "Backprop Practicalities", training with hints.

        >>> import netgrad as ng, numpy as np
        >>> x = ng.Input()
        >>> h = ng.Dense(4, activation="tanh")(x)
        >>> net = ng.Network(x, {"fault": ng.Dense(2)(h), "severity": ng.Dense(1)(h)})
        >>> model = ng.fit(net, np.eye(3), {"fault": [0, 1, 1], "severity": [0.0, 0.3, 0.9]}, epochs=1)
        >>> model.without("severity").predict(np.eye(3)).shape
        (3,)
        """
        network = self.network.without(output)
        layers = {node.params for node in network.nodes}
        terms = tuple(term for term in self.objective.terms if term[0] != output)
        if not terms:
            raise NetgradError(f"{output!r} is the only output that was trained: leave out another")
        penalties = (penalty.among(layers) for penalty in self.objective.penalties)
        return replace(
            self,
            network=network,
            params=self.network.left_to(network, self.params),
            state={name: value for name, value in self.state.items() if name in layers},
            objective=replace(self.objective, terms=terms, penalties=tuple(p for p in penalties if p is not None)),
            shapes={name: shape for name, shape in self.shapes.items() if name in network.inputs},
            optimizer_state=None,
            posterior=None,
            tested=None,
        )

    def frozen(self, which: Any) -> Model:
        """This model with a network of which parts are frozen: a selector of `Network.frozen`, or several in a list or
        tuple; None is nothing."""
        if which is None:
            return self
        network = self.network.frozen(*(which if isinstance(which, list | tuple) else (which,)))
        network.param_shapes(self.shapes)  # what does not fit is said here
        return replace(self, network=network, posterior=None)

    def masked(self, path: str, mask: Any) -> Model:
        """This model with a mask before a parameter, "dense_1/W": where it is 0, the weight is 0 and stays so.

        mask: an array of zeros and ones (or truth values) of the parameter's shape; it takes the place of one that is
        there. Trained further, the rest of the weights make up for what is gone; see `Network.masked`.

        >>> import netgrad as ng, numpy as np
        >>> net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
        >>> model = ng.fit(net, np.eye(3), [0.1, 0.2, 0.3], epochs=2)
        >>> W = model.params["dense_1"]["W"]
        >>> pruned = model.masked("dense_1/W", np.abs(W) > np.median(np.abs(W)))  # the smaller half
        >>> int((ng.fit(pruned, np.eye(3), [0.1, 0.2, 0.3], epochs=5).params["dense_1"]["W"] == 0).sum())
        12
        """
        network = self.network.masked(path)
        params = self.network.with_mask(self.params, path, mask)
        return replace(self, network=network, params=params, optimizer_state=None, posterior=None, tested=None)

    # --- parts

    def part(self, name: str) -> Model:
        """A part of this model as a model of its own, that predicts, saves and trains further: "encoder", "decoder".

        name: what stands before the names of its layers. What it is fed is its input, its last layer its output; of a
        tied weight it has the numbers. Raises `NetgradError` where there is no such part.

        >>> import netgrad as ng, numpy as np
        >>> model = ng.fit(ng.Autoencoder([ng.Dense(2)], [ng.Dense(3)]), np.eye(3), epochs=1)
        >>> model.part("encoder").predict(np.eye(3)).shape
        (3, 2)
        """
        return part_of(self, name)

    def encode(self, x: Any, lengths: Any = None) -> np.ndarray:
        """The codes (N, ...) of these examples: what the part named "encoder" makes of them, see `Autoencoder`."""
        coded: np.ndarray = self.part("encoder").predict_proba(x, lengths)
        return coded

    def decode(self, code: Any) -> np.ndarray:
        """What the part named "decoder" makes of these codes (N, ...): examples, on the scale of training."""
        decoded: np.ndarray = self.part("decoder").predict_proba(code)
        return decoded

    def sample(self, n: int = 1, seed: int = 0) -> np.ndarray:
        """New examples (n, ...) from codes drawn from N(0, 1): of a variational autoencoder, see `Gaussian`."""
        return sample(self, n, seed)

    # --- encodings

    def batch(self, x: Any, y: Any = None, sample_weight: Any = None, lengths: Any = None) -> Batch:
        """Encoded and checked examples, ready for this model's network and objective; y as for `evaluate`."""
        if y is None:
            x, y = gathered(x)
        x = self.encode_inputs(x)
        if y is None and self.objective.reconstructs:
            y = inputs_as_targets(self.network, x)
        y = self.encode_targets(y)
        batch = make_batch(self.network, self.objective, x, y, sample_weight, lengths)
        self._check_shapes(in_shapes(batch.x))
        return batch

    def encode_inputs(self, x: Any) -> Any:
        """A data frame through the model's encoder, where it has one; arrays as they are."""
        return self.encoder.transform(x) if self.encoder is not None and hasattr(x, "columns") else x

    def encode_targets(self, y: Any) -> Any:
        """Targets in their own terms as the loss compares them, where the model has an encoder."""
        return self.target_encoder.transform(y) if self.target_encoder is not None else y

    # --- files

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file with parameters, architecture, encodings and card (`netgrad.training.files`)."""
        written: Path = offered("save")(self, path)
        return written

    def _single(self, by_name: dict[str, Any]) -> Any:
        return by_name if len(self.network.outputs) > 1 else next(iter(by_name.values()))

    def _check_shapes(self, shapes: Mapping[str, Shape]) -> None:
        """Refuse inputs whose parameters would have other shapes than the model's."""
        if shapes == self.shapes:
            return  # the common case; tracing the shapes of all parameters would take longer than the prediction
        expected = self.network.param_shapes(shapes)
        for (path, want), have in zip(
            jax.tree_util.tree_leaves_with_path(expected), jax.tree.leaves(self.params), strict=True
        ):
            if want.shape != have.shape:
                raise ShapeError(
                    f"inputs of shape {_show(shapes)} do not fit this model, trained on {_show(self.shapes)}: "
                    f"{jax.tree_util.keystr(path)} would be {want.shape}, it is {have.shape}"
                )


def _show(shapes: Mapping[str, Shape]) -> str:
    if not shapes:
        raise NetgradError("the model does not know the shapes of its inputs")
    return ", ".join(f"{name} {('N', *shape)}".replace("'", "") for name, shape in shapes.items())
