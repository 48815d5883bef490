"""What a diagnosis consists of: findings, each with its place, its numbers, how bad it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from netgrad.diagnosis.words import digits, shown
from netgrad.notebook import table
from netgrad.registry import KINDS

if TYPE_CHECKING:
    from netgrad.diagnosis.evidence import Evidence
    from netgrad.diagnosis.measures import Measures
    from netgrad.diagnosis.recipe import Recipe

SEVERITIES = ("note", "warning", "fault")
HEADER = ("", "finding", "where", "what", "measured", "what to do")  # over the cells of a finding


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    name: of the check that found it. severity: "fault" (the reason, or one of the reasons, why training fails),
    "warning" (will cost something), "note" (unusual, and harmless so far). where: layer, units, time-steps, columns or
    the run. message: one sentence with what is wrong. measured: the numbers it rests on. remedy: what to do.
    """

    name: str
    severity: str
    where: str
    message: str
    measured: Mapping[str, float] = field(default_factory=dict)
    remedy: str = ""

    @property
    def numbers(self) -> str:
        """The measured numbers in a few words."""
        return ", ".join(f"{name.replace('_', ' ')} {digits(value)}" for name, value in self.measured.items())

    def trying(self, remedy: str) -> Finding:
        """This finding with what helps in this case, where that is not all that its check knows; as it is for ""."""
        return replace(self, remedy=remedy) if remedy else self

    def __str__(self) -> str:
        return f"{self.severity}: {self.message} ({self.where}; {self.numbers}). Try: {self.remedy}"


@dataclass(frozen=True)
class Check:
    """Base of the checks: one class a kind of finding, with measure, thresholds and remedy in one place.

    A check defines `look` and, where a remedy can be tried by itself, `repair`. Thresholds are its fields. Checks are
    asked, and findings of the same severity listed, in the order of ``rank``: causes before what they cause. Those of
    a rank below that of "not_finite" are asked of a network whose numbers are not finite, too. spoils: a fault of this
    kind is in the examples by which remedies are judged, so that none is tried before a person has mended it.
    """

    kind: ClassVar[str] = "finding"
    registered_name: ClassVar[str] = ""  # set by netgrad.register
    rank: ClassVar[int] = 50
    remedy: ClassVar[str] = ""
    spoils: ClassVar[bool] = False

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        """The findings of this kind."""
        raise NotImplementedError

    def repair(self, recipe: Recipe, evidence: Evidence) -> Recipe | None:
        """The recipe with this finding's remedy, or None where only a person can decide."""
        return None

    def found(self, severity: str, where: str, message: str, **measured: float) -> Finding:
        """A finding of this kind."""
        return Finding(self.registered_name, severity, where, message, measured, self.remedy)


def checks() -> list[Check]:
    """Every registered check with its thresholds, in the order of rank."""
    return sorted((cls() for cls in KINDS["finding"].values()), key=lambda check: check.rank)


@dataclass(frozen=True)
class Diagnosis:
    """All findings, worst first; falsy where nothing is wrong, so that ``if model.diagnose(x, y):`` reads well.

    skill: how much better the network is on these examples than the best constant answer, 1 for no mistakes. possible:
    what a reference (trees, a linear model, a small network) reaches on examples that it has not seen; NaN where there
    is none. measures: ranks, noise and sharpness where they were asked for (``measure=True``), else None. held: the
    skill on validation examples, NaN where there are none. fails: whether the network falls short of what can be
    learned, also where no finding says why.
    """

    findings: tuple[Finding, ...]
    skill: float
    possible: float
    measures: Measures | None = None
    held: float = float("nan")
    fails: bool = False

    def __bool__(self) -> bool:
        return self.fails or bool(self.serious)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, name: str) -> Finding:
        return next(f for f in self.findings if f.name == name)

    def __contains__(self, name: object) -> bool:
        return any(f.name == name for f in self.findings)

    @property
    def serious(self) -> tuple[Finding, ...]:
        """The findings above "note"."""
        return tuple(f for f in self.findings if f.severity != "note")

    @property
    def summary(self) -> str:
        """One line: how well the network does beside what can be expected; where it is not known why, what to try
        first."""
        line = f"skill {shown(self.skill)}"
        if self.held == self.held:
            line += f" ({shown(self.held)} on validation examples)"
        line += ", where 0 is the best constant answer and 1 is no mistake"
        if self.possible == self.possible:
            line += f"; a reference model reaches {shown(self.possible)}"
        if not self.unexplained:
            return line
        line += "; nothing was found that says why the network falls short"
        first = "see first whether it learns a few examples by heart (measure=True): if not, its wiring is wrong"
        return line if self.measures else f"{line}: {first}"

    @property
    def unexplained(self) -> bool:
        """Whether the network falls short, and nothing was found that says why."""
        return self.fails and not self.serious

    def __repr__(self) -> str:
        lines = [str(f) for f in self.findings] or ["nothing found"]
        return "\n".join([*lines, self.summary, *([repr(self.measures)] if self.measures else [])])

    def _repr_html_(self) -> str:
        rows = [[str(cell) for cell in self.cells(finding)] for finding in self.findings]
        measures = self.measures._repr_html_() if self.measures else ""
        return f"{table(HEADER, rows, left=len(HEADER))}<p>{escape(self.summary)}</p>{measures}"

    @staticmethod
    def cells(finding: Finding) -> list[Any]:
        """A finding as the cells of a table's row."""
        name = finding.name.replace("_", " ")
        return [finding.severity, name, finding.where, finding.message, finding.numbers, finding.remedy]
