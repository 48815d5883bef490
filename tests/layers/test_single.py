"""What a layer says of itself for few examples (`Layer.single`), beside what `test_contract` holds every layer to."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.kernels import single
from netgrad.kernels.single import Plan
from netgrad.layers import Context

from .cases import CASES
from .test_contract import is_shape

pytestmark = pytest.mark.skipif(not single.available(), reason="no plans on this machine")

FAMILIES = (
    "dense conv max_pool average_pool sum_pool global_pool subsample lstm gru rnn bidirectional embedding batch_norm "
    "tanh threshold softmax"
)
MORE = [
    (ng.Conv(20, 3, stride=2, padding="same", activation="silu", flip=True), (11, 9, 3)),
    (ng.Bidirectional(ng.LSTM(18, peepholes=True, learned_state=True), units=4), (19, 3)),
    (ng.RNN(20, "leaky_relu", returns="state", reverse=True), (19, 3)),
    (ng.BatchNorm(), (4, 20)),
    (ng.SumPool(3, stride=2, padding=1), (8, 20)),
]


def drawn(tree, seed=0):
    """Random numbers of these shapes, at least 0.1."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: 0.1 + 0.3 * rng.random(leaf.shape, np.float32), tree)


def made(layer, in_shape):
    """Parameters and state of this layer, without compiling what draws them."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    shapes = jax.eval_shape(lambda k: (layer.init(k, in_shape), layer.init_state(in_shape)), key)
    return drawn(shapes)


def test_it_is_the_forward_pass():
    given = [(layer, in_shape, *made(layer, in_shape)) for layer, in_shape in MORE]
    inputs = [drawn(jax.ShapeDtypeStruct((3, *in_shape), "float32"), 1) - 0.3 for _, in_shape in MORE]

    @jax.jit
    def forward(inputs):
        return [
            layer.forward(params, x, Context(state=state, outputs_only=True))[0]
            for (layer, _, params, state), x in zip(given, inputs, strict=True)
        ]

    for (layer, in_shape, params, state), x, a in zip(given, inputs, forward(inputs), strict=True):
        found = Plan(layer.single(params, state, in_shape), in_shape, a.shape[1:], 3)(x)
        np.testing.assert_allclose(found, a, rtol=1e-5, atol=1e-5, err_msg=str(layer))


def test_layers_of_every_family_say_it():
    """Else the contract would hold of none."""
    families = set(FAMILIES.split())
    for case in CASES:
        layer, in_shape = case.layer.placed(first=False), case.in_shape
        if layer.registered_name not in families or not is_shape(in_shape) or not in_shape:
            continue
        if layer.single(*made(layer, in_shape), in_shape):
            families.remove(layer.registered_name)
    assert not families


@pytest.mark.parametrize("layer", [ng.Dropout(0.3), ng.GaussianNoise(), ng.Flatten(), ng.Reshape((-1, 2))], ids=str)
def test_what_does_nothing_in_prediction_says_so(layer):
    assert layer.single({}, {}, (3, 4)) == ()


@pytest.mark.parametrize(
    ("layer", "in_shape"),
    [
        (ng.Conv(2, 3, groups=2), (6, 6, 4)),
        (ng.Conv(2, 2, depth=2), (4, 4, 3)),
        (ng.Conv(2, 2), (3, 3, 3, 2)),
        (ng.Conv(2, 2, activation="gelu"), (4, 3)),
        (ng.Dense(2, activation=ng.PReLU()), (3,)),
        (ng.Dropout(0.3, classic=True), (3,)),
        (ng.MaxPool(2), (4, 4, 4, 2)),
        (ng.Subsample(2, aggregation="norm"), (4, 4, 2)),
        (ng.RNN(3, "softmax"), (4, 2)),
        (ng.Bidirectional(ng.LSTM(3, returns="state")), (4, 2)),
        (ng.Bidirectional(ng.ForgetGateRNN(3)), (4, 2)),
        (ng.Bidirectional(ng.LSTM(3), units=2, activation="gelu"), (4, 2)),
        (ng.LSTM(4), ((6, 3), (8,))),
        (ng.LayerNorm(), (3,)),
        (ng.GELU(), (3,)),
    ],
    ids=str,
)
def test_what_is_not_known_is_left_to_jax(layer, in_shape):
    assert layer.single(*made(layer, in_shape), in_shape) is None
