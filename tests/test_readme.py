"""The README's code runs as it stands, and its commands exist."""

import re
from pathlib import Path

import pytest

from netgrad.cli import main

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_library_example_runs(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "'accuracy': 0.9" in shown
    assert "(8, 64)" in shown
    assert {p.name for p in tmp_path.iterdir()} == {"digits.safetensors", "digits.html"}


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^    netgrad (\w+)", README, flags=re.MULTILINE))))
def test_the_commands_and_their_options_exist(command, capsys):
    assert main([command, "--help"]) == 0
    known = capsys.readouterr().out
    lines = [line.split("#")[0] for line in README.splitlines() if line.startswith(f"    netgrad {command} ")]
    for option in re.findall(r"--[a-z-]+", " ".join(lines)):
        assert option in known


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
