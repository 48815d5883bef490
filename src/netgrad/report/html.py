"""The report: one HTML file that needs nothing beside it, readable in light, in dark and in black and white."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.data.values import Rows
from netgrad.diagnosis.evidence import Evidence
from netgrad.errors import warn
from netgrad.report import attention, figures, sequences
from netgrad.report.bands import bands_judged
from netgrad.report.classes import by_class
from netgrad.report.columns import columns_judged
from netgrad.report.diagnosis import diagnosed
from netgrad.report.judgement import Judgement, judge
from netgrad.report.layers import QUANTITIES, LayerRow, traced
from netgrad.report.samples import drawn_by_epoch, given_back
from netgrad.report.section import Section, confusion_shown, number
from netgrad.training.model import Model
from netgrad.training.reconstruction import inputs_as_targets
from netgrad.writing import write_file

TEMPLATE = Path(__file__).with_name("report.html.j2")
MOST_COLUMNS = 8  # of a table of mistakes: what fits on a page
WORST = 12
WORST_OF_CLASS = 3  # where mistakes are shown as pictures


def write(
    model: Model,
    x: Any,
    y: Any,
    path: str | Path,
    title: str | None = None,
    lengths: Any = None,
    names: Any = None,
    evidence: Evidence | None = None,
    scores: dict[str, float] | None = None,
    shown: Sequence[Section] | None = None,
    failed: list[tuple[str, Exception]] | None = None,
    measure: bool = False,
) -> Path:
    """Write the report of a model, measured on these examples, and return its path.

    x, y: test examples in their own terms, as for `Model.evaluate`; y None for a model that reconstructs x. title: the
    data's name by default. Images among them are shown where the model went most wrong; rows of a table are listed.
    lengths, names (N,): valid time-steps of sequences, and what they are called, by default their numbers; see
    `netgrad.report.sequences`. What `netgrad.Samples` kept in training is shown by epoch.
    evidence: what the diagnosis rests on, of the training examples; by default it is made on those of the report.
    scores, shown: what was measured and is to be shown of these examples, where the caller knows better.
    failed: a part that cannot be made costs the report nothing but itself; it is added here, with its error, or, where
    there is no list, warned of.
    measure: whether the diagnosis shows ranks, noise and sharpness besides, see `netgrad.diagnosis.measure`.
    Raises `FileError` where the file cannot be written; what stood there stays whole until then.
    """
    lost: list[tuple[str, Exception]] = [] if failed is None else failed
    page = render(model, x, y, title, lengths, names, evidence, scores, shown, lost, measure)
    written = write_file(path, page.encode())
    if failed is None and lost:
        told = "; ".join(f"{part} ({type(error).__name__}: {_reason(error)})" for part, error in lost)
        warn(f"the report {path} is without what could not be made: {told}")
    return written


def render(
    model: Model,
    x: Any,
    y: Any,
    title: str | None = None,
    lengths: Any = None,
    names: Any = None,
    evidence: Evidence | None = None,
    scores: dict[str, float] | None = None,
    shown: Sequence[Section] | None = None,
    failed: list[tuple[str, Exception]] | None = None,
    measure: bool = False,
) -> str:
    """The report as the text of an HTML page; arguments as for `write`."""
    data = model.card.get("data", {})
    y = inputs_as_targets(model.network, model.encode_inputs(x)) if y is None and model.objective.reconstructs else y
    scores = dict(scores or model.evaluate(x, y, lengths=lengths))
    if sequences.is_text(model):
        scores |= sequences.surprise(scores["loss"])
    return page(
        title=title or data.get("name") or "A trained network",
        what=model.card.get("what", repr(model)),
        scores=[score(name, value) for name, value in sorted(scores.items(), key=is_loss)],
        examples=sequences.counted(model, y, lengths),
        sections=list(sections(model, x, y, lengths, names, evidence, shown, failed, measure)),
        card=list(entries(model.card)),
    )


def page(**parts: Any) -> str:
    """The page's text from its parts: title, what, scores, examples, sections and card, as the template has them."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**parts)


def sections(
    model: Model,
    x: Any,
    y: Any,
    lengths: Any = None,
    names: Any = None,
    evidence: Evidence | None = None,
    shown: Sequence[Section] | None = None,
    failed: list[tuple[str, Exception]] | None = None,
    measure: bool = False,
) -> Iterator[Section]:
    """The parts of the report, in order; those that the model has nothing to show for are left out.

    failed: as for `write`; where there is no list, the first part that fails raises its error.
    """

    def rows() -> list[LayerRow]:
        if "rows" not in kept:
            kept["rows"] = traced(model, *part())
        return kept["rows"]

    def part() -> Any:
        if "part" not in kept:
            kept["part"] = sequences.part(model, x, y, lengths)
        return kept["part"]

    def diagnosis() -> Iterator[Section]:
        some, truth, ends = part()
        own = evidence or Evidence(model, model.batch(some, truth, lengths=ends))
        return diagnosed(own, rows(), measure)

    kept: dict[str, Any] = {}
    makers: list[tuple[str, Callable[[], Iterable[Section]]]] = [
        ("Learning curve", lambda: learning(model)),
        ("Samples by epoch", lambda: drawn_by_epoch(model.history, x)),
        ("What is given back", lambda: given_back(model, x)),
        ("Predictions", lambda: shown if shown is not None else predictions(model, x, y, lengths, names)),
        ("Columns", lambda: columns_judged(model, x, y) if shown is None else ()),
        ("Gradients through time", lambda: sequences.through_time(model, *part())),
        ("What attention looks at", lambda: attention.maps(model, *part()) if shown is None else ()),
        ("Diagnosis", diagnosis),
        ("Layers", lambda: [layer_table(rows())]),
    ]
    for title, make in makers:
        try:
            yield from make()
        except Exception as error:  # whatever it is: the other parts are worth reading all the same
            if failed is None:
                raise
            failed.append((title, error))
            yield Section(title, f"This part could not be made: {type(error).__name__}: {_reason(error)}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def learning(model: Model) -> Iterator[Section]:
    """The learning curve, and what was noticed on the way."""
    if not len(model.history):
        return
    alt = f"Learning curve over {len(model.history)} epochs: {model.history!r}"
    stopped = f"Stopped: {model.history.stopped}." if model.history.stopped else ""
    noticed = [event for event in model.history.events if event["epoch"] > 0]
    moments = [f"{i}: {event['message']} (epoch {event['epoch']})" for i, event in enumerate(noticed, 1)]
    stopped = ". ".join([*moments, stopped]) if moments else stopped
    yield Section("Learning curve", stopped, figures.svg(figures.learning_curve(model.history), alt, "curve"))


def predictions(model: Model, x: Any, y: Any, lengths: Any, names: Any) -> Iterator[Section]:
    """What the model says beside the truth, and where it went most wrong."""
    judgement = judge(model, x, y, lengths)
    if judgement is None:
        yield from sequences.judged(model, x, y, lengths, names)
        return
    names = range(len(judgement.truth)) if names is None and lengths is not None else names
    yield from (classes_judged if judgement.classes else quantity_judged)(model, x, judgement, names)


def classes_judged(model: Model, x: Any, judgement: Judgement, names: Any = None) -> Iterator[Section]:
    """Confusion matrix and worst mistakes of a classifier. names: of sequences, in place of their columns."""
    classes = judgement.classes
    if len(classes) <= figures.MOST_CLASSES:
        yield confusion_shown(figures.confusion(judgement.truth, judgement.predicted, classes), classes)
    yield from by_class(judgement)
    pictures = np.ndim(x) == 4 and len(classes) <= figures.MOST_CLASSES
    worst, mistakes = judgement.worst_of_each(WORST_OF_CLASS) if pictures else judgement.worst(WORST)
    certain = judgement.certainty[worst]
    title = "Worst mistakes" if mistakes else "Least certain"
    text = "" if mistakes else "There are no mistakes among these examples; these were the closest. "
    text += "The percentage is the probability that the model gave to the true class."
    if np.ndim(x) == 4:
        said = zip(judgement.truth[worst], judgement.predicted[worst], certain, strict=True)
        captions = [f"{t}, taken for {p}\n{c:.1%}" if t != p else f"{t}\n{c:.1%}" for t, p, c in said]
        alt = "Pictures: " + "; ".join(caption.replace("\n", " at ") for caption in captions)
        yield Section(title, text, figures.svg(figures.pictures(np.asarray(x)[worst], captions), alt, "worst"))
        return
    header, cells = shown_columns(x, worst, names)
    verdict = zip(judgement.truth[worst], judgement.predicted[worst], certain, strict=True)
    rows = [[str(t), str(p), f"{c:.1%}", *row] for (t, p, c), row in zip(verdict, cells, strict=True)]
    yield Section(title, text, header=["true", "predicted", "p(true)", *header], rows=rows)


def quantity_judged(model: Model, x: Any, judgement: Judgement, names: Any = None) -> Iterator[Section]:
    """Predicted against true values and the largest residuals of a regression. names: as for `classes_judged`."""
    truth, predicted = judgement.truth, judgement.predicted
    name = str(model.card.get("target", "target"))
    correlation = np.corrcoef(truth, predicted)[0, 1] if truth.std() and predicted.std() else float("nan")
    yield Section(
        "Predictions and residuals",
        "Each point is an example; on the dotted line prediction and truth agree.",
        figures.svg(
            figures.quantities(truth, predicted, name),
            f"Predicted against true {name}, correlation {correlation:.3f}, and a histogram of the residuals",
            "quantities",
        ),
    )
    if names is None:
        yield from bands_judged(model, x, judgement)
    worst, _ = judgement.worst(WORST)
    header, cells = shown_columns(x, worst, names)
    rows = [
        [number(truth[i]), number(predicted[i]), number(predicted[i] - truth[i]), *row]
        for i, row in zip(worst, cells, strict=True)
    ]
    yield Section("Largest residuals", header=["true", "predicted", "residual", *header], rows=rows)


def layer_table(rows: list[LayerRow]) -> Section:
    """Sizes and spreads of all layers."""
    header = ["layer", "kind", "output", "parameters", *QUANTITIES]
    cells = []
    for row in rows:
        shown = [row.cell(quantity) for quantity in QUANTITIES]
        cells.append([row.name, row.layer, " × ".join(map(str, row.shape)), f"{row.parameters:,}", *shown])
    total = f"{sum(row.parameters for row in rows):,} parameters; mean ± standard deviation over the examples."
    return Section("Layers", total, header=header, rows=cells)


def shown_columns(x: Any, worst: np.ndarray, names: Any = None) -> tuple[list[str], list[list[str]]]:
    """Names and cells of these rows, as many columns as fit; none for what is no table. Of sequences their names, of a
    data frame also where the rows stand in it, or in the file that it came from."""
    if names is not None:
        return ["sequence"], [[str(names[i])] for i in worst]
    if hasattr(x, "iloc"):
        part = x.iloc[worst, :MOST_COLUMNS]
        rows = Rows(x)
        names = ["row", *(str(c) for c in part.columns)]
        cells = [[rows.label(int(i)), *row] for i, row in zip(worst, part.to_numpy(object).tolist(), strict=True)]
    elif np.ndim(x) == 2:
        part = np.asarray(x)[worst, :MOST_COLUMNS]
        names, cells = [f"x{k + 1}" for k in range(part.shape[1])], part.tolist()
    else:
        return [], [[] for _ in worst]
    return names, [[number(v) if isinstance(v, float) else str(v) for v in row] for row in cells]


def is_loss(item: tuple[str, float]) -> bool:
    """Sorts the loss behind the scores that people read first."""
    return item[0] == "loss"


def score(name: str, value: float) -> tuple[str, str]:
    """A score's name and value as the head of the page shows them."""
    return (name, f"{100 * value:.2f} %") if name.endswith("accuracy") else (name, number(value))


def entries(card: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The card's entries as text; the parts of one in a row: "epochs 40, seed 0"."""
    for key, value in card.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in value.items())
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        if shown:
            yield key.replace("_", " "), shown
