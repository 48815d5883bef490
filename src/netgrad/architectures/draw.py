"""Pictures that are drawn stroke by stroke, each where the network looks and from a code of its own (Gregor et al.)."""

from __future__ import annotations

from typing import Any

from netgrad.architectures.encoder_decoder import cell_named
from netgrad.errors import NetgradError
from netgrad.layers import (
    Add,
    Concatenate,
    Dense,
    Flatten,
    Gaussian,
    GlimpseRead,
    GlimpseWrite,
    Logistic,
    Rescaling,
    Reshape,
)
from netgrad.layers.symbol import Symbol
from netgrad.network import Input, Network


def draw(
    shape: tuple[int, int, int],
    units: int = 64,
    *,
    code: int = 4,
    steps: int = 5,
    read: int = 5,
    write: int = 5,
    cell: str = "lstm",
) -> Network:
    """A variational autoencoder that looks and draws in several steps: pictures as rows (N, H * W * C) of numbers
    from 0 to 1 in, the logits of the pictures out.

    At every step t an encoder looks at a patch of the picture and of what is still wrong on the canvas, where the
    decoder wants it to look, and says how the code is distributed; a code is drawn, and the decoder writes a patch onto
    the canvas::

        wrong_t = x - logistic(canvas_(t-1))
        seen_t = GlimpseRead of (x, wrong_t) at W_look s_(t-1) + b_look
        h_t = encoder(W_seen seen_t + b_seen + W_told s_(t-1); h_(t-1))
        z_t = Gaussian of W_distribution h_t + b_distribution
        s_t = decoder(z_t; s_(t-1))
        canvas_t = canvas_(t-1) + GlimpseWrite of (W_patch s_t + b_patch) at W_place s_t + b_place

    from an empty canvas, and with a first look at the whole. The same layers serve at all steps; with an LSTM, h and s
    are its state and its memory side by side. `netgrad.fit` without targets trains it, with
    ``loss="binary_cross_entropy"``: with the divergences of all codes, which it adds by itself, the loss is a bound on
    the pictures' negative log-likelihood. `Model.sample` draws codes, and from them pictures, and the trace shows every
    step's patches and filters.

    Args:
        shape: of a picture. units: of the encoder and the decoder. code: numbers a step. steps: how many strokes.
        read, write: how many filters each patch has along an axis.
        cell: "lstm", "gru", "rnn", "forget_gate", "coupled_lstm".

    Compiling takes time by the number of steps. Raises `NetgradError` for steps that are no whole number of at least 1.

    Source: Pattipati, applications: image generation with attention; Gregor et al. (2015), "DRAW".

    >>> import netgrad as ng
    >>> net = ng.architectures.draw((8, 8, 1), 32, steps=3)
    >>> net.shapes({"x": (64,)})["picture"]
    (64,)
    >>> [name for name in net.by_name if name.startswith("code")]
    ['code_1', 'code_2', 'code_3']
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise NetgradError(f"steps must be a whole number of at least 1, found {steps!r}")
    height, width, channels = shape
    make = cell_named(cell)
    encoder, decoder = (make(units, returns="state", name=name) for name in ("encoder", "decoder"))
    look, place = (Dense(5, name=name) for name in ("look", "place"))
    eyes, told = Dense(units, name="seen"), Dense(units, bias=False, name="told")
    said, patch = Dense(2 * code, name="distribution"), Dense(write * write * channels, name="patch")
    reading, writing = GlimpseRead(read, name="read"), GlimpseWrite(height, width, name="write")
    rows = Input()
    x: Symbol = Reshape(shape)(rows)
    wrong: Symbol = Rescaling(offset=0.5, name="wrong_1")(x)  # beside an empty canvas
    canvas: Any = None
    h: Any = None
    s: Any = None
    for t in range(1, steps + 1):
        both = Concatenate()(x, wrong)
        seen = eyes(Flatten()(reading(both) if s is None else reading(both, look(s))))
        h = _step(encoder, seen if s is None else Add()(seen, told(s)), h)
        z = Gaussian(name=f"code_{t}")(said(h))
        s = _step(decoder, z, s)
        stroke = writing(Reshape((write, write, channels))(patch(s)), place(s))
        canvas = stroke if canvas is None else Add(name=f"canvas_{t}")(canvas, stroke)
        if t < steps:
            wrong = Add(name=f"wrong_{t + 1}")(x, Rescaling(factor=-1.0)(Logistic()(canvas)))
    return Network(rows, Flatten(name="picture")(canvas))


def _step(layer: Any, seen: Symbol, state: Symbol | None) -> Symbol:
    """One step of a recurrent layer: a sequence of one, from the state before."""
    one = Reshape((1, -1))(seen)
    return layer(one) if state is None else layer(one, state)
