"""Samples by epoch in the report: of pictures, points and curves, and of what is given back."""

import re

import numpy as np
import pytest

import netgrad as ng
from netgrad.report.samples import MOST_ROWS, drawn_by_epoch, sample_grid
from netgrad.training.history import History

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_pictures_stand_in_a_row_an_epoch_dark_on_light_on_the_scale_of_the_data(channels):
    data = np.zeros((3, 4, 5, *channels))
    data[0] = 10.0
    drawn = np.full((2, 4, 5, *channels), 5.0)
    drawn[1] = 99.0  # beyond the data: as far as their scale goes
    axes = sample_grid([(0, drawn), (7, drawn)], data).axes
    assert [ax.get_ylabel() for ax in axes] == ["epoch 0", "epoch 7", "data"]
    strip = axes[1].get_images()[0].get_array()
    assert strip.shape == (4, 3 * 6 - 1, 3)
    grey = channels != (3,)
    np.testing.assert_allclose(strip[0, [0, 6, 12], 0], [0.5, 0 if grey else 1, 1])  # the third has no sample
    np.testing.assert_allclose(axes[2].get_images()[0].get_array()[0, [0, 6], 0], [0, 1] if grey else [1, 0])


def test_points_and_curves_have_a_panel_an_epoch_on_the_axes_of_the_data():
    points = RNG.normal(size=(50, 2))
    axes = sample_grid([(0, points * 100), (5, points)], points).axes
    assert [ax.get_title(loc="left") for ax in axes[:3]] == ["epoch 0", "epoch 5", "data"]
    np.testing.assert_allclose(axes[1].lines[0].get_xydata(), points)
    assert axes[0].get_xlim() == axes[2].get_xlim()
    waves = RNG.normal(size=(8, 12, 1))
    (_, shown, *_) = sample_grid([(1, waves)], waves).axes
    assert len(shown.lines) == 8
    np.testing.assert_allclose(shown.lines[0].get_ydata(), waves[0, :, 0])


def test_the_report_of_a_variational_autoencoder_shows_what_it_draws_and_gives_back(tmp_path):
    x = RNG.random((60, 16))
    net = ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(16)])
    model = ng.fit(net, x, epochs=2, callbacks=[ng.Samples(shape=(4, 4))])
    page = ng.report.write(model, x, None, tmp_path / "report.html").read_text()
    titles = re.findall("<h2>(.*)</h2>", page)
    assert titles[:3] == ["Learning curve", "Samples by epoch", "What is given back"]
    assert "on 60 test examples" in page
    assert 'aria-label="Samples after 0, 1, 2 epochs, and 10 examples of the data"' in page
    error = ((model.predict(x[:10]) - x[:10]) ** 2).mean()
    assert f"mean squared error {error:.3g}" in page


def test_many_epochs_are_thinned_and_none_leave_the_part_out():
    assert list(drawn_by_epoch(History(), RNG.random((5, 2)))) == []
    history = History(samples=[(k, RNG.random((4, 2))) for k in range(50)])
    (section,) = drawn_by_epoch(history, RNG.random((5, 2)))
    assert len(re.findall(r"epoch \d", section.figure)) == MOST_ROWS
    assert "epoch 0<" in section.figure
    assert "epoch 49<" in section.figure
