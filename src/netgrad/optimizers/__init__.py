"""Optimisers: optax's by name, and those that optax lacks, as optax transformations.

First-order methods step along the gradient of any batch. Those of `conjugate` and `second_order`, L-BFGS and MEKA read
curvature from a batch, and want large ones, best all examples at once (``batch_size=None``).
"""

from netgrad.optimizers.conjugate import conjugate_gradient, memoryless_quasi_newton, scaled_conjugate_gradient
from netgrad.optimizers.first_order import delta_bar_delta, quickprop
from netgrad.optimizers.kalman import meka
from netgrad.optimizers.layerwise import layerwise
from netgrad.optimizers.line_search import lbfgs
from netgrad.optimizers.names import OPTIMIZERS, get, named
from netgrad.optimizers.schedules import SCHEDULES, schedule
from netgrad.optimizers.second_order import Linearised, gauss_newton, levenberg_marquardt, newton

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Linearised",
    "conjugate_gradient",
    "delta_bar_delta",
    "gauss_newton",
    "get",
    "layerwise",
    "lbfgs",
    "levenberg_marquardt",
    "meka",
    "memoryless_quasi_newton",
    "named",
    "newton",
    "quickprop",
    "scaled_conjugate_gradient",
    "schedule",
]
