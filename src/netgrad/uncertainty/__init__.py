"""Knowing what it does not know: posteriors of the weights, what they say of predictions, and whether that is true."""

from netgrad.uncertainty.posterior import Posterior, posterior, samples
from netgrad.uncertainty.predictive import Predictive, predictive

__all__ = ["Posterior", "Predictive", "posterior", "predictive", "samples"]
