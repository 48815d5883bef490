"""A data frame as the inputs of a network: which columns are used, and how they and the target are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netgrad.data.encodings import TableEncoder
from netgrad.data.tables import chosen
from netgrad.data.targets import TargetEncoder
from netgrad.errors import NetgradError

OF_COLUMNS: dict[str, Any] = {
    "drop": (),
    "only": None,
    "categorical": (),
    "numeric": (),
    "missing": "impute",
    "missing_values": None,
    "scaling": "standardise",
}
"""What `netgrad.fit` says of a data frame's columns, and what it says where nobody asks."""

USUAL: dict[str, Any] = OF_COLUMNS | {"log_target": None}
"""The same, and what it says of the target."""


def encoders_for(x: Any, y: Any, asked: Mapping[str, Any]) -> tuple[TableEncoder | None, TargetEncoder | None]:
    """The encoders of a data frame's columns and of its target, fitted; None for what needs none.

    asked: the arguments of `USUAL`, those that are not as usual. Raises `NetgradError` where these say something of a
    data frame, and there is none.
    """
    columns = [name for name in asked if name in OF_COLUMNS]
    if not hasattr(x, "columns"):
        if columns:
            raise NetgradError(
                f"{columns[0]} is of a data frame's columns, and x is a {type(x).__name__}: leave it out"
            )
        encoder = None
    else:
        how = {name: value for name, value in asked.items() if name in OF_COLUMNS and name not in ("drop", "only")}
        used = chosen(x, "", asked.get("drop", ()), asked.get("only")) if columns else x
        encoder = TableEncoder(**how).fit(used)
    if not asked.get("log_target"):
        return encoder, None
    return encoder, TargetEncoder("regression", scaling="none", log_target=True).fit(y)


def unusual(**given: Any) -> dict[str, Any]:
    """Those of these arguments that are not as in `USUAL`.

    >>> unusual(drop=[], only=["size"], categorical=(), numeric=(), missing="impute", log_target=None)
    {'only': ['size']}
    """
    return {name: value for name, value in given.items() if value != USUAL[name] and list_of(value) != USUAL[name]}


def list_of(value: Any) -> Any:
    """A list as the tuple of its names; anything else as it is."""
    return tuple(value) if isinstance(value, list) else value
