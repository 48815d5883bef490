"""What is wrong with a pair of adversarial networks: samples of one kind only, a discriminator that wins outright.

Their losses say nothing of the samples, so what is looked at is the samples beside the data, and what the discriminator
answers to both. Sources: Goodfellow et al. (2014) for the generator's vanishing gradient and the collapse; Arjovsky &
Bottou, "Towards principled methods for training generative adversarial networks" (2017); Naeem et al., "Reliable
fidelity and diversity metrics for generative models" (2020) for coverage and fidelity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad.diagnosis.finding import Diagnosis, Finding
from netgrad.diagnosis.words import either
from netgrad.errors import ShapeError

EXAMPLES = 500  # of data and of samples that are compared, at most
NEIGHBOURS = 5


@dataclass(frozen=True)
class PairSigns:
    """What data, samples and the discriminator's answers show.

    coverage: the share of data with a sample nearer than their fifth neighbour among the data, 0.97 where both are of
    one kind; density: the share of samples that lie so near to one of the data. told: how often the discriminator
    tells the two apart rightly, 0.5 by guessing. slope: the mean size of the minimax loss's slope at samples, D(G(z)).
    """

    coverage: float
    near: float
    told: float
    slope: float


def diagnose_pair(pair: Any, x: Any, game: str = "non_saturating", seed: int = 0) -> Diagnosis:
    """What is wrong with the adversarial networks that `netgrad.tasks.Adversarial` trained on x, and what to do.

    Args:
        pair: what `netgrad.train` returned. x: the data (N, ...), at least 20 of them. game: the one that was played.
        seed: of the samples that are drawn.

    Findings: ``mode_collapse`` (samples look like data, but most of the data have none near them),
    ``samples_apart`` (hardly any sample lies where data lie), ``discriminator_wins`` (it tells data from samples
    nearly always) and ``vanishing_generator_gradient`` (so surely that "minimax" gives no slope any more). The skill of
    the diagnosis is the coverage of the data.

    >>> import netgrad as ng, numpy as np
    >>> from netgrad.tasks import Adversarial
    >>> x = np.random.default_rng(0).normal(size=(200, 2)) + 30
    >>> nets = [ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(n)]) for n in (2, 1)]
    >>> pair = ng.train(Adversarial(*nets, latent=4), x, epochs=1)
    >>> [finding.name for finding in ng.diagnosis.diagnose_pair(pair, x)][0]
    'samples_apart'
    """
    x = np.asarray(x, float)
    made = np.asarray(pair.sample(min(max(len(x), 1), EXAMPLES), seed))
    if x.ndim < 2 or x.shape[1:] != made.shape[1:] or len(x) < 4 * NEIGHBOURS:
        raise ShapeError(
            f"a pair is diagnosed on at least {4 * NEIGHBOURS} examples like its samples, ('N', {made.shape[1:]}): "
            f"found {x.shape}"
        )
    few = x[np.random.default_rng(seed).permutation(len(x))[:EXAMPLES]]
    signs = signs_of(few, made, *(_answers(pair.discriminator, part) for part in (few, made)))
    found = sorted(findings(signs, game), key=lambda f: f.severity == "warning")
    return Diagnosis(tuple(found), signs.coverage, float("nan"))


def signs_of(x: np.ndarray, made: np.ndarray, real: np.ndarray, fake: np.ndarray) -> PairSigns:
    """From data and samples (N, ...), and the discriminator's answers to both (N,), before any link function."""
    from sklearn.neighbors import NearestNeighbors

    x, made = x.reshape(len(x), -1), made.reshape(len(made), -1)
    spread = np.where(x.std(0) > 0, x.std(0), 1)
    x, made = x / spread, made / spread
    known = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(x)
    reach = known.kneighbors(x)[0][:, -1]
    nearest = NearestNeighbors(n_neighbors=1).fit(made).kneighbors(x)[0][:, 0]
    distance, which = known.kneighbors(made)
    within = (distance <= reach[which]).any(1)
    middle = 0.5 * (np.median(real) + np.median(fake))
    told = 0.5 * float((real > middle).mean() + (fake <= middle).mean())
    slope = float((1 / (1 + np.exp(-np.clip(fake, -60, 60)))).mean())
    return PairSigns(float((nearest <= reach).mean()), float(within.mean()), told, slope)


COVERED, NEAR, SURE, FLAT = 0.5, 0.5, 0.97, 0.01  # coverage, near, told and slope: from here on it is one


def findings(signs: PairSigns, game: str) -> Iterator[Finding]:
    """What these signs say, in the order of cause and effect."""
    wins = signs.told > SURE
    if game == "minimax" and wins and signs.slope < FLAT:
        message = (
            f"the discriminator takes samples for data with a probability of {signs.slope:.1e}: under minimax the "
        )
        yield Finding(
            "vanishing_generator_gradient", "fault", "the generator",
            message + "generator gets hardly any gradient", {"slope": signs.slope},
            either("game='non_saturating'", "a lower rate of the discriminator"),
        )  # fmt: skip
    if signs.coverage < COVERED and signs.near >= NEAR:
        message = f"samples look like data ({signs.near:.0%} of them), but only {signs.coverage:.0%} of the data "
        yield Finding(
            "mode_collapse", "fault", "the generator", message + "have a sample near them: the others are never made",
            {"coverage": signs.coverage, "near": signs.near},
            either("game='wasserstein'", "more latent numbers", "a lower rate of the generator", "larger batches"),
        )  # fmt: skip
    elif signs.near < NEAR and signs.coverage < COVERED:
        message = f"{signs.near:.0%} of the samples lie where data lie, and {signs.coverage:.0%} of the data have a "
        yield Finding(
            "samples_apart", "fault", "the generator", message + "sample near them: it has not learned yet",
            {"coverage": signs.coverage, "near": signs.near},
            either("more epochs", "standardised data", "game='wasserstein'", "a higher rate of the generator"),
        )  # fmt: skip
    if wins:
        message = f"the discriminator tells data from samples in {signs.told:.0%} of all cases: it wins outright"
        yield Finding(
            "discriminator_wins", "fault" if signs.coverage < COVERED else "warning", "the discriminator", message,
            {"told": signs.told},
            either("a lower rate of the discriminator", "fewer of its units", "smoothing=0.1", "game='wasserstein'"),
        )  # fmt: skip


def _answers(discriminator: Any, x: np.ndarray) -> np.ndarray:
    """The discriminator's outputs before any link function, (N,)."""
    outputs, _ = discriminator.run_batch(discriminator.batch(x, np.zeros((len(x), 1))), link=False)
    return np.asarray(next(iter(outputs.values())))[:, 0]
