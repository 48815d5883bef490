"""What can be trained beside networks that are told their targets: tasks for `netgrad.train`, and what they make.

Each stands on `netgrad.Task` alone, as one of your own would.
"""

from netgrad.tasks.adversarial import Adversarial, AdversarialPair
from netgrad.tasks.belief import DeepBelief, deep_belief
from netgrad.tasks.boltzmann import RBM, BoltzmannMachine
from netgrad.tasks.pairs import Siamese, fit_pairs, margin_loss
from netgrad.tasks.pretraining import pretrain
from netgrad.tasks.similarity import altered_pairs, guessed_pairs, neighbour_pairs, random_pairs

__all__ = [
    "RBM",
    "Adversarial",
    "AdversarialPair",
    "BoltzmannMachine",
    "DeepBelief",
    "Siamese",
    "altered_pairs",
    "deep_belief",
    "fit_pairs",
    "guessed_pairs",
    "margin_loss",
    "neighbour_pairs",
    "pretrain",
    "random_pairs",
]
