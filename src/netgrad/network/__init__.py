"""The computation graph: built (`building`, `graph`, `blocks`), run (`execution`), looked at (`trace`), changed
(`edit`)."""

from netgrad.layers.symbol import Input, Symbol
from netgrad.network import drawing, summary  # noqa: F401 - what shows a network makes itself known
from netgrad.network.apply import apply
from netgrad.network.autoencoder import Autoencoder
from netgrad.network.blocks import Branches, Residual, SeparableConv
from netgrad.network.building import Node
from netgrad.network.composite import Composite, Copies, Recomputed, Stack
from netgrad.network.edit import every_layer, with_first, with_last, with_layers
from netgrad.network.ensemble import Ensemble
from netgrad.network.execution import (
    Forward,
    Gradients,
    backward,
    forward,
    look_back,
    next_state,
    out_lengths,
    stream_state,
)
from netgrad.network.fusion import fused
from netgrad.network.graph import Network, Sequential
from netgrad.network.part import behind, named, part
from netgrad.network.state_space import StateSpace
from netgrad.network.trace import NodeTrace, Trace, record

__all__ = [
    "Autoencoder",
    "Branches",
    "Composite",
    "Copies",
    "Ensemble",
    "Forward",
    "Gradients",
    "Input",
    "Network",
    "Node",
    "NodeTrace",
    "Recomputed",
    "Residual",
    "SeparableConv",
    "Sequential",
    "Stack",
    "StateSpace",
    "Symbol",
    "Trace",
    "apply",
    "backward",
    "behind",
    "every_layer",
    "forward",
    "fused",
    "look_back",
    "named",
    "next_state",
    "out_lengths",
    "part",
    "record",
    "stream_state",
    "with_first",
    "with_last",
    "with_layers",
]
