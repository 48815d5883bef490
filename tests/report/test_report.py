"""The report: self-contained, honest about what it shows, safe with whatever names the data bring."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.errors import FileError
from netgrad.report import diagnosis_figures, figures
from netgrad.report.html import render, sections, shown_columns
from netgrad.report.judgement import judge
from netgrad.report.layers import architecture, traced


@pytest.fixture(scope="module")
def classifier():
    """A model of three classes with awkward names, on a table."""
    rng = np.random.default_rng(0)
    x = pd.DataFrame(rng.normal(size=(60, 3)), columns=["$cost$ <b>", "width", "depth & more"])
    y = np.array(["<script>alert(1)</script>", "$x_1$", "plain"])[np.digitize(x["width"], [-0.4, 0.4])]
    net = ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(3)])
    return ng.fit(net, x, y, epochs=8, validation=0.2, learning_rate=0.02), x, y


@pytest.fixture(scope="module")
def images():
    """A model of two classes of small pictures, not trained well."""
    rng = np.random.default_rng(1)
    x = rng.random((20, 4, 4, 1), dtype=np.float32)
    y = np.arange(20) % 2
    return ng.fit(ng.Sequential([ng.Flatten(), ng.Dense(2)]), x, y, epochs=1), x, y


def svgs(page):
    return re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)


def test_the_page_needs_nothing_beside_it_and_every_figure_has_words(classifier):
    page = render(*classifier)
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "@import" not in page
    found = svgs(page)
    assert len(found) == 8
    for svg in found:
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert len(root.get("aria-label")) > 20


def test_names_from_the_data_are_text_and_never_markup(classifier):
    page = render(*classifier)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "$cost$ &lt;b&gt;" in page


def test_ids_are_the_pages_own(classifier):
    page = render(*classifier)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', page):
        assert "".join(target) in ids


def test_figures_take_the_pages_ink(classifier):
    page = render(*classifier)
    assert figures.INK not in "".join(svgs(page))
    assert "currentColor" in page
    assert "prefers-color-scheme: dark" in page


def test_mistakes_are_the_models_own_worst_first(images):
    model, x, y = images
    judgement = judge(model, x, y)
    worst, mistakes = judgement.worst(5)
    p = model.predict_proba(x)
    assert mistakes
    assert (model.predict(x)[worst] != y[worst]).all()
    assert (np.diff(p[worst, y[worst]]) >= 0).all()
    page = render(model, x, y)
    assert "<h2>Worst mistakes</h2>" in page
    assert "data:image/png;base64" in page


def test_without_mistakes_the_least_certain_are_shown():
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]] * 4)
    y = (x[:, 0] > 0).astype(int)
    model = ng.fit(ng.Sequential([ng.Dense(1)]), x, y, epochs=60, learning_rate=0.1)
    assert model.evaluate(x, y)["accuracy"] == 1
    judgement = judge(model, x, y)
    worst, mistakes = judgement.worst(8)
    assert not mistakes
    assert set(np.abs(x[worst, 0])) == {1.0}
    assert "<h2>Least certain</h2>" in render(model, x, y)


def test_a_regression_shows_residuals_in_its_own_units():
    x = np.linspace(-1, 1, 30)[:, None]
    y = 5 * x[:, 0]
    y[7] = 100
    model = ng.fit(ng.Sequential([ng.Dense(1)]), x, y, epochs=2)
    titles = {section.title: section for section in sections(model, x, y)}
    assert titles["Predictions and residuals"].figure
    assert titles["Largest residuals"].rows[0][0] == "100"
    assert "Confusion matrix" not in titles


def test_rows_of_a_table_are_found_again_by_their_numbers_or_names():
    table = pd.DataFrame({"size": np.arange(8.0), "kind": list("abababab")})
    part = table.iloc[[5, 2]]
    for rows, labels in (("", ["2", "5"]), ("numbers", ["3", "6"])):
        part.attrs["rows"] = rows
        assert shown_columns(part, np.array([1, 0])) == (
            ["row", "size", "kind"],
            [[labels[0], "2", "a"], [labels[1], "5", "b"]],
        )
    named = table.set_axis([f"van {i}" for i in range(8)])
    assert [row[0] for row in shown_columns(named, np.array([7, 0]))[1]] == ["van 7", "van 0"]
    assert [row[0] for row in shown_columns(table, np.array([7, 0]))[1]] == ["8", "1"]


def test_several_outputs_have_curve_and_layers():
    x = ng.Input()
    h = ng.Dense(3, activation="relu")(x)
    net = ng.Network(x, {"size": ng.Dense(1)(h), "kind": ng.Dense(2)(h)})
    data, y = np.eye(6), {"size": np.arange(6.0), "kind": np.arange(6) % 2}
    model = ng.fit(net, data, y, epochs=2)
    assert judge(model, data, y) is None
    titles = [section.title for section in sections(model, data, y)]
    assert titles == ["Learning curve", "Diagnosis", "Distributions", "Units", "Gradient flow", "Layers"]
    assert "on 6 test examples" in render(model, data, y)


def test_layers_hold_the_traces_own_numbers(classifier):
    model, x, y = classifier
    rows = traced(model, x, y)
    trace = model.trace(x, y)
    assert [row.name for row in rows] == list(trace)
    for row in rows:
        for quantity in ("z", "a", "delta"):
            value = np.asarray(trace[row.name][quantity])
            assert row.spread(quantity) == pytest.approx((value.mean(), value.std()), rel=1e-5, abs=1e-7)
    assert sum(row.parameters for row in rows) == model.parameters
    assert [row.cell("z") for row in architecture(model)] == ["", ""]


def test_shared_parameters_are_counted_once():
    x = ng.Input()
    layer = ng.Dense(4)
    model = ng.untrained(ng.Network(x, layer(layer(x))), np.eye(4), np.zeros((4, 4)))
    assert [row.parameters for row in architecture(model)] == [20, 0]


def test_confusion_counts_add_up(classifier):
    model, x, y = classifier
    judgement = judge(model, x, y)
    counts = figures.confusion(judgement.truth, judgement.predicted, judgement.classes)
    assert counts.sum() == len(y)
    assert np.trace(counts) / len(y) == pytest.approx(model.evaluate(x, y)["accuracy"])


def test_the_same_model_gives_the_same_page(classifier):
    assert render(*classifier) == render(*classifier)


def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(images, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write"):
        ng.report.write(*images, tmp_path / "file" / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_figures_leave_the_users_matplotlib_settings_alone(classifier):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 23.0, "axes.grid": True}):
        figures.svg(figures.learning_curve(classifier[0].history), "a curve", "c")
        assert mpl.rcParams["font.size"] == 23.0


def test_png_is_png(classifier):
    assert figures.png(figures.learning_curve(classifier[0].history), 40).startswith(b"\x89PNG")


def test_a_part_that_fails_costs_the_report_nothing_but_itself(classifier, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("of its\nown")

    monkeypatch.setattr("netgrad.report.html.columns_judged", broken)
    lost = []
    page = render(*classifier, failed=lost)
    assert [(part, type(error)) for part, error in lost] == [("Columns", ZeroDivisionError)]
    assert "This part could not be made: ZeroDivisionError: of its own" in page
    assert {"Confusion matrix", "Columns", "Diagnosis", "Layers"} <= set(re.findall("<h2>(.*?)</h2>", page))
    with pytest.warns(ng.NetgradWarning, match=r"without what could not be made: Columns \(ZeroDivisionError: of its"):
        ng.report.write(*classifier, tmp_path / "report.html")
    with pytest.raises(ZeroDivisionError):
        list(sections(*classifier))


def test_axes_are_those_that_quantities_of_their_kind_are_read_on():
    rng = np.random.default_rng(0)
    wide = np.exp(rng.normal(5, 2, 500))
    assert figures.quantities(wide, wide * 1.1, "price").axes[0].get_xscale() == "log"
    plain = rng.normal(size=3000)
    plain[0] = 1e5
    left = figures.quantities(plain, plain, "gain").axes[0]
    assert left.get_xscale() == "linear"
    assert left.get_xlim()[1] < 10
    assert any(text.get_text().endswith(" beyond") for text in left.texts)
    big = figures.quantities(np.linspace(10000, 20000, 50), np.linspace(10000, 20000, 50), "price")
    assert re.search(r">1\d,\d00<", figures.svg(big, "a price", "p"))


def test_a_map_of_units_has_a_cell_for_each_and_crosses_out_the_dead():
    answers = {"dense_1": np.array([0.0, 1.0, 0.5]), "dense_2": np.full(200, 0.25)}
    (ax,) = diagnosis_figures.unit_map(answers).axes
    first, second = ax.collections
    assert [len(cells.get_paths()) for cells in (first, second)] == [3, 128]
    shades = first.get_facecolors()[:, 3]
    assert shades[1] < shades[2] < shades[0]  # the less a unit answers, the darker
    crosses = [line.get_xdata() for line in ax.lines]
    assert [len(places) for places in crosses] == [6, 0]
    assert np.nanmax(crosses[0]) < 1
