"""Recurrent encoder and decoder: a sequence, or a vector, is read whole, and another sequence written from it."""

from __future__ import annotations

from typing import Any

from netgrad.errors import unknown_name
from netgrad.layers import Attention, Bidirectional, Concatenate, Dense, Dropout, Embedding, Layer
from netgrad.layers.cells import CELLS
from netgrad.layers.symbol import Symbol
from netgrad.network import Input, Network


def encoder_decoder(
    sources: int | None,
    targets: int,
    units: int = 64,
    *,
    attention: str | None = "dot",
    cell: str = "gru",
    embedding: int = 32,
    dropout: float = 0.0,
) -> Network:
    """For translation: inputs "source" (N, S) and "target" (N, T), outputs (N, T, targets).

    A bidirectional layer reads the source and a second one sums it up in a state, from which the decoder begins. With
    attention, every step of the decoder also looks at all steps of the first layer; without, the state is all that it
    knows. "target" is the target one step late (teacher forcing; `netgrad.data.Pairs` makes it), and
    `netgrad.translate` finds it where it is not known.

    Args:
        sources, targets: how many symbols there are; sources None for a source (N, S, d) of numbers.
        units: of each recurrent layer. cell: "gru", "lstm", "rnn", "forget_gate", "coupled_lstm".
        attention: "dot", "additive", or None.
        embedding: numbers for each symbol. dropout: the share of each layer's outputs that training drops.

    Source: Pattipati, "Dealing with Sequences"; Sutskever et al. 2014; Bahdanau et al. 2015; Luong et al. 2015.

    >>> import netgrad as ng
    >>> net = ng.architectures.encoder_decoder(30, 20, 32)
    >>> net.shapes({"source": (9,), "target": (7,)})["dense_2"]
    (7, 20)
    """
    make = cell_named(cell)
    source, target = Input("source"), Input("target")
    read: Symbol = source if sources is None else Embedding(sources, embedding, name="source_symbols")(source)
    memory = Bidirectional(make((units + 1) // 2, output_dropout=dropout), name="memory")(read)
    state = make(units, returns="state", name="summary")(memory)
    written = Embedding(targets, embedding, name="target_symbols")(target)
    h = make(units, output_dropout=dropout, name="decoder")(written, state)
    if attention is not None:
        found = Attention(units, score=attention, name="attention")(h, memory)
        h = Dense(units, activation="tanh")(Concatenate()(h, found))
    return Network([source, target], Dense(targets)(h))


def describer(
    targets: int,
    units: int = 64,
    *,
    encoder: Layer | Network | None = None,
    cell: str = "gru",
    embedding: int = 32,
    dropout: float = 0.0,
) -> Network:
    """One to many: a vector or a picture, "source" (N, ...), begins a decoder that writes a sequence about it.

    encoder: what makes a vector (N, d) of the source, such as a convolutional network that ends in `Flatten`; None
    where the source is one. All else, and the use of "target", as for `encoder_decoder`.

    Source: Pattipati, "Image captioning (one-to-many)"; Vinyals et al. 2015.

    >>> import netgrad as ng
    >>> net = ng.architectures.describer(20, 32)
    >>> net.shapes({"source": (5,), "target": (7,)})["dense_1"]
    (7, 20)
    """
    make = cell_named(cell)
    source, target = Input("source"), Input("target")
    seen: Any = source if encoder is None else encoder(source)
    decoder = make(units, output_dropout=dropout, name="decoder")
    if dropout:
        seen = Dropout(dropout)(seen)
    state = Dense(decoder.state_size, activation="tanh", name="begin")(seen)
    h = decoder(Embedding(targets, embedding, name="target_symbols")(target), state)
    return Network([source, target], Dense(targets)(h))


def cell_named(name: str) -> Any:
    """The class of a recurrent layer by the name that `--net` has for it."""
    if name not in CELLS:
        raise unknown_name("cell", name, CELLS)
    return CELLS[name]
