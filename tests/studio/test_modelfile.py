"""A model file in the studio."""

import json

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.errors import DataError, NetgradError
from netgrad.studio.modelfile import opened
from netgrad.studio.sources import examples
from netgrad.studio.worker import Worker

RNG = np.random.default_rng(0)


def saved(tmp_path, network, x, y, **more):
    path = tmp_path / "m.safetensors"
    model = ng.fit(network, x, y, epochs=2, **more)
    model.save(path)
    return model, {"weights": str(path)}


def first_frame(source):
    heard = []
    worker = Worker(source, heard.append)
    worker.obey({"do": "design", "design": {"layers": None}})
    assert heard[-1]["kind"] == "frame", heard[-1]
    return worker, json.loads(json.dumps(heard, allow_nan=False))


def test_a_tables_model_goes_on_from_its_weights_on_its_table(tmp_path):
    table = pd.DataFrame({"a": RNG.normal(size=40), "b": ["u", "v"] * 20})
    table["kind"] = np.where(table.a > 0, "up", "down")
    net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.BatchNorm(), ng.Dense(2)])
    model, source = saved(tmp_path, net, table[["a", "b"]], table.kind)
    table.to_csv(tmp_path / "t.csv", index=False)
    source |= {"table": str(tmp_path / "t.csv")}
    with pytest.raises(DataError, match=r"which column of t.csv is to be predicted\? It has a, b, kind"):
        examples(source)
    worker, heard = first_frame(source | {"target": "kind"})
    trainer = worker.at_work
    np.testing.assert_array_equal(trainer.carry.params["dense_1"]["W"], model.params["dense_1"]["W"])
    shown = trainer.model().predict_proba(np.concatenate([trainer.examples.x, trainer.examples.x_held]))
    own = model.predict_proba(table[["a", "b"]])  # in another order, with the running means that the file holds
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(own, axis=0), atol=1e-5)
    assert heard[0]["data"]["classes"] == ["down", "up"]
    said = f"params=ng.load({source['weights']!r}).params"
    assert said in heard[0]["code"]
    worker.obey({"do": "code", "code": "net = ng.Sequential([ng.Dense(5), ng.Dense(2)])"})
    assert said not in worker.written(worker.at_work.network)
    worker, _ = first_frame(source | {"target": "kind"})
    trainer = worker.at_work
    worker.obey({"do": "epoch"})
    assert trainer.epoch == 1


@pytest.mark.parametrize(
    ("layers", "x", "y"),
    [
        ([ng.Dense(2)], RNG.normal(size=(8, 3)), np.arange(8) % 2),
        ([ng.Dense(1)], RNG.normal(size=(8, 3)), RNG.normal(size=8)),
        ([ng.Embedding(5, 2), ng.LSTM(3), ng.Dense(5)], np.arange(40).reshape(8, 5) % 5, np.ones((8, 5), int)),
        ([ng.RNN(3), ng.Dense(2)], RNG.normal(size=(8, 4, 3)), RNG.integers(0, 2, (8, 4, 2)).astype(float)),
    ],
)
def test_without_data_it_is_shown_on_random_inputs_and_says_so(tmp_path, layers, x, y):
    more = {"loss": "binary_cross_entropy"} if np.ndim(y) == 3 else {}
    _, source = saved(tmp_path, ng.Sequential(layers), x, y, **more)
    worker, heard = first_frame(source)
    assert "on random inputs and targets, as no data were given" in heard[0]["data"]["title"]
    if len(layers) == 1:
        worker.obey({"do": "step"})
        assert worker.at_work.at > 0


def test_a_layer_of_it_is_changed_and_the_others_keep_their_weights(tmp_path):
    net = ng.Sequential([ng.Dense(5, activation="tanh"), ng.BatchNorm(), ng.Dense(4, bias=False), ng.Dense(2)])
    model, source = saved(tmp_path, net, RNG.normal(size=(8, 3)), np.arange(8) % 2)
    worker, heard = first_frame(source)
    design = heard[0]["design"]
    assert [layer["kind"] for layer in design["layers"]] == ["dense", "batch_norm", "python"]
    design["layers"][2]["code"] = "ng.Dense(6, bias=False)"
    worker.obey({"do": "design", "design": design})
    params = worker.at_work.carry.params
    np.testing.assert_array_equal(params["dense_1"]["W"], model.params["dense_1"]["W"])
    assert [params[name]["W"].shape for name in ("dense_2", "dense_3")] == [(5, 6), (6, 2)]
    mean = model.state["batch_norm_1"]
    assert all(
        (np.asarray(v) == np.asarray(mean[k])).all() for k, v in worker.at_work.carry.state["batch_norm_1"].items()
    )


def test_what_does_not_fit_is_refused(tmp_path):
    a, b = ng.Input("a"), ng.Input("b")
    two = ng.Network([a, b], ng.Dense(1)(ng.Concatenate()(a, b)))
    x = RNG.normal(size=(8, 3))
    _, source = saved(tmp_path, two, {"a": x, "b": x}, np.arange(8.0))
    with pytest.raises(NetgradError, match="the studio shows networks of one input and one output"):
        opened(source["weights"])
    _, source = saved(tmp_path, ng.Sequential([ng.Dense(2)]), x, np.arange(8) % 2)
    with pytest.raises(DataError, match=r"the model takes inputs of shape \(3,\), and a folder has pictures"):
        examples(source | {"folder": str(tmp_path)})
    with pytest.raises(DataError, match="the model was not trained on the rows of a table"):
        examples(source | {"table": "t.csv"})


def test_a_pictures_model_reads_a_folder_of_its_classes(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name in ("day", "night", "dusk"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(3):
            image.new("L", (6, 6), 40 * i).save(tmp_path / "p" / name / f"{i}.png")
    x, names = RNG.uniform(size=(8, 4, 4, 1)).astype(np.float32), np.array(["day", "night"] * 4)
    _, source = saved(tmp_path, ng.Sequential([ng.Flatten(), ng.Dense(2)]), x, names)
    source |= {"folder": str(tmp_path / "p")}
    with pytest.raises(DataError, match="the model knows day, night; the folder has day, dusk, night"):
        examples(source)
    for path in [*(tmp_path / "p" / "dusk").iterdir()]:
        path.unlink()
    (tmp_path / "p" / "dusk").rmdir()
    assert examples(source).shape == (4, 4, 1)
