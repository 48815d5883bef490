"""Training driven by hand gives the numbers of `netgrad.fit`."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.studio import Design, Trainer
from netgrad.studio.examples import gallery

DATA = gallery("circles")
DESIGN = Design.of({"data": "circles", "layers": [{"kind": "dense", "units": 4, "activation": "tanh"}], "seed": 3})


@pytest.fixture(scope="module")
def trainer():
    return Trainer(DESIGN.network(DATA), DESIGN.settings(DATA), DATA)


def test_steps_and_epochs_in_any_mixture_are_those_of_fit(trainer):
    fitted = ng.fit(DESIGN.network(DATA), DATA.x, DATA.y, epochs=4, **DESIGN.settings(DATA))
    trainer.reset()
    trainer.step()  # a part of the first epoch by hand, the rest of it, and three epochs at once
    assert trainer.batch == 1
    assert trainer.at == pytest.approx(1 / trainer.batches)
    while trainer.epoch < 4:
        trainer.advance(4 - trainer.epoch)
    assert [row["loss"] for row in trainer.rows] == pytest.approx(fitted.history["loss"].tolist(), rel=1e-5)
    np.testing.assert_allclose(trainer.carry.params["dense_1"]["W"], fitted.params["dense_1"]["W"], rtol=1e-5)
    assert trainer.model().evaluate(DATA.x_held, DATA.y_held)["loss"] == pytest.approx(trainer.scores()["held_loss"])


def test_a_reset_draws_the_same_weights(trainer):
    trainer.reset()
    first = np.array(trainer.carry.params["dense_1"]["W"])
    trainer.step()
    assert (np.array(trainer.carry.params["dense_1"]["W"]) != first).any()
    trainer.reset()
    np.testing.assert_array_equal(trainer.carry.params["dense_1"]["W"], first)
    assert (trainer.epoch, trainer.batch, trainer.rows) == (0, 0, [])


def test_a_rate_of_half_moves_half_as_far(trainer):
    def moved(rate):
        trainer.reset()
        trainer.set_rate(rate)
        before = np.array(trainer.carry.params["dense_1"]["W"])
        trainer.step()
        return np.array(trainer.carry.params["dense_1"]["W"]) - before

    np.testing.assert_allclose(moved(0.005), 0.5 * moved(0.01), rtol=1e-3, atol=1e-7)
    trainer.reset()
    assert trainer.rate == 0.01


def test_an_epoch_that_takes_long_is_done_in_parts(trainer):
    trainer.reset()
    trainer.took = 10.0
    assert trainer.advance() in (0, 1)
    assert trainer.took < 10.0


def test_a_long_history_is_thinned(trainer, monkeypatch):
    monkeypatch.setattr("netgrad.studio.trainer.MOST_ROWS", 300)
    trainer.reset()
    while trainer.epoch < 400:
        trainer.advance()
    assert len(trainer.rows) <= 364
    assert [row["epoch"] for row in trainer.rows] == sorted({row["epoch"] for row in trainer.rows})
    assert trainer.rows[-1]["epoch"] == trainer.epoch
