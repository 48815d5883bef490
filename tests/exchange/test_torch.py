"""Weights from PyTorch and back: by numbers that torch made, and beside torch itself where it is installed."""

import importlib.util
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import netgrad as ng
from netgrad.exchange import from_torch, to_torch

from .torch_cases import NUMBERS, inputs, model_of, modules, networks, run, seeded

CASES = list(networks())
with_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="torch is not installed (pip install torch): its numbers in torch_numbers.json are tested instead",
)


@pytest.fixture(scope="module")
def numbers():
    return json.loads(NUMBERS.read_text())["cases"]


def written(folder, weights):
    """A state_dict as a file."""
    tensors = {k: np.array(v["values"], np.float32).reshape(v["shape"]) for k, v in weights.items()}
    tensors |= {"0.num_batches_tracked": np.array(7)}
    save_file(tensors, folder / "weights.safetensors")
    return folder / "weights.safetensors"


@pytest.mark.parametrize("name", CASES)
def test_numbers_that_torch_made(name, numbers, tmp_path):
    case = numbers[name]
    path = written(tmp_path, case["weights"])
    names = networks()[name][2]
    model = from_torch(model_of(name), path, names=names)
    given = model.outputs(inputs(name))[model.network.output_names[0]]
    np.testing.assert_allclose(given, case["outputs"], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name, numbers, tmp_path):
    model = from_torch(model_of(name), written(tmp_path, numbers[name]["weights"]), names=networks()[name][2])
    again = from_torch(model_of(name), to_torch(model, tmp_path / "again.safetensors"))
    x = inputs(name)
    np.testing.assert_allclose(*(m.predict_proba(x) for m in (model, again)), rtol=1e-6, atol=1e-7)


@with_torch
@pytest.mark.parametrize("name", CASES)
def test_beside_torch(name, tmp_path):
    import torch
    from safetensors.torch import load_file as load
    from safetensors.torch import save_file as save

    module, path = seeded(torch, name), tmp_path / "weights.safetensors"
    save(module.state_dict(), path)
    names = networks()[name][2]
    model = from_torch(model_of(name), path, names=names)
    x = inputs(name)
    np.testing.assert_allclose(model.predict_proba(x), run(torch, name, module, x), rtol=1e-5, atol=2e-6)
    # And back, into a module with other weights. It finds them under its own names where we are told these.
    own = names or dict(zip(slots(model), prefixes(module), strict=True))
    fresh = modules(torch)[name]
    back = load(to_torch(model, tmp_path / "back.safetensors", names=own))
    missing, unexpected = fresh.load_state_dict(back, strict=False)
    assert unexpected == []
    assert all(key.endswith("num_batches_tracked") for key in missing)
    np.testing.assert_allclose(model.predict_proba(x), run(torch, name, fresh, x), rtol=1e-5, atol=2e-6)


def slots(model):
    from netgrad.exchange.torch_layouts import slots_of

    return [slot.name for slot in slots_of(model)]


def prefixes(module):
    """The module's parts that hold tensors, in order; those of several layers once for each."""
    found = []
    for name, part in module.named_modules():
        if list(part.parameters(recurse=False)):
            found += [f"{name}.{k}" for k in range(part.num_layers)] if hasattr(part, "num_layers") else [name]
    return found


def test_a_gru_of_the_other_form_is_refused(numbers, tmp_path):
    net = ng.Sequential([ng.GRU(3), ng.Dense(2)])
    model = ng.untrained(net, inputs("gru"), np.zeros((3, 4, 2)), loss="squared_error")
    path = written(tmp_path, numbers["gru"]["weights"])
    for call in (lambda: from_torch(model, path), lambda: to_torch(model, path)):
        with pytest.raises(ng.NetgradError, match=r"gru_1 resets before the product .* reset_after=True"):
            call()


def test_one_slope_for_all_units(numbers, tmp_path):
    weights = numbers["prelu"]["weights"] | {"1.weight": {"shape": [1], "values": [0.25]}}
    model = from_torch(model_of("prelu"), written(tmp_path, weights))
    assert model.params["dense_1"]["activation"]["slope"].tolist() == [0.25] * 3


def test_errors_name_the_tensors(numbers, tmp_path):
    model, weights = model_of("mlp"), numbers["mlp"]["weights"]
    path = written(tmp_path, weights)
    tensors = load_file(path)
    short = {k: v for k, v in tensors.items() if k != "3.weight"}
    more = tensors | {"9.weight": np.zeros((2, 2), np.float32)}
    for changed, message in (
        (short, r"nothing for dense_2, which needs weight \(2, 3\), bias \(2,\): next in the file are 3.bias \(2,\)"),
        (more, "more than this network has places for: 9.weight"),
        (tensors | {"0.weight": np.zeros((3, 4), np.int32)}, "'0.weight' is of type int32, expected float"),
        (tensors | {"0.weight": np.zeros((3, 5), np.float32)}, r"nothing for dense_1, which needs weight \(3, 4\)"),
    ):
        save_file(changed, path)
        with pytest.raises(ng.NetgradError, match=message):
            from_torch(model, path)
    save_file(tensors, path)
    with pytest.raises(ng.NetgradError, match=r"no layer 'dense_3' with weights: this network has dense_1, dense_2"):
        from_torch(model, path, names={"dense_3": "0"})
    with pytest.raises(ng.NetgradError, match="no module '1' for dense_1: it has 0, 3"):
        from_torch(model, path, names={"dense_1": "1"})
    with pytest.raises(ng.NetgradError, match=r"module '3' does not fit dense_1: weight has shape \(2, 3\)"):
        from_torch(model, path, names={"dense_1": "3"})
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ng.FileError, match="truncated"):
        from_torch(model, path)
    with pytest.raises(ng.FileError, match="no file at"):
        from_torch(model, tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (ng.LSTM(3, peepholes=True), (4, 2), "peepholes"),
        (ng.LSTM(3, learned_state=True), (4, 2), "initial state"),
        (ng.RNN(3, "elu"), (4, 2), "tanh or relu, this one has elu"),
        (ng.ForgetGateRNN(3), (4, 2), "no ForgetGateRNN"),
        (ng.CoupledLSTM(3), (4, 2), "no CoupledLSTM"),
        (ng.Subsample(2), (4, 2), "Subsample has no module"),
    ],
)
def test_layers_without_a_module_are_refused_by_name(layer, shape, message, tmp_path):
    net = ng.Sequential([layer])
    out = net.shapes(shape)[net.nodes[0].name]
    model = ng.untrained(net, np.zeros((2, *shape)), np.zeros((2, *out)), loss="squared_error")
    with pytest.raises(ng.NetgradError, match=f"{net.nodes[0].name}.*{message}"):
        to_torch(model, tmp_path / "weights.safetensors")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a\nb.weight"], r"'a\\nb.weight' is no name of a tensor"),
        (["²"], "more than this network has places for: ²$"),
        (["²3.weight", "9" * 5000 + ".weight"], r"has places for: .*9\.\.\."),
        (["x.weight_ih_l" + "9" * 5000], "has places for: x.weight_ih_l99"),
        ([f"x{i}.weight" for i in range(3000)], "has places for: x0.weight, x1.weight, .*x9.weight and 2990 more$"),
    ],
)
def test_odd_names_are_one_line(names, message, numbers, tmp_path):
    path = written(tmp_path, numbers["mlp"]["weights"])
    save_file(load_file(path) | {name: np.zeros((1, 1), np.float32) for name in names}, path)
    with pytest.raises(ng.NetgradError, match=message) as caught:
        from_torch(model_of("mlp"), path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 2000


def test_the_tenth_module_comes_behind_the_ninth(numbers, tmp_path):
    """Also where their numbers begin with zeros, or are longer than Python's whole numbers are read."""
    path = written(tmp_path, numbers["mlp"]["weights"])
    tensors = load_file(path)
    for first, second in (("9.", "10."), ("09.", "010."), ("9." + "8" * 5000 + ".", "9." + "9" * 5000 + ".")):
        names = {"0.": first, "3.": second}
        save_file({names[k[:2]] + k[2:]: v for k, v in tensors.items() if "num_batches" not in k}, path)
        model = from_torch(model_of("mlp"), path)
        np.testing.assert_array_equal(model.params["dense_1"]["b"], tensors["0.bias"])


@with_torch
def test_attention_and_the_layers_of_a_transformer(tmp_path):
    import torch
    from safetensors.torch import load_file as load
    from safetensors.torch import save_file as save

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True, norm_first=True)
    theirs = torch.nn.TransformerEncoder(layer, 2, norm=torch.nn.LayerNorm(8), enable_nested_tensor=False)
    theirs.load_state_dict({name: torch.randn_like(value) for name, value in theirs.state_dict().items()})
    net = ng.architectures.transformer_encoder(None, 8, layers=2, heads=2, hidden=12)
    net = ng.Network.from_nodes(["positions_1"], net.nodes[2:], net.outputs)
    x = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)
    save(theirs.state_dict(), tmp_path / "weights.safetensors")
    model = from_torch(ng.untrained(net, x, x, loss="squared_error"), tmp_path / "weights.safetensors")
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(x), theirs(torch.tensor(x)).numpy(), rtol=1e-4, atol=2e-5)
    parts = {"attend/layer_norm_1": "norm1", "feed/layer_norm_1": "norm2", "attend/attention_1": "self_attn"}
    parts |= {"feed/dense_1": "linear1", "feed/dense_2": "linear2"}
    names = {f"blocks/{i}/{ours}": f"layers.{i}.{own}" for i in range(2) for ours, own in parts.items()}
    back = load(to_torch(model, tmp_path / "back.safetensors", names=names | {"layer_norm_1": "norm"}))
    theirs.load_state_dict({name: torch.randn_like(value) for name, value in theirs.state_dict().items()})
    theirs.load_state_dict(back)
    with torch.no_grad():  # without the keys' bias, which says nothing
        np.testing.assert_allclose(model.predict(x), theirs(torch.tensor(x)).numpy(), rtol=1e-4, atol=2e-5)

    a, b = ng.Input("a"), ng.Input("b")
    cross = {"a": x, "b": x[:, :4, :6]}
    other = torch.nn.MultiheadAttention(8, 4, kdim=6, vdim=6, batch_first=True, bias=False)
    save(other.state_dict(), tmp_path / "cross.safetensors")
    net = ng.Network([a, b], ng.Attention(heads=4, bias=False)(a, b))
    model = from_torch(ng.untrained(net, cross, x, loss="squared_error"), tmp_path / "cross.safetensors")
    with torch.no_grad():
        q, m = torch.tensor(x), torch.tensor(cross["b"])
        np.testing.assert_allclose(model.predict(cross), other(q, m, m)[0].numpy(), rtol=1e-4, atol=1e-5)
    assert set(load(to_torch(model, tmp_path / "again.safetensors"))) == {
        f"attention_1.{name}" for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight")
    }


def test_what_attention_has_that_pytorch_has_not(tmp_path):
    x = np.zeros((2, 5, 4))
    for layer, said in (
        (ng.Attention(score="additive"), "PyTorch's attention has dot products"),
        (ng.Attention(8), "as many units as its queries"),
    ):
        model = ng.untrained(ng.Sequential([layer, ng.Dense(1)]), x, x[..., :1])
        with pytest.raises(ng.NetgradError, match=said):
            to_torch(model, tmp_path / "none.safetensors")
