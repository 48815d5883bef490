"""Every registered initialiser: shape, type, reproducibility; and the variances that the texts promise."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.initializers import fans, for_activation
from netgrad.registry import KINDS

KEY = jax.random.key(0)


@pytest.mark.parametrize("name", KINDS["initializer"])
def test_every_initializer(name):
    draw = KINDS["initializer"][name]()
    one, two = draw(KEY, (30, 20)), draw(KEY, (30, 20))
    assert one.shape == (30, 20)
    assert one.dtype == jnp.float32
    assert (one == two).all()
    assert jnp.isfinite(one).all()


@pytest.mark.parametrize(
    ("draw", "variance"),
    [
        (ng.Normal(0.2), 0.04),
        (ng.Uniform(-0.3, 0.3), 0.03),
        (ng.Xavier(), 1 / 400),
        (ng.Xavier(distribution="uniform"), 1 / 400),
        (ng.Xavier("fan_avg"), 2 / 1000),
        (ng.Xavier("fan_avg", "uniform"), 2 / 1000),
        (ng.He(), 2 / 400),
        (ng.He("uniform"), 2 / 400),
        (ng.FanInUniform(), (2.4 / 400) ** 2 / 3),
        (ng.Orthogonal(), 1 / 600),
    ],
)
def test_variance(draw, variance):
    W = np.asarray(draw(KEY, (400, 600)))
    np.testing.assert_allclose(W.var(), variance, rtol=0.02)
    assert abs(W.mean()) < 4 * np.sqrt(variance / W.size)


def test_uniform_xavier_has_the_texts_limits():
    W = ng.Xavier("fan_avg", "uniform")(KEY, (200, 100))
    limit = np.sqrt(6 / 300)
    assert limit * 0.999 < jnp.abs(W).max() <= limit


@pytest.mark.parametrize("shape", [(8, 8), (3, 5), (5, 3), (1, 4), (2, 3, 4), (256, 256)])
def test_orthogonal_draws_what_a_qr_decomposition_would(shape):
    W = ng.Orthogonal()(KEY, shape)
    np.testing.assert_allclose(W, jax.nn.initializers.orthogonal()(KEY, shape), atol=2e-4)
    W = np.asarray(W).reshape(-1, shape[-1])
    short = min(W.shape)
    np.testing.assert_allclose(W @ W.T if len(W) == short else W.T @ W, np.eye(short), atol=2e-6)


def test_orthogonal_is_for_matrices():
    with pytest.raises(ng.NetgradError, match=r"draws matrices, found the shape \(3,\)"):
        ng.Orthogonal()(KEY, (3,))


@pytest.mark.parametrize("name", KINDS["initializer"])
def test_draws_without_calls_that_wait_for_other_threads(name):
    draw = KINDS["initializer"][name]()
    several = jax.jit(jax.vmap(lambda key: draw(key, (6, 6))))
    assert "custom_call" not in several.lower(jax.random.split(KEY, 4)).as_text()


def test_networks_of_several_recurrent_layers_are_drawn_in_every_process():
    code = "import netgrad as ng; ng.Sequential([ng.LSTM(256) for _ in range(3)]).init(0, (5, 40))"
    for _ in range(8):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_fans_of_a_convolution_count_the_window():
    assert fans((3, 3, 4, 8)) == (36, 72)


def test_defaults_by_activation_and_place():
    assert for_activation("relu", first=False) == ng.He()
    assert for_activation("relu", first=True) == for_activation("tanh", first=False) == ng.Xavier()


@pytest.mark.parametrize(
    "make", [lambda: ng.Uniform(1, 0), lambda: ng.Normal(-1), lambda: ng.Xavier("fan"), lambda: ng.He("gauss")]
)
def test_bad_settings(make):
    with pytest.raises(ng.NetgradError):
        make()
