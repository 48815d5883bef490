"""Data frames as their owners hold them: of pandas, polars or pyarrow, with times among the columns or as the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netgrad.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def as_pandas(table: Any) -> pd.DataFrame:
    """A data frame as one of pandas; raises `DataError` for what is none.

    >>> import pyarrow
    >>> as_pandas(pyarrow.table({"size": [1, 2]}))
       size
    0     1
    1     2
    """
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        return table
    if hasattr(table, "to_pandas") and hasattr(table, "columns"):
        return table.to_pandas()
    raise DataError(f"expected a data frame with named columns, found a {type(table).__name__}")


def name_of_column(target: Any) -> None:
    """Refuse a column's values where its name is asked for."""
    if hasattr(target, "__len__") and not isinstance(target, str | tuple):
        raise DataError(
            f"the target is the name of a column, found a {type(target).__name__}: put it into the table, and give its "
            "name"
        )


def with_times(table: Any, time: str | None, id: str | None = None) -> tuple[pd.DataFrame, str | None]:
    """A table of series with its times, and the names of its series, among the columns; and the column of times.

    What is named and no column is looked for in the index; an index of dates is the times where no column is named.

    >>> import pandas as pd
    >>> sold = pd.Series([3, 4], pd.date_range("2024-01-01", periods=2, name="day"), name="sold")
    >>> table, time = with_times(sold, None)
    >>> list(table), time
    (['day', 'sold'], 'day')
    """
    import pandas as pd

    if isinstance(table, pd.Series):
        table = table.to_frame()
    table = as_pandas(table)
    levels = [n for n in (time, id) if n is not None and n in table.index.names and n not in table.columns]
    if levels:
        table = table.reset_index(level=levels)
    if isinstance(table.index, pd.DatetimeIndex | pd.PeriodIndex) and (time is None or time not in table.columns):
        name = time or table.index.name or "time"
        if name not in table.columns and table.index.name in (None, name):
            table, time = table.rename_axis(name).reset_index(), str(name)
    return table, time
