"""The kinds of findings, one class each, with measure, thresholds and remedy in one place; importing registers them."""

from netgrad.diagnosis.checks import (
    batches,
    codes,
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
    wiring,
)

__all__ = [
    "batches",
    "codes",
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
    "wiring",
]
