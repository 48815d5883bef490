"""A network that draws in steps: its bound, its codes, and pictures from them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import behind, forward
from netgrad.training.objective import gradients

SHAPE, ROWS = (4, 3, 1), 12


@pytest.fixture(scope="module")
def model():
    x = np.random.default_rng(0).random((20, ROWS)).round()
    net = ng.architectures.draw(SHAPE, 6, code=2, steps=2, read=2, write=3)
    return ng.fit(net, x, loss="binary_cross_entropy", epochs=3, batch_size=10)


def test_a_step_descends_by_the_bound_of_the_codes_that_are_drawn(model):
    """The second code is distributed as the first, drawn, makes it: not as its mean would."""
    net, x = model.network, jnp.asarray(np.eye(ROWS, dtype=np.float32)[:6])
    batch, key = jax.tree.map(jnp.asarray, model.batch(np.asarray(x))), jax.random.key(3)

    def bound(params):
        run = forward(net, params, model.state, {"x": x}, training=True, key=key)
        logits, total = run.outputs["picture"], 0.0
        for name in ("code_1", "code_2"):
            mean, log_variance = run.saved[name]["mean"], run.saved[name]["log_variance"]
            total += 0.5 * jnp.sum(mean**2 + jnp.exp(log_variance) - 1 - log_variance)
        return (jnp.sum(jnp.logaddexp(0, logits) - x * logits) + total) / len(x)

    wanted, slopes = jax.jit(jax.value_and_grad(bound))(model.params)
    ours = jax.jit(lambda p: gradients(net, model.objective, p, model.state, batch, key, together=True))
    error, d_params, *_ = ours(model.params)
    np.testing.assert_allclose(error, wanted, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), d_params, slopes)


def test_pictures_are_drawn_from_codes_alone(model, tmp_path):
    drawn = model.sample(3, seed=1)
    assert drawn.shape == (3, ROWS)
    assert ((drawn > 0) & (drawn < 1)).all()
    assert (drawn != model.sample(3, seed=2)).any()
    np.testing.assert_array_equal(ng.load(model.save(tmp_path / "draw.safetensors")).sample(3, seed=1), drawn)
    rest = behind(model.network, {"code_1", "code_2"})
    assert rest.inputs == ("code_1", "code_2")
    assert "encoder" not in {node.params for node in rest.nodes}


def test_what_hangs_on_more_than_its_codes_cannot_be_drawn():
    x = ng.Input()
    code = ng.Gaussian(name="code")(ng.Dense(4)(x))
    model = ng.fit(ng.Network(x, ng.Add()(ng.Dense(2)(code), x)), np.eye(2), epochs=1)
    with pytest.raises(ng.NetgradError, match="what comes out of this network hangs on its input x besides code"):
        model.sample(2)


@pytest.mark.parametrize(("settings", "why"), [({"steps": 0}, "steps must be a whole number"), ({"cell": "x"}, "cell")])
def test_what_cannot_be_built_is_refused(settings, why):
    with pytest.raises(ng.NetgradError, match=why):
        ng.architectures.draw(SHAPE, **settings)
