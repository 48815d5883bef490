"""Native C++ kernels for the CPU, each with an XLA twin that runs everywhere else.

The functions here are ordinary JAX functions: a layer calls them and need not know which of the two runs.
"""

from netgrad.kernels.activation import logistic, tanh
from netgrad.kernels.dispatch import Status, active, call, status

__all__ = ["Status", "active", "call", "logistic", "status", "tanh"]
