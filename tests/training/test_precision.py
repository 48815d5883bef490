"""Steps in bfloat16: as good as those in float32 to what bfloat16 can tell, beside parameters in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.data import datasets
from netgrad.optimizers import OPTIMIZERS

R = np.random.default_rng(0)
X, Y = R.normal(size=(40, 6)).astype("f"), R.integers(0, 3, 40)
NET = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(3)])


def test_digits_are_read_as_well():
    """With batch normalisation, by steps that see other numbers and end in float32."""
    digits = datasets.load("digits").flat()
    layers = [ng.Dense(64, bias=False), ng.BatchNorm(), ng.ReLU(), ng.Dropout(0.2), ng.Dense(10)]
    how = {"epochs": 10, "seed": 0, "schedule": "cosine"}
    whole, narrow = (
        ng.fit(ng.Sequential(layers), digits.x, digits.y, dtype=dtype, **how) for dtype in (None, "bfloat16")
    )
    one, other = (model.evaluate(digits.x_test, digits.y_test)["accuracy"] for model in (whole, narrow))
    assert one > 0.95
    assert abs(one - other) <= 0.01
    assert whole.history["loss"][-1] != narrow.history["loss"][-1]
    assert {leaf.dtype.name for leaf in jax.tree.leaves((narrow.params, narrow.state))} == {"float32"}
    assert narrow.history.settings["dtype"] == "bfloat16"
    assert narrow.predict(digits.x_test[:3]).tolist() == digits.y_test[:3].tolist()


def sequences(**how):
    x, y = R.normal(size=(20, 9, 4)), R.integers(0, 3, (20, 9))
    return ng.Sequential([ng.LSTM(5, returns="sequence"), ng.Dense(3)]), (x, y), {"truncate": 4} | how


def pictures():
    x, y = R.normal(size=(20, 8, 8, 1)), R.integers(0, 3, 20)
    return ng.Sequential([ng.Conv(4, 3, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(3)]), (x, y), {}


def symbols():
    x, y = R.integers(0, 400, (20, 9)), R.integers(0, 3, (20, 9))
    return ng.Sequential([ng.Embedding(400, 8), ng.Attention(8), ng.Dense(3)]), (x, y), {}


def codes():
    net = ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(6)])
    return net, (X,), {"starts": 2}


@pytest.mark.parametrize("work", [sequences, pictures, symbols, codes])
def test_every_kind_of_network_goes_on_as_in_float32(work):
    net, data, how = work()
    how = {"epochs": 3, "optimizer": "sgd", "learning_rate": 0.05, "batch_size": 7} | how
    one, other = (ng.fit(net, *data, dtype=dtype, **how).history["loss"] for dtype in ("float32", jnp.bfloat16))
    np.testing.assert_allclose(other, one, rtol=0.1)  # also where noise is drawn, in bfloat16 another one
    assert not np.array_equal(one, other)


def test_float32_by_name_is_the_same_to_the_bit():
    one, other = (ng.fit(NET, X, Y, epochs=2, dtype=dtype) for dtype in (None, "float32"))
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)
    assert "dtype" not in other.history.settings


def test_a_sum_of_many_does_not_come_to_a_halt():
    """bfloat16 takes 256 + 1 for 256: the gradient of a symbol that stands at a thousand places is a sum of floats."""
    layer = ng.Embedding(300, 1)
    params, x = {"W": jnp.ones((300, 1), jnp.bfloat16)}, jnp.zeros((1000,), jnp.int32)
    a, saved = layer.forward(params, x, ng.Context())
    assert layer.backward(params, saved, jnp.ones_like(a)).d_params["W"][0, 0] == 1000
    with pytest.raises(ng.NetgradError, match="300 symbols as bfloat16 numbers, which are too coarse to tell them"):
        layer.forward(params, x.astype(jnp.bfloat16), ng.Context())


def test_divergence_is_explained_and_other_checkpoints_are_refused(tmp_path):
    with pytest.raises(ng.DivergenceError, match="training diverged at epoch"):
        ng.fit(NET, X, Y, optimizer="sgd", learning_rate=1e38, dtype="bfloat16", epochs=5)
    ng.fit(NET, X, Y, epochs=1, checkpoint=tmp_path, dtype="bfloat16")
    with pytest.raises(ng.NetgradError, match=r'it differs in dtype \("bfloat16" there, null here\)'):
        ng.fit(NET, X, Y, epochs=2, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ({"dtype": "float16"}, "dtype 'float16' rounds small gradients to 0: give 'bfloat16', which has float32's"),
        ({"dtype": "float64"}, "dtype is what steps compute in, 'bfloat16' or 'float32', found 'float64'"),
        ({"dtype": object()}, "dtype is what steps compute in"),
        ({"dtype": "int8"}, "dtype is what steps compute in"),
        *(
            ({"dtype": "bfloat16", "optimizer": name}, f"{name} compares losses that are too close for bfloat16")
            for name, (_, rate) in OPTIMIZERS.items()
            if rate is None
        ),
        ({"dtype": "bfloat16", "optimizer": ng.optimizers.gauss_newton()}, "this optimizer compares losses"),
        ({"dtype": "bfloat16", "optimizer": ng.optimizers.newton()}, "this optimizer compares losses"),
        ({"dtype": "bfloat16", "optimizer": optax.lbfgs()}, "this optimizer compares losses"),
    ],
)
def test_where_it_cannot_go_is_one_line(how, line):
    with pytest.raises(ng.NetgradError) as error:
        ng.fit(NET, X, Y, **how)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_an_optimiser_of_optax_takes_it():
    model = ng.fit(NET, X, Y, optimizer=optax.adam(0.01), dtype="bfloat16", epochs=20)
    assert model.history["loss"][-1] < model.history["loss"][0]
