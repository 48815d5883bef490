"""Adversarial networks: their rules against JAX's own derivatives, and what the games do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.tasks import Adversarial, AdversarialPair
from netgrad.tasks.adversarial import GAMES
from tests.training.task_cases import mixture

RNG = np.random.default_rng(0)
STILL = optax.sgd(1.0)


def networks(*between):
    generator = ng.Sequential([ng.Dense(5, activation="tanh"), *between, ng.Dense(2)])
    return generator, ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(1)])


@pytest.mark.parametrize("game", GAMES)
def test_a_step_goes_down_the_derivatives_of_its_losses(game, x64):
    """Both updates of a step of rate 1 are the gradients of what the game is said to be, by JAX alone."""
    generator, discriminator = networks()
    task = Adversarial(
        generator, discriminator, 3, game, 0.1 if game != "wasserstein" else 0.0, gradient_penalty=2.0,
        generator_optimizer=STILL, discriminator_optimizer=STILL,
    )  # fmt: skip
    x = jnp.asarray(RNG.normal(size=(8, 2)))
    carry, key = task.begin(jax.random.key(0), task.batch(np.asarray(x))), jax.random.key(1)
    after, report = jax.jit(task.step)(carry, task.batch(np.asarray(x)), key)

    def dense(params, v):
        hidden = jnp.tanh(v @ params["dense_1"]["W"] + params["dense_1"]["b"])
        return hidden @ params["dense_2"]["W"] + params["dense_2"]["b"]

    first, second = jax.random.split(key, 2)
    draw, _, _, mix = jax.random.split(first, 4)
    z = jax.random.normal(jax.random.split(draw)[0], (8, 3))
    share = jax.random.uniform(mix, (8, 1))

    def cost_of_discriminator(params):
        of_data, of_samples, _ = GAMES[game]
        fake = dense(carry.params["generator"], z)
        between = share * x + (1 - share) * fake
        slopes = jax.vmap(jax.grad(lambda v: dense(params, v)[0]))(between)
        held = 2.0 * ((jnp.linalg.norm(slopes, axis=1) - 1) ** 2).mean()
        judged = of_data(dense(params, x), 1 - task.smoothing).mean() + of_samples(dense(params, fake)).mean()
        return judged + held

    again = jax.random.normal(jax.random.split(jax.random.split(second)[0])[0], (8, 3))

    def cost_of_generator(params):
        return GAMES[game][2](dense(after.params["discriminator"], dense(params, again))).mean()

    costs = {"discriminator": cost_of_discriminator, "generator": cost_of_generator}
    for name, cost in costs.items():
        value, gradient = jax.value_and_grad(cost)(carry.params[name])
        moved = jax.tree.map(jnp.subtract, carry.params[name], after.params[name])
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9), moved, gradient)
        assert float(report[name]) == pytest.approx(float(value), rel=1e-8)


def test_sure_discriminators_stop_the_original_game_alone():
    """Where D is sure that samples are none of the data, minimax has no gradient left; the usual one has."""
    z = jnp.array([-20.0])
    slopes = {name: float(jax.grad(lambda v, f=game[2]: f(v).sum())(z)[0]) for name, game in GAMES.items()}
    assert abs(slopes["minimax"]) < 1e-6
    assert abs(slopes["non_saturating"]) > 0.99


def test_clipped_weights_states_files_and_traces(tmp_path):
    generator, discriminator = networks(ng.BatchNorm())
    task = Adversarial(generator, discriminator, 3, "wasserstein", clip=0.05, critic_steps=2)
    pair = ng.train(task, mixture(100), epochs=3)
    assert pair.history.columns == ["epoch", "loss", "discriminator", "fake", "generator", "real"]
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(pair.discriminator.params)) <= 0.05
    assert (pair.generator.state["batch_norm_1"]["mean"] != 0).any()
    again = ng.load(pair.generator.save(tmp_path / "generator.safetensors"))
    np.testing.assert_array_equal(again.predict(pair.noise(5)), pair.sample(5))
    assert ng.load(pair.discriminator.save(tmp_path / "discriminator.safetensors")).shapes == {"x": (2,)}
    both = AdversarialPair(again, ng.load(tmp_path / "discriminator.safetensors"))
    assert both.together().evaluate(pair.noise(9), np.ones(9)) == pair.together().evaluate(pair.noise(9), np.ones(9))
    trace = pair.together().trace(pair.noise(7), np.ones(7))
    assert trace["generator/dense_1"].delta.shape == (7, 5)
    assert trace["discriminator/dense_1"].dW.shape == (2, 6)
    np.testing.assert_allclose(trace["generator/dense_2"].a, pair.sample(7), rtol=1e-5)
    assert repr(pair).startswith("AdversarialPair of Model of 3 layers")


def ring(n=2000):
    """Eight Gaussians of deviation 0.02 on a circle of radius 1."""
    at = 2 * np.pi * RNG.integers(0, 8, n) / 8
    return np.stack([np.cos(at), np.sin(at)], 1) + 0.02 * RNG.normal(size=(n, 2))


G, D = networks()
WRONG = {
    "no such game": (lambda: Adversarial(G, D, game="wgan"), "unknown game 'wgan'"),
    "smoothing without targets": (lambda: Adversarial(G, D, game="wasserstein", smoothing=0.1), "0 with wasserstein"),
    "clip of nothing": (lambda: Adversarial(G, D, clip=0), "clip is the largest size of a weight, above 0, found 0"),
    "a negative penalty": (lambda: Adversarial(G, D, gradient_penalty=-1), "gradient_penalty is at least 0, found -1"),
    "no noise": (lambda: Adversarial(G, D, 0), "latent must be a whole number of at least 1, found 0"),
    "a layer": (lambda: Adversarial(ng.Dense(2), D), "the generator is a network of one input and one output"),
    "other examples": (lambda: ng.train(Adversarial(G, D), np.ones((4, 3))), r"makes examples \(N, 2\), the data are"),
    "no unit": (lambda: ng.train(Adversarial(G, G), np.ones((4, 2))), r"one linear unit \(N, 1\), found \(N, 2\)"),
    "two arrays": (lambda: ng.train(Adversarial(G, D), {"a": np.ones(3), "b": np.ones(3)}), "one array, found a, b"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind):
    made, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        made()
    assert "\n" not in str(raised.value)
