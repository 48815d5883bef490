"""What `netgrad fit` does with a trained model: it is written first, and whatever fails then costs no model."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from netgrad.cli import faults, interruption, tables
from netgrad.cli.sources import Source
from netgrad.errors import FileError
from netgrad.parallel.processes import apart, first


@dataclass
class Trained:
    """What training leaves behind.

    model: with its card, all but the scores. score: measures it on test examples, by name. test: those as a report
    takes them (`netgrad.report.html.write`). batches: training and test examples as a diagnosis takes them; None in
    place of the latter where they are not of the same kind. posterior: makes the model that knows its doubts; None
    where it was not asked for.
    """

    model: Any
    score: Callable[[], dict[str, float]]
    test: dict[str, Any]
    batches: Callable[[], tuple[Any, Any]]
    posterior: Callable[[], Any] | None = None

    @classmethod
    def on(cls, model: Any, source: Source, metrics: Any = None) -> Trained:
        """Of a model that was trained on a source. metrics: what is measured besides."""
        seen: dict[str, Any] = {"x": source.x_test, "y": source.y_test}

        def score() -> dict[str, float]:
            seen["scores"] = model.evaluate(source.x_test, source.y_test, metrics=metrics)
            return dict(seen["scores"])

        def batches() -> tuple[Any, Any]:
            return model.batch(source.x, source.y), model.batch(source.x_test, source.y_test)

        return cls(model, score, seen, batches)


def how_shown(given: dict[str, Any]) -> dict[str, Any]:
    """What the command's options say of how `finish` shows what came of it."""
    return {"quiet": given["quiet"], "report": not given["no_report"], "measure": given["measure"]}


def finish(
    trained: Trained, folder: Path, *, quiet: bool, report: bool, layers: bool = True, measure: bool = False
) -> None:
    """Write model.safetensors, then score, show and report; status 1 where any of that failed or is not finite.

    report: whether there is to be a report.html with its diagnosis. layers: whether the table of layers is shown.
    measure: whether the diagnosis has ranks, noise and sharpness besides.
    """
    if not first():  # of a group of processes, one writes
        return
    kept = Kept(trained.model, folder)
    try:
        with apart():
            if trained.posterior is not None:
                doubted(kept, trained.posterior, quiet)
            scored(kept, trained)
            if report:
                reported(kept, trained, quiet, layers and not quiet, measure)
        if not quiet:
            for name, path in kept.files.items():
                kept.show(f"{name:7} {path}", soft_wrap=True, markup=False)
    except KeyboardInterrupt:
        faults.fail(f"interrupted after training: the model is in {kept.files['model']}")
        raise typer.Exit(130) from None
    if kept.failed:
        raise typer.Exit(1)


class Kept:
    """A trained model on disk, and what is done with it after that. files: what was written, by what it is."""

    def __init__(self, model: Any, folder: Path):
        self.model, self.folder, self.failed = model, folder, False
        if bad := model.not_finite():
            self.say(f"training has failed: {bad}; the model is written for netgrad inspect, it cannot predict")
        try:
            self.files = {"model": model.save(folder / "model.safetensors")}
        except FileError as error:  # what could be written to before training
            self.folder = Path(tempfile.mkdtemp(prefix="netgrad-"))
            self.files = {"model": model.save(self.folder / "model.safetensors")}
            self.say(f"{error}; the model is in {self.folder}")

    def attempt(self, what: str, action: Callable[[], Any]) -> Any:
        """The action's result; None where it failed, which is told in one line."""
        interruption.check()
        try:
            return action()
        except BrokenPipeError:  # the reader of our output has seen enough; files are written all the same
            faults.silence()
        except Exception as error:
            if faults.interrupted(error):
                raise KeyboardInterrupt from None
            reason = faults.expected(error) or faults.unforeseen(error)
            self.say(f"the model is in {self.files['model']}, but {what} failed: {reason}")
        return None

    def show(self, what: Any, **how: Any) -> None:
        """Print something."""
        self.attempt("showing the results", lambda: tables.console().print(what, **how))

    def say(self, message: str) -> None:
        """One line about something that failed, which makes the exit status 1."""
        self.failed = True
        faults.fail(message)


def doubted(kept: Kept, made: Callable[[], Any], quiet: bool) -> None:
    """Give the model its posterior, and write it again."""
    model = kept.attempt("its posterior", made)
    if model is None:
        return
    kept.model = model
    kept.attempt("writing its posterior into it", lambda: model.save(kept.files["model"]))
    if not quiet:
        kept.show(str(model.posterior))


def scored(kept: Kept, trained: Trained) -> None:
    """Measure the scores, put them into the model's card, and show them."""
    scores = kept.attempt("measuring its scores", trained.score)
    if scores is None:
        return
    kept.model.card["scores"] = {f"test_{name}": round(value, 6) for name, value in scores.items()}
    kept.attempt("writing its scores into it", lambda: kept.model.save(kept.files["model"]))
    kept.show(f"test {tables.score_line(scores)}", style="bold")
    bad = [name for name, value in scores.items() if not math.isfinite(value)]
    if bad and not kept.failed:
        kept.say(f"the model is in {kept.files['model']}, but its test {', '.join(bad)} is not finite")


def _raise(error: Exception) -> None:
    raise error


def reported(kept: Kept, trained: Trained, quiet: bool, layers: bool, measure: bool = False) -> None:
    """Show the layers, write the report, and show what the diagnosis found."""
    from netgrad import report
    from netgrad.diagnosis.diagnose import examine
    from netgrad.diagnosis.evidence import Evidence
    from netgrad.report.layers import traced

    model, test = kept.model, trained.test
    if layers:
        rows = kept.attempt("the table of its layers", lambda: traced(model, test["x"], test["y"]))
        if rows is not None:
            kept.show(tables.layers(rows, "mean ± standard deviation over test examples"))
    evidence = kept.attempt("the diagnosis", lambda: Evidence(model, *trained.batches()))
    if evidence is None:
        return
    path = kept.folder / "report.html"
    lost: list[tuple[str, Exception]] = []
    given = {"path": path, "evidence": evidence, "failed": lost, "measure": measure, **test}
    written = kept.attempt("its report", lambda: report.write(model, **given))
    if written is None:
        return
    for part, error in lost:
        kept.attempt(f"the part {part!r} of its report", partial(_raise, error))
    kept.files["report"] = written
    found = None if quiet else kept.attempt("the diagnosis", lambda: examine(evidence, measure))
    if found is None:
        return
    if found:
        kept.show(tables.findings(found, only_serious=True) if found.serious else found.summary)
    if found.measures is not None:
        kept.show(tables.measures(found.measures))
