"""Second-order quantities against their definitions, by jax.hessian and jax.jacrev, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import netgrad as ng
from netgrad.curvature import structures
from netgrad.errors import DataError, NetgradError, ShapeError
from netgrad.trees import completed, trained

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2))
LOSSES = {
    "squared_error": RNG.normal(size=(6, 3)),
    "softmax_cross_entropy": np.array([0, 1, 2, 0, 1, 2]),
    "binary_cross_entropy": (RNG.normal(size=(6, 3)) > 0).astype(float),
}


def net():
    return ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(3)])


def setting(loss, network=None):
    return ng.untrained(network or net(), X, LOSSES[loss], loss=loss, seed=1)


def plain(model, y):
    """E as a function of the weights that are trained, written anew; and the outputs."""
    own, back = ravel_pytree(trained(model.params, model.network.untrained))
    ((name, loss, _),) = model.objective.terms
    y = model.batch(X, y).y[name]

    def outputs(w):
        return ng.apply(model.network, completed(model.params, back(w)), {"x": jnp.asarray(X)})[name]

    return own, outputs, lambda w: loss.value(outputs(w), y).sum()


@pytest.mark.parametrize("loss", LOSSES)
def test_hessian_jacobian_and_gauss_newton_are_what_they_are_called(loss):
    with jax.enable_x64(True):
        model, y = setting(loss), LOSSES[loss]
        own, outputs, E = plain(model, y)
        H = jax.jit(jax.hessian(E))(own)
        np.testing.assert_allclose(ng.curvature.hessian(model, X, y), H, atol=1e-10)
        v = np.arange(len(own)) / 10
        np.testing.assert_allclose(ng.curvature.hessian_vector(model, X, y, v), H @ v, atol=1e-10)
        J = np.asarray(jax.jit(jax.jacrev(outputs))(own))
        np.testing.assert_allclose(ng.curvature.jacobian(model, X), J, atol=1e-12)
        ((name, own_loss, _),) = model.objective.terms
        target = model.batch(X, y).y[name]
        L = jax.vmap(jax.hessian(lambda a, t: own_loss.value(a[None], t[None])[0]))(outputs(own), jnp.asarray(target))
        np.testing.assert_allclose(own_loss.curvature(outputs(own), target), L, atol=1e-12)
        G = np.einsum("nap,nab,nbq->pq", J, L, J)
        found = {name: ng.curvature.gauss_newton(model, X, y, name) for name in structures.STRUCTURES}
        np.testing.assert_allclose(found["full"].matrix(), G, atol=1e-10)
        np.testing.assert_allclose(found["diagonal"].diagonal(), G.diagonal(), atol=1e-10)
        np.testing.assert_allclose(found["last"].matrix(), G[9:, 9:], atol=1e-10)
        # Kronecker factors by their definition, A and B written out for the second layer.
        a = np.c_[np.tanh(X @ np.asarray(model.params["dense_1"]["W"]) + np.asarray(model.params["dense_1"]["b"])),
                  np.ones(6)]  # fmt: skip
        block = np.kron(a.T @ a, np.asarray(L).sum(0)) / 6
        np.testing.assert_allclose(found["kronecker"].matrix()[9:, 9:], block, atol=1e-10)
        np.testing.assert_allclose(found["kronecker"].diagonal(), found["kronecker"].matrix().diagonal(), atol=1e-12)


def test_kronecker_factors_are_exact_for_one_example():
    with jax.enable_x64(True):
        y = LOSSES["squared_error"][:1]
        model = ng.untrained(ng.Sequential([ng.Dense(2)]), X[:1], y[:, :2])
        both = [ng.curvature.gauss_newton(model, X[:1], y[:, :2], name).matrix() for name in ("full", "kronecker")]
        np.testing.assert_allclose(both[0], both[1], atol=1e-12)


@pytest.mark.parametrize("structure", ["full", "diagonal", "last", "kronecker"])
def test_a_factor_is_of_the_inverse(structure):
    with jax.enable_x64(True):
        model = setting("squared_error")
        G = ng.curvature.gauss_newton(model, X, LOSSES["squared_error"], structure)
        beta, alpha = np.array([0.5, 2.0, 3.0]), 0.7 * np.ones(G.weights.count)
        factor = G.factor(beta, alpha)
        C = factor.spread(np.eye(G.weights.count))
        covariance = C @ C.T
        if structure in ("full", "last"):
            H = np.tensordot(beta, G.G, 1) + np.diag(alpha)
            np.testing.assert_allclose(covariance @ H, np.eye(len(H)), atol=1e-9)
            np.testing.assert_allclose(factor.log_det(), np.linalg.slogdet(H)[1])
        np.testing.assert_allclose(factor.draw(np.eye(len(C))), C.T, atol=1e-12)
        np.testing.assert_allclose(factor.variances(), covariance.diagonal(), atol=1e-12)
        np.testing.assert_allclose(factor.log_det(), -np.linalg.slogdet(covariance)[1], atol=1e-8)
        # What the examples determine and the prior does are all P weights.
        np.testing.assert_allclose(beta @ G.traces(factor) + alpha @ factor.variances(), len(C))
        again = type(factor).of(factor.arrays())
        np.testing.assert_array_equal(again.spread(np.eye(len(C))), C)


@pytest.mark.parametrize("loss", ["squared_error", "softmax_cross_entropy"])
def test_fewer_examples_than_weights_give_the_same_from_fewer_columns(loss):
    """What the evidence asks for in its rounds, by Woodbury, beside the whole matrix."""
    with jax.enable_x64(True):
        model = setting(loss, ng.Sequential([ng.Dense(30, activation="tanh"), ng.Dense(3)]))
        G = ng.curvature.gauss_newton(model, X, LOSSES[loss], "full")
        quick = G.for_rounds()
        assert isinstance(quick, structures.LowRank)
        assert quick.V.shape[1] <= 6 * 3
        alpha, beta = np.linspace(0.5, 2, G.weights.count), np.array([0.5, 2.0, 3.0])[: G.kinds]
        whole, part = G.factor(beta, alpha), quick.factor(beta, alpha)
        np.testing.assert_allclose(part.variances(), whole.variances())
        np.testing.assert_allclose(part.log_det(), whole.log_det())
        np.testing.assert_allclose(quick.traces(part), G.traces(whole))
        quick.V = np.repeat(quick.V[:, :1], quick.V.shape[1], axis=1)  # of rank 1, held up by rounding alone
        with pytest.raises(NetgradError, match="the curvature is singular: 6 examples and the prior do not determine"):
            quick.factor(beta * 1e30, alpha)
        known = structures.Full(G.weights, 1, 6, np.eye(G.weights.count)[None])
        assert known.for_rounds() is known  # of full rank there is nothing to save


def test_views_count_what_is_stored_and_trained():
    """A mask and a frozen bias: the Jacobian is of the weights that are left, and of what is stored."""
    with jax.enable_x64(True):
        network = net().masked("dense_1/W", [[1, 0, 1], [0, 1, 1]]).frozen("dense_2/b")
        model = ng.untrained(network, X, LOSSES["squared_error"], seed=1)
        own, outputs, E = plain(model, LOSSES["squared_error"])
        assert len(own) == 6 + 3 + 9
        J = ng.curvature.jacobian(model, X)
        np.testing.assert_allclose(J, jax.jit(jax.jacrev(outputs))(own), atol=1e-12)
        assert not J[..., 1].any()  # of what the mask hides
        H = ng.curvature.hessian(model, X, LOSSES["squared_error"])
        np.testing.assert_allclose(H, jax.jit(jax.hessian(E))(own), atol=1e-10)


def test_sequences_of_different_lengths():
    """Padding counts for nothing; and the classes of each step have their curvature."""
    with jax.enable_x64(True):
        x, lengths = RNG.normal(size=(3, 4, 2)), np.array([4, 2, 3])
        y = RNG.integers(0, 3, (3, 4))
        model = ng.untrained(ng.Sequential([ng.RNN(2), ng.Dense(3)]), x, y, lengths=lengths)
        G = ng.curvature.gauss_newton(model, x, y, "full", lengths=lengths).matrix()
        parts = 0
        for i, span in enumerate(lengths):
            one = ng.curvature.gauss_newton(model, x[i : i + 1, :span], y[i : i + 1, :span], "full")
            parts = parts + one.matrix()
        np.testing.assert_allclose(G, parts, atol=1e-10)


def test_what_is_refused(monkeypatch):
    model, y = setting("squared_error"), LOSSES["squared_error"]
    with pytest.raises(NetgradError, match="unknown structure 'whole': take one of full, diagonal, kronecker, last"):
        ng.curvature.gauss_newton(model, X, y, "whole")
    with pytest.raises(ShapeError, match=r"a direction of shape \(3,\) does not fit the 21 weights"):
        ng.curvature.hessian_vector(model, X, y, [1, 2, 3])
    with pytest.raises(NetgradError, match="no weights are left to look at"):
        ng.curvature.hessian(ng.untrained(net().frozen("*"), X, y), X, y)
    convolution = ng.Sequential([ng.Conv(2, (2, 2)), ng.Flatten(), ng.Dense(1)])
    images, t = RNG.normal(size=(2, 3, 3, 1)), [0.1, 0.2]
    with pytest.raises(NetgradError, match=r"Kronecker factors are of dense layers .* conv_1 is conv: take"):
        ng.curvature.gauss_newton(ng.untrained(convolution, images, t), images, t, "kronecker")
    with pytest.raises(NetgradError, match="the weights of dense_1 are seen through a view"):
        ng.curvature.gauss_newton(ng.untrained(net().masked("dense_1/W"), X, y), X, y, "kronecker")
    h = ng.Input()
    layer = ng.Dense(2)
    twice = ng.Network(h, ng.Dense(3)(layer(layer(h))))
    with pytest.raises(NetgradError, match="dense_1 is used in several places"):
        ng.curvature.gauss_newton(ng.untrained(twice, X, y), X, y, "kronecker")
    steps = RNG.normal(size=(2, 3, 2))
    along = ng.untrained(ng.Sequential([ng.Dense(2)]), steps, steps)
    with pytest.raises(NetgradError, match="dense_1 works along 1 more axes"):
        ng.curvature.gauss_newton(along, steps, steps, "kronecker")
    stack = ng.Sequential([ng.Stack(ng.Residual([ng.Dense(2)]), 2), ng.Dense(3)])
    with pytest.raises(NetgradError, match="is a part of another layer"):
        ng.curvature.gauss_newton(ng.untrained(stack, X, y), X, y, "kronecker")
    model.params["dense_2"]["W"] = np.full((3, 3), np.inf)
    with pytest.raises(DataError, match="the curvature is not finite"):
        ng.curvature.gauss_newton(model, X, y)
    monkeypatch.setattr(structures, "memory", lambda: 2**20)
    with pytest.raises(
        NetgradError, match=r"the full matrix of 900 weights needs 0.0 GiB .* take structure='kronecker'"
    ):
        structures.check_memory("full", 900, 1)
    with pytest.raises(NetgradError, match="take structure='diagonal'"):
        structures.check_memory("last", 900, 1)
    structures.check_memory("diagonal", 900, 1)


def test_the_structure_that_is_taken_by_itself(monkeypatch):
    monkeypatch.setattr(structures, "FULL_UP_TO", 10)
    params = setting("squared_error").params
    assert structures.chosen(None, net(), params) == "kronecker"
    masked = net().masked("dense_1/W")
    assert structures.chosen(None, masked, setting("squared_error", masked).params) == "diagonal"
    monkeypatch.setattr(structures, "FULL_UP_TO", 13)
    assert structures.chosen(None, masked, setting("squared_error", masked).params) == "last"
    monkeypatch.setattr(structures, "FULL_UP_TO", 21)
    assert structures.chosen(None, net(), params) == "full"
