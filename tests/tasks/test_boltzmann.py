"""Boltzmann machines: the exact quantities of small ones, what training makes of them, and scikit-learn beside them."""

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM

import netgrad as ng
from netgrad.tasks import RBM, BoltzmannMachine, deep_belief
from netgrad.tasks.belief import DeepBelief
from tests.training.task_cases import patterns

RNG = np.random.default_rng(0)
STATES = np.array(list(itertools.product((0.0, 1.0), repeat=6)))
SMALL = BoltzmannMachine(RNG.normal(size=(6, 4)), RNG.normal(size=6), RNG.normal(size=4))
GAUSSIAN = BoltzmannMachine(0.5 * RNG.normal(size=(1, 3)), RNG.normal(size=1), RNG.normal(size=3), "gaussian")


def test_energies_and_partition_by_going_through_all_states():
    hidden = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    energy = -(STATES @ SMALL.b)[:, None] - hidden @ SMALL.c - STATES @ SMALL.W @ hidden.T
    np.testing.assert_allclose(SMALL.free_energy(STATES), -logsumexp(-energy, axis=1), rtol=1e-10)
    assert SMALL.log_partition() == pytest.approx(logsumexp(-energy), rel=1e-10)
    assert np.exp(SMALL.log_likelihood(STATES)).sum() == pytest.approx(1)
    grid = np.linspace(-15, 15, 20_001)[:, None]
    whole = np.exp(-GAUSSIAN.free_energy(grid)).sum() * (grid[1] - grid[0])[0]
    assert GAUSSIAN.log_partition() == pytest.approx(np.log(whole), rel=1e-6)


@pytest.mark.parametrize("machine", [SMALL, GAUSSIAN], ids=["binary", "gaussian"])
def test_annealing_finds_the_partition_and_gibbs_sampling_the_distribution(machine):
    found, error = machine.annealed_log_partition(chains=400, steps=300)
    assert abs(found - machine.log_partition()) < 4 * error < 0.2
    drawn = machine.sample(20_000, steps=30)
    if machine is SMALL:
        mean = np.exp(machine.log_likelihood(STATES)) @ STATES
    else:
        grid = np.linspace(-15, 15, 20_001)[:, None]
        weight = np.exp(machine.log_likelihood(grid))
        mean = weight @ grid / weight.sum()
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.05)


def test_the_statistics_are_the_gradient_of_the_likelihood(x64):
    """Those of the data less those of the model, exactly, are the derivative of the mean ln p(v)."""
    task, data = RBM(4), jnp.asarray(STATES[RNG.integers(0, 64, 20)])

    def mean_log_likelihood(params):
        def minus_energy(v):
            return v @ params["b"] + jax.nn.softplus(v @ params["W"] + params["c"]).sum(1)

        return minus_energy(data).mean() - jax.nn.logsumexp(minus_energy(jnp.asarray(STATES)))

    params = {"W": jnp.asarray(SMALL.W), "b": jnp.asarray(SMALL.b), "c": jnp.asarray(SMALL.c)}
    likely = np.exp(SMALL.log_likelihood(STATES))
    of_states = jax.vmap(lambda v: task.statistics(params, v[None]))(jnp.asarray(STATES))
    of_model = jax.tree.map(lambda each: jnp.tensordot(likely, each, 1), of_states)
    ours = jax.tree.map(jnp.subtract, task.statistics(params, data), of_model)
    exact = jax.grad(mean_log_likelihood)(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), ours, exact)
    assert float(mean_log_likelihood(params)) == pytest.approx(SMALL.log_likelihood(np.asarray(data)).mean())


def test_persistent_chains_learn_a_distribution():
    """Two patterns of six bits, a twelfth of them flipped: the likelihood comes near that of the truth."""
    kinds = np.array([[0, 0, 0, 1, 1, 1], [1, 1, 0, 0, 0, 1]])
    flipped = RNG.random((600, 6)) < 1 / 12
    x = np.abs(kinds[RNG.integers(0, 2, 600)] - flipped)
    agree = (STATES[:, None] == kinds).sum(2)
    truth = np.log((0.5 * (11 / 12) ** agree * (1 / 12) ** (6 - agree)).sum(1))
    entropy = -(np.exp(truth) * truth).sum()
    machine = ng.train(RBM(4, persistent=True, learning_rate=0.1), x, epochs=100, epochs_per_call=100)
    independent = -sum(-(m * np.log(m) + (1 - m) * np.log(1 - m)) for m in x.mean(0))
    found = machine.log_likelihood(x).mean()
    assert independent + 0.8 * (-entropy - independent) < found < -entropy + 0.2


def test_gaussian_units_learn_means_and_directions():
    x = RNG.normal(size=(600, 3)) + np.where(RNG.random((600, 1)) < 0.5, 2.0, -2.0) * [1, 1, 0]
    machine = ng.train(RBM(2, "gaussian", learning_rate=0.02), x, epochs=40, epochs_per_call=40)
    plain = ng.train(RBM(2, "gaussian", learning_rate=1e-9), x, epochs=1)
    assert machine.log_likelihood(x).mean() > plain.log_likelihood(x).mean() + 1
    drawn = machine.sample(1000, steps=50)
    np.testing.assert_allclose(np.abs(drawn).mean(0), np.abs(x).mean(0), atol=0.4)


def test_more_steps_and_momentum_and_decay():
    x = patterns(200)
    runs = {
        name: ng.train(RBM(6, **settings), x, epochs=30, epochs_per_call=30, validation=0.2)
        for name, settings in {"k": {"k": 3}, "momentum": {"momentum": 0.9}, "decay": {"decay": 1.0}}.items()
    }
    assert runs["momentum"].history["loss"][-1] < runs["k"].history["loss"][-1] < runs["k"].history["loss"][0]
    assert np.abs(runs["decay"].W).mean() < 0.2 * np.abs(runs["k"].W).mean()
    assert runs["k"].history.columns == ["epoch", "loss", "active", "val_loss", "val_active"]


def test_files_and_traces(tmp_path):
    path = SMALL.save(tmp_path / "machine.safetensors")
    again = BoltzmannMachine.load(path)
    assert repr(again) == "BoltzmannMachine of 6 binary and 4 hidden units"
    np.testing.assert_allclose(again.free_energy(STATES), SMALL.free_energy(STATES), rtol=1e-5)
    model = ng.load(path)
    np.testing.assert_allclose(model.encode(STATES), SMALL.encode(STATES), rtol=1e-5)
    np.testing.assert_allclose(model.predict(STATES), SMALL.reconstruct(STATES), rtol=1e-5)
    assert model.trace(STATES)["encoder/dense_1"].a.shape == (64, 4)
    other = ng.fit(ng.Autoencoder([ng.Dense(2)], inputs=6), STATES, epochs=1).save(tmp_path / "other.safetensors")
    with pytest.raises(ng.FileError, match="no Boltzmann machine: read it with"):
        BoltzmannMachine.load(other)
    with pytest.raises(ng.NetgradError, match="is no Boltzmann machine: expected one"):
        BoltzmannMachine.of(ng.load(other))


def test_a_deep_belief_network(tmp_path):
    x = patterns(200)
    belief = deep_belief(x, (12, 6), task=RBM(momentum=0.8), epochs=40)
    assert belief.encode(x).shape == (200, 6)
    assert ((belief.decode(belief.encode(x)) - x) ** 2).mean() < 0.15 < x.var(0).mean()
    drawn = belief.sample(50, steps=100)
    nearest = np.abs(drawn[:, None] - x[None]).mean(2).min(1)
    assert np.median(nearest) < 0.2
    with pytest.raises(ng.NetgradError, match="at least one layer of hidden units"):
        deep_belief(x, ())
    path = belief.save(tmp_path / "belief.safetensors")
    again, model = DeepBelief.load(path), ng.load(path)
    np.testing.assert_array_equal(again.sample(5, steps=10), belief.sample(5, steps=10))
    assert [machine.visible for machine in again.machines] == ["binary", "binary"]
    np.testing.assert_allclose(model.encode(x), belief.encode(x), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(x), belief.decode(belief.encode(x)), rtol=1e-4, atol=1e-6)
    assert model.trace(x)["decoder/dense_1"].a.shape == (200, 12)
    with pytest.raises(ng.FileError, match="no deep belief network: read it with"):
        DeepBelief.load(belief.machines[0].save(tmp_path / "machine.safetensors"))


def test_more_hidden_than_visible_units_are_no_copy_to_be_warned_of(recwarn):
    assert BoltzmannMachine(np.ones((2, 9)), np.zeros(2), np.zeros(9)).model().parameters == 29
    assert not [w for w in recwarn if isinstance(w.message, ng.NetgradWarning)]


@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_beside_scikit_learn_on_digits():
    """Its own settings for these pictures: as likely, as useful as features, and no slower. Honest and loose."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    train, test = slice(0, 1300), slice(1300, None)
    theirs = BernoulliRBM(100, learning_rate=0.06, n_iter=10, batch_size=10, random_state=0)
    task = RBM(100, learning_rate=0.06, persistent=True, chains=10)
    settings = {"epochs": 10, "batch_size": 10, "epochs_per_call": 10}
    ours = ng.train(task, X[train], **settings)  # compiles
    taken = []
    for run in (lambda: theirs.fit(X[train]), lambda: ng.train(task, X[train], **settings)) * 3:
        begun = time.process_time()
        run()
        taken.append(time.process_time() - begun)
    assert ours.pseudo_log_likelihood(X[test]).mean() > theirs.score_samples(X[test]).mean() - 3
    scores = [
        LogisticRegression(C=10, max_iter=40).fit(encode(X[:400]), y[:400]).score(encode(X[test]), y[test])
        for encode in (ours.encode, theirs.transform)
    ]
    assert scores[0] > scores[1] - 0.02
    assert min(taken[1::2]) < 3 * min(taken[::2])


X = np.eye(4)
WRONG = {
    "no steps": (lambda: RBM(4, k=0), "k must be a whole number of at least 1, found 0"),
    "no hidden units": (lambda: RBM(0), "hidden must be a whole number of at least 1, found 0"),
    "other units": (lambda: RBM(4, "poisson"), "visible units are binary or gaussian, found 'poisson'"),
    "no rate": (lambda: RBM(4, learning_rate=0), "learning_rate is above 0"),
    "beyond 1": (lambda: ng.train(RBM(4), 2 * X), r"binary units take numbers in \[0, 1\], found 0 to 2: scale them"),
    "pictures": (lambda: ng.train(RBM(4), np.ones((3, 4, 4))), r"one array \(N, visible units\), found \(3, 4, 4\)"),
    "other examples": (lambda: SMALL.encode(X), r"6 visible units, found examples of shape \(4, 4\)"),
    "examples beyond 1": (lambda: SMALL.free_energy(STATES - 1), r"in \[0, 1\], found -1 to 0"),
    "too many states": (
        lambda: BoltzmannMachine(np.ones((2, 30)), np.ones(2), np.ones(30)).log_partition(), r"2\^30 states, too many"
    ),
    "one chain": (lambda: SMALL.annealed_log_partition(chains=1), "at least 2 chains"),
    "pseudo-likelihood of Gaussian units": (lambda: GAUSSIAN.pseudo_log_likelihood(X), "is that of binary units"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind):
    made, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        made()
    assert "\n" not in str(raised.value)
