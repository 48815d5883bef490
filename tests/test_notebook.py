"""What a notebook shows: sound HTML, with the numbers of the object and nobody's markup in it."""

from html.parser import HTMLParser

import numpy as np
import pytest

import netgrad as ng
from netgrad import notebook

X, Y = np.eye(4), [0, 1, 2, 0]


class Sound(HTMLParser):
    """Checks that every tag is closed in its order, and keeps the texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def model():
    x = ng.Input("<b>in</b>")
    h = ng.Dense(3, activation="tanh", name="<script>")
    net = ng.Network(x, {"class": ng.Dense(3)(ng.Concatenate()(h(x), h(x)))})
    return ng.fit(net, X, Y, epochs=7, validation=(X, Y))


def test_a_network(model):
    shown = Sound(model.network._repr_html_())
    assert "script" not in shown.tags
    assert "b" not in shown.tags
    assert "<script>@2 (shares <script>)" in shown.texts
    assert shown.tags.count("tr") == 1 + len(model.network.nodes)


def test_a_summary_and_a_model(model):
    summary = model.network.summary(model.shapes)
    shown = Sound(summary._repr_html_())
    assert f"{summary.parameters}" in shown.texts
    assert shown.tags.count("tr") == 2 + len(model.network.inputs) + len(model.network.nodes)
    assert Sound(model._repr_html_()).tags.count("polyline") == 2


def test_a_trace_and_one_of_its_layers(model):
    trace = model.trace(X, Y)
    shown = Sound(trace._repr_html_())
    node = trace["dense_1"]
    assert f"{float(np.mean(node.delta)):.4g}" in shown.texts
    assert {"z", "a", "delta", "dW"} <= set(shown.texts)
    assert "4 x 3" in Sound(node._repr_html_()).texts


def test_a_trace_of_a_recurrent_layer_with_its_parts():
    net = ng.Sequential([ng.LSTM(2, returns="last"), ng.Dense(2)])
    made = ng.untrained(net, np.ones((3, 5, 2)), [0, 1, 0])
    shown = Sound(made.trace(np.ones((3, 5, 2)), [0, 1, 0])._repr_html_())
    assert any("." in text for text in shown.texts)  # a part of a quantity, such as delta of one gate


def test_a_history(model):
    shown = Sound(model.history._repr_html_())
    assert shown.tags.count("tr") == 6
    assert f"{model.history['val_loss'][-1]:.4g}" in shown.texts
    Sound(ng.History()._repr_html_())
    ended = ng.History([{"epoch": 1, "loss": float("nan")}, {"epoch": 2, "loss": -1.0}], "a < b")
    assert "stopped: a < b" in Sound(ended._repr_html_()).texts


def test_curves_leave_out_what_is_not_finite():
    drawn = notebook.curves({"a": [1.0, float("inf"), 3.0], "b": [0.0, 1.0, 2.0]})
    assert drawn.count("polyline") == 2
    assert "logarithmic" not in drawn
    assert "inf" not in drawn
    assert "nan" not in notebook.curves({"a": [2.0, 2.0]})


def test_what_attention_looked_at():
    """A map for each head of each copy of the first example; none where they would fill the page."""
    net = ng.Sequential([ng.Embedding(3, 4), ng.Stack(ng.Attention(heads=2, causal=True), 2), ng.Dense(2)])
    x = np.array([[0, 1, 2], [2, 1, 0]])
    trace = ng.untrained(net, x, x % 2).trace(x, x % 2)
    shown = Sound(trace["stack_1/attention_1"]._repr_html_())
    assert [text for text in shown.texts if "head" in text] == [f"copy {c}, head {h}" for c in (1, 2) for h in (1, 2)]
    assert shown.tags.count("rect") == 4 * (1 + 6)  # a frame, and the half that a causal layer sees
    assert "rect" not in Sound(trace["dense_1"]._repr_html_()).tags
    long = np.zeros((1, 70), int)
    assert (
        "rect" not in Sound(ng.untrained(net, long, long).trace(long, long)["stack_1/attention_1"]._repr_html_()).tags
    )
