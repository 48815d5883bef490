"""`netgrad fit` and `predict` for sequences: tables in long format, and texts for a character model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from netgrad.cli import transformers
from netgrad.cli.results import Trained, finish, how_shown
from netgrad.data.encodings import missing_column
from netgrad.errors import NetgradError, warn

TEXTS = (".txt",)

# The options of `netgrad fit` that mean something here; any other one that is given is refused.
COMMON = [
    "data",
    "net",
    "hidden",
    "dropout",
    "optimizer",
    "learning_rate",
    "schedule",
    "epochs",
    "batch_size",
    "penalty",
    "alpha",
    "clip_norm",
    "patience",
    "checkpoint",
    "log",
    "test",
    "seed",
    "out",
    "no_report",
    "measure",
    "quiet",
    "device",
    "devices",
    "dtype",
]
ONLY_HERE = ("id", "time", "goal", "bidirectional", "truncate")
OF_TEXT = [*COMMON, "truncate", "validation", "fix", "metric"]
OF_TABLE = [*COMMON, "id", "time", "goal", "target", "task", "bidirectional", "validation", "missing", "missing_values"]
OF_TABLE += ["drop", "only", "separator", "encoding", "header", "fix", "metric", "label_smoothing"]

# What is taken where nothing was said.
USUAL = {"epochs": 40, "batch_size": 32, "dropout": 0.0, "validation": 0.1, "alpha": 1e-4}
PATIENCE = 5  # epochs, of a text: once it is learned by heart, another text is foretold worse
MEASURE = 1000  # symbols: fewer do not say which epoch was the best, unless --validation asks for them


def cells() -> dict[str, Any]:
    """What --net may be for sequences."""
    from netgrad.layers.cells import CELLS

    return CELLS


def asked(net: str) -> bool:
    """Whether this --net is for sequences."""
    return net in (*cells(), transformers.NAME)


def refuse(ctx: typer.Context, names: Iterable[str], why: str) -> None:
    """Refuse these options where they were given: they would change nothing, in silence."""
    for parameter in ctx.command.params:
        if parameter.name in names and named(ctx, str(parameter.name)):
            raise NetgradError(f"{parameter.opts[0]} {why}: leave it out")


def named(ctx: typer.Context, name: str) -> bool:
    """Whether an option was given on the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def fit(ctx: typer.Context, begun: Any = None) -> None:
    """Train on the sequences that the command names, test, and write model.safetensors and report.html.

    begun: the model to begin from (`netgrad.cli.transfer.Begun`).
    """
    from netgrad.cli import card
    from netgrad.cli.options import check_writable, share_or_file
    from netgrad.data import datasets

    given = (
        {"begun": begun}
        | USUAL
        | {name: value for name, value in ctx.params.items() if value is not None or name not in USUAL}
    )
    name = Path(given["data"]).name.split(".")[0]
    folder = given["out"] or Path("out") / name
    check_writable(folder)
    given["test"], given["test_file"] = share_or_file(given["test"])
    is_text = given["data"] in datasets._TEXTS or Path(given["data"]).suffix.lower() in TEXTS
    if is_text and given["test_file"]:
        raise NetgradError("--test is the share of a text that is kept for testing: a file is for tables alone")
    if is_text and given["bidirectional"]:
        raise NetgradError("--bidirectional would show a character model the symbol it is to predict: leave it out")
    used, kind = (OF_TEXT, "text") if is_text else (OF_TABLE, "sequences from a table")
    if begun is not None:
        if is_text != ("vocabulary" in begun.model.card):
            found = "a text" if is_text else "a table"
            raise NetgradError(f"{name} is {found}, {begun.name} is a model of {'tables' if is_text else 'texts'}")
        used = [*used, "start", "freeze", "layer_rate"]
        given |= begun.settled | {"truncate": given["truncate"] or begun.settings.get("truncate")}
        given |= {"drop": "", "only": None}  # the columns are those of its encoder
    refuse(ctx, set(given) - set(used), f"has no effect on {kind} with --net {given['net']}")
    trained = (train_text if is_text else train_table)(given)
    trained.model.card |= {
        "scores": {},  # once they are measured
        "settings": card.plain(
            {key: given[key] for key in used if key not in (*card.LOCAL, "data", "target")}
            | ({} if begun is None else {"start": begun.name})
            | ({"test": Path(given["test_file"]).name} if given["test_file"] else {})
        ),
        "versions": card.versions(),
        "seed": given["seed"],
        "command": card.command_line(ctx),
    }
    finish(trained, folder, layers=False, **how_shown(given))


def to_finish(model: Any, score: Any, seen: dict[str, Any], known: tuple[Any, Any, Any]) -> Trained:
    """What training leaves behind. seen: test examples as a report takes them; known: x, y, lengths trained on."""
    from netgrad.report.sequences import part

    def batches() -> tuple[Any, Any]:
        parts = part(model, *known), part(model, seen["x"], seen["y"], seen.get("lengths"))
        trained_on, unseen = (model.batch(x, y, lengths=lengths) for x, y, lengths in parts)
        return trained_on, unseen

    return Trained(model, score, seen, batches)


def train_text(given: dict[str, Any]) -> Trained:
    """A character model, trained in pieces on all but the last share of the text; its card holds the vocabulary.

    What is left has a last share of its own, which decides which epoch was the best.
    """
    import netgrad as ng
    from netgrad.cli.options import names as names_of
    from netgrad.data import Vocabulary, load_text, streams
    from netgrad.training.measures import measured, named_measures

    named_measures(names_of(given["metric"]))  # an unknown one is refused before training
    how = {"fix": given["fix"]}
    text, begun = load_text(given["data"]), given["begun"]
    vocabulary = Vocabulary.from_config(begun.model.card["vocabulary"]) if begun else Vocabulary(text)
    ids = vocabulary.encode(text)
    cut = len(ids) - max(2, round(len(ids) * given["test"]))
    if cut < 2:
        raise NetgradError(f"the text has {len(ids)} symbols: too few to train on some and test on others")
    attends, watched = given["net"] == transformers.NAME, round(cut * given["validation"])
    if given["validation"] == USUAL["validation"] and watched < MEASURE:
        watched = 0
    if 0 < given["validation"] != USUAL["validation"] and min(watched, cut - watched) < 2:
        raise NetgradError(f"--validation {given['validation']:g} of {cut} symbols leaves too few on one side")
    known: Any
    held: Any
    unseen: Any
    known, held, unseen = ids[: cut - watched], ids[cut - watched : cut], ids[cut:]
    if watched:
        given["patience"] = given["patience"] or PATIENCE
    given["truncate"] = given["truncate"] or (transformers.STEPS if attends else 20)
    if attends:
        net = transformers.decoder(given, len(vocabulary))
        known, held, unseen = (
            transformers.pieces(own, given["truncate"]) if len(own) else None for own in (known, held, unseen)
        )
        how |= {"validation": held, "batch_size": given["batch_size"] or 32}
        model = trained_on(given, net, *known, **how)
    else:
        rows = max(1, min(given["batch_size"] or 32, len(known) // (given["truncate"] + 1)))
        hidden = recurrent(given, (128,))
        net = ng.Sequential([ng.Embedding(len(vocabulary), 32), *hidden, ng.Dense(len(vocabulary))])
        how |= {"validation": streams(held, max(1, min(8, watched // 100))) if watched else None, "batch_size": None}
        model = trained_on(given, net, *streams(known, rows), truncate=given["truncate"], **how)
        known, unseen = streams(known, 1), streams(unseen, 1)
    x, y = unseen
    model.card = {
        "what": f"text, symbol by symbol, by a network of {len(net.nodes)} layers",
        "data": {"name": Path(given["data"]).name, "symbols": len(text)},
        "task": "text",
        "vocabulary": vocabulary.to_config(),
    }

    def score() -> dict[str, float]:
        scores: dict[str, float] = model.evaluate(x, y)
        asked_for = names_of(given["metric"])  # of the whole text at once, which every epoch would be too much of
        scores |= measured(model, model.batch(x, y), asked_for) if asked_for else {}
        return scores | {"bits": scores["loss"] / float(np.log(2))}

    return to_finish(model, score, {"x": x, "y": y}, (*known, None))


def train_table(given: dict[str, Any]) -> Trained:
    """Tags, labels or forecasts from a table with one row for each time-step; whole sequences are kept for testing."""
    import netgrad as ng
    from netgrad.cli.options import form, smoothed
    from netgrad.cli.options import names as names_of
    from netgrad.data import TargetEncoder, read_sequences, read_table
    from netgrad.data.tables import chosen
    from netgrad.training.measures import measured

    if given["target"] is None:
        raise NetgradError("which column is to be predicted? name it with --target")
    words = given["missing_values"]
    how: dict[str, Any] = {"missing_values": None if words is None else names_of(words)}
    how |= form(given["separator"], given["encoding"], given["header"])
    table = read_table(given["data"], **how)
    target = given["target"]
    if target not in table.columns or given["id"] not in table.columns:
        read_sequences(table, target=target, id=given["id"], time=given["time"])  # which says what is missing
    given["goal"] = given["goal"] or usual_goal(table, given["id"], target)
    columns = {"id": given["id"], "time": given["time"], "goal": given["goal"]}
    asked_for = None if given["only"] is None else (given["id"], given["time"], *names_of(given["only"]))
    table = chosen(table, target, names_of(given["drop"]), asked_for and [n for n in asked_for if n is not None])
    names = table[given["id"]].dropna().unique()
    whole = table
    if given["test_file"]:
        unseen = read_table(given["test_file"], **how)
    else:
        table, unseen = apart(table, given, names)
    encoder = TargetEncoder(given["task"]).fit(whole[target])  # also a rare label is known in both parts
    told, begun = {"missing": given["missing"], **columns}, given["begun"]
    if begun is not None:
        encoder, told["encoder"] = begun.target_encoder(encoder), begun.model.encoder
    train = read_sequences(table, target=target, target_encoder=encoder, **told)
    test = read_sequences(unseen, target=target, target_encoder=encoder, encoder=train.encoder, **columns)
    if test.y is None:
        raise NetgradError(f"{given['test_file']} has no column {target!r}: expected the truth to test against")
    known = train.x, encoder.decode(train.y), train.lengths
    seen: dict[str, Any] = {"x": test.x, "y": encoder.decode(test.y), "lengths": test.lengths, "names": test.ids}
    layers = recurrent(given, (64,), returns="last" if given["goal"] == "label" else "sequence")
    units = max(2, len(encoder.classes)) if encoder.task == "classification" else 1
    usual = "softmax_cross_entropy" if encoder.task == "classification" else "squared_error"
    loss, metrics = smoothed(usual, given["label_smoothing"]), names_of(given["metric"]) or None
    options = {"batch_size": given["batch_size"] or None, "validation": given["validation"] or None, "loss": loss}
    options |= {"fix": given["fix"]} | ({"metrics": in_own_terms(encoder, metrics)} if metrics else {})
    net = ng.Sequential([*layers, ng.Dense(units)])
    model = trained_on(given, net, train.x, train.y, encoder, lengths=train.lengths, **options)
    bare, model = model, replace(model, encoder=train.encoder, target_encoder=encoder)
    model.card = {
        "what": f"{given['goal']} {target!r} of sequences by a network of {len(model.network.nodes)} layers",
        "data": {"name": Path(given["data"]).name, "sequences": len(names), "test": len(test.ids)},
        "target": target,
        "task": encoder.task,
        "sequences": columns,
    }

    def score() -> dict[str, float]:
        batch = bare.batch(test.x, test.y, None, test.lengths)
        seen["scores"] = model.score_batch(batch) | (measured(model, batch, metrics) if metrics else {})
        return dict(seen["scores"])

    return to_finish(model, score, seen, known)


def in_own_terms(encoder: Any, metrics: tuple[str, ...]) -> Any:
    """These metrics for a network that is trained on encoded targets: of quantities they are measured decoded."""
    from netgrad.training.measures import Answers, named_measures

    if encoder.task == "classification":
        return metrics

    def decoded(measure: Any) -> Any:
        def of(truth: np.ndarray, predicted: np.ndarray) -> float:
            own, said = encoder.decode(truth[:, None], limited=False), encoder.decode(predicted[:, None])
            return float(measure(Answers(own, said, own, said)))

        return of

    return {column: decoded(measure) for column, measure in named_measures(metrics).items()}


def trained_on(given: dict[str, Any], net: Any, x: Any, y: Any, encoder: Any = None, **how: Any) -> Any:
    """The network trained as the command asks, or the model that it begins from. encoder: of the target."""
    import netgrad as ng

    options, begun = options_of(given) | how, given["begun"]
    if begun is None:
        return ng.fit(net, x, y, **options)
    settings = {name: options.pop(name, None) for name in ("penalty", "loss")}
    start = begun.start(x, y, encoder, lengths=options.get("lengths"), penalty=settings["penalty"], seed=given["seed"])
    return ng.fit(start, x, y, **options, **begun.how)


def usual_goal(table: Any, id: str, target: str) -> str:
    """What is done with a target where nothing was said: one for each sequence is its label."""
    sequences = table.groupby(id)
    one_each = sequences[target].nunique(dropna=False).max() == 1 < min(sequences.size().max(), table[target].nunique())
    if one_each:
        warn(f"{target!r} is the same all along each sequence: one label for each is learned (--goal tag: one a row)")
    return "label" if one_each else "tag"


def apart(table: Any, given: dict[str, Any], names: Any) -> tuple[Any, Any]:
    """The rows of the sequences to train on, and of those kept for testing."""
    held = np.random.default_rng(given["seed"]).permutation(len(names))[: max(1, round(len(names) * given["test"]))]
    if len(held) >= len(names):
        raise NetgradError(f"{len(names)} sequence is too few to keep one for testing: give more, or a smaller --test")
    in_test = table[given["id"]].isin(names[held])
    return table[~in_test], table[in_test]


def recurrent(given: dict[str, Any], usual: tuple[int, ...], returns: str = "sequence") -> list[Any]:
    """The recurrent layers that the command asks for, the last of which returns as it is told; or a Transformer."""
    import netgrad as ng
    from netgrad.cli.options import units

    if given["net"] == transformers.NAME:
        return transformers.blocks(given, (64, 64), returns)
    sizes = usual if given["hidden"] is None else units("--hidden", given["hidden"])
    if not sizes:
        raise NetgradError(f"--net {given['net']} needs at least one hidden layer: give --hidden 64, say")
    layers = []
    for i, size in enumerate(sizes):
        last = returns if i == len(sizes) - 1 else "sequence"
        layer = cells()[given["net"]](size, returns=last, output_dropout=given["dropout"])
        layers.append(ng.Bidirectional(layer) if given["bidirectional"] else layer)
    return layers


def options_of(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of `netgrad.fit` that all sequences share."""
    from netgrad.cli.options import onlookers, penalties, schedule_of

    schedule = schedule_of(given["schedule"], given["optimizer"])
    usual_clip = None if schedule is None else 1.0  # gradients through time explode now and then
    return {
        "optimizer": given["optimizer"],
        "learning_rate": given["learning_rate"],
        "schedule": schedule,
        "epochs": given["epochs"],
        "penalty": penalties(given["penalty"], given["alpha"]),
        "clip_norm": given["clip_norm"] or usual_clip,
        "patience": given["patience"],
        "checkpoint": given["checkpoint"],
        "dtype": given["dtype"],
        "callbacks": onlookers(given["log"]),
        "progress": not given["quiet"],
        "seed": given["seed"],
    }


def predictions(model: Any, data: str, proba: bool = False, form: dict[str, Any] | None = None) -> Any:
    """A data frame of predictions: one row for each time-step, or for each sequence where it has one label.

    proba: a column of probabilities for each class as well. form: how a text file is written.
    """
    import pandas as pd

    from netgrad.cli.answers import columns as outputs
    from netgrad.data import read_sequences, read_table
    from netgrad.data.checks import valid_steps

    columns = dict(model.card["sequences"])
    goal = columns.pop("goal")
    # Nothing is held back for a target: all rows are inputs.
    words = model.encoder.missing_values if model.encoder is not None else None
    rows = read_table(data, missing_values=words, **(form or {}))
    found = read_sequences(rows, target=None, encoder=model.encoder, **columns)
    said = outputs(model, found.x, proba, found.lengths)
    if goal == "label":
        return pd.DataFrame({columns["id"]: found.ids} | said)
    valid = valid_steps(found.lengths, found.x.shape[1])
    which, step = np.nonzero(valid)
    assert found.rows is not None  # read_sequences says where the rows stand
    places: dict[str, Any] = {columns["id"]: [found.ids[i] for i in which]}
    if columns["time"] is not None:
        places[columns["time"]] = rows[columns["time"]].to_numpy()[found.rows]
    places.setdefault("step", step + 1)  # unless the time has that name
    table = pd.DataFrame(places | {name: value[valid] for name, value in said.items()})
    return table.iloc[np.argsort(found.rows)]  # as the file has them


def examples(model: Any, data: str, target: str | None, form: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Inputs, targets in their own terms, and lengths of the sequences in a file."""
    from netgrad.data import read_sequences, read_table

    words = model.encoder.missing_values if model.encoder is not None else None
    table, column = read_table(data, missing_values=words, **form), target or model.card["target"]
    if column not in table.columns:
        raise missing_column(column, table.columns)
    encoder = model.target_encoder
    found = read_sequences(
        table, target=column, encoder=model.encoder, target_encoder=encoder, **model.card["sequences"]
    )
    return found.x, encoder.decode(found.y), found.lengths
