"""The lengths of sequences on their way through a graph, each input with its own."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import forward, out_lengths

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(6, 5, 3)).astype(np.float32), RNG.normal(size=(6, 9, 3)).astype(np.float32)
OF_A, OF_B = np.array([5, 4, 3, 5, 2, 5]), np.array([9, 1, 2, 3, 4, 9])


@dataclass(frozen=True)
class Attention(ng.Layer):
    """Each step of the first sequence looks at the valid steps of the second."""

    def call(self, params, x, context):
        queries, memory = x
        scores = jnp.einsum("nqd,nkd->nqk", queries, memory)
        if (lengths := context.lengths[1]) is not None:
            valid = jnp.arange(memory.shape[1]) < lengths[:, None]
            scores, memory = jnp.where(valid[:, None], scores, -jnp.inf), jnp.where(valid[..., None], memory, 0)
        return jax.nn.softmax(scores) @ memory

    def out_shape(self, in_shape):
        return in_shape[0]


def attending():
    a, b = ng.Input("a"), ng.Input("b")
    return ng.Network([a, b], ng.Dense(1)(Attention()(a, b)))


def test_the_padding_of_a_second_input_does_not_leak():
    lengths = {"a": OF_A, "b": OF_B}
    model = ng.fit(attending(), {"a": A, "b": B}, A.sum(2, keepdims=True), epochs=1, lengths=lengths)
    other = B.copy()
    for row, length in zip(other, OF_B, strict=True):
        row[length:] = 7.0
    ours = model.predict({"a": A, "b": B}, lengths=lengths)
    np.testing.assert_array_equal(ours, model.predict({"a": A, "b": other}, lengths=lengths))
    own = [{"a": A[i : i + 1], "b": B[i : i + 1, :length]} for i, length in enumerate(OF_B)]
    for i, x in enumerate(own):  # as short sequences without any padding
        np.testing.assert_allclose(model.predict(x)[0, : OF_A[i]], ours[i, : OF_A[i]], rtol=1e-5, atol=1e-6)


def test_the_output_of_a_layer_goes_along_its_first_input():
    params, state = attending().init(0, {"a": (5, 3), "b": (9, 3)})
    run = forward(attending(), params, state, {"a": A, "b": B}, lengths={"a": OF_A, "b": OF_B})
    np.testing.assert_array_equal(run.lengths["dense_1"], OF_A)
    assert forward(attending(), params, state, {"a": A, "b": B}).lengths == {"dense_1": None}


@pytest.mark.parametrize("merge", [ng.Add(), ng.Multiply(), ng.Concatenate()], ids=lambda m: type(m).__name__)
def test_a_step_of_a_merge_is_valid_where_all_its_inputs_are(merge):
    a, b = ng.Input("a"), ng.Input("b")
    net = ng.Network([a, b], ng.GlobalPool()(merge(ng.Dense(2, name="of_a")(a), ng.Dense(2, name="of_b")(b))))
    shorter = {"a": OF_A, "b": np.minimum(OF_B, 5)}
    shapes = net.shapes({"a": (5, 3), "b": (5, 3)})
    name = net.nodes[2].name
    np.testing.assert_array_equal(out_lengths(net, shorter, shapes)[name], np.minimum(OF_A, OF_B))
    np.testing.assert_array_equal(out_lengths(net, {"b": OF_B}, shapes)[name], OF_B)
    assert out_lengths(net, {}, shapes)[name] is None
    params, _ = net.init(0, {"a": (5, 3), "b": (5, 3)})
    x = {"a": A, "b": B[:, :5].copy()}
    clean = forward(net, params, {}, x, lengths=shorter).outputs
    x["b"][2, 2:] = 1e6
    dirty = forward(net, params, {}, x, lengths=shorter).outputs
    jax.tree.map(np.testing.assert_array_equal, clean, dirty)


def test_targets_end_where_the_output_does():
    """A convolution of stride 2 leaves half the steps, and what stands beyond is no target."""
    net = ng.Sequential([ng.Conv(4, 2, stride=2), ng.Dense(1)])
    x, lengths = RNG.normal(size=(6, 8, 2)), np.array([8, 6, 4, 2, 8, 4])
    y = RNG.normal(size=(6, 4, 1))
    for row, length in zip(y, lengths // 2, strict=True):
        row[length:] = np.nan
    assert np.isfinite(ng.fit(net, x, np.nan_to_num(y, nan=99.0), lengths=lengths, epochs=1).history["loss"]).all()
    model = ng.fit(net, x, y, lengths=lengths, epochs=1)
    assert np.isfinite(model.history["loss"]).all()
    # Lengths of a second sequence say nothing of targets that go along the first.
    seen = {"a": A, "b": B}
    target = A.sum(2, keepdims=True)
    target[4, 2:] = np.nan
    ng.fit(attending(), seen, target, lengths={"b": OF_B, "a": OF_A}, epochs=1)
    with pytest.raises(ng.DataError, match="y"):
        ng.fit(attending(), seen, target, lengths={"b": OF_B}, epochs=1)


def test_onnx_knows_the_lengths_of_merged_sequences(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    a, b = ng.Input("a"), ng.Input("b")
    net = ng.Network([a, b], ng.Dense(1)(ng.GlobalPool()(ng.Multiply()(ng.Dense(2)(a), ng.Dense(2)(b)))))
    x, lengths = {"a": A, "b": B[:, :5]}, {"a": OF_A, "b": np.minimum(OF_B, 5)}
    model = ng.fit(net, x, A.sum((1, 2)), lengths=lengths, epochs=1)
    session = runtime.InferenceSession(ng.exchange.to_onnx(model, tmp_path / "two.onnx", lengths=True))
    told = {f"{name}_lengths": value.astype(np.int32) for name, value in lengths.items()}
    (found, *_) = session.run(None, x | told)
    np.testing.assert_allclose(found.ravel(), model.predict(x, lengths=lengths), atol=1e-5)
