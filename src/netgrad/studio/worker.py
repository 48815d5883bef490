"""The process that trains: commands as lines of JSON on its standard input, what is seen as lines of JSON out.

A process of its own can be ended at any time, whatever XLA is doing. It ends by itself when its input does.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from netgrad.errors import DivergenceError, NetgradError
from netgrad.network import Network
from netgrad.studio import design as designs
from netgrad.studio.design import Design
from netgrad.studio.examples import Examples
from netgrad.studio.frames import Curve, Selection, frame, point, shown
from netgrad.studio.modelfile import begun
from netgrad.studio.python_in import read
from netgrad.studio.python_out import code, command
from netgrad.studio.remedies import examined, remedied
from netgrad.studio.runs import keep
from netgrad.studio.sources import examples
from netgrad.studio.trainer import Trainer
from netgrad.training.files import load

BETWEEN = 0.05  # seconds between two frames, at least
SHARE = 20  # times what a frame costs are trained until the next one: less than a tenth is lost to being watched
PLACES = ("unit", "input", "example", "step")  # what is selected of a layer
OF_FIT = ("loss", "optimizer", "learning_rate", "batch_size", "reduction", "seed")  # read of a `netgrad.fit` in code
SPEEDS = (0, 1, 5, 25, 100)  # steps a second, 0 for as many as there can be


class Worker:
    """What the process holds: one training, one more beside it where a remedy is tried, and what is looked at."""

    def __init__(self, source: Mapping[str, Any], send: Any):
        self.source, self.send = dict(source), send
        self.playing, self.speed, self.selection = False, 100, Selection()
        self.rival: Trainer | None = None
        self.trainer: Trainer | None = None
        self.next_frame, self.seen = 0.0, 0  # when the next frame is due; how many this design has had
        self.diagnosing: threading.Thread | None = None
        self.again = False  # a diagnosis was asked for while another ran
        self.evidence: Any = None
        self.made = 0  # designs so far: what was found out about an earlier one is of no use
        self.finished: queue.Queue[dict[str, Any]] = queue.Queue()

    # --- commands, each a method that a line names

    def do_design(self, design: Any) -> None:
        """Another network, data set or setting: everything begins anew."""
        made, fixed = Design.of(design), ""
        data = self.examples_of(made)
        if made.layers is None:
            network = self.given
            try:
                made = designs.opened(network, made, data)
            except NetgradError as why:
                fixed = str(why)
        else:
            network = made.network(data)
        settings, state = made.settings(data), None
        if "weights" in self.source:
            model = load(self.source["weights"])
            settings |= {} if made.loss else {"loss": model.objective.terms[0][1]}
            params, state = begun(model, network, data, settings)
            settings |= {"params": params}
        self.begin(made, data, network, settings, state, fixed)

    def do_code(self, code: Any) -> None:
        """The network that Python code makes, on the data that are here; the code is read, not run."""
        if not isinstance(code, str):
            raise NetgradError("code is a text")
        network, asked = read(code)
        known = {name: asked[name] for name in OF_FIT if asked.get(name) is not None}
        known |= {"batch_size": 0} if "batch_size" in asked and asked["batch_size"] is None else {}
        before = replace(self.design, loss="", reduction="mean")
        design = designs.opened(network, before, self.examples_of(before))
        self.do_design(design.plain | known)

    def begin(
        self,
        design: Design,
        data: Examples,
        network: Network,
        settings: Mapping[str, Any],
        state: Any = None,
        fixed: str = "",
    ) -> None:
        """Begin to train this. fixed: why its layers cannot be changed one by one."""
        drawn = designs.drawing(network, data.shape)  # an impossible shape is refused here, and the old run goes on
        self.trainer = Trainer(network, settings, data, state=state)
        self.design, self.rival, self.playing, self.made = design, None, False, self.made + 1
        self.curve, self.evidence, self.seen = Curve(), None, 0
        self.selection = Selection(network.nodes[0].name)
        self.send(
            {
                "kind": "design",
                "design": design.plain,
                "drawing": drawn,
                "code": self.written(network),
                "command": command(design, self.data_on_the_command_line(design)),
                "data": shown(data),
                "fixed": fixed,
            }
        )
        self.show()

    def written(self, network: Network) -> str:
        """The code of what is trained, on the user's own data as x and y; "" where it cannot be written."""
        weights = self.source.get("weights", "")
        if weights and network != self.given:  # of a network that was changed since, not all of them fit
            weights = ""
        try:
            return code(self.design, self.at_work.examples, network, "gallery" in self.source, weights)
        except NetgradError:
            return ""

    def examples_of(self, design: Design) -> Examples:
        """The examples that the design names: of the gallery, unless the studio was opened with others."""
        return examples(self.source if "gallery" not in self.source else {"gallery": design.data})

    def data_on_the_command_line(self, design: Design) -> str:
        """What `netgrad fit` is told of the data; "" where they came from Python."""
        if "gallery" in self.source:
            data = self.at_work.examples
            return "" if data.over_time or data.reconstructs else f"{design.data}.csv --target y"
        if "table" not in self.source or "id" in self.source or "weights" in self.source:
            return ""
        return f"{shlex.quote(self.source['table'])} --target {shlex.quote(self.source['target'])}"

    @property
    def given(self) -> Network:
        """The network that `netgrad.studio` was called with, or that of the model file."""
        if "model" not in self.source and "weights" not in self.source:
            raise NetgradError("no network was given: add layers")
        network: Network = load(self.source.get("model") or self.source["weights"]).network
        return network

    def do_play(self) -> None:
        """Train until told to pause."""
        self.playing = self.at_work is not None
        self.show()

    def do_pause(self) -> None:
        """Stand still."""
        self.playing = False
        self.show()
        self.do_diagnose()

    def do_step(self) -> None:
        """One batch."""
        self.playing = False
        self.train(lambda trainer: trainer.step())
        self.show()

    def do_epoch(self) -> None:
        """To the end of the epoch."""
        self.playing = False

        def one(trainer: Trainer) -> None:
            before = trainer.epoch
            while trainer.epoch == before:
                trainer.advance(1)

        self.train(one)
        self.show()

    def do_reset(self) -> None:
        """Back to the first weights, which the seed draws again."""
        self.playing, self.rival, self.evidence, self.curve = False, None, None, Curve()
        self.at_work.reset()
        self.show()

    def do_rate(self, rate: Any) -> None:
        """Another learning rate from here on."""
        designs.between("learning_rate", rate, 0, 100, above=True)
        self.at_work.set_rate(float(rate))
        self.show()

    def do_speed(self, speed: Any) -> None:
        """So many steps a second; 0 for full speed."""
        if speed not in SPEEDS:
            raise NetgradError(f"speed is one of {', '.join(map(str, SPEEDS))} steps a second, found {speed!r}")
        self.speed = speed
        self.show()

    def do_select(self, **asked: Any) -> None:
        """Look at a layer, a unit, one of its inputs, an example."""
        chosen = asdict(self.selection) | asked
        if set(chosen) != set(asdict(self.selection)) or not isinstance(chosen["layer"], str):
            raise NetgradError("select takes layer, unit, input, example and step")
        for name in PLACES:
            designs.between(name, chosen[name], 0, 1e6, whole=True)
        self.selection = Selection(chosen["layer"], *(int(chosen[n]) for n in PLACES))
        self.show()

    def do_diagnose(self) -> None:
        """Find out what is wrong, beside the training; what is found is sent when it is known."""
        trainer, made = self.at_work, self.made
        if trainer.epoch == 0:
            return
        self.send({"kind": "diagnosing"})
        if self.diagnosing is not None and self.diagnosing.is_alive():
            self.again = True  # the one that runs may be of an earlier design, or of an earlier epoch
            return
        self.again = False
        model, data = trainer.model(), trainer.examples
        self.diagnosing = threading.Thread(target=self.diagnose, args=(model, data, made), daemon=True)
        self.diagnosing.start()

    def diagnose(self, model: Any, data: Examples, made: int) -> None:
        """In a thread of its own: XLA lets others run while it works."""
        try:
            evidence, message = examined(model, data, self.remedied)
            self.finished.put({"made": made, "evidence": evidence, "message": message})
        except Exception as error:  # whatever it is: the training goes on without it
            reason = " ".join(str(error).split())[:200]
            message = {"kind": "said", "message": f"the diagnosis failed ({type(error).__name__}: {reason})"}
            self.finished.put({"made": made, "evidence": None, "message": message})

    def remedied(self, finding: str, evidence: Any) -> Any:
        """The recipe with this finding's remedy; None where there is none that can be tried here."""
        return None if "weights" in self.source else remedied(finding, evidence, self.at_work)

    def do_try(self, finding: Any) -> None:
        """Train a second network, with the remedy, beside the first, from the start and as far as it."""
        if self.evidence is None or not isinstance(finding, str):
            raise NetgradError("there is no diagnosis of this run: pause, and wait for its findings")
        known = {"findings": [f for f in self.found if f["name"] == finding and f["tries"]]}
        changed = self.remedied(finding, self.evidence) if known["findings"] else None
        if changed is None:
            raise NetgradError(f"{finding!r} has no remedy that can be tried here")
        self.rival = Trainer(changed.network, changed.settings, self.at_work.examples, changed.changes)
        self.rival_curve = Curve()
        self.rival_curve.add(point(self.rival))
        self.show()

    def do_keep(self) -> None:
        """The network with the remedy takes the other's place."""
        if self.rival is None:
            raise NetgradError("there is no remedy being tried")
        data = self.rival.examples
        self.trainer, self.curve, self.rival, self.evidence = self.rival, self.rival_curve, None, None
        self.send({"kind": "kept", "changes": list(self.trainer.changes)})
        drawn = designs.drawing(self.trainer.network, data.shape)
        self.send({"kind": "drawing", "drawing": drawn})
        self.show()

    def do_drop(self) -> None:
        """No remedy any more."""
        self.rival = None
        self.show()

    def do_save(self, folder: Any) -> None:
        """Keep this run on disk, for `netgrad.load` and for comparison."""
        trainer = self.at_work
        about: dict[str, Any] = {"title": trainer.examples.title, "design": self.design.plain}
        about |= {"changes": list(trainer.changes), "epochs": trainer.epoch, "point": point(trainer)}
        self.send({"kind": "saved", "id": keep(folder, trainer.model(), about, self.curve.points)})

    # --- the loop

    @property
    def at_work(self) -> Trainer:
        """What is trained; refused before there is a design."""
        if self.trainer is None:
            raise NetgradError("nothing is trained yet: choose a network first")
        return self.trainer

    def train(self, advance: Any) -> None:
        """Some training, and as much of the network beside; one that diverges stands still, and says so."""
        try:
            advance(self.at_work)
        except DivergenceError as error:
            self.playing = False
            self.send({"kind": "said", "message": str(error)})
            self.do_diagnose()
        if self.rival is not None:
            self.catch_up(self.rival)

    def catch_up(self, rival: Trainer) -> None:
        """Let the network beside train for a moment, up to where the first is."""
        end = time.perf_counter() + BETWEEN
        try:
            while rival.epoch < self.at_work.epoch and time.perf_counter() < end:
                rival.advance(self.at_work.epoch - rival.epoch)
                self.rival_curve.add(point(rival))
        except DivergenceError as error:
            self.rival = None
            self.send({"kind": "said", "message": f"with the remedy, {error}"})

    @property
    def behind(self) -> bool:
        """Whether the network beside has epochs to catch up."""
        return self.rival is not None and self.rival.epoch < self.at_work.epoch

    def turn(self) -> float | None:
        """Train once if it is time to; the seconds until the next turn, None where nothing is to be done."""
        while not self.finished.empty():
            self.heard(self.finished.get())
        if not self.playing:
            if self.behind and self.rival is not None:
                self.catch_up(self.rival)
                self.show()
                return 0.0
            waits = self.diagnosing is not None and self.diagnosing.is_alive()
            return 0.1 if waits or not self.finished.empty() else None
        begun = time.perf_counter()
        self.train(lambda trainer: trainer.step() if self.speed else trainer.advance())
        if time.perf_counter() >= self.next_frame or not self.playing:
            self.show()
        return max(0.0, 1 / self.speed - (time.perf_counter() - begun)) if self.speed else 0.0

    def heard(self, told: dict[str, Any]) -> None:
        """A diagnosis is done."""
        if self.diagnosing is not None:
            self.diagnosing.join()  # its last act was to tell
        if self.again:
            self.do_diagnose()
        elif told["made"] == self.made:
            self.evidence = told["evidence"]
            self.found = told["message"].get("findings", [])
            self.send(told["message"])

    def show(self) -> None:
        """Send a frame, and say when the next is due."""
        begun = time.perf_counter()
        seen: dict[str, Any] = {
            "kind": "frame",
            "playing": self.playing,
            "speed": self.speed,
            "selection": asdict(self.selection),
        }
        seen |= frame(self.at_work, self.curve, self.selection)
        if self.rival is not None:
            seen["rival"] = {"changes": list(self.rival.changes), "epoch": self.rival.epoch}
            seen["rival"]["curve"] = self.rival_curve.points
        self.send(seen)
        now = time.perf_counter()
        self.seen += 1
        usual = now - begun if self.seen > 2 else 0.0  # the first compile, which is not what a frame costs
        self.next_frame = now + max(BETWEEN, SHARE * usual)

    def obey(self, command: Any) -> None:
        """Do what a line says; what it cannot be done for is said."""
        try:
            if not isinstance(command, dict) or not hasattr(self, f"do_{command.get('do')}"):
                raise NetgradError(f"unknown command {str(command)[:60]}")
            getattr(self, f"do_{command.pop('do')}")(**command)
        except TypeError as error:
            self.send({"kind": "refused", "message": f"a command that is none: {error}"})
        except (NetgradError, OSError) as error:
            self.send({"kind": "refused", "message": " ".join(str(error).split())})

    def run(self, commands: queue.Queue[Any]) -> None:
        """Until there are no more commands."""
        wait: float | None = None
        while True:
            try:
                command = commands.get(timeout=wait) if wait != 0.0 else commands.get_nowait()
                if command is None:
                    return
                self.obey(command)
                wait = 0.0 if self.playing or self.behind or self.diagnosing is not None else None
                if wait is not None and not commands.empty():
                    continue
            except queue.Empty:
                pass
            wait = self.turn()


def main() -> None:
    """Read commands, write what is seen; the source is the only argument."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no message
    lock = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        line = memoryview(json.dumps(message, allow_nan=False).encode() + b"\n")
        with lock:
            while line:
                line = line[out.write(line) :]

    commands: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            commands.put(json.loads(line))
        commands.put(None)

    threading.Thread(target=read, daemon=True).start()
    Worker(json.loads(sys.argv[1]), send).run(commands)


if __name__ == "__main__":
    main()
