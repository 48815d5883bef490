"""A report of a regression shows the bands of its posterior, and none without one."""

import re
from dataclasses import replace

import numpy as np
import pytest

import netgrad as ng
from netgrad.report.html import sections


def test_bands_of_a_posterior():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = 100 + 5 * x[:, 0] + rng.normal(size=300)
    net = ng.Sequential([ng.Dense(1)])
    model = ng.fit(net, x[:200], y[:200], optimizer="lbfgs", batch_size=None, epochs=50, epochs_per_call=50)
    model = ng.posterior(model, x[:200], y[:200])
    (found,) = [part for part in sections(model, x[200:], y[200:]) if part.title == "Bands"]
    share = float(re.search(r"([\d.]+)% lie within", found.text)[1])
    assert share == pytest.approx(100 * ng.uncertainty.coverage(model, x[200:], y[200:])[0.95], abs=0.06)
    assert 85 < share < 100
    assert "<svg" in found.figure
    bare = replace(model, posterior=None)
    assert all(part.title != "Bands" for part in sections(bare, x[200:], y[200:]))
