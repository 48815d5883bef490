"""Glimpses of pictures: where they look, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

SHARP = -6.0  # log variance: one pixel
AS_IT_IS = [0.0, 0.0, SHARP, 0.0, 0.0]  # of a patch as large as the picture


def read(picture, aim, size):
    a, _ = ng.GlimpseRead(size).forward({}, (jnp.asarray(picture), jnp.asarray([aim])), ng.Context())
    return np.asarray(a)


def test_sharp_filters_read_and_write_the_pixels_that_they_lie_on():
    picture = np.random.default_rng(0).normal(size=(1, 7, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(read(picture, AS_IT_IS, 7), picture, rtol=1e-5)
    # Three filters, a pixel apart, around the pixel in row 2 and column 4: (L - 1)/2 + (L + 1)/2 y = 3 + 4 y.
    corner = [-1 / 4, 1 / 4, SHARP, np.log(2 / 6), np.log(3.0)]
    np.testing.assert_allclose(read(picture, corner, 3), 3 * picture[:, 1:4, 3:6], rtol=1e-5)
    patch = picture[:, :3, :3]
    written, _ = ng.GlimpseWrite(7, 7).forward({}, (patch, jnp.asarray([corner])), ng.Context())
    expected = np.zeros_like(picture)
    expected[:, 1:4, 3:6] = patch / 3
    np.testing.assert_allclose(written, expected, atol=1e-5)


def test_without_a_place_it_reads_the_whole():
    picture = np.random.default_rng(0).normal(size=(1, 7, 5, 1)).astype(np.float32)
    alone, saved = ng.GlimpseRead(3).forward({}, picture, ng.Context())
    np.testing.assert_array_equal(alone, read(picture, [0.0] * 5, 3))
    np.testing.assert_allclose(saved["filters_y"].sum(-1), 1, rtol=1e-6)  # also of those beyond the picture
    assert np.isfinite(read(picture, [30.0, -30.0, SHARP, 0.0, 0.0], 3)).all()


@pytest.mark.parametrize("size", [1, 2.0, True])
def test_a_patch_has_at_least_two_filters(size):
    with pytest.raises(ng.NetgradError, match="size must be a whole number of at least 2, found"):
        ng.GlimpseRead(size)


def test_a_picture_has_a_height_and_a_width():
    with pytest.raises(ng.NetgradError, match="width must be a whole number of at least 1, found 0"):
        ng.GlimpseWrite(3, 0)


@pytest.mark.parametrize("in_shape", [(5, 4), ((5, 4, 1), (4,)), ((5, 4, 1), (5,), (5,))])
def test_other_inputs_than_pictures_are_refused(in_shape):
    with pytest.raises(ng.NetgradError, match=r"GlimpseRead needs a picture .*, alone or with five numbers"):
        ng.GlimpseRead(2).out_shape(in_shape)


@pytest.mark.parametrize("in_shape", [(3, 3, 1), ((3, 2, 1), (5,)), ((1, 1, 1), (5,)), ((3, 3, 1), (4,))])
def test_other_inputs_than_patches_are_refused(in_shape):
    with pytest.raises(ng.NetgradError, match=r"GlimpseWrite needs a patch \(N, n, n, C\) of at least 2 x 2 and five"):
        ng.GlimpseWrite(3, 3).out_shape(in_shape)
