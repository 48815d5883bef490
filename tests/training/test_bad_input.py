"""Every unusable input or setting gets one line that says what was found and what was expected."""

import numpy as np
import pytest

import netgrad as ng

X = np.random.default_rng(0).normal(size=(8, 3))
Y = np.array([0, 1] * 4)


def net(units=2, **dense):
    return ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(units, **dense)])


CASES = {
    "no examples": (lambda: ng.fit(net(), X[:0], Y[:0]), "x is empty"),
    "NaN in inputs": (lambda: ng.fit(net(), np.where(X > 1, np.nan, X), Y), "not finite"),
    "text in inputs": (lambda: ng.fit(net(), np.full((8, 3), "a"), Y), "expected numbers"),
    "different numbers of examples": (lambda: ng.fit(net(), X, Y[:5]), "8 examples but y has 5"),
    "a label out of range": (lambda: ng.fit(net(), X, np.arange(8)), "expected whole numbers from 0 to 1"),
    "a label that is no number": (lambda: ng.fit(net(), X, Y + 0.5, loss="softmax_cross_entropy"), "label 0.5"),
    "one class of text": (lambda: ng.fit(net(), X, ["a"] * 8), "expected at least two"),
    "targets of another shape": (lambda: ng.fit(net(), X, np.zeros((8, 5))), "do not fit the network's output"),
    "NaN in targets": (lambda: ng.fit(net(1), X, np.where(X > 1, np.nan, X)[:, 0]), "not finite"),
    "softmax over one unit": (lambda: ng.fit(net(1), X, Y, loss="softmax_cross_entropy"), "two or more output units"),
    "a link function twice": (
        lambda: ng.fit(net(2, activation="softmax"), X, Y, loss="softmax_cross_entropy"),
        "leave that layer's activation out",
    ),
    "a softmax of one unit": (lambda: ng.fit(net(1, activation="softmax"), X, Y), "which always answers 1: leave the"),
    "an unknown loss": (lambda: ng.fit(net(), X, Y, loss="softmax"), "did you mean 'softmax_cross_entropy'"),
    "an unknown optimizer": (lambda: ng.fit(net(), X, Y, optimizer="adm"), "did you mean 'adam'"),
    "a rate below zero": (lambda: ng.fit(net(), X, Y, learning_rate=-1), "learning_rate must be positive"),
    "a rate for a ready optimiser": (
        lambda: ng.fit(net(), X, Y, optimizer=__import__("optax").sgd(0.1), learning_rate=1.0), "already has its own"),
    "no optimiser": (lambda: ng.fit(net(), X, Y, optimizer=3), "a name or an optax optimiser"),
    "no epochs": (lambda: ng.fit(net(), X, Y, epochs=0), "epochs must be a whole number of at least 1"),
    "half a batch": (lambda: ng.fit(net(), X, Y, batch_size=0.5), "batch_size must be a whole number"),
    "validation of everything": (lambda: ng.fit(net(), X, Y, validation=1.5), "a share between 0 and 1"),
    "too few to hold out": (lambda: ng.fit(net(), X[:1], Y[:1], validation=0.5), "too few"),
    "patience of zero": (lambda: ng.fit(net(), X, Y, patience=0), "patience must be"),
    "a negative penalty": (lambda: ng.L2(-1), "must not be negative"),
    "a ratio beyond one": (lambda: ng.ElasticNet(1, ratio=2), r"\[0, 1\]"),
    "clipping to nothing": (lambda: ng.fit(net(), X, Y, clip_norm=0), "clip_norm"),
    "a reduction": (lambda: ng.fit(net(), X, Y, reduction="max"), "'mean' or 'sum'"),
    "lengths without time": (lambda: ng.fit(net(), X[:, 0], Y, lengths=Y + 1), "no time axis"),
    "a loss for no output": (lambda: ng.fit(net(), X, Y, loss={"y": "squared_error"}), "unknown output 'y'"),
    "weights below zero": (lambda: ng.fit(net(), X, Y, sample_weight=Y - 0.5), "must not be negative"),
    "R beyond 2": (lambda: ng.PowerError(3.0), "1 <= R <= 2"),
    "another number of features": (lambda: ng.fit(net(), X, Y, epochs=1).predict(X[:, :2]), "do not fit this model"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line(case):
    call, message = CASES[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def seeded(seed):
    """Everything that takes a seed, by name."""
    model = ng.untrained(ng.Sequential([ng.Dense(2), ng.Dropout(), ng.Dense(1)]), X, X.sum(1))
    text = ng.untrained(ng.Sequential([ng.Embedding(2, 2), ng.Dense(2)]), np.zeros((1, 3), int), np.zeros((1, 3), int))
    text.card["vocabulary"] = ng.data.Vocabulary("ab").to_config()
    small = {"epochs": 1, "seed": seed}
    yield "fit", lambda: ng.fit(net(), X, Y, **small)
    yield "fit with remedies", lambda: ng.fit(net(), X, Y, fix=True, validation=0.5, **small)
    yield "untrained", lambda: ng.untrained(net(), X, Y, seed=seed)
    yield "init", lambda: net().init(seed, (3,))
    yield "monte_carlo", lambda: model.monte_carlo(X, samples=2, seed=seed)
    yield "sample", lambda: ng.sample(text, "a", 3, seed=seed)
    yield "cross_validate", lambda: ng.cross_validate(net(1), X, X[:, 0], folds=2, **small)
    yield "bootstrap", lambda: ng.bootstrap(net(1), X, X[:, 0], repeats=2, **small)
    yield "three_way_split", lambda: ng.three_way_split(X, Y, (0.5, 0.25, 0.25), seed=seed)
    yield "find_learning_rate", lambda: ng.find_learning_rate(net(), X, Y, steps=10, seed=seed)
    yield "check_gradients", lambda: ng.check_gradients(net(), X, Y, seed=seed)
    yield "split", lambda: ng.data.split(X, Y, seed=seed)
    yield "load", lambda: ng.data.datasets.load("iris", seed=seed)
    yield "reber", lambda: ng.data.reber(2, min_length=5, seed=seed)


@pytest.mark.parametrize(
    "seed", [-1, 2**32, 2**63, 2**70, True, 1.0, "1", None, np.nan, np.int8(-1), np.arange(3)], ids=repr
)
def test_seeds_that_are_none(seed):
    for name, use in seeded(seed):
        with pytest.raises(ng.NetgradError, match="seed must be a whole number from 0 to 4294967295, found") as caught:
            use()
        assert "\n" not in str(caught.value), name


def test_seeds_of_other_kinds():
    for name, use in seeded(np.uint32(2**32 - 1)):
        assert use() is not None, name
    once, again = (ng.fit(net(), X, Y, epochs=1, seed=seed) for seed in (7, np.array(7)))
    np.testing.assert_array_equal(once.predict_proba(X), again.predict_proba(X))


def test_numbers_of_numpy_are_as_good_as_plain_ones(tmp_path):
    settings = {"epochs": 2, "batch_size": 4, "epochs_per_call": 1, "seed": 3}
    rates = {"learning_rate": 0.25, "clip_norm": 1.0}
    plain = ng.fit(net(), X, Y, **settings, **rates)
    kinds = {name: np.int64(value) for name, value in settings.items()}
    kinds |= {name: np.float32(value) for name, value in rates.items()}
    model = ng.fit(net(), X, Y, **kinds, checkpoint=tmp_path / "kept")
    assert ng.load(model.save(tmp_path / "model.safetensors")).history.settings == plain.history.settings
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    with pytest.raises(ng.NetgradError, match="epochs must be a whole number"):
        ng.fit(net(), X, Y, epochs=True)
