"""Autoencoders: their parts, what they are refused, and what each kind of them learns."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import part
from netgrad.training.objective import gradients, loss

RNG = np.random.default_rng(0)
PLANE = (RNG.normal(size=(240, 2)) * [2.0, 1.0] @ RNG.normal(size=(2, 6)) + 0.1 * RNG.normal(size=(240, 6))).astype(
    "f4"
)
FAST = {"batch_size": None, "epochs": 150, "epochs_per_call": 150, "learning_rate": 0.02}


def test_a_linear_one_spans_the_principal_subspace():
    x = PLANE - PLANE.mean(0)
    _, _, directions = np.linalg.svd(x, full_matrices=False)
    model = ng.fit(ng.Autoencoder([ng.Dense(2)], [ng.Dense(6)]), x, optimizer="lbfgs", batch_size=None, epochs=60)
    spanned, _ = np.linalg.qr(model.params["decoder/dense_1"]["W"].T)
    assert np.linalg.svd(directions[:2] @ spanned, compute_uv=False).min() > 0.999
    by_pca = x @ directions[:2].T @ directions[:2]
    np.testing.assert_allclose(model.predict(x), by_pca, atol=0.1)
    np.testing.assert_allclose(model.evaluate(x)["loss"], 0.5 * ((x - by_pca) ** 2).sum(1).mean(), rtol=0.03)
    np.testing.assert_allclose(model.decode(model.encode(x)), model.predict(x), rtol=1e-5)


def test_tied_ones_keep_one_set_of_weights_and_go_through_files(tmp_path):
    net = ng.Autoencoder([ng.GaussianNoise(0.1), ng.Dense(4, activation="tanh"), ng.Dense(2)], inputs=6, tied=True)
    assert [view.words for view in net.views] == [
        "decoder/dense_1/W = encoder/dense_2/W transposed",
        "decoder/dense_2/W = encoder/dense_1/W transposed",
    ]
    model = ng.fit(net, PLANE, validation=PLANE[:50], epochs=2)
    assert model.parameters == 6 * 4 + 4 + 4 * 2 + 2 + 4 + 6
    assert "val_loss" in model.history
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    assert again.objective.reconstructs
    np.testing.assert_array_equal(again.decode(again.encode(PLANE)), model.predict(PLANE))
    encoder = ng.load(model.part("encoder").save(tmp_path / "encoder.safetensors"))
    np.testing.assert_array_equal(encoder.predict(PLANE), model.encode(PLANE))
    further = ng.fit(again, PLANE, epochs=2)
    assert further.history["loss"][-1] < model.history["loss"][-1]
    trace = model.trace(PLANE[:5])
    assert trace["encoder/dense_2"].a.shape == (5, 2)
    assert trace["decoder/dense_1"].W.shape == (2, 4)
    with pytest.raises(ng.NetgradError, match="an autoencoder reconstructs its inputs: leave y out"):
        ng.fit(again, PLANE, PLANE)


def test_streams_of_inputs_alone():
    def chunks():
        return [PLANE[:120], PLANE[120:]]

    net = ng.Autoencoder([ng.Dense(2)], [ng.Dense(6)])
    streamed = ng.fit(net, ng.Stream(chunks), batch_size=40, shuffle=False, epochs=2, validation=PLANE[:40])
    whole = ng.fit(net, PLANE, batch_size=40, shuffle=False, epochs=2, validation=PLANE[:40])
    assert streamed.history.rows == whole.history.rows


def test_any_network_whose_output_is_as_its_input_reconstructs():
    model = ng.fit(ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(6)]), PLANE, epochs=1)
    assert model.objective.reconstructs
    symbols = RNG.integers(0, 5, (40, 7))
    embedded = ng.Sequential([ng.Embedding(5, 3), ng.GRU(4), ng.Dense(5)])
    assert ng.fit(embedded, symbols, epochs=1).predict(symbols).shape == (40, 7)


def test_convolutional_and_recurrent_ones():
    pictures = RNG.random((32, 8, 8, 1)).astype("f4")
    net = ng.Autoencoder(
        [ng.Conv(3, 3, stride=2, padding="same", activation="relu"), ng.Flatten(), ng.Dense(4)],
        [ng.Dense(48), ng.Reshape((4, 4, 3)), ng.ConvTranspose(1, 2, stride=2)],
    )
    model = ng.fit(net, pictures, epochs=2)
    assert model.encode(pictures).shape == (32, 4)
    assert model.decode(model.encode(pictures)).shape == pictures.shape
    steps = np.linspace(0, 3, 12)
    waves = np.sin(steps + RNG.uniform(0, 6, (64, 1)))[..., None]
    net = ng.Autoencoder([ng.GRU(8, returns="last")], [ng.Repeat(12), ng.GRU(8), ng.Dense(1)])
    model = ng.fit(net, waves, **FAST)
    assert model.encode(waves).shape == (64, 8)
    assert model.evaluate(waves)["r2"] > 0.9


KINDS = {
    "denoising": (ng.Autoencoder([ng.Dropout(0.3, classic=True), ng.Dense(3)], inputs=6), None),
    "sparse": (ng.Autoencoder([ng.Dense(8, activation="logistic")], inputs=6), ng.Sparsity(0.5, rate=0.1)),
    "contractive": (ng.Autoencoder([ng.Dense(3)], inputs=6), ng.Contraction(0.2)),
    "variational": (ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(6)]), ng.GaussianKL(0.3)),
    "recurrent": (ng.Autoencoder([ng.GRU(3, returns="last")], [ng.Repeat(3), ng.GRU(3), ng.Dense(2)]), None),
    "convolutional": (
        ng.Autoencoder([ng.Conv(2, 2, stride=2), ng.Flatten()], [ng.Reshape((1, 1, 2)), ng.ConvTranspose(3, 2)]), None
    ),
}  # fmt: skip
SHAPES = {"recurrent": (3, 2), "convolutional": (2, 2, 3)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_goes_through_a_file_and_is_traced_encoder_and_decoder(kind, tmp_path):
    net, penalty = KINDS[kind]
    x = RNG.random((8, *SHAPES.get(kind, (6,)))).astype("f4")
    model = ng.untrained(net, x, penalty=penalty)
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    assert again.objective == model.objective
    assert again.network == net
    jax.tree.map(np.testing.assert_array_equal, again.params, model.params)
    if kind not in (*SHAPES, "variational"):  # dense layers, as in the tied one above
        return
    trace = again.trace(x)
    for node in net.nodes:
        assert {len(leaf) for leaf in jax.tree.leaves((trace[node.name].a, trace[node.name].delta))} == {8}
    assert trace[net.nodes[-1].name].a.shape == x.shape
    if kind == "variational":
        assert trace["encoder/gaussian_1"].log_variance.shape == (8, 2)
        np.testing.assert_array_equal(again.sample(3), model.sample(3))


def test_a_denoising_one_takes_noise_away():
    clean = PLANE / PLANE.std()
    noisy = clean + 0.5 * RNG.normal(size=clean.shape)
    model = ng.fit(ng.Autoencoder([ng.GaussianNoise(0.25), ng.Dense(2)], [ng.Dense(6)]), clean, **FAST)
    assert ((model.predict(noisy) - clean) ** 2).mean() < 0.6 * ((noisy - clean) ** 2).mean()


def test_penalties_on_the_code_do_what_they_say():
    x = PLANE / PLANE.std()
    net = ng.Autoencoder([ng.Dense(12, activation="logistic")], [ng.Dense(6)])
    with pytest.warns(ng.NetgradWarning, match="the code has 12 numbers, more than the 6 of an input"):
        free = ng.fit(net, x, **FAST)
    with pytest.warns(ng.NetgradWarning, match="more than the 6 of an input, and can be a copy"):
        ng.untrained(net, x, penalty=ng.L2(1e-4))
    sparse = ng.fit(net, x, penalty=ng.Sparsity(1.0, rate=0.05), **FAST)
    assert sparse.encode(x).mean() - 0.05 < 0.3 * (free.encode(x).mean() - 0.05)
    small = ng.fit(net, x, penalty=ng.Sparsity(0.3), **FAST)
    assert small.encode(x).sum() < 0.7 * free.encode(x).sum()
    contracted = ng.fit(net, x, penalty=ng.Contraction(0.3), **FAST)

    def slopes(model):
        W, a = model.params["encoder/dense_1"]["W"], model.encode(x)
        return ((a * (1 - a)) ** 2 @ (np.asarray(W) ** 2).T).sum() / len(x)  # by hand, of logistic units

    assert slopes(contracted) < 0.5 * slopes(free)
    value = ng.untrained(net, x, penalty=ng.Contraction(2.0))
    batch = jax.tree.map(jnp.asarray, value.batch(x))
    plain = loss(net, value.objective.without_penalties, value.params, {}, batch, None)
    np.testing.assert_allclose(
        loss(net, value.objective, value.params, {}, batch, None) - plain, 2 * slopes(value), rtol=1e-3
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_their_gradients_are_the_objectives(reduction, x64):
    x = PLANE[:10].astype(float)
    net = ng.Autoencoder([ng.Dense(4), ng.Gaussian(), ng.Dense(3, activation="logistic")], [ng.Dense(6)])
    penalties = [
        ng.Sparsity(0.5, rate=0.1),
        ng.Sparsity(0.1),
        ng.Contraction(0.2),
        ng.GaussianKL(2.0, layer="encoder/gaussian_1"),
    ]
    model = ng.untrained(net, x, penalty=penalties, reduction=reduction)
    assert model.objective.penalties == tuple(penalties)
    batch = jax.tree.map(jnp.asarray, model.batch(x))
    args = model.state, batch, jax.random.key(1)
    ours = jax.jit(lambda p: gradients(net, model.objective, p, *args))(model.params)
    value, auto = jax.jit(jax.value_and_grad(lambda p: loss(net, model.objective, p, *args)))(model.params)
    np.testing.assert_allclose(ours.loss, value, rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12), ours.params, auto)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
def test_a_divergence_beside_the_mean_over_places_is_warned_of(loss):
    """Of pictures it would weigh as many times as much as there are places, and silence the code."""
    pictures = np.random.default_rng(0).integers(0, 2, (10, 6, 6, 1)).astype(float)
    encoder, decoder = [ng.Flatten(), ng.Dense(4), ng.Gaussian()], [ng.Dense(36), ng.Reshape((6, 6, 1))]
    net = ng.Autoencoder(encoder, decoder)
    said = rf"\({loss}\) .*\(N, 6, 6, 1\) is a mean over its 36 places.* weighs 36 times.*GaussianKL\(alpha=0.028\)"
    with pytest.warns(ng.NetgradWarning, match=said):
        ng.untrained(net, pictures, loss=loss)
    rows = ng.Sequential([ng.Flatten(), *encoder[1:], decoder[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ng.untrained(net, pictures, loss=loss, penalty=ng.GaussianKL(alpha=1 / 36))
        ng.untrained(rows, pictures, pictures.reshape(10, -1), loss=loss)


@pytest.mark.parametrize(
    ("before", "reduction"),
    [((), "mean"), ((), "sum"), ((ng.GaussianNoise(0.1),), "mean"), ((ng.BatchNorm(),), "mean")],
)
def test_a_divergence_goes_back_with_the_error_where_training_codes_as_prediction_does(before, reduction, x64):
    """A step then costs no pass through the encoder beside its own, and descends the same objective."""
    x = PLANE[:10].astype(float)
    net = ng.Autoencoder([*before, ng.Dense(5, activation="tanh"), ng.Dense(4), ng.Gaussian()], [ng.Dense(6)])
    model = ng.untrained(net, x, penalty=[ng.L2(0.1), ng.GaussianKL(0.7)], reduction=reduction)
    args = model.state, jax.tree.map(jnp.asarray, model.batch(x)), jax.random.key(1)

    @jax.jit
    def both(params):
        apart = gradients(net, model.objective, params, *args)
        return gradients(net, model.objective, params, *args, together=True), apart

    ours, apart = both(model.params)
    np.testing.assert_allclose(ours.loss, apart.loss, rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12), ours.params, apart.params)
    fed = str(jax.make_jaxpr(lambda p: gradients(net, model.objective, p, *args, together=True).params)(model.params))
    alone = str(jax.make_jaxpr(lambda p: gradients(net, model.objective, p, *args).params)(model.params))
    assert (fed.count("dot_general") < alone.count("dot_general")) == (not before)


def test_a_variational_one_draws_what_the_data_are_like():
    x = PLANE - PLANE.mean(0)
    net = ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(6)])
    model = ng.fit(net, x, **FAST | {"epochs": 600})
    mean, log_variance = np.split(x @ model.params["encoder/dense_1"]["W"] + model.params["encoder/dense_1"]["b"], 2, 1)
    divergence = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1).mean()
    objective = float(loss(net, model.objective, model.params, {}, jax.tree.map(jnp.asarray, model.batch(x)), None))
    np.testing.assert_allclose(objective, model.evaluate(x)["loss"] + divergence, rtol=1e-4)
    drawn = model.sample(4000, seed=1)
    covariance = np.cov(x.T)
    assert np.linalg.norm(np.cov(drawn.T) - covariance) < 0.5 * np.linalg.norm(covariance)
    assert (model.sample(5) == model.sample(5)).all()
    assert (model.sample(5) != model.sample(5, seed=1)).any()
    _, spread = model.monte_carlo(x[:3], samples=5)
    assert (spread > 0).all()


def test_a_part_has_one_way_in_and_out():
    a, b = ng.Input("a"), ng.Input("b")
    two = ng.Network([a, b], ng.Add()(ng.Dense(2)(a), ng.Dense(2)(b)), name="two")
    x, y = ng.Input("x"), ng.Input("y")
    net = ng.Network([x, y], ng.Dense(1)(two(x, y)))
    with pytest.raises(ng.NetgradError, match="two has 2 ways in, x, y: a part has one"):
        part(net, "two")
    with pytest.raises(ng.NetgradError, match="this network has no part 'encoder': it has two, dense_1; see"):
        part(net, "encoder")


CODE = [ng.Dense(2)]
PLAIN = ng.Sequential([ng.Dense(1)])
WRONG = {
    "targets": (lambda: ng.fit(ng.Autoencoder(CODE, inputs=6), PLANE, PLANE), "leave y out; for other targets"),
    "another output": (
        lambda: ng.fit(ng.Autoencoder(CODE, inputs=5), PLANE),
        r"y, the targets, are missing, and .* its output is \(N, 5\) and its input \(N, 6\)",
    ),
    "a model of targets": (
        lambda: ng.fit(ng.fit(ng.Sequential([ng.Dense(1)]), PLANE, PLANE[:, 0], epochs=1), PLANE),
        "are missing: this model does not reconstruct its inputs",
    ),
    "no decoder": (lambda: ng.Autoencoder(CODE), "needs a decoder, .* or inputs="),
    "decoder and inputs": (lambda: ng.Autoencoder(CODE, [ng.Dense(6)], inputs=6), "leave it out where a decoder"),
    "no mirror": (lambda: ng.Autoencoder([ng.GRU(2)], inputs=6), "only an encoder of Dense layers .* found GRU"),
    "no pairs": (
        lambda: ng.Autoencoder(CODE, [ng.Dense(3), ng.Dense(6)], tied=True), "tied weights pair .* found 1 and 2"
    ),
    "two inputs": (
        lambda: ng.Autoencoder(ng.Network([(a := ng.Input("a")), (b := ng.Input("b"))], ng.Add()(a, b)), [ng.Dense(6)]),
        "the encoder of an autoencoder has one input, found 2",
    ),
    "several outputs without targets": (
        lambda: ng.fit(ng.Network((x := ng.Input()), {"a": ng.Dense(6)(x), "b": ng.Dense(6)(x)}), PLANE),
        "one input and one output, give y",
    ),
    "no distribution": (
        lambda: ng.fit(ng.Autoencoder(CODE, inputs=6), PLANE, epochs=1).sample(2), "end the encoder in ng.Gaussian"
    ),
    "no number of samples": (
        lambda: ng.fit(ng.Autoencoder(CODE, inputs=6), PLANE, epochs=1).sample(0), "at least 1, found 0"
    ),
    "a code inside a block": (
        lambda: ng.fit(ng.Autoencoder([ng.Recomputed([ng.Dense(4), ng.Gaussian()])], [ng.Dense(6)]), PLANE),
        "the Gaussian layer inside encoder/recomputed_1 would be trained without its divergence"),
    "odd units": (lambda: ng.fit(ng.Autoencoder([ng.Dense(3), ng.Gaussian()], CODE), PLANE), "an even number of units"),
    "a penalty elsewhere": (
        lambda: ng.fit(PLAIN, PLANE, PLANE[:, 0], penalty=ng.Sparsity()), "unknown layer 'encoder'"
    ),
    "a rate of linear units": (
        lambda: ng.fit(ng.Autoencoder(CODE, inputs=6), PLANE, penalty=ng.Sparsity(rate=0.1)), "units between 0 and 1"
    ),
    "a rate of 1": (lambda: ng.Sparsity(rate=1), r"is in \(0, 1\): 1"),
    "a divergence of no Gaussian": (
        lambda: ng.fit(ng.Autoencoder(CODE, inputs=6), PLANE, penalty=ng.GaussianKL()), "does not end in one"
    ),
    "a penalty without a network": (lambda: ng.Sparsity().value({}), "with a network and its inputs at hand"),
    "validation as an array": (
        lambda: ng.fit(PLAIN, PLANE, PLANE[:, 0], validation=PLANE), "a share or a pair .* found a ndarray"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind):
    made, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        made()
    assert "\n" not in str(raised.value)
