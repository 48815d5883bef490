"""The works: what is trained, on what data, and how many floating-point operations one training step takes.

Every work is one step of plain gradient descent (forward, loss, backward, update) in float32. A work says what it is
as data (a list of layers) so that every contender builds the same network from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Work:
    """kind "sequence" (tagging), "text" (the next symbol), "translation" (a source of as many symbols as its target),
    "image", "residual" (a ResNet), "inception" (modules of GoogLeNet), "signal" or "vector"; shape: of one example;
    layers: see each kind.

    target: "classes" (softmax cross-entropy) or "bits" (logistic cross-entropy on every output).
    ratio: the speed-up over the best other contender that netgrad aims at; None where there is no aim but "not slower".
    """

    name: str
    title: str
    kind: str
    examples: int
    shape: tuple[int, ...]
    layers: tuple[tuple[Any, ...], ...]
    outputs: int
    target: str = "classes"
    unequal: bool = False
    rate: float = 0.1
    ratio: float | None = None

    def data(self) -> dict[str, np.ndarray]:
        """Inputs x, targets y, and for sequences lengths: random, but the same for every contender."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(self.examples, *self.shape)).astype(np.float32)
        steps = self.shape[:1] if self.kind in ("sequence", "text", "translation") else ()
        if self.kind in ("text", "translation"):
            x = rng.integers(0, self.outputs, x.shape).astype(np.int32)
        if self.target == "bits":
            y: np.ndarray = rng.integers(0, 2, (self.examples, *steps, self.outputs)).astype(np.float32)
        else:
            y = rng.integers(0, self.outputs, (self.examples, *steps)).astype(np.int32)
        data = {"x": x, "y": y}
        if self.kind == "translation":  # what stood before each symbol of the target
            data["target"] = np.pad(y, ((0, 0), (1, 0)))[:, :-1]
        if self.unequal:
            data["lengths"] = rng.integers(self.shape[0] // 4, self.shape[0] + 1, self.examples).astype(np.int32)
        return data

    def operations(self) -> int:
        """Floating-point operations of one step: two a multiply-add, and a backward pass of two forward passes.

        The first layer needs no input gradient, which spares its third part.
        """
        first, *rest = (part.multiply_adds for part in self._parts())
        return 2 * self.examples * (2 * first + 3 * sum(rest))

    def traffic(self) -> int:
        """Bytes that one step reads and writes if nothing stays in a cache from one layer and pass to the next.

        Forward, a layer reads its inputs and writes its outputs and what it keeps (gates); back, it reads the gradient
        of its outputs, what it kept and its inputs again, and writes the gradient of its inputs, but for the first
        layer. Weights are read twice, their gradient is written and read, and the update reads and writes them.
        """
        numbers = 0
        for i, part in enumerate(self._parts()):
            through = 2 * part.inputs + 2 * part.outputs + 2 * part.kept + (part.inputs if i else 0)
            numbers += self.examples * through + 6 * part.weights
        return 4 * numbers

    def _parts(self) -> list[Part]:
        shape, parts = list(self.shape), []
        for name, *settings in self.layers:
            inputs, adds, kept, weights = int(np.prod(shape)), 0, 0, 0
            if name in GATES:
                units, both = settings[0], 2 if len(settings) > 1 else 1
                weights = both * GATES[name] * units * (shape[1] + units)
                adds, kept = shape[0] * weights, both * GATES[name] * shape[0] * units if name != "rnn" else 0
                shape = [shape[0], both * units]
            elif name == "conv":
                filters, window, padding = settings
                out = [n if padding == "same" else n - window + 1 for n in shape[:-1]]
                weights = window ** len(out) * shape[-1] * filters
                adds, shape = int(np.prod(out)) * weights, [*out, filters]
            elif name == "transformer":  # all pairs of steps, also those that are masked
                units, blocks, heads = settings
                parts.append(Part(0, inputs, inputs * units, 0, 0))  # the embedding
                adds = blocks * shape[0] * units * (12 * units + 2 * shape[0])
                inputs, weights = shape[0] * units, 12 * blocks * units**2
                kept = blocks * shape[0] * (10 * units + heads * shape[0])  # q, k, v, scores, the wide layer
                shape = [shape[0], units]
            elif name == "residual":  # rows of blocks of two convolutions; all but the first row halve the image
                maps, blocks, rows = settings
                for row in range(rows):
                    for block in range(blocks):
                        wide, halved = maps * 2**row, row > 0 and block == 0
                        out = [n // (2 if halved else 1) for n in shape[:-1]]
                        weights = 9 * wide * (shape[-1] + wide) + (shape[-1] * wide if halved else 0)
                        outputs = int(np.prod(out)) * wide
                        parts.append(Part(int(np.prod(out)) * weights, int(np.prod(shape)), outputs, outputs, weights))
                        shape = [*out, wide]
                continue
            elif name == "inception":  # 1 x 1, 3 x 3, 5 x 5 and a pooling side by side, with 1 x 1 before and behind
                one, before_three, three, before_five, five, behind = settings
                places, maps = int(np.prod(shape[:-1])), shape[-1]
                for read, made in (
                    (maps, (one, before_three, before_five, behind)),
                    (before_three + before_five, (9 * three, 25 * five)),
                ):
                    weights = maps * sum(made) if read == maps else before_three * made[0] + before_five * made[1]
                    outputs = places * (sum(made) if read == maps else three + five)
                    parts.append(Part(places * weights, places * read, outputs, 0, weights))
                shape = [*shape[:-1], one + three + five + behind]
                continue
            elif name == "encoder_decoder":  # LSTMs: both ways over the source, once more over that, and the target
                units, embedding = settings
                steps, half = shape[0], units // 2
                parts.append(Part(0, inputs, 2 * steps * embedding, 0, 0))
                gates = (
                    2 * 3 * half * (embedding + half) + 3 * units * (units + units) + 3 * units * (embedding + units)
                )
                dense = 4 * units**2 + 2 * units**2  # q, k, v and o; both of them side by side to one
                adds, weights = steps * (gates + dense + 2 * steps * units), gates + dense
                inputs, kept = 2 * steps * embedding, steps * (12 * units + 4 * units + steps)
                shape = [steps, units]
            elif name == "pool":
                shape = [*(n // settings[0] for n in shape[:-1]), shape[-1]]
            elif name == "global_pool":
                shape = shape[-1:]
            elif name == "flatten":
                shape = [inputs]
                continue  # the same numbers
            elif name == "dense":
                weights = shape[-1] * settings[0]
                adds = int(np.prod(shape)) * settings[0]
                shape = [*shape[:-1], settings[0]]
            parts.append(Part(adds, inputs, int(np.prod(shape)), kept, weights))
        return parts


class Part(NamedTuple):
    """A layer, counted for one example: multiply-adds forward, numbers in, out and kept between; and its weights."""

    multiply_adds: int
    inputs: int
    outputs: int
    kept: int
    weights: int


GATES = {"rnn": 1, "gru": 3, "lstm": 4}  # products of the size of one recurrent cell, by its number of gates

LENET = (
    ("conv", 6, 5, "valid"), ("pool", 2), ("conv", 16, 5, "valid"), ("pool", 2), ("flatten",),
    ("dense", 120, "relu"), ("dense", 84, "relu"), ("dense", 10, "identity"),
)  # fmt: skip
MLP = (("dense", 120, "relu"), ("dense", 84, "relu"), ("dense", 10, "identity"))


def _tagger(*recurrent: Any, outputs: int) -> tuple[tuple[Any, ...], ...]:
    return (recurrent, ("dense", outputs, "identity"))


WORKS = {
    work.name: work
    for work in (
        Work("reber-rnn", "Reber RNN 7-4-7, T=52, N=400", "sequence", 400, (52, 7),
             _tagger("rnn", 4, outputs=7), 7, "bits", ratio=8),
        Work("reber-lstm", "embedded Reber LSTM 7-20-7, T=64, N=400", "sequence", 400, (64, 7),
             _tagger("lstm", 20, outputs=7), 7, "bits", ratio=8),
        Work("reber-gru", "GRU 7-20-7, T=64, N=400", "sequence", 400, (64, 7),
             _tagger("gru", 20, outputs=7), 7, "bits", ratio=8),
        Work("reber-rnn60", "embedded Reber RNN 7-60-7, T=64, N=400", "sequence", 400, (64, 7),
             _tagger("rnn", 60, outputs=7), 7, "bits", ratio=4),
        Work("lstm-large", "LSTM 128-256-10, T=100, N=64", "sequence", 64, (100, 128),
             _tagger("lstm", 256, outputs=10), 10, ratio=1.5),
        Work("tagger", "bidirectional LSTM tagger 16-2x32-10, T=80 unequal, N=128", "sequence", 128, (80, 16),
             _tagger("lstm", 32, "both", outputs=10), 10, unequal=True, ratio=5),
        Work("lenet-1000", "LeNet, N=1000", "image", 1000, (28, 28, 1), LENET, 10, ratio=4),
        Work("lenet-100", "LeNet, N=100", "image", 100, (28, 28, 1), LENET, 10, ratio=4),
        Work("mlp-1000", "MLP 784-120-84-10, N=1000", "vector", 1000, (784,), MLP, 10, ratio=1.3),
        Work("mlp-100", "MLP 784-120-84-10, N=100", "vector", 100, (784,), MLP, 10, ratio=1.3),
        Work("conv64", "two 3x3 convolutions, 64 channels, 32x32, N=32", "image", 32, (32, 32, 64),
             (("conv", 64, 3, "same"), ("conv", 64, 3, "same"), ("global_pool",), ("dense", 10, "identity")), 10,
             ratio=1.1),
        Work("signal", "1D convolutions over signals: 8 channels, length 1024, N=64", "signal", 64, (1024, 8),
             (("conv", 16, 9, "valid"), ("pool", 4), ("conv", 32, 9, "valid"), ("pool", 4), ("flatten",),
              ("dense", 5, "identity")), 5, ratio=3),
        Work("transformer", "decoder-only Transformer of 4 layers, d 128, 4 heads, 96 symbols, T=128, N=32", "text", 32,
             (128,), (("transformer", 128, 4, 4), ("dense", 96, "identity")), 96, ratio=1.2),
        Work("resnet20", "ResNet-20 at 32x32, N=64", "residual", 64, (32, 32, 3),
             (("conv", 16, 3, "same"), ("residual", 16, 3, 3), ("global_pool",), ("dense", 10, "identity")), 10,
             ratio=1.2),
        Work("inception", "two Inception modules, 3a and 3b of GoogLeNet at 28x28, N=16", "inception", 16,
             (28, 28, 192),
             (("inception", 64, 96, 128, 16, 32, 32), ("inception", 128, 128, 192, 32, 96, 64), ("global_pool",),
              ("dense", 10, "identity")), 10, ratio=1.2),
        Work("translation", "encoder-decoder of LSTMs with attention, 64 units, 40 symbols, T=30, N=64",
             "translation", 64, (30,), (("encoder_decoder", 64, 32), ("dense", 40, "identity")), 40, ratio=1.2),
    )
}  # fmt: skip


GROWTH = {
    "units": (4, 16, 64, 256),
    "length": (8, 32, 128, 512),
    "examples": (1, 8, 64, 512),
}


def find(name: str) -> Work:
    """A work of `WORKS`, or one of its kin: "lstm/units=64" and so on along `GROWTH`, "mlp-1000/examples=1"."""
    base, _, change = name.partition("/")
    if not change:
        return WORKS[base]
    axis, _, number = change.partition("=")
    value = int(number)
    work = WORKS["reber-lstm" if base == "lstm" else base]
    if axis == "examples":
        return replace(work, name=name, title=f"{work.title}, N={value}", examples=value)
    if axis == "length":
        return replace(work, name=name, title=name, shape=(value, *work.shape[1:]))
    return replace(work, name=name, title=name, layers=(("lstm", value), *work.layers[1:]))
