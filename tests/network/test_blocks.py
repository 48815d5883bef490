"""Networks as parts of networks: names, sharing, and everything that works on a network working through them."""

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import with_layers

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)).astype(np.float32), RNG.integers(0, 3, 60)


def nested(name=None):
    block = ng.Residual([ng.Dense(6, activation="relu"), ng.BatchNorm(), ng.Dense(6)], name=name)
    body = ng.Sequential([ng.Dense(6, activation="relu"), block, ng.ReLU()], name="body")
    return ng.Sequential([body, ng.Dropout(0.1), ng.Dense(3)])


def names(net):
    return [node.name for node in net.nodes]


def test_names_are_paths():
    inner = ["dense_1", "residual_1/dense_1", "residual_1/batch_norm_1", "residual_1/dense_2", "residual_1/add_1"]
    assert names(nested()) == [f"body/{name}" for name in (*inner, "relu_1")] + ["dropout_1", "dense_1"]
    assert "body/skip/add_1" in names(nested("skip"))


def test_a_network_in_a_network_is_the_network_written_out():
    x, layers = ng.Input(), [ng.Dense(5, activation="relu"), ng.Dense(5, activation="relu"), ng.Dense(1)]
    inside = ng.Network(x, ng.Sequential(layers[1:])(layers[0](x)))
    params, _ = inside.init(0, (4,))
    flat = ng.Sequential(layers)
    moved = {plain.params: params[node.params] for plain, node in zip(flat.nodes, inside.nodes, strict=True)}
    (ours,) = ng.apply(inside, params, {"x": X}).values()
    np.testing.assert_array_equal(ours, ng.apply(flat, moved, {"x": X})["dense_3"])
    assert [node.layer for node in inside.nodes] == [node.layer for node in flat.nodes]


def test_initialisers_depend_on_the_place_in_the_whole():
    block = ng.Sequential([ng.Dense(5, activation="relu")])
    assert type(block.nodes[0].layer.initializer).__name__ == "Xavier"
    net = ng.Sequential([ng.Dense(5, activation="relu"), block])
    assert [type(node.layer.initializer).__name__ for node in net.nodes] == ["Xavier", "He"]


def test_a_network_called_twice_shares_its_weights():
    twin = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(2)])
    a, b = ng.Input("a"), ng.Input("b")
    net = ng.Network([a, b], ng.Add()(twin(a), twin(b)))
    params, _ = net.init(0, {"a": (4,), "b": (4,)})
    assert set(params) == {"sequential_1/dense_1", "sequential_1/dense_2"}
    assert names(net)[2:4] == ["sequential_1/dense_1@2", "sequential_1/dense_2@2"]
    report = ng.check_gradients(net, {"a": X, "b": X[::-1]}, np.ones((60, 2)), loss="squared_error")
    assert report.ok


def test_a_layer_shared_with_the_network_around_it():
    shared = ng.Dense(4, activation="tanh")
    net = ng.Sequential([shared, ng.Sequential([shared, ng.Dense(1)], name="inner"), ng.Dense(1)])
    assert [node.params for node in net.nodes] == ["dense_1", "dense_1", "inner/dense_2", "dense_2"]
    assert names(net)[1] == "dense_1@2"


def test_several_inputs_and_outputs():
    a, b = ng.Input("a"), ng.Input("b")
    both = ng.Concatenate()(a, b)
    fork = ng.Network([a, b], {"mean": ng.Dense(1)(both), "spread": ng.Dense(1)(both)}, name="fork")
    x, z = ng.Input("x"), ng.Input("z")
    made = fork(x, z)
    assert set(made) == {"mean", "spread"}
    net = ng.Network([x, z], ng.Multiply()(made["mean"], made["spread"]))
    assert names(net) == ["fork/concatenate_1", "fork/dense_1", "fork/dense_2", "multiply_1"]
    assert net.shapes({"x": (2,), "z": (3,)})["multiply_1"] == (1,)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ng.Sequential([nested()])(X), "Sequential was called on ndarray: layers and networks are called on"),
        (lambda: nested()(), "without an input"),
        (lambda: nested()(ng.Input("a"), ng.Input("b")), "has the inputs x: found 2 symbols"),
        (
            lambda: ng.Sequential([ng.Network(x := ng.Input(), {"a": ng.Dense(1)(x), "b": ng.Dense(1)(x)}), ng.ReLU()]),
            "hand on one output, found a network with the outputs a, b",
        ),
        (lambda: ng.Sequential([ng.Dense(1, name="a/b")]), "a name is a word, found 'a/b'"),
        (lambda: ng.Sequential([nested(), 3]), "takes layers and networks, found 3"),
        (lambda: ng.Network(nested()(ng.Input()), ng.Input()), "inputs are made by ng.Input"),
        (lambda: nested().select("bdoy/*"), "unknown layer 'bdoy/\\*'"),
        (lambda: nested().select(ng.LSTM), "no layer of this network is a LSTM"),
        (lambda: ng.Residual([ng.Dense(3)]).init(0, (4,)), "inputs of one shape"),
        (lambda: ng.Sequential([ng.Dense(1)] * 300 + [object()]), "takes layers and networks, found <object"),
    ],
)
def test_mistakes_are_one_short_line(build, message):
    with pytest.raises(ng.NetgradError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 500


def test_select_by_path_and_by_kind():
    net = nested()
    assert [n.name for n in net.select("body/residual_1/*")][-1] == "body/residual_1/add_1"
    assert [n.name for n in net.select(ng.Dense)][-1] == "dense_1"
    chosen = net.select("body/*")
    wide = with_layers(net, lambda n: n.layer.replace(activation="tanh") if n.name == "body/dense_1" else n.layer)
    assert len(chosen) == 6
    assert wide.by_name["body/dense_1"].layer.activation == ng.Tanh()


def test_a_network_shows_itself_in_a_few_lines():
    lines = repr(nested()).splitlines()
    assert lines[0] == "Sequential: x -> dense_1"
    assert lines[1] == "  body       6 layers: Dense, BatchNorm, Add, ReLU"
    assert len(lines) == 4
    deep = repr(ng.Sequential([ng.Dense(3) for _ in range(200)])).splitlines()
    assert len(deep) <= 13
    assert "189 more" in "".join(deep)


def test_a_shortcut_changes_the_shape():
    net = ng.Residual([ng.Conv(4, 3, padding="same")], shortcut=ng.Conv(4, 1))
    assert net.shapes((8, 8, 2))["add_1"] == (8, 8, 4)
    x = RNG.normal(size=(3, 8, 8, 2))
    assert ng.check_gradients(net, x, RNG.normal(size=(3, 8, 8, 4)), loss="squared_error").ok


def test_everything_works_through_nesting(tmp_path):
    net = nested()
    model = ng.fit(net, X, Y, epochs=3, seed=1)
    trace = model.trace(X[:5], Y[:5])
    assert trace["body/residual_1/dense_2"].delta.shape == (5, 6)
    again = ng.load(model.save(tmp_path / "nested.safetensors"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.state.keys() == {"body/residual_1/batch_norm_1"}
    assert names(ng.Sequential([again.network, ng.ReLU()]))[0] == "network_1/body/dense_1"
    assert "body/residual_1/dense_2" in str(net.summary((4,)))
    assert net.draw((4,)) is not None
    assert ng.check_gradients(net, X[:9], Y[:9]).ok
    assert model.diagnose(X, Y).skill <= 1
    page = ng.report.write(model, X, Y, tmp_path / "nested.html").read_text()
    assert "body/residual_1/dense_2" in page


def test_onnx_goes_out_through_nesting(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = ng.fit(nested(), X, Y, epochs=1)
    path = ng.exchange.to_onnx(model, tmp_path / "nested.onnx")
    session = runtime.InferenceSession(path)
    (scores, *_) = session.run(None, {session.get_inputs()[0].name: X})
    assert len(np.asarray(scores)) == len(X)


def test_parameters_in_lists_are_saved_and_loaded(tmp_path):
    model = ng.fit(ng.Sequential([Heads(), ng.Dense(3)]), X, Y, epochs=1)
    again = ng.load(model.save(tmp_path / "heads.safetensors"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert isinstance(again.params["test_heads_1"]["heads"], list)
    assert again.params["test_heads_1"]["scale"].shape == ()
    assert ng.check_gradients(model.network, X[:9], Y[:9]).ok


@ng.register("layer", "test_heads")
class Heads(ng.Layer):
    """Two matrices in a list, and a number."""

    def init(self, key, in_shape):
        return {"heads": [jnp.ones((4, 2)), jnp.zeros((4, 2))], "scale": jnp.float32(2.0)}

    def call(self, params, x, context):
        return params["scale"] * jnp.concatenate([x @ W for W in params["heads"]], axis=-1)


def test_branches_side_by_side():
    x = RNG.normal(size=(5, 6, 6, 3)).astype(np.float32)
    net = ng.Sequential([ng.Branches(None, ng.Conv(4, 1), [ng.MaxPool(3, 1, "same"), ng.Conv(2, 1)]), ng.GlobalPool()])
    assert names(net)[-2:] == ["branches_1/concatenate_1", "global_pool_1"]
    model = ng.untrained(net, x, np.zeros((5, 9)))
    np.testing.assert_allclose(model.predict(x)[:, :3], x.mean((1, 2)), rtol=1e-4, atol=1e-6)
    assert ng.check_gradients(net, x, np.zeros((5, 9))).ok
    with pytest.raises(ng.NetgradError, match="two or more ways from its input, found 1: add None"):
        ng.Branches(ng.Conv(4, 1))


def test_a_separable_convolution_is_one_whose_filters_are_products():
    """W[a, c, f] = depthwise[a, c] pointwise[c, f]: the same sum, with the products taken out."""
    x = jnp.asarray(RNG.normal(size=(2, 6, 6, 3)), jnp.float32)
    net = ng.Sequential([ng.SeparableConv(5, 3, padding="same")])
    params, _ = net.init(0, (6, 6, 3))
    apart, mixed = params["separableconv_1/depthwise_conv_1"]["W"], params["separableconv_1/conv_1"]
    whole = {"W": jnp.einsum("ijc,cf->ijcf", apart[:, :, 0], mixed["W"][0, 0]), "b": mixed["b"]}
    (ours,) = ng.apply(net, params, {"x": x}).values()
    theirs, _ = ng.Conv(5, 3, padding="same").forward(whole, x, ng.Context())
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
