"""Data frames as their owners hold them: of pandas, polars or pyarrow, with times among the columns or as the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netgrad.data.kinds import Date, decide
from netgrad.data.values import plain
from netgrad.errors import DataError, warn

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


def time_of(table: pd.DataFrame, target: str, id: str | None) -> str | None:
    """The column of times where none is named: the only one of dates, where these differ within a series; it is said.

    >>> import pandas as pd
    >>> time_of(pd.DataFrame({"sold": [3, 4], "day": ["2024-01-01", "2024-01-02"]}), "sold", None)
    'day'
    """
    others = [name for name in table.columns if name not in (target, id)]
    texts = {name: values for name in others if (values := plain(table[name])).dtype == object}
    dated = [name for name, values in texts.items() if isinstance(decide(values), Date)]
    if len(dated) != 1:
        return None
    name = dated[0]
    if table[name].isna().any() or table.duplicated([name, id] if id else [name]).any():
        warn(
            f"rows are taken as they stand: column {name!r} holds dates, which are missing or the same in several rows "
            f"(time={name} takes them for the time{'' if id else ', id=COLUMN names the series'})"
        )
        return None
    warn(f"column {name!r} holds dates: they are taken for the time (time={name} says so)")
    return name
