"""What being watched costs a training at full speed, and how soon a step is seen: `python -m benchmarks.studio`.

Epochs a second of processor time of the process that trains, with frames as the studio sends them and without any, in
turn; small and large networks. Then, where playwright and Chromium are here, the time from a click on Step to the
page's next picture with the step in it, measured in the page.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from netgrad.studio.worker import Worker

SECONDS, ROUNDS = 4.0, 3
DESIGNS: dict[str, dict[str, Any]] = {
    "two spirals, 8-8, 162 parameters": {"data": "spiral", "layers": [{"kind": "dense", "units": 8}] * 2},
    "digits, 980-980, 1,034,890 parameters": {"data": "digits", "layers": [{"kind": "dense", "units": 980}] * 2},
}


def speed(worker: Worker, watched: bool) -> float:
    """Epochs a second of processor time over some seconds, frames made and written as JSON where it is watched."""
    trainer, begun, used = worker.at_work, time.perf_counter(), time.process_time()
    before = trainer.at
    while time.perf_counter() < begun + SECONDS:
        if watched:
            worker.turn()
        else:
            trainer.advance()
    return (trainer.at - before) / (time.process_time() - used)


STEPS = 30
CLICK = """() => new Promise((done) => {
  const begun = performance.now();
  const watch = new MutationObserver(() => {
    watch.disconnect();
    requestAnimationFrame(() => done(performance.now() - begun));
  });
  watch.observe(document.querySelector(".where"), { subtree: true, characterData: true, childList: true });
  [...document.querySelectorAll(".controls button")].find((b) => b.textContent === "Step").click();
})"""


def latency() -> None:
    """Print how soon a step is seen in a page."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("playwright is not installed: how soon a step is seen is not measured")
        return
    if (chromium := shutil.which("chromium")) is None:
        print("no Chromium is here: how soon a step is seen is not measured")
        return
    run = "import sys; from netgrad.cli import main; sys.exit(main(sys.argv[1:]))"
    with tempfile.TemporaryDirectory() as runs, sync_playwright() as playwright:
        asked = [sys.executable, "-c", run, "studio", "spiral", "--no-browser", "--port", "0", "--runs", runs]
        server = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = re.findall(r"http://\S+", server.stdout.readline())[0]
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(address)
            page.wait_for_selector(".drawing svg", timeout=60_000)
            took = sorted(page.evaluate(CLICK) for _ in range(STEPS + 2))[:-2]  # the first two compile
            browser.close()
        finally:
            server.terminate()
            server.wait(20)
    print(
        f"a step is seen after {statistics.median(took):.0f} ms (median of {STEPS}), "
        f"nine in ten within {took[int(0.9 * STEPS)]:.0f} ms"
    )


def main() -> None:
    """Print a line for each design."""
    frames = 0

    def send(message: dict[str, Any]) -> None:
        nonlocal frames
        json.dumps(message)
        frames += message["kind"] == "frame"

    for name, design in DESIGNS.items():
        worker = Worker({"gallery": True}, send)
        worker.obey({"do": "design", "design": design})
        worker.obey({"do": "speed", "speed": 0})
        worker.obey({"do": "play"})
        speed(worker, True)
        frames, shares, speeds = 0, [], []
        for _ in range(ROUNDS):
            alone, watched = speed(worker, False), speed(worker, True)
            speeds.append(watched)
            shares.append(1 - watched / alone)
        seen = frames / (ROUNDS * SECONDS)
        print(
            f"{name}: {statistics.median(speeds):,.1f} epochs a second of processor time watched, "
            f"{seen:.1f} frames a second, {statistics.median(shares):.1%} lost to being watched"
        )
    latency()


if __name__ == "__main__":
    main()
