"""Training: what is learned, what is reproducible, and what stops a run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

import netgrad as ng

X = np.random.default_rng(0).normal(size=(23, 3))
Y = (X.sum(1) > 0).astype(int)


def mlp(units=2):
    return ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(units)])


def leaves(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model.params)]


def same(a, b):
    return all((p == q).all() for p, q in zip(leaves(a), leaves(b), strict=True))


def test_digits_are_learned():
    digits = load_digits()
    x = digits.data / 16
    net = ng.Sequential([ng.Dense(64, activation="relu"), ng.Dense(10)])
    model = ng.fit(net, x[:1400], digits.target[:1400], epochs=30)
    assert model.evaluate(x[1400:], digits.target[1400:])["accuracy"] > 0.9


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    one, two, other = (ng.fit(mlp(), X, Y, epochs=3, batch_size=4, seed=s) for s in (1, 1, 2))
    assert same(one, two)
    assert not same(one, other)


def test_an_epoch_is_plain_gradient_descent_over_its_batches():
    """The compiled epoch against a loop by hand, with a remainder batch and no shuffling."""
    model = ng.fit(mlp(), X, Y, optimizer=optax.sgd(0.1), epochs=2, batch_size=5, shuffle=False, seed=3)
    start = ng.untrained(mlp(), X, Y, seed=3)
    params = start.params
    for _ in range(2):
        for i in range(0, 23, 5):
            now = ng.Model(start.network, params, {}, start.objective, start.shapes)
            trace = now.trace(X[i : i + 5], Y[i : i + 5], reduction="mean")
            params = {
                name: {"W": p["W"] - 0.1 * trace[name].dW, "b": p["b"] - 0.1 * trace[name].db}
                for name, p in params.items()
            }
    for a, b in zip(leaves(model), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_epochs_per_call_changes_nothing():
    one = ng.fit(mlp(), X, Y, epochs=6, batch_size=4)
    three = ng.fit(mlp(), X, Y, epochs=6, batch_size=4, epochs_per_call=4)
    assert same(one, three)
    np.testing.assert_array_equal(one.history["loss"], three.history["loss"])


def test_shuffling_uses_every_example_once():
    from netgrad.training.epoch import epoch_order

    order = epoch_order(jax.random.key(5), 23, True)
    assert sorted(order.tolist()) == list(range(23))
    assert order.tolist() != list(range(23))


@pytest.mark.parametrize("batch_size", [None, 1, 7, 100])
def test_batch_sizes(batch_size):
    model = ng.fit(mlp(), X, Y, epochs=2, batch_size=batch_size)
    assert len(model.history) == 2


def test_training_goes_on_from_a_model():
    model = ng.fit(mlp(), X, Y, epochs=5)
    more = ng.fit(model, X, Y, epochs=5)
    assert more.history["loss"][0] < model.history["loss"][0]
    with pytest.raises(ng.NetgradError, match="its own objective"):
        ng.fit(model, X, Y, loss="softmax_cross_entropy")


def test_text_labels_come_back_as_text():
    labels = np.array(["no", "yes"])[Y]
    model = ng.fit(mlp(), X, labels, epochs=100, learning_rate=0.02)
    assert set(model.predict(X)) <= {"no", "yes"}
    assert model.evaluate(X, labels)["accuracy"] > 0.9


def test_data_frames_are_encoded():
    import pandas as pd

    table = pd.DataFrame({"size": X[:, 0] * 100, "kind": np.where(X[:, 1] > 0, "a", "b")})
    target = (X[:, 1] > 0).astype(int)
    model = ng.fit(mlp(), table, target, epochs=100, learning_rate=0.02)
    assert model.evaluate(table, target)["accuracy"] == 1
    assert model.shapes == {"x": (3,)}


def test_several_outputs_with_their_losses():
    x = ng.Input()
    h = ng.Dense(6, activation="tanh")(x)
    net = ng.Network(x, {"sign": ng.Dense(2)(h), "sum": ng.Dense(1)(h)})
    y = {"sign": Y, "sum": X.sum(1)}
    model = ng.fit(net, X, y, loss={"sign": "softmax_cross_entropy", "sum": "squared_error"}, epochs=200,
                   learning_rate=0.02, loss_weights={"sum": 0.5})  # fmt: skip
    scores = model.evaluate(X, y)
    assert scores["sign.accuracy"] > 0.9
    assert scores["sum.r2"] > 0.9
    assert set(model.predict(X)) == {"sign", "sum"}


def test_sample_weights_of_zero_leave_examples_out():
    w = (np.arange(23) < 12).astype(float)
    weighted = ng.fit(mlp(), X, Y, epochs=5, batch_size=None, sample_weight=w, optimizer="sgd")
    alone = ng.fit(mlp(), X[:12], Y[:12], epochs=5, batch_size=None, optimizer="sgd")
    for a, b in zip(leaves(weighted), leaves(alone), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_validation_examples_have_weights_and_lengths():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4, 2)), rng.integers(0, 2, 12)
    net = ng.Sequential([ng.RNN(3, returns="last"), ng.Dense(2)])
    lengths, weights = rng.integers(1, 5, 12), rng.integers(0, 3, 12).astype(float)
    model = ng.fit(net, x, y, validation=(x, y, lengths, weights), epochs=1)
    assert model.history["val_loss"][0] == pytest.approx(model.evaluate(x, y, weights, lengths)["loss"], rel=1e-6)
    without = ng.fit(net, x, y, validation=(x, y, None, weights), epochs=1)
    assert without.history["val_loss"][0] == pytest.approx(without.evaluate(x, y, weights)["loss"], rel=1e-6)


def test_weight_decay_is_l2_for_gradient_descent():
    """The update W <- (1 - eta alpha) W - eta dE/dW of Z&M 26.4.1 against the penalty in the loss."""
    penalised = ng.fit(mlp(), X, Y, epochs=4, optimizer=optax.sgd(0.1), penalty=ng.L2(0.3), shuffle=False)
    weights_only = optax.masked(optax.add_decayed_weights(0.3), lambda p: jax.tree_util.tree_map_with_path(
        lambda path, _: path[-1].key.startswith("W"), p))  # fmt: skip
    decayed = ng.fit(mlp(), X, Y, epochs=4, optimizer=optax.chain(weights_only, optax.sgd(0.1)), shuffle=False)
    for a, b in zip(leaves(penalised), leaves(decayed), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_clipping_bounds_the_step():
    start = ng.untrained(mlp(), 100 * X, Y)
    model = ng.fit(mlp(), 100 * X, Y, optimizer=optax.sgd(1.0), clip_norm=0.01, epochs=1, batch_size=None)
    moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(leaves(model), leaves(start), strict=True)))
    np.testing.assert_allclose(moved, 0.01, rtol=1e-3)


def test_schedules_count_steps():
    schedule = lambda step: 1.0 / (1 + step)  # noqa: E731
    a = ng.fit(mlp(), X, Y, optimizer="sgd", learning_rate=schedule, epochs=3, batch_size=10)
    b = ng.fit(mlp(), X, Y, optimizer=optax.sgd(schedule), epochs=3, batch_size=10)
    assert same(a, b)


def test_early_stopping_returns_the_best_parameters():
    rng = np.random.default_rng(1)
    model = ng.fit(
        ng.Sequential([ng.Dense(50, activation="tanh"), ng.Dense(2)]),
        rng.normal(size=(30, 10)), rng.integers(0, 2, 30),
        learning_rate=0.05, epochs=200, patience=5, validation=(rng.normal(size=(30, 10)), rng.integers(0, 2, 30)),
    )  # fmt: skip
    losses = model.history["val_loss"]
    assert len(losses) == losses.argmin() + 1 + 5
    assert "no better for 5 epochs" in model.history.stopped
    held_x = np.random.default_rng(1)
    held_x.normal(size=(30, 10)), held_x.integers(0, 2, 30)
    assert model.evaluate(held_x.normal(size=(30, 10)), held_x.integers(0, 2, 30))["loss"] == pytest.approx(
        losses.min()
    )


def test_early_stopping_follows_the_texts_algorithm():
    """As good as the best counts as better; patience counts worse epochs in a row (Kelleher, algorithm 1)."""
    from types import SimpleNamespace

    errors = [5, 4, 4, 6, 5, 3, 4, 4, 4, 1]
    stopper, stopped = ng.EarlyStopping(patience=3), []
    run = SimpleNamespace(history=ng.History(), carry=None, epoch=0, stop=stopped.append)
    stopper.on_start(run)
    for epoch, error in enumerate(errors, 1):
        run.epoch, run.carry = epoch, f"parameters {epoch}"
        run.history.append({"epoch": epoch, "val_loss": error})
        stopper.on_epoch(run)
        if stopped:
            break
    stopper.on_end(run)
    assert (epoch, run.carry) == (9, "parameters 6")


def test_callbacks_see_the_run_and_can_stop_it():
    seen = []

    class Watch(ng.Callback):
        def on_epoch(self, run):
            seen.append((run.epoch, run.model().predict(X).shape))
            if run.epoch == 3:
                run.stop("enough")

    model = ng.fit(mlp(), X, Y, epochs=10, callbacks=[Watch()])
    assert seen == [(1, (23,)), (2, (23,)), (3, (23,))]
    assert model.history.stopped == "enough"


def test_divergence_names_epoch_batch_and_layer():
    with pytest.raises(ng.DivergenceError, match=r"epoch \d+, batch \d+: .* layer dense_\d") as caught:
        ng.fit(mlp(1), 100 * X, X.sum(1) * 1e3, optimizer="sgd", learning_rate=1e9, epochs=20, batch_size=4)
    assert "\n" not in str(caught.value)


def test_divergence_finds_the_step_in_the_middle_of_an_epoch():
    """One poisoned example: it overflows in z of the second layer, in the batch that holds it."""
    x = np.ones((12, 1))
    x[7] = 1e34
    net = ng.Sequential([ng.Dense(1, initializer="constant"), ng.Dense(1, initializer=ng.Constant(1e6))])
    with pytest.raises(ng.DivergenceError, match=r"epoch 1, batch 3: .* z of layer dense_2"):
        ng.fit(net, x, np.zeros(12), optimizer=optax.sgd(0.0), epochs=2, batch_size=3, shuffle=False)


def test_lbfgs_gets_its_line_search():
    model = ng.fit(mlp(1), X, X.sum(1), optimizer="lbfgs", batch_size=None, epochs=60)
    assert model.evaluate(X, X.sum(1))["r2"] > 0.99


def test_penalties_act_through_the_objective():
    free, tied = (ng.fit(mlp(), X, Y, epochs=50, penalty=p) for p in (None, [ng.L2(0.1), ng.L1(0.01)]))
    assert sum(np.abs(p).sum() for p in leaves(tied)) < sum(np.abs(p).sum() for p in leaves(free))


def test_float64_throughout(x64):
    model = ng.fit(mlp(), X, Y, epochs=1)
    assert all(leaf.dtype == np.float64 for leaf in leaves(model))


def test_padding_beyond_lengths_changes_no_loss():
    from netgrad.training.batch import Batch
    from netgrad.training.objective import Objective

    rng = np.random.default_rng(0)
    objective = Objective((("o", ng.SquaredError(), 1.0),))
    out, target = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3))
    lengths = jnp.array([4, 2])
    value, deltas = objective.errors({"o": jnp.asarray(out)}, Batch({}, {"o": jnp.asarray(target)}), {"o": lengths})
    target[1, 2:] = np.nan
    again, deltas_again = objective.errors(
        {"o": jnp.asarray(out)}, Batch({}, {"o": jnp.asarray(target)}), {"o": lengths}
    )
    assert value == again
    np.testing.assert_array_equal(deltas["o"], deltas_again["o"])
    assert (deltas["o"][1, 2:] == 0).all()
    short = 0.5 * (((out - target) ** 2)[0].sum() + ((out - target) ** 2)[1, :2].sum()) / 6
    np.testing.assert_allclose(value, short, rtol=1e-6)


def test_one_program_serves_all_strengths_of_a_penalty():
    from netgrad.training.epoch import _together

    net = ng.Sequential([ng.Dense(7, activation="tanh"), ng.Dense(1)])
    x, y = np.eye(5), np.arange(5.0)
    models = [ng.fit(net, x, y, penalty=ng.L2(alpha), epochs=3, seed=1) for alpha in (0.001, 0.5)]
    before = _together.cache_info().misses
    again = ng.fit(net, x, y, penalty=ng.L2(0.5), epochs=3, seed=1)
    other = ng.fit(net, x, y, penalty=ng.L2(0.7), epochs=3, seed=1)
    assert _together.cache_info().misses == before
    sizes = [float(np.abs(m.params["dense_1"]["W"]).sum()) for m in (models[0], again, other)]
    assert sizes[0] > sizes[1] > sizes[2]
    np.testing.assert_array_equal(models[1].params["dense_1"]["W"], again.params["dense_1"]["W"])
