"""The pages of the findings in docs/diagnosis.md, made from the checks themselves.

python -m benchmarks.findings  # writes what stands between the two marks anew

For each finding: what it means, a picture of a sick and of a healthy network, how it is measured, its thresholds, its
remedy, where texts and papers speak of it, and which published tools look for the same kind of fault.
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

from netgrad.diagnosis.finding import Check, checks

PAGE = Path(__file__).parents[1] / "docs" / "diagnosis.md"
PICTURES = "images/findings"  # beside the page, as `benchmarks.findings_pictures` draws them
BEGIN, END = "<!-- findings: made by python -m benchmarks.findings -->", "<!-- end of findings -->"
AUTO, LOCAL, DEEPFD, CHECKER, UMLAUT, LINT, LAB, DEEPCHECKS = (
    "AutoTrainer", "DeepLocalize", "DeepFD", "TheDeepChecker", "UMLAUT", "NeuraLint", "cleanlab", "deepchecks",
)  # fmt: skip

# Who else looks for this kind of fault, by what their papers and manuals list.
OTHERS: dict[str, tuple[str, ...]] = {
    "one_hot_regression": (DEEPFD, LINT),
    "regression_on_classes": (DEEPFD,),
    "no_nonlinearity": (DEEPFD, UMLAUT, LINT),
    "sorted_labels": (CHECKER,),
    "missing_class": (DEEPCHECKS,),
    "shifted_inputs": (UMLAUT, DEEPCHECKS),
    "sentinel_values": (DEEPCHECKS,),
    "targets_out_of_range": (LOCAL, CHECKER, UMLAUT, LINT),
    "inputs_not_normalised": (CHECKER, UMLAUT),
    "target_outliers": (CHECKER, DEEPCHECKS),
    "over_regularised": (CHECKER,),
    "not_finite": (LOCAL, CHECKER, UMLAUT),
    "labels_without_relation": (CHECKER,),
    "batch_too_small": (CHECKER,),
    "identical_units": (CHECKER, LINT),
    "initialisation_scale": (CHECKER, LINT),
    "lagging_statistics": (CHECKER,),
    "rate_too_high": (AUTO, DEEPFD, CHECKER, UMLAUT),
    "noise_drowns": (CHECKER, UMLAUT),
    "dead_units": (AUTO, CHECKER),
    "saturated_units": (CHECKER,),
    "first_loss": (CHECKER,),
    "class_weights_tip": (CHECKER,),
    "class_collapse": (CHECKER, DEEPCHECKS),
    "small_classes": (DEEPCHECKS,),
    "exploding_gradients": (AUTO, CHECKER),
    "vanishing_gradients": (AUTO, CHECKER),
    "still_layers": (CHECKER, LINT),
    "batch_too_large": (CHECKER,),
    "rate_too_low": (AUTO, DEEPFD, CHECKER, UMLAUT),
    "few_updates": (DEEPFD,),
    "wrong_labels": (LAB, DEEPCHECKS),
    "leaking_column": (DEEPCHECKS,),
    "copied_examples": (UMLAUT, LAB, DEEPCHECKS),
    "training_only_column": (DEEPCHECKS,),
    "overfitting": (UMLAUT, CHECKER, DEEPCHECKS),
    "useless_columns": (DEEPCHECKS,),
    "underfitting": (CHECKER,),
    "cut_off_layers": (LINT,),
}


def section(check: Check) -> str:
    """One finding's page, in Markdown."""
    meaning, *more = (
        " ".join(part.split()) for part in textwrap.dedent("    " + (type(check).__doc__ or "")).split("\n\n")
    )
    limits = ", ".join(f"{part.name} {getattr(check, part.name):g}" for part in fields(check)) or "none"
    others = ", ".join(OTHERS.get(check.registered_name, ())) or "none that is known"
    name = check.registered_name
    shown = f"![{name} in a network with the fault and in a healthy one]({PICTURES}/{name}.webp)"
    lines = [f"### `{name}`", meaning, shown, *more, f"Thresholds: {limits}.", f"Remedy: {check.remedy}."]
    lines += [f"Sources: {sources(check)}", f"Others that look for it: {others}."]
    return "\n\n".join(lines)


def sources(check: Check) -> str:
    """What the file that the check stands in names as its sources."""
    told = sys.modules[type(check).__module__].__doc__ or ""
    found = re.search(r"Sources?: (.*?)(?:\n\n|\Z)", told, re.DOTALL)
    return " ".join(found[1].split()) if found else "none."


def text() -> str:
    """All of them, in the order in which they are asked."""
    ours = [check for check in checks() if type(check).__module__.startswith("netgrad.")]
    return f"{BEGIN}\n\n" + "\n\n".join(section(check) for check in ours) + f"\n\n{END}"


def main() -> None:
    """Write them into the page."""
    page = PAGE.read_text()
    begin, end = page.index(BEGIN), page.index(END) + len(END)
    PAGE.write_text(page[:begin] + text() + page[end:])


if __name__ == "__main__":
    main()
