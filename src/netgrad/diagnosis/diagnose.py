"""The diagnosis of a model: every check asked, the findings sorted, worst and most causal first."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from netgrad.diagnosis.evidence import Evidence
from netgrad.diagnosis.examples import table_of, unseen
from netgrad.diagnosis.finding import SEVERITIES, Diagnosis, Finding, checks
from netgrad.diagnosis.measures import Measures
from netgrad.training.model import Model

ENDS = ("not_finite",)  # findings after which no other measure means anything


def diagnose(
    model: Model, x: Any, y: Any = None, *, lengths: Any = None, validation: Any = None, measure: bool = False
) -> Diagnosis:
    """Why does this network not train? All findings on these examples, best those that it was trained on.

    Args:
        model: as `netgrad.fit` returns it, with its history; or an untrained one.
        x, y, lengths: as for `Model.evaluate`. A few hundred examples are enough; at most 2,048 are used.
        validation: (x, y) or (x, y, lengths) that training did not see: for overfitting and labels without sense.
        measure: whether the diagnosis has ``measures`` besides, as `measure` gives them, at the cost of a few seconds.

    Raises what `Model.evaluate` raises for unusable data.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ng.Sequential([ng.Dense(8, activation="relu", bias_initializer=ng.Constant(-50.0)), ng.Dense(1)])
    >>> model = ng.fit(net, x, x.sum(1), epochs=5)
    >>> diagnose(model, x, x.sum(1)).findings[0].name
    'dead_units'
    """
    evidence = Evidence(model, model.batch(x, y, None, lengths), unseen(model, validation), table_of(x))
    return examine(evidence, measure)


def measure(model: Model, x: Any, y: Any = None, *, lengths: Any = None) -> Measures:
    """Ranks, noise, sharpness and a test of the wiring, on at most 256 of these examples; with fewer than 16 the noise
    of the gradient is not known (NaN).

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    >>> model = ng.fit(net, x, x.sum(1), optimizer="sgd", learning_rate=0.1, epochs=5)
    >>> found = ng.diagnosis.measure(model, x, x.sum(1))
    >>> bool(1 < found.layers["dense_1"].rank <= 8), found.limit, bool(found.by_heart < 0.1)
    (True, 20.0, True)
    """
    return Evidence(model, model.batch(x, y, None, lengths)).measures


def examine(evidence: Evidence, measure: bool = False) -> Diagnosis:
    """`diagnose` on evidence that is already gathered; asked again, what was found the first time."""
    if measure not in evidence.examined:
        evidence.examined[measure] = _examined(evidence, measure)
    return evidence.examined[measure]


def _examined(evidence: Evidence, measure: bool) -> Diagnosis:
    measures = evidence.measures if measure else None
    findings: list[Finding] = []
    for check in checks():
        findings.extend(check.look(evidence))
        if any(f.name in ENDS for f in findings):
            return Diagnosis(tuple(sorted(findings, key=severity)), float("nan"), float("nan"), measures, fails=True)
    if any(f.severity == "fault" and f.name != "underfitting" for f in findings):
        # Training that fails for a reason underfits, too: the reason is what helps. A layer too narrow is one itself.
        findings = [f for f in findings if f.name != "underfitting" or "narrowest" in f.measured]
    findings = one_a_layer(findings)
    findings.sort(key=severity)
    e = evidence
    return Diagnosis(tuple(findings), e.skill, e.possible, measures, e.held_skill, e.falls_short)


def severity(finding: Finding) -> int:
    """What findings are sorted by, the worst first; those of the same severity stay in the order of their ranks."""
    return -SEVERITIES.index(finding.severity)


def one_a_layer(findings: list[Finding]) -> list[Finding]:
    """Of the copies of a layer in a stack with the same fault the worst, which says how many others have it, too."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for i, finding in enumerate(findings):
        copy = re.search(r"layer (\S+)\[[\d, ]+\]", finding.where)
        alike.setdefault((finding.name, copy[1] if copy else f"[{i}]"), []).append(finding)

    def joined(some: list[Finding]) -> Finding:
        worst = max(some, key=lambda f: (SEVERITIES.index(f.severity), *f.measured.values()))
        others = len(some) - 1
        more = f"; so it is in {others} more of its copies"
        return worst if not others else replace(worst, message=worst.message + more)

    return [joined(some) for some in alike.values()]
