"""One sheet of sick networks beside healthy ones: what a finding measures, with a planted fault and without.

python -m benchmarks.findings_sheet  # writes docs/images/findings.png
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.diagnosis import recipe
from benchmarks.sick import Patient, healthy, sick
from netgrad.diagnosis.checks.data import columns
from netgrad.diagnosis.evidence import Evidence
from netgrad.diagnosis.repair import Attempt

SHEET = Path(__file__).parents[1] / "docs" / "images" / "findings.png"


def of_layers(axis: Any, e: Evidence, style: dict) -> None:
    """The size of delta in each layer before the first step, over that at the output."""
    sizes = e.flow(e.first_signals)[1]
    axis.semilogy(np.arange(len(sizes)) - len(sizes) + 1, sizes / sizes[-1], marker="o", **style)
    axis.set_xlabel("layers before the output")
    axis.set_ylabel("delta")


def active(axis: Any, e: Evidence, style: dict) -> None:
    """On what share of the examples each hidden unit answers."""
    units = np.concatenate([e.signals[place.name].answer for place in e.places if not place.end])
    _shares(axis, units, style, "share of examples, active")


def flat(axis: Any, e: Evidence, style: dict) -> None:
    """In what share of the examples each hidden unit stands at its limits."""
    _shares(
        axis, np.concatenate([e.signals[place.name].flat for place in e.places if not place.end]), style, "share, flat"
    )


def _shares(axis: Any, units: np.ndarray, style: dict, label: str) -> None:
    axis.hist(units, bins=np.linspace(0, 1, 21), weights=np.full(len(units), 1 / len(units)), alpha=0.6, **style)
    axis.set_xlabel(label)
    axis.set_ylabel("units")


def signal(axis: Any, e: Evidence, style: dict) -> None:
    """The size of what each layer hands on, before the first step."""
    sizes = [float(e.first_signals[node.name].z) for node in e.weighted]
    axis.semilogy(np.arange(1, len(sizes) + 1), sizes, marker="o", **style)
    axis.set_xlabel("layer")
    axis.set_ylabel("z")


def tried(axis: Any, e: Evidence, style: dict) -> None:
    """The loss after the trial's epochs with other learning rates."""
    axis.loglog(list(e.rates), np.minimum(list(e.rates.values()), 1e3), marker="o", **style)
    axis.set_xlabel("times the learning rate")
    axis.set_ylabel("loss")


def spreads(axis: Any, e: Evidence, style: dict) -> None:
    """The size of the columns."""
    (rows,) = columns(e).values()
    axis.semilogy(np.sort(np.sqrt((rows**2).mean(0)))[::-1], **style)
    axis.set_xlabel("column")
    axis.set_ylabel("size")


def curves(axis: Any, e: Evidence, style: dict) -> None:
    """Training and validation loss."""
    history = e.model.history
    epochs = np.arange(1, len(history) + 1)
    axis.semilogy(epochs, history["loss"], **style)
    axis.semilogy(epochs, history["val_loss"], ls=":", color=style["color"])
    axis.set_xlabel("epoch")
    axis.set_ylabel("loss, dotted: validation")


def shrunk(axis: Any, e: Evidence, style: dict) -> None:
    """The weights of each layer over those before the first step."""
    left = [float(e.signals[n.name].weight / e.first_signals[n.name].weight) for n in e.weighted]
    axis.semilogy(np.arange(1, len(left) + 1), left, marker="o", **style)
    axis.set_xlabel("layer")
    axis.set_ylabel("weights, of those drawn")


PANELS: dict[str, Callable[[Any, Evidence, dict], None]] = {
    "vanishing_gradients": of_layers, "dead_units": active, "saturated_units": flat, "initialisation_scale": signal,
    "rate_too_high": tried, "inputs_not_normalised": spreads, "overfitting": curves, "over_regularised": shrunk,
}  # fmt: skip


def evidence(patient: Patient) -> Evidence:
    """Of this one, trained."""
    data = patient.examples
    attempt = Attempt(recipe(patient, 0), data.x, data.y)
    attempt.examine(data.x, data.y, data.held)
    return attempt.evidence


def beside(fault: str) -> Patient:
    """A healthy network of the same data, of tanh units beside saturated ones, else of the first kind with layers."""
    kind = "tanh" if fault == "saturated_units" else "relu 64-32-16"
    return next(one for one in healthy() if one.half == "tuning" and kind in one.name)


def main(path: Path = SHEET) -> None:
    """Train both of each and draw them."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    patients = {one.fault: one for one in reversed(list(sick())) if one.half == "tuning"}
    figure, axes = plt.subplots(2, 4, figsize=(11, 5), layout="constrained")
    known: dict[str, Evidence] = {}
    for axis, (fault, draw) in zip(axes.ravel(), PANELS.items(), strict=True):
        other = beside(fault)
        if other.name not in known:
            known[other.name] = evidence(other)
        for e, style in (
            (evidence(patients[fault]), {"color": "C3", "label": "sick"}),
            (known[other.name], {"color": "C0", "label": "healthy"}),
        ):
            draw(axis, e, style)
        axis.set_title(fault.replace("_", " "), fontsize=9)
        axis.tick_params(labelsize=7)
        axis.xaxis.label.set_size(8)
        axis.yaxis.label.set_size(8)
    axes[0, 0].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
