"""Stacks and recomputed blocks: what the contract does not say of them."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis import diagnose
from netgrad.network import backward, forward, fused, next_state
from netgrad.network.composite import MOST_WRITTEN_OUT

RNG = np.random.default_rng(0)
D_OUT = RNG.normal(size=(40, 3))
X, Y = RNG.normal(size=(40, 4)).astype(np.float32), RNG.integers(0, 3, 40)


def block():
    return ng.Residual([ng.Dense(4, activation="tanh"), ng.BatchNorm(), ng.Dense(4)])


def stacked(n=3):
    return ng.Sequential([ng.Dense(4), ng.Stack(block(), n), ng.Dense(3)])


def written_out(n=3):
    return ng.Sequential([ng.Dense(4), *(block() for _ in range(n)), ng.Dense(3)])


def spread(tree, n=3):
    """A stack's parameters or state under the names of the blocks written out."""
    own = {
        f"residual_{i + 1}/{name}": jax.tree.map(lambda v, i=i: v[i], value)
        for i in range(n)
        for name, value in tree["stack_1"].items()
    }
    return {name: value for name, value in tree.items() if name != "stack_1"} | own


def test_a_stack_is_its_copies_written_out(x64):
    params, state = stacked().init(0, (4,))
    plain = written_out()
    run = forward(stacked(), params, state, {"x": X}, training=True)
    flat = forward(plain, spread(params), spread(state), {"x": X}, training=True)
    np.testing.assert_allclose(run.outputs["dense_2"], flat.outputs["dense_2"], rtol=1e-9)
    ours = backward(stacked(), params, run.saved, {"dense_2": D_OUT})
    theirs = backward(plain, spread(params), flat.saved, {"dense_2": D_OUT})
    for name, gradient in spread(ours.params).items():
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10), gradient, theirs.params[name]
        )
    delta = ours.nodes["stack_1"].delta["dense_1"]
    np.testing.assert_allclose(delta[1], theirs.nodes["residual_2/dense_1"].delta, rtol=1e-8)


@pytest.mark.parametrize("n", [2, MOST_WRITTEN_OUT + 1])
def test_a_stack_of_images_is_its_copies_written_out(n):
    """Few copies are compiled one by one, more in a loop that keeps images with the examples last."""

    def block(name=None):
        first, second = (ng.Conv(3, 3, padding="same", bias=False) for _ in range(2))
        return ng.Residual([first, ng.BatchNorm(), ng.ReLU(), second, ng.BatchNorm()], name=name)

    stack = ng.Sequential([ng.Conv(3, 3), ng.Stack([block("block"), ng.ReLU()], n), ng.GlobalPool()])
    copies = [part for _ in range(n) for part in (block(), ng.ReLU())]
    plain = ng.Sequential([ng.Conv(3, 3), *copies, ng.GlobalPool()])
    x, d_out = RNG.normal(size=(8, 7, 7, 2)).astype(np.float32), RNG.normal(size=(8, 3)).astype(np.float32)
    params, state = stack.init(0, (7, 7, 2))

    def flat(tree):
        own = {
            name.replace("block", f"residual_{i + 1}"): jax.tree.map(lambda v, i=i: v[i], value)
            for i in range(n)
            for name, value in tree["stack_1"].items()
        }
        return {name: value for name, value in tree.items() if name != "stack_1"} | own

    def whole(net, params, state):
        run = forward(net, params, state, {"x": x}, training=True)
        back = backward(net, params, run.saved, {"global_pool_1": d_out})
        return run.outputs, back.params, next_state(net, state, run.saved)

    run = jax.jit(whole, static_argnums=0)
    wanted = run(plain, flat(params), flat(state))
    for net in (stack, fused(stack)):
        outputs, *rest = run(net, params, state)
        found = outputs, *map(flat, rest)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), found, wanted)
    assert [type(node.layer).__name__ for node in fused(stack).nodes[1].layer.block.nodes][1] == "NormReLU"


def test_the_program_does_not_grow_with_the_copies():
    def size(n):
        net = stacked(n)
        params, state = net.init(0, (4,))
        return len(jax.jit(lambda p: forward(net, p, state, {"x": X}, training=True).outputs).lower(params).as_text())

    assert size(200) < 1.02 * size(10)


def test_everything_works_on_a_stack(tmp_path):
    model = ng.fit(stacked(), X, Y, epochs=3, seed=1)
    before = stacked().init_state((4,))["stack_1"]["batch_norm_1"]
    after = model.state["stack_1"]["batch_norm_1"]
    assert all((after[key] != before[key]).any() for key in before)
    trace = model.trace(X[:5], Y[:5])
    assert trace["stack_1/dense_2"].delta.shape == (3, 5, 4)
    assert trace["stack_1/dense_1"].dW.shape == (3, 4, 4)
    assert "stack_1/dense_1 (Dense)" in repr(trace)
    again = ng.load(model.save(tmp_path / "deep.safetensors"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.network == model.network
    assert "Stack(4 layers, 3)" in str(model.network.summary((4,)))
    assert model.network.draw((4,)) is not None
    assert ng.check_gradients(stacked(), X[:9], Y[:9]).ok
    assert "stack_1" in ng.report.write(model, X, Y, tmp_path / "deep.html").read_text()


def test_a_number_that_is_not_finite_is_found_inside():
    model = ng.untrained(stacked(), X, Y)
    model.params["stack_1"]["dense_2"]["b"] = model.params["stack_1"]["dense_2"]["b"].at[2, 0].set(np.nan)
    assert model.trace(X, Y).first_non_finite() == "z of layer stack_1/dense_2 (forward)"


def test_a_deep_stack_is_not_taken_for_one_with_large_weights():
    net = ng.Sequential([ng.Dense(4), ng.Stack(ng.Residual([ng.Dense(4, activation="tanh")]), 64), ng.Dense(3)])
    assert "initialisation_scale" not in diagnose(ng.untrained(net, X, Y), X, Y)


def test_onnx_writes_every_copy(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    for net in (stacked(), ng.Sequential([ng.Recomputed(block()), ng.Dense(3)])):
        model = ng.fit(net, X, Y, epochs=1)
        session = runtime.InferenceSession(ng.exchange.to_onnx(model, tmp_path / "deep.onnx"))
        (scores, *_) = session.run(None, {"x": X})
        np.testing.assert_allclose(scores, model.predict_proba(X), atol=2e-6)


def test_activations_in_a_block_come_back_from_a_file(tmp_path):
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    net = ng.Sequential([ng.Stack([ng.Dense(4), ng.BatchNorm(), ng.ReLU()], 2), ng.Recomputed(ng.Tanh()), ng.Dense(2)])
    model = ng.untrained(net, x, [0, 1] * 3)
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    assert again.network == model.network
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_recomputing_changes_no_number_and_keeps_less():
    layers = [ng.Dense(64, activation="tanh"), ng.Dense(64, activation="tanh"), ng.Dense(4)]
    plain = ng.Sequential([ng.Stack(layers, 40), ng.Dense(3)])
    thrifty = ng.Sequential([ng.Stack(ng.Recomputed(layers), 40), ng.Dense(3)])
    params, _ = plain.init(0, (4,))
    inner = {"recomputed_1": params["stack_1"]}
    x, key = RNG.normal(size=(256, 4)).astype(np.float32), jax.random.key(1)

    def step(net):
        def run(p):
            done = forward(net, p, {}, {"x": x}, training=True, key=key)
            return backward(net, p, done.saved, {"dense_1": jax.numpy.ones((256, 3))}).params

        return jax.jit(run)

    same = {"stack_1": inner, "dense_1": params["dense_1"]}
    programs = [step(net).lower(p).compile() for net, p in ((plain, params), (thrifty, same))]
    kept, made_again = (program.memory_analysis().temp_size_in_bytes for program in programs)
    assert made_again < kept / 3
    ours, theirs = programs[1](same)["stack_1"]["recomputed_1"], programs[0](params)["stack_1"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max()), ours, theirs)
    fewer = ng.Sequential([ng.Recomputed([ng.Dense(8, activation="tanh"), ng.BatchNorm(), ng.Dense(3)])])
    model = ng.fit(fewer, X, Y, epochs=2)
    statistics = model.state["recomputed_1"]["batch_norm_1"]
    assert any(np.abs(v).max() > 0 for v in jax.tree.leaves(statistics))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ng.Stack(ng.Dense(3), 0), "n must be a whole number of at least 1, found 0"),
        (
            lambda: ng.Stack(ng.Dense(3), 2).init(jax.random.key(0), (4,)),
            r"but it makes \(3,\) of \(4,\)",
        ),
        (lambda: ng.Stack(ng.Bidirectional(ng.RNN(2)), 2).stream_state(3, (5, 4)), "it looks ahead to the end"),
        (lambda: ng.Ensemble(ng.LSTM(4), 2).stream_state(3, (5, 4)), "lstm_1 in it carries a state on"),
        (lambda: ng.Stack("dense", 2), "takes layers and networks, found 'd'"),
        (
            lambda: ng.Recomputed(ng.Network(x := ng.Input(), {"a": ng.Dense(1)(x), "b": ng.Dense(1)(x)})),
            "one input and one output, found the inputs x and the outputs a, b",
        ),
    ],
)
def test_mistakes(build, message):
    with pytest.raises(ng.NetgradError, match=message):
        build()


def test_symbols_are_checked_before_they_enter_a_stack():
    net = ng.Sequential([ng.Recomputed([ng.Embedding(5, 4), ng.Flatten()]), ng.Dense(3)])
    with pytest.raises(ng.DataError):
        ng.untrained(net, np.full((40, 2), 7), Y)
