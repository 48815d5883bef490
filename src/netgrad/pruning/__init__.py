"""Networks with fewer weights: which of them matter least, what the others make up for, and what is left."""

from netgrad.pruning.prune import METHODS, prune
from netgrad.pruning.smaller import smaller
from netgrad.pruning.surgeon import cost, inverse_by_rows, positive, surgery

__all__ = ["METHODS", "cost", "inverse_by_rows", "positive", "prune", "smaller", "surgery"]
