"""A table in two parts, for training and for testing, with the encoders that fit: one way for all who part tables."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.datasets import split
from netgrad.data.encodings import TableEncoder
from netgrad.data.tables import split_target
from netgrad.data.targets import TargetEncoder
from netgrad.errors import warn

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Parted:
    """Rows to train on and rows to test on in their own terms, and the encoders fitted to the former."""

    x: Any
    y: np.ndarray
    x_test: Any
    y_test: np.ndarray
    encoder: TableEncoder
    target_encoder: TargetEncoder


def parted(
    x: pd.DataFrame,
    y: pd.Series,
    encoder: TableEncoder,
    target_encoder: TargetEncoder,
    test: float | tuple[pd.DataFrame, pd.Series] = 0.2,
    seed: int = 0,
) -> Parted:
    """The rows x and their targets y, parted by ``test``: a share, drawn by the seed, or other rows and targets.

    The encoders say how to encode, and are left as they are; fitted ones come back. What columns hold is decided by all
    rows, so that what is wrong is told by their own numbers; scales come from the training rows alone, and classes from
    both parts, so that a rare one is known in both.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": range(10), "kind": ["flat", "house"] * 5})
    >>> parts = parted(table[["size"]], table["kind"], TableEncoder(), TargetEncoder())
    >>> len(parts.x), sorted(parts.y_test.tolist())
    (8, ['flat', 'house'])
    """
    import pandas as pd

    known = copy.copy(encoder).fit(x)
    whole = copy.copy(target_encoder).fit(y)
    values = whole.values(y)
    if isinstance(test, tuple):
        x_test, y_test = test[0], whole.values(test[1])
    else:
        labels = np.unique(values.astype(str), return_inverse=True)[1] if whole.task == "classification" else None
        x, x_test, values, y_test = split(x, values, test=test, seed=seed, labels=labels)
    fitted = copy.copy(target_encoder)
    fitted.task, fitted.log_target = whole.task, whole.log_target
    both = np.concatenate([values, y_test]) if whole.task == "classification" else values
    fitted.fit(pd.Series(both, name=whole.name))
    return Parted(x, values, x_test, y_test, copy.copy(encoder).fit(x, known), fitted)


def with_target(table: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """The rows that have a target, and their targets; how many have none is said.

    >>> import pandas as pd
    >>> x, y = with_target(pd.DataFrame({"size": [1, 2], "price": [5.0, None]}), "price")
    >>> len(x), y.tolist()
    (1, [5.0])
    """
    x, y = split_target(table, target)
    if 0 < (without := int(y.isna().sum())) < len(y):
        rows = f"{without} row{'s'[: without > 1]}"
        has = "has" if without == 1 else "have"
        warn(f"{rows} of {len(y)} {has} no value of {target!r}, which is to be predicted: left out")
        return x[y.notna()], y[y.notna()]
    return x, y
