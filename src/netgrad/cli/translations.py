"""`netgrad fit --goal translate` and `predict` with its models: from one column of texts to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer

from netgrad.cli import sequences, transformers
from netgrad.cli.results import Trained, finish, how_shown
from netgrad.errors import DataError, NetgradError, unknown_name, warn

GOAL = "translate"
ONLY_HERE = ("source_column", "symbols")
GRID = "pervasive_attention"
USED = [*sequences.COMMON, "source_column", "target", "goal", "symbols", "validation", "missing_values"]
USED += ["separator", "encoding", "header"]
SYMBOLS = ("words", "characters")
PART = 256  # texts that are translated at once


class Texts(NamedTuple):
    """Sources and their targets."""

    source: list[str]
    target: list[str]


def asked(ctx: typer.Context) -> bool:
    """Whether the command is about translations: a source is enough to say so."""
    return ctx.params["goal"] == GOAL or (ctx.params["goal"] is None and ctx.params["source_column"] is not None)


def nets() -> tuple[str, ...]:
    """What --net may be here."""
    return (*sequences.cells(), transformers.NAME, GRID)


def fit(ctx: typer.Context) -> None:
    """Train on the pairs of texts that the command names, translate those kept for testing, write model and report."""
    import netgrad as ng
    from netgrad.cli import card, options
    from netgrad.data import Pairs
    from netgrad.report.translations import sections

    given = sequences.USUAL | {n: v for n, v in ctx.params.items() if v is not None or n not in sequences.USUAL}
    sequences.refuse(ctx, set(given) - set(USED), "has no effect on translations")
    name = Path(given["data"]).name
    folder = given["out"] or Path("out") / name.split(".")[0]
    options.check_writable(folder)
    share, test_file = options.share_or_file(given["test"])
    table = read(given["data"], given)
    known, unseen = parts(table, given, share, test_file)
    words = None if given["symbols"] is None else given["symbols"] == "words"
    if given["symbols"] not in (None, *SYMBOLS):
        raise unknown_name("kind of symbols", given["symbols"], SYMBOLS)
    every = Texts(known.source + unseen.source, known.target + unseen.target)
    pairs = Pairs(*every, words=words)
    x, y, lengths = pairs.encoded(*known)
    model = ng.fit(
        network(given, pairs),
        x,
        y,
        lengths=lengths,
        loss="softmax_cross_entropy",
        batch_size=given["batch_size"] or None,
        validation=given["validation"] or None,
        **sequences.options_of(given),
    )
    model.card = {
        "what": f"translation of {given['source_column']!r} into {given['target']!r} by a network of "
        f"{len(model.network.nodes)} layers",
        "data": {"name": name, "pairs": len(every.source), "train": len(known.source), "test": len(unseen.source)},
        "target": given["target"],
        "task": "translation",
        "translation": {"source": given["source_column"], "target": given["target"]},
        "symbols": {"source": told(pairs.source), "target": told(pairs.target)},
        "pairs": pairs.to_config(),
        "scores": {},  # once they are measured
        "settings": card.plain(
            {key: given[key] for key in USED if key not in (*card.LOCAL, "data", "source_column", "target")}
            | {"net": chosen(given), "test": share if test_file is None else Path(test_file).name}
        ),
        "versions": card.versions(),
        "seed": given["seed"],
        "command": card.command_line(ctx),
    }
    x_test, y_test, l_test = pairs.encoded(*unseen)
    seen: dict[str, Any] = {"x": x_test, "y": y_test, "lengths": l_test}

    def score() -> dict[str, float]:
        written = translated(model, unseen.source)
        exact = float(np.mean([own == truth for own, truth in zip(written, unseen.target, strict=True)]))
        scores: dict[str, float] = {"exact_accuracy": exact, **model.evaluate(x_test, y_test, lengths=l_test)}
        if not given["no_report"]:
            seen.update(shown=list(sections(model, pairs, unseen.source, unseen.target, written)), scores=scores)
        return scores

    def batches() -> tuple[Any, Any]:
        return model.batch(x, y, lengths=lengths), model.batch(x_test, y_test, lengths=l_test)

    finish(Trained(model, score, seen, batches), folder, layers=False, **how_shown(given))


def chosen(given: dict[str, Any]) -> str:
    """The network that was asked for; a GRU where none was."""
    net: str = "gru" if given["net"] == "mlp" else given["net"]
    if net not in nets():
        raise NetgradError(f"--net {net} does not translate: take one of {', '.join(nets())}")
    return net


def network(given: dict[str, Any], pairs: Any) -> Any:
    """The encoder and decoder that --net and --hidden ask for."""
    from netgrad import architectures
    from netgrad.architectures.transformer import of_sizes
    from netgrad.cli.options import units

    net, dropout = chosen(given), given["dropout"]
    if net == transformers.NAME:
        return architectures.transformer(
            len(pairs.source), pairs.classes, **transformers.sizes(given | {"bidirectional": False}, (64, 64))
        )
    usual = (32, 32, 32, 32) if net == GRID else (64,)
    sizes = usual if given["hidden"] is None else units("--hidden", given["hidden"])
    if net == GRID:
        how = of_sizes(sizes, "--hidden")
        return architectures.pervasive_attention(
            len(pairs.source), pairs.classes, how["units"], layers=how["layers"], dropout=dropout
        )
    if len(sizes) != 1:
        raise NetgradError(f"--net {net} translates with one number of units, such as --hidden 64: found {len(sizes)}")
    return architectures.encoder_decoder(len(pairs.source), pairs.classes, sizes[0], cell=net, dropout=dropout)


def told(vocabulary: Any) -> str:
    """A vocabulary in words: "12 words"."""
    from netgrad.data.pairs import Words

    return f"{len(vocabulary)} {'words' if isinstance(vocabulary, Words) else 'characters'}"


def read(path: str, given: dict[str, Any]) -> Any:
    """The table in a file."""
    from netgrad.cli.options import form, names
    from netgrad.data import read_table

    words = given["missing_values"]
    how = form(given["separator"], given["encoding"], given["header"])
    return read_table(path, missing_values=None if words is None else names(words), **how)


def parts(table: Any, given: dict[str, Any], share: float, test_file: str | None) -> tuple[Texts, Texts]:
    """The pairs to train on, and those kept for testing."""
    if given["source_column"] is None or given["target"] is None:
        names = ", ".join(map(str, table.columns[:20]))
        raise NetgradError(f"which columns hold the texts and their translations? --source and --target (of {names})")
    if given["source_column"] == given["target"]:
        raise NetgradError(f"--source and --target are both {given['source_column']!r}: name two columns")
    all_ = pairs_of(table, given["source_column"], given["target"])
    if test_file is not None:
        return all_, pairs_of(read(test_file, given), given["source_column"], given["target"])
    order = np.random.default_rng(given["seed"]).permutation(len(all_.source))
    held = max(1, round(share * len(order)))
    if held >= len(order):
        raise DataError(f"{len(order)} pair is too few to keep one for testing: give more")
    return tuple(Texts([all_.source[i] for i in rows], [all_.target[i] for i in rows])
                 for rows in (np.sort(order[held:]), np.sort(order[:held])))  # type: ignore[return-value]  # fmt: skip


def pairs_of(table: Any, source: str, target: str) -> Texts:
    """The rows of a table that have both texts; the others are said."""
    there = texts(table, source), texts(table, target)
    whole = [bool(a.strip() and b.strip()) for a, b in zip(*there, strict=True)]
    if not any(whole):
        raise DataError(f"no row has texts in both {source!r} and {target!r}")
    if missing := len(whole) - sum(whole):
        warn(f"{missing} row{'s'[: missing > 1]} of {len(whole)} have no {source!r} or no {target!r}: left out")
    return Texts(*([text for text, ok in zip(own, whole, strict=True) if ok] for own in there))


def texts(table: Any, column: str) -> list[str]:
    """A column's values as texts, "" where there is none."""
    from netgrad.data.encodings import missing_column
    from netgrad.data.values import text_of

    if column not in table.columns:
        raise missing_column(column, table.columns)
    there = table[column].notna().to_numpy()
    return [text_of(value) if ok else "" for value, ok in zip(table[column].tolist(), there, strict=True)]


def translated(model: Any, sources: Sequence[str], beam: int = 1) -> list[str]:
    """The translation of each text, "" of one without any symbol that the model knows; what is left out is said."""
    import netgrad as ng
    from netgrad.data import Pairs

    known, unknown = Pairs.from_config(model.card["pairs"]).known_part(sources)
    if unknown:
        few = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        warn(f"{len(unknown)} symbol{'s'[: len(unknown) > 1]} that the model does not know are left out: {few}")
    rows = [i for i, text in enumerate(known) if text]
    if len(rows) < len(known):
        warn(f"{len(known) - len(rows)} of {len(known)} texts hold nothing that the model knows: left empty")
    written = [""] * len(known)
    for first in range(0, len(rows), PART):
        part = rows[first : first + PART]
        for i, text in zip(part, ng.translate(model, [known[i] for i in part], beam=beam), strict=True):
            written[i] = text
    return written


def predictions(model: Any, data: str, form: dict[str, Any], beam: int) -> Any:
    """A data frame of the texts in a file and their translations."""
    import pandas as pd

    from netgrad.data import read_table

    column = model.card["translation"]["source"]
    sources = texts(read_table(data, **form), column)
    return pd.DataFrame({column: sources, "prediction": translated(model, sources, beam)})


def examples(model: Any, data: str, target: str | None, form: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Inputs, targets and lengths of the pairs in a file."""
    from netgrad.data import Pairs, read_table

    columns = model.card["translation"]
    known = pairs_of(read_table(data, **form), columns["source"], target or columns["target"])
    return Pairs.from_config(model.card["pairs"]).encoded(*known)
