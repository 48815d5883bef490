"""`netgrad fit --goal forecast`, and `predict` with its models: series from a table with one row for each time-step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from netgrad.cli import sequences, transformers
from netgrad.cli.results import Trained, finish, how_shown
from netgrad.errors import NetgradError, unknown_name

ONLY_HERE = ("horizon", "window", "known")
USED = [*sequences.COMMON, "id", "time", "goal", "target", "horizon", "window", "known", "bidirectional", "validation"]
USED += ["missing", "missing_values", "drop", "only", "separator", "encoding", "header", "log_target", "fix"]
USED += ["activation", "metric"]
PART = 256  # windows of which the diagnosis and the table of layers are made


def asked(ctx: typer.Context) -> bool:
    """Whether the command is about forecasts: a horizon is enough to say so."""
    given = ctx.params
    return given["goal"] == "forecast" or (given["goal"] is None and given["horizon"] is not None)


def fit(ctx: typer.Context) -> None:
    """Train on the series that the command names, test on their last part, and write the model and its report."""
    import netgrad as ng
    from netgrad.cli import card
    from netgrad.cli.options import check_writable, form, share_or_file
    from netgrad.cli.options import names as names_of
    from netgrad.data import read_table
    from netgrad.report import forecasts as report
    from netgrad.training.measures import named_measures

    given = dict(ctx.params)
    sequences.refuse(ctx, set(given) - set(USED), "has no effect on forecasts")
    if given["target"] is None:
        raise NetgradError("which column is to be forecast? name it with --target")
    named_measures(metrics := names_of(given["metric"]))  # an unknown one is refused before training
    name = Path(given["data"]).name.split(".")[0]
    folder = given["out"] or Path("out") / name
    check_writable(folder)
    share, test_file = share_or_file(given["test"])
    words = given["missing_values"]
    how: dict[str, Any] = {"missing_values": None if words is None else names_of(words)}
    how |= form(given["separator"], given["encoding"], given["header"])
    table = read_table(given["data"], **how)
    unseen = None if test_file is None else read_table(test_file, **how)
    id = given["id"] if given["id"] in table.columns or sequences.named(ctx, "id") else None
    settings = {} if given["validation"] is None else {"validation": given["validation"]}
    forecaster = ng.fit_forecast(
        table,
        given["target"],
        time=given["time"],
        id=id,
        horizon=given["horizon"] or 1,
        window=given["window"],
        known=names_of(given["known"]),
        layers=layers(given),
        drop=names_of(given["drop"]),
        only=None if given["only"] is None else names_of(given["only"]),
        log_target=given["log_target"],
        missing=given["missing"],
        missing_values=how["missing_values"],
        test=share,
        **settings,
        **options(ctx, given),
    )
    model, plan = forecaster.model, forecaster.plan
    if unseen is not None:
        forecaster.keep(unseen)
    steps = "the next time-step" if plan.horizon == 1 else f"the next {plan.horizon} time-steps"
    series, held, learned = forecaster.series, forecaster.held, forecaster.learned
    assert series is not None
    assert held is not None
    assert learned is not None
    model.card |= {
        "what": f"forecast of {plan.target!r} for {steps} of {plan.steps.words}, from the {plan.window} before",
        "data": {
            "name": Path(given["data"]).name,
            "series": len(series.names),
            "windows": len(learned),
            "test": len(held),
        },
        "scores": {},  # once they are measured
        "settings": card.plain({key: given[key] for key in USED if key not in (*card.LOCAL, "data", "target")}),
        "versions": card.versions(),
        "seed": given["seed"],
        "command": card.command_line(ctx),
    }
    seen: dict[str, Any] = {}

    def score() -> dict[str, float]:
        found = forecaster.score(metrics=metrics)
        seen.update(shown=list(report.sections(forecaster)), scores=found)
        forecaster.recalibrate()
        return found

    x, y = report.examples(forecaster, held, PART)
    seen |= {"x": x, "y": y}
    trained_on = report.examples(forecaster, learned, PART)
    # What comes later in time is another season or trend: it is scored, but says nothing of how the data were divided.
    done = Trained(model, score, seen, lambda: (model.batch(*trained_on), None))
    finish(done, folder, layers=False, **how_shown(given))


def layers(given: dict[str, Any]) -> Any:
    """The layers that --net and --hidden ask for, None for those of the recipe."""
    import netgrad as ng
    from netgrad.cli.options import units

    if sequences.asked(given["net"]):
        dropped = {"dropout": 0.3 if given["dropout"] is None else given["dropout"]}
        return sequences.recurrent(given | dropped, (32,), returns="last")
    if given["net"] != "mlp":
        raise unknown_name("--net for forecasts", given["net"], ["mlp", *sequences.cells(), transformers.NAME])
    if given["bidirectional"]:
        raise NetgradError("--bidirectional is for recurrent layers: give --net gru, or leave it out")
    if given["hidden"] is None:
        return None
    dense = [ng.Dense(size, activation=given["activation"]) for size in units("--hidden", given["hidden"])]
    drop = [ng.Dropout(given["dropout"])] if given["dropout"] else []
    return [ng.Flatten(), *(layer for d in dense for layer in (d, *drop))]


def options(ctx: typer.Context, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of training; those that were not given are the recipe's."""
    from netgrad.cli.options import onlookers, penalties, schedule_of

    names = ("learning_rate", "epochs", "batch_size", "clip_norm", "patience", "checkpoint", "dtype")
    found = {name: given[name] for name in names if given[name] is not None}
    if sequences.named(ctx, "alpha") or sequences.named(ctx, "penalty"):
        found["penalty"] = penalties(given["penalty"], 1e-4 if given["alpha"] is None else given["alpha"])
    return found | {
        "optimizer": given["optimizer"],
        "schedule": schedule_of(given["schedule"], given["optimizer"]),
        "callbacks": onlookers(given["log"]),
        "progress": not given["quiet"],
        "fix": given["fix"],
        "seed": given["seed"],
    }


def predictions(model: Any, data: str, proba: bool = False, form: dict[str, Any] | None = None) -> Any:
    """A data frame of forecasts, one row for each time-step after the end of each series of a file."""
    import netgrad as ng
    from netgrad.data import read_table

    if proba:
        raise NetgradError("--proba is for classes, and this model forecasts a quantity: leave --proba out")
    forecaster = ng.Forecaster.of(model)
    words = model.encoder.missing_values if model.encoder is not None else None
    return forecaster.predict(read_table(data, missing_values=words, **(form or {})))


def examples(model: Any, data: str, form: dict[str, Any]) -> tuple[Any, Any, None, dict[str, float]]:
    """Windows of a file, evenly over it, what followed them, and the scores of all of them."""
    import netgrad as ng
    from netgrad.data import read_table
    from netgrad.report import forecasts as report

    forecaster = ng.Forecaster.of(model)
    words = model.encoder.missing_values if model.encoder is not None else None
    forecaster.keep(read_table(data, missing_values=words, **form))
    assert forecaster.held is not None
    return (*report.examples(forecaster, forecaster.held, PART), None, forecaster.score())
