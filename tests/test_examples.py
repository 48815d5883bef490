"""Every example runs as it stands, and prints what it is there to show."""

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"

# What each one must print: its own claim, with the numbers within reason.
SHOWN = {
    "diagnosis": r"fault: delta shrinks(.|\n)*unseen examples: 0\.9\d(.|\n)*True -> False",
    "export": r"difference \d\.\de-0[67]\nsame answers: True(.|\n)*accuracy 0\.9",
    "forecasting": r"error 0\.(08|09|1[0-2])\d; .* before: 0\.2",
    "images": r"dense_1 +Dense\(10\)(.|\n)*unseen digits: (0\.9[3-9]|1)",
    "inside_flax": r"accuracy (0\.9[5-9]|1\.0)",
    "many_models": r"50 networks: r2 on later days 0\.9(.|\n)*best says \[0, 1, 1, 0\]",
    "own_layer": r"all gradients agree\naccuracy 0\.9(.|\n)*read again: \[1, 0\](.|\n)*dcentres",
    "own_training": r"mixup: accuracy 0\.9[1-9](.|\n)*recognised in [678]\d%(.|\n)*embeddings: accuracy 0\.8[5-9]",
    "signals": r"recordings: (0\.9[5-9]|1\.0).*\na new recording: bearing",
    "table": r"r2 0\.9[89]\d, off by (2\d|3\d|4\d) (.|\n)*hill: (9\d\d|10\d\d)",
    "text": r"How I wonder what you are!\nUp above the world",
}


def test_every_example_is_listed_and_nothing_else():
    names = {path.stem for path in FOLDER.glob("*.py")}
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert names == set(SHOWN) == set(re.findall(r"\]\((\w+)\.py\)", index))


@pytest.mark.parametrize("name", SHOWN)
def test_an_example(name, capsys, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime") if name == "export" else None
    pytest.importorskip("flax") if name == "inside_flax" else None
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert re.search(SHOWN[name], shown), shown
    assert list(tmp_path.iterdir()) == []  # an example leaves nothing behind where it is run
