"""The report of a pair of adversarial networks."""

import re

import numpy as np
import pytest

import netgrad as ng
from netgrad.tasks import Adversarial

X = np.random.default_rng(0).normal(size=(100, 2)) + 5


@pytest.fixture(scope="module")
def pair():
    nets = [ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(n)]) for n in (2, 1)]
    return ng.train(Adversarial(*nets, latent=3), X, epochs=3, callbacks=[ng.Samples(count=20)])


def test_it_shows_both_losses_samples_by_epoch_findings_and_layers(pair, tmp_path):
    page = ng.report.write(pair, X, None, tmp_path / "report.html", title="Points").read_text()
    assert re.findall("<h2>(.*)</h2>", page) == ["Learning curve", "Samples by epoch", "Diagnosis", "Layers"]
    assert re.findall(r">(epoch \d|data|samples|generator|discriminator)<", page)[:8] == [
        *("generator", "discriminator", "data", "samples"), *("epoch 0", "epoch 1", "epoch 2", "epoch 3"),
    ]  # fmt: skip
    diagnosis = ng.diagnosis.diagnose_pair(pair, X)
    assert f"<dd>{diagnosis.skill:.0%}</dd>" in page
    assert all(finding.name in page or finding.message in page for finding in diagnosis)
    assert "generator/dense_2" in page
    assert "discriminator/dense_2" in page
    assert "<h1>Points</h1>" in page


def test_what_is_wrong_is_one_line_and_leaves_no_file(pair, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(ng.NetgradError, match="adversarial networks have no targets: give None for y"):
        ng.report.write(pair, X, X, path)
    with pytest.raises(ng.NetgradError, match="a pair is diagnosed on at least 20 examples like its samples"):
        ng.report.write(pair, X[:3], None, path)
    assert not path.exists()
