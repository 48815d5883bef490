"""Translation by an encoder and a decoder, with attention and without: telephone numbers as they are said."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.architectures import encoder_decoder
from netgrad.data import Pairs
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS = 3
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TIMES = {1: [], 2: ["double"], 3: ["triple"]}
SHORT, LONG = (3, 5), (8, 10)  # how many digits, doubled and tripled ones counted once


@experiment(
    "attention",
    "Numbers in words translated, with attention and without",
    "Pattipati, 'Attention-based models'",
    seconds=18,
)
def attention(seed: int = 0) -> Result:
    """What is said "three double five one" is written "3 5 5 1": by an encoder and decoder of GRUs that looks back at
    all words, and by one that keeps them in its state; the share of unseen numbers that are right as a whole."""
    said, digits = telephone_numbers(1100, SHORT[0], LONG[1], seed)
    pairs = Pairs(said, digits, words=True)
    unseen = {which: telephone_numbers(300, *ends, seed + 1) for which, ends in (("short", SHORT), ("long", LONG))}
    result, right, models = Result(), {}, {}
    for kind in ("dot", None):
        net = encoder_decoder(len(pairs.source), pairs.classes, 32, attention=kind, embedding=16)
        models[kind] = fit_starts(
            net, pairs.x, pairs.y, STARTS, lengths=pairs.lengths,
            epochs=22, batch_size=50, learning_rate=0.015, schedule="cosine", clip_norm=1.0, seed=seed,
        )  # fmt: skip
        for model in models[kind]:
            model.card["pairs"] = pairs.to_config()
        for which, (source, truth) in unseen.items():
            written = [ng.translate(model, source) for model in models[kind]]
            right[kind, which] = np.array([np.mean(np.array(own) == np.array(truth)) for own in written])
    for which in unseen:
        without = float(np.median(right[None, which]))
        result.tell(f"{which} numbers that are right without attention, median of {STARTS}", without)
        shares = right["dot", which]
        better = shares > without + (0.3 if which == "long" else 0.05)
        result.most(f"{which} numbers that are right with attention", "better", shares, better, share=2 / 3)
    best = models["dot"][int(right["dot", "long"].argmax())]
    source, truth = unseen["long"]
    rights = [i for i, own in enumerate(ng.translate(best, source)) if own == truth[i]]
    result.figures["attention"] = draw(best, pairs, source[rights[0] if rights else 0])
    return result


def telephone_numbers(n: int, least: int, most: int, seed: int) -> tuple[list[str], list[str]]:
    """Numbers of ``least`` to ``most`` digits one after the other, some of them twice or three times: as they are said,
    and digit by digit.

    >>> telephone_numbers(1, 3, 3, seed=0)
    (['double eight five three'], ['8 8 5 3'])
    """
    rng = np.random.default_rng(seed)
    said, digits = [], []
    for _ in range(n):
        words: list[str] = []
        number: list[str] = []
        for _ in range(rng.integers(least, most + 1)):
            digit, times = int(rng.integers(10)), int(rng.choice([1, 1, 2, 3]))
            words += [*TIMES[times], DIGITS[digit]]
            number += [str(digit)] * times
        said.append(" ".join(words))
        digits.append(" ".join(number))
    return said, digits


def draw(model: ng.Model, pairs: Pairs, words: str) -> Any:
    """Which words each digit looked at while it was written: the weights of attention, from the trace."""
    from matplotlib.figure import Figure

    written = ng.translate(model, words)
    x, y, lengths = pairs.encoded([words], [written])
    weights = np.asarray(model.trace(x, y, lengths=lengths)["attention"].weights)[0, 0]
    figure = Figure(figsize=(7, 5.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    source, target = words.split(), [*written.split(), "end"]
    axes.set_xticks(range(len(source)), source, rotation=60)
    axes.set_yticks(range(len(target)), target)
    axes.set_xlabel("said")
    axes.set_ylabel("written")
    return figure
