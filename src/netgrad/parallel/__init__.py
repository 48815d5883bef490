"""Training on several devices: where arrays lie, and a batch's share for each device."""

from netgrad.parallel.placement import Placement

__all__ = ["Placement"]
