"""`netgrad inspect`: what a model file holds, and what its layers do on data."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from netgrad.cli.forms import Encoding, Header, Separator
from netgrad.cli.predict import ModelFile, Seed, fitting, test_part
from netgrad.errors import NetgradError


def inspect(
    model_file: ModelFile,
    data: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Argument(help="Data to trace the layers on, with the target; or a data set's name.", metavar="[DATA]"),
    ] = None,
    target: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="The column with the target; the model's own."),
    ] = None,
    separator: Separator = None,
    encoding: Encoding = None,
    header: Header = None,
    seed: Seed = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also ranks, noise, sharpness, and whether it learns 32 rows by heart.")
    ] = False,
) -> None:
    """Show a model's card, its last epochs and its layers; on data also what is wrong with it, its scores, and z, a and
    delta of each layer."""
    import netgrad as ng
    from netgrad.cli import options, tables
    from netgrad.report.layers import architecture, traced
    from netgrad.report.sequences import part

    if measure and data is None:
        raise NetgradError("--measure was given without data: name the data to measure on behind the model file")
    model = ng.load(model_file)
    rows, caption, scores, diagnosis = architecture(model), "", "", None
    if data is not None:
        x, y, lengths, measured = examples(model, data, target, seed, options.form(separator, encoding, header))
        rows = traced(model, *part(model, x, y, lengths))
        caption = f"mean ± standard deviation over examples of {data}"
        scores = tables.score_line(measured or model.evaluate(x, y, lengths=lengths))
        diagnosis = model.diagnose(x, y, lengths=lengths, measure=measure)
    console = tables.console()
    if diagnosis is not None:
        none = diagnosis.summary if diagnosis.fails else f"nothing is wrong: {diagnosis.summary}"
        console.print(tables.findings(diagnosis) if len(diagnosis) else none)
        if diagnosis.measures is not None:
            console.print(tables.measures(diagnosis.measures))
    if model.card:
        console.print(tables.facts(model.card))
    if len(model.history):
        console.print(tables.history(model.history))
    console.print(tables.layers(rows, caption))
    if scores:
        console.print(f"on {data}: {scores}", style="bold")


def examples(
    model: Any, data: str, target: str | None, seed: int | None, form: dict[str, Any]
) -> tuple[Any, Any, Any, dict[str, float] | None]:
    """Inputs, targets and lengths of a built-in data set's test part, or of a file; and their scores where these are
    measured otherwise than by `Model.evaluate`."""
    from netgrad.cli import forecasts, sequences, sources, translations
    from netgrad.data import datasets
    from netgrad.data.tables import split_target

    if data in datasets.names():
        source = test_part(model, data, seed)
        return source.x_test, source.y_test, None, None
    if "forecast" in model.card:
        return forecasts.examples(model, data, form)
    if "translation" in model.card:
        return (*translations.examples(model, data, target, form), None)
    if "sequences" in model.card:
        return (*sequences.examples(model, data, target, form), None)
    x = sources.read_rows(data, model.encoder, form)
    column = target or model.card.get("target")
    if not hasattr(x, "columns"):
        held = datasets.read_npz(data)
        return fitting(model, held.x_test), held.y_test, None, None
    if column is None:
        raise NetgradError("which column holds the target? name it with --target")
    x, y = split_target(x, column)
    return fitting(model, x), y, None, None
