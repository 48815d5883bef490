"""The progress of a run, for whoever watches: a bar in a terminal or a notebook, a line now and then in a log file."""

from __future__ import annotations

import html
import re
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from netgrad.training.callbacks import Callback

if TYPE_CHECKING:
    from netgrad.training.loop import Run

LEFT_OUT = re.compile(r"epoch|grad_norm|loss_\d+")  # columns of the history that a line has no room for
SECONDS = 30.0  # at most between two lines of a log


class Progress(Callback):
    """Shows the last row of the history, and how far the run is.

    A live bar in a terminal; in a notebook a bar that is replaced in its place and stays in the saved notebook; in a
    log file a line after every ``every``-th part of the epochs, and after 30 seconds without one. `netgrad.fit` makes
    one for ``progress=True``. It writes to the standard error, so that what a program prints can still be piped.

    where: "terminal", "notebook" or "log"; found out where it is left out.
    """

    only_looks = True

    def __init__(self, every: float = 0.1, where: str | None = None):
        self.every, self.where = every, where
        self._view: View | None = None

    def on_start(self, run: Run) -> None:
        where = self.where or surroundings()
        self._view = Terminal() if where == "terminal" else Notebook() if where == "notebook" else Log(self.every)
        self._view.start(run.epochs)

    def on_epoch(self, run: Run) -> None:
        if self._view is not None:
            self._view.show(run.epoch, run.epochs, line(run.history.rows[-1]))

    def on_end(self, run: Run) -> None:
        if self._view is not None:
            if run.history.rows:  # callbacks that end a run come after this one
                self._view.show(run.epoch, run.epochs, line(run.history.rows[-1]), last=True)
            self._view.end()
            self._view = None


def surroundings() -> str:
    """Where this process shows what it does: "notebook", "terminal" or "log".

    A terminal that cannot move its cursor (TERM=dumb) is treated as a log.
    """
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        if getattr(shell, "kernel", None) is not None:
            return "notebook"
    from rich.console import Console

    console = Console(stderr=True)
    return "terminal" if console.is_terminal and not console.is_dumb_terminal else "log"


def line(row: dict[str, float]) -> str:
    """A row of the history in few words.

    >>> line({"epoch": 3, "loss": 0.12345678, "grad_norm": 2.0, "val_loss": 1e-7})
    'loss 0.1235  val_loss 1e-07'
    """
    return "  ".join(f"{key} {value:.4g}" for key, value in row.items() if not LEFT_OUT.fullmatch(key))


class View(Protocol):
    """One way to show progress."""

    def start(self, epochs: int) -> None:
        """Before the first epoch."""

    def show(self, epoch: int, epochs: int, text: str, last: bool = False) -> None:
        """After an epoch; the ``last`` one once more when the run is over."""

    def end(self) -> None:
        """When the run is over, however it ended."""


class Terminal:
    """A live bar."""

    def start(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("compiling", total=epochs)
        self._bar.start()

    def show(self, epoch: int, epochs: int, text: str, last: bool = False) -> None:
        self._bar.update(self._task, completed=epoch, description=text)

    def end(self) -> None:
        self._bar.stop()


class Notebook:
    """A bar of plain HTML, which needs no widgets; drawn at most ten times a second."""

    def start(self, epochs: int) -> None:
        from IPython.display import HTML, display  # there is one: we are in it

        self._html = HTML
        self._handle: Any = display(HTML(bar(0, epochs, "compiling")), display_id=True)
        self._drawn = time.monotonic()

    def show(self, epoch: int, epochs: int, text: str, last: bool = False) -> None:
        if last or time.monotonic() - self._drawn > 0.1:
            self._handle.update(self._html(bar(epoch, epochs, text)))
            self._drawn = time.monotonic()

    def end(self) -> None:
        pass


class Log:
    """Plain lines, each complete and flushed: whoever reads the file meanwhile sees how far it is."""

    def __init__(self, every: float):
        self.every = every

    def start(self, epochs: int) -> None:
        self._began = self._last = time.monotonic()
        self._printed = 0

    def show(self, epoch: int, epochs: int, text: str, last: bool = False) -> None:
        now = time.monotonic()
        if epoch == self._printed:
            return
        if last or epoch % max(1, round(epochs * self.every)) == 0 or now - self._last > SECONDS:
            print(f"epoch {epoch}/{epochs}  {text}  {now - self._began:.1f} s", file=sys.stderr, flush=True)
            self._last, self._printed = now, epoch

    def end(self) -> None:
        pass


def bar(epoch: int, epochs: int, text: str) -> str:
    """A bar and its text as HTML.

    >>> bar(3, 20, "loss 0.1")
    '<progress value="3" max="20"></progress> epoch 3/20&ensp;loss 0.1'
    """
    return f'<progress value="{epoch}" max="{epochs}"></progress> epoch {epoch}/{epochs}&ensp;{html.escape(text)}'
