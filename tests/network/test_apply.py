"""A network inside other JAX code: both modes of differentiation, its state, and a training loop of the user's own."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.compiling import Program
from netgrad.network import backward, forward

RNG = np.random.default_rng(0)


def close(a, b, rtol=1e-8):
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(left, right, rtol=rtol, atol=1e-10)


def of_sequences():
    """Recurrent and of one function, in a stack, recomputed, with padding: what has a way back of its own kind."""
    deep = ng.Stack(ng.Recomputed(ng.Residual([ng.RNN(3)])), 2)
    return ng.Sequential([ng.Dense(3), deep]), RNG.normal(size=(3, 4, 2)), np.array([4, 2, 3])


def of_vectors():
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.BatchNorm(), ng.Dense(2)])
    return net, RNG.normal(size=(6, 3)), None


@pytest.mark.parametrize("build", [of_sequences, of_vectors])
def test_both_modes_and_their_products_are_those_of_jax(build, x64):
    net, x, lengths = build()
    params, state = net.init(0, x.shape[1:])
    by_input = {} if lengths is None else {"x": lengths}

    def ours(p, v):
        return jnp.sin(ng.apply(net, p, v, state=state, lengths=lengths, training=True)[0]).sum()

    def plain(p, v):
        run = forward(net, p, state, {"x": v}, lengths=by_input, training=True)
        return jnp.sin(next(iter(run.outputs.values()))).sum()

    key = jax.random.key(2)
    at = params, jnp.asarray(x)
    along = jax.tree.map(lambda v: jax.random.normal(key, v.shape, v.dtype), at)

    @Program
    def quantities(at, along):
        def of(f):
            found = {
                "value": f(*at),
                "forward": jax.jvp(f, at, along)[1],
                "reverse": jax.grad(f, argnums=(0, 1))(*at),
                "forward over reverse": jax.jvp(jax.grad(f, argnums=(0, 1)), at, along)[1],
                "mapped": jax.grad(lambda p: jax.vmap(lambda v: f(p, v))(jnp.stack([at[1], 2 * at[1]])).sum())(at[0]),
                "map of gradients": jax.vmap(jax.grad(f), in_axes=(None, 0))(at[0], jnp.stack([at[1], 2 * at[1]])),
            }
            if lengths is None:  # of sequences it takes a minute to compile
                found["reverse over forward"] = jax.grad(lambda *a: jax.jvp(f, a, along)[1], argnums=(0, 1))(*at)
            return found

        return of(ours), of(plain)

    found, wanted = quantities(at, along)
    for name in found:
        close(found[name], wanted[name])


def test_jacfwd_jacrev_and_hessian(x64):
    net, x, _ = of_vectors()
    params, state = net.init(0, (3,))

    def f(v):
        return ng.apply(net, params, v[None], state=state)[0][0]

    forwards, backwards = jax.jacfwd(f)(x[0]), jax.jacrev(f)(x[0])
    assert forwards.shape == (2, 3)
    close(forwards, backwards)
    hessian = jax.hessian(lambda v: f(v).sum())(x[0])
    close(hessian, hessian.T)


@dataclass(frozen=True)
class Backwards(ng.Layer):
    """A layer whose own rule says 7 whatever arrives: it shows who was asked."""

    def forward(self, params, x, context):
        return 2 * x, {"x": x}

    def backward(self, params, saved, d_out):
        return ng.layers.Backward(7 * d_out, {}, d_out)

    def out_shape(self, in_shape):
        return in_shape


def test_reverse_mode_asks_our_rules():
    net = ng.Sequential([Backwards()])
    f = lambda v: ng.apply(net, {}, v).sum()  # noqa: E731
    np.testing.assert_array_equal(jax.grad(f)(jnp.ones((2, 3))), np.full((2, 3), 7.0))
    np.testing.assert_array_equal(jax.jit(jax.grad(f))(jnp.ones((2, 3))), np.full((2, 3), 7.0))
    np.testing.assert_array_equal(
        jax.grad(lambda v: jax.vmap(f)(v).sum())(jnp.ones((2, 2, 3))), np.full((2, 2, 3), 7.0)
    )
    assert jax.jvp(f, (jnp.ones((2, 3)),), (jnp.ones((2, 3)),))[1] == 12  # forward mode follows the way forward
    params, _ = (two := ng.Sequential([ng.Dense(3), Backwards(), ng.Dense(1)])).init(0, (2,))
    x = jnp.ones((4, 2))
    ours = jax.grad(lambda p: ng.apply(two, p, x).sum())(params)
    theirs = backward(two, params, forward(two, params, {}, {"x": x}).saved, {"dense_2": jnp.ones((4, 1))}).params
    close(ours, theirs)


def test_a_loop_of_ones_own_trains_batch_norm_and_dropout():
    x = RNG.normal(3.0, 2.0, size=(128, 4)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:2] > 9).astype(np.float32)
    net = ng.Sequential([ng.Dense(16), ng.BatchNorm(), ng.ReLU(), ng.Dropout(0.1), ng.Dense(1)])
    params, state = net.init(0, (4,))
    optimizer = optax.adam(1e-2)

    def loss(params, state, key):
        logits, state = ng.apply(net, params, x, state=state, key=key, training=True)
        return optax.sigmoid_binary_cross_entropy(logits, y).mean(), state

    @jax.jit
    def step(params, state, memory, key):
        (value, state), gradients = jax.value_and_grad(loss, has_aux=True)(params, state, key)
        updates, memory = optimizer.update(gradients, memory)
        return optax.apply_updates(params, updates), state, memory, value

    memory, values = optimizer.init(params), []
    for i in range(120):
        params, state, memory, value = step(params, state, memory, jax.random.key(i))
        values.append(float(value))
    assert values[-1] < values[0] / 2
    answer, kept = ng.apply(net, params, x, state=state)
    jax.tree.map(np.testing.assert_array_equal, kept, state)  # prediction only reads it
    z = x @ params["dense_1"]["W"] + params["dense_1"]["b"]
    np.testing.assert_allclose(state["batch_norm_1"]["mean"], z.mean(0), rtol=0.2, atol=0.2)
    assert ((answer > 0) == y).mean() > 0.9
    drawn = [ng.apply(net, params, x, state=state, key=jax.random.key(i), training=True)[0] for i in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).max() > 0


def test_inside_flax_with_its_collections():
    nn = pytest.importorskip("flax.linen")
    net = ng.Sequential([ng.Dense(3), ng.BatchNorm()])

    class Wrapped(nn.Module):
        @nn.compact
        def __call__(self, x, training):
            params = self.param("net", lambda key: net.init(key, x.shape[1:])[0])
            state = self.variable("batch_stats", "net", lambda: net.init_state(x.shape[1:]))
            y, after = ng.apply(net, params, x, state=state.value, training=training)
            if training:
                state.value = after
            return nn.Dense(1)(y)

    x = jnp.asarray(RNG.normal(5.0, 1.0, size=(32, 2)), jnp.float32)
    variables = Wrapped().init(jax.random.key(0), x, training=False)
    _, moved = Wrapped().apply(variables, x, training=True, mutable=["batch_stats"])
    before, after = (v["batch_stats"]["net"]["batch_norm_1"]["mean"] for v in (variables, moved))
    assert np.abs(np.asarray(after - before)).min() > 0


def test_streams_go_on_from_their_state():
    net = ng.Sequential([ng.LSTM(3), ng.Dense(1)])
    params, _ = net.init(0, (8, 2))
    x = jnp.asarray(RNG.normal(size=(4, 8, 2)), jnp.float32)
    state = {"lstm_1": net.nodes[0].layer.stream_state(4, (8, 2))}
    first, state = ng.apply(net, params, x[:, :5], state=state)
    rest, _ = ng.apply(net, params, x[:, 5:], state=state)
    np.testing.assert_allclose(jnp.concatenate([first, rest], 1), ng.apply(net, params, x), rtol=1e-5, atol=1e-6)


def test_several_inputs_symbols_and_outputs():
    a, b = ng.Input("a"), ng.Input("b")
    h = ng.Concatenate()(ng.Dense(2)(a), ng.Flatten()(ng.Embedding(5, 2)(b)))
    net = ng.Network([a, b], {"one": ng.Dense(1)(h), "two": ng.Dense(2)(h)})
    params, _ = net.init(0, {"a": (3,), "b": (4,)})
    x = {"a": RNG.normal(size=(6, 3)), "b": RNG.integers(0, 5, size=(6, 4))}  # whole numbers have no derivative
    outputs = ng.apply(net, params, x)
    assert {name: value.shape for name, value in outputs.items()} == {"one": (6, 1), "two": (6, 2)}
    slopes = jax.grad(lambda p: ng.apply(net, p, x)["one"].sum())(params)
    assert np.abs(slopes["embedding_1"]["W"]).max() > 0
    one = ng.Sequential([ng.Dense(2)])
    assert set(ng.apply(one, one.init(0, (3,))[0], {"x": x["a"]})) == {"dense_1"}


NORMAL, DROPPING = ng.Sequential([ng.Dense(2), ng.BatchNorm()]), ng.Sequential([ng.Dense(2), ng.Stack(ng.Dropout(), 2)])
TWO = ng.Network([a := ng.Input("a"), b := ng.Input("b")], ng.Add()(a, b))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda p, x: ng.apply(NORMAL, p, x), "batch_norm_1 has a state: give state=, the second result of net.init"),
        (lambda p, x: ng.apply(DROPPING, p, x, training=True), "stack_1 draws random numbers in training: give key="),
        (lambda p, x: ng.apply(TWO, {}, x), "this network has the inputs a, b: give a dict of them"),
        (lambda p, x: ng.apply(TWO, {}, {"a": x}), "input 'b' is missing: give all of a, b"),
        (lambda p, x: ng.apply(TWO, {}, {"c": x}), "unknown input 'c': this network has a, b"),
        (lambda p, x: ng.apply(TWO, {}, {"a": x, "b": x}, lengths={"z": 1}), "unknown lengths of 'z'"),
    ],
)
def test_mistakes(ask, message):
    with pytest.raises(ng.NetgradError, match=message):
        ask(NORMAL.init(0, (3,))[0], jnp.ones((4, 3)))
