"""The model card as `netgrad inspect` prints it: what, data, scores, how trained, versions."""

import pytest

from netgrad.cli import main

STEPS = "".join(f"{w},{t},{(w * t) % 5},{'ab'[w % 2]}\n" for w in range(12) for t in range(4))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        (("--hidden", "3"), "classification of 'mood' into 2 classes"),
        (("--net", "gru", "--id", "walk", "--time", "minute", "--goal", "label"), "label 'mood' of sequences"),
    ],
)
def test_inspect_prints_all_of_it(settings, what, tmp_path, capsys):
    table = tmp_path / "walks.csv"
    table.write_text("walk,minute,speed,mood\n" + STEPS)
    out = tmp_path / "out"
    fitted = main(["fit", str(table), "--target", "mood", *settings, "--epochs", "2", "--quiet", "--out", str(out)])
    assert fitted == 0
    capsys.readouterr()
    assert main(["inspect", str(out / "model.safetensors")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        f"what {what}",
        "data name walks.csv",
        "scores test",
        "settings",
        "optimizer adam",
        "epochs 2",
        "seed 0",
    ):
        assert part in shown
    assert "versions netgrad " in shown
    assert "command netgrad fit walks.csv --target mood" in shown
