"""Training that goes on where it was: 2 epochs and 2 more are 4, to the bit."""

import jax
import numpy as np
import optax
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 4)).astype(np.float32), RNG.normal(size=50).astype(np.float32)
NET = ng.Sequential([ng.Dense(5, activation="tanh"), ng.BatchNorm(), ng.Dropout(0.2), ng.Dense(1)])


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, (one.params, one.state), (other.params, other.state))


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "validation": 0.2},
        {"optimizer": optax.noisy_sgd(0.05, key=3)},
        {"optimizer": "momentum", "learning_rate": optax.cosine_decay_schedule(0.1, 12), "frozen": "dense_1/b"},
    ],
    ids=["adam", "with-a-key", "schedule-and-frozen"],
)
def test_two_and_two_are_four(settings, tmp_path):
    four = ng.fit(NET, X, Y, epochs=4, **settings)
    two = ng.fit(NET, X, Y, epochs=2, keep_optimizer=True, **settings)
    read = ng.load(two.save(tmp_path / "two.safetensors"))
    for begun in (two, read):
        more = ng.fit(begun, X, Y, epochs=2, keep_optimizer=True, **settings)
        same(more, four)
        assert more.history.rows == four.history.rows
    assert len(two.history) == 2
    assert more.optimizer_state.epochs == 4
    anew = ng.fit(two, X, Y, epochs=2, **settings)
    assert anew.optimizer_state is None
    assert (anew.params["dense_1"]["W"] != four.params["dense_1"]["W"]).any()


def test_with_checkpoints_and_a_schedule_by_name(tmp_path):
    two = ng.fit(NET, X, Y, epochs=2, keep_optimizer=True, schedule="cosine")
    settings = {"epochs": 2, "keep_optimizer": True, "schedule": "cosine", "checkpoint": tmp_path}
    first = ng.fit(two, X, Y, **settings)
    same(ng.fit(two, X, Y, **settings), first)
    assert [row["epoch"] for row in first.history] == [1, 2, 3, 4]


def test_a_file_without_is_as_before(tmp_path):
    model = ng.fit(NET, X, Y, epochs=1)
    assert ng.load(model.save(tmp_path / "m.safetensors")).optimizer_state is None
    kept = ng.fit(NET, X, Y, epochs=1, keep_optimizer=True)
    sizes = [m.save(tmp_path / "m.safetensors").stat().st_size for m in (model, kept)]
    assert sizes[1] > sizes[0]


def test_what_cannot_go_on_is_said():
    kept = ng.fit(NET, X, Y, epochs=1, keep_optimizer=True)
    for settings, message in (
        ({"optimizer": "sgd"}, "keeps the state of the optimizer 'adam', found 'sgd': give the same one"),
        ({"frozen": "dense_1"}, "is not of these parameters and settings: give the same as before"),
    ):
        with pytest.raises(ng.NetgradError, match=message):
            ng.fit(kept, X, Y, epochs=1, keep_optimizer=True, **settings)
    plain = ng.fit(NET, X, Y, epochs=1)
    with pytest.warns(ng.NetgradWarning, match="keeps no state of its optimizer, which therefore starts anew"):
        ng.fit(plain, X, Y, epochs=1, keep_optimizer=True)


def test_what_changes_the_parameters_drops_it():
    kept = ng.fit(NET, X, Y, epochs=1, keep_optimizer=True)
    assert kept.masked("dense_1/W", np.ones((4, 5))).optimizer_state is None


@pytest.mark.parametrize("change", [{"epochs": "two"}, {"epochs": -1}, {"name": 3}, None, "more"])
def test_an_altered_state_is_refused(change):
    from netgrad.training.files import describe, flatten, rebuild

    kept = ng.fit(NET, X, Y, epochs=1, keep_optimizer=True)
    arrays = flatten({"params": kept.params, "state": kept.state})
    arrays |= {f"optimizer/{i}": array for i, array in enumerate(kept.optimizer_state.arrays)}
    config = describe(kept) | {"optimizer": {"name": "adam", "epochs": 1}}
    assert rebuild(config, arrays).optimizer_state.epochs == 1
    if change == "more":
        arrays["optimizer/x"] = np.zeros(3)
    elif change is None:
        del config["optimizer"]
    else:
        config["optimizer"] |= change
    with pytest.raises(ng.FileError, match="state of the optimizer in the file is not as it was written"):
        rebuild(config, arrays)
