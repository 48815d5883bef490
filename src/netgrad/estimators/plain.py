"""Fitted estimators as plain state, which pickle, joblib and skops all take: numbers, texts, lists, dicts, arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netgrad.errors import NetgradError
from netgrad.training.files import describe, described
from netgrad.training.model import Model


def plain(model: Model) -> Any:
    """The model as its description (that of a model file) and its arrays.

    One with parts that have no registered name, such as a layer of the user's own, stays the object that it is: pickle
    finds its classes again, where skops must be told to trust them.
    """
    if model.posterior is not None:
        from netgrad.uncertainty import keeping

        kept = {"described": keeping.described(model.posterior), "arrays": keeping.arrays(model.posterior, model)}
        return plain(replace(model, posterior=None)) | {"posterior": kept}
    try:
        return {"description": describe(model), "params": model.params, "state": model.state}
    except NetgradError:
        return model


def rebuilt(state: Any) -> Model:
    """The inverse of `plain`: the arrays are the very same, whatever precision JAX is set to."""
    if isinstance(state, Model):
        return state
    model = replace(described(state["description"]), params=state["params"], state=state["state"])
    if (kept := state.get("posterior")) is None:
        return model
    from netgrad.uncertainty import keeping

    return replace(model, posterior=keeping.rebuilt(kept["described"], kept["arrays"], model))


class KeepsModel:
    """For estimators that keep what they have learned in ``model_``: before scikit-learn's own class."""

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        if "model_" in state:
            state["model_"] = plain(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            state = state | {"model_": rebuilt(state["model_"])}
        super().__setstate__(state)  # type: ignore[misc]
