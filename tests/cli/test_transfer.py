"""`netgrad fit --start`: pictures, tables, sequences and texts that begin from another model."""

import jax
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import netgrad as ng


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    """Folders of 12 x 12 pictures: upright and level stripes, 20 of each; and of each in two widths, four of each."""
    rng, home = np.random.default_rng(0), tmp_path_factory.mktemp("waves")

    def picture(axis, rate):
        wave = np.broadcast_to(np.expand_dims(np.sin(np.arange(12) * rate + rng.uniform(0, 6)), 1 - axis), (12, 12))
        return Image.fromarray((127 + 60 * (wave + 0.2 * rng.normal(size=(12, 12)))).clip(0, 255).astype(np.uint8))

    for folder, count, kinds in (
        ("many", 20, {"level": (0, 2), "upright": (1, 2)}),
        ("few", 4, {"level-wide": (0, 1), "level-fine": (0, 2), "upright-wide": (1, 1), "upright-fine": (1, 2)}),
    ):
        for name, (axis, rate) in kinds.items():
            (home / folder / name).mkdir(parents=True)
            for i in range(count):
                picture(axis, rate).save(home / folder / name / f"{i}.png")
    return home


def test_pictures_of_other_classes(netgrad, refused, waves, tmp_path):
    cnn = ("--net", "cnn", "--hidden", "8", "--filters", "2,3", "--size", "12", "--epochs", "2", "-q")
    assert netgrad("fit", waves / "many", *cnn, "--no-report", "--out", tmp_path / "a").status == 0
    known = tmp_path / "a" / "model.safetensors"
    given = ("fit", waves / "few", "--start", known, "--out", tmp_path / "b", "--epochs", 3, "--no-report")
    fitted = netgrad(*given, "--freeze", "conv_*", "--layer-rate", "dense_1=0.1", "-q")
    assert fitted.status == 0, fitted.err
    assert "dense_2 begins anew, for 4 classes of 'class'; what is before it is as in model.safetensors" in fitted.err
    before, after = ng.load(known), ng.load(tmp_path / "b" / "model.safetensors")
    for name in ("conv_1", "conv_2"):
        np.testing.assert_array_equal(before.params[name]["W"], after.params[name]["W"])
    assert 0 < np.abs(before.params["dense_1"]["W"] - after.params["dense_1"]["W"]).max() < 0.01
    assert after.card["classes"] == ["level-fine", "level-wide", "upright-fine", "upright-wide"]
    assert "--start model.safetensors --freeze 'conv_*' --layer-rate dense_1=0.1" in after.card["command"]
    assert {"net": "cnn", "size": 12, "start": "model.safetensors"}.items() <= after.card["settings"].items()
    assert len(netgrad("predict", tmp_path / "b" / "model.safetensors", waves / "few").out.splitlines()) == 1 + 16
    again = netgrad("fit", waves / "few", "--start", tmp_path / "b" / "model.safetensors", "--epochs", 1, "-q",
                    "--no-report", "--out", tmp_path / "c")  # fmt: skip
    assert "begins anew" not in again.err  # the same classes

    assert "--size does not go with --start, it is as in model.safetensors: leave it out" in refused(
        *given, "--size", 9
    )
    assert "--fix does not go with --start" in refused(*given, "--fix")
    assert "unknown layer 'convs_*'" in refused(*given, "--freeze", "convs_*")
    for wrong in ("conv_1", "=2", "conv_1=fast"):
        assert f"such as conv_*=0.1,dense_1=0.5: found {wrong!r}" in refused(*given, "--layer-rate", wrong)
    assert "name its file with --start, too" in refused("fit", waves / "few", "--freeze", "conv_1")
    assert "iris is a table, model.safetensors takes arrays" in refused("fit", "iris", "--start", known)
    assert "is for texts" in refused(*given, "--truncate", 5)


def test_tables_with_the_same_target_and_with_another(netgrad, refused, houses, tmp_path):
    table = pd.read_csv(houses)
    table["crowded"] = np.where(table["rooms"] > 3, "yes", "no")
    some, known = tmp_path / "some.csv", tmp_path / "model.safetensors"
    table.to_csv(some, index=False)
    first = ("--target", "price", "--drop", "kind,crowded", "--hidden", "8", "--epochs", 60, "--learning-rate", "0.02")
    assert netgrad("fit", some, *first, "--no-report", "-q", "--out", tmp_path).status == 0
    table.head(40).to_csv(some, index=False)
    given = ("fit", some, "--start", known, "--epochs", 2, "--no-report", "-q", "--out", tmp_path / "b")
    same = netgrad(*given, "--target", "price")
    assert same.status == 0, same.err
    assert "begins anew" not in same.err
    assert float(same.out.split("RMSE ")[1].split(",")[0]) < 20_000  # two epochs from nothing: 50,000
    other = netgrad(*given, "--target", "crowded")
    assert "dense_2 begins anew, for 2 classes of 'crowded'" in other.err
    after = tmp_path / "b" / "model.safetensors"
    assert ng.load(after).encoder.to_config() == ng.load(known).encoder.to_config()
    back = netgrad("fit", some, "--start", after, "--target", "price", "--epochs", 1, "--no-report", "-q",
                   "--out", tmp_path / "c")  # fmt: skip
    assert "dense_2 begins anew, for a quantity of 'price'" in back.err
    assert "predicts from 'colour': it cannot be what it learns" in refused(*given, "--target", "colour")
    assert "digits is no table, model.safetensors takes one" in refused("fit", "digits", "--start", known)
    assert "--hidden does not go with --start" in refused(*given, "--target", "price", "--hidden", 3)
    assert "forecasts begin from no other model" in refused(*given, "--target", "price", "--goal", "forecast")
    table.drop(columns="rooms").to_csv(some, index=False)
    assert "'rooms'" in refused(*given, "--target", "price")
    rows = netgrad("fit", houses, "--reconstruct", "--epochs", 1, "--no-report", "-q", "--out", tmp_path)
    assert rows.status == 0
    assert "reconstructs its inputs" in refused(*given, "--target", "price")


def test_sequences_and_texts(netgrad, refused, tmp_path):
    rng, rows = np.random.default_rng(0), ["id,t,v,mood,kind"]
    for i in range(20):
        drift = rng.choice([-1, 1])
        rows += [f"w{i},{t},{rng.normal(drift):.2f},{'ab'[t % 2]},{'up' if drift > 0 else 'down'}" for t in range(4)]
    steps = tmp_path / "walks.csv"
    steps.write_text("\n".join(rows))
    quick = ("--epochs", 2, "--no-report", "-q")
    first = ("fit", steps, "--net", "gru", "--hidden", 4, "--target", "mood", "--drop", "kind", *quick)
    assert netgrad(*first, "--goal", "tag", "--time", "t", "--out", tmp_path / "a").status == 0
    known = tmp_path / "a" / "model.safetensors"
    further = netgrad("fit", steps, "--target", "mood", "--start", known, *quick, "--out", tmp_path / "b")
    assert further.status == 0, further.err
    other = netgrad("fit", steps, "--target", "kind", "--start", known, *quick, "--freeze", "gru_1", "--out", tmp_path)
    assert other.status == 0, other.err
    assert "begins anew, for 2 classes of 'kind'" in other.err
    before, after = ng.load(known), ng.load(tmp_path / "model.safetensors")
    jax.tree.map(np.testing.assert_array_equal, before.params["gru_1"], after.params["gru_1"])
    assert after.card["settings"]["net"] == "gru"

    rhyme, other_text = tmp_path / "rhyme.txt", tmp_path / "other.txt"
    rhyme.write_text("round and round the garden, like a teddy bear. " * 12)
    other_text.write_text("a teddy bear and a round garden. " * 12)
    for net in ("gru", "transformer"):
        fit = ("fit", rhyme, "--net", net, "--hidden", 8, "--truncate", 9, *quick, "--out", tmp_path / net)
        assert netgrad(*fit).status == 0
        known = tmp_path / net / "model.safetensors"
        further = netgrad("fit", other_text, "--start", known, *quick, "--out", tmp_path / "t")
        assert further.status == 0, further.err
        model = ng.load(tmp_path / "t" / "model.safetensors")
        assert model.card["vocabulary"] == ng.load(known).card["vocabulary"]
        assert model.card["settings"]["truncate"] == 9
    other_text.write_text("Quite another text! " * 12)
    assert "the symbol 'Q' at position 0" in refused("fit", other_text, "--start", known, *quick)
    assert "walks is a table, model.safetensors is a model of texts" in refused("fit", steps, "--start", known)


def test_what_forecasts_begins_nothing(refused, tmp_path):
    table = pd.DataFrame({"hour": np.arange(80), "temp": np.sin(np.arange(80))})
    model = ng.fit_forecast(table, "temp", time="hour", epochs=1).model
    file = model.save(tmp_path / "m.safetensors")
    table.to_csv(tmp_path / "t.csv", index=False)
    given = ("fit", tmp_path / "t.csv", "--target", "temp", "--start", file)
    assert "m.safetensors forecasts series" in refused(*given)
