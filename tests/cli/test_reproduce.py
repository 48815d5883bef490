"""`netgrad reproduce`, on experiments made for the purpose: nothing here trains."""

import json

import pytest
from matplotlib.figure import Figure

from netgrad.errors import DivergenceError
from netgrad.experiments import EXPERIMENTS
from netgrad.experiments.base import Experiment, Result, slow


@pytest.fixture
def three(monkeypatch):
    """An experiment that comes out, one that does not, and one that breaks off."""

    def right(seed):
        result = Result(figures={"line": Figure()}, notes=["a note with [brackets]"])
        result.close("two times two [x]", 4, 4.0, atol=0.1)
        result.tell("seed", seed)
        return result

    def wrong(seed):
        result = Result()
        result.close("two times two", 5, 4, atol=0.1)
        return result

    def broken(seed):
        raise DivergenceError("training diverged at epoch 1")

    for name in list(EXPERIMENTS):
        monkeypatch.delitem(EXPERIMENTS, name)
    for run in (right, wrong, broken):
        monkeypatch.setitem(EXPERIMENTS, run.__name__, Experiment(run.__name__, "Arithmetic", "a text, 1.1", run))


def test_all_values_came_out(netgrad, three, tmp_path):
    result = netgrad("reproduce", "right", "--out", tmp_path / "figures", "--json", tmp_path / "r.json", "--seed", "7")
    assert result.status == 0
    assert "two times two [x]" in result.out
    assert "a note with [brackets]" in result.out
    assert "1 of 1 experiments came out" in result.out
    assert (tmp_path / "figures" / "right-line.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["seed"] == 7
    rows = content["experiments"][0]["rows"]
    assert rows[0] == {"quantity": "two times two [x]", "text": "4", "here": "4.00", "ok": True}
    assert rows[1] == {"quantity": "seed", "text": "", "here": "7", "ok": None}


def test_a_value_that_did_not_come_out_is_status_1_and_the_others_still_run(netgrad, three, tmp_path):
    result = netgrad("reproduce", "--json", tmp_path / "r.json")
    assert result.status == 1
    assert "NOT" in result.out
    assert "failed: training diverged at epoch 1" in result.out
    assert "1 of 3 experiments came out; not: wrong, broken" in result.out
    assert [e["ok"] for e in json.loads((tmp_path / "r.json").read_text())["experiments"]] == [True, False, False]


def test_missing_data_are_said_and_passed_over(netgrad, three, monkeypatch, tmp_path):
    monkeypatch.setenv("NETGRAD_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"not the published file")
    lacking = Experiment("lacking", "Needs data", "a text", lambda seed: Result(), needs=("mnist",))
    monkeypatch.setitem(EXPERIMENTS, "lacking", lacking)
    result = netgrad("reproduce", "lacking", "right")
    assert result.status == 0
    assert "skipped: " in result.out
    assert "1 of 1 experiments came out; skipped for want of data: lacking" in result.out


def test_the_list_runs_nothing(netgrad, three):
    result = netgrad("reproduce", "--list")
    assert result.status == 0
    for word in ("right", "wrong", "broken", "a text, 1.1"):
        assert word in result.out


def test_an_unknown_name_is_refused_with_the_nearest(refused, three):
    assert "unknown experiment 'rihgt': did you mean 'right'?" in refused("reproduce", "rihgt")


def test_long_ones_can_be_left_out(netgrad, refused):
    shown = netgrad("reproduce", "--list", "--at-most", "60").out.split()
    assert "xor" in shown
    assert "mnist-cnn" not in shown
    assert "no experiment takes at most 1 s: the shortest takes 3 (raise --at-most)" in refused(
        "reproduce", "xor", "--at-most", "1"
    )


def test_the_real_registry_has_experiments(netgrad):
    assert "power-plant" in netgrad("reproduce", "--list").out


def test_side_by_side_every_experiment_has_a_process_and_the_page_lists_them(netgrad, tmp_path, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "here", Experiment("here", "Only here", "a text", lambda seed: Result()))
    names = ("forget-gate", "here", "linear-collapse")
    asked = [*names, "--jobs", "2", "--page", tmp_path / "page.md", "--out", tmp_path / "figures"]
    result = netgrad("reproduce", *asked, "--json", tmp_path / "r.json")
    assert result.status == 1
    assert "2 of 3 experiments came out; not: here" in result.out
    records = json.loads((tmp_path / "r.json").read_text())["experiments"]
    assert [record["name"] for record in records] == list(names)
    assert "unknown experiment 'here'" in records[1]["failed"]  # the process does not know what this one made
    page = (tmp_path / "page.md").read_text()
    assert "| h_t | [-0.796, 1.05, -1, -0.353, 0.85] | [-0.7960000000" in page
    assert "    netgrad reproduce linear-collapse\n" in page
    assert "(#here): **NOT**" in page
    assert "It did not run: status 2" in page


def test_the_page_shows_figures_and_what_did_not_come_out(netgrad, three, tmp_path):
    asked = ("right", "wrong", "--seed", "3", "--out", tmp_path / "figures", "--page", tmp_path / "page.md")
    assert netgrad("reproduce", *asked).status == 1
    page = (tmp_path / "page.md").read_text()
    assert "![right-line](figures/right-line.png)" in page
    assert "| two times two | 5 | 4 | **NOT** |" in page
    assert "netgrad reproduce right --seed 3" in page
    assert "a note with [brackets]" in page


def test_the_longest_experiments_can_be_run_at_full_length(monkeypatch):
    monkeypatch.delenv("NETGRAD_SLOW", raising=False)
    assert not slow()
    monkeypatch.setenv("NETGRAD_SLOW", "1")
    assert slow()


def test_the_list_fits_a_terminal_of_80_columns(netgrad, monkeypatch):
    from netgrad.experiments import EXPERIMENTS

    monkeypatch.setenv("COLUMNS", "80")
    shown = netgrad("reproduce", "--list").out
    assert max(map(len, shown.splitlines())) <= 80
    words = shown.split()
    for name, experiment in EXPERIMENTS.items():
        assert name in words
        assert set(f"{experiment.title} {experiment.source}".split()) <= set(words)
