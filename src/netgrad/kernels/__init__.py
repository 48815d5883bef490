"""Native C++ kernels for the CPU, each with a reference implementation in JAX that runs everywhere else.

The functions here are ordinary JAX functions: a layer calls them and need not know which of the two runs.
"""

from netgrad.kernels.allocation import keep_freed_memory
from netgrad.kernels.conv_pool import conv_pool_forward, conv_pool_input_gradient, conv_pool_weight_gradient
from netgrad.kernels.convolution import conv_forward, conv_input_gradient, conv_shape, conv_weight_gradient
from netgrad.kernels.dispatch import Status, active, aside, call, status
from netgrad.kernels.layout import examples_last
from netgrad.kernels.normalisation import batch_norm_backward, batch_norm_forward, batch_norm_has_kernel
from netgrad.kernels.pooling import max_pool_backward, max_pool_forward
from netgrad.kernels.random import quickly_compiled

__all__ = [
    "Status",
    "active",
    "aside",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_has_kernel",
    "call",
    "conv_forward",
    "conv_input_gradient",
    "conv_pool_forward",
    "conv_pool_input_gradient",
    "conv_pool_weight_gradient",
    "conv_shape",
    "conv_weight_gradient",
    "examples_last",
    "max_pool_backward",
    "max_pool_forward",
    "quickly_compiled",
    "status",
]

# Here, because it counts for threads that have allocated nothing yet: XLA's begin with the first array.
keep_freed_memory()
