"""A picture for each finding: a network with the fault, and beside it a healthy one.

python -m benchmarks.findings_pictures               # draws all into docs/images/findings
python -m benchmarks.findings_pictures --only units  # those whose name has this in it

The sick ones are the patients of the bench on which thresholds were set.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import netgrad as ng
from benchmarks import findings_panels as panels
from benchmarks.diagnosis import recipe
from benchmarks.sick import Patient, dense, sick
from netgrad.diagnosis.evidence import Evidence
from netgrad.diagnosis.repair import Attempt
from netgrad.layers.differentiated import Differentiated
from netgrad.network import with_layers

FOLDER = Path(__file__).parents[1] / "docs" / "images" / "findings"
Draw = Callable[[Any, Evidence, str], None]

PANELS: dict[str, Draw] = {
    "one_hot_regression": panels.answers,
    "regression_on_classes": panels.by_class,
    "no_nonlinearity": panels.plane,
    "label_changing_augmentation": panels.altered,
    "cut_off_layers": panels.reached,
    "sorted_labels": panels.in_order,
    "missing_class": panels.class_counts,
    "shifted_inputs": panels.beside,
    "sentinel_values": panels.column(3),
    "targets_out_of_range": panels.reachable,
    "mixed_units": panels.column(2, log=True),
    "inputs_not_normalised": panels.spreads,
    "target_outliers": panels.by_row,
    "over_regularised": panels.shrunk,
    "initialisation_scale": panels.signal,
    "exploding_gradients": panels.of_layers,
    "whole_batch_method": panels.updates,
    "not_finite": panels.signal,
    "labels_without_relation": panels.related,
    "wrong_gradient": panels.own_rule,
    "batch_too_small": panels.batches,
    "targets_apart": panels.renamed,
    "identical_units": panels.first_weights,
    "underfitting": panels.beside_chance,
    "posterior_collapse": panels.codes,
    "lagging_statistics": panels.statistics,
    "rate_too_high": panels.tried,
    "noise_drowns": panels.noise,
    "exploding_memory": panels.memory,
    "dead_units": panels.active,
    "saturated_units": panels.flat,
    "first_loss": panels.beside_chance,
    "class_weights_tip": panels.of_the_loss,
    "class_collapse": panels.recognised,
    "small_classes": panels.recognised,
    "padding_as_data": panels.used,
    "vanishing_memory": panels.memory,
    "vanishing_gradients": panels.of_layers,
    "clipped_always": panels.norms,
    "decayed_rate": panels.schedule,
    "batch_too_large": panels.batches,
    "few_updates": panels.updates,
    "rate_too_low": panels.tried,
    "attention_heads": panels.heads,
    "wrong_labels": panels.sure,
    "still_layers": panels.moved,
    "leaking_column": panels.one_column,
    "copied_examples": panels.nearest,
    "training_only_column": panels.one_column,
    "overfitting": panels.curves,
    "redundant_units": panels.alike,
    "useless_columns": panels.same_columns,
}

ALIKE = {
    "one_hot_regression", "no_nonlinearity", "over_regularised", "initialisation_scale",
    "exploding_gradients", "vanishing_gradients", "not_finite", "exploding_memory", "vanishing_memory", "dead_units",
    "saturated_units", "first_loss", "underfitting", "clipped_always", "decayed_rate", "lagging_statistics",
    "noise_drowns", "batch_too_small", "batch_too_large", "still_layers", "posterior_collapse", "class_weights_tip",
    "missing_class", "inputs_not_normalised", "whole_batch_method", "labels_without_relation",
}  # fmt: skip  # whose two panels share their scale of values

WHICH = {"batch_too_small": 1}  # of several plants of a fault; else the first


def deep(p: Patient, *args: Any, **settings: Any) -> Patient:
    """With the usual start of dense layers."""
    usual = {"optimizer": "adam", "learning_rate": None}
    return replace(p, network=dense(p.examples, *args), settings={**p.settings, **usual, **settings})


def given(p: Patient, *layers: Any, **settings: Any) -> Patient:
    """With these layers, where there are any, and settings."""
    return replace(p, network=ng.Sequential(layers) if layers else p.network, settings={**p.settings, **settings})


# Healthy networks where the patient without the fault is too different a one.
WELL: dict[str, Callable[[Patient], Patient]] = {
    "no_nonlinearity": lambda p: deep(p, (16, 16), epochs=60),
    "label_changing_augmentation": lambda p: given(p, ng.Augment(shift=0.1), *[n.layer for n in p.network.nodes[1:]]),
    "exploding_gradients": lambda p: deep(p, (32,) * 6),
    "vanishing_gradients": lambda p: deep(p, (32,) * 8),
    "not_finite": lambda p: deep(p, (64,) * 6),
    "cut_off_layers": lambda p: given(p, ng.Dense(32, activation="relu"), ng.Dense(6, activation="relu"), ng.Dense(10)),
    "saturated_units": lambda p: deep(p, (32, 32), "tanh"),
    "identical_units": lambda p: deep(p, (32, 32), "tanh"),
    "redundant_units": lambda p: deep(p, (48, 33), "tanh"),
    "initialisation_scale": lambda p: deep(p, (32, 32)),
    "over_regularised": lambda p: given(p, penalty=ng.L2(1e-4)),
    "whole_batch_method": lambda p: given(p, batch_size=None, epochs=60),
    "wrong_gradient": lambda p: replace(p, network=with_layers(p.network, lambda node: Differentiated(node.layer))),
    "posterior_collapse": lambda p: given(p, penalty=ng.GaussianKL(alpha=0.01, layer="gaussian_1")),
    "lagging_statistics": lambda p: replace(p, network=with_layers(p.network, lambda node: (
        node.layer.replace(momentum=0.9) if isinstance(node.layer, ng.BatchNorm) else node.layer))),
    "noise_drowns": lambda p: given(
        p, ng.Dense(32, activation="relu"), ng.Dropout(0.3), ng.Dense(10), epochs=25),
    "class_collapse": lambda p: given(p, class_weight="balanced", optimizer="adam", learning_rate=None, epochs=20),
    "clipped_always": lambda p: given(p, clip_norm=5.0, learning_rate=0.1, epochs=6),
    "decayed_rate": lambda p: given(p, learning_rate=1e-3, schedule="cosine", epochs=6),
    "attention_heads": lambda p: given(p, ng.Positions(), ng.Attention(8, heads=2), ng.Flatten(), ng.Dense(2),
                                       learning_rate=0.01, epochs=40),
}  # fmt: skip


def patients(fault: str) -> tuple[Patient, Patient]:
    """The one with this fault, and a healthy one."""
    planted = [one for one in sick() if one.half == "tuning" and one.fault == fault]
    ill = planted[WHICH.get(fault, 0)]
    return ill, WELL[fault](ill) if fault in WELL else ill.base or ill


def evidence(patient: Patient) -> Evidence:
    """Of this one, trained."""
    data = patient.examples
    model = Attempt(recipe(patient, 0), data.x, data.y).model
    lengths = None if data.lengths is None else data.lengths[0]
    return Evidence(
        model, model.batch(data.x, data.y, None, lengths), model.batch(*data.held[:2], None, *data.held[2:])
    )


def picture(fault: str) -> Any:
    """The figure of one finding."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"font.size": 7, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 2, figsize=(5.2, 1.9), layout="constrained", sharey=fault in ALIKE)
    for axis, patient, color, title in zip(
        axes, patients(fault), ("C3", "C0"), ("with the fault", "healthy"), strict=True
    ):
        PANELS[fault](axis, evidence(patient), color)
        axis.set_title(title, fontsize=7, color=color)
    return figure


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a finding's name")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for fault in PANELS:
        if args.only in fault:
            figure = picture(fault)
            figure.savefig(args.out / f"{fault}.webp", dpi=110, pil_kwargs={"quality": 80, "method": 6})
            print(fault, flush=True)


if __name__ == "__main__":
    main()
