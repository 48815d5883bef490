"""The doors of the package to its upper floors: what training asks of diagnosis and uncertainty is offered here.

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


@offers("spread_of")
def spread_of(model: Any, x: Any, lengths: Any) -> Any:
    """`netgrad.uncertainty.predictive.spread_of`, for ``Model.predict(spread=True)``."""
    from netgrad.uncertainty.predictive import spread_of

    return spread_of(model, x, lengths)


@offers("kept_posterior")
def kept_posterior(posterior: Any, model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A posterior as a model file keeps it: plain JSON, and arrays."""
    from netgrad.uncertainty import keeping

    return keeping.described(posterior), keeping.arrays(posterior, model)


@offers("posterior_again")
def posterior_again(plain: Any, arrays: Any, model: Any) -> Any:
    """The posterior of a model file, held against the model."""
    from netgrad.uncertainty import keeping

    return keeping.rebuilt(plain, arrays, model)
