"""The check of the digits' experiment can fail: on too many diverged runs, and on runs that end elsewhere."""

import numpy as np
import pytest

from netgrad.experiments import Result
from netgrad.experiments.mnist_cnn import compare

CNN = np.array([172, 168, 133, 144, 183, 210, 155, 626, 150, 160])
MLP = np.array([1062, 270, 235, 237, 254, 340, 261, 239, 1848, 240])


def rows(cnn, mlp, seed=0):
    result = Result()
    compare(result, np.asarray(cnn), np.asarray(mlp), seed)
    return {row.quantity: row for row in result.rows if row.ok is not None}


def test_diverged_runs_are_named_and_the_others_held_against_the_print():
    found = rows(CNN, MLP, seed=3)
    assert all(row.ok for row in found.values())
    assert found["CNN: runs of at most twice the text's errors"].here == "9 of 10; diverged: seed 10 (626)"
    assert (
        found["MLP: runs of at most twice the text's errors"].here == "8 of 10; diverged: seed 3 (1062), seed 11 (1848)"
    )


@pytest.mark.parametrize(
    ("cnn", "mlp", "wrong"),
    [
        (np.where(np.arange(10) < 4, 999, CNN), MLP, "CNN: runs of at most twice"),
        (CNN + 40, MLP, "CNN: errors of 10,000"),
        (CNN, MLP - 90, "MLP: errors of 10,000"),
        (CNN + 90, MLP, "three quarters of the CNNs"),
        (np.full(10, 9999), MLP, "CNN: errors of 10,000"),
    ],
)
def test_what_does_not_come_out_is_said(cnn, mlp, wrong):
    failed = [name for name, row in rows(cnn, mlp).items() if not row.ok]
    assert any(name.startswith(wrong) for name in failed), failed
