"""What attention looked at: the weights of every head as a map, steps that ask against steps that answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from netgrad.layers import Attention
from netgrad.network import Network
from netgrad.network.edit import every_layer
from netgrad.report import figures, time_figures
from netgrad.report.section import Section
from netgrad.training.model import Model

LAYERS, HEADS = 6, 8  # that a page shows at most
STEPS = 128  # of a sequence


def maps(
    model: Model, x: Any, y: Any, lengths: Any = None, labels: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Section]:
    """The maps of the first of these examples, one for each layer and head; nothing for networks without attention.

    labels: the steps of the inputs by name, in the place of their numbers.
    """
    if not (nodes := attending(model.network)):
        return
    first = {name: np.asarray(value)[:1] for name, value in (x if isinstance(x, Mapping) else {"": x}).items()}
    spans = None if lengths is None else _first(lengths)
    trace = model.trace(first if isinstance(x, Mapping) else first[""], np.asarray(y)[:1], lengths=spans)
    panels = []
    for name in nodes:
        for place, weights in _each(name, np.asarray(trace[name].weights)):
            panels += [(f"{place}, head {k + 1}" if len(weights) > 1 else place, own) for k, own in enumerate(weights)]
    named = {len(words): list(words) for words in (labels or {}).values()}
    rows = []
    for title, own in panels[: LAYERS * HEADS]:
        rows.append((title, own, named.get(own.shape[0]), named.get(own.shape[1])))
    text = "Of one example: each row is a step that asks, and the darker a column, the more of it that step takes. "
    if len(panels) > len(rows):
        text += f"The first {len(rows)} of {len(panels)} maps."
    where, to, most = _peak(panels[0][1])
    alt = f"Weights of attention, {len(rows)} maps; in {panels[0][0]} step {where} takes {most:.0%} from step {to}"
    yield Section("What attention looks at", text, figures.svg(time_figures.attention(rows), alt, "attention"))


def attending(network: Network) -> list[str]:
    """The names of a network's attention layers, those inside stacks under their paths.

    >>> import netgrad as ng
    >>> attending(ng.architectures.transformer_encoder(5, 8, heads=2))
    ['blocks/attend/attention_1']
    """
    return [node.name for node in every_layer(network) if isinstance(node.layer, Attention)]


def _each(name: str, weights: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Of the first example the weights (heads, T, S) of a layer, or of each copy of one in a stack."""
    if weights.ndim == 4:
        yield name, weights[0, :, :STEPS, :STEPS]
        return
    for k, own in enumerate(weights):
        for place, inner in _each(name, own):
            yield f"{place} [{k + 1}]", inner


def _peak(weights: np.ndarray) -> tuple[int, int, float]:
    """The step that takes most from one other, which that is, and the share; steps from 1."""
    t, s = np.unravel_index(int(weights.argmax()), weights.shape)
    return int(t) + 1, int(s) + 1, float(weights[t, s])


def _first(lengths: Any) -> Any:
    if isinstance(lengths, Mapping):
        return {name: np.asarray(own)[:1] for name, own in lengths.items()}
    return np.asarray(lengths)[:1]
