"""Some inputs of each kind in every run of the tests; `make fuzz` takes a hundred thousand."""

import random

import pytest

from .guard import Harm, harmless
from .shares import SHARES

INPUTS = 150


@pytest.mark.parametrize("target", SHARES, ids=lambda target: target.__name__)
def test_strangers_do_no_harm(target, tmp_path):
    made = target(tmp_path)
    rng = random.Random(0)
    for _ in range(INPUTS):
        data = made.make(rng)
        made.put(data)
        with harmless():
            made.take(data)


def test_harm_is_noticed(tmp_path):
    import pickle
    import subprocess

    from .targets import Bomb

    bomb = pickle.dumps(Bomb())
    for harm in (
        lambda: pickle.loads(bomb),
        lambda: subprocess.run(["true"]),
        lambda: (tmp_path / "new").write_text(""),
        lambda: {}["no NetgradError"],
    ):
        with pytest.raises(Harm), harmless():
            harm()
    assert list(tmp_path.iterdir()) == []
