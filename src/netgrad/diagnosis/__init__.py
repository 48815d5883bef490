"""What is wrong with a network, where, and why: measurements, findings and remedies."""

from netgrad.diagnosis import checks
from netgrad.diagnosis.adversarial import diagnose_pair
from netgrad.diagnosis.diagnose import diagnose, measure
from netgrad.diagnosis.finding import Check, Diagnosis, Finding
from netgrad.diagnosis.recipe import Recipe
from netgrad.diagnosis.repair import repair
from netgrad.diagnosis.watch import Watch

__all__ = [
    "Check",
    "Diagnosis",
    "Finding",
    "Recipe",
    "Watch",
    "checks",
    "diagnose",
    "diagnose_pair",
    "measure",
    "repair",
]
