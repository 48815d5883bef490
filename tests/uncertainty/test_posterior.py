"""Posteriors: of a linear model the exact one, of others what their definition says; kept, drawn from, refused."""

import json
import pickle

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

import netgrad as ng
from netgrad.errors import FileError, NetgradError, NetgradWarning
from netgrad.estimators import MLPRegressor
from netgrad.training import files
from netgrad.uncertainty import evidence, groups

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.7 + 0.3 * RNG.normal(size=40)
CLASSES = (X[:, 0] + 0.5 * RNG.normal(size=40) > 0).astype(int) + (X[:, 1] > 0.7)


def trained(units=1, y=Y, hidden=(), **settings):
    net = ng.Sequential([*(ng.Dense(size, activation="tanh") for size in hidden), ng.Dense(units)])
    return ng.fit(
        net, X, y, optimizer="levenberg_marquardt", batch_size=None, epochs=30, epochs_per_call=30, **settings
    )


def test_of_a_linear_model_it_is_the_exact_posterior():
    """Weights N(mean, (beta x'x + alpha)^-1), predictions with 1/beta added; both to 1e-5."""
    alpha, beta = 0.8, 9.0
    model = trained(penalty=ng.L2(alpha / (40 * beta)), loss="squared_error")
    A = np.c_[X, np.ones(40)]
    covariance = np.linalg.inv(beta * A.T @ A + np.diag([alpha] * 4))
    model = ng.posterior(model, X, Y, alpha=alpha, beta=beta)
    new = RNG.normal(size=(5, 3)) * 3
    value, spread = model.predict(new, spread=True)
    exact = np.sqrt(1 / beta + np.einsum("ni,ij,nj->n", np.c_[new, np.ones(5)], covariance, np.c_[new, np.ones(5)]))
    np.testing.assert_allclose(spread, exact, rtol=1e-5)
    np.testing.assert_allclose(value, model.predict(new), rtol=1e-5)
    np.testing.assert_allclose(model.posterior.deviations, np.sqrt(covariance.diagonal()), rtol=1e-5)
    last = ng.posterior(model, X, Y, alpha=alpha, beta=beta, structure="last")
    np.testing.assert_allclose(last.predict(new, spread=True)[1], exact, rtol=1e-5)


def test_samples_have_the_mean_and_covariance_of_the_posterior():
    model = ng.posterior(trained(), X, Y, alpha=1.0, beta=9.0)
    drawn = ng.uncertainty.samples(model, 4000, seed=1)
    W = np.array([np.r_[m.params["dense_1"]["W"][:, 0], m.params["dense_1"]["b"]] for m in drawn])
    C = model.posterior.factor.spread(np.eye(4))
    np.testing.assert_allclose(np.cov(W.T), C @ C.T, atol=4 * (C @ C.T).max() / 4000**0.5)
    np.testing.assert_allclose(W.mean(0), model.posterior.mean, atol=4 * C.max() / 4000**0.5)
    assert drawn[0].posterior is None


@pytest.mark.parametrize("units", [1, 3])
def test_classes_know_how_sure_the_weights_are(units):
    y = CLASSES if units == 3 else (CLASSES > 0).astype(int)
    model = ng.posterior(trained(units, y, hidden=(4,), penalty=ng.L2(0.02)), X, y, alpha=1.0)
    new = np.r_[X[:3], 30 * X[:3]]
    found = ng.uncertainty.predictive(model, new)
    a, s2 = found.outputs, np.einsum("nkk->nk", found.covariance)
    scaled = a / np.sqrt(1 + np.pi * s2 / 8)
    by_hand = expit(scaled) if units == 1 else softmax(scaled, axis=1)
    p, spread = model.predict_proba(new, spread=True)
    np.testing.assert_allclose(p, by_hand, rtol=1e-6)
    plain = model.predict_proba(new)
    assert np.abs(p - 1 / max(units, 2)).max(1).sum() < np.abs(plain - 1 / max(units, 2)).max(1).sum()
    # Both ways agree about as well as the probit does with the logistic function.
    np.testing.assert_allclose(found.sampled(4000)[:3], p[:3], atol=0.03)
    # The spread is that of samples, to first order: where it is small.
    sure = ng.posterior(model, X, y, alpha=300.0)
    several = np.array([m.predict_proba(new[:3]) for m in ng.uncertainty.samples(sure, 300)])
    np.testing.assert_allclose(several.std(0), sure.predict_proba(new[:3], spread=True)[1], rtol=0.3, atol=0.003)
    assert (spread[:3] > several.std(0)).all()


@pytest.mark.parametrize("structure", ["full", "kronecker", "diagonal", "last"])
def test_it_is_kept_in_the_file(structure, tmp_path):
    y = np.c_[Y, 3 * Y]
    model = ng.posterior(trained(2, y, hidden=(3,), loss="squared_error"), X, y, structure=structure)
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    assert repr(again.posterior) == repr(model.posterior)
    for a, b in zip(again.predict(X, spread=True), model.predict(X, spread=True), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_rounds_that_swing_are_taken_in_part():
    """Of a network with more weights than examples alpha and beta pull at each other: 38 rounds, were each whole."""
    model = trained(hidden=(40,), penalty=ng.L2(1e-3))
    G = ng.curvature.gauss_newton(model, X, Y)
    weights = G.weights
    shared, w = groups.grouped("layer", model.network, weights), weights.vector(model.params)
    errors = np.array([((model.predict(X) - Y) ** 2).sum()])
    found = evidence.maximised(G, w, shared, errors, True, tolerance=1e-4)
    assert found.rounds < 25
    # It is the fixed point: another round stays there.
    again = evidence.maximised(G, w, shared, errors, True, start=(found.alpha, found.beta), rounds=1)
    np.testing.assert_allclose(again.alpha, found.alpha, rtol=1e-3)
    np.testing.assert_allclose(again.beta, found.beta, rtol=1e-3)


def test_of_an_ensemble_it_is_that_of_its_members_last_layers():
    """As `netgrad.fit_table` makes them: by the diagonal alone the bands were ten times as wide as the errors."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, size=(600, 3))
    y = np.sin(2 * x[:, 0]) + x[:, 1] + 0.3 * rng.normal(size=600)
    members = ng.Ensemble([ng.Dense(64, activation="relu"), ng.Dense(64, activation="relu"), ng.Dense(1)], 4)
    model = ng.fit(ng.Sequential([members]), x[:400], y[:400], epochs=30, batch_size=64)
    model = ng.posterior(model, x[:400], y[:400])
    assert model.posterior.structure == "last"
    assert len(model.posterior.mean) == 4 * (64 + 1)
    value, spread = model.predict(x[400:], spread=True)
    assert 0.88 < np.mean(np.abs(value - y[400:]) < 1.96 * spread) < 0.99
    assert len(ng.uncertainty.samples(model, 2)) == 2
    classes = ng.fit(ng.Sequential([ng.Ensemble([ng.Dense(3)], 2)]), X, CLASSES)
    with pytest.raises(NetgradError, match="a linear dense last layer with weights of its own, found ensemble_1/dense"):
        ng.uncertainty.with_temperature(classes, X, CLASSES)


def test_outputs_have_noise_of_their_own():
    y = np.c_[Y, Y + 3 * RNG.normal(size=40)]
    beta = ng.posterior(trained(2, y, loss="squared_error"), X, y).posterior.beta
    np.testing.assert_allclose(np.array(beta) ** -0.5, [0.3, 3], rtol=0.3)


def test_a_model_that_goes_on_training_loses_it():
    model = ng.posterior(trained(), X, Y)
    assert ng.fit(model, X, Y, epochs=1).posterior is None
    assert model.masked("dense_1/W", np.ones((3, 1))).posterior is None
    model.params["dense_1"]["b"] = model.params["dense_1"]["b"] + 1
    with pytest.raises(NetgradError, match="trained or changed after its posterior was made"):
        model.predict(X, spread=True)


def test_what_is_held_fixed_is_said():
    net = ng.Sequential([ng.Dense(3), ng.BatchNorm(), ng.Dropout(0.2), ng.Dense(1)])
    model = ng.fit(net, X, Y, epochs=2)
    with pytest.warns(NetgradWarning, match="dropout_1 drops nothing and batch_norm_1 keeps its running statistics"):
        model = ng.posterior(model, X, Y)
    assert (model.predict(X, spread=True)[1] > 0).all()


def test_a_target_in_its_own_terms():
    """Of a logarithm half of what lies between one deviation below and one above."""
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "price": np.exp(Y)})
    model = ng.fit_table(table, "price", log_target=True, epochs=20)
    x = table.drop(columns="price")
    model = ng.posterior(model, x, table["price"])
    assert model.posterior.structure == "last"
    found = ng.uncertainty.predictive(model, x)
    low, high = (model.target_encoder.decode(found.outputs + s * found.deviation, limited=False) for s in (-1, 1))
    np.testing.assert_allclose(model.predict(x, spread=True)[1], (high - low) / 2)


def test_estimators_hand_out_standard_deviations():
    X_, y = np.linspace(-1, 1, 60)[:, None], np.linspace(0, 1, 60)
    mlp = MLPRegressor("squared_error", (3,), "tanh", solver="lbfgs", random_state=0, posterior=True).fit(X_, y)
    value, deviation = mlp.predict(X_, return_std=True)
    assert value.shape == deviation.shape == (60,)
    np.testing.assert_allclose(value, mlp.predict(X_), rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mlp)).predict(X_, return_std=True)[1], deviation)
    two = MLPRegressor("squared_error", (3,), solver="lbfgs", posterior=True).fit(X_, np.c_[y, y])
    assert two.predict(X_, return_std=True)[1].shape == (60, 2)
    with pytest.raises(NetgradError, match="give posterior=True and fit again"):
        MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(X_, y).predict(X_, return_std=True)
    with pytest.raises(NetgradError, match="the posterior counts all examples alike"):
        mlp.fit(X_, y, sample_weight=np.arange(60.0))


def bands(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (150, 1))
    return x, np.sin(3 * x[:, 0]) + 0.2 * rng.normal(size=150)


def test_95_percent_bands_cover_about_95_percent():
    """A synthetic regression, 20 seeds: of 500 new targets each, 93 to 97 % lie within 1.96 deviations."""
    net = ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(1)])
    inside = []
    for seed in range(20):
        x, y = bands(seed)
        model = ng.fit(net, x, y, optimizer="levenberg_marquardt", batch_size=None, epochs=60, epochs_per_call=60,
                       penalty=ng.L2(1e-4), seed=seed)  # fmt: skip
        model = ng.posterior(model, x, y)
        x, y = bands(100 + seed)
        value, spread = model.predict(x, spread=True)
        inside.append(np.abs(y - value) < 1.96 * spread)
    assert 0.93 <= np.mean(inside) <= 0.97


BAD = {
    "a loss": (
        lambda: ng.posterior(ng.untrained(ng.Sequential([ng.Dense(1)]), X, Y, loss="huber"), X, Y), "found 'huber'"),
    "beta of classes": (lambda: ng.posterior(trained(3, CLASSES), X, CLASSES, beta=1.0), "classes have none"),
    "no posterior": (lambda: trained().predict(X, spread=True), "this model has no posterior"),
    "a group": (lambda: ng.posterior(trained(), X, Y, alpha={"dense_2": 1.0}), "did you mean 'dense_1'"),
    "a group left out": (lambda: ng.posterior(trained(hidden=(2,)), X, Y, alpha={"dense_1": 1.0}), "alpha lacks"),
    "alpha": (lambda: ng.posterior(trained(), X, Y, alpha=-1.0), "alpha must be numbers of at least 0"),
    "alpha, no number": (lambda: ng.posterior(trained(), X, Y, alpha=np.nan), "alpha must be numbers of at least 0"),
    "beta": (lambda: ng.posterior(trained(), X, Y, beta=0.0), "beta must be positive"),
    "several betas": (lambda: ng.posterior(trained(), X, Y, beta=[1.0, 2.0]), "beta has 2 numbers: give one"),
    "the groups": (lambda: ng.posterior(trained(), X, Y, groups="unit"), "unknown groups 'unit'"),
    "the method": (lambda: ng.posterior(trained(), X, Y, method="map"), "unknown method 'map': take one of mackay"),
    "the Gamma prior": (lambda: ng.posterior(trained(), X, Y, gamma_prior=(0.5, 0)), "Gamma prior must be a pair"),
    "samples": (lambda: ng.uncertainty.samples(ng.posterior(trained(), X, Y), 0), "count must be a whole number"),
    "too few examples": (
        lambda: ng.posterior(trained(hidden=(20,)), X[:5], Y[:5], alpha=0.0, beta=1.0), "the curvature is singular"),
    "too few for the diagonal": (
        lambda: ng.posterior(trained(), 0 * X, Y, alpha=0.0, beta=1.0, structure="diagonal"), "determined neither"),
    "too few for factors": (
        lambda: ng.posterior(trained(), X[:1], Y[:1], alpha=0.0, beta=1.0, structure="kronecker"), "is singular"),
    "inputs by factors": (
        lambda: ng.posterior(trained(), X, Y, groups="input", structure="kronecker"), "Kronecker factors take one"),
    "probabilities of a regression": (
        lambda: ng.uncertainty.predictive(ng.posterior(trained(), X, Y), X).probabilities, "has no probabilities"),
    "spread of probabilities": (lambda: trained().predict_proba(X, spread=True), r"by predict\(x, spread=True\)"),
    "spread of classes": (lambda: trained(3, CLASSES).predict(X, spread=True), r"by predict_proba\(x, spread=True\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_outputs_that_have_none():
    x = ng.Input()
    both = ng.Network(x, {"a": ng.Dense(1)(x), "b": ng.Dense(1)(x)})
    with pytest.raises(NetgradError, match="one output that is trained, found 2"):
        ng.posterior(ng.untrained(both, X, {"a": Y, "b": Y}), X, {"a": Y, "b": Y})
    steps = RNG.normal(size=(4, 5, 2))
    tagged = ng.untrained(ng.Sequential([ng.Dense(1)]), steps, steps[..., :1], loss="squared_error")
    with pytest.raises(NetgradError, match=r"outputs \(N, units\), found \('N', 5, 1\)"):
        ng.posterior(tagged, steps, steps[..., :1])


def test_a_file_with_another_models_posterior(tmp_path):
    model = ng.posterior(trained(), X, Y)
    path = model.save(tmp_path / "m.safetensors")
    arrays, metadata = files.read(path)
    described = json.loads(metadata["netgrad"])
    for change in ({"structure": "diagonal"}, {"alpha": 3}, {"structure": "none"}):
        with pytest.raises(FileError, match="the posterior in the file is not as it was written"):
            files.rebuild(described | {"posterior": described["posterior"] | change}, arrays)
    small = arrays | {"posterior/factor/C": arrays["posterior/factor/C"][:2, :2]}
    with pytest.raises(FileError, match="not of its weights"):
        files.rebuild(described, small)
    assert described["format"] == 3
    with jax.enable_x64(True):
        assert ng.load(path).posterior.structure == "full"
