"""Positions: what the sines say, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netgrad as ng
from netgrad.layers.positions import sinusoids


@settings(max_examples=20)
@given(st.integers(0, 200), st.integers(0, 50), st.integers(1, 6))
def test_a_shift_is_a_rotation_that_does_not_know_where(at, shift, pairs):
    """Vaswani et al. 3.5: p_(t + k) is a linear function of p_t, and so p_t . p_(t + k) depends on k alone."""
    d = 2 * pairs
    p = np.asarray(sinusoids(jnp.array([0, shift, at, at + shift]), d), float)
    np.testing.assert_allclose(p[0] @ p[1], p[2] @ p[3], atol=1e-3)
    np.testing.assert_allclose((p**2).sum(-1), pairs, rtol=1e-5)


def test_odd_widths_end_in_a_sine():
    p = np.asarray(sinusoids(jnp.arange(4), 3))
    np.testing.assert_allclose(p[:, 2], np.sin(np.arange(4) / 10000 ** (2 / 3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ng.Positions("learned"), "learned positions have an end, give longest"),
        (lambda: ng.Positions("rotary"), "must be one of sinusoidal, learned, found 'rotary'"),
        (lambda: ng.Positions(longest=0), "longest must be a whole number of at least 1, found 0"),
        (lambda: ng.Positions().out_shape((5,)), "needs sequences"),
    ],
)
def test_what_positions_refuse(make, said):
    with pytest.raises(ng.NetgradError, match=said):
        make()


def test_longer_than_the_positions_is_one_line_wherever_it_comes_from():
    x, y = np.zeros((4, 6, 2)), np.zeros((4, 6, 1))
    net = ng.Sequential([ng.Positions("learned", longest=6), ng.Dense(1)])
    model = ng.untrained(net, x, y)
    long = np.zeros((4, 7, 2))
    for use in (lambda: model.predict(long), lambda: ng.fit(net, long, np.zeros((4, 7, 1)), epochs=1)):
        with pytest.raises(ng.ShapeError, match=r"has 6 positions, found sequences of 7 steps: cut them, or") as told:
            use()
        assert "\n" not in str(told.value)
