"""The report of models of sequences: mistakes by time-step, series, texts, gradients through time."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import netgrad as ng
from netgrad.report import sequences
from netgrad.report.html import render
from netgrad.report.layers import traced

LENGTHS = np.array([3, 6, 4, 5, 6, 2, 6, 5])


def walks(seed=0):
    """Random walks (8, 6, 1), their lengths, and whether each is above its start; the padding is full of NaN."""
    x = np.random.default_rng(seed).normal(size=(8, 6, 1))
    tags = (np.cumsum(x, axis=1)[..., 0] > 0).astype(int)
    x[~(np.arange(6) < LENGTHS[:, None])] = np.nan
    return x, tags


def titled(model, x, y, **more):
    return {section.title: section for section in sequences.judged(model, x, y, **more)}


@pytest.fixture(scope="module")
def tagger():
    x, tags = walks()
    net = ng.Sequential([ng.LSTM(4), ng.Dense(2)])
    return ng.fit(net, x, tags, lengths=LENGTHS, epochs=2), x, tags


@pytest.fixture(scope="module")
def writer():
    """A character model of a rhyme, and the rhyme as test data."""
    text = "round and round\nthe garden, <b>like</b>\n" * 12
    vocabulary = ng.data.Vocabulary(text)
    x, y = ng.data.streams(vocabulary.encode(text), rows=1)
    net = ng.Sequential([ng.Embedding(len(vocabulary), 4), ng.GRU(6), ng.Dense(len(vocabulary))])
    model = ng.fit(net, x, y, truncate=20, epochs=2)
    model.card["vocabulary"] = vocabulary.to_config()
    return model, x, y


def test_mistakes_of_a_tagger_are_counted_at_their_time_steps(tagger):
    model, x, tags = tagger
    names = [f"walk {i}" for i in range(8)]
    found = titled(model, x, tags, lengths=LENGTHS, names=names)
    valid = np.arange(6) < LENGTHS[:, None]
    wrong = (model.predict(x, LENGTHS) != tags) & valid
    assert f"{wrong.sum()} of {valid.sum()} time-steps are wrong" in found["Mistakes by time-step"].text
    rows = found["Sequences with most mistakes"].rows
    assert [int(row[2]) for row in rows] == sorted((int(c) for c in wrong.sum(1) if c), reverse=True)
    for name, steps, _, at, *_ in rows:
        i = names.index(name)
        assert int(steps) == LENGTHS[i]
        assert [int(t) - 1 for t in at.split(", ")] == np.flatnonzero(wrong[i]).tolist()


def test_a_tagger_without_mistakes_says_so(tagger):
    model, x, _ = tagger
    found = titled(model, x, model.predict(x, LENGTHS), lengths=LENGTHS)
    assert "none in these 37 time-steps" in found["Mistakes"].text
    assert "Mistakes by time-step" not in found


def test_sets_of_symbols_are_wrong_where_any_symbol_is():
    strings = ng.data.reber(6, min_length=8)
    net = ng.Sequential([ng.RNN(3), ng.Dense(7)])
    model = ng.fit(net, strings.x, strings.y, lengths=strings.lengths, epochs=1, loss="binary_cross_entropy")
    found = titled(model, strings.x, strings.y, lengths=strings.lengths)
    (z,) = model.outputs(strings.x, strings.lengths).values()
    mistakes = ng.data.count_mistakes(z, strings.y, strings.lengths, threshold=0)
    assert f"{mistakes.total} of {strings.lengths.sum()} time-steps are wrong" in found["Mistakes by time-step"].text


def test_forecasts_stand_beside_the_truth_and_the_value_before():
    x = np.sin(np.arange(60.0)).reshape(4, 15, 1)
    y = np.sin(np.arange(60.0) + 1).reshape(4, 15, 1)
    model = ng.fit(ng.Sequential([ng.GRU(4), ng.Dense(1)]), x, y, epochs=2)
    model.card |= {"target": "height", "sequences": {"goal": "forecast"}}
    found = titled(model, x, y)
    step = np.sqrt(np.mean(np.diff(y[..., 0], axis=1) ** 2))
    own = np.sqrt(np.mean((model.predict(x) - y[..., 0])[:, 1:] ** 2))
    text = found["Predictions beside the truth"].text
    assert f"The error of the value before, taken as the forecast, is {step:.4g}, the model's {own:.4g}." in text
    assert {"Error by time-step", "Predictions and residuals"} <= set(found)


def test_what_a_text_cost(writer):
    model, x, y = writer
    found = titled(model, x, y)
    page = render(model, x, y)
    assert {"Learning curve", "Surprise", "Gradients through time"} <= set(re.findall("<h2>(.*?)</h2>", page))
    bits = model.evaluate(x, y)["loss"] / np.log(2)
    assert f"<dd>{bits:.4g}</dd>" in page
    assert f"on {y.size} symbols of test text" in page
    assert "<b>" not in page
    costs = {row[0]: (float(row[1][:-1]) / 100, float(row[2])) for row in found["Symbols that cost most"].rows}
    p = model.predict_proba(x)[0]
    place = ng.data.Vocabulary.from_config(model.card["vocabulary"]).symbols.index("d")
    here = y[0] == place
    assert costs["'d'"] == pytest.approx((here.mean(), -np.log2(p[here, place]).mean()), rel=0.01)
    assert len(found["What it writes"].passage) == 400


def test_the_page_is_the_same_each_time_and_every_figure_has_words(tagger):
    model, x, tags = tagger
    page = render(model, x, tags, lengths=LENGTHS)
    assert "on 8 test sequences of 37 time-steps" in page
    assert page == render(model, x, tags, lengths=LENGTHS)
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        root = ElementTree.fromstring(svg)
        assert len(root.get("aria-label")) > 20


@pytest.mark.parametrize("returns", ["sequence", "last"])
@pytest.mark.parametrize("wrap", [lambda layer: layer, ng.Bidirectional])
def test_gradients_through_time(returns, wrap):
    x, tags = walks()
    y = tags if returns == "sequence" else tags[:, 0]
    net = ng.Sequential([wrap(ng.RNN(3, returns=returns)), ng.Dense(2)])
    (found,) = sequences.through_time(ng.untrained(net, x, y, lengths=LENGTHS), x, y, LENGTHS)
    assert found.figure
    assert len(found.rows) == (1 if isinstance(net.nodes[0].layer, ng.RNN) else 2)


def test_no_recurrent_layer_no_gradients_through_time():
    x = np.zeros((2, 5, 1))
    model = ng.untrained(ng.Sequential([ng.DelayTaps(2), ng.Dense(1)]), x, x)
    assert list(sequences.through_time(model, x, x)) == []


def test_the_effect_of_earlier_states_is_the_product_of_jacobians():
    W = np.array([[0.5]])
    x = np.zeros((1, 5, 1))
    net = ng.Sequential([ng.RNN(1, activation="identity"), ng.Dense(1)])
    model = ng.untrained(net, x, np.ones((1, 5, 1)))
    model.params["rnn_1"]["W_h"] = W
    (found,) = sequences.through_time(model, x, np.ones((1, 5, 1)))
    assert "4 steps before the end changes the last state 0.0625 times as much" in found.text
    assert found.rows == [["rnn_1.W_h", "0.5"]]


def test_padding_does_not_count_among_what_the_layers_computed(tagger):
    model, x, tags = tagger
    rows = {row.name: row for row in traced(model, x, tags, LENGTHS)}
    assert rows["dense_1"].values["z"].size == 2 * LENGTHS.sum()
    longer = np.concatenate([x, np.zeros((8, 3, 1))], axis=1), np.pad(tags, ((0, 0), (0, 3)))
    padded = {row.name: row for row in traced(model, *longer, LENGTHS)}
    for name, row in rows.items():
        for quantity in row.values:
            assert padded[name].spread(quantity) == pytest.approx(row.spread(quantity), rel=1e-4, abs=1e-6)


def test_long_streams_are_traced_in_windows(writer):
    model, _, _ = writer
    x = np.zeros((1, 450), int)
    windows = sequences.part(model, x, x)
    assert windows[0].shape == windows[1].shape == (4, 100)


def test_two_sequences_have_lengths_of_their_own(tmp_path):
    pairs = ng.data.Pairs(["ab", "b", "aab", "ba"] * 3, ["AB", "B", "AAB", "BA"] * 3)
    net = ng.architectures.encoder_decoder(len(pairs.source), pairs.classes, 6)
    model = ng.fit(net, pairs.x, pairs.y, lengths=pairs.lengths, epochs=1)
    path = ng.report.write(model, pairs.x, pairs.y, tmp_path / "report.html", lengths=pairs.lengths)
    steps = int(pairs.lengths["target"].sum())
    assert f" of {steps} time-steps are wrong, in " in path.read_text()
