"""The doors of the package to its upper floors: what `Model.diagnose` and ``fit(fix=True)`` ask for is offered here.

Opened when it is asked for, as the packages that `netgrad` opens by name: training needs none of them.
"""

from __future__ import annotations

from typing import Any

from netgrad.offered import offers


@offers("diagnose")
def diagnose(model: Any, x: Any, y: Any, **more: Any) -> Any:
    """`netgrad.diagnosis.diagnose`, for `Model.diagnose`."""
    from netgrad.diagnosis import diagnose

    return diagnose(model, x, y, **more)


@offers("fit_with_remedies")
def fit_with_remedies(**asked: Any) -> Any:
    """`netgrad.diagnosis.repair.fit_with_remedies`, for ``fit(fix=True)``."""
    from netgrad.diagnosis.repair import fit_with_remedies

    return fit_with_remedies(**asked)
