"""What networks in the studio learn from."""

import numpy as np
import pytest

from netgrad.errors import DataError, NetgradError
from netgrad.studio.examples import TITLES, arrays, divided, gallery, table, text
from netgrad.studio.sources import examples


@pytest.mark.parametrize("name", TITLES)
def test_the_gallery_is_the_same_at_every_call(name):
    first, again = gallery(name), gallery(name)
    np.testing.assert_array_equal(first.x, again.x)
    assert first.x.dtype == np.float32
    assert len(first.x_held) >= 4 or first.held is None  # the text's four examples are all trained on
    if first.classes:
        assert set(np.unique(first.y)) <= set(range(first.outputs))
    else:
        assert first.y.shape == (*first.x.shape[: 2 if first.over_time else 1], first.outputs)


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


def test_a_folder_of_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name, grey in (("day", 240), ("night", 10)):
        (tmp_path / name).mkdir()
        for i in range(6):
            image.new("L", (5, 4), grey + i).save(tmp_path / name / f"{i}.png")
    found = examples({"folder": str(tmp_path)})
    assert (found.classes, found.shape, len(found.x_held)) == (("day", "night"), (4, 5, 1), 3)


def test_a_text_is_windows_of_symbols(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("to be or not to be\n" * 40)
    found = examples({"text": str(path)})
    assert found.over_time
    assert found.symbols == "".join(found.classes) == "\n benort"
    np.testing.assert_array_equal(found.x[:, 1:], found.y[:, :-1])
    assert found.x.dtype == np.int32
    path.write_text("too short")
    with pytest.raises(DataError, match=r"t.txt has 9 characters: the studio needs 161 at least"):
        text(path)


def test_sequences_have_a_target_for_each_step_or_one(tmp_path):
    path = tmp_path / "s.csv"
    rows = [f"{i},{t},{(i * t) % 5},{'ab'[i % 2]},{'xy'[t % 2]}" for i in range(8) for t in range(3 + i % 3)]
    path.write_text("\n".join(["id,t,v,whole,each", *rows]))
    source = {"table": str(path), "id": "id", "time": "t"}
    whole, each = (examples(source | {"target": target}) for target in ("whole", "each"))
    assert (whole.y.ndim, each.y.ndim) == (1, 2)
    assert (whole.over_time, each.classes) == (True, ("x", "y"))
    assert sorted([*each.lengths, *each.lengths_held]) == sorted(3 + i % 3 for i in range(8))
    with pytest.raises(DataError, match=r"which column of s.csv is to be predicted\? It has id, t, v, whole, each"):
        examples(source)
    with pytest.raises(DataError, match="'ID'"):
        examples(source | {"target": "each", "id": "ID"})
