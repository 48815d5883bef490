"""Every unusable sequence gets one line wherever it is handed over, and what stands in the padding has no effect."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
X, LENGTHS = RNG.normal(size=(4, 6, 2)), [6, 5, 4, 3]
TAGS = RNG.integers(0, 2, (4, 6))
NET = ng.Sequential([ng.LSTM(3), ng.Dense(2)])
VALID_NAN, PADDING_NAN = X.copy(), X.copy()
VALID_NAN[2, 3, 0] = PADDING_NAN[2, 4:] = PADDING_NAN[3, 5] = np.nan


@pytest.fixture(scope="module")
def model():
    return ng.fit(NET, X, TAGS, lengths=LENGTHS, epochs=1)


@pytest.fixture(scope="module")
def continued():
    """An LSTM that starts from a state it is given."""
    x, state = ng.Input("x"), ng.Input("state")
    given = {"x": X, "state": np.zeros((4, 6))}
    return ng.untrained(ng.Network([x, state], ng.LSTM(3)(x, state)), given, np.zeros((4, 6, 3)))


# What a sequence may be handed over to.
USES = {
    "fit": lambda model, x, lengths: ng.fit(NET, x, TAGS, lengths=lengths, epochs=1),
    "predict": lambda model, x, lengths: model.predict(x, lengths),
    "evaluate": lambda model, x, lengths: model.evaluate(x, TAGS, lengths=lengths),
    "trace": lambda model, x, lengths: model.trace(x, TAGS, lengths=lengths),
}
BAD = {
    "a length beyond the array": (X, [6, 7, 4, 3], r"lengths\[1\] is 7: expected whole numbers from 1 to 6"),
    "a length of zero": (X, [6, 5, 0, 3], r"lengths\[2\] is 0"),
    "half a time-step": (X, [6, 5, 2.5, 3], r"lengths\[2\] is 2.5"),
    "a length that is not a number": (X, [6, 5, np.nan, 3], r"lengths\[2\] is nan"),
    "too few lengths": (X, [6, 5, 4], r"shape \(3,\): expected \(4,\)"),
    "no time-steps": (X[:, :0], LENGTHS, "x is empty"),
    "no sequences": (X[:0], [], "x is empty"),
    "NaN in the valid part": (VALID_NAN, LENGTHS, r"the first nan at \[2, 3, 0\]"),
    "lists of unequal length": ([[1.0, 2.0], [3.0]], [2, 1], "pad_sequences"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("use", USES)
def test_one_line(model, use, case):
    x, lengths, message = BAD[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        USES[use](model, x, lengths)
    assert "\n" not in str(caught.value)


def test_nan_in_the_padding_has_no_effect(model):
    clean, dirty = (ng.fit(NET, x, TAGS, lengths=LENGTHS, epochs=2).params for x in (X, PADDING_NAN))
    jax.tree.map(np.testing.assert_array_equal, clean, dirty)
    np.testing.assert_array_equal(model.predict(X, LENGTHS)[2, :4], model.predict(PADDING_NAN, LENGTHS)[2, :4])
    assert model.evaluate(X, TAGS, lengths=LENGTHS) == model.evaluate(PADDING_NAN, TAGS, lengths=LENGTHS)


def test_more_padding_gives_the_same_model():
    longer = np.pad(X, ((0, 0), (0, 5), (0, 0))), np.pad(TAGS, ((0, 0), (0, 5)))
    first = ng.fit(NET, X, TAGS, lengths=LENGTHS, epochs=3)
    second = ng.fit(NET, *longer, lengths=LENGTHS, epochs=3)
    np.testing.assert_allclose(second.history["loss"], first.history["loss"], rtol=1e-5)
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6), second.params, first.params)


def test_targets_in_the_padding_have_no_effect_and_others_are_checked():
    net = ng.Sequential([ng.GRU(2), ng.Dense(1)])
    y = RNG.normal(size=(4, 6, 1))
    y[3, 5] = np.nan
    assert np.isfinite(ng.fit(net, X, y, lengths=LENGTHS, epochs=1).history["loss"]).all()
    y[3, 1] = np.nan
    with pytest.raises(ng.DataError, match=r"y has 1 value that is not finite, the first nan at \[3, 1, 0\]"):
        ng.fit(net, X, y, lengths=LENGTHS, epochs=1)
    with pytest.raises(ng.ShapeError, match="y has rows of differing length"):
        ng.fit(net, X, [[1.0], [1.0, 2.0], [1.0], [1.0]], lengths=LENGTHS, epochs=1)


@pytest.mark.parametrize("symbol", [5, -1, 0.5, np.nan])
def test_unknown_symbols(symbol):
    net = ng.Sequential([ng.Embedding(5, 2), ng.RNN(2), ng.Dense(5)])
    ids = np.array([[0, 1, symbol], [1, 2, 3]])
    said = (
        "not finite" if np.isnan(symbol) else rf"label {float(symbol)} at \[0, 2\]: expected whole numbers from 0 to 4"
    )
    with pytest.raises(ng.DataError, match=said):
        ng.fit(net, ids, np.zeros((2, 3), int), epochs=1)
    model = ng.fit(net, ids, np.zeros((2, 3), int), lengths=[2, 3], epochs=1)  # in the padding it is none
    with pytest.raises(ng.DataError, match=said):
        model.predict(ids)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (np.zeros((4, 3)), r"a state of shape \(N, 6\), found \(\(3,\),\)"),
        (np.zeros((4, 1, 6)), r"a state of shape \(N, 6\)"),
        (np.zeros((3, 6)), "x has 4 examples but state has 3"),
        (np.full((4, 6), np.nan), "state has 24 values that are not finite"),
    ],
)
def test_a_given_state_of_the_wrong_shape(continued, state, message):
    with pytest.raises(ng.NetgradError, match=message):
        continued.predict({"x": X, "state": state})


def test_a_carried_state_of_the_wrong_shape():
    layer = ng.LSTM(3)
    params = layer.init(jax.random.key(0), (6, 2))
    for state in (np.zeros((2, 6)), np.zeros((4, 3))):
        with pytest.raises(ng.ShapeError, match=r"a state of shape \(4, 6\), found"):
            layer.forward(params, jnp.asarray(X), ng.Context(state={"state": state}))


@pytest.mark.parametrize("place", ["dropout", "recurrent_dropout"])
def test_one_mask_serves_all_time_steps_of_a_sequence(place):
    """With a mask on what comes in, or on what comes from before, each step repeats the same arithmetic."""
    layer = ng.RNN(30, "identity", **{place: 0.5})
    W = 0.5 * jnp.eye(30)
    params = {"W_x": jnp.eye(30), "W_h": W if place == "recurrent_dropout" else 0 * W, "b": jnp.zeros(30)}
    x = jnp.ones((3, 5, 30))
    h = np.asarray(layer.forward(params, x, ng.Context(training=True, key=jax.random.key(0)))[0])
    if place == "dropout":
        dropped = h == 0  # at every step the same inputs are missing
        np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 5, axis=1))
    else:
        dropped = h[:, 1:] == 1  # nothing of the state before arrived
        np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 4, axis=1))
        np.testing.assert_allclose(h[:, 1:][~dropped].max(), 5, rtol=1e-6)  # kept: 1 + 2 * h / 2
    assert 0.2 < dropped.mean() < 0.8
    assert not (dropped[0] == dropped[1]).all()
