"""The kinds of findings, one class each, with measure, thresholds and remedy in one place; importing registers them."""

from netgrad.diagnosis.checks import batches, data, fitting, gradients, numbers, rates, start, units

__all__ = ["batches", "data", "fitting", "gradients", "numbers", "rates", "start", "units"]
