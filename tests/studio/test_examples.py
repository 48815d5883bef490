"""What networks in the studio learn from."""

import numpy as np
import pytest

from netgrad.errors import DataError, NetgradError
from netgrad.studio.examples import TITLES, arrays, divided, examples, gallery, table


@pytest.mark.parametrize("name", TITLES)
def test_the_gallery_is_the_same_at_every_call(name):
    first, again = gallery(name), gallery(name)
    np.testing.assert_array_equal(first.x, again.x)
    assert first.x.dtype == np.float32
    assert len(first.x_held) >= 4 or first.held is None  # the text's four examples are all trained on
    if first.classes:
        assert set(np.unique(first.y)) <= set(range(first.outputs))
    else:
        assert first.y.shape == (len(first.x), first.outputs)


def test_an_unknown_name_is_refused():
    with pytest.raises(NetgradError, match="unknown data set 'spirals': did you mean 'spiral'"):
        gallery("spirals")


def test_a_table_is_encoded(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("size,kind,price\n" + "".join(f"{i * i % 37},{'ab'[i % 2]},{3 * i}\n" for i in range(40)))
    found = examples({"table": str(path), "target": "price"})
    assert found.features == ("size", "kind=a", "kind=b")
    assert (found.x.shape, found.y.shape, found.x_held.shape) == ((30, 3), (30, 1), (10, 3))
    assert table(path, "kind").classes == ("a", "b")
    with pytest.raises(DataError, match=r"which column of t.csv is to be predicted\? It has size, kind, price"):
        table(path, None)


def test_too_few_are_refused(tmp_path):
    with pytest.raises(DataError, match="toy has 3 examples: the studio holds a quarter out, and needs at least 4"):
        divided("toy", np.zeros((3, 1)), np.zeros(3))


def test_arrays_come_back(tmp_path):
    x, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    np.savez(tmp_path / "a.npz", x=x, y=y, classes=np.array(["no", "yes"]))
    assert arrays(tmp_path / "a.npz").classes == ("no", "yes")
    np.savez(tmp_path / "b.npz", x=x, y=y, classes=np.array([], str), x_held=x[:2], y_held=y[:2])
    np.testing.assert_array_equal(examples({"arrays": tmp_path / "b.npz"}).x_held, x[:2])
