"""The table and the figure of a benchmark's results."""

from __future__ import annotations

from typing import Any

from benchmarks.works import WORKS

OURS = ("netgrad", "netgrad, handle", "netgrad without kernels")


def others(measured: dict[str, Any]) -> dict[str, float]:
    """Seconds a step of every contender but netgrad that ran."""
    return {n: r["step"] for n, r in measured.items() if n not in OURS and "step" in r}


def render(results: dict[str, Any]) -> str:
    """Markdown: milliseconds a step by contender and their spread, the ratio to the best other, the aim, the limit.

    A step can be no shorter than its operations take at the rate of the machine's matrix product, nor, where arrays
    leave the caches, than its bytes take at that of its copies; the limit that a work meets is the longer of the two.
    """
    names = list(dict.fromkeys(name for measured in results["works"].values() for name in measured))
    head = ["work", *names, "best other / netgrad", "aim", "GFLOP", "MB", "limit", "share of it", "load"]
    lines = [
        f"{results['machine']}; matrix products {results['matrix_rate'] / 1e9:.0f} GFLOP/s, "
        f"copies {results['copy_bandwidth'] / 1e9:.0f} GB/s. Milliseconds a training step: the median of the rounds "
        "and half the distance between the shortest and the longest.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    problems = []
    for key, measured in results["works"].items():
        work, best, ours = WORKS[key], others(measured), measured.get("netgrad", {}).get("step")
        cells = [work.title]
        for name in names:
            result = measured.get(name)
            if result is None:
                cells.append("")
            elif "step" in result:
                half = (max(result["rounds"]) - min(result["rounds"])) / 2 / result["step"]
                cells.append(f"{1e3 * result['step']:.3g} ±{100 * half:.0f} %")
            else:
                cells.append("-")
                problems.append(f"{name} on {key}: {result['problem']}")
        ratio = min(best.values()) / ours if best and ours else None
        cells.append(f"**{ratio:.2f}**" if ratio else "-")
        cells.append(f"{work.ratio:g}" if work.ratio else "1")
        cells.append(f"{work.operations() / 1e9:.3g}")
        limits = {
            "operations": work.operations() / results["matrix_rate"],
            "memory": work.traffic() / results["copy_bandwidth"],
        }
        limit = max(limits, key=lambda name: limits[name])
        cells += [f"{work.traffic() / 1e6:.3g}", limit, f"{100 * limits[limit] / ours:.0f} %" if ours else "-"]
        before, after = results["states"][key]
        cells.append(f"{before['load']:.1f} to {after['load']:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {problem}" for problem in problems)] if problems else []
    lines += ["", "Import, first step (seconds) and peak memory (MiB):", "", "| work | " + " | ".join(names) + " |"]
    lines.append("|" + "---|" * (len(names) + 1))
    for key, measured in results["works"].items():
        cells = [WORKS[key].title]
        for name in names:
            r = measured.get(name, {})
            cells.append(f"{r['import']:.1f} + {r['first_step']:.1f}, {r['peak_memory']:.0f}" if "step" in r else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(results: dict[str, Any]) -> Any:
    """How many times the step of netgrad each contender's takes, by work, on a log axis."""
    from matplotlib.figure import Figure

    works = [key for key, measured in results["works"].items() if "step" in measured.get("netgrad", {})]
    figure = Figure(figsize=(8, 1 + 0.55 * max(1, len(works))), layout="constrained")
    axes = figure.subplots()
    markers = "osD^v<>"
    names = list(dict.fromkeys(n for key in works for n in results["works"][key] if n != "netgrad"))
    for i, name in enumerate(names):
        points = [
            (results["works"][key][name]["step"] / results["works"][key]["netgrad"]["step"], row)
            for row, key in enumerate(works)
            if "step" in results["works"][key].get(name, {})
        ]
        if points:
            axes.scatter(*zip(*points, strict=True), marker=markers[i % len(markers)], label=name, facecolors="none",
                         edgecolors="black" if i else "0.6")  # fmt: skip
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="time of a training step, netgrad = 1", yticks=range(len(works)))
    axes.set_yticklabels([WORKS[key].title for key in works], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", color="0.9")
    axes.legend(fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False)
    return figure
