"""Mixture densities: what the output means, predictions with their spread, and draws from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
LOSS = ng.MixtureDensity(3)
OUT = jnp.asarray(RNG.normal(size=(4, LOSS.units(2))), jnp.float32)


def test_value_is_the_mixtures_density():
    from scipy.stats import norm

    logits, means, logs = (np.asarray(v, float) for v in LOSS.parts(OUT))
    t = RNG.normal(size=(4, 2))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    sd = np.sqrt(np.exp(2 * logs) + LOSS.least**2)
    density = (p * norm(means, sd).pdf(t[:, None]).prod(-1)).sum(-1)
    np.testing.assert_allclose(LOSS.value(OUT, jnp.asarray(t)), -np.log(density), rtol=1e-5)


def test_mean_and_spread_are_those_of_what_is_drawn():
    drawn = np.asarray(LOSS.draw(jax.random.key(0), OUT, 20_000))
    assert drawn.shape == (20_000, 4, 2)
    np.testing.assert_allclose(drawn.mean(0), LOSS.link(OUT), atol=0.1)
    np.testing.assert_allclose(drawn.std(0), LOSS.spread(OUT), rtol=0.05)


def test_far_targets_and_tiny_spreads_stay_finite():
    output = jnp.array([[1e3, -1e3, 0.0, 1e4, -60.0, -60.0]])
    loss, target = ng.MixtureDensity(2), jnp.array([[5.0]])
    assert jnp.isfinite(loss.value(output, target)).all()
    assert jnp.isfinite(loss.delta(output, target)).all()


@pytest.fixture(scope="module")
def noisy():
    """Noise that grows with x, which a squared error cannot say."""
    x = RNG.uniform(0, 1, (400, 1)).astype(np.float32)
    y = 10 + 5 * x[:, 0] + RNG.normal(size=400) * (0.2 + 2 * x[:, 0])
    loss = ng.MixtureDensity(2)
    net = ng.Sequential([ng.Dense(16, activation="tanh"), ng.Dense(loss.units(1))])
    return ng.fit(net, x, y, loss=loss, epochs=150, epochs_per_call=150, batch_size=100, learning_rate=0.02), x, y


def test_a_model_says_how_far_off_it_may_be(noisy, tmp_path):
    model, x, y = noisy
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    ends = np.array([[0.05], [0.95]])
    value, spread = again.predict(ends, spread=True)
    np.testing.assert_allclose(value, model.predict(ends))
    np.testing.assert_allclose(value, [10.25, 14.75], atol=0.8)
    assert 0.1 < spread[0] < 0.7
    assert 1.5 < spread[1] < 2.8
    drawn = ng.uncertainty.draw(again, ends, 20_000, seed=1)
    assert drawn.shape == (20_000, 2)
    np.testing.assert_allclose(drawn.std(0), spread, rtol=0.1)
    np.testing.assert_array_equal(drawn, ng.uncertainty.draw(again, ends, 20_000, seed=1))
    assert model.evaluate(x, y)["r2"] > 0.3


def test_what_cannot_be_drawn_from_is_refused(noisy):
    model, x, y = noisy
    with pytest.raises(ng.NetgradError, match="samples must be a whole number of at least 1, found 0"):
        ng.uncertainty.draw(model, x, 0)
    plain = ng.untrained(ng.Sequential([ng.Dense(1)]), x, y)
    with pytest.raises(ng.NetgradError, match=r"train with loss=ng\.MixtureDensity"):
        ng.uncertainty.draw(plain, x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"components": 0}, "components must be a whole number"), ({"least": 0.0}, "least must be a number over 0")],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ng.NetgradError, match=message):
        ng.MixtureDensity(**settings)
