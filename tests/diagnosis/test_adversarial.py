"""Adversarial networks that make one kind of sample, none like the data, or have a discriminator that wins."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.adversarial import diagnose_pair, findings, signs_of
from netgrad.tasks import Adversarial

RNG = np.random.default_rng(0)
CENTRES = 6 * np.array([[np.cos(t), np.sin(t)] for t in np.linspace(0, 2 * np.pi, 8, endpoint=False)])
DATA = CENTRES[RNG.integers(0, 8, 400)] + RNG.normal(0, 0.3, (400, 2))
GOOD = CENTRES[RNG.integers(0, 8, 400)] + RNG.normal(0, 0.3, (400, 2))
ONE = CENTRES[:1] + RNG.normal(0, 0.3, (400, 2))
AWAY = RNG.normal(0, 0.3, (400, 2))
UNSURE, SURE = (RNG.normal(size=400), RNG.normal(size=400)), (RNG.normal(9, 1, 400), RNG.normal(-9, 1, 400))


@pytest.mark.parametrize(
    ("made", "answers", "game", "expected"),
    [
        (GOOD, UNSURE, "minimax", []),
        (GOOD, SURE, "wasserstein", ["discriminator_wins"]),
        (ONE, UNSURE, "minimax", ["mode_collapse"]),
        (AWAY, UNSURE, "non_saturating", ["samples_apart"]),
        (AWAY, SURE, "minimax", ["vanishing_generator_gradient", "samples_apart", "discriminator_wins"]),
        (AWAY, SURE, "non_saturating", ["samples_apart", "discriminator_wins"]),
    ],
)
def test_findings_of_a_pair(made, answers, game, expected):
    found = list(findings(signs_of(DATA, made, *answers), game))
    assert [f.name for f in found] == expected
    assert all(f.message and f.numbers and f.remedy in str(f) for f in found)
    assert [f.severity for f in found] == (
        ["warning"] if expected == ["discriminator_wins"] else ["fault"] * len(found)
    )


def test_data_of_one_kind_are_covered():
    signs = signs_of(DATA, GOOD, *UNSURE)
    assert signs.coverage > 0.9
    assert signs.near > 0.9
    assert 0.4 < signs.told < 0.6


def test_data_that_are_not_like_the_samples_are_refused():
    nets = [ng.Sequential([ng.Dense(4, activation="relu"), ng.Dense(n)]) for n in (2, 1)]
    pair = ng.train(Adversarial(*nets, latent=2), DATA, epochs=1)
    for few in (DATA[:5], DATA[:, :1]):
        with pytest.raises(ng.ShapeError, match="a pair is diagnosed on at least 20 examples like its samples"):
            diagnose_pair(pair, few)
    assert diagnose_pair(pair, DATA).findings
