"""Messages have one length at most, whatever they hold."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netgrad as ng
from netgrad.errors import LONGEST, DataError, FileError, shortened, unknown_name, warn


@given(st.text(), st.integers(20, 100))
def test_a_message_keeps_its_front_and_its_end(text, most):
    short = shortened(text, most)
    assert len(short) <= most
    if len(text) <= most:
        assert short == text
    else:
        front, end = short.split(" ... ", 1) if short.count(" ... ") == 1 else (short[:5], short[-2:])
        assert text.startswith(front)
        assert text.endswith(end)


@pytest.mark.parametrize("kind", [ng.NetgradError, DataError, FileError, ng.ShapeError, ng.DivergenceError])
def test_no_error_is_longer(kind):
    error = kind("found " + "x" * 10_000 + ": try y")
    assert len(str(error)) <= LONGEST
    assert str(error).startswith("found x")
    assert str(error).endswith(": try y")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (kind, str(error))
    assert str(kind("short")) == "short"
    assert str(kind()) == ""


def test_nor_is_one_about_ten_thousand_layers():
    names = [f"encoder/block_{i}/a_layer_with_a_long_name_{i}" for i in range(10_000)]
    error = unknown_name("layer", "decoder", names)
    assert len(str(error)) <= LONGEST
    assert str(error).startswith("unknown layer 'decoder'")
    net = ng.Network.from_nodes(
        ["x"],
        [ng.network.Node(n, ng.ReLU(), (names[i - 1] if i else "x",), n) for i, n in enumerate(names)],
        [("y", names[-1])],
    )
    with pytest.raises(ng.NetgradError) as caught:
        net.select("decoder/*")
    assert len(str(caught.value)) <= LONGEST
    assert len(repr(net).splitlines()) <= 15
    assert len(repr(net)) <= 2000
    flat = ng.Sequential([ng.Dense(2, name=f"a_layer_with_quite_a_long_name_{i}" * 20) for i in range(200)])
    assert max(map(len, repr(flat).splitlines())) <= 120


def test_a_warning_says_all_that_was_done():
    """Of forty columns, say: what stands in the middle matters as much."""
    with pytest.warns(ng.NetgradWarning) as caught:
        warn("many columns: " + "c, " * 1000)
    assert len(str(caught[0].message)) > 3000
