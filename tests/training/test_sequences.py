"""Training on sequences: pieces of long ones, several starts, decoders, and networks on their own outputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.data import Vocabulary, delayed, streams

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("cell", [ng.LSTM(3), ng.GRU(3)])
def test_states_go_on_from_piece_to_piece(cell):
    """With a tiny step nothing is learned, and the loss over the pieces is that of the whole sequences."""
    x, y, lengths = RNG.normal(size=(4, 11, 2)), RNG.normal(size=(4, 11, 1)), [11, 4, 1, 7]
    losses = [
        ng.fit(
            ng.Sequential([cell, cell.replace(), ng.Dense(1)]),
            x,
            y,
            lengths=lengths,
            optimizer="sgd",
            learning_rate=1e-9,
            batch_size=None,
            epochs=1,
            truncate=truncate,
        ).history["loss"][0]
        for truncate in (None, 3, 20)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


def test_the_gradient_stops_at_the_border_of_a_piece():
    """One step on the first piece alone, then one on the second from the carried state: by hand, and by fit."""
    x, y = RNG.normal(size=(1, 4, 1)), RNG.normal(size=(1, 4, 2))
    net = ng.Sequential([ng.RNN(2)])
    model = ng.fit(net, x, y, optimizer="sgd", learning_rate=0.5, batch_size=None, epochs=1, truncate=2, seed=3)
    layer, params = net.nodes[0].layer, ng.untrained(net, x, y, seed=3).params["rnn_1"]
    state = jnp.zeros((1, 2))
    for piece in (slice(0, 2), slice(2, 4)):

        def error(params, piece=piece, state=state):
            a, saved = layer.forward(params, (jnp.asarray(x[:, piece], jnp.float32), state), ng.Context())
            return 0.5 * ((a - y[:, piece]) ** 2).sum() / 2, saved["state"]

        (_, state), gradient = jax.value_and_grad(error, has_aux=True)(params)
        params = jax.tree.map(lambda p, g: p - 0.5 * g, params, gradient)
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-4), model.params["rnn_1"], params)
    assert model.state == {}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (ng.Dense(2), "recurrent"),
        (ng.RNN(2, reverse=True), "piece by piece"),
        (ng.Bidirectional(ng.RNN(1)), "piece by piece"),
        (ng.DelayTaps(2), "piece by piece"),
        (ng.Conv(2, 3, padding="same"), "piece by piece"),
        (ng.StateSpace([ng.Dense(2)]), "piece by piece"),
    ],
)
def test_networks_that_cannot_be_trained_in_pieces(layer, words):
    x = np.zeros((2, 6, 1))
    with pytest.raises(ng.NetgradError, match=words):
        ng.fit(ng.Sequential([layer]), x, np.zeros((2, 6, 2)), loss="squared_error", truncate=3)


def test_pieces_need_a_time_axis():
    with pytest.raises(ng.ShapeError, match="truncate"):
        ng.fit(ng.Sequential([ng.RNN(2, returns="last")]), np.zeros((2, 6, 1)), np.zeros((2, 2)), truncate=3)


def test_divergence_in_a_piece_is_named():
    x = np.full((1, 6, 1), 1e30)
    net = ng.Sequential([ng.RNN(2, "identity", recurrent_initializer=ng.Constant(1e6))])
    with pytest.raises(ng.DivergenceError, match=r"epoch 1, batch 1.*rnn_1"):
        ng.fit(net, x, np.zeros((1, 6, 2)), truncate=2, epochs=2)


def test_several_starts_keep_the_best():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
    options = {"optimizer": "adam", "learning_rate": 0.1, "epochs": 60, "batch_size": None}
    model = ng.fit(net, x, [0, 1, 1, 0], starts=5, **options)
    losses = [model.history[f"loss_{k}"] for k in range(1, 6)]
    assert len({loss[0].item() for loss in losses}) == 5
    np.testing.assert_allclose(model.history["loss"], np.min(losses, axis=0))
    # The kept parameters are the best start's: one more epoch goes on from its loss.
    again = ng.fit(model, x, [0, 1, 1, 0], **(options | {"epochs": 1}))
    assert again.history["loss"][0] < model.history["loss"][-1]
    with pytest.raises(ng.NetgradError, match="draw their own"):
        ng.fit(model, x, [0, 1, 1, 0], starts=2)


def test_starts_are_judged_on_the_validation_set():
    x, y = RNG.normal(size=(12, 3)), RNG.normal(size=12)
    held = RNG.normal(size=(6, 3)), RNG.normal(size=6)
    model = ng.fit(ng.Sequential([ng.Dense(1)]), x, y, validation=held, starts=3, epochs=2)
    assert model.evaluate(*held)["loss"] == pytest.approx(model.history["val_loss"][-1], rel=1e-5)


def test_a_start_that_diverges_drops_out():
    """Two weights in a row: gradient descent with step 1 falls to 0 from small ones and flies off from large ones."""
    x, y = np.array([[1.0]]), np.array([[0.0]])
    layer = ng.Dense(1, initializer=ng.Uniform(-3, 3), bias=False)
    net = ng.Sequential([layer, layer.replace()])
    model = ng.fit(net, x, y, optimizer="sgd", learning_rate=1.0, epochs=12, starts=6, loss="squared_error")
    finals = [model.history[f"loss_{k}"][-1] for k in range(1, 7)]
    assert not np.isfinite(finals).all()
    assert np.isfinite(model.history["loss"]).all()
    with pytest.raises(ng.DivergenceError, match="all 2 starts"):
        ng.fit(ng.Sequential([ng.Dense(1)]), x * 1e20, y, learning_rate=1e20, optimizer="sgd", starts=2, epochs=5)


def test_encoder_decoder_with_teacher_forcing():
    """Say a sequence of numbers backwards: the encoder's last state is all that the decoder gets to know of it."""
    classes, steps = 4, 3
    source = RNG.integers(0, classes, (200, steps))
    target = source[:, ::-1] + 1  # 0 stands before the first
    x, before = ng.Input("source"), ng.Input("before")
    state = ng.GRU(24, returns="state")(ng.Embedding(classes, 8)(x))
    said = ng.Dense(classes + 1)(ng.GRU(24)(ng.Embedding(classes + 1, 8)(before), state))
    model = ng.fit(
        ng.Network([x, before], said),
        {"source": source, "before": delayed(target)},
        target,
        learning_rate=0.02,
        epochs=40,
    )
    free = ng.unroll(model, {"source": source}, feedback="before", steps=steps)
    assert (free.argmax(-1) == target).mean() > 0.95


def test_narma_is_run_on_its_own_outputs():
    """y_t = 0.5 y_(t-1) - 0.3 y_(t-2) + x_t: learned with the true outputs, unrolled without them."""
    x = RNG.normal(size=(30, 12, 1))
    y = np.zeros_like(x)
    for t in range(12):
        y[:, t] = x[:, t] + 0.5 * y[:, t - 1] * (t > 0) - 0.3 * y[:, t - 2] * (t > 1)
    now, before = ng.Input("now"), ng.Input("before")
    out = ng.Dense(1)(ng.Concatenate()(ng.DelayTaps(2)(now), ng.DelayTaps(2)(before)))
    inputs = {"now": x, "before": delayed(y)}
    model = ng.fit(ng.Network([now, before], out), inputs, y, learning_rate=0.05, epochs=60)
    free = ng.unroll(model, {"now": x}, feedback="before", steps=12)
    assert np.sqrt(((free - y) ** 2).mean()) < 0.05 * y.std()


@pytest.fixture(scope="module")
def writer():
    text = "to be or not to be, that is the question. " * 12
    vocabulary = Vocabulary(text)
    x, y = streams(vocabulary.encode(text), rows=4)
    net = ng.Sequential([ng.Embedding(len(vocabulary), 8), ng.GRU(24), ng.Dense(len(vocabulary))])
    model = ng.fit(net, x, y, truncate=20, batch_size=None, epochs=60, learning_rate=0.03)
    model.card["vocabulary"] = vocabulary.to_config()
    return model


def test_a_character_model_writes_what_it_read(writer):
    assert ng.sample(writer, "not to ", 20, temperature=0) == "be, that is the ques"
    assert ng.sample(writer, "to", 30, seed=1) == ng.sample(writer, "to", 30, seed=1)


def test_writing_step_by_step_is_the_same_as_reading_the_whole(writer):
    vocabulary = Vocabulary.from_config(writer.card["vocabulary"])
    written = "to be" + ng.sample(writer, "to be", 12, temperature=0)
    logits = next(iter(writer.outputs(vocabulary.encode(written)[None]).values()))[0]
    assert vocabulary.decode(logits.argmax(-1)[4:-1]) == written[5:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prime": ""}, "prime is empty"),
        ({"prime": "x!"}, "symbol 'x'"),
        ({"length": 0}, "length"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_wrong_wishes(writer, change, words):
    with pytest.raises(ng.NetgradError, match=words):
        ng.sample(writer, **({"prime": "to", "length": 5} | change))


def test_models_that_cannot_write_or_unroll(writer):
    with pytest.raises(ng.NetgradError, match="one of x"):
        ng.unroll(writer, {}, feedback="before", steps=3)
    with pytest.raises(ng.NetgradError, match="vocabulary"):
        ng.sample(ng.untrained(ng.Sequential([ng.RNN(2)]), np.ones((1, 2, 1)), np.ones((1, 2, 2))), "a")


@pytest.mark.parametrize("truncate", [None, 50])
def test_sequences_of_a_hundred_thousand_steps(truncate):
    """Forward, back through all of them or in pieces, and in prediction."""
    x = np.random.default_rng(0).normal(size=(1, 100_000, 1))
    net = ng.Sequential([ng.LSTM(2), ng.Dense(1)])
    model = ng.fit(net, x, x, epochs=2, truncate=truncate, learning_rate=1e-3)
    losses = [row["loss"] for row in model.history.rows]
    assert losses[1] < losses[0]
    assert np.isfinite(model.predict(x)).all()
