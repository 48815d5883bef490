"""Building graphs: names, order, sharing, errors."""

import pickle

import jax
import pytest

import netgrad as ng


def test_sequential_is_the_graph_without_forks():
    layers = [ng.Dense(4, activation="relu"), ng.Dense(2)]
    x = ng.Input()
    by_hand = ng.Network(x, layers[1](layers[0](x)))
    assert ng.Sequential(layers) == by_hand
    assert hash(ng.Sequential(layers)) == hash(by_hand)


def test_names_are_counted_and_given_names_kept():
    net = ng.Sequential([ng.Dense(4), ng.Tanh(), ng.Dense(4, name="dense_1b"), ng.Dense(2)])
    assert [n.name for n in net.nodes] == ["dense_1", "tanh_1", "dense_1b", "dense_2"]


def test_initializer_depends_on_the_place():
    net = ng.Sequential([ng.Dense(4, activation="relu"), ng.Dense(4, activation="relu"), ng.Dense(2)])
    assert [type(n.layer.initializer).__name__ for n in net.nodes] == ["Xavier", "He", "Xavier"]


def test_layers_that_hand_the_inputs_on_leave_the_next_one_first():
    net = ng.Sequential(
        [ng.Flatten(), ng.Dropout(0.2), ng.Dense(4, activation="relu"), ng.Flatten(), ng.Dense(4, "relu")]
    )
    assert [type(n.layer.initializer).__name__ for n in net.nodes if n.name.startswith("dense")] == ["Xavier", "He"]


def test_a_layer_used_twice_has_one_set_of_parameters():
    a, b = ng.Input("a"), ng.Input("b")
    twin = ng.Dense(3, activation="tanh")
    net = ng.Network([a, b], ng.Dense(1)(ng.Concatenate()(twin(a), twin(b))))
    params, _ = net.init(0, {"a": (2,), "b": (2,)})
    assert set(params) == {"dense_1", "dense_2"}
    assert [n.name for n in net.nodes][:2] == ["dense_1", "dense_1@2"]


def test_init_is_reproducible_and_depends_on_the_seed():
    net = ng.Sequential([ng.Dense(3)])
    one, two, other = (net.init(seed, (2,))[0]["dense_1"]["W"] for seed in (1, 1, 2))
    assert (one == two).all()
    assert (one != other).any()


def test_a_very_deep_network_is_no_problem():
    net = ng.Sequential([ng.Dense(2) for _ in range(2000)])
    assert len(net.nodes) == 2000


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ng.Sequential([]), "at least one layer"),
        (lambda: ng.Sequential(["relu"]), "takes layers and networks, found 'relu'"),
        (lambda: ng.Dense(3)(1.0), "called on float"),
        (lambda: ng.Dense(3)(), "without an input"),
        (lambda: ng.Dense(0), "units must be a whole number"),
        (lambda: ng.Dense(3, activation="rellu"), "did you mean 'relu'"),
        (lambda: ng.Dense(3, initializer="hee"), "did you mean 'he'"),
        (lambda: ng.Network(ng.Input("a"), ng.Dense(1)(ng.Input("b"))), "'b', which is not among"),
        (lambda: ng.Network([ng.Input("a"), ng.Input("a")], ng.Input("c")), "two inputs are named"),
        (lambda: ng.Sequential([ng.Dense(1, name="d"), ng.Dense(2, name="d")]), "two different layers are named 'd'"),
    ],
)
def test_mistakes_while_building(build, message):
    with pytest.raises(ng.NetgradError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_an_input_that_leads_nowhere():
    a, b = ng.Input("a"), ng.Input("b")
    with pytest.raises(ng.NetgradError, match="'b' leads to no output"):
        ng.Network([a, b], ng.Dense(1)(a))


def test_shapes_are_checked_before_anything_is_made():
    x = ng.Input()
    net = ng.Network(x, ng.Add()(ng.Dense(3)(x), ng.Dense(4)(x)))
    with pytest.raises(ng.ShapeError, match="inputs of one shape"):
        net.shapes((2,))
    with pytest.raises(ng.ShapeError, match="the network's inputs are x"):
        net.shapes({"y": (2,)})


def test_more_units_than_memory_can_hold():
    with pytest.raises(ng.NetgradError, match="GiB"):
        ng.Sequential([ng.Dense(10**7), ng.Dense(10**7)]).init(0, (10,))


def test_a_network_is_a_static_argument_of_jit():
    net = ng.Sequential([ng.Dense(2)])
    f = jax.jit(lambda n, p, x: ng.apply(n, p, {"x": x})["dense_1"], static_argnums=0)
    params, _ = net.init(0, (3,))
    assert f(net, params, jax.numpy.ones((4, 3))).shape == (4, 2)


def test_a_pickled_network_keeps_no_hash_of_its_process():
    net = ng.Sequential([ng.Dense(3), ng.Dense(2)], name="encoder")
    net.shapes((4,))
    assert hash(net) == net._hash
    again = pickle.loads(pickle.dumps(net))
    assert "_hash" not in vars(again)
    assert (again, again.name, again.written) == (net, "encoder", net.written)
