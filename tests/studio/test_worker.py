"""What the process that trains does with its commands, without the process."""

import json
import sys
import threading
import time

import numpy as np
import pytest

import netgrad as ng
import netgrad.diagnosis
from netgrad.studio.lessons import LESSONS
from netgrad.studio.worker import SPEEDS, Worker

XOR = {"data": "xor", "layers": [{"kind": "dense", "units": 4, "activation": "tanh"}], "learning_rate": 0.05}


class Heard(list):
    """What was sent, each message as the JSON that it becomes."""

    def __call__(self, message):
        self.append(json.loads(json.dumps(message, allow_nan=False)))

    def last(self, kind):
        return next(message for message in reversed(self) if message["kind"] == kind)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def worker(heard):
    made = Worker({"gallery": "xor"}, heard)
    made.obey({"do": "design", "design": XOR})
    return made


@pytest.fixture(scope="module")
def steady():
    """A worker that no command changes."""
    heard = Heard()
    made = Worker({"gallery": "xor"}, heard)
    made.obey({"do": "design", "design": XOR})
    return made, heard


def settle(worker, until, seconds=120):
    """Turn until something is so."""
    end = time.time() + seconds
    while not until():
        assert time.time() < end, "it never came"
        worker.turn()
        time.sleep(0.005)


def test_a_design_is_drawn_and_a_step_is_seen(worker, heard):
    assert [node["name"] for node in heard.last("design")["drawing"]] == ["x", "dense_1", "dense_2"]
    assert len(heard.last("design")["data"]["points"]["x"]) == 225
    assert heard.last("frame")["epoch"] == 0
    worker.obey({"do": "step"})
    frame = heard.last("frame")
    assert (frame["batch"], frame["playing"]) == (1, False)
    assert [layer["name"] for layer in frame["layers"]] == ["dense_1", "dense_2"]
    assert len(frame["field"]["best"]) == 44 * 44
    assert len(frame["curve"]) == 2
    worker.obey({"do": "epoch"})
    assert (heard.last("frame")["epoch"], heard.last("frame")["batch"]) == (1, 0)
    worker.obey({"do": "reset"})
    assert len(heard.last("frame")["curve"]) == 1


def test_playing_learns_and_frames_stay_few(worker, heard):
    worker.obey({"do": "speed", "speed": 0})
    worker.obey({"do": "play"})
    assert heard.last("frame")["playing"]
    settle(worker, lambda: heard.last("frame")["epoch"] > 500)
    frames = [message for message in heard if message["kind"] == "frame"]
    assert len(frames) < 400
    assert len(json.dumps(frames[-1])) < 120_000
    assert frames[-1]["curve"][-1][3] > 0.9  # accuracy
    worker.obey({"do": "speed", "speed": SPEEDS[-1]})
    assert 0 <= worker.turn() <= 1 / SPEEDS[-1]


def test_what_is_selected_has_the_numbers_of_the_trace(worker, heard):
    worker.obey({"do": "epoch"})
    worker.obey({"do": "select", "layer": "dense_1", "unit": 2, "input": 1, "example": 3})
    look = heard.last("frame")["look"]
    data = worker.trainer.examples
    trace = worker.trainer.model().trace(data.x[:8], data.y[:8])
    assert look["quantity"] == 'trace["dense_1"].delta[3, 2]'
    assert look["delta"][2] == pytest.approx(float(trace["dense_1"].delta[3, 2]), rel=1e-4)
    assert look["z"] == pytest.approx(np.asarray(trace["dense_1"].z)[3].tolist(), rel=1e-4)
    assert look["dW"][1] == pytest.approx(look["delta"][2] * look["x"][1], rel=1e-3)
    assert [e["title"] for e in look["equations"]][:3] == ["Net input", "Activation", "Net gradient"]


def test_the_update_in_the_equations_is_what_sgd_does(worker, heard):
    worker.obey({"do": "design", "design": XOR | {"optimizer": "sgd"}})
    assert heard.last("frame")["look"]["equations"][-1]["title"] == "Update, by this example alone"
    worker.obey({"do": "design", "design": XOR | {"optimizer": "sgd", "batch_size": 0, "penalty": "l2"}})
    assert "gradient" not in heard.last("frame")["look"]  # 225 examples are not all looked at


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ({"do": "dance"}, "unknown command"),
        ([], "unknown command"),
        ({"do": "step", "twice": True}, "a command that is none"),
        ({"do": "rate", "rate": -1}, "learning_rate must be above 0"),
        ({"do": "speed", "speed": 7}, "speed is one of 0, 1, 5, 25, 100 steps a second, found 7"),
        ({"do": "select", "layer": 3}, "select takes layer, unit, input, example and step"),
        ({"do": "select", "unit": -1}, "unit must be a whole number from 0"),
        ({"do": "try", "finding": "dead_units"}, "there is no diagnosis of this run"),
        ({"do": "keep"}, "there is no remedy being tried"),
        ({"do": "design", "design": XOR | {"data": "xorr"}}, "unknown data set 'xorr'"),
        ({"do": "design", "design": XOR | {"layers": [{"kind": "conv"}]}}, "conv"),
        ({"do": "design", "design": XOR | {"layers": None}}, "no network was given: add layers"),
        ({"do": "code", "code": 3}, "code is a text"),
        ({"do": "code", "code": "net = make()"}, "the code makes no network"),
        ({"do": "code", "code": "ng.fit(ng.Sequential([ng.Dense(2)]), x, y, loss='mine')"}, "loss must be one of none"),
    ],
)
def test_what_cannot_be_done_is_said_and_the_run_goes_on(steady, command, said):
    worker, heard = steady
    before = worker.trainer
    worker.obey(command)
    assert heard[-1]["kind"] == "refused"
    assert said in heard[-1]["message"]
    assert worker.trainer is before


def test_code_is_a_drawing_with_its_settings(worker, heard):
    code = "net = ng.Sequential([ng.Dense(3, bias=False), ng.Dense(2)])\nm = ng.fit(net, x, y, batch_size=None, seed=5)"
    worker.obey({"do": "code", "code": code})
    design = heard.last("design")
    assert design["design"]["layers"] == [{"kind": "python", "code": "ng.Dense(3, bias=False)"}]
    assert (design["design"]["batch_size"], design["design"]["seed"], design["fixed"]) == (0, 5, "")
    assert [node["parameters"] for node in design["drawing"]] == [0, 6, 8]
    assert "ng.Dense(3, bias=False)" in design["code"]


def test_digits_are_given_back_from_a_code(heard):
    worker = Worker({"gallery": "autoencoder"}, heard)
    worker.obey({"do": "design", "design": {"data": "autoencoder", "layers": [{"kind": "dense", "units": 4}]}})
    worker.obey({"do": "step"})
    frame = heard.last("frame")
    assert np.shape(frame["given_back"]) == np.shape(heard.last("design")["data"]["pictures"]) == (12, 8, 8)
    assert worker.at_work.model().objective.reconstructs
    assert heard.last("design")["command"] == ""


def test_a_table_is_named_in_the_command_and_not_in_the_gallerys_code(heard, tmp_path):
    path = tmp_path / "two rooms.csv"
    path.write_text("size,price\n" + "".join(f"{i * i % 37},{3 * i}\n" for i in range(40)))
    worker = Worker({"table": str(path), "target": "price"}, heard)
    worker.obey({"do": "design", "design": {"layers": [{"kind": "dense", "units": 3}]}})
    assert heard.last("design")["command"].startswith(f"netgrad fit '{path}' --target price --hidden 3 ")
    assert "ng.fit(\n    net, x, y, epochs=100, validation=0.25," in heard.last("design")["code"]
    assert len(heard.last("frame")["fit"]["x"]) == 160


def test_before_a_design_nothing_can_be_done(heard):
    Worker({"gallery": "xor"}, heard).obey({"do": "step"})
    assert heard == [{"kind": "refused", "message": "nothing is trained yet: choose a network first"}]


def test_a_training_that_diverges_stands_still_and_says_so(worker, heard, monkeypatch):
    monkeypatch.setattr(worker, "do_diagnose", lambda: None)
    worker.obey({"do": "design", "design": {"data": "sine", "layers": [], "optimizer": "sgd", "learning_rate": 50}})
    worker.obey({"do": "speed", "speed": 0})
    worker.obey({"do": "play"})
    settle(worker, lambda: any(message["kind"] == "said" for message in heard))
    assert "training diverged at epoch" in heard.last("said")["message"]
    assert not heard.last("frame")["playing"]


@pytest.fixture
def one_check(monkeypatch):
    """Only units that died are looked for: what else a diagnosis measures takes seconds to compile."""
    checks = [check for check in netgrad.diagnosis.finding.checks() if check.registered_name == "dead_units"]
    for module in ("netgrad.diagnosis.diagnose", "netgrad.diagnosis.finding"):
        monkeypatch.setattr(sys.modules[module], "checks", lambda: checks)


def test_a_finding_and_its_remedy_beside_the_network(worker, heard, tmp_path, one_check):
    dead = {"data": "moons", "layers": [{"kind": "dense", "units": 6, "activation": "relu"}], "bias": -6.0}
    worker.obey({"do": "design", "design": dead | {"optimizer": "sgd", "learning_rate": 0.3}})
    for _ in range(3):
        worker.obey({"do": "epoch"})
    worker.obey({"do": "diagnose"})
    assert heard.last("diagnosing")
    settle(worker, lambda: any(message["kind"] == "diagnosis" for message in heard))
    finding = heard.last("diagnosis")["findings"][0]
    assert (finding["name"], finding["tries"]) == ("dead_units", True)
    assert "dense_1" in finding["where"]
    worker.obey({"do": "try", "finding": "nothing"})
    assert "'nothing' has no remedy that can be tried here" in heard.last("refused")["message"]
    worker.obey({"do": "try", "finding": "dead_units"})
    settle(worker, lambda: heard.last("frame").get("rival", {}).get("epoch") == 3)
    assert heard.last("frame")["rival"]["changes"]
    worker.obey({"do": "drop"})
    assert "rival" not in heard.last("frame")
    worker.obey({"do": "try", "finding": "dead_units"})
    settle(worker, lambda: worker.rival is not None and worker.rival.epoch == 3)
    worker.obey({"do": "keep"})
    assert heard.last("kept")["changes"] == list(worker.trainer.changes)
    assert heard.last("frame")["epoch"] == 3
    worker.obey({"do": "save", "folder": str(tmp_path)})
    assert ng.load(tmp_path / heard.last("saved")["id"] / "model.safetensors").network == worker.trainer.network


def test_a_diagnosis_that_is_asked_for_while_another_runs_follows_it(worker, heard, monkeypatch):
    asked, go = [], threading.Event()

    def slow(model, data, made):
        asked.append(made)
        go.wait(60)
        worker.finished.put({"made": made, "evidence": None, "message": {"kind": "diagnosis", "findings": []}})

    monkeypatch.setattr(worker, "diagnose", slow)
    worker.obey({"do": "epoch"})
    worker.obey({"do": "diagnose"})
    worker.obey({"do": "design", "design": XOR | {"seed": 1}})
    worker.obey({"do": "epoch"})
    worker.obey({"do": "diagnose"})
    go.set()
    settle(worker, lambda: any(message["kind"] == "diagnosis" for message in heard))
    assert asked == [1, 2]


def test_a_diagnosis_that_fails_is_said(worker, heard, monkeypatch):
    def fails(*_):
        raise ValueError("no such\nthing")

    monkeypatch.setattr(sys.modules["netgrad.diagnosis.diagnose"], "examine", fails)
    worker.obey({"do": "diagnose"})  # before the first epoch there is nothing to look at
    assert worker.diagnosing is None
    worker.obey({"do": "epoch"})
    worker.obey({"do": "diagnose"})
    settle(worker, lambda: any(message["kind"] == "said" for message in heard))
    assert heard.last("said")["message"] == "the diagnosis failed (ValueError: no such thing)"


def test_every_step_of_every_lesson_is_a_network_and_reads_what_it_has():
    """`make test-studio` loads each of them in the page; here nothing is compiled."""
    from netgrad.studio import Design
    from netgrad.studio.design import drawing
    from netgrad.studio.examples import gallery

    for lesson in LESSONS:
        assert 3 <= len(lesson["steps"]) <= 6
        for step in lesson["steps"]:
            if "setup" in step:
                setup = dict(step["setup"])
                select = setup.pop("select", {})
                design = Design.of(setup)
                data = gallery(design.data)
                layers = [node["name"] for node in drawing(design.network(data), data.shape)]
            first, _, second = step["reads"].partition(" ")
            assert select.get("layer", layers[1]) in layers
            assert (first in layers and second in ("z", "silent")) or first in READ or data.classes


READ = ("look", "epoch", "loss", "time", "mistakes", "held_mistakes")


def read(what, frame):
    """As the page reads it."""
    first, _, second = what.partition(" ")
    if first == "time":
        look = frame["look"]
        return next(row for row in look["rows"] if row["name"] == second)["values"][look["unit"]][look["step"]]
    if what in frame:
        return frame[what]
    if first == "look":
        look = frame["look"]
        if second == "gradient":
            return look["gradient"]
        return (
            look["dW" if second == "dW" else "W"][look["input"]]
            if second in ("w", "dW")
            else look[second][look["unit"]]
        )
    if second:
        return next(layer for layer in frame["layers"] if layer["name"] == first)[second]
    return frame["curve"][-1][("epoch", "loss", "held_loss", "accuracy", "held_accuracy").index(first)]


def test_the_power_plants_numbers_are_the_texts(heard):
    worker = Worker({"gallery": "power_plant"}, heard)
    steps = next(lesson for lesson in LESSONS if lesson["name"] == "power-plant")["steps"]
    for step, number in zip(steps, (-0.0042, 0.0852, None), strict=False):
        setup = dict(step["setup"])
        select = setup.pop("select")
        worker.obey({"do": "design", "design": setup})
        worker.obey({"do": "select", **select})
        if number is not None:
            assert read(step["reads"], heard.last("frame")) == pytest.approx(number, abs=6e-5)
    update = heard.last("frame")["look"]["equations"][-1]
    worker.obey({"do": "epoch"})
    assert read("look w", heard.last("frame")) == pytest.approx(-0.0903, abs=6e-5)
    assert (update["title"], update["tex"].split("=")[-1].strip()) == ("Update", "-0.0903")
    worker.obey({"do": "reset"})
    assert read("loss", heard.last("frame")) == pytest.approx(0.17921847, abs=5e-5)


def test_the_way_back_has_the_texts_deltas(heard):
    worker = Worker({"gallery": "power_plant"}, heard)
    steps = next(lesson for lesson in LESSONS if lesson["name"] == "way-back")["steps"]
    for step, number in zip(steps, (0.0852, -0.0105, 0.0003, -0.0055671, 0.00153726, 0.0329), strict=True):
        load(worker, step)
        assert read(step["reads"], heard.last("frame")) == pytest.approx(number, abs=1e-4)
        assert f"{number:g}"[:6] in step["expected"]
    back = next(e["tex"] for e in heard.last("frame")["look"]["equations"] if e["title"] == "Net gradient")
    assert "(-0.5)" in back  # the weight by which neuron 7 feeds neuron 8
    worker.obey({"do": "select", "layer": "dense_1", "unit": 1})
    assert heard.last("frame")["look"]["delta"][1] == 0  # neuron 4, dead for this example


def load(worker, step):
    setup = dict(step["setup"])
    select = setup.pop("select", None)
    worker.obey({"do": "design", "design": setup})
    if select:
        worker.obey({"do": "select", **select})


def test_the_gates_have_the_texts_numbers(worker, heard):
    steps = next(lesson for lesson in LESSONS if lesson["name"] == "lstm")["steps"]
    # Kelleher eq. 115, as printed; then what a bias of 4 begins with, and what the first x adds.
    for step, number, room in zip(steps, (0.997527377, 0.002472623, 0.982), (1e-5, 1e-6, 0.02), strict=False):
        load(worker, step)
        assert read(step["reads"], heard.last("frame")) == pytest.approx(number, abs=room)
    look = heard.last("frame")["look"]
    assert [row["name"] for row in look["rows"]][:5] == ["x", "input gate", "forget gate", "output gate", "candidate"]
    assert "".join(look["steps"])[:2] in ("BT", "BP")


def test_an_rnn_learns_the_grammar_that_a_perceptron_cannot(worker, heard):
    perceptron, remembers, _ = next(lesson for lesson in LESSONS if lesson["name"] == "reber")["steps"]
    for step, epochs in ((perceptron, 19), (remembers, 59)):
        load(worker, step)
        while worker.at_work.epoch < epochs:
            worker.at_work.advance(epochs - worker.at_work.epoch)
        worker.obey({"do": "epoch"})
        if step is perceptron:
            assert heard.last("frame")["held_mistakes"] == pytest.approx(2.62, abs=0.4)
    assert heard.last("frame")["held_mistakes"] < 1
    assert heard.last("design")["code"].count("lengths=data.lengths") == 2
