"""The inputs as columns with names, as their user knows them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netgrad.layers.embedding import Embedding


class Named(NamedTuple):
    """A column of numbers. name: as the user knows it; moments: whether the numbers are seconds since 1970; picture:
    whether it is a channel or a pixel of pictures or of sequences."""

    name: str
    values: np.ndarray
    moments: bool = False
    picture: bool = False

    def shown(self, value: float) -> str:
        """A value as it is written in the data.

        >>> Named("age", np.zeros(1)).shown(-999.0), Named("born", np.zeros(1), True).shown(0.0)
        ('-999', '1970-01-01')
        """
        return str(np.datetime64(int(value), "s"))[:10] if self.moments else f"{value:.7g}"


def named_columns(e: Any) -> list[Named]:
    """The valid values of every column of numbers (P,): of the table where there is one, else of the arrays."""
    if e.table is not None:
        found = []
        for name in e.table.columns:
            column = e.table[name]
            if column.dtype.kind in "iuf":
                values = np.asarray(column, float)
                found.append(Named(f"column {name!r}", values[np.isfinite(values)]))
            elif column.dtype.kind == "M":
                values = np.asarray(column.dropna(), "datetime64[s]").astype(float)
                found.append(Named(f"column {name!r}", values, moments=True))
        return found
    found = []
    for name, value in e.batch.x.items():
        readers = [node.layer for node in e.network.nodes if name in node.inputs]
        if any(isinstance(layer, Embedding) for layer in readers):
            continue
        value = np.asarray(value, float)
        picture = value.ndim > 2
        if name in e.batch.lengths:
            value = value[np.arange(value.shape[1]) < np.asarray(e.batch.lengths[name])[:, None]]
        rows = value.reshape(-1, value.shape[-1])
        found += [Named(column_name(e, i, name), rows[:, i], picture=picture) for i in range(rows.shape[1])]
    return found


def column_name(e: Any, i: int, name: str = "") -> str:
    """What the i-th column of an input is called: by the table's encoder, else by its number, counted from 0."""
    encoder = e.model.encoder
    if encoder is not None and i < len(encoder.feature_names):
        return f"column {encoder.feature_names[i]!r}"
    return f"column {i}" + (f" of {name}" if name and len(e.batch.x) > 1 else "")
