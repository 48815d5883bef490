"""The gated cells against the numbers that the texts print."""

import jax
import numpy as np

from netgrad.experiments import gates


def test_lstm_forget_gate_forward():
    found = gates.lstm_forward()
    np.testing.assert_allclose(found["z"], [6, -6, 0], atol=2e-6)
    np.testing.assert_allclose(found["f"], [0.997527377, 0.002472623, 0.5], atol=2e-6)
    np.testing.assert_allclose(found["c"], [0.997527377, 0.002472623, 0.5], atol=2e-6)


def test_lstm_one_time_step_back():
    with jax.enable_x64(True):
        found = gates.lstm_backward()
    np.testing.assert_allclose(found["delta_f"], [0.064732317, 0.141057014], atol=2e-6)
    printed = [
        [0.064732317, 0.006473232, 0.051785854, 0.058259085],
        [0.141057014, 0.014105701, 0.112845611, 0.126951313],
    ]
    np.testing.assert_allclose(found["d_W_f"], printed, atol=2e-6)


def test_forget_gate_update():
    with jax.enable_x64(True):
        np.testing.assert_allclose(gates.forget_gate(), [-0.796, 1.05, -1.0, -0.353, 0.85], atol=1e-9)
