"""Knowing what it does not know: posteriors of the weights, what they say of predictions, and whether that is true."""

from netgrad.uncertainty.calibration import Calibration, calibration, coverage, reliability, with_temperature
from netgrad.uncertainty.drawing import draw
from netgrad.uncertainty.posterior import Posterior, posterior, samples
from netgrad.uncertainty.predictive import Predictive, predictive
from netgrad.uncertainty.relevance import Relevance, relevance

__all__ = [
    "Calibration",
    "Posterior",
    "Predictive",
    "Relevance",
    "calibration",
    "coverage",
    "draw",
    "posterior",
    "predictive",
    "relevance",
    "reliability",
    "samples",
    "with_temperature",
]
