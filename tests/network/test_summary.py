"""The table and the drawing of a network."""

import pytest

import netgrad as ng
from netgrad.errors import ShapeError


def lenet():
    return ng.Sequential(
        [ng.Conv(6, 5, activation="relu"), ng.MaxPool(2), ng.Conv(16, 5, activation="relu"), ng.MaxPool(2),
         ng.Flatten(), ng.Dense(120), ng.Dense(84), ng.Dense(10)]
    )  # fmt: skip


def forked():
    x = ng.Input("image")
    shared = ng.Conv(3, 3, padding="same", name="shared")
    return ng.Network(x, ng.Dense(2)(ng.GlobalPool()(ng.Add()(shared(x), shared(shared(x))))))


def test_counts_are_those_of_the_parameters_made():
    net = lenet()
    table = net.summary((28, 28, 1))
    params, _ = net.init(0, (28, 28, 1))
    made = {name: sum(p.size for p in values.values()) for name, values in params.items()}
    assert {row.name: row.parameters for row in table.rows if row.parameters} == made
    assert [row.out_shape for row in table.rows[:4]] == [(24, 24, 6), (12, 12, 6), (8, 8, 16), (4, 4, 16)]
    assert table.rows[0].operations == 24 * 24 * 6 * 25
    assert table.rows[0].connections == 24 * 24 * 6 * 26
    assert table.rows[0].memory == 4 * 24 * 24 * 6
    assert table.parameters == 44426


def test_a_layer_used_twice_is_counted_once():
    table = forked().summary((8, 8, 3))
    assert [(row.name, row.parameters) for row in table.rows[:2]] == [("shared", 84), ("shared@2", 0)]
    assert table.parameters == 84 + 8


def test_it_reads_as_text_and_as_html():
    table = lenet().summary((28, 28, 1))
    lines = str(table).splitlines()
    assert len({len(line) for line in lines[2:11]}) <= 2
    assert lines[-2].split()[:2] == ["total", "44,426"]
    assert table._repr_html_().count("<tr>") == 1 + 1 + 8 + 1


def test_ten_examples_a_weight_are_asked_for():
    few, enough = (lenet().summary((28, 28, 1), examples) for examples in (444_259, 444_260))
    assert str(few).splitlines()[-1].startswith("444,259 examples are fewer than 10 a weight, 444,260: a smaller")
    assert "<p>444,259 examples" in few._repr_html_()
    assert enough.note == lenet().summary((28, 28, 1)).note == ""
    assert str(enough) == str(lenet().summary((28, 28, 1)))
    assert enough._repr_html_().count("<p>") == 0


@pytest.mark.parametrize(("make", "shape"), [(lenet, (28, 28, 1)), (forked, (8, 8, 3))])
def test_a_drawing_shows_every_layer_and_edge(make, shape):
    net = make()
    figure = net.draw(shape)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert all(name in texts for name in [*net.inputs, *(node.name for node in net.nodes)])
    arrows = [p for p in figure.axes[0].patches if type(p).__name__ == "FancyArrowPatch"]
    assert len(arrows) == sum(len(node.inputs) for node in net.nodes)


def test_what_does_not_fit_is_said_before_anything_is_made():
    with pytest.raises(ShapeError, match="leaves 0 rows"):
        lenet().summary((12, 12, 1))
