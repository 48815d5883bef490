"""`netgrad studio`: what cannot be opened is said in one line."""

import pytest

import netgrad as ng

pytest.importorskip("wsproto", reason="the extra studio is not installed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spirall"], "'spirall' is no data set of the gallery and no file: expected xor"),
        (["none.csv"], "none.csv"),
        (["xor", "--target", "y"], "--target is of a table: leave it out, or name one"),
        (["t.csv", "--target", "b", "--time", "a"], "--time is of a table of sequences, with --id: leave it out"),
        (["xor", "--id", "a"], "--id is of a table: leave it out, or name one"),
        (["xor", "--data", "t.csv"], "--data is of a model file: name the data instead of the model, or leave it out"),
        (["."], "sub-folder"),
        (["t.txt"], "t.txt has 4 characters: the studio needs 161 at least"),
        (["t.safetensors"], "t.safetensors"),
        (["t.csv"], "which column of t.csv is to be predicted? It has a, b"),
        (["t.csv", "--target", "c"], "'c'"),
        (["xor", "--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_be_opened_is_refused(refused, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 8)
    (tmp_path / "t.txt").write_text("text")
    (tmp_path / "t.safetensors").write_text("no model")
    assert said in refused("studio", *arguments)


def test_the_address_is_printed_and_the_browser_asked(monkeypatch, netgrad, tmp_path):
    opened, asked = [], {}

    def serve(ready, **given):
        asked.update(given)
        ready("http://127.0.0.1:7007/?token=t")

    monkeypatch.setattr("netgrad.studio.server.serve", serve)
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert "studio at http://127.0.0.1:7007/?token=t (control-C ends it)" in netgrad("studio", "spiral").out
    assert opened == ["http://127.0.0.1:7007/?token=t"]
    assert asked["session"].design["data"] == "spiral"
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{2 * i}\n" for i in range(30)))
    netgrad("studio", table, "--target", "b", "--no-browser")
    assert len(opened) == 1
    assert asked["session"].source == {"table": str(table), "target": "b"}
    written = tmp_path / "t.txt"
    written.write_text("to be or not to be\n" * 40)
    netgrad("studio", written, "--no-browser")
    assert asked["session"].source == {"text": str(written)}
    assert asked["session"].design["layers"][0]["kind"] == "rnn"
    ng.fit(ng.Sequential([ng.Dense(1)]), [[1.0], [2.0]], [1.0, 2.0], epochs=1).save(tmp_path / "m.safetensors")
    netgrad("studio", tmp_path / "m.safetensors", "--no-browser")
    assert asked["session"].design["layers"] is None
