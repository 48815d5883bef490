"""Bad input on the command line: one line that says what was found, status 2, no traceback, nothing half-written."""

import re

import numpy as np
import pytest

import netgrad as ng
from netgrad.cli import main

ROWS = "".join(f"{3 * i % 31},{i % 3},{'ab'[i % 2]}\n" for i in range(30))


@pytest.fixture
def fit(refused, tmp_path):
    """Runs `netgrad fit` on a table of this text, which must be refused, and checks that nothing was written."""

    def run(text, *settings, target="y"):
        path = tmp_path / "table.csv"
        path.write_text(text)
        line = refused("fit", path, "--target", target, *settings, "--quiet", "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return line

    return run


def test_the_table(fit):
    assert "no column 'yy': did you mean 'y'?" in fit("x,v,y\n" + ROWS, target="yy")
    assert "is empty" in fit("")
    assert "0 rows" in fit("x,v,y\n")
    assert "only the class 'a'" in fit("x,y\n" + "".join(f"{i},a\n" for i in range(20)))
    assert "only the target column" in fit("y\n1\n2\n3\n")
    assert "missing value" in fit("x,v,y\n" + ROWS + ",1,a\n", "--missing", "error")
    assert "has 3 missing values in 3 rows" in fit("x,v,y\n1,2,\n2,3,\n3,4,\n")
    line = fit("v,w,y\n" + "".join(f"{i / 7:.3f},a,{'word' if i % 9 == 5 else i}\n" for i in range(40)))
    assert "'word' in row 6 of 40" in line
    assert "--missing-values WORDS says what means missing, --categorical COLUMNS what is a category" in line
    assert "different texts" in fit("v,y\n" + "".join(f"name {i},{'ab'[i % 2]}\n" for i in range(150)))
    assert "row 2 (line 3) has 6 fields, the first line names 3" in fit("x,v,y\n1,2,a\n1,2,3,4,5,6\n" + ROWS)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("--activation", "rellu"), "did you mean 'relu'?"),
        (("--loss", "softmax_cross_entropi"), "did you mean 'softmax_cross_entropy'?"),
        (("--loss", "squared_error"), "does not go with a classification"),
        (("--optimizer", "adamm"), "did you mean 'adam'?"),
        (("--penalty", "l3"), "unknown --penalty 'l3'"),
        (("--net", "mpl"), "unknown network 'mpl'"),
        (("--scaling", "standardize"), "did you mean 'standardise'?"),
        (("--schedule", "cosinus"), "did you mean 'cosine'?"),
        (("--task", "regression"), "column 'y' holds 'a' in row 1 of"),
        (("--hidden", "a,b"), "--hidden takes numbers"),
        (("--hidden", "9000000000"), "GiB"),
        (("--learning-rate", "-1"), "netgrad: --learning-rate must be positive"),
        (("--alpha", "-1"), "must not be negative"),
        (("--dropout", "1"), "must lie in [0, 1), found 1.0"),
        (("--class-weight", "even"), "unknown --class-weight 'even'"),
        (("--resample", "more"), "unknown resampling 'more'"),
        (("--epochs", "0"), "netgrad: --epochs must be a whole number"),
        (("--batch-size", "-4"), "netgrad: --batch-size must be a whole number"),
        (("--patience", "0"), "netgrad: --patience must be"),
        (("--test", "1"), "--test is the share"),
        (("--validation", "2"), "netgrad: --validation must be a share"),
        (("--seed", "-1"), "'--seed'"),
        (("--epochs", "many"), "'--epochs'"),
        (("--bogus",), "--bogus"),
        (
            ("--optimizer", "sgd", "--learning-rate", "1e38", "--scaling", "none"),
            "try a lower learning rate, --clip-norm 1.0, or",
        ),
        (("--clip-norm", "-1"), "netgrad: --clip-norm, the largest norm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_settings(fit, settings, expected):
    assert expected in fit("x,v,y\n" + ROWS, *settings)


def test_the_name_of_the_data(refused, tmp_path):
    assert "did you mean 'digits'?" in refused("fit", "digit")
    assert "there is no file" in refused("fit", tmp_path / "none.csv", "--target", "y")
    (tmp_path / "a.docx").write_text("x")
    assert "cannot tell what is in" in refused("fit", tmp_path / "a.docx")
    (tmp_path / "t.csv").write_text("x,v,y\n" + ROWS)
    assert "name it with --target (the table has: x, v, y)" in refused("fit", tmp_path / "t.csv")
    assert "has its own target" in refused("fit", "digits", "--target", "y")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 but not really")
    assert "cannot be read as PARQUET" in refused("fit", tmp_path / "t.parquet", "--target", "y")
    (tmp_path / "t.npz").write_bytes(b"PK but not really")
    assert "cannot be read as NPZ" in refused("fit", tmp_path / "t.npz")


def test_arrays_with_numbers_that_are_not_finite(refused, tmp_path):
    x = np.eye(20)
    x[3, 4] = np.nan
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(20) % 2)
    line = refused("fit", tmp_path / "x.npz", "--out", tmp_path / "out")
    assert "not finite" in line
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_refused_before_training(refused, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is no folder" in refused("fit", "digits", "--out", tmp_path / "file" / "out")


def test_the_command_itself(refused, netgrad):
    assert "No such command" in refused("fitt")
    assert "(see netgrad fit --help)" in refused("fit")
    bare = netgrad()
    assert bare.status == 2
    assert "Usage" in bare.out + bare.err


def test_errors_of_the_machine(refused, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "model.safetensors")

    monkeypatch.setattr(ng, "fit", full)
    assert refused("fit", "iris", "--out", tmp_path) == "netgrad: No space left on device: model.safetensors"

    def memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(ng, "fit", memory)
    assert "out of memory" in refused("fit", "iris", "--out", tmp_path)


def test_an_interruption_is_status_130_and_leaves_nothing(monkeypatch, tmp_path, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ng, "fit", interrupted)
    assert main(["fit", "iris", "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == "netgrad: interrupted\n"
    assert not (tmp_path / "out").exists()


def test_version_says_which_kernels_are_active(netgrad):
    result = netgrad("--version")
    assert result.status == 0
    assert result.out.startswith(f"netgrad {ng.__version__}, native kernels: ")
    assert re.search(r", jax [\d.]+ on \d+ \w+", result.out)


@pytest.mark.parametrize("command", ["fit", "predict", "inspect", "reproduce"])
def test_every_command_explains_itself(netgrad, command):
    result = netgrad(command, "--help")
    assert result.status == 0
    assert "--seed" in result.out


def test_a_warning_is_said_once(netgrad, tmp_path):
    """However often the rows that it is about are looked at: here once for the answers, once for the probabilities."""
    (tmp_path / "train.csv").write_text(
        "size,kind,label\n" + "".join(f"{i},{'ab'[i % 2]},{i % 3}\n" for i in range(60))
    )
    (tmp_path / "new.csv").write_text("size,kind\n3,c\n")
    options = ("--target", "label", "--task", "classification", "--epochs", "1", "--no-report", "--out", tmp_path)
    assert netgrad("fit", tmp_path / "train.csv", *options).status == 0
    done = netgrad("predict", tmp_path / "model.safetensors", tmp_path / "new.csv", "--proba")
    assert done.err.count("holds 'c' in row 1 of 1") == 1
