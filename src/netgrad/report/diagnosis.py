"""The diagnosis as a part of the report: findings, distributions by layer, units, and the way of the gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from netgrad.diagnosis.diagnose import examine
from netgrad.diagnosis.evidence import Evidence
from netgrad.diagnosis.finding import HEADER, Diagnosis
from netgrad.diagnosis.measures import HEADER as OF_LAYERS
from netgrad.diagnosis.measures import Measures
from netgrad.report import diagnosis_figures, figures
from netgrad.report.layers import LayerRow
from netgrad.report.section import Section


def diagnosed(evidence: Evidence, rows: Sequence[LayerRow], measure: bool = False) -> Iterator[Section]:
    """Findings on these examples, the pictures they can be seen in, and, where asked, measures without a verdict."""
    found = examine(evidence, measure)
    yield findings(found)
    if found.measures is not None:
        yield measures(found.measures)
    if not np.isfinite(evidence.loss):
        return
    if any("z" in row.values for row in rows):
        yield distributions(rows)
    hidden = [place.name for place in evidence.places if not place.end]
    answers = {name: evidence.signals[name].answer for name in hidden if evidence.signals[name].answer.size}
    if answers:
        dead = sum(int((row == 0).sum()) for row in answers.values())
        units = sum(len(row) for row in answers.values())
        text = (
            "One cell a unit: how much it answers to its input, the mean derivative of its activation over these "
            "examples as a share of its largest. Dark cells hardly answer, crossed ones not at all. "
            f"{dead} of {units} units are dead."
        )
        alt = f"Map of {units} units in {len(answers)} layers, {dead} of them dead"
        yield Section("Units", text, figures.svg(diagnosis_figures.unit_map(answers), alt, "units"))
    names, now = evidence.flow(evidence.signals)
    if len(names) > 1:
        _, before = evidence.flow(evidence.first_signals)
        told = list(zip(names, before, now, strict=True))[:: 1 + len(names) // 40]
        alt = "; ".join(f"{name}: {b:.1e}, then {n:.1e}" for name, b, n in told)
        yield Section(
            "Gradient flow",
            "The root mean square of delta in each layer with weights. A curve that falls towards the left is a "
            "gradient that vanishes on its way back to the inputs, one that rises a gradient that explodes.",
            figures.svg(diagnosis_figures.flow(names, before, now), f"Size of delta by layer. {alt}", "flow"),
        )


def findings(diagnosis: Diagnosis) -> Section:
    """The table of findings."""
    rows = [[str(cell) for cell in diagnosis.cells(finding)] for finding in diagnosis]
    text = diagnosis.summary[0].upper() + diagnosis.summary[1:] + "."
    if not rows and not diagnosis.fails:
        text = f"Nothing is wrong with this network, as far as can be measured. {text}"
    return Section("Diagnosis", text, header=list(HEADER) if rows else [], rows=rows, wraps=True)


def measures(found: Measures) -> Section:
    """The table of measures by layer."""
    text = (
        "What is large or small here depends on the network: of each layer the number of directions that its "
        "activations fill, its gradient beside the noise in one example's, and how far training moved its weights, by "
        "their size. "
    )
    told = "; ".join(found.lines)
    text += f"{told[:1].upper()}{told[1:]}." if told else ""
    return Section("Measures", text, header=list(OF_LAYERS), rows=found.rows)


def distributions(rows: Sequence[LayerRow]) -> Section:
    """Violins of the weights, z, a and delta of each layer that has weights or an activation."""
    return Section(
        "Distributions",
        "What the layers hold and compute on these examples: weights, net input z, activation a, and the size of "
        "delta = dE/dz of each example. The dot is the median, the bar the middle half. A |delta| that shrinks from "
        "layer to layer towards the input is a gradient that vanishes.",
        figures.svg(layer_violins(rows), "Violins of weights, z, a and delta in each layer", "layers"),
    )


def layer_violins(rows: Sequence[LayerRow]) -> Figure:
    """The figure of `distributions`."""
    shown = [row for row in rows if "z" in row.values]
    weights = {row.name: row.weights for row in shown if row.weights.size}
    by_layer = {q: {row.name: row.values[q] for row in shown if q in row.values} for q in ("z", "a", "delta")}
    return diagnosis_figures.violins(
        {"weights": weights, "z": by_layer["z"], "a": by_layer["a"], "|delta|": by_layer["delta"]}
    )
