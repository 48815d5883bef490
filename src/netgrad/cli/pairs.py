"""`netgrad fit table.csv --pairs`: a table of which few rows have a label learns from the others, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from netgrad.errors import DataError, NetgradError

TAKEN = (
    *("data", "target", "pairs", "test", "drop", "only", "scaling", "missing", "missing_values", "categorical"),
    *("numeric", "separator", "encoding", "header", "hidden", "activation", "optimizer", "learning_rate", "epochs"),
    *("batch_size", "penalty", "alpha", "clip_norm", "patience", "restart", "checkpoint", "log", "seed"),
    *("metric", "out", "no_report", "measure", "quiet", "device", "devices"),
)
NEIGHBOURS, MARGIN, HIDDEN = 5, 10.0, (64,)


def fit(ctx: typer.Context) -> None:
    """Train by labels and pairs in turn, test on rows with labels, and write the model and its report."""
    from netgrad.cli import card, nets, options, sequences, sources
    from netgrad.cli.results import Trained, finish, how_shown
    from netgrad.tasks import fit_pairs, guessed_pairs

    others = {str(p.name) for p in ctx.command.params} - set(TAKEN)
    sequences.refuse(ctx, others, "has no effect with --pairs")
    given = ctx.params
    if given["devices"] not in (None, 1):
        raise NetgradError("--pairs are trained on one device: leave --devices out")
    share, test_file = options.share_or_file(given["test"])
    if Path(given["data"]).suffix == "" or given["target"] is None:
        raise NetgradError("--pairs is for a table in a file, of which --target names the column of labels")
    folder = given["out"] or Path("out") / Path(given["data"]).name.split(".")[0]
    options.check_writable(folder)
    request = sources.Request(
        given["data"],
        given["target"],
        "classification",
        share,
        given["seed"],
        given["scaling"] or "standardise",
        given["missing"],
        options.names(given["categorical"]),
        options.names(given["numeric"]),
        None if given["missing_values"] is None else options.names(given["missing_values"]),
        None,
        test_file,
        options.names(given["drop"]),
        None if given["only"] is None else options.names(given["only"]),
        form=options.form(given["separator"], given["encoding"], given["header"]),
    )
    source, rest = sources.read_with_unlabelled(request)
    if not len(rest):
        raise DataError(f"every row of {source.name} has a value of {given['target']!r}: leave --pairs out")
    assert source.encoder is not None
    known, y = source.encoded()
    x = np.concatenate([known, source.encoder.transform(rest)])
    classes = np.concatenate([y, np.full(len(rest), -1)])
    similar, dissimilar = guessed_pairs(x, min(NEIGHBOURS, len(x) - 1), classes, given["seed"])
    hidden = HIDDEN if given["hidden"] is None else options.units("--hidden", given["hidden"])
    shape = nets.Shape(hidden, given["activation"])
    how = options.changed(replace(options.PLAIN, validation=None), given)
    strength = how.alpha if given["alpha"] is None else given["alpha"]
    told: dict[str, Any] = options.training(how, given)
    del told["schedule"], told["validation"], told["dtype"]
    model = fit_pairs(
        nets.build("mlp", source, shape),
        x,
        y,
        labelled=np.arange(len(y)),
        similar=similar,
        dissimilar=dissimilar,
        margin=MARGIN,
        loss="softmax_cross_entropy",
        penalty=options.penalties(given["penalty"], strength),
        **told,
    )
    model = replace(model, encoder=source.encoder, target_encoder=source.target_encoder)
    found = options.settled(how, True) | {"scaling": request.scaling, "alpha": strength, "hidden": list(hidden)}
    found["test"] = share if test_file is None else Path(test_file).name
    settings = card.plain({n: given[n] for n in TAKEN if n not in (*card.LOCAL, "data", "target")} | found)
    model.card = card.make(ctx, source, model.network, settings)
    model.card["data"]["unlabelled"] = len(rest)
    metrics = options.names(given["metric"]) or None
    finish(Trained.on(model, source, metrics), folder, **how_shown(given))
