"""The reference looks at a bounded part of the data, however wide they are."""

import numpy as np
import pytest

from netgrad.diagnosis import reference
from netgrad.training.batch import Batch


@pytest.mark.parametrize(("shape", "per_step"), [((5, 300_000), False), ((5, 2, 150_000), True)])
def test_of_a_million_columns_some_are_looked_at(shape, per_step):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = reference.features(Batch({"x": x}, {}, {}, {}), per_step, 2)
    assert found.shape == (10 if per_step else 5, reference.MOST_COLUMNS)
    assert np.isin(found, [*x.ravel(), 0]).all()
