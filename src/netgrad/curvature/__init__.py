"""Second-order quantities of a network: how its outputs and its error depend on the weights, beyond the gradient.

All are of a trained model on examples: E is the *sum* of the examples' losses without penalties, whatever the model was
trained to reduce it by. The weights are those that are stored and trained, what is frozen and masks left out, in the
order of the parameters. In training the optimisers "newton", "gauss_newton" and "levenberg_marquardt" go by the same.
"""

from netgrad.curvature.gauss_newton import gauss_newton
from netgrad.curvature.hessian import hessian, hessian_vector
from netgrad.curvature.jacobian import jacobian
from netgrad.curvature.structures import STRUCTURES, Diagonal, Full, Kronecker, Structure

__all__ = [
    "STRUCTURES",
    "Diagonal",
    "Full",
    "Kronecker",
    "Structure",
    "gauss_newton",
    "hessian",
    "hessian_vector",
    "jacobian",
]
