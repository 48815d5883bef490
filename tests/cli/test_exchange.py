"""`netgrad export` and `netgrad import`."""

import numpy as np
import onnxruntime
import pytest

import netgrad as ng
from netgrad.cli import main


@pytest.fixture
def model_file(tmp_path):
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(3)])
    model = ng.fit(net, np.eye(3), ["a", "b", "c"], epochs=2)
    return model.save(tmp_path / "model.safetensors")


def test_there_and_back(model_file, tmp_path, capsys):
    out, back = tmp_path / "model.onnx", tmp_path / "back.safetensors"
    assert main(["export", str(model_file), str(out)]) == 0
    assert "inputs x (N, 3); outputs dense_2 (N, 3)" in capsys.readouterr().out
    assert main(["import", str(out), str(back)]) == 0
    assert "2 layers, 31 parameters" in capsys.readouterr().out
    model, again, x = ng.load(model_file), ng.load(back), np.eye(3, dtype=np.float32)
    assert again.predict(x).tolist() == model.predict(x).tolist()
    (given,) = onnxruntime.InferenceSession(out).run(None, {"x": x})
    np.testing.assert_allclose(given, model.predict_proba(x), rtol=1e-5)
    assert main(["export", str(model_file), str(out), "--raw"]) == 0
    (given,) = onnxruntime.InferenceSession(out).run(None, {"x": x})
    np.testing.assert_allclose(given, model.outputs(x)["dense_2"], rtol=1e-5)


def test_weights_for_torch(model_file, tmp_path, capsys):
    out = tmp_path / "weights.safetensors"
    assert main(["export", str(model_file), str(out)]) == 0
    assert "load_state_dict" in capsys.readouterr().out
    again = ng.exchange.from_torch(ng.load(model_file), out)
    assert np.array_equal(again.params["dense_1"]["W"], ng.load(model_file).params["dense_1"]["W"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("export", "model.safetensors", "model.txt"), "says no format"),
        (("export", "model.safetensors", "model.safetensors"), "is the model itself"),
        (("export", "model.safetensors", "w.safetensors", "--raw"), "are for ONNX files"),
        (("export", "model.safetensors", "model.onnx", "--lengths"), "lengths are for sequences"),
        (("import", "model.safetensors", "again.safetensors"), "is no ONNX file"),
        (("import", "model.safetensors", "again.onnx"), "end in .safetensors"),
        (("import", "model.safetensors", "again.safetensors", "--shape", "x=a"), "is written x=28,3"),
    ],
)
def test_errors(words, message, model_file, refused, monkeypatch):
    monkeypatch.chdir(model_file.parent)
    assert message in refused(*words)
    assert sorted(p.name for p in model_file.parent.iterdir()) == ["model.safetensors"]
