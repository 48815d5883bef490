"""`netgrad fit`: data in; a trained model, its scores and a report out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from netgrad.cli.forms import Encoding, Header, Separator
from netgrad.compiling import MOST_SEEDS
from netgrad.errors import NetgradError

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
    source_column: Annotated[
        Text,
        typer.Option(
            "--source", help="Of translations: the column of the texts to be translated.", rich_help_panel=DATA
        ),
    ] = None,
    symbols: Annotated[
        Text,
        typer.Option(
            help="Of translations: words or characters.", rich_help_panel=DATA, show_default="told from the texts"
        ),
    ] = None,
    task: Annotated[
        Text, typer.Option(help="classification or regression; told from the target.", rich_help_panel=DATA)
    ] = None,
    test: Annotated[
        str,
        typer.Option(
            help="Share of the examples kept for testing, or a file of examples to test on.", rich_help_panel=DATA
        ),
    ] = "0.2",
    validation: Annotated[
        Number,
        typer.Option(
            help="Share of the training examples watched in every epoch.",
            rich_help_panel=DATA,
            show_default="by the recipe for tables, else 0.1",
        ),
    ] = None,
    drop: Annotated[str, typer.Option(help="Columns of a table to leave out: a,b.", rich_help_panel=DATA)] = "",
    only: Annotated[
        Text, typer.Option(help="Columns of a table to predict from, and no others: a,b.", rich_help_panel=DATA)
    ] = None,
    log_target: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option(
            "--log-target/--no-log-target",
            help="Learn the logarithm of a table's target; predictions and scores are in its own terms all the same.",
            rich_help_panel=DATA,
            show_default="where it is positive and skewed",
        ),
    ] = None,
    scaling: Annotated[
        Text,
        typer.Option(
            help="Of numbers: robust, standardise, range (0 to 1), symmetric (-1 to 1), logistic (0.15 to 0.85), "
            "tanh (-1.716 to 1.716) or none.",
            rich_help_panel=DATA,
            show_default="by the recipe for tables, else standardise",
        ),
    ] = None,
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
    separator: Separator = None,
    encoding: Encoding = None,
    header: Header = None,
    id: Annotated[
        str, typer.Option(help="Of sequences: the column that tells which one a row belongs to.", rich_help_panel=DATA)
    ] = "id",
    time: Annotated[
        Text, typer.Option(help="Of sequences: the column that orders a sequence's rows.", rich_help_panel=DATA)
    ] = None,
    reconstruct: Annotated[
        bool,
        typer.Option(
            "--reconstruct",
            help="Of a table: learn what its rows are like; `netgrad predict` then says how unlike each one is.",
            rich_help_panel=DATA,
        ),
    ] = False,
    pairs: Annotated[
        bool,
        typer.Option(
            "--pairs",
            help="Of a table of which few rows have a label: learn from the others, too, by pairs of neighbours.",
            rich_help_panel=DATA,
        ),
    ] = False,
    goal: Annotated[
        Text,
        typer.Option(
            help="Of sequences: tag each row, label the whole, or forecast; or translate texts.",
            rich_help_panel=DATA,
            show_default="label where the target is the same all along each sequence, else tag",
        ),
    ] = None,
    horizon: Annotated[
        Count,
        typer.Option(min=1, help="Of a forecast: how many time-steps ahead.", rich_help_panel=DATA, show_default="1"),
    ] = None,
    window: Annotated[
        Count,
        typer.Option(
            min=1,
            help="How many time-steps a forecast is made from; with --reconstruct, rows seen together.",
            rich_help_panel=DATA,
            show_default="by horizon and season; 1",
        ),
    ] = None,
    known: Annotated[
        str, typer.Option(help="Of a forecast: columns known in advance: a,b.", rich_help_panel=DATA)
    ] = "",
    size: Annotated[
        Count, typer.Option(min=1, help="Height and width to bring pictures to.", rich_help_panel=DATA)
    ] = None,
    augment: Annotated[
        str,
        typer.Option(
            help="Of pictures in training: shift=2,rotation=10,flip=0.5,crop=0.2,colour=0.3,noise=0.1.",
            rich_help_panel=DATA,
        ),
    ] = "",
    net: Annotated[
        str,
        typer.Option(
            help="mlp, cnn; for sequences rnn, lstm, gru, forget_gate, coupled_lstm, transformer; "
            "pervasive_attention translates.",
            rich_help_panel=NETWORK,
        ),
    ] = "mlp",
    hidden: Annotated[
        Text,
        typer.Option(
            help="Units of each hidden layer; 0 for none.",
            rich_help_panel=NETWORK,
            show_default="by the recipe for tables; 128,64 for mlp, 120,84 for cnn, 64 for sequences, 128 for text",
        ),
    ] = None,
    filters: Annotated[str, typer.Option(help="Of each convolution of a cnn.", rich_help_panel=NETWORK)] = "6,16",
    activation: Annotated[str, typer.Option(help="Of the hidden layers.", rich_help_panel=NETWORK)] = "relu",
    dropout: Annotated[
        Number,
        typer.Option(
            help="Share of each hidden layer that training drops.",
            rich_help_panel=NETWORK,
            show_default="by the recipe for tables, else 0",
        ),
    ] = None,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="Read sequences from both ends.", rich_help_panel=NETWORK)
    ] = False,
    loss: Annotated[Text, typer.Option(help="By default as the task asks.", rich_help_panel=TRAINING)] = None,
    label_smoothing: Annotated[
        float,
        typer.Option(
            help="Share of a class's target that is spread over all classes: 0.1, say.", rich_help_panel=TRAINING
        ),
    ] = 0.0,
    metric: Annotated[
        str,
        typer.Option(
            help="Measured besides, in every epoch and on the test: scikit-learn's names, f1_macro,roc_auc.",
            rich_help_panel=TRAINING,
        ),
    ] = "",
    optimizer: Annotated[
        str, typer.Option(help="adam, sgd, rprop, lbfgs, levenberg_marquardt, ...", rich_help_panel=TRAINING)
    ] = "adam",
    learning_rate: Annotated[
        Number,
        typer.Option(
            help="By default the optimiser's usual one.",
            rich_help_panel=TRAINING,
            show_default="by the recipe for tables, else the optimiser's usual one",
        ),
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="Of the learning rate: constant, step, one_over_t, cosine, warm_up, warm_up_cosine or plateau.",
            rich_help_panel=TRAINING,
        ),
    ] = "cosine",
    epochs: Annotated[
        Count,
        typer.Option(
            help="How often every example is used.",
            rich_help_panel=TRAINING,
            show_default="by the recipe for tables, else 40",
        ),
    ] = None,
    batch_size: Annotated[
        Count,
        typer.Option(
            help="Examples a step; 0 for all.",
            rich_help_panel=TRAINING,
            show_default="by the recipe for tables, else 32",
        ),
    ] = None,
    penalty: Annotated[
        str, typer.Option(help="l2, l1, elastic_net, weight_elimination or curvature.", rich_help_panel=TRAINING)
    ] = "l2",
    alpha: Annotated[
        Number,
        typer.Option(
            help="Strength of the penalty; 0 for none.",
            rich_help_panel=TRAINING,
            show_default="0 by the recipe for tables, else 0.0001",
        ),
    ] = None,
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
        Count,
        typer.Option(
            min=1,
            help="Of text: symbols between two updates, all that a transformer sees.",
            rich_help_panel=TRAINING,
            show_default="20; 64 for a transformer",
        ),
    ] = None,
    patience: Annotated[
        Count,
        typer.Option(
            help="Stop after so many epochs that were no better.",
            rich_help_panel=TRAINING,
            show_default="by the recipe for tables, 5 for texts of 12,500 symbols or more, else never",
        ),
    ] = None,
    restart: Annotated[
        Count,
        typer.Option(
            min=1,
            help="Draw all weights anew, up to so often, where the loss fell by less than a tenth in 10 epochs.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    pretrain: Annotated[
        Text,
        typer.Option(
            help="Train the hidden layers first, one by one without the target: autoencoder, or rbm for logistic ones.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    start: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="A model file to begin from: its network, with a new last layer where the target is another.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    freeze: Annotated[
        str, typer.Option(help="With --start: layers that stay as they are: conv_*,dense_1.", rich_help_panel=TRAINING)
    ] = "",
    layer_rate: Annotated[
        str,
        typer.Option(help="With --start: factors on the learning rate: conv_*=0.1.", rich_help_panel=TRAINING),
    ] = "",
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
    device: Annotated[
        Text, typer.Option(help="What to compute on: cpu, gpu or tpu.", show_default="what JAX prefers")
    ] = None,
    devices: Annotated[
        Count,
        typer.Option(
            min=1, help="Share each batch among so many devices; on a CPU they are threads.", show_default="1"
        ),
    ] = None,
    dtype: Annotated[
        Text,
        typer.Option(
            help="What a step's layers compute in: bfloat16, beside parameters in float32.",
            rich_help_panel=TRAINING,
            show_default="float32",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEEDS - 1, help="Everything random comes from it.")] = 0,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for model.safetensors and report.html.", show_default="out/NAME"),
    ] = None,
    relevance: Annotated[
        bool,
        typer.Option("--relevance", help="Also print which columns of a table matter, by a small network of its own."),
    ] = False,
    posterior: Annotated[
        bool,
        typer.Option(
            "--posterior",
            help="Also find out how far off predictions may be: `netgrad predict` then writes their spread.",
        ),
    ] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Only the model and its scores, which is quicker.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Also ranks, noise, sharpness, and whether it learns 32 examples by heart."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the test score.")] = False,
) -> None:
    """Train a network on a data set or a table, test it, and write the model and a report.

    The target's kind decides between classification and regression. Encodings and scales are kept in the model. A
    table's network is made and trained by a recipe for its size, unless --hidden, --activation, --loss, --optimizer or
    --penalty asks for a plain one.
    """
    import netgrad as ng
    from netgrad.cli import (
        card,
        columns,
        forecasts,
        nets,
        options,
        posteriors,
        sequences,
        sources,
        transfer,
        translations,
    )
    from netgrad.cli import devices as computing
    from netgrad.cli import pairs as semi
    from netgrad.cli import reconstruct as autoencoding
    from netgrad.cli.results import Trained, finish
    from netgrad.data.leaks import warn_of_leaks

    if measure and no_report:
        raise NetgradError("--measure is a part of the diagnosis, and --no-report leaves that out: give one of both")
    computing.use(ctx, device, devices)
    if start is not None:
        transfer.fit(ctx)
        return
    sequences.refuse(ctx, transfer.ONLY_HERE, "says how a model goes on: name its file with --start, too, or")
    if translations.asked(ctx):
        translations.fit(ctx)
        return
    sequences.refuse(ctx, translations.ONLY_HERE, "is for translations: give --goal translate, too, or")
    if reconstruct:
        autoencoding.fit(ctx)
        return
    if pairs:
        semi.fit(ctx)
        return
    if forecasts.asked(ctx):
        forecasts.fit(ctx)
        return
    sequences.refuse(ctx, forecasts.ONLY_HERE, "is for forecasts: give --goal forecast, too, or")
    if restart is not None and pretrain is not None:
        raise NetgradError("--restart draws anew what --pretrain has learned: leave one of both out")
    if sequences.asked(net):
        if relevance:
            raise NetgradError(f"--relevance is of a table's columns, not of sequences (--net {net}): leave it out")
        sequences.fit(ctx)
        return
    sequences.refuse(ctx, sequences.ONLY_HERE, f"is for sequences, and has no effect with --net {net}")
    plain = (
        options.given(ctx, ("hidden", "activation", "loss", "optimizer", "penalty", "alpha", "pretrain"))
        or net != "mlp"
    )
    share, test_file = options.share_or_file(test)
    request = sources.Request(
        data,
        target,
        task,
        share,
        seed,
        scaling or ("standardise" if plain else "robust"),
        missing,
        options.names(categorical),
        options.names(numeric),
        None if missing_values is None else options.names(missing_values),
        size,
        test_file,
        options.names(drop),
        None if only is None else options.names(only),
        log_target if log_target is not None or not plain else False,
        within=not plain,
        form=options.form(separator, encoding, header),
    )
    source = sources.read(request)
    folder = out or Path("out") / Path(source.name).name.split(".")[0]
    options.check_writable(folder)
    shape = nets.Shape(
        None if hidden is None else options.units("--hidden", hidden),
        activation,
        loss,
        options.units("--filters", filters),
        dropout or 0.0,
        options.amounts("--augment", augment),
    )
    x, y = source.encoded()
    if relevance:
        columns.check(source, x)
    if source.encoder is not None:
        warn_of_leaks(source.encoder, x, y, source.task == "regression")
    plain = plain or source.kind != "table"
    how = options.changed(options.PLAIN if plain else ng.recipe(x, source.task), ctx.params)
    network = nets.build(net, source, shape) if plain else nets.by_recipe(how, source, x, shape)
    strength = how.alpha if alpha is None else alpha
    chosen = nets.loss_of(source, shape)
    aims = {
        "loss": options.smoothed(chosen, label_smoothing),
        "penalty": options.penalties(penalty, strength),
    }
    metrics = options.names(metric) or None
    drawn = replace(
        ng.untrained(network, x, y, seed=seed, **aims),
        encoder=source.encoder,
        target_encoder=source.target_encoder,
    )
    if posterior:
        posteriors.check(drawn)
    if pretrain is not None:
        drawn = replace(drawn, params=ng.tasks.pretrain(network, x, by=pretrain, seed=seed))
    how_trained = options.training(how, ctx.params)
    model = ng.fit(
        drawn,
        source.x,
        source.y,
        class_weight=class_weight,
        resample=resample,
        metrics=metrics,
        fix=fix,
        **how_trained | {"learning_rate": how.rates(network), "callbacks": [ng.Watch(), *how_trained["callbacks"]]},
    )
    used = (
        *("scaling", "missing", "missing_values", "drop", "only", "size", "augment", "net", "hidden", "filters"),
        *(
            "activation",
            "dropout",
            "optimizer",
            "learning_rate",
            "schedule",
            "epochs",
            "batch_size",
            "penalty",
            "alpha",
            "pretrain",
            "restart",
            "posterior",
            "label_smoothing",
            "metric",
            "dtype",
        ),
        *("class_weight", "resample", "clip_norm", "patience", "validation", "test", "separator", "encoding", "header"),
        "seed",
    )
    found = options.settled(how, plain) | {
        "scaling": request.scaling,
        "test": share if test_file is None else Path(test_file).name,
    }
    found |= {"alpha": strength, "size": source.size}
    settings = card.plain({name: ctx.params[name] for name in used} | found)
    model.card = card.make(ctx, source, model.network, settings | {"loss": chosen})
    trained = Trained.on(model, source, metrics)
    if posterior:
        trained.posterior = lambda: ng.posterior(model, source.x, source.y)
    finish(trained, folder, quiet=quiet, report=not no_report, measure=measure)
    if relevance:
        columns.show(source, x, y, seed, None if no_report else folder)
