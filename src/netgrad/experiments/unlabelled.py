"""Learning without labels, or with few: pre-training of deep logistic networks, adversarial networks that lose no mode,
and pairs of similar and dissimilar examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optax

import netgrad as ng
from netgrad.data import datasets
from netgrad.experiments.base import Result, experiment

SEEDS = 4
LABELLED = 100


def deep(activation: str = "logistic") -> ng.Network:
    """Four hidden layers of 64 units, ten outputs."""
    hidden = (ng.Dense(64, activation=activation, initializer=ng.Xavier()) for _ in range(4))
    return ng.Sequential([*hidden, ng.Dense(10)])


@experiment(
    "pretraining",
    "Greedy layer-wise pre-training of a deep logistic network, with few labels",
    "Pattipati 'Early Methods of Training Deep Networks', approaches 1 and 2",
    seconds=20,
)
def pretraining(seed: int = 0) -> Result:
    """Digits of 8 x 8 pixels, 100 with labels; four hidden layers of logistic units: by gradient descent alone, and
    after each layer has learned from all training pictures without their labels. Four seeds each."""
    digits = datasets.load("digits").flat()
    few, labels = digits.x[:LABELLED], digits.y[:LABELLED]
    result, accuracy, speed = Result(), {}, {}
    for by in ("nothing", "rbm", "autoencoder"):
        scores, speeds = [], []
        for k in range(SEEDS):
            own, net = SEEDS * seed + k, deep()
            start = ng.untrained(net, few, labels, seed=own)
            if by != "nothing":
                settings: dict[str, Any] = {"epochs": 30, "batch_size": 10, "seed": own}
                params = ng.tasks.pretrain(net, digits.x, by=by, **settings)
                start = ng.untrained(net, few, labels, params=params)
            trace = start.trace(few, labels, reduction="mean")
            lowest, highest = (float(np.linalg.norm(trace[name].dW)) for name in ("dense_1", "dense_4"))
            speeds.append(lowest / highest)
            model = ng.fit(
                start, few, labels, optimizer="sgd", learning_rate=0.3, epochs=150, epochs_per_call=150,
                batch_size=10, seed=own,
            )  # fmt: skip
            scores.append(100 * float((model.predict(digits.x_test) == digits.y_test).mean()))
        accuracy[by], speed[by] = np.array(scores), np.array(speeds)
    alone = accuracy["nothing"]
    result.most("without pre-training: accuracy on test pictures, %", "does not train", alone, alone < 40)
    result.tell("the lowest layer's |dE/dW| by the fourth's, without", float(np.median(speed["nothing"])))
    for by, words in (("rbm", "Boltzmann machines"), ("autoencoder", "autoencoders")):
        result.most(f"pre-trained by {words}: accuracy, %", "trains", accuracy[by], accuracy[by] > alone + 40)
        faster = speed[by] > 2 * np.median(speed["nothing"])
        result.most(f"the lowest layer's |dE/dW| by the fourth's, at the start ({words})", "more", speed[by], faster)
    modern = ng.fit(deep("relu"), few, labels, epochs=60, epochs_per_call=60, batch_size=10, seed=seed)
    score = 100 * float((modern.predict(digits.x_test) == digits.y_test).mean())
    result.tell("rectifiers and Adam without pre-training, one run, for comparison: accuracy, %", round(score, 1))
    return result


DRAWS = 10


@experiment(
    "pairs",
    "Pairs of similar and dissimilar digits beside two labels a class",
    "Pattipati 'Semi-supervised Learning of MLPs'; Weston et al. (2008)",
    seconds=12,
)
def pairs(seed: int = 0) -> Result:
    """Ten draws of 20 labelled digits, two of each class: trained on these alone, and on pairs among all training
    pictures as well, five neighbours each and as many that are none. Networks, first weights and labels are the same,
    and about as many updates go by the labelled ones."""
    digits = datasets.load("digits").flat()
    alike = ng.tasks.neighbour_pairs(digits.x, 5)
    apart = ng.tasks.random_pairs(len(digits.x), len(alike), besides=alike, seed=seed)
    net = ng.Sequential([ng.Dense(64, activation="relu"), ng.Dense(10)])
    scores: dict[str, list[float]] = {"alone": [], "similar": [], "both": []}
    for k in range(DRAWS):
        own = DRAWS * seed + k
        rng = np.random.default_rng(own)
        few = np.concatenate([rng.choice(np.flatnonzero(digits.y == c), 2, replace=False) for c in range(10)])
        labels = digits.y[few]
        model = ng.fit(net, digits.x[few], labels, epochs=2000, epochs_per_call=2000, batch_size=None, seed=own)
        scores["alone"].append(100 * float((model.predict(digits.x_test) == digits.y_test).mean()))
        for name, other in (("similar", None), ("both", apart)):
            model = ng.tasks.fit_pairs(
                net, digits.x, labels, labelled=few, similar=alike, dissimilar=other, margin=10.0, epochs=12,
                epochs_per_call=12, seed=own,
            )  # fmt: skip
            scores[name].append(100 * float((model.predict(digits.x_test) == digits.y_test).mean()))
    alone, similar, both = (np.array(found) for found in scores.values())
    result = Result()
    truth = [100 * float((digits.y[one] == digits.y[two]).mean()) for one, two in (alike.T, apart.T)]
    result.tell("neighbours that are of one class, %", round(truth[0], 1))
    result.tell("pairs taken as dissimilar that are of one class, %", round(truth[1], 1))
    result.tell("20 labels alone: accuracy on test pictures, median, %", round(float(np.median(alone)), 1))
    gain = both - alone
    result.most("more with pairs of both kinds, in points of accuracy", "learns from them", gain, gain > 0, share=0.9)
    result.holds("the same, mean over the draws", "more than 5 points", round(float(gain.mean()), 1), gain.mean() > 5)
    result.tell("more with similar pairs alone, in points, mean", round(float((similar - alone).mean()), 1))
    return result


RADIUS, DEVIATION = 2.0, 0.02
CENTRES = RADIUS * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
STARTS = 10


def ring(n: int, seed: int) -> np.ndarray:
    """Points of eight Gaussians on a circle, all equally likely."""
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 8, n)] + DEVIATION * rng.normal(size=(n, 2))


def modes(points: np.ndarray) -> int:
    """How many of the eight have a fiftieth of the points near them, where an eighth would be right."""
    away = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    near = away.min(1) < 0.3
    return int((np.bincount(away.argmin(1)[near], minlength=8) > len(points) / 50).sum())


def player(outputs: int, activation: str) -> ng.Network:
    """Two hidden layers of 48 units."""
    hidden = (ng.Dense(48, activation=activation) for _ in range(2))
    return ng.Sequential([*hidden, ng.Dense(outputs)])


@dataclass
class Snapshots(ng.Callback):
    """Samples of the first start after every call, and what every start ended as."""

    taken: list[tuple[int, np.ndarray]] = field(default_factory=list)
    ends: list[Any] = field(default_factory=list)

    def on_epoch(self, run):
        self.taken.append((run.epoch, run.model(run.starts.carry(0)).sample(1000)))

    def on_end(self, run):
        self.ends = [run.model(run.starts.carry(k)) for k in range(run.starts.count)]


@experiment(
    "adversarial",
    "Adversarial networks on a ring of eight Gaussians: which of them the generator finds",
    "Goodfellow et al. (2014); Gulrajani et al. (2017), Wasserstein with a gradient penalty",
    seconds=20,
)
def adversarial(seed: int = 0) -> Result:
    """The Wasserstein game with a gradient penalty finds all eight from eight of ten starts or more; the non-saturating
    game, at the same settings, loses some from most of four: mode collapse."""
    x, result = ring(2048, seed), Result()
    adam = optax.adam(2e-3, b1=0.5)
    found = {}
    for game, starts in (("wasserstein", STARTS), ("non_saturating", 4)):
        penalty: dict[str, Any] = {"gradient_penalty": 1.0, "critic_steps": 2} if game == "wasserstein" else {}
        task = ng.tasks.Adversarial(
            player(2, "relu"), player(1, "leaky_relu"), 8, game, generator_optimizer=adam, discriminator_optimizer=adam,
            **penalty,
        )  # fmt: skip
        seen = Snapshots()
        ng.train(task, x, epochs=60, batch_size=64, epochs_per_call=15, starts=starts, callbacks=[seen], seed=seed)
        found[game] = np.array([modes(pair.sample(2000, seed)) for pair in seen.ends])
        if game == "wasserstein":
            result.figures["adversarial-samples"] = _draw(x, seen.taken)
    all_eight, fewer = found["wasserstein"], found["non_saturating"]
    result.most("wasserstein: modes of eight that are found", 8, all_eight, all_eight == 8, share=0.8)
    result.most("non-saturating, at the same settings: modes", "fewer: mode collapse", fewer, fewer < 8)
    return result


def _draw(x: np.ndarray, taken: list[tuple[int, np.ndarray]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.2 * (len(taken) + 1), 2.4), layout="constrained")
    shown = [*((f"epoch {epoch}", points) for epoch, points in taken), ("data", x[:1000])]
    for axes, (title, points) in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.plot(points[:, 0], points[:, 1], ".", color="black", markersize=1.5)
        axes.set(title=title, xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
    return figure
