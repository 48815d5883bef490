"""Measures beside what is known of small cases."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis import measure
from netgrad.diagnosis.measures import Measures, effective_rank

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
    assert found.curvatures == pytest.approx(np.linalg.eigvalsh(hessian)[::-1], rel=0.02)
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


def test_directions_in_which_the_loss_falls_to_both_sides():
    """At weights of 0 the loss of a product of two weights is a saddle."""
    x = X[:, :1]
    net = ng.Sequential([ng.Dense(1, bias=False, initializer=ng.Zeros()) for _ in range(2)])
    found = measure(ng.untrained(net, x, x[:, 0]), x, x[:, 0])
    up, down = sorted(found.curvatures, reverse=True)
    assert up == pytest.approx((x**2).mean(), rel=0.02)
    assert down == pytest.approx(-up, rel=0.02)
    assert "in 1 of these 2 the loss falls to both sides, as on a saddle" in repr(found)
    assert "saddle" not in repr(Measures({}, 1.0, 1.0, float("nan"), 0.9, (1.0, 0.5)))


def test_words_for_what_is_wired_wrongly():
    assert "wired wrongly" in Measures({}, 1.0, 1.0, float("nan"), 0.9).lines[-1]
    assert "so it can learn" in Measures({}, 1.0, 1.0, float("nan"), 0.01).lines[-1]


def test_of_too_few_examples_the_noise_is_not_known():
    y = X[:, 0]
    model = ng.fit(ng.Sequential([ng.Dense(1)]), X, y, epochs=2)
    found = measure(model, X[:5], y[:5])
    assert np.isnan(found.noise_scale)
    assert not any("noise" in line for line in found.lines)
    assert "signal to noise" not in repr(found)
    assert found.by_heart < 0.01


def test_of_numbers_that_are_none_the_wiring_alone_is_tested():
    y = X[:, 0]
    model = ng.fit(ng.Sequential([ng.Dense(1)]), X, y, epochs=2)
    model.params["dense_1"]["W"] = model.params["dense_1"]["W"] * np.nan
    found = model.diagnose(X, y, measure=True)
    assert [f.name for f in found.serious] == ["not_finite"]
    assert not any("noise" in line for line in found.measures.lines)
    assert found.measures.by_heart < 0.01


def test_a_gradient_that_is_lost_in_its_noise():
    assert "not told from its noise" in Measures({}, float("inf"), 1.0, float("nan"), 0.9).lines[0]


def test_a_sum_over_examples_is_measured_as_their_mean_is():
    """The same curvature and wiring; each step is as many times as large as it has examples."""
    net, y = ng.Sequential([ng.Dense(1)]), X @ [1.0, 2.0, -1.0]
    models = [ng.untrained(net, X, y, reduction=how) for how in ("mean", "sum")]
    for model in models:
        model.history.settings = {"optimizer": "sgd", "learning_rate": 0.01, "batch_size": 16}
    mean, total = (measure(model, X, y) for model in models)
    assert total.sharpness == pytest.approx(mean.sharpness)
    assert total.by_heart == pytest.approx(mean.by_heart, rel=0.01)
    assert mean.limit == pytest.approx(16 * total.limit)


def test_a_diagnosis_has_them_only_where_asked(tmp_path):
    y = X[:, 0]
    model = ng.fit(ng.Sequential([ng.Dense(1)]), X, y, epochs=2)
    assert model.diagnose(X, y).measures is None
    found = model.diagnose(X, y, measure=True)
    assert "effective rank" in repr(found)
    assert ">effective rank</th>" in found._repr_html_()
    page = ng.report.write(model, X, y, tmp_path / "report.html", measure=True).read_text()
    assert "effective rank" in page
    assert "learned by heart" in page
