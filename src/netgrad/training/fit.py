"""`fit`: supervised training of a network, from whatever a user has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from netgrad import optimizers
from netgrad.compiling import as_seed
from netgrad.data.targets import TargetEncoder
from netgrad.errors import NetgradError
from netgrad.habits import OF_FIT, answering
from netgrad.network import Autoencoder, Network
from netgrad.offered import offered
from netgrad.optimizers.layerwise import Paces
from netgrad.optimizers.schedules import scheduled
from netgrad.training import balance
from netgrad.training.batch import Batch, split
from netgrad.training.callbacks import Callback, ReduceOnPlateau
from netgrad.training.checkpoint import rates
from netgrad.training.frames import unusual
from netgrad.training.history import History
from netgrad.training.kept import Kept, kept_by
from netgrad.training.measures import Metrics
from netgrad.training.model import Model
from netgrad.training.precision import as_dtype
from netgrad.training.prepare import (
    output_lengths,
)
from netgrad.training.restart import refuse_to_forget
from netgrad.training.stream import Stream, as_stream, collected, first_pair
from netgrad.training.supervised import Supervised, compiled_start
from netgrad.training.task import Carry
from netgrad.training.tested import fit_and_test
from netgrad.training.told import course, plain, steps_an_epoch, told_weights
from netgrad.training.train import carry_out, counts, placed_on, watching
from netgrad.training.truncated import check_pieces
from netgrad.training.untrained import start_of
from netgrad.trees import by_path, covers
from netgrad.types import Params


@answering("fit", OF_FIT)
def fit(
    network: Network | Model,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = "adam",
    learning_rate: Any = None,
    schedule: str | None = None,
    epochs: int = 20,
    batch_size: int | None = 32,
    validation: Any = None,
    sample_weight: Any = None,
    lengths: Any = None,
    loss_weights: Any = None,
    class_weight: Any = None,
    resample: str | None = None,
    penalty: Any = None,
    weight_noise: float | None = None,
    reduction: str | None = None,
    clip_norm: float | None = None,
    patience: int | None = None,
    metrics: Any = None,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    missing: str = "impute",
    missing_values: Sequence[str] | None = None,
    scaling: str = "standardise",
    log_target: bool | None = None,
    test: Any = None,
    shuffle: bool = True,
    epochs_per_call: int = 1,
    starts: int = 1,
    truncate: int | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Any = None,
    keep: int = 3,
    progress: bool = False,
    seed: int = 0,
    params: Params | None = None,
    frozen: Any = None,
    layer_rates: Mapping[str, float] | None = None,
    keep_optimizer: bool = False,
    fix: bool = False,
    devices: Any = None,
    dtype: Any = None,
) -> Model:
    """Train a network, or train a model further, and return the `Model`.

    Args:
        network: the network; or a model, which goes on from its parameters with its own objective.
        x: (N, ...) inputs, or a dict of them by input name (pictures of the type uint8 are divided by 255, which is
            said: `netgrad.training.pictures`); or a `netgrad.Stream` of chunks (x, y), or a function that
            starts one, for more examples than fit into memory; or a loader of batches, PyTorch's or Grain's, say.
        y: targets, or a dict of them by output name: class numbers (N,), labels of any kind, or numbers (N, units).
            Without them the network reconstructs its inputs (`netgrad.Autoencoder`).
        loss: name or instance, or a function (output, target) -> error of each example that JAX differentiates
            (`netgrad.losses.FunctionLoss`), or a dict by output; inferred from the targets where left out.
        optimizer: a name (see `netgrad.optimizers.OPTIMIZERS`) or any optax optimiser.
        learning_rate: a number or optax schedule, for an optimiser given by name; or a dict of them by layer.
        schedule: how the rate goes on from there over the run: "constant", "step", "one_over_t", "cosine", "warm_up",
            "warm_up_cosine" (`netgrad.optimizers.schedules`), or "plateau" (`netgrad.ReduceOnPlateau`).
        epochs: how often every example is used. batch_size: examples a step; None for all of them at once, 1 for
            one at a time. The last batch of an epoch is smaller where they do not divide.
        validation: a share of the examples to hold out, or a pair (x, y): measured after every epoch. Lengths of
            sequences and weights may follow: (x, y, lengths, sample_weight), None where there are none; or a loader.
        sample_weight: (N,) or by output. lengths: (N,) valid time-steps of sequences, or by input.
        loss_weights: how much each of several outputs counts, by output.
        class_weight: "balanced", or a dict from class to weight; by output where there are several
            (`netgrad.training.balance`). It weighs training examples, not those held out for validation.
        resample: "over" repeats training examples of small classes until all are equal, "under" leaves some of the
            large ones out.
        penalty: name or instance, or several (`netgrad.regularizers`); weights only, biases stay free.
        weight_noise: the standard deviation of noise on the weights, drawn anew in every step.
        reduction: "mean" (default) or "sum" over a batch's examples, see `netgrad.training.objective.Objective`.
        clip_norm: the largest norm a step's gradient may have; a longer one is scaled down.
        patience: stop after so many epochs without a better validation loss (training loss where there is no
            validation set), and return the best parameters.
        metrics: what is measured besides after every epoch, on training and validation examples, into the history: a
            name of scikit-learn's ("f1_macro", "roc_auc", "mean_absolute_error"), a function (truth, predicted) ->
            number, or several, or a dict by name; by output where there are several (`netgrad.training.measures`).
        drop, only, categorical, numeric, missing, missing_values, scaling: of a data frame x: columns that are left
            out, or alone used, that are categories or numbers whatever they look like, "impute" or "error" for missing
            values, the words that mean missing, and how numbers are scaled (`netgrad.data.TableEncoder`;
            `netgrad.fit_table` also chooses the network).
        log_target: learn the logarithm of y, a positive quantity; predictions are in its own terms all the same.
        test: a share of the examples that training does not see at all, classes in proportion, or other examples as a
            pair (x, y), lengths and weights after it as for validation. They, and the scores on them, are
            ``model.tested`` (`netgrad.training.tested.Tested`).
        shuffle: draw the examples in a new random order in every epoch, and with it other batches; Kelleher
            ("Backpropagation: The Algorithm") draws the batches once and shuffles their order.
        epochs_per_call: epochs that run as one compiled program; callbacks see the last of them only, except for those
            that look at nothing but the history (`Callback.only_history`).
        starts: train so many initialisations at once and keep the best, by validation loss, or by training loss
            where there is no validation set; the history holds every start's loss as ``loss_1``, ``loss_2``, ...
        truncate: for long sequences, update after every so many time-steps (20 is usual) and carry the hidden states
            on: truncated backpropagation through time. Rows stay whole; states start from zeros in every epoch.
        checkpoint: a folder, or a `netgrad.Checkpoint`. What is needed to go on is written there after every epoch,
            and the same call once more goes on from there, to the same bits; the last ``keep`` stay, and the best.
        progress: show a progress bar. callbacks: `netgrad.training.callbacks.Callback`s
            (`netgrad.EarlyStopping`, `netgrad.Restart`, ...).
        seed: everything random comes from it; the same seed gives the same numbers on the same machine.
        params: start from these parameters instead of drawing them.
        frozen: what this run leaves as it is, a pattern of names ("encoder/*"), a class of layers, or several, see
            `netgrad.Network.frozen`; the model that comes back is free again.
        layer_rates: factors on the learning rate by such patterns, {"encoder/*": 0.1}: what was learned before
            (`netgrad.transfer`) moves less than what is new. Of several patterns that fit the last counts.
        keep_optimizer: keep the optimiser's state in the model that comes back, and in its file, and go on from that of
            a model that keeps one: 2 epochs and 2 more are then 4, to the bit, with the same data and settings. Epochs
            and history go on counting. A ``schedule`` by name runs over all epochs from the first on.
        fix: when the network does not train as it should, try the remedies of what `Model.diagnose` finds and keep
            those that help; what was changed is warned of and stands in ``history.events``
            (`netgrad.diagnosis.repair`).
        devices: share each batch among so many of JAX's devices, among "all", those of a platform ("gpu"), a list of
            them, or as a `netgrad.parallel.Placement` says. The numbers are those of one device, up to rounding.
        dtype: "bfloat16" computes the layers' way forward and back in it, beside parameters, loss and optimiser in
            float32 (`netgrad.training.precision`): faster on GPUs that have it, slower on CPUs, where the native
            kernels step aside. Inputs are rounded, too, to 8 bits: scale them. The model that comes back computes in
            float32.

    Raises:
        NetgradError: for unusable data or settings, in one line.
        DivergenceError: when a loss or gradient is no longer finite; names epoch, batch and the layer.

    >>> import netgrad as ng, numpy as np
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    >>> model = ng.fit(net, x, [0, 1, 1, 0], optimizer="adam", learning_rate=0.1, epochs=200, seed=1)
    >>> model.predict(x).tolist()
    [0, 1, 1, 0]
    """
    if test is not None:
        return fit_and_test(fit, {name: value for name, value in locals().items() if name != "test"}, test)
    seed, optimizer = as_seed(seed), optimizers.named(optimizer)
    dtype = as_dtype(dtype, optimizer)
    if fix:
        asked = {name: value for name, value in locals().items() if name not in ("fix", "test")}
        repaired: Model = offered("fit_with_remedies")(**asked)
        return repaired
    epochs, epochs_per_call, starts = counts(epochs=epochs, epochs_per_call=epochs_per_call, starts=starts)
    batch_size, truncate = counts(batch_size=batch_size, truncate=truncate)
    learning_rate, clip_norm = plain(learning_rate), plain(clip_norm)
    stream = as_stream(
        x,
        y,
        sample_weight=sample_weight,
        lengths=lengths,
        validation=validation if isinstance(validation, int | float) else None,
        batch_size=batch_size,
        usual=32,
        class_weight=class_weight,
        resample=resample,
        truncate=truncate,
        epochs_per_call=None if epochs_per_call == 1 else epochs_per_call,
        starts=None if starts == 1 else starts,
    )
    more: dict[str, Any] = {"sample_weight": sample_weight, "lengths": lengths}
    if stream is not None:
        batch_size = None if stream.batched else batch_size
        goes_on = isinstance(network, Model) and network.objective.reconstructs
        alone = isinstance(network, Autoencoder) or goes_on
        x, y, more = first_pair(stream, alone)
    settings = {"loss": loss, "loss_weights": loss_weights, "penalty": penalty, "reduction": reduction}
    settings["weight_noise"] = weight_noise
    encoding = unusual(
        drop=drop, only=only, categorical=categorical, numeric=numeric, missing=missing, missing_values=missing_values,
        scaling=scaling, log_target=log_target,
    )  # fmt: skip
    start = start_of(network, x, y, more, settings, params, seed, encoding)
    free = start.network
    start = start.frozen(frozen)
    data, held = _examples(start, x, y, more, validation, resample, class_weight, seed)
    if truncate is not None:
        check_pieces(start.network, data)
    measuring = [] if metrics is None else [_metrics(metrics, None if stream else data, held)]
    watchers = measuring + watching(progress, callbacks, patience) + [ReduceOnPlateau()] * (schedule == "plateau")
    refuse_to_forget(watchers, params is not None or (isinstance(network, Model) and len(network.history) > 0))
    asked_rate = learning_rate
    before = kept_by(start) if keep_optimizer else None
    done = before.epochs if before else 0
    if schedule not in (None, "plateau"):
        an_epoch = stream.steps if stream else steps_an_epoch(data, batch_size, truncate)
        steps = None if an_epoch is None else (done + epochs) * an_epoch
        learning_rate = scheduled(schedule, optimizer, learning_rate, steps)
    factors = rate_factors(start, layer_rates)
    chosen = optimizers.get(optimizer, learning_rate, clip_norm, start.network.untrained, factors)
    for callback in watchers:
        chosen = callback.wrap(chosen, start)
    placement = placed_on(devices, starts)
    if starts > 1 and (isinstance(network, Model) or params is not None):
        raise NetgradError("several starts draw their own parameters: give a network, and no params")
    method = optimizer if isinstance(optimizer, str) else "given"
    asked = {
        "optimizer": method,
        "learning_rate": asked_rate if isinstance(asked_rate, int | float | None) else "given",
        "schedule": schedule,
        "clip_norm": clip_norm,
        "batch_size": batch_size,
        "epochs": epochs,
        "shuffle": shuffle,
        "class_weight": told_weights(class_weight),
        "rates": None
        if stream
        else course(learning_rate, (done + epochs) * steps_an_epoch(data, batch_size, truncate)),
        "seed": seed,
        "drawn": params is None and isinstance(network, Network),  # whether drawing again gives where it began
    }
    deciding = {
        "optimizer": method,
        "learning_rate": rates(learning_rate),
        "clip_norm": clip_norm,
        "truncate": truncate,
    }
    if dtype is not None:
        asked["dtype"] = deciding["dtype"] = dtype
    if factors:
        deciding["layer_rates"] = [list(factor) for factor in factors]
    opt_state, history = compiled_start(chosen)(start.params), History()
    if before is not None:
        opt_state, history = before.restored(optimizer, opt_state), History(list(start.history.rows))
    run = carry_out(
        Supervised.of(start, chosen, truncate, dtype), Carry(start.params, start.state, opt_state),
        data, stream, held,
        epochs=done + epochs, batch_size=batch_size, shuffle=shuffle, epochs_per_call=epochs_per_call, starts=starts,
        callbacks=watchers, checkpoint=checkpoint, keep=keep, seed=seed, asked=asked, settings=deciding,
        history=history, begun=done, placement=placement,
    )  # fmt: skip
    kept = Kept.of(run.epoch, optimizer, run.carry.opt_state) if keep_optimizer else None
    trained: Model = run.model()
    encoder = _lifted(trained, held)
    return replace(trained, network=free, optimizer_state=kept, target_encoder=encoder, tested=None)


def _examples(
    start: Model,
    x: Any,
    y: Any,
    more: dict[str, Any],
    validation: Any,
    resample: str | None,
    class_weight: Any,
    seed: int,
) -> tuple[Batch, Batch | None]:
    """The examples to train on, and those held out."""
    data, held = start.batch(x, y, **more), None
    if start.objective.reconstructs and not isinstance(validation, tuple | float | int | None):
        validation = (validation, None)
    if isinstance(validation, tuple):
        v_x, v_y, v_lengths, v_weights = (*validation, None, None)[:4]
        held = start.batch(v_x, v_y, v_weights, v_lengths)
    elif not isinstance(validation, float | int | None) and (loader := Stream.of(validation)) is not None:
        held = start.batch(*collected(loader))
    elif hasattr(validation, "__len__"):
        raise NetgradError(f"validation is a share or a pair (x, y), found a {type(validation).__name__}")
    elif validation:
        data, held = split(data, validation, seed)
    if resample is not None:
        data = balance.resample(data, start.objective, resample, seed)
    if class_weight is not None:
        ends = output_lengths(start.network, data.x, data.lengths)
        data = balance.weigh_classes(data, start.objective, start.target_encoder, class_weight, ends)
    return data, held


def _lifted(model: Model, held: Batch | None) -> TargetEncoder | None:
    """The model's target encoder, which learns from the examples held out what predictions of a logarithm lack."""
    encoder = model.target_encoder
    if held is None or encoder is None or not (encoder.log_target and encoder.within):
        return encoder
    ((name, loss, _),) = model.objective.terms
    outputs = loss.link(model.run_batch(held)[0][name])
    return encoder.lifted(outputs, held.y[name], held.weights.get(name))


def _metrics(metrics: Any, data: Batch | None, held: Batch | None) -> Metrics:
    """The callback that measures these metrics on the examples in memory."""
    parts = {prefix: batch for prefix, batch in (("", data), ("val_", held)) if batch is not None}
    if not parts:
        raise NetgradError("metrics are measured on examples in memory: with a stream give validation=(x, y), too")
    return Metrics(metrics, parts)


def rate_factors(start: Model, layer_rates: Mapping[str, float] | None) -> Paces:
    """The factors on learning rates by where they stand, see `netgrad.optimizers.layerwise.paced`."""
    found: list[tuple[str, str, float]] = []
    for which, factor in (layer_rates or {}).items():
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < math.inf:
            still = f": keep it as it is by frozen={which!r}" if factor == 0 else ""
            raise NetgradError(f"layer_rates are positive factors, found {factor!r} for {which!r}{still}")
        places = start.network.places(which)
        if not any(covers(*place, path) for path in by_path(start.params) for place in places):
            raise NetgradError(f"there is nothing to train in {which!r}: name layers or parameters that have weights")
        found += [(*place, float(factor)) for place in places]
    return tuple(found)
