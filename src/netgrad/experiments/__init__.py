"""The texts' experiments, each with the values that the text prints; importing this package lists them all."""

from netgrad.experiments import (
    approximation,
    bias_variance,
    convolution,
    depth,
    embedded_reber,
    gates,
    logic,
    mnist_cnn,
    optimisers,
    power_plant,
    reber,
    regularisation,
    sequences,
    softmax,
    weight_initialisation,
)
from netgrad.experiments.base import EXPERIMENTS, Experiment, Result, Row, experiment, find

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "Result",
    "Row",
    "approximation",
    "bias_variance",
    "convolution",
    "depth",
    "embedded_reber",
    "experiment",
    "find",
    "gates",
    "logic",
    "mnist_cnn",
    "optimisers",
    "power_plant",
    "reber",
    "regularisation",
    "sequences",
    "softmax",
    "weight_initialisation",
]
