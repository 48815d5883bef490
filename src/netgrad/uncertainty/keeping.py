"""A posterior as a model file keeps it: arrays, and plain JSON for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from netgrad.errors import FileError
from netgrad.uncertainty.posterior import FACTORS, Posterior, check_fits

if TYPE_CHECKING:
    from netgrad.training.model import Model


def described(made: Posterior) -> dict[str, Any]:
    """Everything that is no array."""
    return {
        "structure": made.structure,
        "alpha": made.alpha,
        "beta": list(made.beta),
        "gamma": made.gamma,
        "examples": made.examples,
        "log_evidence": made.log_evidence,
    }


def arrays(made: Posterior, model: Model) -> dict[str, np.ndarray]:
    """The arrays by name, in the precision of the weights."""
    dtype = jax.tree.leaves(model.params)[0].dtype
    every = {"mean": made.mean} | {f"factor/{name}": part for name, part in made.factor.arrays().items()}
    return {name: np.asarray(part, dtype, order="C") for name, part in every.items()}


def rebuilt(config: Mapping[str, Any], kept: Mapping[str, Any], model: Model) -> Posterior:
    """The posterior of a description and its arrays, held against the model; `FileError` where it is not of it."""
    try:
        structure = config["structure"]
        factor = {name.removeprefix("factor/"): part for name, part in kept.items() if name.startswith("factor/")}
        made = Posterior(
            structure,
            {str(name): float(value) for name, value in config["alpha"].items()},
            tuple(float(value) for value in config["beta"]),
            {str(name): float(value) for name, value in config["gamma"].items()},
            int(config["examples"]),
            float(config["log_evidence"]),
            np.asarray(kept["mean"], float),
            FACTORS[structure].of(factor),
        )
        check_fits(made, model)
    except Exception as error:  # a stranger's description may fail in any way
        raise FileError(f"the posterior in the file is not as it was written: {error}") from None
    return made
