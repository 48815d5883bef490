"""Samples that are kept as a model learns: when, of which noise, and what is refused."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.tasks import RBM
from tests.training.task_cases import GAN, mixture

X = np.random.default_rng(0).random((40, 6)).astype("f4")
NET = ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(6)])


def test_they_are_of_one_noise_and_come_at_their_epochs_whatever_a_program_holds():
    model = ng.fit(NET, X, epochs=5, callbacks=[ng.Samples(every=2, count=3, seed=4)])
    assert [epoch for epoch, _ in model.history.samples] == [0, 2, 4, 5]
    np.testing.assert_array_equal(model.history.samples[-1][1], model.sample(3, seed=4))
    np.testing.assert_array_equal(
        model.history.samples[0][1], ng.untrained(NET, X).sample(3, seed=4)
    )  # of the first weights
    at_once = ng.fit(NET, X, epochs=5, epochs_per_call=3, callbacks=[ng.Samples(every=2, count=3, seed=4)])
    assert [epoch for epoch, _ in at_once.history.samples] == [0, 3, 5]
    machine = ng.train(RBM(3), (X > 0.5).astype(float), epochs=1, callbacks=[ng.Samples(count=2)])
    assert [drawn.shape for _, drawn in machine.history.samples] == [(2, 6), (2, 6)]


def test_a_run_that_goes_on_from_a_checkpoint_has_them_all(tmp_path):
    whole = ng.fit(NET, X, epochs=4, callbacks=[ng.Samples(every=1)], checkpoint=tmp_path / "whole")
    ng.fit(NET, X, epochs=2, callbacks=[ng.Samples(every=1)], checkpoint=tmp_path / "parts")
    parts = ng.fit(NET, X, epochs=4, callbacks=[ng.Samples(every=1)], checkpoint=tmp_path / "parts")
    for (epoch, drawn), (other, again) in zip(whole.history.samples, parts.history.samples, strict=True):
        assert epoch == other
        np.testing.assert_array_equal(drawn, again)


PLAIN = ng.Autoencoder([ng.Dense(2)], [ng.Dense(6)])
WRONG = {
    "no whole number": (lambda: ng.Samples(every=0), "every is a whole number of at least 1, found 0"),
    "another shape": (
        lambda: ng.fit(NET, X, callbacks=[ng.Samples(shape=(2, 2))]),
        r"6 numbers, which are no \(2",
    ),
    "single codes": (lambda: ng.fit(PLAIN, X, callbacks=[ng.Samples()]), "end the encoder in ng.Gaussian"),
    "no samples": (lambda: ng.train(GAN(), mixture(50), callbacks=[ng.Samples()]), "a model that has `sample`, and"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind):
    made, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        made()
    assert "\n" not in str(raised.value)
