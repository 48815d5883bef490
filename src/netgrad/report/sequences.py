"""The report of a model of sequences: mistakes by time-step, forecasts beside the truth, what a text cost, and how far
back gradients reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netgrad.data.checks import as_lengths, valid_steps
from netgrad.data.text import Vocabulary
from netgrad.layers import Bidirectional
from netgrad.layers.recurrent import Recurrent
from netgrad.network import out_lengths
from netgrad.report import figures, time_figures
from netgrad.report.layers import EXAMPLES
from netgrad.report.section import Section, confusion_shown, number
from netgrad.training.model import Model

WORST = 12
WINDOW = 100  # time-steps of the windows in which long rows are traced
JACOBIANS = 2e7  # numbers in the Jacobians that a figure may cost, some seconds
LINES, LINE = 14, 80  # of the passage whose symbols are shaded


def counted(model: Model, y: Any, lengths: Any = None) -> str:
    """What the model was tested on, in words.

    >>> import netgrad as ng
    >>> model = ng.untrained(ng.Sequential([ng.RNN(2, returns="last"), ng.Dense(1)]), np.zeros((3, 4, 1)), np.zeros(3))
    >>> counted(model, np.zeros(3)), counted(model, np.zeros(3), [4, 2, 1])
    ('3 test examples', '3 test sequences of 7 time-steps in all')
    """
    if is_text(model):
        return f"{np.size(y):,} symbols of test text"
    n = len(next(iter(y.values())) if isinstance(y, dict) else y)
    if lengths is not None and not isinstance(lengths, dict):
        return f"{n:,} test sequences of {int(np.sum(lengths)):,} time-steps in all"
    return f"{n:,} test examples"


def judged(model: Model, x: Any, y: Any, lengths: Any = None, names: Any = None) -> Iterator[Section]:
    """What a model with an output at every time-step got wrong; nothing for any other model.

    y (N, T), (N, T, 1) or (N, T, units) in the target's own terms, lengths (N,), names (N,) of the sequences.
    """
    if len(model.objective.terms) > 1:
        return
    p = model.predict_proba(x, lengths)
    if p.ndim != 3:
        return
    each = as_lengths(_of_output(model, lengths), *p.shape[:2])
    names = list(range(len(p))) if names is None else list(names)
    task = model.objective.terms[0][1].task
    if task == "regression":
        if p.shape[-1] == 1:
            truth = np.asarray(y, float).reshape(p.shape[:2])
            yield from forecasts(model, truth, np.asarray(model.predict(x, lengths)), each, names)
        return
    truth = np.asarray(model.encode_targets(y))
    if task == "multilabel":
        truth = truth.reshape(p.shape)
        wrong = ((p >= 0.5) != (truth >= 0.5)).any(-1) & valid_steps(each, p.shape[1])
        yield from by_step(wrong, each)
        yield worst_sequences(wrong, each, names)
        return
    truth = truth.argmax(-1) if truth.ndim == 3 else truth.astype(int)
    if is_text(model):  # which stands in one row, or in several one after the other
        yield from text_judged(model, truth.reshape(1, -1), p.reshape(1, -1, p.shape[-1]), each.sum(keepdims=True))
    else:
        yield from tags(model, truth, p.argmax(-1), each, names)


def _of_output(model: Model, lengths: Any) -> Any:
    """The lengths of the output's sequences, where the inputs have lengths each of their own."""
    if not isinstance(lengths, dict):
        return lengths
    ends = out_lengths(model.network, lengths, model.network.shapes(model.shapes))
    return ends[model.network.outputs[0][1]]


# --- tags


def tags(model: Model, truth: np.ndarray, predicted: np.ndarray, lengths: np.ndarray, names: list) -> Iterator[Section]:
    """Confusion of the classes over all time-steps, and where in the sequences the mistakes are."""
    valid = valid_steps(lengths, truth.shape[1])
    encoder = model.target_encoder
    classes = encoder.classes if encoder else list(range(1 + max(truth[valid].max(), predicted[valid].max())))
    if len(classes) <= figures.MOST_CLASSES:
        counts = figures.confusion(truth[valid], predicted[valid], range(len(classes)))
        yield confusion_shown(counts, classes)
    wrong = (truth != predicted) & valid
    yield from by_step(wrong, lengths)
    yield worst_sequences(
        wrong, lengths, names, np.array(classes)[np.where(valid, truth, 0)], np.array(classes)[predicted]
    )


def by_step(wrong: np.ndarray, lengths: np.ndarray) -> Iterator[Section]:
    """Which share of the sequences is wrong at each time-step, (N, T) -> from the start and from the end."""
    if not wrong.any():
        return
    valid = valid_steps(lengths, wrong.shape[1])
    starts = wrong.sum(0) / np.maximum(valid.sum(0), 1)
    unequal = len(set(lengths.tolist())) > 1
    ends = np.nanmean(from_end(wrong, lengths), axis=0)
    t, before = int(starts.argmax()), int(ends.argmax())
    text = f"{int(wrong.sum()):,} of {int(lengths.sum()):,} time-steps are wrong, in {int(wrong.any(1).sum()):,} of "
    text += f"{len(wrong):,} sequences. Each bar is the share of the sequences that are wrong there, of those that "
    text += "have that time-step."
    alt = f"Share of sequences that are wrong by time-step: most at step {t + 1}, {starts[t]:.0%}"
    alt += f"; from the end most {before} before the last, {ends[before]:.0%}" if unequal else ""
    figure = time_figures.places(starts, ends if unequal else None, "share wrong")
    yield Section("Mistakes by time-step", text, figures.svg(figure, alt, "steps"))


def worst_sequences(
    wrong: np.ndarray, lengths: np.ndarray, names: list, truth: Any = None, predicted: Any = None
) -> Section:
    """The sequences with the most mistakes, and where these are."""
    counts = wrong.sum(1)
    order = np.argsort(-counts, kind="stable")[:WORST]
    order = order[counts[order] > 0]
    if not len(order):
        return Section("Mistakes", f"There are none in these {int(lengths.sum()):,} time-steps.")
    header = ["sequence", "time-steps", "mistakes", "at"] + ([] if truth is None else ["the first: true", "predicted"])
    rows = []
    for i in order:
        at = np.flatnonzero(wrong[i])
        shown = ", ".join(str(t + 1) for t in at[:8]) + (", ..." if len(at) > 8 else "")
        said = [] if truth is None else [str(truth[i, at[0]]), str(predicted[i, at[0]])]
        rows.append([str(names[i]), str(lengths[i]), str(counts[i]), shown, *said])
    return Section("Sequences with most mistakes", header=header, rows=rows)


# --- quantities


def forecasts(
    model: Model, truth: np.ndarray, predicted: np.ndarray, lengths: np.ndarray, names: list
) -> Iterator[Section]:
    """Predicted beside true series, the error by time-step, and all predictions against the truth. (N, T) both."""
    valid = valid_steps(lengths, truth.shape[1])
    square = np.where(valid, (predicted - truth) ** 2, 0.0)
    errors = np.sqrt(square.sum(1) / lengths)
    order = np.argsort(errors, kind="stable")
    chosen = {"best": order[0], "middle": order[len(order) // 2], "worst": order[-1]}
    chosen = chosen if len(order) >= 3 else {str(k + 1): i for k, i in enumerate(order)}
    target = str(model.card.get("target", "target"))
    text = f"{target}, at its best, in the middle and at its worst." if len(order) >= 3 else ""
    if model.card.get("sequences", {}).get("goal") == "forecast" and valid[:, 1:].any():
        late = valid[:, 1:]  # from the second step on there is a value before
        step, own = np.sqrt(np.mean(np.diff(truth, axis=1)[late] ** 2)), np.sqrt(square[:, 1:][late].mean())
        text += f" The error of the value before, taken as the forecast, is {number(step)}, the model's {number(own)}."
    parts = [(i, slice(max(0, lengths[i] - 3 * WINDOW), lengths[i])) for i in chosen.values()]
    figure = time_figures.series(
        [truth[i, part] for i, part in parts],
        [predicted[i, part] for i, part in parts],
        [f"{names[i]} ({which}), error {number(errors[i])}" for which, i in chosen.items()],
        [part.start + 1 for _, part in parts],
    )
    alt = "True and predicted series over time: " + ", ".join(f"{names[i]} {number(errors[i])}" for i in order[:3])
    yield Section("Predictions beside the truth", text, figures.svg(figure, alt, "series"))
    starts = np.sqrt(square.sum(0) / np.maximum(valid.sum(0), 1))
    unequal = len(set(lengths.tolist())) > 1
    ends = np.sqrt(np.nanmean(from_end(square, lengths), axis=0))
    alt = f"Error by time-step, largest at step {int(starts.argmax()) + 1}: {number(float(starts.max()))}"
    figure = time_figures.places(starts, ends if unequal else None, "root mean square error")
    yield Section(
        "Error by time-step", "Over all sequences that have that time-step.", figures.svg(figure, alt, "steps")
    )
    flat_truth, flat = truth[valid], predicted[valid]
    alt = f"Predicted against true {target} at {len(flat):,} time-steps, and a histogram of the residuals"
    yield Section(
        "Predictions and residuals",
        "Each point is a time-step; on the dotted line prediction and truth agree.",
        figures.svg(figures.quantities(flat_truth, flat, target), alt, "quantities"),
    )


# --- texts


def is_text(model: Model) -> bool:
    """Whether this is a character model: its card knows the symbols."""
    return "vocabulary" in model.card


def surprise(loss: float) -> dict[str, float]:
    """A character model's loss in nats as bits a symbol, and as perplexity: among how many symbols it hesitates.

    >>> surprise(float(np.log(4)))
    {'bits': 2.0, 'perplexity': 4.0}
    """
    bits = loss / float(np.log(2))
    return {"bits": bits, "perplexity": 2**bits}


def text_judged(model: Model, truth: np.ndarray, p: np.ndarray, lengths: np.ndarray) -> Iterator[Section]:
    """What the symbols of a text cost, where, and what the model writes itself."""
    from netgrad.training.generate import sample

    vocabulary = Vocabulary.from_config(model.card["vocabulary"])
    bits = -np.log2(np.maximum(np.take_along_axis(p, truth[..., None], -1)[..., 0], np.finfo(p.dtype).tiny))
    row = slice(0, int(lengths[0]))
    lines, costs = typeset(vocabulary.decode(truth[0, row]), bits[0, row])
    alt = "The beginning of the test text, each symbol shaded by the bits it cost: " + " / ".join(lines)
    yield Section(
        "Surprise",
        "The beginning of the test text. The darker a symbol, the less the model expected it: white was certain, full "
        "shade cost 8 bits or more.",
        figures.svg(time_figures.surprise(lines, costs), alt, "surprise"),
    )
    valid = valid_steps(lengths, truth.shape[1])
    asked, cost, said = truth[valid], bits[valid], p.argmax(-1)[valid]
    total = np.bincount(asked, cost, len(vocabulary))
    rows = []
    for k in np.argsort(-total, kind="stable")[:WORST]:
        here = asked == k
        if not here.any():
            break
        others = np.bincount(said[here & (said != k)], minlength=len(vocabulary))
        other = repr(vocabulary.symbols[others.argmax()]) if others.any() else ""
        rows.append([repr(vocabulary.symbols[k]), f"{here.mean():.1%}", number(cost[here].mean())])
        rows[-1] += [f"{total[k] / total.sum():.1%}", f"{(said[here] == k).mean():.1%}", other]
    header = ["symbol", "of the text", "bits each", "of all bits", "likeliest was right", "most often taken for"]
    yield Section("Symbols that cost most", header=header, rows=rows)
    prime = "".join(lines[:2]).replace("⏎", "\n")[:LINE]
    written = sample(model, prime, length=400)
    yield Section("What it writes", f"After {prime!r}, each symbol drawn with its probability:", passage=written)


def typeset(text: str, bits: np.ndarray) -> tuple[list[str], list[np.ndarray]]:
    """The first lines of a text as they are printed, line ends as a sign of their own, and the bits of their symbols.

    >>> typeset("to\\nbe", np.arange(5.0))
    (['to⏎', 'be'], [array([0., 1., 2.]), array([3., 4.])])
    """
    lines: list[str] = []
    costs: list[np.ndarray] = []
    at = 0
    while at < len(text) and len(lines) < LINES:
        end = text.find("\n", at, at + LINE)
        end = min(at + LINE, len(text)) if end < 0 else end + 1
        lines.append(text[at:end].replace("\n", "⏎"))
        costs.append(bits[at:end])
        at = end
    return lines, costs


# --- gradients


def part(model: Model, x: Any, y: Any, lengths: Any = None) -> tuple[Any, Any, Any]:
    """As much of the examples as a trace is made of: the first ones, and of rows that are long streams windows."""
    if isinstance(x, dict) or not _recurrent(model):
        return x, y, lengths
    if lengths is None and np.ndim(y) >= 2 and np.shape(y)[1] == np.shape(x)[1] >= 2 * WINDOW:
        x, y = (np.asarray(v)[:, : v.shape[1] // WINDOW * WINDOW] for v in (x, y))
        x, y = (v.reshape(-1, WINDOW, *v.shape[2:]) for v in (x, y))
    keep = slice(0, max(1, min(EXAMPLES, 100_000 // np.shape(x)[1])))
    return x[keep], y[keep], None if lengths is None else np.asarray(lengths)[keep]


def through_time(model: Model, x: Any, y: Any, lengths: Any = None) -> Iterator[Section]:
    """How far back through time gradients reach, for models with recurrent layers; arguments as from `part`."""
    from netgrad.diagnosis.recurrence import jacobian_norms, spectral_radii

    nodes = _recurrent(model)
    if not nodes or isinstance(x, dict) or len(model.objective.terms) > 1:
        return
    steps = np.shape(x)[1]
    each = as_lengths(lengths, len(x), steps)
    plain = [n for n in nodes if isinstance(n.layer, Recurrent) and not n.layer.reverse]
    states, text = None, ""
    if plain:
        few = slice(0, int(np.clip(JACOBIANS / (steps * plain[0].layer.state_size ** 2), 1, 16)))
        norms = jacobian_norms(model, x[few], None if lengths is None else each[few], plain[0].name)
        states = plain[0].name, from_end(norms, each[few])
        back = min(20, int(np.isfinite(states[1]).any(0).sum()) - 1)
        pull = float(np.nanmedian(states[1][:, back]))
        text = (
            f"A change of the state {back} steps before the end changes the last state {number(pull)} times as much. "
        )
    some = slice(0, 32)
    arriving = {
        name: from_end(norms, each[some])
        for name, norms in _arriving(model, x[some], y[some], None if lengths is None else each[some]).items()
    }
    text += "A curve that falls towards the left is a gradient that vanishes, one that rises a gradient that explodes; "
    text += "lines are medians over sequences, bands the middle 80 %. A spectral radius of W_h below 1 makes gradients "
    text += "vanish unless a memory cell carries them, one above 1 lets them grow as far as the activations allow."
    alt = "Gradients by time-steps before the last, of " + ", ".join(node.name for node in nodes)
    yield Section(
        "Gradients through time",
        text,
        figures.svg(time_figures.through_time(states, arriving), alt, "time"),
        header=["weights", "spectral radius"],
        rows=[[name, number(radius)] for name, radius in spectral_radii(model).items()],
    )


def from_end(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(N, T) by time-step -> (N, T) by time-steps before each sequence's last, NaN where it has none so early.

    >>> from_end(np.array([[1, 2, 3], [4, 5, 0]]), np.array([3, 2]))
    array([[ 3.,  2.,  1.],
           [ 5.,  4., nan]])
    """
    at = lengths[:, None] - 1 - np.arange(values.shape[1])
    turned = np.take_along_axis(values.astype(float), np.maximum(at, 0), axis=1)
    return np.where(at >= 0, turned, np.nan)


def _recurrent(model: Model) -> list[Any]:
    """The recurrent nodes, those that run both ways among them."""
    return [node for node in model.network.nodes if isinstance(node.layer, Recurrent | Bidirectional)]


def _arriving(model: Model, x: Any, y: Any, lengths: Any) -> dict[str, np.ndarray]:
    """By recurrent layer, the norm (N, T) of the delta that the loss of the last step causes at each time-step."""
    import jax

    from netgrad.diagnosis.recurrence import gradient_flow

    names = {node.name for node in _recurrent(model)}
    if _tagged(model):
        flow = gradient_flow(model, x, y, lengths=lengths)
        return {name: norms for name, norms in flow.items() if name in names}
    trace = model.trace(x, y, lengths=lengths)
    parts = {name: [np.asarray(leaf) for leaf in jax.tree.leaves(trace[name].delta)] for name in trace if name in names}
    return {name: np.sqrt(sum((leaf**2).sum(-1) for leaf in leaves)) for name, leaves in parts.items()}


def _tagged(model: Model) -> bool:
    """Whether the network has an output at every time-step."""
    shapes = model.network.shapes(model.shapes)
    return len(shapes[model.network.outputs[0][1]]) > 1
