"""Some inputs of each kind in every run of the tests; `make fuzz` takes 200,000."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from .guard import Harm, harmless
from .run import harm, made, smaller
from .targets import SHARES, Streams
from .targets.base import Target

INPUTS = 150


@pytest.mark.parametrize("target", SHARES, ids=lambda target: target.__name__)
def test_strangers_do_no_harm(target, tmp_path):
    ours = target(tmp_path)
    for i in range(INPUTS):
        found = harm(ours, made(ours, 0, i))
        assert found is None, f"python -m tests.fuzz.run --only {target.__name__} --at {i}: {found}"


def test_there_are_200_000():
    assert sum(SHARES.values()) == 200_000


def test_an_input_is_drawn_from_its_number_alone(tmp_path, monkeypatch):
    kinds = [target for target in SHARES if target is not Streams]  # whose server would be started twice
    numbers = (7, 8, 9, 10, 11)
    before = {target: [made(target(tmp_path), 3, i) for i in numbers] for target in kinds}
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10**6)
    for target in kinds:
        ours = target(tmp_path)
        made(ours, 3, 1)
        assert [made(ours, 3, i) for i in numbers] == before[target], target
        assert len(set(before[target])) == len(numbers)


def test_harm_is_noticed(tmp_path):
    import pickle
    import subprocess

    from .targets.data import Bomb

    bomb = pickle.dumps(Bomb())
    for does in (
        lambda: pickle.loads(bomb),
        lambda: subprocess.run(["true"]),
        lambda: (tmp_path / "new").write_text(""),
        lambda: {}["no NetgradError"],
    ):
        with pytest.raises(Harm), harmless():
            does()
    assert list(tmp_path.iterdir()) == []


def test_time_and_memory_are_noticed():
    with pytest.raises(Harm, match=r"took memory: [3-9]"), harmless(room=200):
        np.ones(400 * 2**17)
    with harmless(room=200):
        np.ones(10 * 2**17)
    with pytest.raises(Harm, match=r"took long: more than 0.2 s of computing"), harmless(seconds=0.2):
        compute(5)


def compute(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


class Nines(Target):
    """Inputs of which those with a 9 do harm."""

    def valid(self):
        return [b"12345678" * 20]

    def take(self, data):
        if b"9" in data:
            raise KeyError("a nine")


def test_harmful_inputs_are_made_small(tmp_path):
    target = Nines(tmp_path)
    found = harm(target, b"1234567890" * 30)
    assert found.kind == "KeyError"
    assert smaller(target, b"1234567890" * 30, found.kind) == b"9"


def test_the_documentation_counts_them():
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (\w+(?:, \w+)*) \| ([\d,]+) \|", page, re.MULTILINE)
    counts = {target.__name__: n for target, n in SHARES.items()}
    assert sorted(name for names, _ in rows for name in names.split(", ")) == sorted(counts)
    for names, count in rows:
        assert sum(counts[name] for name in names.split(", ")) == int(count.replace(",", "")), names
