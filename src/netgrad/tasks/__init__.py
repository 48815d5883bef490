"""What can be trained beside networks that are told their targets: tasks for `netgrad.train`, and what they make.

Each stands on `netgrad.Task` alone, as one of your own would.
"""

from netgrad.tasks.adversarial import Adversarial, AdversarialPair
from netgrad.tasks.belief import DeepBelief, deep_belief
from netgrad.tasks.boltzmann import RBM, BoltzmannMachine
from netgrad.tasks.pretraining import pretrain

__all__ = ["RBM", "Adversarial", "AdversarialPair", "BoltzmannMachine", "DeepBelief", "deep_belief", "pretrain"]
