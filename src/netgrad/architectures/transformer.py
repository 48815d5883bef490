"""Transformers: blocks of attention and dense layers, each added to what it is fed (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import Any

from netgrad.errors import NetgradError
from netgrad.initializers import Normal
from netgrad.layers import Add, Attention, Dense, Dropout, Embedding, GlobalPool, Layer, LayerNorm, Positions
from netgrad.network import Input, Network, Residual, Sequential, Stack

NORMS = ("pre", "post")
RETURNS = ("sequence", "mean")


def transformer_encoder(
    symbols: int | None = None,
    units: int = 64,
    *,
    outputs: int | None = None,
    returns: str = "sequence",
    causal: bool = False,
    layers: int = 2,
    heads: int = 4,
    hidden: int | None = None,
    norm: str = "pre",
    activation: Any = "relu",
    dropout: float = 0.0,
    positions: str = "sinusoidal",
    longest: int | None = None,
) -> Network:
    """A network whose steps see each other: for tags (N, T, outputs), or a label for the whole (N, outputs).

    Args:
        symbols: how many there are, for inputs (N, T) of whole numbers; None for inputs (N, T, d) of numbers.
        units: of every step, throughout the network. outputs: of a last dense layer; None: the steps as they are.
        returns: "sequence", or "mean", of each sequence's valid steps.
        causal: whether a step sees those up to it alone, as a forecast must.
        layers: how many blocks, in one `Stack`. heads: of each attention; they divide units.
        hidden: units of the dense layer in each block, default 4 times units; activation: its own.
        norm: "pre": `LayerNorm` before attention and dense layers, and once at the end. "post": after each sum.
        dropout: of attention weights, hidden units, and whatever is added to a sum.
        positions, longest: as `Positions` takes them.

    Source: Pattipati, "Attention-based models: e.g., Transformer"; Vaswani et al. 2017, 3.1.

    >>> import netgrad as ng
    >>> net = ng.architectures.transformer_encoder(50, 32, outputs=3, returns="mean")
    >>> net.shapes((20,))["dense_1"]
    (3,)
    """
    if returns not in RETURNS:
        raise NetgradError(f"returns must be one of {', '.join(RETURNS)}, found {returns!r}")
    how = _Blocks(units, heads, hidden, norm, activation, dropout, causal)
    row = [*_entry(symbols, units, positions, longest, dropout), *how.stacked(layers)]
    if returns == "mean":
        row.append(GlobalPool("average"))
    return Sequential([*row, *([] if outputs is None else [Dense(outputs)])])


def transformer_decoder(
    symbols: int,
    units: int = 64,
    *,
    layers: int = 2,
    heads: int = 4,
    hidden: int | None = None,
    norm: str = "pre",
    activation: Any = "relu",
    dropout: float = 0.0,
    positions: str = "sinusoidal",
    longest: int | None = None,
) -> Network:
    """A language model: each step sees those up to it and says the next symbol, (N, T) -> (N, T, symbols).

    Arguments as for `transformer_encoder`. `netgrad.sample` writes with it, a symbol at a time, from the keys and
    values of those before, up to as many steps as it was trained on; then it begins anew after half of them.

    >>> import netgrad as ng
    >>> net = ng.architectures.transformer_decoder(50, 32)
    >>> [node.name for node in net.nodes]
    ['embedding_1', 'positions_1', 'blocks', 'layer_norm_1', 'dense_1']
    """
    how = _Blocks(units, heads, hidden, norm, activation, dropout, causal=True)
    row = [*_entry(symbols, units, positions, longest, dropout), *how.stacked(layers)]
    return Sequential([*row, Dense(symbols)])


def transformer(
    sources: int | None,
    targets: int,
    units: int = 64,
    *,
    layers: int = 2,
    heads: int = 4,
    hidden: int | None = None,
    norm: str = "pre",
    activation: Any = "relu",
    dropout: float = 0.0,
    positions: str = "sinusoidal",
    longest: int | None = None,
) -> Network:
    """An encoder and a decoder, for translation: inputs "source" (N, S) and "target" (N, T), outputs (N, T, targets).

    The decoder's steps see the target up to their own, and all of the source. "target" is the target one step late
    (`netgrad.data.Pairs` makes it), and `netgrad.translate` finds it where it is not known. sources, targets: how many
    symbols there are, sources None for a source (N, S, d) of numbers; all else as for `transformer_encoder`.

    >>> import netgrad as ng
    >>> net = ng.architectures.transformer(30, 20, 32, layers=3)
    >>> net.shapes({"source": (9,), "target": (7,)})["dense_1"]
    (7, 20)
    """
    source, target = Input("source"), Input("target")
    how = _Blocks(units, heads, hidden, norm, activation, dropout)
    row = [*_entry(sources, units, positions, longest, dropout), *how.stacked(layers)]
    memory = Sequential(row, name="encoder")(source)
    symbol: Any = Sequential(_entry(targets, units, positions, longest, dropout), name="decoder")(target)
    symbol = Stack(how.reading(), layers, name="blocks")(symbol, memory)
    for layer in how.last():
        symbol = layer(symbol)
    return Network([source, target], Dense(targets)(symbol))


def of_sizes(sizes: tuple[int, ...], name: str) -> dict[str, Any]:
    """Units, layers and heads of blocks of these units, which are all the same; ``name``: what they were asked for by.

    >>> of_sizes((64, 64), "--hidden")
    {'units': 64, 'layers': 2, 'heads': 4}
    """
    if len(set(sizes)) != 1:
        raise NetgradError(f"all blocks of a Transformer have as many units: {name} 64,64 is two of 64")
    return {"units": sizes[0], "layers": len(sizes), "heads": next(h for h in (4, 2, 1) if sizes[0] % h == 0)}


def _entry(symbols: int | None, units: int, positions: str, longest: int | None, dropout: float) -> list[Layer]:
    """From symbols or numbers to steps of ``units`` numbers that know where they stand."""
    first: Layer = Dense(units) if symbols is None else Embedding(symbols, units, initializer=Normal(1.0))
    return [first, Positions(positions, longest=longest, initializer=Normal(1.0)), *_drop(dropout)]


def _drop(rate: float) -> list[Layer]:
    return [Dropout(rate)] if rate else []


class _Blocks:
    """The blocks of one kind of Transformer."""

    def __init__(
        self,
        units: int,
        heads: int,
        hidden: int | None,
        norm: str,
        activation: Any,
        dropout: float,
        causal: bool = False,
    ):
        if norm not in NORMS:
            raise NetgradError(f"norm must be one of {', '.join(NORMS)}, found {norm!r}")
        self.units, self.heads, self.hidden = units, heads, 4 * units if hidden is None else hidden
        self.pre, self.activation, self.dropout, self.causal = norm == "pre", activation, dropout, causal

    def stacked(self, n: int) -> list[Any]:
        """n blocks, each with weights of its own, and what follows them."""
        return [Stack([*self.attend(self.causal), *self.feed()], n, name="blocks"), *self.last()]

    def last(self) -> list[Layer]:
        """What follows the last block: where nothing was normalised after a sum, it is at the end."""
        return [LayerNorm()] if self.pre else []

    def attend(self, causal: bool) -> list[Any]:
        """x + attention of x to itself."""
        look = Attention(self.units, heads=self.heads, causal=causal, dropout=self.dropout)
        return self._added([look, *_drop(self.dropout)], "attend")

    def feed(self) -> list[Any]:
        """x + two dense layers of each step."""
        wide = Dense(self.hidden, activation=self.activation)
        return self._added([wide, *_drop(self.dropout), Dense(self.units), *_drop(self.dropout)], "feed")

    def reading(self) -> Network:
        """A block of a decoder that also looks at a memory: self-attention, attention to the memory, dense layers."""
        x, memory = Input("x"), Input("memory")
        h: Any = x
        for part in self.attend(True):
            h = part(h)
        asking = LayerNorm()(h) if self.pre else h
        found = Attention(self.units, heads=self.heads, dropout=self.dropout, name="read")(asking, memory)
        for layer in _drop(self.dropout):
            found = layer(found)
        h = Add()(h, found)
        for part in [*([] if self.pre else [LayerNorm()]), *self.feed()]:
            h = part(h)
        return Network([x, memory], h)

    def _added(self, row: list[Layer], name: str) -> list[Any]:
        if self.pre:
            return [Residual([LayerNorm(), *row], name=name)]
        return [Residual(row, name=name), LayerNorm()]
