"""Translations on the command line: fitted, written, sampled, inspected, and what is said of texts that will not do."""

import io
import re

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.cli.inspect import examples
from netgrad.cli.translations import network, parts

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """300 numbers of one to three digits in words, and as they are written; one row without its translation."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(10, size=rng.integers(1, 4)) for _ in range(300)]
    table = pd.DataFrame({"said": [" ".join(DIGITS[d] for d in own) for own in drawn]})
    table["written"] = ["".join(map(str, own)) for own in drawn]
    table.loc[7, "written"] = None
    path = tmp_path_factory.mktemp("numbers") / "numbers.csv"
    table.to_csv(path, index=False)
    return path


def test_numbers_in_words_are_written(netgrad, refused, numbers, tmp_path, monkeypatch):
    monkeypatch.setattr("netgrad.report.html.diagnosed", lambda *_: iter(()))  # which takes its time
    fit = ("fit", numbers, "--source", "said", "--target", "written", "--hidden", 24, "-q", "--out", tmp_path)
    fitted = netgrad(*fit, "--epochs", 40, "--learning-rate", "0.02")
    assert fitted.status == 0, fitted.err
    assert "1 row of 300 have no 'said' or no 'written': left out" in fitted.err
    exact = float(re.search(r"exact accuracy ([\d.]+) %", fitted.out).group(1))
    assert exact > 90
    page = (tmp_path / "report.html").read_text()
    assert {"Mistakes", "Some that are right", "What attention looks at"} <= set(re.findall("<h2>(.*?)</h2>", page))
    model = tmp_path / "model.safetensors"
    card = ng.load(model).card
    assert card["symbols"] == {"source": "10 words", "target": "10 characters"}
    assert card["settings"]["net"] == "gru"
    assert "--target written --source said" in card["command"]

    new = tmp_path / "new.csv"
    new.write_text("said\nfive two\nnine\nfive minus two\nnothing\n")
    predicted = netgrad("predict", model, new, "--beam", 3)
    table = pd.read_csv(io.StringIO(predicted.out), dtype=str, keep_default_na=False)
    assert table["said"].tolist() == ["five two", "nine", "five minus two", "nothing"]
    assert table["prediction"].tolist() == ["52", "9", "52", ""]
    assert "2 symbols that the model does not know are left out: 'minus', 'nothing'" in predicted.err
    assert "1 of 4 texts hold nothing that the model knows: left empty" in predicted.err
    assert netgrad("sample", model, "--prime", "three one").out == "31\n"
    assert "--temperature has no effect on translations" in refused("sample", model, "--temperature", 2)
    assert "--proba is for classes" in refused("predict", model, new, "--proba")
    assert "a model of translations takes texts from a file: netgrad predict MODEL FILE" in refused("serve", model)
    assert "translation of 'said' into 'written'" in " ".join(netgrad("inspect", model).out.split())
    with pytest.warns(ng.NetgradWarning, match="1 row of 300"):
        x, y, lengths, _ = examples(ng.load(model), str(numbers), None, None, {})
    assert ng.load(model).evaluate(x, y, lengths=lengths)["accuracy"] > 0.9
    assert "model.safetensors translates: --start takes" in refused(
        "fit", numbers, "--target", "written", "--start", model
    )


@pytest.mark.parametrize("net", ["mlp", "lstm", "transformer", "pervasive_attention"])
def test_the_networks(net):
    """All take a source and a target; two blocks of 8 units where the network has blocks."""
    pairs = ng.data.Pairs(["one two", "two"], ["12", "2"])
    given = {"net": net, "hidden": "8" if net in ("mlp", "lstm") else "8,8", "dropout": 0.1}
    made = network(given, pairs)
    assert made.shapes({"source": (9,), "target": (4,)})[made.outputs[0][1]] == (4, pairs.classes)
    assert network(given | {"hidden": None}, pairs).inputs == ("source", "target")


def test_a_file_of_pairs_to_test_on(numbers, tmp_path):
    (tmp_path / "test.csv").write_text("said;written\nten;x\n")
    given = {"source_column": "said", "target": "written", "missing_values": None, "encoding": None, "header": None}
    table = pd.read_csv(numbers, dtype={"written": str})
    given |= {"separator": None, "seed": 0}
    with pytest.warns(ng.NetgradWarning, match="1 row of 300"):
        known, unseen = parts(table, given, 0.2, str(tmp_path / "test.csv"))
    assert (len(known.source), unseen) == (299, (["ten"], ["x"]))
    with pytest.warns(ng.NetgradWarning, match="1 row of 300"):
        known, unseen = parts(table, given, 0.2, None)
    assert (len(known.source), len(unseen.target)) == (239, 60)


def test_what_does_not_fit_is_said(refused, numbers, price_model, houses, tmp_path):
    whole = tmp_path / "whole.csv"
    whole.write_text("said,written\none,1\ntwo,2\n")
    fit = ("fit", whole, "--source", "said", "--target", "written", "--out", tmp_path)
    assert "--source and --target (of said, written)" in refused("fit", numbers, "--goal", "translate")
    assert "are both 'said': name two columns" in refused("fit", numbers, "--source", "said", "--target", "said")
    assert "'sayd'" in refused("fit", numbers, "--source", "sayd", "--target", "written")
    assert "--net cnn does not translate: take one of" in refused(*fit, "--net", "cnn")
    assert "one number of units, such as --hidden 64: found 2" in refused(*fit, "--hidden", "8,8")
    assert "unknown kind of symbols 'letters'" in refused(*fit, "--symbols", "letters")
    assert "--filters has no effect on translations" in refused(*fit, "--filters", "3")
    assert "--symbols is for translations" in refused("fit", "iris", "--symbols", "words")
    assert "--net pervasive_attention is for translations" in refused("fit", "iris", "--net", "pervasive_attention")
    (tmp_path / "one.csv").write_text("a,b\nx,y\n")
    assert "1 pair is too few" in refused("fit", tmp_path / "one.csv", "--source", "a", "--target", "b")
    (tmp_path / "none.csv").write_text("a,b\nx,\n,y\n")
    assert "no row has texts in both 'a' and 'b'" in refused("fit", tmp_path / "none.csv", "--source", "a",
                                                           "--target", "b")  # fmt: skip
    assert "--beam is for models that translate" in refused("predict", price_model / "model.safetensors", houses,
                                                            "--beam", 2)  # fmt: skip
