"""The report of forecasts: beside the truth, by steps ahead, and beside what plain rivals say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netgrad.data.series import Windows
from netgrad.report import figures, time_figures
from netgrad.report.section import Section, number
from netgrad.training.baselines import NETWORK
from netgrad.training.forecaster import Forecaster, Plan, others, outputs

MOST = 2000  # windows of which the best, the middle and the worst are chosen
PAST = 2  # horizons of the past in a figure


def examples(forecaster: Forecaster, found: Windows, most: int) -> tuple[Any, Any]:
    """Some of these windows as the network takes them, and what it should say of them; evenly over them all."""
    at = np.linspace(0, len(found) - 1, min(most, len(found))).astype(int)
    return found.x[at], outputs(forecaster.plan, found, filled=True)[at].astype(np.float32)


def sections(forecaster: Forecaster) -> Iterator[Section]:
    """What the windows kept for testing show; nothing where there are none."""
    found, series, plan = forecaster.held, forecaster.series, forecaster.plan
    if found is None or series is None:
        return
    middle, low, high = forecaster.bands(found)
    truth = np.exp(found.y) if plan.log else found.y
    error = np.sqrt(np.nanmean((middle - truth) ** 2, axis=1)) if len(found) else np.zeros(0)
    whole = np.flatnonzero(np.isfinite(truth).all(1))
    if len(whole):
        order = whole[np.argsort(error[whole], kind="stable")]
        order = order[np.linspace(0, len(order) - 1, min(MOST, len(order))).astype(int)]
        chosen = {"best": order[0], "middle": order[len(order) // 2], "worst": order[-1]}
        panels = []
        for what, i in dict(chosen if len(order) >= 3 else {"": order[0]}).items():
            at = int(found.ends[i])
            first = max(int(series.begin[series.code[at]]), at - max(PAST * plan.horizon, 20) + 1)
            name = series.names[series.code[at]]
            when = "" if series.time is None else f", from {series.steps.written(int(series.step[at]) + 1)} on"
            title = f"{what + ': ' if what else ''}{name}{when}, error {number(error[i])}"
            panels.append((title, series.filled[first : at + 1], truth[i], middle[i], low[i], high[i]))
        yield Section(
            "Forecasts beside the truth",
            f"{plan.target} before and after the moment of the forecast (step 0), and the band that is to hold "
            f"{plan.coverage:.0%} of the values at each step.",
            figures.svg(time_figures.forecasts(panels), "; ".join(panel[0] for panel in panels), "forecasts"),
        )
    own: dict[str, np.ndarray] = {"netgrad": middle} | others(forecaster, found)
    by_step = {name: np.sqrt(_mean((said - truth) ** 2)) for name, said in own.items()}
    known = np.isfinite(truth)
    inside = _mean(np.where(known, (low <= truth) & (truth <= high), np.nan))
    total = {name: float(np.sqrt(np.nanmean((said - truth) ** 2))) for name, said in own.items()}
    rows = [[name.replace("_", " "), number(total[name]), number(by_step[name][0]), number(by_step[name][-1])]
            for name in sorted(own, key=lambda name: total[name])]  # fmt: skip
    text = f"Root mean squared error of {plan.target} over {len(found):,} forecasts. Persistence says the last value"
    text += ", seasonal naive that of the same step of the season before" if plan.season > 1 else ""
    text += f", ridge a linear map of the last {plan.window} values" if "ridge" in own else ""
    text += f". The bands hold {np.nanmean(inside):.0%} of the values."
    text += made_of(plan)
    yield Section(
        "Error by steps ahead",
        text,
        figures.svg(
            time_figures.ahead(by_step, inside, plan.coverage),
            "Error by steps ahead: " + ", ".join(f"{row[0]} {row[1]}" for row in rows),
            "ahead",
        ),
        header=["", "all steps", "first", "last"],
        rows=rows,
    )


def made_of(plan: Plan) -> str:
    """What the forecast is made of, in words; nothing where the plan does not say.

    >>> made_of(Plan("y", 1, 4, parts={"persistence": 0.3, "ridge": 0.7, "network": 0.0}))
    ' The forecast is plain: ridge 70 %, persistence 30 %; the network did not help on the part held out.'
    """
    if not plan.parts:
        return ""
    counts = sorted(((part, name) for name, part in plan.parts.items() if name != NETWORK), reverse=True)
    plain = ", ".join(f"{name} {100 * part:.0f} %" for part, name in counts if part >= 0.005)
    if not (network := plan.parts.get(NETWORK, 0.0)):
        return f" The forecast is plain: {plain}; the network did not help on the part held out."
    return f" The forecast is {plain}, and {100 * network:.0f} % of what the network corrects of it."


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean of each column of what is known, NaN where nothing is."""
    known = np.isfinite(values)
    return np.where(known, values, 0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)
