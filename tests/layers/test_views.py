"""Every registered view is a pure map whose gradient comes back through it; one line a view buys the test."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.layers.views import Frozen, Masked, ParameterView, Tied, WeightNormed
from netgrad.registry import KINDS, from_config, to_config
from netgrad.trees import at, by_path, put

CASES = [
    Tied("b/W", "a/W", transposed=True),
    Tied("c/W", "a/W"),
    Masked("a/W"),
    Masked.of("a/W", [[1, 0, 1], [0, 1, 1]]),
    Frozen((("a", "*"), ("b", "W")), "some"),
    WeightNormed("a/W"),
]


def drawn(dtype=float):
    rng = np.random.default_rng(0)
    shapes = {"a": {"W": (2, 3), "b": (3,)}, "b": {"W": (3, 2)}, "c": {"W": (2, 3)}}
    return jax.tree.map(
        lambda s: jnp.asarray(rng.normal(size=s), dtype), shapes, is_leaf=lambda s: isinstance(s, tuple)
    )


def test_every_view_has_a_case():
    assert {type(case) for case in CASES} == set(KINDS["view"].values())


@pytest.mark.parametrize("view", CASES, ids=str)
def test_the_contract(view, x64):
    effective = drawn()
    view.check(effective)
    stored = view.store(effective)
    again = view.store(view.see(stored))
    for path, leaf in by_path(stored).items():  # seen and stored once more it is the same
        np.testing.assert_allclose(at(again, path), leaf, rtol=1e-12)
    assert jax.tree.structure(view.see(stored)) == jax.tree.structure(effective)
    gradient = jax.tree.map(lambda v: jnp.cos(3 * v), effective)
    (theirs,) = jax.vjp(view.see, stored)[1](gradient)
    ours = view.back(stored, gradient)
    assert jax.tree.structure(ours) == jax.tree.structure(stored)
    for (path, mine), (_, other) in zip(by_path(ours).items(), by_path(theirs).items(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12, err_msg=path)
    assert from_config(to_config(view)) == view
    assert hash(view) == hash(from_config(to_config(view)))
    assert jax.eval_shape(view.store, drawn()).keys() == stored.keys()
    for path in (*view.parts, *view.untrained):
        assert path in by_path(stored)
    moved = view.renamed(lambda path: f"in/{path}")
    inside = {f"in/{name}": part for name, part in stored.items()}
    assert {name[3:]: part for name, part in moved.see(inside).items()}.keys() == view.see(stored).keys()


@pytest.mark.parametrize("view", [case for case in CASES if isinstance(case, Masked | Frozen)], ids=str)
def test_what_is_still_has_no_gradient(view):
    stored = view.store(drawn(np.float32))
    back = view.back(stored, jax.tree.map(jnp.ones_like, drawn()))
    for path in view.untrained:
        assert not at(back, path).any()
    if isinstance(view, Frozen):
        assert not back["a"]["W"].any()
        assert not back["b"]["W"].any()
        assert back["c"]["W"].all()
    elif view.bits:
        assert back["a"]["W"].tolist() == [[1, 0, 1], [0, 1, 1]]


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (Tied("b/W", "a/W"), r"b/W must be \(3, 2\), but a/W is \(2, 3\): give transposed=True"),
        (Tied("c/W", "a/W", True), r"c/W must be \(2, 3\), but a/W transposed is \(3, 2\): give the layers sizes"),
        (Tied("a/b", "a/W"), r"a/b must be \(3,\), but a/W is \(2, 3\): give the layers"),
        (Tied("a/W", "a/b", True), r"a/b \(3,\) has no two axes to exchange"),
        (Tied("a/V", "a/W"), "unknown parameter 'a/V': did you mean"),
        (Masked("a/c"), "unknown parameter 'a/c'"),
        (Masked.of("a/W", [1, 0]), r"the mask of a/W has the shape \(2,\), the parameter has \(2, 3\)"),
        (Frozen((("a", "V"),), "a/V"), "nothing to freeze in 'a/V': the parameters are a/W, a/b"),
        (WeightNormed("a/b"), r"for weights that lead to units, found a/b \(3,\)"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(view, message):
    with pytest.raises(ng.NetgradError, match=message):
        view.check(drawn())


@pytest.mark.parametrize("mask", [[[0.5, 1]], "mask", [], [[1], [1, 0]]])
def test_a_mask_is_of_zeros_and_ones(mask):
    with pytest.raises(ng.NetgradError, match="the mask of a/W must be an array of zeros and ones"):
        Masked.of("a/W", mask)


def test_a_view_without_its_functions():
    with pytest.raises(NotImplementedError, match="does not define see"):
        ParameterView().see({})
    with pytest.raises(NotImplementedError, match="does not define store"):
        ParameterView().store({})


@ng.register("view", "positive_in_a_test")
@dataclass(frozen=True)
class Positive(ParameterView):
    path: str

    def see(self, params):
        return put(params, self.path, jnp.exp(at(params, self.path)))

    def store(self, params):
        return put(params, self.path, jnp.log(jnp.abs(at(params, self.path))))


CASES.append(Positive("a/W"))


def test_a_view_of_ones_own_in_a_network(x64, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)]).viewed(Positive("dense_1/W"))
    assert ng.check_gradients(net, x, y).ok
    model = ng.fit(net, x, y, epochs=2)
    assert (model.effective["dense_1"]["W"] > 0).all()
    assert ng.load(model.save(tmp_path / "m.safetensors")).predict(x).tolist() == model.predict(x).tolist()


def test_paths_in_lists_and_names_with_slashes():
    tree = {"a/b": {"heads": [1, {"W": 2}]}, "a": {"c": 3}}
    assert [at(tree, path) for path, _ in by_path(tree).items()] == [3, 1, 2]
    assert put(tree, "a/b/heads/1/W", 5)["a/b"]["heads"] == [1, {"W": 5}]
    assert tree["a/b"]["heads"][1] == {"W": 2}
    assert put({"a": (1, 2)}, "a/1", 7) == {"a": (1, 7)}
