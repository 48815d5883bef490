"""Convolutions over two sequences at once: neither encoder nor decoder, but a grid of both (Elbayad et al. 2018)."""

from __future__ import annotations

from typing import Any

from netgrad.errors import NetgradError
from netgrad.layers import Conv, Dense, Dropout, Embedding, Grid, GridAttention, GridPool, Layer, LayerNorm, ReLU
from netgrad.layers.symbol import Symbol
from netgrad.network import Branches, Input, Network, Residual, Stack

FORMS = ("dense", "residual")
POOLS = ("max", "average", "attention")


def pervasive_attention(
    sources: int | None,
    targets: int,
    units: int = 32,
    *,
    layers: int = 4,
    window: int = 3,
    form: str = "dense",
    pool: str = "max",
    embedding: int = 32,
    dropout: float = 0.0,
) -> Network:
    """For translation, source and target read jointly: inputs "source" (N, S) and "target" (N, T), outputs
    (N, T, targets).

    Every cell of a grid of S x T holds the embeddings of one symbol of the source and one of the target; convolutions
    over the grid, which look back along the target and both ways along the source, relate them, and a pooling over the
    source says the next symbol. "target" is the target one step late (`netgrad.data.Pairs` makes it), and
    `netgrad.translate` finds it where it is not known, running the whole grid for every symbol.

    Args:
        sources, targets: how many symbols there are; sources None for a source (N, S, d) of numbers.
        units: with "dense", how many channels each block adds; with "residual", how many there are.
        layers: how many blocks. window: of each convolution, along both sequences; a symbol is said from the
            layers * (window - 1) symbols before the last one, and from as many of the source's around each place.
        form: "dense": every block sees what all before it have made, side by side, through a convolution of window 1 to
            4 * units channels. "residual": every block adds to what it is fed, in one `Stack`.
        pool: over the source, "max", "average" or "attention" (`GridAttention`).
        embedding: numbers for each symbol. dropout: the share of each block's outputs that training drops.

    Cells are normalised one by one, `LayerNorm` in the place of the paper's batch normalisation, so that neither
    padding nor other examples nor later symbols count. Memory and time grow with S * T.

    Source: Pattipati, "Long Short-term Memory Networks": "2D Convolutional Networks: jointly encodes the source and
    target sequence in a 2D CNN"; Elbayad, Besacier & Verbeek (2018).

    >>> import netgrad as ng
    >>> net = ng.architectures.pervasive_attention(30, 20, 16)
    >>> shapes = net.shapes({"source": (9,), "target": (7,)})
    >>> shapes["grid"], shapes["block_4/concatenate_1"], shapes["dense_1"]
    ((9, 7, 64), (9, 7, 128), (7, 20))
    """
    for name, value in (("layers", layers), ("window", window)):
        if not isinstance(value, int) or value < 1:
            raise NetgradError(f"{name} must be a whole number of at least 1, found {value!r}")
    for name, chosen, known in (("form", form, FORMS), ("pool", pool, POOLS)):
        if chosen not in known:
            raise NetgradError(f"{name} must be one of {', '.join(known)}, found {chosen!r}")
    source, target = Input("source"), Input("target")
    read: Symbol = source if sources is None else Embedding(sources, embedding, name="source_symbols")(source)
    written = Embedding(targets, embedding, name="target_symbols")(target)
    h: Any = Grid(name="grid")(read, written)
    if form == "dense":
        for i in range(layers):
            inner = [*_ready(), Conv(4 * units, 1), *_ready(), _causal(units, window), *_drop(dropout)]
            h = Branches(None, inner, name=f"block_{i + 1}")(h)
    else:
        row = [*_ready(), _causal(units, window), *_ready(), Conv(units, 1), *_drop(dropout)]
        h = Stack(Residual(row), layers, name="blocks")(Dense(units, name="width")(h))
    for layer in _ready():
        h = layer(h)
    over = GridAttention(name="pool") if pool == "attention" else GridPool(pool, name="pool")
    return Network([source, target], Dense(targets)(over(h, written)))


def _ready() -> list[Layer]:
    return [LayerNorm(), ReLU()]


def _causal(filters: int, window: int) -> Conv:
    """Filters that see as many cells on both sides along the source, and none ahead along the target."""
    return Conv(filters, window, padding=(((window - 1) // 2, window // 2), (window - 1, 0)))


def _drop(rate: float) -> list[Layer]:
    return [Dropout(rate)] if rate else []
