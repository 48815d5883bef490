"""Model files: everything survives the round trip, and nothing but a good file is read."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import netgrad as ng

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.array(["a", "b", "c"] * 4)


@pytest.fixture(scope="module")
def model():
    x = ng.Input()
    h = ng.Dense(4, activation=ng.PReLU(0.1), name="shared")
    net = ng.Network(x, ng.Dense(3)(ng.Add()(h(x), ng.Dense(4, activation=ng.Logistic(2.0))(x))))
    made = ng.fit(net, X, Y, epochs=2, penalty=[ng.L2(0.01)])
    made.card["what"] = "a test"
    return made


def test_round_trip(model, tmp_path):
    again = ng.load(model.save(tmp_path / "new" / "model.safetensors"))
    assert again.network == model.network
    assert again.objective == model.objective
    assert again.shapes == model.shapes
    assert again.card == model.card
    assert again.history.rows == model.history.rows
    np.testing.assert_array_equal(again.outputs(X)["dense_2"], model.outputs(X)["dense_2"])
    assert again.predict(X).tolist() == model.predict(X).tolist()
    more = ng.fit(again, X, Y, epochs=1)
    assert len(more.history) == 1


def test_saving_replaces_whole_files_only(model, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    model.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
    with pytest.raises(ng.FileError, match="cannot write"):
        model.save(path / "below" / "a file")


def test_a_missing_file(tmp_path):
    with pytest.raises(ng.FileError, match="no model file at"):
        ng.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_a_truncated_file(model, tmp_path, keep):
    path = model.save(tmp_path / "model.safetensors")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(ng.FileError, match="truncated or is no safetensors"):
        ng.load(path)


def test_a_foreign_safetensors_file(tmp_path):
    save_file({"w": np.ones(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ng.FileError, match="no netgrad model"):
        ng.load(tmp_path / "foreign.safetensors")


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(1, 255))
def test_an_altered_byte_is_noticed(model, tmp_path_factory, place, byte):
    path = model.save(tmp_path_factory.mktemp("altered") / "model.safetensors")
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= byte
    path.write_bytes(bytes(data))
    try:
        loaded = ng.load(path)
    except ng.FileError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        # Whitespace of the header's padding can change without meaning; then nothing else may.
        np.testing.assert_array_equal(loaded.outputs(X)["dense_2"], model.outputs(X)["dense_2"])


def test_a_newer_format_and_an_unknown_layer(model, tmp_path):
    from safetensors.numpy import save

    from netgrad.training.files import describe, digest, flatten

    arrays = flatten({"params": model.params})
    unknown = {"nodes": [["n", {"kind": "layer", "type": "dens"}, ["x"], "n"]]}
    for change, message in (({"format": 99}, "upgrade netgrad"), (unknown, "did you mean 'dense'")):
        text = json.dumps(describe(model) | change)
        path = tmp_path / "model.safetensors"
        path.write_bytes(save(arrays, {"netgrad": text, "sha256": digest(arrays, text)}))
        with pytest.raises(ng.FileError, match=message):
            ng.load(path)


def test_a_layer_without_a_name_cannot_be_saved(tmp_path):
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Own(ng.Layer):
        def call(self, params, x, context):
            return 2 * x

    model = ng.untrained(ng.Sequential([Own(), ng.Dense(3)]), X, Y)
    with pytest.raises(ng.NetgradError, match=r"decorate it with @netgrad\.register"):
        model.save(tmp_path / "own.safetensors")


def rewritten(model, path, **change):
    """A file that is signed as ours, with another description."""
    from safetensors.numpy import save

    from netgrad.training.files import describe, digest, flatten

    arrays = flatten({"params": model.params, "state": model.state})
    text = json.dumps(describe(model) | change)
    path.write_bytes(save(arrays, {"netgrad": text, "sha256": digest(arrays, text)}))
    return path


VIEW = {"kind": "view"}


# What fuzzing found: these were read, and failed at first use with an error of Python's own.
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"card": [1]}, "the card"),
        ({"history": [{"loss": "low"}]}, "the history"),
        ({"history": [{"loss": 10**400}]}, "the history"),
        ({"history": 5}, "the history"),
        ({"stopped": None}, "the stopped"),
        ({"terms": []}, "its losses"),
        ({"views": [1]}, "the views"),
        ({"views": [{"kind": "loss", "type": "squared_error"}]}, "is no view"),
        (
            {"views": [VIEW | {"type": "tied", "path": "dense_9/W", "source": "dense_2/W"}]},
            "unknown parameter 'dense_9/W'",
        ),
        ({"views": [VIEW | {"type": "tied", "path": {}, "source": 3}]}, "does not describe a model"),
        ({"views": [VIEW | {"type": "masked", "path": "dense_2/W", "shape": [4, 3], "bits": "zz"}]}, "hexadecimal"),
        ({"views": [VIEW | {"type": "masked", "path": "dense_2/W", "shape": [2**40], "bits": "00"}]}, "the mask of"),
        ({"views": [VIEW | {"type": "frozen", "where": [["dense_2", 3]], "asked": ""}]}, "does not describe a model"),
        ({"views": [VIEW | {"type": "weight_normed", "path": "dense_2/W"}]}, "not those of its architecture"),
        ({"views": 5}, "the views"),
        ({"outputs": [["dense_2", "none"]]}, "layers that it has not"),
        ({"events": [1]}, "the events"),
        ({"terms": [["other", {"kind": "loss", "type": "squared_error"}, 1.0]]}, "its losses"),
        ({"terms": [["dense_2", {"kind": "layer", "type": "flatten"}, 1.0]]}, "is no loss"),
        ({"penalties": [{"kind": "loss", "type": "squared_error"}]}, "is no penalty"),
        ({"shapes": {"x": [-3]}}, "not all positive"),
        ({"shapes": {"x": [2**40, 3]}}, "more than 268,435,456 numbers"),
        ({"shapes": {"x": [True]}}, "the shapes"),
        ({"format": "1"}, "the format"),
        ({"nodes": [["n"]]}, "the nodes"),
        ({"target_encoder": {"task": "classification", "scaling": "none", "name": "y"}}, "TargetEncoder"),
        (
            {
                "target_encoder": {
                    "task": None,
                    "scaling": "none",
                    "name": "y",
                    "classes": ["a", "b"],
                    "offset": [],
                    "factor": [],
                    "one_dimensional": True,
                }
            },
            "TargetEncoder",
        ),
        ({"encoder": {"columns": [{"name": "a", "kind": "number", "offset": "1", "categories": []}]}}, "TableEncoder"),
        ({"encoder": {"columns": [{"name": 1, "kind": "number", "categories": []}]}}, "TableEncoder"),
        ({"shapes": {"x": [1] * 101}}, "more than 60 axes"),
        ({"history": [{"\ud800": 1.0}]}, r"half a symbol, such as \\ud800 alone"),
    ],
)
def test_descriptions_that_lead_to_no_model(model, tmp_path, change, message):
    with pytest.raises(ng.FileError, match=message) as caught:
        ng.load(rewritten(model, tmp_path / "odd.safetensors", **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "F4"])
def test_numbers_that_numpy_has_not(tmp_path, kind):
    header = json.dumps({"w": {"dtype": kind, "shape": [4], "data_offsets": [0, 2 if kind == "F4" else 4]}}).encode()
    path = tmp_path / "small.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2 if kind == "F4" else 4))
    one = ng.untrained(ng.Sequential([ng.Dense(1)]), X, X[:, 0])
    for use in (ng.load, lambda path: ng.exchange.from_torch(one, path)):
        with pytest.raises(ng.FileError, match=r"holds numbers of the type float\d\w+: expected those of NumPy"):
            use(path)


def test_more_layers_than_can_be_built(model, tmp_path):
    from netgrad.network.graph import MOST_LAYERS
    from netgrad.registry import to_config

    tanh = to_config(ng.Tanh())
    nodes = [[f"t{i}", tanh, [f"t{i - 1}" if i else "x"], f"t{i}"] for i in range(MOST_LAYERS + 1)]
    with pytest.raises(ng.FileError, match="it has 10,001 layers, a network may have up to 10,000"):
        ng.load(rewritten(model, tmp_path / "deep.safetensors", nodes=nodes))
    with pytest.raises(ng.NetgradError, match="up to 10,000 layers, found 10,001"):
        ng.Sequential([ng.Tanh()] * (MOST_LAYERS + 1))


def test_layers_that_are_alike_are_looked_at_once(tmp_path, monkeypatch):
    looked = []
    init = ng.Dense.init

    def counted(layer, key, in_shape):
        looked.append(in_shape)
        return init(layer, key, in_shape)

    deep = ng.untrained(ng.Sequential([ng.Dense(5, activation="tanh") for _ in range(40)] + [ng.Dense(1)]), X, X[:, 0])
    path = deep.save(tmp_path / "deep.safetensors")
    from netgrad.network.initial import shapes_made

    shapes_made.cache_clear()
    monkeypatch.setattr(ng.Dense, "init", counted)
    assert ng.load(path).parameters == deep.parameters
    assert len(looked) == 3  # the first, the thirty-nine after it, the last


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_written_and_said(value, tmp_path):
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.BatchNorm(), ng.Dense(3)])
    sick = ng.fit(net, X, Y, epochs=1)
    weights = np.array(sick.params["dense_1"]["W"])
    weights[0, 1] = value
    sick.params["dense_1"]["W"] = weights
    why = "1 of 12 numbers in W of layer dense_1 is not finite"
    with pytest.warns(ng.NetgradWarning, match=rf"the model written to .*sick.safetensors cannot predict: {why}"):
        path = sick.save(tmp_path / "sick.safetensors")
    with pytest.warns(ng.NetgradWarning, match=rf"the model in .*sick.safetensors cannot predict: {why}"):
        again = ng.load(path)
    if np.isnan(value):
        with pytest.warns(ng.NetgradWarning, match=rf"not finite for 12 of 12 examples, first 0: {why}"):
            assert again.predict(X).shape == (12,)
        with pytest.warns(ng.NetgradWarning, match="not finite for 12 of 12"):
            again.predict_proba(X)
    sick.state["batch_norm_1"]["mean"] = np.full(4, np.nan)
    assert sick.not_finite() == f"{why} and so in 1 more place"


def test_a_state_of_another_architecture(model, tmp_path):
    odd = ng.Model(**{**vars(model), "state": {"dense_1": {"mean": np.ones(3)}}})
    with pytest.raises(ng.FileError, match="the state in the file"):
        ng.load(odd.save(tmp_path / "odd.safetensors"))


def test_running_statistics_survive(tmp_path):
    net = ng.Sequential([ng.Dense(4), ng.BatchNorm(), ng.Dense(3)])
    made = ng.fit(net, X, Y, epochs=2)
    assert made.state
    again = ng.load(made.save(tmp_path / "model.safetensors"))
    assert again.predict(X).tolist() == made.predict(X).tolist()


def test_activations_may_stand_alone(tmp_path):
    net = ng.Sequential([ng.Dense(3), ng.BatchNorm(), ng.PReLU(), ng.Dense(2), ng.Tanh()])
    model = ng.fit(net, np.eye(3), np.zeros((3, 2)), epochs=1)
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    assert again.network == model.network
