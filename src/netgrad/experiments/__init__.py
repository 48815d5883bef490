"""The texts' experiments, each with the values that the text prints; importing this package lists them all."""

from netgrad.experiments import approximation, depth, logic, power_plant, softmax
from netgrad.experiments.base import EXPERIMENTS, Experiment, Result, Row, experiment, find

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "Result",
    "Row",
    "approximation",
    "depth",
    "experiment",
    "find",
    "logic",
    "power_plant",
    "softmax",
]
