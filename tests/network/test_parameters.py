"""Parameters seen through one map: ties, masks, norms, frozen layers, in networks, in parts of them and in blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import backward, forward
from netgrad.trees import by_path

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 8)).astype(np.float32)
Y = RNG.normal(size=(24, 8)).astype(np.float32)


def autoencoder(**settings):
    layers = [ng.Dense(3, activation="tanh", name="enc"), ng.Dense(8, name="dec")]
    return ng.Sequential(layers, **settings).tied("dec/W", "enc/W", transposed=True)


def everything():
    """A network with all kinds of views, in nested networks and in a stack."""
    block = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(3)])
    block = block.tied("dense_2/W", "dense_1/W", transposed=True).weight_normed("dense_1/W")
    part = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Stack(ng.Residual(block), 2)], name="part")
    part = part.masked("dense_1/W", np.arange(24).reshape(8, 3) % 3 > 0)
    return ng.Sequential([part, ng.WeightNorm(ng.Dense(4)), ng.Dense(8)]).frozen("*/dense_2/b", "weight_norm_1")


def test_a_network_without_views_is_what_it_was():
    net = ng.Sequential([ng.Dense(3), ng.Dense(8)])
    params, _ = net.init(0, (8,))
    assert net.effective(params) is params
    assert net.returned(params, params) is params
    assert net.stored(params) is params
    assert net.views == ()
    assert net.untrained == ()
    assert "views" not in net.to_fields()


def test_the_first_weights_are_the_same_with_views_and_without():
    plain = ng.Sequential([ng.Dense(3, activation="tanh", name="enc"), ng.Dense(8, name="dec")]).init(0, (8,))[0]
    tied = autoencoder().init(0, (8,))[0]
    for path, leaf in by_path(tied).items():
        np.testing.assert_array_equal(leaf, by_path(plain)[path])
    assert list(by_path(tied)) == ["dec/b", "enc/W", "enc/b"]


@pytest.mark.parametrize("make", [autoencoder, everything])
def test_gradients_through_the_map(make):
    report = ng.check_gradients(make(), X[:4], Y[:4])
    assert report.ok, report


def test_gradients_of_a_tie_are_those_of_both_places(x64):
    net, x, d = autoencoder(), jnp.asarray(X, float), {"dec": jnp.asarray(Y, float)}
    plain = ng.Network.from_nodes(net.inputs, net.nodes, net.outputs)
    params, _ = net.init(0, (8,))
    ours = backward(net, params, forward(net, params, {}, {"x": x}).saved, d)
    whole = net.effective(params)
    theirs = backward(plain, whole, forward(plain, whole, {}, {"x": x}).saved, d).params
    np.testing.assert_allclose(ours.params["enc"]["W"], theirs["enc"]["W"] + theirs["dec"]["W"].T)
    grad = jax.grad(lambda p: (ng.apply(net, p, {"x": x})["dec"] * d["dec"]).sum())(params)
    for (path, mine), (_, other) in zip(by_path(ours.params).items(), by_path(grad).items(), strict=True):
        np.testing.assert_allclose(mine, other, err_msg=path)


def test_a_network_inside_other_code_is_seen_through_the_same_map(x64):
    net, x = everything(), jnp.asarray(X[:4], float)
    params, _ = net.init(0, (8,))

    def f(p):
        return jnp.sin(ng.apply(net, p, x)).sum()

    direction = jax.tree.map(lambda leaf: jnp.cos(3 * leaf), params)
    grad = by_path(jax.grad(f)(params))
    along = sum((grad[path] * leaf).sum() for path, leaf in by_path(direction).items())
    np.testing.assert_allclose(jax.jvp(f, (params,), (direction,))[1], along, rtol=1e-8)
    assert not grad["part/dense_1/mask_W"].any()
    assert not grad["weight_norm_1/V"].any()
    assert grad["part/dense_1/W"].any()


def test_everything_trains_saves_loads_and_goes_on(tmp_path):
    net = everything()
    start = ng.untrained(net, X, Y, loss="squared_error")
    model = ng.fit(start, X, Y, epochs=3, learning_rate=0.02, optimizer="adamw")
    assert model.history["loss"][-1] < model.history["loss"][0]
    before, after = by_path(start.params), by_path(model.params)
    assert before.keys() == after.keys()
    still = {path for path in before if (before[path] == after[path]).all()}
    named = {"weight_norm_1/W_g", "weight_norm_1/V", "weight_norm_1/b", "part/dense_1/mask_W"}
    assert {*named, "part/stack_1/residual_1/dense_2/b"} - still <= {"part/stack_1/residual_1/dense_2/b"}
    assert "part/dense_1/W" not in still
    again = ng.load(model.save(tmp_path / "m.safetensors"))
    assert again.network == model.network
    assert hash(again.network) == hash(model.network)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert len(ng.fit(again, X, Y, epochs=1).history) == 1


def test_a_view_inside_a_stack_has_the_copies_in_front():
    block = ng.Sequential([ng.Dense(3, activation="tanh", bias=False), ng.Dense(3, bias=False)])
    net = ng.Sequential([ng.Dense(3), ng.Stack(block.tied("dense_2/W", "dense_1/W", transposed=True), 4)])
    params, _ = net.init(0, (8,))
    assert {path: leaf.shape for path, leaf in by_path(params["stack_1"]).items()} == {"dense_1/W": (4, 3, 3)}
    W, h = params["stack_1"]["dense_1"]["W"], X @ params["dense_1"]["W"] + params["dense_1"]["b"]
    for own in W:
        h = np.tanh(h @ own) @ own.T
    made = forward(net, params, {}, {"x": X}).outputs["stack_1"]
    np.testing.assert_allclose(made, h, rtol=1e-4, atol=1e-5)


def test_recomputed_and_residual_blocks_keep_their_views():
    block = ng.Residual([ng.Dense(3, activation="tanh"), ng.Dense(3)]).tied("dense_2/W", "dense_1/W")
    for part in (block, ng.Recomputed(block), ng.Stack(ng.Recomputed(block), 2), ng.Ensemble(block, 2)):
        net = ng.Sequential([ng.Dense(3), part, ng.Dense(8)])
        assert ng.check_gradients(net, X[:3], Y[:3]).ok
        assert not any(path.endswith("dense_2/W") and "1/" in path[:-9] for path in by_path(net.init(0, (8,))[0]))


def test_a_part_used_twice_is_one_set_of_views():
    a, b = ng.Input("a"), ng.Input("b")
    part = autoencoder(name="part")
    net = ng.Network([a, b], ng.Add()(part(a), part(b)))
    assert [view.path for view in net.views] == ["part/dec/W"]
    assert sorted(path for path in by_path(net.init(0, {"a": (8,), "b": (8,)})[0])) == [
        "part/dec/b",
        "part/enc/W",
        "part/enc/b",
    ]


def test_the_summary_counts_a_tied_pair_once_and_no_masks():
    assert autoencoder().summary((8,)).parameters == 8 * 3 + 3 + 8
    masked = autoencoder().masked("enc/W")
    assert masked.summary((8,)).parameters == 8 * 3 + 3 + 8
    assert ng.untrained(masked, X, X).parameters == 8 * 3 + 3 + 8
    assert masked.init(0, (8,))[0]["enc"]["mask_W"].shape == (8, 3)


def test_the_outline_says_how_parameters_are_seen():
    net = autoencoder().masked("enc/W").weight_normed("enc/W").frozen("enc/b", ng.Dense)
    assert repr(net).splitlines()[-1] == (
        "  where enc/W weight normed, enc/W masked, enc/b frozen, Dense frozen, dec/W = enc/W transposed"
    )


def test_a_tie_of_what_is_tied_leads_to_the_same_source():
    layers = [ng.Dense(3, name=name) for name in "abcd"]
    net = ng.Sequential(layers)
    chain = net.tied("b/W", "a/W", transposed=True).tied("c/W", "b/W", transposed=True)
    assert [(v.path, v.source, v.transposed) for v in chain.views] == [("b/W", "a/W", True), ("c/W", "a/W", False)]
    turned = net.tied("b/W", "a/W").tied("a/W", "d/W", transposed=True)
    assert {(v.path, v.source, v.transposed) for v in turned.views} == {("b/W", "d/W", True), ("a/W", "d/W", True)}
    params = turned.init(0, (3,))[0]
    np.testing.assert_array_equal(turned.effective(params)["b"]["W"], params["d"]["W"].T)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda n: n.tied("dec/W", "dec/W"), "dec/W would be tied to itself"),
        (lambda n: n.tied("enc/W", "dec/W").tied("dec/W", "enc/W"), "dec/W would be tied to itself"),
        (lambda n: n.tied("enc/W", "dec/W").tied("enc/W", "mid/W"), "enc/W is tied to dec/W already"),
        (lambda n: n.tied("decc/W", "enc/W"), "unknown layer 'decc': did you mean 'dec'"),
        (lambda n: n.tied("dec", "enc"), "named by layer and name, as enc/W: found 'dec'"),
        (lambda n: n.tied("enc/W", "dec/W").masked("enc/W"), "enc/W is tied to another parameter: give that one"),
        (lambda n: n.masked("enc/W").tied("enc/W", "dec/W"), "enc/W is masked: tie the other one to it"),
        (lambda n: n.weight_normed("enc/W").tied("enc/W", "dec/W"), "enc/W is weight normed: tie the other"),
        (lambda n: n.weight_normed("enc/W").weight_normed("enc/W"), "enc/W is weight normed already"),
        (lambda n: n.tied("enc/W", "dec/W").weight_normed("enc/W"), "enc/W is tied already"),
        (lambda n: n.weight_normed("stack/dense_1/W"), "norm the weights of the block itself"),
        (lambda n: n.frozen("nowhere"), "unknown layer 'nowhere'"),
        (lambda n: n.frozen(ng.LSTM), "no layer of this network is a LSTM"),
        (lambda n: n.masked("nowhere/W"), "unknown layer 'nowhere'"),
        (lambda n: n.tied("dec/W", "enc/W"), r"dec/W must be \(3, 8\), but enc/W is \(8, 3\): give transposed=True"),
        (lambda n: n.tied("mid/W", "enc/W"), r"mid/W must be \(3, 3\), but enc/W is \(8, 3\): give the layers sizes"),
        (lambda n: n.masked("enc/W", [1, 0]), r"the mask of enc/W has the shape \(2,\), the parameter has \(8, 3\)"),
        (lambda n: n.frozen("enc/V"), "nothing to freeze in 'enc/V'"),
        (lambda n: n.tied("dec/W", "enc/W", transposed=True).frozen("dec"), "dec/W is frozen, but tied to enc/W"),
        (lambda n: n.masked("stack/dense_1/W"), "stack/dense_1/W has a mask in its block already"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(make, message):
    block = ng.Sequential([ng.Dense(3)]).masked("dense_1/W")
    layers = [ng.Dense(3, name="enc"), ng.Dense(3, name="mid"), ng.Stack(block, 2, name="stack")]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        make(ng.Sequential([*layers, ng.Dense(8, name="dec")])).param_shapes((8,))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_freezing_by_name_part_class_and_parameter():
    part = ng.Sequential([ng.Dense(3), ng.Stack([ng.Dense(3), ng.BatchNorm()], 2)], name="encoder")
    net = ng.Sequential([part, ng.Dense(2, name="head")])

    def frozen(*which):
        view = net.frozen(*which)
        return sorted(path for path in by_path(net.init(0, (8,))[0]) if any(v.holds(path) for v in view.views))

    inside = [f"encoder/stack_1/{name}" for name in ("batch_norm_1/beta", "batch_norm_1/gamma")]
    both = [*inside, "encoder/stack_1/dense_1/W", "encoder/stack_1/dense_1/b"]
    assert frozen("encoder") == frozen("encoder/*") == sorted(["encoder/dense_1/W", "encoder/dense_1/b", *both])
    assert frozen("head/b") == ["head/b"]
    assert frozen(ng.BatchNorm) == frozen("encoder/stack_1/batch_norm_1") == inside
    assert frozen("*/b") == ["encoder/dense_1/b", "encoder/stack_1/dense_1/b", "head/b"]
    assert frozen("head", "encoder/dense_1/W") == ["encoder/dense_1/W", "head/W", "head/b"]
    assert net.frozen("encoder").thawed() == net


def test_a_frozen_batch_norm_keeps_its_statistics_and_uses_them():
    net = ng.Sequential([ng.Sequential([ng.Dense(3), ng.BatchNorm()], name="encoder"), ng.Dense(8)])
    free, held = (ng.untrained(n, X, Y) for n in (net, net.frozen("encoder")))
    assert ng.fit(free, X, Y, epochs=1).state["encoder/batch_norm_1"]["mean"].any()
    model = ng.fit(held, X, Y, epochs=2)
    for path, leaf in by_path(model.state).items():
        np.testing.assert_array_equal(leaf, by_path(held.state)[path])
    for name in ("encoder/dense_1", "encoder/batch_norm_1"):
        jax.tree.map(np.testing.assert_array_equal, model.params[name], held.params[name])


def test_the_trace_shows_the_effective_weights_and_their_gradient():
    model = ng.untrained(autoencoder().masked("enc/W", np.eye(8, 3)), X, X)
    trace = model.trace(X, X)
    W = np.asarray(model.params["enc"]["W"])
    assert trace["dec"].W.shape == trace["dec"].dW.shape == (3, 8)
    np.testing.assert_array_equal(trace["dec"].W, (W * np.eye(8, 3)).T)
    np.testing.assert_array_equal(trace["enc"].W != 0, np.eye(8, 3) > 0)
    np.testing.assert_allclose(trace["dec"].dW, trace["dec"].x.T @ trace["dec"].delta, rtol=1e-4, atol=1e-5)
    plain = ng.untrained(ng.Sequential([ng.Dense(8)]), X, X)
    assert "W" not in plain.trace(X, X)["dense_1"].values


def test_the_trace_of_a_stack_shows_what_its_copies_compute_with():
    block = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(8)])
    block = block.weight_normed("dense_1/W").tied("dense_2/W", "dense_1/W", transposed=True)
    model = ng.untrained(ng.Sequential([ng.Stack(block, 3)]), X, X)
    trace = model.trace(X, X)
    np.testing.assert_allclose(
        trace["stack_1/dense_1"].z[2],
        trace["stack_1/dense_1"].x[2] @ trace["stack_1/dense_1"].W[2],
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_array_equal(trace["stack_1/dense_2"].W, np.swapaxes(trace["stack_1/dense_1"].W, 1, 2))
    assert trace["stack_1/dense_1"].dV.shape == (3, 8, 8)


def test_without_an_output_a_tie_to_what_is_gone_becomes_a_parameter(tmp_path):
    x = ng.Input()
    h = ng.Dense(3, name="enc", activation="tanh")(x)
    net = ng.Network(x, {"again": ng.Dense(8, name="dec")(h), "other": ng.Dense(8, name="far")(h)})
    net = net.tied("dec/W", "far/W").masked("enc/W").frozen("far", "dec")
    model = ng.untrained(net, X, {"again": X, "other": X})
    left = model.without("other")
    assert [type(view).__name__ for view in left.network.views] == ["Masked", "Frozen"]
    np.testing.assert_array_equal(left.params["dec"]["W"], model.params["far"]["W"])
    np.testing.assert_allclose(left.predict(X), model.predict(X)["again"], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ng.load(left.save(tmp_path / "left.safetensors")).predict(X), left.predict(X))
    assert "dec" not in [view.path for view in model.without("again").network.views if hasattr(view, "path")]


def test_replacing_parts():
    net = ng.Sequential([ng.Dense(4, activation="relu", name="a"), ng.Dropout(0.1), ng.Dense(2, name="b")])
    other = net.frozen("a").select("b").replace(ng.Dense(7))
    assert [node.layer.units for node in other.select(ng.Dense)] == [4, 7]
    assert other.views
    assert [node.name for node in other.nodes] == ["a", "dropout_1", "b"]
    tanh = net.select("a").replace(activation="tanh")
    assert tanh.by_name["a"].layer == ng.Sequential([ng.Dense(4, activation="tanh", name="a")]).nodes[0].layer
    for change, message in (
        (lambda s: s.replace(), "either a layer, replace"),
        (lambda s: s.replace(ng.Dense(1), units=3), "either a layer, replace"),
        (lambda s: s.replace("dense"), "takes a layer, found str"),
        (lambda s: s.replace(unit=3), "unknown setting of a 'unit': did you mean 'units'"),
    ):
        with pytest.raises(ng.NetgradError, match=message):
            change(net.select("a"))
