"""`netgrad.Studio`: a training of a script or a notebook, shown live in the studio."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.errors import DivergenceError, NetgradError
from netgrad.studio import design as designs
from netgrad.studio.design import Design
from netgrad.studio.examples import Examples, classes_of
from netgrad.studio.extra import starlette
from netgrad.studio.frames import Curve, Selection, shown
from netgrad.studio.opening import Opened
from netgrad.studio.server import prepare
from netgrad.studio.session import Audience
from netgrad.studio.trainer import scores
from netgrad.studio.worker import Worker
from netgrad.training.callbacks import Callback
from netgrad.training.progress import surroundings
from netgrad.training.supervised import Supervised

if TYPE_CHECKING:
    from netgrad.training.loop import Run

HERE = ("play", "pause", "step", "epoch", "select", "diagnose", "save")  # what a page may ask of a user's own training


class Hall(Audience):
    """The pages that watch a training of this process; what they ask for waits until the training asks."""

    def __init__(self) -> None:
        super().__init__({"live": True})
        self.asked: queue.Queue[dict[str, Any]] = queue.Queue()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.open = threading.Event()

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.open.set()

    async def end(self) -> None:
        self.open.clear()
        self.asked.put({"do": "play"})  # nobody could any more

    async def command(self, command: Mapping[str, Any]) -> None:
        if command["do"] not in HERE:
            raise NetgradError("this network is trained by a program of your own: change it there")
        self.asked.put(dict(command))

    def send(self, message: dict[str, Any]) -> None:
        """Tell the pages, from the thread that trains."""
        line = json.dumps(message, allow_nan=False)
        if self.loop is not None and self.open.is_set():
            self.loop.call_soon_threadsafe(self.hear, line)


class Watched:
    """A run in progress as frames see a `netgrad.studio.Trainer`."""

    changes: tuple[str, ...] = ()

    def __init__(self, run: Run):
        self.run, self.task, self.settings = run, run.task, dict(run.history.settings)
        model, own, held = run.model(), run.examples, run.held
        if not isinstance(run.task, Supervised) or own is None or len(own.x) > 1 or len(run.network.outputs) > 1:
            raise NetgradError(
                f"ng.Studio shows networks of one input and one output that ng.fit trains, found {run.task.title}: "
                "ng.JsonLog and ng.TensorBoard write down what any training reports"
            )
        self.network, self.source, self.held = run.network, SimpleNamespace(data=own), held

        def plain(named: Any) -> Any:
            return np.asarray(next(iter(named.values()))) if named else None

        x, y = plain(own.x), plain(own.y)
        of_held = (x[:0], y[:0], None) if held is None else (plain(held.x), plain(held.y), plain(held.lengths))
        over_time = bool(own.lengths) or any(_of_time(node.layer) for node in run.network.nodes)
        self.examples = Examples(
            "your data", x, y, of_held[0], of_held[1], classes_of(model, y), lengths=plain(own.lengths),
            lengths_held=of_held[2], over_time=over_time,
        )  # fmt: skip

    @property
    def carry(self) -> Any:
        return self.run.carry

    @property
    def epoch(self) -> int:
        return self.run.epoch

    @property
    def batch(self) -> int:
        """The step in the epoch, where each is looked at."""
        return self.run.batch if self.inside else 0

    inside = False  # whether an epoch has begun
    rate = None  # is not for the page to change

    @property
    def batches(self) -> int:
        size = self.run.settings.get("batch_size") or self.source.data.size
        return -(-self.source.data.size // int(size))

    @property
    def at(self) -> float:
        return self.epoch + self.batch / self.batches

    def model(self) -> Any:
        return self.run.model()

    def scores(self) -> dict[str, float]:
        return scores(self.run.model(), self.source.data, self.held)


def _of_time(layer: Any) -> bool:
    from netgrad.layers import Attention
    from netgrad.layers.recurrent import Recurrent

    return isinstance(layer, Recurrent | Attention)


class Conductor(Worker):
    """What the page sees and asks of a training that the callback stands in: it may hold it, not lead it."""

    def __init__(self, hall: Hall, playing: bool):
        super().__init__(hall.source, hall.send)
        self.hall, self.playing, self.ended = hall, playing, False
        self.wanted = ""  # "step" or "epoch": go so far, and stand

    def attend(self, run: Run) -> None:
        """A run begins."""
        watched = Watched(run)
        self.trainer, self.curve, self.rival, self.evidence = watched, Curve(), None, None  # type: ignore[assignment]
        self.made, self.seen, self.ended = self.made + 1, 0, False
        self.selection = Selection(watched.network.nodes[0].name)
        known = {name: value for name, value in watched.settings.items() if name in Design().plain}
        self.design = replace(Design(), layers=None, data="", **_plain(known))
        drawn = designs.drawing(watched.network, watched.examples.shape)
        said = {name: str(value) for name, value in watched.settings.items() if value is not None and name != "drawn"}
        self.send(
            {"kind": "design", "design": self.design.plain, "drawing": drawn, "code": "", "command": ""}
            | {"data": shown(watched.examples), "settings": said}
        )
        self.show()

    def do_play(self) -> None:
        if self.ended:
            raise NetgradError("the training has ended: what it came to can still be looked into")
        self.playing, self.wanted = True, ""

    def do_pause(self) -> None:
        self.playing = False

    def do_step(self) -> None:
        self.do_play()
        self.wanted = "step"

    def do_epoch(self) -> None:
        self.do_play()
        self.wanted = "epoch"

    def moment(self, whole: bool) -> None:
        """After a step, or after a ``whole`` epoch: show it if it is time, and stand still while that is asked for."""
        assert isinstance(self.trainer, Watched)
        self.trainer.inside = not whole
        if self.wanted == "step" or (whole and self.wanted == "epoch"):
            self.playing, self.wanted = False, ""
        while not self.hall.asked.empty():
            self.obey(self.hall.asked.get())
        while not self.finished.empty():
            self.heard(self.finished.get())
        if not self.playing:
            self.show()
            self.do_diagnose()
            while not self.playing:
                self.serve()
        elif time.perf_counter() >= self.next_frame:
            self.show()

    def serve(self) -> None:
        """Do what is asked next, waiting a moment for it."""
        with contextlib.suppress(queue.Empty):
            self.obey(self.hall.asked.get(timeout=0.1))
        while not self.finished.empty():
            self.heard(self.finished.get())

    def end(self, failure: BaseException | None) -> None:
        """The run has ended; show what it came to."""
        self.playing, self.ended = False, True
        self.show()
        said = f"the training has ended after epoch {self.at_work.epoch}"
        if failure is not None:
            said += f": {type(failure).__name__}" + (f": {failure}" if isinstance(failure, DivergenceError) else "")
        self.send({"kind": "said", "message": said})
        self.do_diagnose()


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a design has them, so far as they are plain."""
    usual = Design().plain
    return {name: v for name, v in settings.items() if isinstance(v, type(usual[name])) and not isinstance(v, bool)}


class Studio(Callback):
    """Show the training live in the studio: ``ng.fit(net, x, y, callbacks=[ng.Studio()])``.

    steps: look after each step instead of after each epoch; an epoch is then no longer one program, which costs small
    networks time. paused: stand still before the first epoch's end until the page says Play. browser: whether a browser
    is opened; the address is printed as well. port: None for 7007, or the next that is free. folder: where the page
    keeps runs.

    The page can pause the run, let it go on by an epoch (or a step), look inside, diagnose and save it; it changes no
    number of it. The run waits while it is paused; control-C ends it as it ends any. Afterwards the page shows what it
    came to until the program ends or `close` is called; `wait` keeps a script from ending. In a notebook the callback
    shows the page itself. Of several runs one after the other the page shows the latest.

    Raises `NetgradError` where the extra ``studio`` is not installed, and at the start of a run that has no network of
    one input and one output.

    >>> import netgrad as ng, numpy as np
    >>> studio = ng.Studio(browser=False, port=0)
    studio at http://127.0.0.1:...
    >>> net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(1)])
    >>> model = ng.fit(net, np.eye(4), [1.0, 2.0, 3.0, 4.0], epochs=2, callbacks=[studio])
    >>> studio.close()
    """

    only_looks = True

    def __new__(cls, *given: Any, steps: bool = False, **more: Any) -> Studio:
        return super().__new__(StepStudio if steps and cls is Studio else cls)

    def __init__(
        self,
        *,
        steps: bool = False,
        paused: bool = False,
        browser: bool = True,
        port: int | None = None,
        folder: str | Path | None = None,
    ):
        starlette()
        notebook = surroundings() == "notebook"
        self.hall = Hall()
        server, listening, url = prepare(self.hall, port=port, folder=None if folder is None else Path(folder))
        self.opened = Opened(server, listening, url, None, browser and not notebook)
        self.hall.open.wait(30)
        self.conductor = Conductor(self.hall, not paused)
        self._rest: threading.Thread | None = None
        if notebook:
            sys.modules["IPython"].display.display(self)
        else:
            print(self.opened, flush=True)

    @property
    def url(self) -> str:
        """The page's address."""
        return self.opened.url

    def wait(self) -> None:
        """Until control-C."""
        self.opened.wait()

    def close(self) -> None:
        """End the page."""
        self._stop_rest()
        self.opened.close()

    def _repr_html_(self) -> str:
        return self.opened._repr_html_()

    def __repr__(self) -> str:
        return repr(self.opened)

    def on_start(self, run: Run) -> None:
        self._stop_rest()
        self._before = sys.exc_info()[1]
        self.conductor.attend(run)

    def on_epoch(self, run: Run) -> None:
        self.conductor.moment(whole=True)

    def on_end(self, run: Run) -> None:
        failure = sys.exc_info()[1]
        self.conductor.end(None if failure is self._before else failure)
        self._resting = threading.Event()
        self._rest = threading.Thread(target=self._look_on, args=(self._resting,), daemon=True)
        self._rest.start()

    def _look_on(self, stopped: threading.Event) -> None:
        """What the run came to can be looked into until another begins."""
        while not stopped.is_set():
            self.conductor.serve()

    def _stop_rest(self) -> None:
        if self._rest is not None:
            self._resting.set()
            self._rest.join()
            self._rest = None


class StepStudio(Studio):
    """A `Studio` that looks after each step."""

    def on_batch(self, run: Run) -> None:
        if run.batch < self.conductor.at_work.batches:  # what follows the last is `on_epoch`
            self.conductor.moment(whole=False)
