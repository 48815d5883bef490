"""A small table and models trained on it, made once; and `netgrad` as a function."""

from types import SimpleNamespace

import numpy as np
import pytest

from netgrad.cli import main


@pytest.fixture
def netgrad(capsys):
    """Runs a command in this process: status, standard output and standard error."""

    def run(*arguments):
        status = main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def refused(netgrad):
    """Runs a command that must fail: status 2 and one line on the standard error, which is returned."""

    def run(*arguments):
        result = netgrad(*arguments)
        lines = result.err.strip().splitlines()
        assert result.status == 2
        assert len(lines) == 1, result.err
        assert lines[0].startswith("netgrad: ")
        assert result.out == ""
        return lines[0]

    return run


@pytest.fixture(scope="session")
def houses(tmp_path_factory):
    """120 houses: numbers, a category, a price to predict, a kind to predict."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "houses.csv"
    lines = ["size,rooms,colour,price,kind"]
    for _ in range(120):
        size, rooms, colour = rng.uniform(30, 200), rng.integers(1, 7), rng.choice(["red", "blue", "green"])
        price = 1000 * size + 5000 * rooms + {"red": 0, "blue": 20000, "green": -10000}[colour]
        lines.append(f"{size:.1f},{rooms},{colour},{price:.0f},{'big' if size > 110 else 'small'}")
    path.write_text("\n".join(lines) + "\n")
    return path


QUICK = ("--hidden", "8", "--epochs", "25", "--learning-rate", "0.02", "--quiet")


@pytest.fixture(scope="session")
def price_model(houses, tmp_path_factory):
    """A folder with a model of the price and its report."""
    folder = tmp_path_factory.mktemp("price")
    assert main(["fit", str(houses), "--target", "price", "--out", str(folder), *QUICK]) == 0
    return folder


@pytest.fixture(scope="session")
def kind_model(houses, tmp_path_factory):
    """A folder with a model of the kind and its report."""
    folder = tmp_path_factory.mktemp("kind")
    assert main(["fit", str(houses), "--target", "kind", "--out", str(folder), *QUICK]) == 0
    return folder
