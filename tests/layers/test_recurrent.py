"""What the shared contract does not cover: states handed on, padding and order, dropout, and wrong input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netgrad as ng
from netgrad.layers import Context

CELLS = [
    ng.RNN(3),
    ng.RNN(3, "elu", reverse=True),
    ng.ForgetGateRNN(3),
    ng.LSTM(3, peepholes=True),
    ng.CoupledLSTM(3),
    ng.GRU(3),
    ng.Bidirectional(ng.LSTM(2), units=3),
]
T, N, D = 6, 4, 2


def ids(cell):
    return type(cell).__name__ + ("-reverse" if getattr(cell, "reverse", False) else "")


def drawn(layer, in_shape=(T, D)):
    return layer.init(jax.random.key(1), in_shape)


@pytest.fixture(scope="module", params=CELLS, ids=ids)
def step(request):
    """A network of this cell, and its loss and gradients as one compiled function of a batch of fixed shape."""
    from netgrad.training.batch import Batch
    from netgrad.training.objective import gradients

    network = ng.Sequential([request.param, ng.Dense(2)])
    x = np.zeros((N, T, D))
    model = ng.untrained(network, x, x, loss="squared_error")

    @jax.jit
    def run(x, y, lengths):
        batch = Batch({"x": x}, {"dense_1": y}, {}, {"x": lengths})
        looked = gradients(network, model.objective, model.params, model.state, batch, None)
        return looked.loss, looked.params, looked.run.outputs["dense_1"]

    return run


@settings(max_examples=15)
@given(st.data())
def test_padding_and_order_change_nothing(step, data):
    lengths = np.array(data.draw(st.lists(st.integers(1, T), min_size=N, max_size=N)))
    order = np.array(data.draw(st.permutations(range(N))))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x, y = rng.normal(size=(N, T, D)), rng.normal(size=(N, T, 2))
    padding = np.arange(T) >= lengths[:, None]
    filler = data.draw(st.sampled_from([0.0, 1e30, np.nan, np.inf]))
    dirty_x, dirty_y = (np.where(padding[..., None], filler, v) for v in (x, y))
    loss, d_params, a = step(*(jnp.asarray(v, jnp.float32) for v in (x, y)), jnp.asarray(lengths))
    again = (dirty_x[order], dirty_y[order])
    loss_2, d_params_2, a_2 = step(*(jnp.asarray(v, jnp.float32) for v in again), jnp.asarray(lengths[order]))
    np.testing.assert_allclose(loss_2, loss, rtol=1e-5)
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6), d_params_2, d_params)
    where = ~padding[order]
    np.testing.assert_allclose(np.asarray(a_2)[where], np.asarray(a)[order][where], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS[:6], ids=ids)
def test_a_sequence_in_two_parts_ends_where_the_whole_one_does(cell):
    """The final state of the first part, given to the second as its start."""
    x = jax.random.normal(jax.random.key(0), (N, T, D))
    whole = cell.replace(returns="state")
    params = drawn(whole)
    first, second = (x[:, 2:], x[:, :2]) if cell.reverse else (x[:, :2], x[:, 2:])
    middle, _ = whole.forward(params, first, Context())
    end, _ = whole.forward(params, (second, middle), Context())
    np.testing.assert_allclose(end, whole.forward(params, x, Context())[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS[:6], ids=ids)
def test_last_is_the_last_valid_step(cell):
    x, lengths = jax.random.normal(jax.random.key(0), (N, T, D)), jnp.array([6, 1, 4, 3])
    params = drawn(cell)
    h, _ = cell.forward(params, x, Context(lengths=lengths))
    last, _ = cell.replace(returns="last").forward(params, x, Context(lengths=lengths))
    expected = h[:, 0] if cell.reverse else h[jnp.arange(N), lengths - 1]
    np.testing.assert_allclose(last, expected, rtol=1e-6)


@pytest.mark.parametrize("cell", [ng.RNN(3), ng.LSTM(3)], ids=ids)
def test_reverse_is_forward_on_the_flipped_sequence(cell):
    x = jax.random.normal(jax.random.key(0), (N, T, D))
    params = drawn(cell)
    backwards, _ = cell.replace(reverse=True).forward(params, x, Context())
    np.testing.assert_allclose(backwards[:, ::-1], cell.forward(params, x[:, ::-1], Context())[0], rtol=1e-5)


def test_z_is_what_the_gates_were_made_of():
    layer = ng.LSTM(3, peepholes=True)
    x, lengths = jax.random.normal(jax.random.key(0), (N, T, D)), jnp.array([6, 1, 4, 3])
    _, saved = layer.forward(drawn(layer), x, Context(lengths=lengths))
    valid = np.arange(T) < np.asarray(lengths)[:, None]
    for gate, z in saved["z"].items():
        f = jnp.tanh if gate == "candidate" else jax.nn.sigmoid
        np.testing.assert_allclose(f(z)[valid], saved["gates"][gate][valid], rtol=1e-4, atol=1e-6)


def test_trace_shows_every_quantity_of_every_time_step():
    x = np.random.default_rng(0).normal(size=(N, T, D))
    model = ng.untrained(ng.Sequential([ng.LSTM(3), ng.Dense(1)]), x, x[..., :1], loss="squared_error")
    node = model.trace(x, x[..., :1])["lstm_1"]
    for quantity in (node.z, node.gates, node.delta):
        assert set(quantity) == {"input_gate", "forget_gate", "output_gate", "candidate"}
        assert all(part.shape == (N, T, 3) for part in quantity.values())
    assert node.h.shape == node.c.shape == (N, T, 3)


def test_the_trace_shows_the_gradients_of_states_and_gates_inside_everything():
    x = np.random.default_rng(0).normal(size=(N, T, 3))
    layers = [ng.LSTM(3), ng.Bidirectional(ng.GRU(3), units=3), ng.Stack(ng.Residual(ng.RNN(3)), 2), ng.Dense(1)]
    trace = ng.untrained(ng.Sequential(layers), x, x[..., :1], loss="squared_error").trace(x, x[..., :1])
    assert trace["lstm_1"].delta_h.shape == trace["lstm_1"].delta_c.shape == (N, T, 3)
    assert {gate: d.shape for gate, d in trace["lstm_1"].d_gates.items()} == dict.fromkeys(ng.LSTM.gates, (N, T, 3))
    for direction in ("forward", "backward"):
        assert trace["bidirectional_1"].delta_h[direction].shape == (N, T, 3)
        assert set(trace["bidirectional_1"].d_gates[direction]) == set(ng.GRU.gates)
    assert trace["stack_1/rnn_1"].delta_h.shape == (2, N, T, 3)
    assert "d_gates" not in trace["stack_1/rnn_1"].values
    np.testing.assert_allclose(
        trace["stack_1/rnn_1"].delta,
        trace["stack_1/rnn_1"].delta_h * (1 - trace["stack_1/rnn_1"].h ** 2),
        rtol=1e-4,
        atol=1e-7,
    )


def test_the_copies_of_an_ensemble_show_theirs():
    x = np.random.default_rng(0).normal(size=(N, T, 3))
    net = ng.Sequential([ng.Ensemble(ng.RNN(3), 2), ng.Dense(1)])
    node = ng.untrained(net, x, x[..., :1], loss="squared_error").trace(x, x[..., :1])["ensemble_1/rnn_1"]
    assert node.delta_h.shape == (2, N, T, 3)
    np.testing.assert_allclose(node.delta, node.delta_h * (1 - node.h**2), rtol=1e-4, atol=1e-7)


def sigmoid_of(p, x, h):
    """A gate as a function of its name."""
    return lambda gate: jax.nn.sigmoid(net(p, gate, x, h))


def net(p, gate, x, h):
    return x @ p[gate]["W_x"] + h @ p[gate]["W_h"] + p[gate]["b"]


# The cells once more, written down apart from the package, with `e` added to each state and gate where it arises.
def rnn(p, x, h, c, e):
    return jnp.tanh(x @ p["W_x"] + h @ p["W_h"] + p["b"]) + e["h"], c


def rnn_elu(p, x, h, c, e):
    return jax.nn.elu(x @ p["W_x"] + h @ p["W_h"] + p["b"]) + e["h"], c


def forget_gate(p, x, h, c, e):
    forget = sigmoid_of(p, x, h)("forget_gate") + e["forget_gate"]
    candidate = jnp.tanh(net(p, "candidate", x, h)) + e["candidate"]
    return forget * h + (1 - forget) * candidate + e["h"], c


def lstm(p, x, h, c, e):
    peep = {gate: p[gate].get("W_peephole", 0) for gate in ng.LSTM.gates}
    into = jax.nn.sigmoid(net(p, "input_gate", x, h) + peep["input_gate"] * c) + e["input_gate"]
    forget = jax.nn.sigmoid(net(p, "forget_gate", x, h) + peep["forget_gate"] * c) + e["forget_gate"]
    candidate = jnp.tanh(net(p, "candidate", x, h)) + e["candidate"]
    c = forget * c + into * candidate + e["c"]
    output = jax.nn.sigmoid(net(p, "output_gate", x, h) + peep["output_gate"] * c) + e["output_gate"]
    return output * jnp.tanh(c) + e["h"], c


def coupled_lstm(p, x, h, c, e):
    forget, output = (sigmoid_of(p, x, h)(gate) + e[gate] for gate in ("forget_gate", "output_gate"))
    candidate = jnp.tanh(net(p, "candidate", x, h)) + e["candidate"]
    c = forget * c + (1 - forget) * candidate + e["c"]
    return output * jnp.tanh(c) + e["h"], c


def gru(p, x, h, c, e):
    reset, update = (sigmoid_of(p, x, h)(gate) + e[gate] for gate in ("reset_gate", "update_gate"))
    candidate = jnp.tanh(net(p, "candidate", x, reset * h)) + e["candidate"]
    return (1 - update) * h + update * candidate + e["h"], c


def gru_after(p, x, h, c, e):
    of, (reset, update) = p["candidate"], (sigmoid_of(p, x, h)(g) + e[g] for g in ("reset_gate", "update_gate"))
    candidate = jnp.tanh(x @ of["W_x"] + reset * (h @ of["W_h"] + of["b_h"]) + of["b"]) + e["candidate"]
    return (1 - update) * h + update * candidate + e["h"], c


WRITTEN = [
    (ng.RNN(3), rnn),
    (ng.RNN(3, "elu"), rnn_elu),
    (ng.ForgetGateRNN(3), forget_gate),
    (ng.LSTM(3), lstm),
    (ng.LSTM(3, peepholes=True), lstm),
    (ng.CoupledLSTM(3), coupled_lstm),
    (ng.GRU(3), gru),
    (ng.GRU(3, reset_after=True), gru_after),
]


def test_every_cell_is_written_down_here():
    assert set(ng.layers.cells.CELLS.values()) == {type(layer) for layer, _ in WRITTEN}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("layer", "equations"), WRITTEN, ids=lambda v: getattr(v, "__name__", ""))
def test_gradients_of_states_and_gates_are_those_of_the_equations(layer, equations, reverse, x64):
    """Against automatic differentiation, and that against central differences."""
    layer = layer.replace(reverse=reverse)
    lengths, key = jnp.array([T, 1, 4, 3]), jax.random.key(0)
    x, d_out, noise = (jax.random.normal(jax.random.fold_in(key, i), (N, T, D + i), float) for i in range(3))
    d_out, noise = d_out[..., :1] * jnp.arange(1.0, 4), noise[..., :1] * jnp.array([1.0, -2.0, 0.5])
    params = jax.tree.map(lambda p: p + 0.3, drawn(layer))
    _, saved = layer.forward(params, x, Context(lengths=lengths))
    looked = layer.look_back(params, saved, d_out)
    names = ("h", "c")[: layer.memories] + layer.gates

    def error(e):
        h = c = jnp.zeros((N, 3))
        total = 0.0
        for t in reversed(range(T)) if reverse else range(T):
            valid = (t < lengths)[:, None]
            new_h, new_c = equations(params, x[:, t], h, c, {name: e[name][:, t] for name in names})
            h, c = jnp.where(valid, new_h, h), jnp.where(valid, new_c, c)
            total += jnp.where(valid, h * d_out[:, t], 0).sum()
        return total

    none = {name: jnp.zeros((N, T, 3)) for name in names}
    expected = jax.jit(jax.grad(error))(none)
    found = {name: looked[f"delta_{name}"] if name in ("h", "c") else looked["d_gates"][name] for name in names}
    assert len(jax.tree.leaves(looked)) == len(names)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)
        ends = [error(none | {name: by * noise}) for by in (1e-5, -1e-5)]
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, (found[name] * noise).sum(), rtol=1e-6, err_msg=name)


def test_one_dropout_mask_serves_the_whole_sequence():
    layer = ng.RNN(40, "identity", output_dropout=0.5, recurrent_initializer="zeros")
    x = jnp.ones((3, T, D))
    context = Context(training=True, key=jax.random.key(0))
    a, _ = layer.forward(drawn(layer), x, context)
    dropped = np.asarray(a == 0)
    assert 0.2 < dropped.mean() < 0.8
    assert (dropped == dropped[:, :1]).all()
    assert not (dropped[0] == dropped[1]).all()
    quiet, _ = layer.forward(drawn(layer), x, Context())
    assert not (quiet == 0).any()
    np.testing.assert_allclose(a, jnp.where(dropped, 0, 2 * quiet), rtol=1e-6)


def test_a_learned_state_is_learned():
    x = np.zeros((8, 3, 1))
    net = ng.Sequential([ng.RNN(2, learned_state=True), ng.Dense(1)])
    model = ng.fit(net, x, np.ones((8, 3, 1)), loss="squared_error", epochs=3, learning_rate=0.1)
    assert np.abs(model.params["rnn_1"]["state"]).min() > 0


def test_weights_are_penalised_and_biases_and_states_are_not():
    params = {"lstm_1": drawn(ng.LSTM(2, peepholes=True, learned_state=True))}
    gradient = ng.L2(1.0).gradient(params)["lstm_1"]
    assert (gradient["forget_gate"]["W_peephole"] != 0).any()
    assert (gradient["candidate"]["W_h"] != 0).any()
    assert not gradient["forget_gate"]["b"].any()
    assert not gradient["state"].any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ng.RNN(0), "at least 1"),
        (lambda: ng.RNN(2, returns="all"), "one of sequence, last, state"),
        (lambda: ng.LSTM(2, dropout=1.0), r"\[0, 1\)"),
        (lambda: ng.GRU(2).out_shape((5,)), "sequences"),
        (lambda: ng.LSTM(2).out_shape(((5, 3), (2,))), r"\(N, 4\)"),
        (lambda: ng.RNN(2, learned_state=True).out_shape(((5, 3), (2,))), "choose one"),
        (lambda: ng.Bidirectional(ng.Dense(2)), "recurrent"),
        (lambda: ng.Bidirectional(ng.RNN(2)).out_shape(((5, 3), (2,))), "one input"),
        (lambda: ng.DelayTaps(0), "at least 1"),
        (lambda: ng.Repeat(0), "at least 1"),
        (lambda: ng.Embedding(0, 2), "symbols"),
        (lambda: ng.StateSpace([]), "Dense"),
        (lambda: ng.RNN(2).forward(drawn(ng.RNN(2)), (jnp.ones((1, T, D)), jnp.ones((2, 2))), Context()), "state"),
    ],
)
def test_wrong_settings_get_one_line(make, words):
    with pytest.raises(ng.NetgradError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lengths": [7, 1]}, r"lengths\[0\] is 7"),
        ({"lengths": [3, 0]}, r"lengths\[1\] is 0"),
        ({"x": np.zeros((2, 0, 3))}, "empty"),
        (
            {"x": np.where(np.arange(18).reshape(2, 3, 3) == 4, np.nan, 0.0)},
            r"not finite, the first nan at \[0, 1, 1\]",
        ),
        ({"lengths": [3]}, "lengths"),
    ],
)
def test_wrong_sequences_get_one_line(change, words):
    given = {"x": np.zeros((2, 3, 3)), "y": np.zeros((2, 3, 2)), "lengths": [3, 2]} | change
    with pytest.raises(ng.NetgradError, match=words):
        ng.fit(ng.Sequential([ng.RNN(2)]), given["x"], given["y"], lengths=given["lengths"], epochs=1)


def test_nan_in_the_padding_has_no_effect():
    x, y = np.ones((2, 3, 1)), np.ones((2, 3, 2))
    dirty = x.copy()
    dirty[1, 2] = np.nan
    net = ng.Sequential([ng.RNN(2)])
    clean, other = (ng.fit(net, v, y, lengths=[3, 2], epochs=2).params for v in (x, dirty))
    jax.tree.map(np.testing.assert_array_equal, clean, other)


@pytest.mark.parametrize("bad", [5, -1, 0.5])
def test_unknown_symbols_are_refused(bad):
    net = ng.Sequential([ng.Embedding(5, 2), ng.RNN(2)])
    x, y = np.array([[0, 1, bad]]), np.zeros((1, 3, 2))
    with pytest.raises(ng.DataError, match="label"):
        ng.fit(net, x, y, epochs=1)
    ng.fit(net, x, y, lengths=[2], epochs=1)
