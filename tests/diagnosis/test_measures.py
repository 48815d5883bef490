"""Measures beside what is known of small cases."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.measures import Measures, effective_rank, measure

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 3))


def test_of_a_linear_network_all_is_known():
    """Of y = w x with squared error 1/2 (y - t)^2 the Hessian is x'x / N."""
    y = X @ [1.0, 2.0, -1.0] + 0.5 * RNG.normal(size=256)
    net = ng.Sequential([ng.Dense(1, bias=False)])
    model = ng.fit(net, X, y, optimizer="sgd", learning_rate=0.01, epochs=2)
    found = measure(model, X, y)
    hessian = ng.curvature.hessian(model, X, y) / len(X)
    assert found.sharpness == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=0.02)
    assert found.limit == 200
    slopes = X * (model.predict(X).reshape(-1, 1) - y[:, None])  # of each example
    mean = slopes.mean(0)
    scale = slopes.var(0, ddof=1).sum() / (mean @ mean)
    assert scale / 3 < found.noise_scale < 3 * scale  # eight parts tell the noise to within so much
    assert "where 2 / learning rate is 200" in repr(found)
    assert "<table>" in found._repr_html_()


def test_effective_rank():
    assert effective_rank(RNG.normal(size=(4000, 6))) == pytest.approx(6, rel=0.01)
    assert np.isnan(effective_rank(np.ones((10, 3))))
    assert np.isnan(effective_rank(np.zeros((0, 0))))


def test_words_for_what_is_wired_wrongly():
    assert "wired wrongly" in Measures({}, 1.0, 1.0, float("nan"), 0.9).lines[-1]
    assert "so it can learn" in Measures({}, 1.0, 1.0, float("nan"), 0.01).lines[-1]


def test_too_few_examples_are_one_line():
    model = ng.untrained(ng.Sequential([ng.Dense(1)]), X, X[:, 0])
    with pytest.raises(ng.NetgradError, match="measuring takes at least 16 examples, found 5"):
        measure(model, X[:5], X[:5, 0])
