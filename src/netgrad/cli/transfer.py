"""`netgrad fit --start`: training that begins from what another model has learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from netgrad.errors import NetgradError, warn

ONLY_HERE = ("freeze", "layer_rate")
# What the model has settled; options that say otherwise are refused.
SETTLED: tuple[str, ...] = (
    "net",
    "hidden",
    "filters",
    "activation",
    "dropout",
    "bidirectional",
    "loss",
    "augment",
    "size",
    "scaling",
)
SETTLED += ("log_target", "categorical", "numeric", "missing", "missing_values", "drop", "only", "id", "time", "goal")
NOT_HERE: tuple[str, ...] = ("source_column", "symbols", "reconstruct", "horizon", "window", "known")
NOT_HERE += ("pretrain", "fix", "relevance", "label_smoothing", "restart", "posterior", "pairs")
STEPS = 500  # updates that a run has at least: few examples are the usual case
FEWEST_HELD_OUT = 200  # examples from which on some are held out to watch


@dataclass(frozen=True)
class Begun:
    """A model to begin from. name: of its file. frozen, rates: what stays as it is, and how fast the rest learns."""

    model: Any
    name: str
    frozen: tuple[str, ...]
    rates: dict[str, float]

    @property
    def settings(self) -> dict[str, Any]:
        """What its card says of how it was made."""
        return dict(self.model.card.get("settings", {}))

    @property
    def settled(self) -> dict[str, Any]:
        """What of that goes on as it was."""
        found = {name: value for name, value in self.settings.items() if name in SETTLED}
        return found | self.model.card.get("sequences", {})

    @property
    def how(self) -> dict[str, Any]:
        """What `netgrad.fit` is told."""
        return {"frozen": self.frozen or None, "layer_rates": self.rates or None}

    def target_encoder(self, new: Any) -> Any:
        """The model's own, where it knows this target: of the same name, with the same classes or fewer, or a quantity.
        Then its last layer goes on. Otherwise the new one."""
        known = self.model.target_encoder
        if known is None or (known.name, known.task) != (new.name, new.task):
            return new
        return known if set(new.classes) <= set(known.classes) else new

    def start(self, x: Any, y: Any, target_encoder: Any, **settings: Any) -> Any:
        """The model before its first step here, without encoders; what begins anew is said. y: encoded already."""
        import netgrad as ng
        from netgrad.training.transfer import begun_anew

        bare = replace(self.model, encoder=None, target_encoder=None)
        if target_encoder is None or target_encoder is self.model.target_encoder:
            return ng.transfer(bare, x, y, **settings)
        quantity = target_encoder.task == "regression"
        settings["loss"] = "squared_error" if quantity else "softmax_cross_entropy"
        start = ng.transfer(bare, x, y, outputs=target_encoder.outputs, **settings)
        new = ", ".join(begun_anew(self.model, start))
        what = "a quantity" if quantity else f"{target_encoder.outputs} classes"
        warn(f"{new} begins anew, for {what} of {target_encoder.name!r}; what is before it is as in {self.name}")
        return start


def begun(ctx: typer.Context) -> Begun:
    """The model that --start names, and what is asked of it."""
    import netgrad as ng
    from netgrad.cli import options, sequences

    given = ctx.params
    file = Path(given["start"])
    if given["goal"] == "forecast":
        raise NetgradError("forecasts begin from no other model: leave --start out")
    sequences.refuse(ctx, NOT_HERE, "does not go with --start")
    sequences.refuse(ctx, SETTLED, f"does not go with --start, it is as in {file.name}")
    model = ng.load(file)
    if "pairs" in model.card:
        raise NetgradError(f"{file.name} translates: --start takes models that label or predict, leave it out")
    if "forecast" in model.card or model.objective.reconstructs:
        what = "forecasts series" if "forecast" in model.card else "reconstructs its inputs"
        raise NetgradError(f"--start takes models of a target, {file.name} {what}: begin from another, or leave it out")
    frozen = options.names(given["freeze"])
    rates = options.factors("--layer-rate", given["layer_rate"])
    for which in (*frozen, *rates):
        model.network.places(which)
    return Begun(model, file.name, frozen, rates)


def fit(ctx: typer.Context) -> None:
    """Train the model that --start names further, on whatever its kind takes."""
    from netgrad.cli import sequences

    own = begun(ctx)
    if "sequences" in own.model.card or "vocabulary" in own.model.card:
        sequences.fit(ctx, own)
    else:
        fit_source(ctx, own)


def fit_source(ctx: typer.Context, own: Begun) -> None:
    """Train on a table, pictures or arrays, test, and write the model and its report."""
    import netgrad as ng
    from netgrad.cli import card, options, sequences, sources
    from netgrad.cli.results import Trained, finish, how_shown

    given = ctx.params
    sequences.refuse(ctx, ("truncate",), f"is for texts, {own.name} is no model of one")
    share, test_file = options.share_or_file(given["test"])
    folder = given["out"] or Path("out") / Path(given["data"]).name.split(".")[0]
    options.check_writable(folder)
    shape = next(iter(own.model.shapes.values()))
    known = own.model.encoder
    if known is not None and given["target"] in [column.name for column in known.columns]:
        raise NetgradError(f"{own.name} predicts from {given['target']!r}: it cannot be what it learns to predict")
    source = sources.read(
        sources.Request(
            given["data"],
            given["target"],
            given["task"],
            share,
            given["seed"],
            missing_values=None if known is None else known.missing_values,
            size=own.settings.get("size"),
            test_file=test_file,
            form=options.form(given["separator"], given["encoding"], given["header"]),
            channels=shape[2] if len(shape) == 3 else None,
        )
    )
    if (known is None) != (source.encoder is None):
        kinds = f"a table, {own.name} takes arrays" if known is None else f"no table, {own.name} takes one"
        raise NetgradError(f"{source.name} is {kinds}: begin from a model of the same kind")
    source = replace(source, encoder=known, target_encoder=own.target_encoder(source.target_encoder))
    x, y = source.encoded()
    how = options.changed(usual(own, len(x)), given)
    strength = how.alpha if given["alpha"] is None else given["alpha"]
    penalty = options.penalties(given["penalty"], strength)
    metrics = options.names(given["metric"]) or None
    start = own.start(x, y, source.target_encoder, penalty=penalty, seed=given["seed"])
    how_trained = options.training(how, given)
    model = ng.fit(
        replace(start, encoder=known, target_encoder=source.target_encoder),
        source.x,
        source.y,
        class_weight=given["class_weight"],
        resample=given["resample"],
        metrics=metrics,
        **how_trained | {"callbacks": [ng.Watch(), *how_trained["callbacks"]]} | own.how,
    )
    settings = settings_of(own, given) | options.settled(how, True) | {"alpha": strength}
    settings["test"] = share if test_file is None else Path(test_file).name
    model.card = card.make(ctx, source, model.network, card.plain(settings))
    finish(Trained.on(model, source, metrics), folder, **how_shown(given))


def usual(own: Begun, examples: int) -> Any:
    """How it is trained where nothing was said: at the rate that the model was, and long enough for few examples."""
    from netgrad.cli.options import PLAIN

    rate = own.settings.get("learning_rate")
    epochs = max(PLAIN.epochs, int(np.ceil(STEPS * PLAIN.batch_size / max(examples, 1))))
    validation = PLAIN.validation if examples >= FEWEST_HELD_OUT else None
    rate = rate if isinstance(rate, int | float) else None
    return replace(PLAIN, learning_rate=rate, epochs=min(epochs, STEPS), validation=validation)


def settings_of(own: Begun, given: dict[str, Any]) -> dict[str, Any]:
    """The settings for the card: what the model had settled, and what was asked for here."""
    asked = ("optimizer", "schedule", "penalty", "class_weight", "resample", "clip_norm", "seed", "freeze", "dtype")
    return own.settled | {name: given[name] for name in asked} | {"start": own.name, "layer_rate": given["layer_rate"]}
