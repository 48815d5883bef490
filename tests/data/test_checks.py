"""What the array checks let through, and the one line that they say about the rest."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from netgrad.data.checks import as_examples, as_labels, as_lengths, same_examples, valid_steps
from netgrad.errors import DataError, NetgradError, ShapeError

NAN = float("nan")


def test_an_array_that_fits_is_not_copied():
    x = np.ones((3, 2), np.float32)
    assert as_examples(x) is x


@pytest.mark.parametrize(
    "x",
    [
        [[True, False]],
        [[1, 2]],
        np.array([[1, 2]], dtype=object),
        np.array([[1, 2]], np.uint8),
        np.array([[1.0, 2.0]], np.float16),
    ],
)
def test_all_kinds_of_numbers_become_float32(x):
    floats = as_examples(x)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, np.asarray(x, np.float32))


def test_jax_arrays_pass_bfloat16_among_them():
    import jax.numpy as jnp

    np.testing.assert_array_equal(as_examples(jnp.ones((2, 3), jnp.bfloat16)), np.ones((2, 3), np.float32))


def test_float64_where_asked():
    assert as_examples([[1e300]], dtype=np.float64)[0, 0] == 1e300


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((0, 4)), DataError, "x is empty, of shape (0, 4)"),
        (np.zeros((4, 0)), DataError, "x is empty, of shape (4, 0)"),
        (3.0, ShapeError, "single number"),
        ([[1.0, 2.0], [1.0]], ShapeError, "rows of differing length"),
        ([["1.5", "blue"]], DataError, "'blue'"),
        (np.array([[1.0, "blue"]], dtype=object), DataError, "x holds 'blue' at [0, 1]"),
        (np.array([[1 + 2j]]), DataError, "x holds complex128 values"),
        (csr_matrix(np.eye(3)), DataError, "x holds <Compressed"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), DataError, "encode text and dates"),
        (
            [[1.0, NAN], [NAN, float("inf")]],
            DataError,
            "3 values that are not finite, the first nan at [0, 1]",
        ),
        ([[1.0, float("-inf")]], DataError, "first -inf at [0, 1]"),
        ([[1e39, 1.0]], DataError, "too large for float32, the first 1e+39 at [0, 0]"),
    ],
)
def test_bad_examples_give_one_line(x, error, words):
    with pytest.raises(error) as caught:
        as_examples(x)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shape_of_one_example_is_checked():
    x = np.zeros((5, 3, 2))
    assert as_examples(x, shape=(None, 2)).shape == x.shape
    with pytest.raises(ShapeError, match=r"inputs has shape \(5, 3, 2\): expected \(N, any, 4\)"):
        as_examples(x, "inputs", shape=(None, 4))
    with pytest.raises(ShapeError, match=r"expected \(N, 6\)"):
        as_examples(x, shape=(6,))
    with pytest.raises(ShapeError, match=r"expected \(N,\)"):
        as_examples(x, shape=())


def test_nan_in_the_padding_becomes_zero_and_inside_the_sequence_is_an_error():
    x = np.ones((2, 3, 2))
    x[0, 2] = NAN
    lengths = np.array([2, 3])
    clean = as_examples(x, lengths=lengths)
    np.testing.assert_array_equal(clean[0, 2], 0)
    assert np.isnan(x[0, 2]).all(), "the caller's array must stay as it was"
    x[1, 2, 1] = NAN
    with pytest.raises(DataError, match=r"1 value .* at \[1, 2, 1\]"):
        as_examples(x, lengths=lengths)


@pytest.mark.parametrize("y", [[0, 1, -1], [0, 1, 3], [0.5, 1, 2], [0, NAN, 1], ["a", "b", "c"]])
def test_bad_labels_are_refused(y):
    with pytest.raises(DataError):
        as_labels(y, classes=3)


def test_labels_without_a_number_of_classes():
    assert as_labels([5, 0]).tolist() == [5, 0]
    with pytest.raises(DataError, match=r"from 0$"):
        as_labels([-2])


def test_labels_beyond_the_end_do_not_count():
    y = [[1, -1], [0, 1]]
    assert as_labels(y, 2, lengths=np.array([1, 2])).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(DataError, match=r"label -1 at \[0, 1\]"):
        as_labels(y, 2, lengths=np.array([2, 2]))


def test_lengths():
    assert as_lengths(None, 2, 5).tolist() == [5, 5]
    for wrong in ([0, 1], [1, 6], [1, 2.5], [1, NAN]):
        with pytest.raises(DataError, match="expected whole numbers from 1 to 5"):
            as_lengths(wrong, 2, 5)
    for wrong in ([1], [[1, 2]], 3):
        with pytest.raises(ShapeError, match="lengths has shape"):
            as_lengths(wrong, 2, 5)


def test_valid_steps_counts_the_lengths():
    lengths = np.array([1, 4, 2])
    np.testing.assert_array_equal(valid_steps(lengths, 4).sum(axis=1), lengths)


def test_same_examples():
    assert same_examples(x=[1, 2], y=None) == 2
    with pytest.raises(NetgradError, match="x has 2 examples but lengths has 1"):
        same_examples(x=[1, 2], y=[1, 2], lengths=[3])


def test_objects_that_are_no_numbers_are_found_without_listing_all_places():
    with pytest.raises(DataError, match=r"b''\) at \[0\]: expected numbers"):
        as_examples(np.lib.stride_tricks.as_strided(np.zeros(1, "S1"), (10**13,), (0,)).astype("S1", copy=False))
    with pytest.raises(DataError, match=r"whole number at \[1\] that is too large"):
        as_examples([1, 10**400])
