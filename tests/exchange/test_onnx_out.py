"""ONNX export: every registered layer, run by onnxruntime beside our own forward pass."""

import numpy as np
import onnx
import onnxruntime
import pytest

import netgrad as ng
from netgrad.exchange.onnx_out import graph_of
from netgrad.registry import KINDS

from ..layers.cases import CASES
from .networks import N, model_of, wanted

# Registered layers that ONNX cannot express, each with its reason.
REFUSED: dict[str, str] = {"coupled_lstm": "ONNX has no operator for it"}


def run(proto, inputs):
    """The file's outputs by name; whole numbers where it asks for them."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    kinds = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}
    feed = {i.name: np.asarray(inputs[i.name], kinds[i.type]) for i in session.get_inputs()}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feed), strict=True))


def test_every_registered_layer_is_tested_or_refused():
    own = {name for kind in ("layer", "activation") for name, c in KINDS[kind].items() if c.__module__[:7] == "netgrad"}
    assert own == {case.layer.registered_name for case in CASES}
    assert set(REFUSED) <= own


@pytest.mark.parametrize("case", CASES, ids=str)
def test_onnxruntime_gives_what_we_give(case):
    model, inputs, _ = model_of(case)
    if reason := REFUSED.get(case.layer.registered_name):
        with pytest.raises(ng.NetgradError, match="cannot be written as ONNX"):
            graph_of(model)
        assert reason
        return
    proto = graph_of(model)
    onnx.checker.check_model(proto, full_check=True)
    for n in (N, 2):  # the axis of the examples is free
        given = run(proto, {name: value[:n] for name, value in inputs.items()})["tested"]
        np.testing.assert_allclose(given, wanted(case)[:n], rtol=2e-5, atol=2e-6, err_msg=f"{n} examples")


OWN_LOSSES = {n for n, c in KINDS["loss"].items() if c.__module__[:7] == "netgrad"}


@pytest.mark.parametrize(
    "loss", sorted(OWN_LOSSES - {"function", "mixture_density"})
)  # the user's, and what is refused
def test_link_functions(loss):
    last = "softmax" if loss == "cross_entropy" else "identity"
    x = np.random.default_rng(0).normal(size=(N, 3))
    model = ng.untrained(ng.Sequential([ng.Dense(2, activation=last)]), x, np.eye(2)[[0, 1, 1, 0, 1]], loss=loss)
    given = run(graph_of(model), {"x": x})["dense_1"]
    np.testing.assert_allclose(given, model.predict_proba(x), rtol=1e-5, atol=1e-6)


def test_the_mean_of_a_mixture_is_refused_and_its_parts_are_written():
    loss, x = ng.MixtureDensity(2), np.eye(3)
    model = ng.untrained(ng.Sequential([ng.Dense(loss.units(1))]), x, x[:, 0], loss=loss)
    with pytest.raises(ng.NetgradError, match="MixtureDensity cannot be written as ONNX: export with probabilities=F"):
        graph_of(model)
    given = run(graph_of(model, probabilities=False), {"x": x})["dense_1"]
    np.testing.assert_allclose(given, model.outputs(x)["dense_1"], rtol=1e-5, atol=1e-6)


def test_a_cell_that_onnx_has_not_is_refused_by_name_wherever_it_stands():
    x = np.zeros((2, 4, 3))
    for layer in (ng.CoupledLSTM(3), ng.Bidirectional(ng.CoupledLSTM(3))):
        model = ng.untrained(ng.Sequential([layer, ng.Dense(1)]), x, x[..., :1], loss="squared_error")
        with pytest.raises(ng.NetgradError, match=r"CoupledLSTM\) cannot be written as ONNX") as refused:
            graph_of(model)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("case", [c for c in CASES if c.lengths and c.layer.registered_name not in REFUSED], ids=str)
def test_lengths(case):
    model, inputs, lengths = model_of(case)
    proto = graph_of(model, lengths=list(lengths))
    onnx.checker.check_model(proto, full_check=True)
    given = dict(inputs)
    for name, own in lengths.items():
        dirty = np.arange(inputs[name].shape[1]) >= own[:, None]
        dirty = dirty.reshape(*dirty.shape, *(1,) * (inputs[name].ndim - 2))
        given |= {name: np.where(dirty, 3.0, inputs[name]), f"{name}_lengths": own}
    a = run(proto, given)["tested"]
    b = model.outputs(inputs, lengths)["tested"]
    told = tuple(lengths.get(name) for name in model.network.inputs)
    if (left := case.layer.out_lengths(told[0] if len(told) == 1 else told, case.in_shape)) is not None:
        valid = np.arange(a.shape[1]) < np.asarray(left)[:, None]
        a, b = a[valid], b[valid]
    np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


def test_whatever_a_rule_raises_names_the_layer(monkeypatch):
    from netgrad.exchange.rules import RULES

    def rule(w, at):
        raise IndexError("list index out of range")

    monkeypatch.setitem(RULES, ng.Dense, rule)
    model = ng.untrained(ng.Sequential([ng.Dense(2)]), np.eye(3), [0, 1, 1])
    with pytest.raises(ng.NetgradError, match=r"^layer dense_1: IndexError: list index out of range$"):
        graph_of(model)


@pytest.mark.parametrize("kind", ["transformer", "encoder_decoder"])
def test_an_encoder_and_a_decoder_take_sequences_of_any_two_lengths(kind):
    rng = np.random.default_rng(0)
    net = {
        "transformer": lambda: ng.architectures.transformer(6, 5, 8, layers=2, heads=2),
        "encoder_decoder": lambda: ng.architectures.encoder_decoder(6, 5, 8, cell="lstm"),
    }[kind]()
    x = {"source": rng.integers(0, 6, (3, 7)), "target": rng.integers(0, 5, (3, 4))}
    model = ng.untrained(net, x, rng.integers(0, 5, (3, 4)))
    proto = graph_of(model, lengths=True)
    other = {"source": rng.integers(0, 6, (4, 9)), "target": rng.integers(0, 5, (4, 6))}
    lengths = {"source": np.array([9, 1, 4, 6]), "target": np.array([6, 5, 1, 2])}
    (given,) = run(proto, other | {f"{name}_lengths": own for name, own in lengths.items()}).values()
    valid = np.arange(6) < lengths["target"][:, None]
    np.testing.assert_allclose(given[valid], model.predict_proba(other, lengths)[valid], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["dense", "residual"])
def test_a_grid_of_two_sequences_keeps_the_lengths_of_both(form):
    """With the steps that it was made with, as all convolutions, in a stack, too."""
    rng = np.random.default_rng(0)
    net = ng.architectures.pervasive_attention(6, 5, 4, layers=2, form=form, pool="attention")
    x = {"source": rng.integers(0, 6, (3, 7)), "target": rng.integers(0, 5, (3, 4))}
    model = ng.untrained(net, x, rng.integers(0, 5, (3, 4)))
    proto = graph_of(model, lengths=True)
    assert [[d.dim_value for d in i.type.tensor_type.shape.dim][1:] for i in proto.graph.input[:2]] == [[7], [4]]
    lengths = {"source": np.array([7, 1, 4]), "target": np.array([4, 1, 2])}
    (given,) = run(proto, x | {f"{name}_lengths": own for name, own in lengths.items()}).values()
    valid = np.arange(4) < lengths["target"][:, None]
    np.testing.assert_allclose(given[valid], model.predict_proba(x, lengths)[valid], rtol=1e-4, atol=1e-5)
