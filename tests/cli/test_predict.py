"""`netgrad predict` and `netgrad inspect`: what was trained is read again and used."""

import io

import numpy as np
import pandas as pd
import pytest

import netgrad as ng


def test_predictions_are_in_the_targets_own_terms(netgrad, price_model, kind_model, houses):
    table = pd.read_csv(houses)
    prices = pd.read_csv(io.StringIO(netgrad("predict", price_model / "model.safetensors", houses).out))
    assert list(prices) == ["prediction"]
    assert np.abs(prices["prediction"] - table["price"]).mean() < 20000
    kinds = pd.read_csv(io.StringIO(netgrad("predict", kind_model / "model.safetensors", houses).out))
    assert (kinds["prediction"] == table["kind"]).mean() > 0.9


def test_the_target_column_need_not_be_there_and_columns_may_stand_anywhere(netgrad, kind_model, houses, tmp_path):
    table = pd.read_csv(houses)
    path = tmp_path / "new.csv"
    table[["price", "colour", "rooms", "size"]].to_csv(path, index=False)
    model = kind_model / "model.safetensors"
    assert netgrad("predict", model, path).out == netgrad("predict", model, houses).out


def test_probabilities_to_a_file(netgrad, kind_model, houses, tmp_path):
    out = tmp_path / "new" / "p.csv"
    result = netgrad("predict", kind_model / "model.safetensors", houses, "--proba", "--out", out)
    assert (result.status, result.out) == (0, "")
    table = pd.read_csv(out)
    assert list(table) == ["prediction", "p(big)", "p(small)"]
    assert np.allclose(table["p(big)"] + table["p(small)"], 1, atol=1e-5)
    assert ((table["p(big)"] > 0.5) == (table["prediction"] == "big")).all()


def test_rows_keep_their_names(netgrad, kind_model, houses, tmp_path):
    table = pd.read_csv(houses).head(3).set_index(pd.Index(["a", "b", "c"]))
    table.to_csv(tmp_path / "named.csv")
    lines = netgrad("predict", kind_model / "model.safetensors", tmp_path / "named.csv").out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["", "a", "b", "c"]


def test_a_data_sets_test_part_is_the_one_that_was_kept_apart(netgrad, tmp_path):
    netgrad("fit", "iris", "--out", tmp_path, "-q", "--epochs", "20", "--seed", "3")
    path = tmp_path / "model.safetensors"
    model = ng.load(path)
    assert len(netgrad("predict", path, "iris").out.splitlines()) == 1 + model.card["data"]["test"]
    shown = netgrad("inspect", path, "iris").out
    assert f"accuracy {100 * model.card['scores']['test_accuracy']:.2f} %" in shown


def test_inspect_shows_card_history_and_layers(netgrad, price_model, houses):
    shown = netgrad("inspect", price_model / "model.safetensors").out
    for word in ("regression of 'price'", "houses.csv", "val_loss", "dense_1", "dense_2", "total"):
        assert word in shown
    traced = netgrad("inspect", price_model / "model.safetensors", houses).out
    assert "delta" in traced
    assert "±" in traced
    assert "r2 0.9" in traced


def test_inspect_takes_a_model_that_was_made_from_python(netgrad, houses, tmp_path, refused):
    model = ng.fit(ng.Sequential([ng.Dense(1)]), np.eye(4), np.arange(4.0), epochs=1)
    path = model.save(tmp_path / "plain.safetensors")
    assert "dense_1" in netgrad("inspect", path).out
    (tmp_path / "four.csv").write_text("a,b,c,d,y\n1,0,0,0,0\n0,1,0,0,1\n")
    assert "name it with --target" in refused("inspect", path, tmp_path / "four.csv")
    assert "r2" in netgrad("inspect", path, tmp_path / "four.csv", "--target", "y").out
    assert "do not fit this model" in refused("predict", path, tmp_path / "four.csv")


@pytest.mark.parametrize("command", ["predict", "inspect"])
def test_models_that_cannot_be_read(refused, kind_model, houses, tmp_path, command):
    whole = (kind_model / "model.safetensors").read_bytes()
    half = tmp_path / "half.safetensors"
    half.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(command, half, houses)
    assert "no model file" in refused(command, tmp_path / "none.safetensors", houses)
    altered = tmp_path / "altered.safetensors"
    altered.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "altered" in refused(command, altered, houses)
    assert "safetensors" in refused(command, houses, houses)


def test_data_that_do_not_fit_the_model(refused, netgrad, price_model, kind_model, tmp_path):
    model = kind_model / "model.safetensors"
    path = tmp_path / "new.csv"
    path.write_text("size,rooms,price\n1,2,3\n")
    assert "no column 'colour'" in refused("predict", model, path)
    path.write_text("size,rooms,colour,price\nlarge,2,red,3\n")
    assert "'large' in row 1 of 1" in refused("predict", model, path)
    path.write_text("size,rooms,colour,price,kind\n1,2,red,3,huge\n")
    assert "'huge' in row 1 of 1" in refused("inspect", model, path)
    np.savez(tmp_path / "x.npz", x=np.eye(6), y=np.arange(6.0))
    assert "takes a table with the columns" in refused("predict", model, tmp_path / "x.npz")
    path.write_text("size,rooms,colour,price,kind\n1,2,red,3,big\n")
    assert "--proba is for classes" in refused("predict", price_model / "model.safetensors", path, "--proba")


def test_an_unknown_category_is_a_warning_of_one_line(netgrad, kind_model, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("size,rooms,colour,price\n150,2,mauve,3\n")
    result = netgrad("predict", kind_model / "model.safetensors", path)
    assert result.status == 0
    assert result.err.startswith("netgrad: warning: ")
    assert len(result.err.splitlines()) == 1
    assert "'mauve'" in result.err


@pytest.fixture(scope="module")
def sick(tmp_path_factory, price_model, kind_model):
    """Models of which one weight of the last layer is not a number."""
    folder = tmp_path_factory.mktemp("sick")
    for name, source in (("price", price_model), ("kind", kind_model)):
        model = ng.load(source / "model.safetensors")
        weights = np.array(model.params["dense_2"]["W"])
        weights[0, 0] = np.nan
        model.params["dense_2"]["W"] = weights
        with pytest.warns(ng.NetgradWarning, match="cannot predict"):
            model.save(folder / name)
    return folder


@pytest.mark.parametrize("name", ["price", "kind"])
def test_what_is_not_finite_is_no_prediction(name, sick, netgrad, houses, tmp_path):
    options = ("--proba",) if name == "kind" else ()
    result = netgrad("predict", sick / name, houses, *options, "--out", tmp_path / "p.csv")
    assert result.status == 1
    warning, line = result.err.splitlines()
    assert "cannot predict" in warning
    assert line.startswith("netgrad: 120 of 120 predictions are left empty, they are not finite: 1 of ")
    assert line.endswith("numbers in W of layer dense_2 is not finite")
    table = pd.read_csv(tmp_path / "p.csv")
    assert len(table) == 120
    assert table["prediction"].isna().all()


def test_a_row_too_large_for_the_model(netgrad, price_model, houses, tmp_path):
    model = ng.load(price_model / "model.safetensors")
    model.params["dense_1"]["W"] = 1e4 * model.params["dense_1"]["W"]
    model.save(tmp_path / "steep.safetensors")
    lines = houses.read_text().splitlines()[:5]
    (tmp_path / "large.csv").write_text("\n".join([*lines, "3e38,2,red,1,big"]))
    result = netgrad("predict", tmp_path / "steep.safetensors", tmp_path / "large.csv")
    assert result.status == 1
    assert "1 of 5 predictions are left empty, they are not finite: inputs or weights are too large" in result.err
    table = pd.read_csv(io.StringIO(result.out), skip_blank_lines=False)
    assert table["prediction"].isna().tolist() == [False] * 4 + [True]


def test_steps_of_sequences_that_are_not_finite(netgrad, tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("id,v,y\n" + "".join(f"{i // 5},{i % 3},{'ab'[i % 2]}\n" for i in range(40)))
    small = ("--hidden", 3, "--epochs", 1, "-q", "--no-report", "--out", tmp_path)
    netgrad("fit", path, "--net", "rnn", "--target", "y", *small)
    model = ng.load(tmp_path / "model.safetensors")
    model.params["dense_1"]["b"] = np.full(2, np.inf)
    with pytest.warns(ng.NetgradWarning):
        model.save(tmp_path / "sick.safetensors")
    result = netgrad("predict", tmp_path / "sick.safetensors", path)
    assert result.status == 1
    assert "40 of 40 predictions are left empty" in result.err
    assert pd.read_csv(io.StringIO(result.out))["prediction"].isna().all()
