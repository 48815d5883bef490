"""The brain surgeon against brute force, masks that stay, and smaller networks with the same outputs."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.pruning import cost, inverse_by_rows, positive, smaller, surgery
from netgrad.pruning.surgeon import without

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
X[:, 1] += X[:, 0]
Y = X @ [1.0, 0.2, -1.0, 0.05, 0.6] + 0.1 * RNG.normal(size=60)


def linear():
    net = ng.Sequential([ng.Dense(1, bias=False)])
    return ng.fit(net, X, Y, optimizer="levenberg_marquardt", batch_size=None, epochs=10)


def zeros(model):
    return {layer: int((np.asarray(own["W"]) == 0).sum()) for layer, own in model.effective.items() if "W" in own}


def test_the_surgeon_is_brute_force_on_a_quadratic():
    """Each weight taken out and all others minimised anew: the same costs, the same weights; and so again after it."""
    Q = X.T @ X
    w, E = np.linalg.solve(Q, X.T @ Y), lambda v: 0.5 * np.sum((Y - X @ v) ** 2)
    inverse = np.linalg.inv(Q)
    there = list(range(5))
    for _ in range(3):
        brute = {}
        for i in there:
            rest = [j for j in there if j != i]
            best = np.zeros(5)
            best[rest] = np.linalg.lstsq(X[:, rest], Y, rcond=None)[0]
            brute[i] = best
            np.testing.assert_allclose(surgery(w, inverse, i), best, atol=1e-10)
            np.testing.assert_allclose(cost(w, np.maximum(inverse.diagonal(), 1e-300))[i], E(best) - E(w), rtol=1e-8)
        i = min(there, key=lambda i: E(brute[i]))
        w, inverse = surgery(w, inverse, i), without(inverse, i)
        there.remove(i)
    with jax.enable_x64(True):
        pruned = ng.prune(linear(), X, Y, share=0.6)
        np.testing.assert_allclose(pruned.effective["dense_1"]["W"][:, 0], w, atol=1e-6)


def test_the_recursive_inverse_is_the_inverse():
    np.testing.assert_allclose(inverse_by_rows(X, 0.3), np.linalg.inv(X.T @ X + 0.3 * np.eye(5)), rtol=1e-10)


def test_q_is_made_positive_definite():
    Q = np.diag([3.0, -1.0, 2.0])
    made, mu = positive(Q)
    assert mu > 1
    assert np.linalg.eigvalsh(made).min() > 0
    assert positive(np.eye(2))[1] == 0
    assert positive(Q, 5.0)[1] == 5
    with pytest.raises(NetgradError, match="not positive definite: its smallest eigenvalue is -1, give a mu above 1"):
        positive(Q, 0.5)


def deep(y=None):
    net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dropout(0.1), ng.Dense(6, activation="relu"), ng.Dense(1)])
    return ng.fit(net, X, Y if y is None else y, epochs=40, epochs_per_call=40)


@pytest.mark.parametrize("method", ["obs", "obd", "magnitude"])
def test_weights_go_and_stay_away(method, tmp_path):
    model = deep()
    pruned = ng.prune(model, X, Y, share=0.6, method=method, rounds=2, retrain={"epochs": 3, "optimizer": "adam"})
    assert sum(zeros(pruned).values()) == 94 - round(94 * 0.4)
    again = ng.load(pruned.save(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(again.predict(X), pruned.predict(X))
    assert sum(zeros(ng.fit(again, X, Y, epochs=2)).values()) == sum(zeros(pruned).values())
    more = ng.prune(pruned, X, Y, share=0.5, method=method)
    assert sum(zeros(more).values()) == 94 - round(38 * 0.5)


def test_the_surgeon_is_better_than_magnitude_without_retraining():
    model = deep()
    left = {m: ng.prune(model, X, Y, share=0.5, method=m).evaluate(X, Y)["loss"] for m in ("obs", "magnitude")}
    assert left["obs"] < left["magnitude"]


@pytest.mark.parametrize("method", ["obs", "magnitude"])
def test_retraining_gives_back_what_pruning_cost(method):
    """Six in ten weights go; on new examples what is left is then about as good as the whole network was."""
    x, new = RNG.normal(size=(200, 5)), RNG.normal(size=(500, 5))
    y, truth = (np.sin(v[:, 0]) + v[:, 1] * v[:, 2] for v in (x, new))
    how = {"optimizer": "levenberg_marquardt", "batch_size": None, "epochs": 20, "epochs_per_call": 20}
    net = ng.Sequential([ng.Dense(12, activation="tanh"), ng.Dense(1)])
    errors = []
    for seed in range(3):
        whole = ng.fit(net, x, y, penalty=ng.L2(1e-4), seed=seed, **how | {"epochs": 60})
        cut, again = (ng.prune(whole, x, y, share=0.6, method=method, retrain=r) for r in (None, how))
        assert zeros(cut) == zeros(again)
        errors.append([np.mean((model.predict(new) - truth) ** 2) for model in (whole, cut, again)])
    whole, cut, again = np.median(errors, axis=0)
    assert again < 2 * whole
    assert again < cut / 4


@pytest.mark.parametrize("method", ["obd", "magnitude"])
def test_units_go_whole_and_the_network_gets_smaller(method):
    model = deep()
    pruned = ng.prune(model, X, Y, share=0.5, method=method, of="units", retrain={"epochs": 2})
    less = smaller(pruned)
    assert sum(node.layer.units for node in less.network.nodes if hasattr(node.layer, "units")) == 1 + 7
    np.testing.assert_allclose(less.predict(X), pruned.predict(X), atol=1e-6)
    assert not less.network.views
    assert less.parameters < model.parameters
    assert smaller(model).parameters == model.parameters


def test_filters_go_whole():
    images, y = RNG.normal(size=(20, 8, 8, 2)), RNG.integers(0, 3, 20)
    net = ng.Sequential([ng.Conv(6, 3, activation="relu"), ng.MaxPool(2), ng.Conv(4, 2, activation="relu"),
                         ng.Flatten(), ng.Dense(3)])  # fmt: skip
    model = ng.fit(net, images, y, epochs=2)
    pruned = ng.prune(model, images, y, share=0.4, of="units", method="magnitude")
    less = smaller(pruned)
    assert sum(node.layer.filters for node in less.network.nodes if hasattr(node.layer, "filters")) == 6
    np.testing.assert_allclose(less.outputs(images)["dense_1"], pruned.outputs(images)["dense_1"], atol=1e-5)


BAD = {
    "the method": (lambda: ng.prune(linear(), X, Y, method="random"), "unknown method 'random': take one of magnitude"),
    "what": (lambda: ng.prune(linear(), X, Y, of="layers"), "pruned are weights or units, found 'layers'"),
    "units by surgery": (lambda: ng.prune(linear(), X, Y, of="units"), "takes single weights: for units take"),
    "everything": (lambda: ng.prune(linear(), X, Y, share=1.0), "share must lie between 0 and 1"),
    "all that is left": (lambda: ng.prune(linear(), X, Y, share=0.95), "of 5 weights none would be left"),
    "rounds": (lambda: ng.prune(linear(), X, Y, rounds=0), "rounds must be a whole number"),
    "no weights": (
        lambda: ng.prune(ng.untrained(ng.Sequential([ng.RNN(2, returns="last")]), X[:, :, None], X[:, :2]),
                         X[:, :, None], X[:, :2]), "nothing can be pruned"),
    "no hidden units": (lambda: ng.prune(linear(), X, Y, of="units", method="obd"), "no units can be pruned"),
    "all units": (lambda: ng.prune(deep(), X, Y, of="units", method="obd", share=0.99), "which need one each"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
