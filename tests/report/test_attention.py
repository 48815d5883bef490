"""Maps of what attention looked at: in the report, of one layer, of several heads, and of the copies in a stack."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.report.attention import maps
from netgrad.report.translations import sections

RNG = np.random.default_rng(0)


def test_every_head_of_every_copy_has_its_map(monkeypatch):
    net = ng.architectures.transformer_encoder(5, 8, outputs=2, layers=2, heads=2, returns="mean")
    x, y = RNG.integers(5, size=(3, 6)), RNG.integers(2, size=3)
    model = ng.untrained(net, x, y)
    (section,) = maps(model, x, y, np.array([4, 6, 2]))
    for title in ("blocks/attend/attention_1 [1], head 1", "blocks/attend/attention_1 [2], head 2"):
        assert title in section.figure
    weights = np.asarray(model.trace(x, y, lengths=np.array([4, 6, 2]))["blocks/attend/attention_1"].weights)
    assert weights.shape == (2, 3, 2, 6, 6)
    t, s = np.unravel_index(weights[0, 0, 0].argmax(), (6, 6))
    assert f"step {t + 1} takes {weights[0, 0, 0].max():.0%} from step {s + 1}" in section.figure
    monkeypatch.setattr("netgrad.report.attention.LAYERS", 1)
    monkeypatch.setattr("netgrad.report.attention.HEADS", 3)
    (section,) = maps(model, x, y, np.array([4, 6, 2]))
    assert "The first 3 of 4 maps." in section.text


def test_a_network_without_attention_has_none():
    model = ng.untrained(ng.Sequential([ng.Dense(2)]), np.eye(3), [0, 1, 0])
    assert list(maps(model, np.eye(3), [0, 1, 0])) == []


@pytest.mark.parametrize("attention", ["dot", None])
def test_mistakes_and_what_is_right(attention):
    pairs = ng.data.Pairs(["a b", "b"], ["x y", "y"], words=True)
    source, target = ng.Input("source"), ng.Input("target")
    h = ng.Embedding(pairs.classes, 4)(target)
    read = ng.Embedding(2, 4)(source)
    h = ng.Attention(name="look")(h, read) if attention else ng.RNN(4)(h, ng.GlobalPool("average")(read))
    net = ng.Network([source, target], ng.Dense(pairs.classes)(h))
    model = ng.untrained(net, pairs.x, pairs.y, lengths=pairs.lengths)
    found = list(sections(model, pairs, ["a b", "b"], ["x y", "y"], ["x y", "x"]))
    assert [section.title for section in found][:2] == ["Mistakes", "Some that are right"]
    assert found[0].rows == [["b", "y", "x", "0%"]]
    assert "1 of 2 texts are not as they should be" in found[0].text
    assert (len(found) == 3) == (attention == "dot")
    if attention:
        assert "begin" in found[2].figure
    none = list(sections(model, pairs, ["a b"], ["x y"], ["x y"]))
    assert "that is none" in none[0].text
