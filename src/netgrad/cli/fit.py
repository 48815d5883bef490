"""`netgrad fit`: data in; a trained model, its scores and a report out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from netgrad.compiling import MOST_SEEDS

Text = Optional[str]  # noqa: UP045 - typer reads these annotations at run time
Number = Optional[float]  # noqa: UP045
Count = Optional[int]  # noqa: UP045

DATA = "data"
NETWORK = "network"
TRAINING = "training"


def fit(
    ctx: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="A data set's name (digits, mnist, iris, ...), a CSV, TSV, Parquet, NPZ or text file, or a folder "
            "with a sub-folder of pictures for each class.",
            metavar="DATA",
        ),
    ],
    target: Annotated[Text, typer.Option(help="The column to predict.", rich_help_panel=DATA)] = None,
    task: Annotated[
        Text, typer.Option(help="classification or regression; told from the target.", rich_help_panel=DATA)
    ] = None,
    test: Annotated[float, typer.Option(help="Share of the examples kept for testing.", rich_help_panel=DATA)] = 0.2,
    validation: Annotated[
        float, typer.Option(help="Share of the training examples watched in every epoch.", rich_help_panel=DATA)
    ] = 0.1,
    scaling: Annotated[
        str, typer.Option(help="Of numbers: standardise, range or none.", rich_help_panel=DATA)
    ] = "standardise",
    missing: Annotated[str, typer.Option(help="Missing values: impute or error.", rich_help_panel=DATA)] = "impute",
    missing_values: Annotated[
        Text,
        typer.Option(
            help="The words that mean missing: -999,unknown.",
            rich_help_panel=DATA,
            show_default="NA, NaN, null, None, ?, - and their like",
        ),
    ] = None,
    categorical: Annotated[
        str, typer.Option(help="Columns that are categories whatever they look like: a,b.", rich_help_panel=DATA)
    ] = "",
    numeric: Annotated[
        str, typer.Option(help="Columns that are numbers whatever they look like: a,b.", rich_help_panel=DATA)
    ] = "",
    id: Annotated[
        str, typer.Option(help="Of sequences: the column that tells which one a row belongs to.", rich_help_panel=DATA)
    ] = "id",
    time: Annotated[
        Text, typer.Option(help="Of sequences: the column that orders a sequence's rows.", rich_help_panel=DATA)
    ] = None,
    goal: Annotated[
        str,
        typer.Option(help="Of sequences: tag each row, label the whole, or forecast.", rich_help_panel=DATA),
    ] = "tag",
    size: Annotated[
        Count, typer.Option(min=1, help="Height and width to bring pictures to.", rich_help_panel=DATA)
    ] = None,
    augment: Annotated[
        str, typer.Option(help="Of pictures in training: shift=2,rotation=10,noise=0.1.", rich_help_panel=DATA)
    ] = "",
    net: Annotated[str, typer.Option(help="mlp, cnn; for sequences rnn, lstm, gru.", rich_help_panel=NETWORK)] = "mlp",
    hidden: Annotated[
        Text,
        typer.Option(
            help="Units of each hidden layer; 0 for none.",
            rich_help_panel=NETWORK,
            show_default="128,64 for mlp, 120,84 for cnn, 64 for sequences, 128 for text",
        ),
    ] = None,
    filters: Annotated[str, typer.Option(help="Of each convolution of a cnn.", rich_help_panel=NETWORK)] = "6,16",
    activation: Annotated[str, typer.Option(help="Of the hidden layers.", rich_help_panel=NETWORK)] = "relu",
    dropout: Annotated[
        float, typer.Option(help="Share of each hidden layer that training drops.", rich_help_panel=NETWORK)
    ] = 0.0,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="Read sequences from both ends.", rich_help_panel=NETWORK)
    ] = False,
    loss: Annotated[Text, typer.Option(help="By default as the task asks.", rich_help_panel=TRAINING)] = None,
    optimizer: Annotated[
        str, typer.Option(help="adam, sgd, rprop, lbfgs, levenberg_marquardt, ...", rich_help_panel=TRAINING)
    ] = "adam",
    learning_rate: Annotated[
        Number, typer.Option(help="By default the optimiser's usual one.", rich_help_panel=TRAINING)
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="Of the learning rate: constant, step, one_over_t, cosine, warm_up, warm_up_cosine or plateau.",
            rich_help_panel=TRAINING,
        ),
    ] = "cosine",
    epochs: Annotated[int, typer.Option(help="How often every example is used.", rich_help_panel=TRAINING)] = 40,
    batch_size: Annotated[int, typer.Option(help="Examples a step; 0 for all.", rich_help_panel=TRAINING)] = 32,
    penalty: Annotated[
        str, typer.Option(help="l2, l1, elastic_net, weight_elimination or curvature.", rich_help_panel=TRAINING)
    ] = "l2",
    alpha: Annotated[float, typer.Option(help="Strength of the penalty; 0 for none.", rich_help_panel=TRAINING)] = 1e-4,
    class_weight: Annotated[
        Text, typer.Option(help="balanced: small classes count as much as large ones.", rich_help_panel=TRAINING)
    ] = None,
    resample: Annotated[
        Text,
        typer.Option(help="Equal classes: over repeats small ones, under cuts large ones.", rich_help_panel=TRAINING),
    ] = None,
    clip_norm: Annotated[
        Number, typer.Option(help="The largest norm a step's gradient may have.", rich_help_panel=TRAINING)
    ] = None,
    truncate: Annotated[
        int, typer.Option(min=1, help="Of text: symbols between two updates.", rich_help_panel=TRAINING)
    ] = 20,
    patience: Annotated[
        Count, typer.Option(help="Stop after so many epochs that were no better.", rich_help_panel=TRAINING)
    ] = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Where it does not train as it should: try remedies, keep what helps.",
            rich_help_panel=TRAINING,
        ),
    ] = False,
    checkpoint: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Folder to go on from when a run was killed; the same command again.", rich_help_panel=TRAINING
        ),
    ] = None,
    log: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Add a line of JSON for every epoch to this file.", rich_help_panel=TRAINING),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEEDS - 1, help="Everything random comes from it.")] = 0,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for model.safetensors and report.html.", show_default="out/NAME"),
    ] = None,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Only the model and its scores, which is quicker.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the test score.")] = False,
) -> None:
    """Train a network on a data set or a table, test it, and write the model and a report.

    The target's kind decides between classification and regression. Encodings and scales are kept in the model.
    """
    import netgrad as ng
    from netgrad.cli import card, nets, options, sequences, sources
    from netgrad.cli.results import Trained, finish

    if sequences.asked(net):
        sequences.fit(ctx)
        return
    sequences.refuse(ctx, sequences.ONLY_HERE, f"is for sequences, and has no effect with --net {net}")
    request = sources.Request(
        data,
        target,
        task,
        test,
        seed,
        scaling,
        missing,
        options.names(categorical),
        options.names(numeric),
        None if missing_values is None else options.names(missing_values),
        size,
    )
    source = sources.read(request)
    folder = out or Path("out") / Path(source.name).name.split(".")[0]
    options.check_writable(folder)
    shape = nets.Shape(
        None if hidden is None else options.units("--hidden", hidden),
        activation,
        loss,
        options.units("--filters", filters),
        dropout,
        options.amounts("--augment", augment),
    )
    network = nets.build(net, source, shape)
    x, y = source.encoded()
    aims = {"loss": nets.loss_of(source, shape), "penalty": options.penalties(penalty, alpha)}
    start = replace(
        ng.untrained(network, x, y, seed=seed, **aims),
        encoder=source.encoder,
        target_encoder=source.target_encoder,
    )
    model = ng.fit(
        start,
        source.x,
        source.y,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=options.schedule_of(schedule, optimizer),
        epochs=epochs,
        batch_size=batch_size or None,
        validation=validation or None,
        class_weight=class_weight,
        resample=resample,
        clip_norm=clip_norm,
        patience=patience,
        checkpoint=checkpoint,
        callbacks=[ng.Watch(), *options.onlookers(log)],
        progress=not quiet,
        fix=fix,
        seed=seed,
    )
    used: tuple[str, ...] = (
        "scaling",
        "missing",
        "missing_values",
        "size",
        "augment",
        "net",
        "hidden",
        "filters",
        "activation",
        "dropout",
        "optimizer",
        "learning_rate",
        "schedule",
        "epochs",
    )
    used += (
        "batch_size",
        "penalty",
        "alpha",
        "class_weight",
        "resample",
        "clip_norm",
        "patience",
        "validation",
        "test",
        "seed",
    )
    settings = card.plain({name: ctx.params[name] for name in used})
    model.card = card.make(ctx, source, model.network, settings | {"loss": aims["loss"]})
    trained = Trained(
        model,
        lambda: model.evaluate(source.x_test, source.y_test),
        {"x": source.x_test, "y": source.y_test},
        lambda: (model.batch(source.x, source.y), model.batch(source.x_test, source.y_test)),
    )
    finish(trained, folder, quiet=quiet, report=not no_report)
