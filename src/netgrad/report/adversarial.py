"""The report of a pair of adversarial networks: how both learned, what the generator draws, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from netgrad.diagnosis.adversarial import diagnose_pair
from netgrad.diagnosis.finding import Diagnosis
from netgrad.report import figures
from netgrad.report.diagnosis import findings
from netgrad.report.html import layer_table, page
from netgrad.report.layers import EXAMPLES, traced
from netgrad.report.samples import drawn_by_epoch
from netgrad.report.section import Section, number
from netgrad.training.history import History
from netgrad.writing import write_file

if TYPE_CHECKING:
    from netgrad.tasks import AdversarialPair


def write(
    pair: AdversarialPair, x: Any, path: str | Path, title: str | None = None, game: str = "non_saturating"
) -> Path:
    """Write the report of a pair beside these examples of the data (N, ...), and return its path.

    game: the one that was played, for the diagnosis. What `netgrad.Samples` kept in training is shown by epoch.
    Raises `ShapeError` for fewer examples than a diagnosis needs, or others than the generator makes.
    """
    x = np.asarray(x, float)
    diagnosis = diagnose_pair(pair, x, game)
    last = pair.history.rows[-1] if len(pair.history) else {}
    scores = [(f"loss of the {name}", number(last[name])) for name in ("generator", "discriminator") if name in last]
    text = page(
        title=title or "Adversarial networks",
        what=repr(pair),
        scores=[("of the data have a sample near them", f"{diagnosis.skill:.0%}"), *scores],
        examples=f"{len(x):,} examples of the data",
        sections=list(sections(pair, x, diagnosis)),
    )
    return write_file(path, text.encode())


def sections(pair: AdversarialPair, x: np.ndarray, diagnosis: Diagnosis) -> Iterator[Section]:
    """The parts of the report, in order."""
    if len(pair.history):
        text = "Neither loss says how good the samples are. Right: what the discriminator puts out, in the mean."
        alt = f"Losses of generator and discriminator over {len(pair.history)} epochs: {pair.history!r}"
        yield Section("Learning curve", text, figures.svg(game_curve(pair.history), alt, "curve"))
    yield from drawn_by_epoch(pair.history, x)
    yield findings(diagnosis)
    n = min(len(x), EXAMPLES)
    yield layer_table(traced(pair.together(), pair.noise(n), np.ones(n)))


@figures.styled
def game_curve(history: History) -> Figure:
    """The losses of both, and the discriminator's mean output for data and for samples, over the epochs."""
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    epochs = history["epoch"]
    marks = {"marker": "o", "markersize": 3} if len(epochs) <= 3 else {}
    titles = (("generator", "discriminator"), "losses"), (("real", "fake"), "output for data and for samples")
    for axes, (names, title) in zip(fig.subplots(1, 2), titles, strict=True):
        for name, colour, line in zip(names, (figures.BLUE, figures.ORANGE), ("-", "--"), strict=True):
            label = {"real": "data", "fake": "samples"}.get(name, name)
            axes.plot(epochs, history[name], color=colour, linestyle=line, label=label, **marks)
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return fig
