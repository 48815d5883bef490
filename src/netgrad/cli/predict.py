"""`netgrad predict`: a model file and data in, predictions as CSV out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from netgrad.cli import faults
from netgrad.cli.forms import Encoding, Header, Separator
from netgrad.compiling import MOST_SEEDS
from netgrad.data.deciding import names_rows
from netgrad.errors import DataError, NetgradError
from netgrad.writing import write_file

ModelFile = Annotated[Path, typer.Argument(help="A model file, as `netgrad fit` writes it.", metavar="MODEL")]
Seed = Annotated[
    Optional[int],  # noqa: UP045 - typer reads it at run time
    typer.Option(
        min=0,
        max=MOST_SEEDS - 1,
        help="For a built-in data set: the split into training and test examples; the model's own.",
    ),
]


def predict(
    model_file: ModelFile,
    data: Annotated[
        str,
        typer.Argument(
            help="A CSV, TSV, Parquet or NPZ file; a folder of pictures; or a data set's name, its test part.",
            metavar="DATA",
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write the CSV to this file.", show_default="standard output"),
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="A column of probabilities for each class as well.")] = False,
    beam: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Of translations: how many beginnings are kept.", show_default="1, the likeliest"),
    ] = None,
    separator: Separator = None,
    encoding: Encoding = None,
    header: Header = None,
    seed: Seed = None,
) -> None:
    """Predict with a trained model: one line of CSV for each row of the data, in the target's own terms.

    Of a model made with --reconstruct: the score, above 1 where a row is unlike those trained on, the share of usual
    rows that are more alike, and the columns that explain it.
    """
    import netgrad as ng
    from netgrad.cli import forecasts, options, reconstruct, sequences, translations

    form = options.form(separator, encoding, header)
    model = ng.load(model_file)
    if "vocabulary" in model.card:
        raise NetgradError(f"{model_file} is a model of text: `netgrad sample` writes with it")
    if beam is not None and "translation" not in model.card:
        raise NetgradError(f"--beam is for models that translate, {model_file} is none: leave it out")
    if "translation" in model.card:
        if proba:
            raise NetgradError("--proba is for classes, and this model writes translations: leave it out")
        table, index = translations.predictions(model, data, form, beam or 1), None
    elif "forecast" in model.card:
        table, index = forecasts.predictions(model, data, proba, form), None
    elif "sequences" in model.card:
        table, index = sequences.predictions(model, data, proba, form), None
    else:
        x, index = reconstruct.windowed(model, *rows(model, data, seed, form))
        table = reconstruct.scores(model, x) if model.objective.reconstructs else predictions(model, x, proba)
        for place, name in enumerate(naming(model, x)):
            table.insert(place, name, x[name].to_numpy())
    if index is not None:
        table.index = index
    text = table.to_csv(index=index is not None)
    if out is None:
        sys.stdout.write(text)
    else:
        write_file(out, text.encode())
    said = "score" if model.objective.reconstructs else "prediction"
    if bad := int(table[said].isna().sum()):
        why = model.not_finite() or "inputs or weights are too large"
        faults.fail(f"{bad:,} of {len(table):,} predictions are left empty, they are not finite: {why}")
        raise typer.Exit(1)


def rows(model: Any, data: str, seed: int | None, form: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The examples as the model takes them, and the names of the rows where the file has any."""
    from netgrad.cli import sources
    from netgrad.data import datasets

    if data in datasets.names():
        return test_part(model, data, seed).x_test, None
    if Path(data).is_dir():
        return pictures(model, Path(data))
    x = sources.read_rows(data, model.encoder, form or {})
    index = x.index if hasattr(x, "index") and x.index.dtype.kind not in "iu" else None
    return fitting(model, x), index


def naming(model: Any, x: Any) -> list[str]:
    """The columns of a table that only name its rows, which stand beside the predictions."""
    left_out = model.encoder.left_out if model.encoder is not None and hasattr(x, "columns") else {}
    return [name for name, why in left_out.items() if name in x.columns and names_rows(why) and name != "prediction"]


def pictures(model: Any, folder: Path) -> tuple[Any, Any]:
    """The pictures in a folder and its sub-folders, brought to the model's size where it was trained so, and their
    names."""
    import pandas as pd

    from netgrad.data.images import pictures_in, read_images

    shape = next(iter(model.shapes.values()))
    if len(shape) != 3:
        raise DataError(f"{folder} is a folder of pictures, this model takes inputs {('N', *shape)}".replace("'", ""))
    files, _ = pictures_in(folder)
    size = model.card.get("settings", {}).get("size")
    x = read_images(files, size, shape[2], model.card.get("data", {}).get("white"))
    return x, pd.Index([str(f.relative_to(folder)) for f in files], name="file")


def test_part(model: Any, data: str, seed: int | None) -> Any:
    """The source of a built-in data set, split as it was when the model was trained."""
    from netgrad.cli import sources

    settings = model.card.get("settings", {})
    seed = settings.get("seed", 0) if seed is None else seed
    return sources.read(sources.Request(data, test=float(settings.get("test", 0.2)), seed=seed))


def fitting(model: Any, x: Any) -> Any:
    """A table for a model that knows columns, otherwise plain numbers."""
    is_table = hasattr(x, "columns")
    if model.encoder is not None and not is_table:
        names = ", ".join(column.name for column in model.encoder.columns[:10])
        raise DataError(
            f"this model takes a table with the columns {names}: found an array, give a CSV or Parquet file"
        )
    return x.to_numpy() if is_table and model.encoder is None else x


def predictions(model: Any, x: Any, proba: bool) -> Any:
    """A data frame of the column ``prediction`` and, if asked for, one of probabilities for each class."""
    import pandas as pd

    from netgrad.cli import answers

    if len(model.objective.terms) > 1:
        raise NetgradError("this model has several outputs: predict with it from Python, netgrad.load(...).predict(x)")
    said = answers.columns(model, x, proba)
    if (shape := said["prediction"].shape)[1:]:
        raise NetgradError(f"this model predicts arrays of shape {('N', *shape[1:])}: predict from Python")
    return pd.DataFrame(said)
