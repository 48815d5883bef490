"""What is seen of sequences: every quantity of a layer by time-step, its gates, what attends to what, the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad.data import valid_steps
from netgrad.layers import Attention
from netgrad.layers.recurrent import Recurrent
from netgrad.studio.equations import of_lstm, of_rnn
from netgrad.studio.plain import numbers

LONGEST = 80  # time-steps that are drawn
WIDEST = 24  # units of a quantity
ATTENDED = 40  # steps of either side of what attends to what
SHOWN = 4  # sequences whose answers are written out


def lengths_of(lengths: Any, out: np.ndarray) -> np.ndarray:
    """The valid time-steps (N,) of outputs (N, T, ...): all, where nothing else is said."""
    return np.full(len(out), out.shape[1], np.int32) if lengths is None else np.asarray(lengths)


def labels(trainer: Any, x: np.ndarray) -> list[str]:
    """What stands at each time-step of one sequence (T,) or (T, d): its symbol where it has one, else its number."""
    data = trainer.examples
    if data.symbols:
        return [shown(data.symbols[int(i)]) for i in x]
    if data.features and x.ndim == 2 and len(data.features) == x.shape[1] and set(np.unique(x)) <= {0.0, 1.0}:
        return [data.features[int(row.argmax())] if row.any() else "" for row in x]
    return [str(t) for t in range(len(x))]


def shown(symbol: str) -> str:
    """A symbol that can be seen.

    >>> shown("a"), shown(" "), shown(chr(10))
    ('a', '␣', '⏎')
    """
    return {" ": "␣", "\n": "⏎", "\t": "⇥"}.get(symbol, symbol)


def length(trainer: Any, n: int) -> int:
    """The valid time-steps of one of the training examples."""
    data = trainer.examples
    return int(data.x.shape[1] if data.lengths is None else data.lengths[n])


def look(trainer: Any, node: dict[str, Any], layer: Any, n: int, selection: Any) -> dict[str, Any]:
    """One layer over the time-steps of one example; {} where it has none.

    ``rows``: each quantity as (units, T), one row of the picture for each unit. ``steps``: what stands at each step.
    ``attention``: (T, S) for each head. ``equations``: of one unit at one step, where the cell's are known.
    """
    total = length(trainer, n)
    quantities: dict[str, Any] = {"x": node.get("x")}
    if isinstance(layer, Recurrent):
        quantities |= {gate.replace("_", " "): node["gates"][gate] for gate in layer.gates}
        quantities |= {"c": node.get("c"), "h": node.get("h")}
        delta = node["delta"]
        by_gate = [(gate, delta[gate]) for gate in layer.gates] or [("", delta)]
        quantities |= {f"delta {gate.replace('_', ' ')}".strip(): value for gate, value in by_gate}
    else:
        quantities |= {name: node.get(name) for name in ("z", "a", "delta")}
    steps = min(LONGEST, total)
    rows = [
        {"name": name, "values": numbers(value[n, :steps, :WIDEST].T)}
        for name, value in quantities.items()
        if isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[1] >= total
    ]
    if not rows:
        return {}
    t = min(selection.step, steps - 1)
    units = len(rows[-1]["values"])
    j = min(selection.unit, units - 1)
    told: dict[str, Any] = {"rows": rows, "steps": labels(trainer, trainer.examples.x[n, :steps])}
    told |= {"step": t, "unit": j, "units": units, "length": total}
    of = f'["{layer.gates[0]}"]' if isinstance(layer, Recurrent) and layer.gates else ""
    told["quantity"] = f'trace["{selection.layer}"].delta{of}[{n}, {t}, {j}]'
    if isinstance(layer, Recurrent) and (said := _equations(trainer, node, layer, selection.layer, n, t, j)):
        told["equations"] = said
    if isinstance(layer, Attention):
        told["attention"] = numbers(node["weights"][n, :8, : min(total, ATTENDED), : min(total, ATTENDED)])
    return told


def _equations(trainer: Any, node: Any, layer: Any, name: str, n: int, t: int, j: int) -> list[dict[str, str]]:
    kind = layer.registered_name
    at = (n, t, j)
    before = t + 1 if layer.reverse else t - 1
    inside = 0 <= before < length(trainer, n) and not layer.learned_state
    if kind == "lstm":
        c_before = float(node["c"][n, before, j]) if inside else 0.0
        gates = {gate: (float(node["z"][gate][at]), float(node["gates"][gate][at])) for gate in layer.gates}
        deltas = {gate: float(node["delta"][gate][at]) for gate in layer.gates}
        return of_lstm(gates, c_before, float(node["c"][at]), float(node["h"][at]), deltas)
    if kind == "rnn":
        W = trainer.network.effective(trainer.carry.params)[name]
        h_before = node["h"][n, before] if inside else np.zeros(layer.units)
        from_x, from_h = float(node["x"][n, t] @ W["W_x"][:, j]), float(h_before @ W["W_h"][:, j])
        z, h, delta = (float(node[q][at]) for q in ("z", "h", "delta"))
        return of_rnn(from_x, from_h, float(W["b"][j]), z, h, delta, layer.activation.registered_name)
    return []


def answers(trainer: Any) -> dict[str, Any]:
    """What is answered at each step of some sequences that answers are shown of, and the mistakes of all."""
    model, data = trainer.model(), trainer.examples
    x, y, lengths = data.judged
    lengths_here = None if lengths is None else lengths[:SHOWN]
    out = np.asarray(model._single(model.linked(x[:SHOWN], lengths_here)))
    if out.ndim != 3:
        return {}
    told: dict[str, Any] = {}
    several = trainer.task.objective.terms[0][1].task == "multilabel"
    written = []
    for i in range(len(out)):
        valid = min(LONGEST, int(lengths_of(lengths, y)[i]))
        if several:
            truth = [_set(data.features, row > 0.5) for row in y[i, :valid]]
            guess = [_set(data.features, row > 0.5) for row in out[i, :valid]]
        elif data.classes:
            truth = [shown(data.classes[k]) for k in y[i, :valid]]
            guess = [shown(data.classes[k]) for k in out[i, :valid].argmax(-1)]
        else:
            truth, guess = ([f"{v:.3g}" for v in rows[i, :valid, 0]] for rows in (y, out))
        written.append({"steps": labels(trainer, x[i, :valid]), "truth": truth, "guess": guess})
    told["written"] = written
    if several:
        told["mistakes"] = mistakes(model, data.x, data.y, data.lengths)
        told["held_mistakes"] = mistakes(model, x, y, lengths)
    return told


def _set(names: tuple[str, ...], chosen: np.ndarray) -> str:
    return "".join(name for name, is_in in zip(names, chosen, strict=True) if is_in)


def mistakes(model: Any, x: Any, y: Any, lengths: Any) -> float:
    """Time-steps of a sequence, in the mean over the first 100, at which the set that is answered is not the target."""
    out = np.asarray(model._single(model.linked(x[:100], None if lengths is None else lengths[:100])))
    valid = valid_steps(lengths_of(lengths, y)[:100], y.shape[1])
    return float((((out > 0.5) != (y[:100] > 0.5)).any(-1) & valid).sum(1).mean())
