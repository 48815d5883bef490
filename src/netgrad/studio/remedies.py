"""What is wrong with a training, and the same training with a remedy: the diagnosis as the page gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from netgrad.network import Network
from netgrad.studio.examples import Examples
from netgrad.studio.plain import number
from netgrad.studio.trainer import KNOWN, Trainer


def examined(model: Any, data: Examples, remedied: Callable[[str, Any], Any]) -> tuple[Any, dict[str, Any]]:
    """The evidence, and what was found as a message. remedied: the recipe with a finding's remedy, None for none."""
    from netgrad.diagnosis.diagnose import examine
    from netgrad.diagnosis.evidence import Evidence
    from netgrad.diagnosis.examples import unseen

    own = model.batch(data.x, data.y, None, data.lengths)
    evidence = Evidence(model, own, unseen(model, data.held), None)
    found = examine(evidence)
    repairs = {f.name for f in found if remedied(f.name, evidence) is not None}
    told = [
        asdict(f) | {"measured": {k: number(v) for k, v in f.measured.items()}, "tries": f.name in repairs}
        for f in found
    ]
    return evidence, {"kind": "diagnosis", "findings": told, "summary": found.summary, "epoch": len(model.history)}


def remedied(finding: str, evidence: Any, trainer: Trainer) -> Any:
    """The recipe of a training with this finding's remedy; None where there is none that can be tried here."""
    from netgrad.diagnosis.finding import checks
    from netgrad.diagnosis.recipe import Recipe

    check = next(check for check in checks() if check.registered_name == finding)
    recipe = Recipe(trainer.network, trainer.settings)
    changed = check.repair(recipe, evidence)
    if changed is None or changed is recipe or not isinstance(changed.network, Network):
        return None
    same = {n: v for n, v in changed.settings.items() if n != "epochs"} == trainer.settings
    if set(changed.settings) - set(KNOWN) or (same and changed.network == trainer.network):
        return None
    return changed
