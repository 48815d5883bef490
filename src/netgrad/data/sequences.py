"""Sequences from tables in long format: one row a time-step, with a column that names the sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from netgrad.data.checks import as_array
from netgrad.data.encodings import TableEncoder, missing_column
from netgrad.data.kinds import Number, UnreadableError, decide
from netgrad.data.tables import read_table
from netgrad.data.targets import TargetEncoder
from netgrad.data.values import holds, plain, refuse_missing
from netgrad.errors import DataError, ShapeError, unknown_name, warn

if TYPE_CHECKING:
    import pandas as pd

Goal = Literal["tag", "label", "forecast"]
GOALS = ("tag", "label", "forecast")


@dataclasses.dataclass(frozen=True)
class Sequences:
    """Sequences of unequal length, padded with zeros to the longest.

    - x: inputs (N, T, d), float32
    - lengths: valid time-steps (N,), int32
    - y: for "tag" and "forecast" one target a time-step: labels (N, T), int32, or quantities (N, T, 1),
      float32; for "label" one a sequence: (N,) or (N, 1); None where no target was asked for or there
    - ids: the names of the sequences, in the order of their first rows
    - rows: where each valid time-step of x, one sequence after the other, stands in the table, counted from 0
    - encoder, target_encoder: what turned the columns into x and y, for later tables and for decoding
    """

    x: np.ndarray
    lengths: np.ndarray
    y: np.ndarray | None
    ids: list[Any]
    encoder: TableEncoder
    target_encoder: TargetEncoder | None
    rows: np.ndarray | None = None


def pad_sequences(sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Arrays (T_i, ...) of unequal length as one array (N, T, ...) padded with zeros, and the lengths (N,).

    >>> x, lengths = pad_sequences([np.array([1, 2, 3]), np.array([4])])
    >>> x
    array([[1, 2, 3],
           [4, 0, 0]])
    >>> lengths
    array([3, 1], dtype=int32)
    """
    arrays = [as_array(sequence, f"sequence {i}") for i, sequence in enumerate(sequences)]
    if not arrays or not all(array.size for array in arrays):
        raise DataError("there are no sequences, or one of them is empty: expected at least one time-step in each")
    for i, array in enumerate(arrays):
        if array.ndim < 1 or array.shape[1:] != arrays[0].shape[1:]:
            raise ShapeError(
                f"sequence {i} has shape {array.shape}, the first {arrays[0].shape}: expected (T, ...), alike but for T"
            )
    lengths = np.array([len(array) for array in arrays], np.int32)
    x = np.zeros((len(arrays), lengths.max(), *arrays[0].shape[1:]), np.result_type(*arrays))
    for row, array in zip(x, arrays, strict=True):
        row[: len(array)] = array
    return x, lengths


def delayed(y: np.ndarray, first: float = 0, steps: int = 1) -> np.ndarray:
    """Sequences (N, T, ...) ``steps`` time-steps late, with ``first`` where nothing was before.

    What a network is given that is to learn from the true outputs before (teacher forcing), or that sees delayed
    outputs (NARMA). `netgrad.unroll` runs it on its own outputs afterwards.

    >>> delayed(np.array([[1, 2, 3]]))
    array([[0, 1, 2]])
    """
    y = np.asarray(y)
    if y.ndim < 2 or steps < 1:
        raise DataError(f"delayed needs sequences (N, T, ...) and steps of at least 1, found {y.shape} and {steps}")
    late = np.full_like(y, first)
    late[:, steps:] = y[:, :-steps]
    return late


def read_sequences(
    path: str | Path | pd.DataFrame,
    *,
    id: str = "id",
    time: str | None = None,
    target: str | None = None,
    goal: Goal = "tag",
    features: Iterable[str] | None = None,
    horizon: int = 1,
    encoder: TableEncoder | None = None,
    target_encoder: TargetEncoder | None = None,
    missing: str = "impute",
) -> Sequences:
    """Sequences from a table in long format: one row for each time-step of each sequence.

    - path: a file that `read_table` reads, or a table.
    - id: the column that tells which sequence a row belongs to.
    - time: the column by which each sequence's rows are ordered (numbers or dates); None: as in the file.
    - target, goal: the column to predict. "tag": its value at every time-step; "label": its one value for
      the whole sequence; "forecast": its value `horizon` time-steps later, from all columns up to now, itself
      among them (the last `horizon` rows of a sequence then serve as targets only). None: inputs only.
    - features: the input columns; None: all but id, time and (unless for a forecast) target.
    - encoder, target_encoder: fitted ones, to encode as in training; None: fitted to this table. With a
      fitted encoder its columns are the features, and a target column that is absent leaves y None.
    - missing: of an encoder that is fitted here, "impute" or "error", see `TableEncoder`.

    Raises `DataError` for missing columns, two rows of one sequence at one time, a label that changes within
    its sequence, a sequence too short for the horizon, and whatever the encoders refuse.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": ["a", "a", "b"], "t": [2, 1, 1], "v": [5, 3, 4]})
    >>> table["mood"] = ["up", "down", "up"]
    >>> data = read_sequences(table, time="t", target="mood", encoder=TableEncoder("none").fit(table[["v"]]))
    >>> data.x[..., 0], data.lengths, data.y
    (array([[3., 5.],
           [4., 0.]], dtype=float32), array([2, 1], dtype=int32), array([[0, 1],
           [1, 0]], dtype=int32))
    """
    import pandas as pd

    if goal not in GOALS:
        raise unknown_name("goal", goal, GOALS)
    if goal == "forecast" and horizon < 1:
        raise DataError(f"the horizon is {horizon}: expected at least one time-step ahead")
    table = path if isinstance(path, pd.DataFrame) else read_table(path)
    if encoder is not None and target is not None and target not in table.columns and goal != "forecast":
        target = None  # new sequences, to be predicted
    for name in (id, time, target):
        if name is not None and name not in table.columns:
            raise missing_column(name, table.columns)
    if goal == "forecast" and target is None:
        raise DataError("a forecast needs a target: name the column to forecast")
    # Rows are encoded where they stand in the file, so that an error names the row as the user sees it.
    order, starts, ids = _order(table, id, time, even=goal == "forecast")
    if encoder is None:
        leave_out = {id, time} if goal == "forecast" else {id, time, target}
        names = list(features) if features is not None else [c for c in table.columns if c not in leave_out]
        for name in names:
            if name not in table.columns:
                raise missing_column(name, table.columns)
        # The quantity that is forecast is an input even where it only counts.
        own = goal == "forecast" and target in names and isinstance(decide(plain(table[target])), Number)
        encoder = TableEncoder(missing=missing, numeric=[str(target)] if own else []).fit(table[names])
    inputs = np.split(encoder.transform(table)[order], starts)
    if target is None:
        return Sequences(*pad_sequences(inputs), None, ids, encoder, target_encoder, order)
    if target_encoder is None:
        target_encoder = TargetEncoder().fit(table[target])
    targets = np.split(target_encoder.transform(table[target])[order], starts)
    if goal == "forecast":
        _refuse_short(inputs, ids, horizon)
        inputs, targets = [x[:-horizon] for x in inputs], [y[horizon:] for y in targets]
        order = np.concatenate([rows[:-horizon] for rows in np.split(order, starts)])
    y = _one_each(targets, ids, target) if goal == "label" else pad_sequences(targets)[0]
    return Sequences(*pad_sequences(inputs), y, ids, encoder, target_encoder, order)


def _order(
    table: pd.DataFrame, id: str, time: str | None, even: bool = False
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """The order of the rows by sequence and time, where each sequence after the first starts, and the ids.

    even: the time-steps are counted on, as a forecast does, so that a gap is to be said.
    """
    refuse_missing(id, plain(table[id]), "each row must name its sequence")
    codes, ids = table[id].factorize()
    times = np.arange(len(table), dtype=float) if time is None else _times(table[time], time)
    order = np.lexsort((times, codes))
    within = np.diff(codes[order]) == 0
    steps = np.diff(times[order])
    if (twice := within & (steps == 0)).any():
        row = int(order[1:][twice][0])
        raise DataError(
            f"sequence {ids[codes[row]]!r} has more than one row at {time} = {table[time].iloc[row]}: "
            "expected one row for each time-step"
        )
    if even and time is not None and within.any():
        usual = float(np.median(steps[within]))
        wide = within & (steps > 1.5 * usual)
        if wide.any():
            row = int(order[1:][wide][0])
            warn(
                f"the rows of {np.count_nonzero(wide)} of {np.count_nonzero(within)} time-steps lie further apart than "
                f"usual ({usual:g}), the first at {time} = {table[time].iloc[row]}: a forecast takes each row for one "
                "step (fill the gaps, or give what follows a gap another id)"
            )
    return order, np.flatnonzero(np.diff(codes[order])) + 1, list(ids)


def _times(column: pd.Series, name: str) -> np.ndarray:
    values = plain(column)
    refuse_missing(name, values, "each row must have its time")
    kind = decide(values) or Number()
    try:
        return kind.convert(values)
    except UnreadableError as error:
        raise DataError(f"{holds(name, values, error.row)}: expected {kind.expected}") from None


def _refuse_short(inputs: list[np.ndarray], ids: list[Any], horizon: int) -> None:
    for name, x in zip(ids, inputs, strict=True):
        if len(x) <= horizon:
            raise DataError(
                f"sequence {name!r} has {len(x)} time-steps: a forecast {horizon} ahead needs at least {horizon + 1}"
            )


def _one_each(targets: list[np.ndarray], ids: list[Any], target: str) -> np.ndarray:
    for name, y in zip(ids, targets, strict=True):
        if (y != y[0]).any():
            raise DataError(
                f"column {target!r} changes within sequence {name!r}: expected one label for the whole of it "
                "(or goal='tag' for one at each time-step)"
            )
    return np.stack([y[0] for y in targets])
