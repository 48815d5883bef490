"""Pictures that become sequences, and sequences of pictures: scenes described in words, videos told frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.architectures import describer
from netgrad.data import Pairs, datasets
from netgrad.experiments.attention import DIGITS
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS = 3
SCENES = 3000
FRAMES = 6
HIDDEN = 0.6  # of the pixels of every frame


@experiment(
    "captions",
    "Pictures described in words: an encoder of pictures begins a recurrent decoder",
    "Pattipati, 'Image captioning (one-to-many)'; Vinyals et al. 2015",
    seconds=12,
)
def captions(seed: int = 0) -> Result:
    """Scenes of one to three handwritten digits beside each other are described, "three then five"; unseen digits."""
    digits = datasets.load("digits", seed=seed)
    result = Result()
    x, said = scenes(digits.x, digits.y, SCENES, seed)
    unseen, truth = scenes(digits.x_test, digits.y_test, 300, seed + 1)
    pairs = Pairs(["-"] * len(said), said, words=True)
    encoder = ng.Sequential([ng.Flatten(), ng.Dense(128, activation="relu"), ng.Dense(64, activation="relu")])
    net = describer(pairs.classes, 64, encoder=encoder, embedding=16)
    models = fit_starts(
        net, {"source": x, "target": pairs.x["target"]}, pairs.y, STARTS, lengths={"target": pairs.lengths["target"]},
        loss="softmax_cross_entropy", epochs=15, batch_size=50, learning_rate=0.005, schedule="cosine", clip_norm=1.0,
        seed=seed,
    )  # fmt: skip
    exact, lengths = [], []
    for model in models:
        ids = ng.translate(model, {"source": unseen}, start=pairs.boundary, end=pairs.boundary)
        written = [pairs.target.decode(own) for own in ids]
        exact.append(np.mean([own == right for own, right in zip(written, truth, strict=True)]))
        lengths.append(np.mean([own.count("then") == right.count("then") for own, right in zip(written, truth,
                                                                                            strict=True)]))  # fmt: skip
    common = max(np.unique(truth, return_counts=True)[1]) / len(truth)
    result.tell("unseen scenes that the commonest description fits", float(common))
    result.most("unseen scenes described without a mistake", "most", exact, np.greater(exact, 0.6))
    result.most("unseen scenes of which as many digits are named as there are", "nearly all", lengths,
                np.greater(lengths, 0.95))  # fmt: skip
    return result


def scenes(pictures: np.ndarray, labels: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Pictures (n, 8, 24, 1) with one to three digits from the left, and what is seen: "one then seven".

    >>> x, said = scenes(np.ones((10, 8, 8, 1)), np.arange(10), 2, seed=0)
    >>> x.shape, said
    ((2, 8, 24, 1), ['six then five then two', 'zero'])
    """
    rng = np.random.default_rng(seed)
    x, said = np.zeros((n, *pictures.shape[1:2], 24, 1), np.float32), []
    for scene in x:
        which = rng.integers(len(labels), size=rng.integers(1, 4))
        for place, i in enumerate(which):
            scene[:, 8 * place : 8 * place + 8] = pictures[i]
        said.append(" then ".join(DIGITS[int(labels[i])] for i in which))
    return x, said


@experiment(
    "video",
    "A short video classified frame by frame: what one frame hides the frames before it have shown",
    "Pattipati, 'Dealing with Sequences': video classification on the frame level (many-to-many)",
    seconds=11,
)
def video(seed: int = 0) -> Result:
    """A handwritten digit moves behind a screen that hides three pixels of five, others in each of six frames; at every
    frame, which digit is it? By a network that sees one frame at a time, and by an LSTM behind the same layer."""
    digits = datasets.load("digits", seed=seed)
    x, y = films(digits.x, digits.y, 2, seed)
    unseen, truth = films(digits.x_test, digits.y_test, 1, seed + 1)
    result, right = Result(), {}
    for kind, middle in (("one frame", ng.Dense(64, activation="relu")), ("LSTM", ng.LSTM(64))):
        net = ng.Sequential([ng.Dense(64, activation="relu"), middle, ng.Dense(10)])
        models = fit_starts(
            net, x, y, STARTS, epochs=14, batch_size=50, learning_rate=0.004, schedule="cosine", clip_norm=1.0,
            seed=seed,
        )  # fmt: skip
        right[kind] = np.array([(model.predict(unseen) == truth).mean(0) for model in models])
    alone, first, last = right["one frame"], right["LSTM"][:, 0], right["LSTM"][:, -1]
    result.tell("right at a frame, by a network of one frame, median", float(np.median(alone)))
    result.tell("right at the first frame, by the LSTM, median", float(np.median(first)))
    result.most("right at the sixth frame, by the LSTM", "better than by one frame", last, last > alone.max() + 0.1)
    result.figures["video"] = draw(right)
    return result


def films(pictures: np.ndarray, labels: np.ndarray, times: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Videos (times N, 6, 100) of digits that move over 10 x 10 pixels, one a frame, and the digit at each (.., 6).

    >>> x, y = films(np.ones((3, 8, 8, 1)), np.arange(3), 2, seed=0)
    >>> x.shape, y[:, 0].tolist(), bool((x.sum(-1) < 64).all())
    ((6, 6, 100), [0, 1, 2, 0, 1, 2], True)
    """
    rng = np.random.default_rng(seed)
    labels, every = np.tile(labels, times), np.concatenate([pictures[..., 0]] * times)
    x = np.zeros((len(every), FRAMES, 10, 10), np.float32)
    for film, picture in zip(x, every, strict=True):
        place, step = rng.integers(0, 3, 2), rng.integers(-1, 2, 2)
        for frame in film:
            frame[place[0] : place[0] + 8, place[1] : place[1] + 8] = picture
            step = np.where((place + step < 0) | (place + step > 2), -step, step)
            place = place + step
    shown = rng.random(x.shape) >= HIDDEN
    return (x * shown).reshape(len(x), FRAMES, -1), np.repeat(labels[:, None], FRAMES, axis=1)


def draw(right: dict[str, Any]) -> Any:
    """The share that is right by frame, every start a line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for (kind, shares), colour in zip(right.items(), ("#d9730d", "#2f86c9"), strict=True):
        lines = axes.plot(np.arange(1, FRAMES + 1), shares.T, color=colour)
        lines[0].set_label(kind)
    axes.set(xlabel="frame", ylabel="share right")
    axes.legend()
    return figure
