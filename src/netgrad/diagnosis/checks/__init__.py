"""The kinds of findings, one class each, with measure, thresholds and remedy in one place; importing registers them."""

from netgrad.diagnosis.checks import (
    batches,
    columns,
    data,
    fitting,
    gradients,
    labels,
    numbers,
    rates,
    settings,
    splits,
    start,
    static,
    units,
)

__all__ = [
    "batches",
    "columns",
    "data",
    "fitting",
    "gradients",
    "labels",
    "numbers",
    "rates",
    "settings",
    "splits",
    "start",
    "static",
    "units",
]
