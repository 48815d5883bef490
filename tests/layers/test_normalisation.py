"""Normalisation: the statistics, what prediction uses, and what weight normalisation leaves as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)


def run(layer, x, state=None, **context):
    params = layer.init(jax.random.key(0), x.shape[1:])
    state = layer.init_state(x.shape[1:]) if state is None else state
    return layer.forward(params, jnp.asarray(x), ng.Context(state=state, **context))


@pytest.mark.parametrize("shape", [(50, 3), (8, 6, 3), (5, 4, 4, 3)])
def test_batch_norm_standardises_every_unit(shape, x64):
    a, _ = run(ng.BatchNorm(epsilon=0.0), RNG.normal(3, 5, shape), training=True)
    a = np.asarray(a).reshape(-1, 3)
    np.testing.assert_allclose(a.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(a.var(0, ddof=1), 1, rtol=1e-12)


def test_padding_is_in_no_statistic(x64):
    x, lengths = RNG.normal(size=(4, 5, 2)), np.array([5, 1, 3, 2])
    valid = np.arange(5) < lengths[:, None]
    x[~valid] = np.nan
    a, saved = run(ng.BatchNorm(), x, training=True, lengths=jnp.asarray(lengths))
    np.testing.assert_allclose(saved["mean"], x[valid].mean(0), rtol=1e-12)
    np.testing.assert_allclose(saved["variance"], x[valid].var(0, ddof=1), rtol=1e-12)
    assert (np.asarray(a)[~valid] == 0).all()


def test_running_statistics_follow_the_batches_and_serve_prediction(x64):
    layer, x = ng.BatchNorm(momentum=0.75, epsilon=0.0), RNG.normal(3, 5, (50, 2))
    _, saved = run(layer, x, training=True)
    state = layer.next_state(layer.init_state((2,)), saved)
    np.testing.assert_allclose(state["mean"], 0.25 * x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(state["variance"], 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-12)
    one, _ = run(layer, x[:1], state)
    np.testing.assert_allclose(one[0], (x[0] - state["mean"]) / np.sqrt(state["variance"]), rtol=1e-12)


def test_training_keeps_the_statistics_of_the_data(tmp_path):
    """After many epochs the running statistics are those of the whole set, and a file keeps them."""
    x = RNG.normal([3, -2], [5, 0.1], (64, 2))
    net = ng.Sequential([ng.BatchNorm(), ng.Dense(4, bias=False), ng.BatchNorm(), ng.ReLU(), ng.Dense(2)])
    model = ng.fit(net, x, x[:, 0] > 3, epochs=60, batch_size=32, epochs_per_call=60)
    np.testing.assert_allclose(model.state["batch_norm_1"]["mean"], x.mean(0), atol=0.3)
    np.testing.assert_allclose(model.state["batch_norm_1"]["variance"], x.var(0, ddof=1), rtol=0.1)
    assert model.evaluate(x, x[:, 0] > 3)["accuracy"] > 0.9
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_layer_norm_standardises_every_example(x64):
    a, _ = run(ng.LayerNorm(epsilon=0.0), RNG.normal(3, 5, (4, 6, 7)))
    np.testing.assert_allclose(np.mean(a, -1), 0, atol=1e-12)
    np.testing.assert_allclose(np.var(a, -1), 1, rtol=1e-12)


def test_weight_norm_starts_as_its_layer_and_no_length_of_its_directions_counts(x64):
    x, dense = RNG.normal(size=(4, 3)), ng.Dense(5, activation="tanh")
    plain, wrapped = dense.init(jax.random.key(1), (3,)), ng.WeightNorm(dense)
    params = wrapped.init(jax.random.key(1), (3,))
    a, saved = wrapped.forward(params, x, ng.Context())
    np.testing.assert_allclose(a, dense.forward(plain, x, ng.Context())[0], rtol=1e-12)
    longer = params | {"V": 7 * params["V"]}
    np.testing.assert_allclose(wrapped.forward(longer, x, ng.Context())[0], a, rtol=1e-12)
    back = wrapped.backward(params, saved, jnp.ones_like(a))
    np.testing.assert_allclose((back.d_params["V"] * params["V"]).sum(0), 0, atol=1e-12)
    np.testing.assert_allclose(ng.L2(0.3).value({"layer": params}), ng.L2(0.3).value({"layer": plain}), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ng.BatchNorm(momentum=1.0), r"momentum must lie in \[0, 1\), found 1.0"),
        (lambda: ng.BatchNorm(epsilon=-1), "epsilon must not be negative"),
        (lambda: ng.LayerNorm(epsilon=-1), "epsilon must not be negative"),
        (lambda: ng.Sequential([ng.LayerNorm()]).init(0, (1,)), "at least 2 units"),
        (lambda: ng.WeightNorm("dense"), r"write WeightNorm\(Dense\(10\)\)"),
        (lambda: ng.Sequential([ng.WeightNorm(ng.GRU(2))]).init(0, (4, 3)), "weights W .*found GRU"),
        (
            lambda: ng.fit(ng.Sequential([ng.BatchNorm(), ng.Dense(1)]), np.eye(3), np.ones(3), batch_size=2),
            "a batch of 1 example",
        ),
    ],
)
def test_one_line(make, message):
    with pytest.raises(ng.NetgradError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("window", "shape"), [(5, (4, 6, 7)), (3, (6,)), (1, (3, 4))])
def test_local_response_normalisation_is_pytorchs(window, shape):
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(3, *shape)).astype(np.float32)
    layer = ng.LocalResponseNorm(window, alpha=0.3, beta=0.6, k=1.5)
    theirs = torch.from_numpy(np.moveaxis(x, -1, 1).reshape(3, shape[-1], -1)).requires_grad_()
    wanted = torch.nn.functional.local_response_norm(theirs, window, alpha=0.3 * window, beta=0.6, k=1.5)
    wanted.square().sum().backward()
    a, saved = run(layer, x)
    back = layer.backward({}, saved, 2 * a)
    for ours, other in ((a, wanted.detach()), (back.d_in, theirs.grad)):
        np.testing.assert_allclose(np.moveaxis(ours, -1, 1).reshape(other.shape), other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "window must be an odd whole number, found 0"),
        ({"window": 4}, "window must be an odd whole number, found 4"),
        ({"alpha": -1.0}, "alpha must be a number of at least 0, found -1.0"),
        ({"k": float("nan")}, "k must be a number of at least 0, found nan"),
    ],
)
def test_settings_of_local_response_normalisation(settings, message):
    with pytest.raises(ng.NetgradError, match=message):
        ng.LocalResponseNorm(**settings)
    with pytest.raises(ng.ShapeError, match="needs inputs of shape"):
        ng.LocalResponseNorm().out_shape(())
