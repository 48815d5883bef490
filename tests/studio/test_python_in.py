"""Python code as a network, read without being run."""

import re

import pytest

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.studio.python_in import layer_of, read


def test_code_as_people_write_it_is_a_network():
    code = """
import numpy as np
import netgrad as nn
from netgrad import Dense, Input as In, LSTM
from netgrad.layers import Dropout

x_train = np.load("data.npy")          # is passed over
width, depth = 6, 2
hidden: list = [nn.layers.Dense(width, activation="tanh", bias=False) for _ in range(depth)]
encoder = nn.Sequential([*hidden, Dropout(0.2)] + [nn.ReLU()] * 2)
x = In("x")
h = encoder(x)
h = nn.Dense(width, initializer=nn.Normal(0.5), bias_initializer=nn.Constant(-1))(h)
net = nn.Network(x, {"y": nn.Add()(h, Dense(6)(x))})
print(net.summary((4,)))
model = nn.fit(net, x_train, x_train, learning_rate=0.1, batch_size=None, epochs=ten, callbacks=[])
"""
    net, asked = read(code)
    names: dict = {}
    own = "\n".join(line for line in code.splitlines() if not re.search("numpy|np.load|print|fit", line))
    exec(own, names)
    assert net == names["net"]
    assert asked == {"learning_rate": 0.1, "batch_size": None}


def test_the_network_that_is_trained_is_the_one():
    code = "a = ng.Sequential([ng.Dense(1)])\nb = ng.Sequential([ng.Dense(2)])\n"
    assert read(code)[0].nodes[0].layer.units == 2
    assert read(code + "m = ng.fit(a, x, y)")[0].nodes[0].layer.units == 1
    assert read("ng.fit(ng.Sequential([ng.Dense(3)]), x, y)")[0].nodes[0].layer.units == 3
    assert read("ng.Sequential([ng.Dense(4)])")[0].nodes[0].layer.units == 4
    assert read("n = [2, 3]\nnet = ng.Sequential([ng.Dense(k) for k in n])")[0].nodes[1].layer.units == 3


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("net = (", "line 1: this is no Python code"),
        ("x = 1\0", "this is no Python code"),
        ("(" * 400, "this is no Python code"),
        ("n = 3", "the code makes no network: expected net = ng.Sequential([...]) or ng.Network(x, ...)"),
        ("net = ng.Sequential([__import__('os')])", "line 1: __import__ is not known here: a network is made of ng."),
        ("net = ng.Sequential([os.system('ls')])", "line 1: os.system is not known here"),
        ("net = ng.Sequential([ng.load('m')])", "line 1: ng.load is not known here"),
        ("net = ng.Sequential([(lambda: 1)()])", "line 1: lambda: 1 is not read here"),
        ("net = ng.Sequential([ng.Dense(10 ** 9)])", "line 1: 10 ** 9 is not read here"),
        ("net = ng.Sequential([ng.Dense(b'3')])", "line 1: b'3' is not read here"),
        ("net = ng.Sequential([ng.Dense(~3)])", "line 1: ~3 is not read here"),
        ("net = ng.Sequential([ng.Dense(2)] * 2000)", "line 1: 2,000 entries of a list are more than 1,000"),
        ("net = ng.Sequential([ng.Dense(2) for _ in range(9999)])", "9,999 entries of a list are more than 1,000"),
        ("net = ng.Sequential([ng.Dense(2) for _ in range(2) if True])", "of comprehensions only those over one list"),
        ("net = ng.Sequential([ng.Dense(2) for _ in 3])", "of comprehensions only those over one list"),
        ("net = ng.Sequential([*4])", "line 1: *4 is no list"),
        ("net = ng.Sequential(*4)", "line 1: *4 is no list"),
        ("net = ng.Sequential(**{})", "is not read here"),
        ("net = ng.Network(ng.Input(), {n: 1})", "a key that is no literal"),
        ("n = 3\nnet = n(4)", "the code makes no network"),
        ("n = 3\nnet = ng.Sequential([n(4)])", "line 2: n cannot be called here"),
        ("net = ng.Sequential([ng.Dense(0)])", "line 1: "),
        ("net = ng.Sequential([ng.Dense(2, colour=1)])", "line 1: "),
        ("net = ng.Sequential([ng.Dense(2)])\nnet = net.frozen('dense_1')", "line 2: net.frozen is not known here"),
        ("net = ng.Sequential([" + "-" * 5000 + "1])", "this is no Python code (maximum recursion depth"),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(code, said):
    with pytest.raises(NetgradError, match=re.escape(said)) as caught:
        read(code)
    assert "\n" not in str(caught.value)


def test_nothing_of_the_code_is_run(tmp_path):
    path = tmp_path / "written"
    with pytest.raises(NetgradError):
        read(f"open({str(path)!r}, 'w')\nnet = ng.Sequential([open({str(path)!r}, 'w')])")
    assert not path.exists()


def test_a_layer_is_one_expression():
    assert layer_of(" ng.GRU(8, reverse=True) ") == ng.GRU(8, reverse=True)
    for code, said in (("ng.Dense(", "is no Python expression"), ("3", "'3' is no layer: expected for instance ng.De")):
        with pytest.raises(NetgradError, match=re.escape(said)):
            layer_of(code)
