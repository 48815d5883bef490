"""The page in a real browser: `make test-studio`. Screenshots go to out/studio, to be looked at."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if not os.environ.get("NETGRAD_STUDIO"):
    pytest.skip("takes a browser and a minute or two: make test-studio", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium is here (Debian: chromium)", allow_module_level=True)

from netgrad.studio.lessons import LESSONS  # noqa: E402 - none of it is needed where the tests are skipped

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "out" / "studio"
AXE = ROOT / "studio-web" / "node_modules" / "axe-core" / "axe.min.js"
COMMAND = "import sys; from netgrad.cli import main; sys.exit(main(sys.argv[1:]))"


def started(runs, *more):
    """The command in a process, and the address that it prints."""
    asked = [sys.executable, "-c", COMMAND, "studio", "--no-browser", "--runs", str(runs), *more]
    process = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True)
    return process, re.search(r"http://\S+", process.stdout.readline())[0]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    process, url = started(tmp_path_factory.mktemp("runs"), "--port", "0")
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(20)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started_playwright:
        opened = started_playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address):
    yield from opened(browser, address)


def opened(browser, address, **more):
    """A page whose errors, and whose requests to anybody else, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, **more)
    page = context.new_page()
    faults, strangers = [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda r: None if r.url.startswith((address[:20], "data:")) else strangers.append(r.url))
    page.goto(address)
    page.wait_for_selector(".drawing svg", timeout=60_000)
    yield page
    context.close()
    assert faults == []
    assert strangers == []


def epoch(page):
    return int(page.locator(".where b").inner_text().replace(",", ""))


def until(what, seconds=60):
    end = time.time() + seconds
    while not what():
        assert time.time() < end, "it never came"
        time.sleep(0.05)


def load(page, name, at=0):
    """A lesson's step, loaded."""
    page.get_by_role("tab", name="Lessons").click()
    page.locator(".lesson select").select_option(name)
    for _ in range(at):
        page.get_by_role("button", name="Next").click()
    button = page.get_by_role("button", name="Load this network")
    if button.count():
        button.click()


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson["name"])
def test_every_step_of_every_lesson(page, lesson):
    for i in range(len(lesson["steps"])):
        load(page, lesson["name"], i)
        until(lambda: re.fullmatch(r"-?[\d.e-]+", page.locator(".here").inner_text()))
        page.get_by_role("button", name="Epoch").click()
        until(lambda: epoch(page) >= 1)
        shot(page, f"lesson-{lesson['name']}-{i + 1}")
        if i + 1 == len(lesson["steps"]):
            assert page.get_by_role("button", name="Next").is_disabled()
        page.get_by_role("button", name="Reset").click()
        until(lambda: epoch(page) == 0)


def test_training_to_its_end_with_bounded_memory(page, address, browser):
    load(page, "xor", 2)
    page.get_by_label("Speed").select_option("0")
    page.get_by_role("button", name="Play").click()
    until(lambda: epoch(page) > 500)
    page.reload()  # the run goes on
    page.wait_for_selector(".drawing svg")
    assert epoch(page) > 500
    before = page.evaluate("performance.memory.usedJSHeapSize")
    for other in opened(browser, address):  # a second page sees the same run
        assert epoch(other) > 500
    time.sleep(5)
    assert page.evaluate("performance.memory.usedJSHeapSize") < 3 * before + 2e7
    page.get_by_role("button", name="Pause").click()
    until(lambda: page.get_by_role("button", name="Play").count() == 1)
    stood = epoch(page)
    time.sleep(0.5)
    assert epoch(page) == stood
    page.get_by_label("Speed").select_option("100")
    shot(page, "trained")


def test_code_is_drawn_and_changed(page):
    load(page, "xor", 2)
    page.get_by_role("tab", name="Build").click()
    page.locator(".pasted summary").click()
    written = page.get_by_label("Python code of a network")
    written.fill("net = ng.Sequential([open('secret')])")
    page.get_by_role("button", name="Draw it").click()
    page.get_by_text("line 1: open is not known here").wait_for()
    written.fill("x = ng.Input()\nh = ng.Dense(3)(x)\nnet = ng.Network(x, ng.Dense(2)(ng.Add()(h, ng.Dense(3)(h))))")
    page.get_by_role("button", name="Draw it").click()
    until(lambda: page.locator(".layers li").count() == 4)
    page.get_by_text("from dense_1, dense_2").wait_for()
    assert page.get_by_label("Remove layer 3").is_disabled()
    page.get_by_label("Remove layer 2").click()
    page.get_by_text("from dense_1, dense_1").wait_for()
    page.get_by_label("Layer 2 as Python").fill("ng.Multiply()")
    page.get_by_label("Layer 2 as Python").press("Tab")
    page.locator(".drawing .inside", has_text="Multiply").wait_for()
    page.get_by_role("button", name="Step").click()
    page.get_by_text("batch 1/").wait_for()
    page.get_by_label("Add a layer").select_option("python")
    until(lambda: page.locator(".layers li").count() == 4)
    shot(page, "graph")
    page.locator(".build .row select").first.select_option("autoencoder")
    until(lambda: "2" in page.locator(".said").inner_text())  # two answers are no picture given back: refused


def test_layers_are_built_and_an_impossible_one_is_said(page):
    load(page, "convolution")
    page.get_by_role("heading", name="Handwritten digits").wait_for()
    page.get_by_role("tab", name="Build").click()
    page.locator(".build .row select").first.select_option("moons")
    until(
        lambda: "conv" in page.locator(".said").inner_text()
    )  # pictures are what a convolution takes: the old one stays
    load(page, "xor")
    page.get_by_role("heading", name="XOR").wait_for()
    page.get_by_role("tab", name="Build").click()
    page.get_by_label("Add a layer").select_option("dense")
    until(lambda: page.locator(".layers li").count() == 1)
    page.get_by_label("One unit more in layer 1").click()
    until(lambda: page.get_by_label("Units of layer 1").input_value() == "9")
    page.get_by_label("Activation of layer 1").select_option("tanh")
    page.get_by_role("tab", name="Code").click()
    until(lambda: "ng.Dense(9, activation='tanh')" in page.locator(".code pre").first.inner_text())
    shot(page, "code")
    page.get_by_label("Remove layer 1").click()
    until(lambda: page.locator(".layers li").count() == 0)


def test_looking_inside_by_keyboard(page):
    load(page, "xor", 2)
    page.get_by_role("tab", name="Look inside").click()
    unit = page.get_by_role("button", name="dense_1, Dense, 6, unit 3")
    unit.focus()
    unit.press("Enter")
    until(lambda: 'trace["dense_1"].delta[0, 3]' in page.locator(".look code").inner_text())
    assert page.locator(".equation .katex").count() == 5
    page.get_by_role("tab", name="Layers").click()
    assert page.locator(".sizes tbody tr").count() == 2


def test_a_finding_its_remedy_and_the_runs(page):
    load(page, "dying-relu")
    for i in range(3):
        page.get_by_role("button", name="Epoch").click()
        until(lambda i=i: epoch(page) == i + 1)
    page.get_by_role("tab", name=re.compile("Diagnosis")).click()
    page.get_by_role("button", name="Diagnose now").click()
    page.get_by_role("button", name="Try the remedy").first.wait_for(timeout=120_000)
    assert page.locator(".drawing .name.lit").text_content() == "dense_1"
    shot(page, "finding")
    page.get_by_role("button", name="Try the remedy").first.click()
    page.get_by_text("Trying:").wait_for(timeout=60_000)
    page.get_by_role("button", name="Drop it").click()
    page.get_by_text("Trying:").wait_for(state="detached")
    page.get_by_role("button", name="Try the remedy").first.click()
    page.get_by_role("button", name="Play").click()
    time.sleep(4)
    shot(page, "remedy")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_text("Kept:").wait_for()
    page.get_by_role("tab", name="Runs").click()
    page.get_by_role("button", name="Save this run").click()
    with page.expect_download() as fetched:
        page.get_by_role("button", name=re.compile("for TensorBoard")).click()
    assert "tfevents" in fetched.value.suggested_filename
    page.get_by_label(re.compile("Compare")).check()
    page.locator(".runs .curves canvas").wait_for()
    shot(page, "runs")
    page.get_by_label(re.compile("^Open ")).click()
    page.get_by_text("batch 0/").wait_for()
    page.get_by_label(re.compile("Delete")).click()
    page.get_by_text("No run is saved yet.").wait_for()


def test_a_server_that_comes_back_and_another_in_its_place(browser, tmp_path):
    process, url = started(tmp_path, "--port", "0")
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".drawing svg", timeout=60_000)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    page.get_by_text("The connection to netgrad is closed").wait_for()
    port = re.search(r":(\d+)/", url)[1]
    process, other = started(tmp_path, "--port", port)
    try:
        page.get_by_text("this page has not its token: open the address that it printed").wait_for(timeout=30_000)
        shot(page, "other-server")
        page.goto(other)
        page.get_by_role("button", name="Step").click()
        page.get_by_text("batch 1/").wait_for()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    context.close()


def test_a_training_process_that_is_killed_begins_again(browser, tmp_path):
    process, url = started(tmp_path, "--port", "0")
    try:
        for page in opened(browser, url):
            page.get_by_role("button", name="Step").click()
            page.get_by_text("batch 1/").wait_for()
            (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(worker), signal.SIGKILL)
            page.get_by_text("the process that trains has ended: it begins again").wait_for()
            page.get_by_text("batch 0/").wait_for(timeout=60_000)
            page.get_by_role("button", name="Step").click()
            page.get_by_text("batch 1/").wait_for()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


LIVE = """
import numpy as np, netgrad as ng
x = np.random.default_rng(0).normal(size=(200, 6, 4)).astype("float32")
net = ng.Sequential([ng.Positions(), ng.Attention(heads=2), ng.Dense(2)])
studio = ng.Studio(browser=False, port=0, paused=True, folder={folder!r})
ng.fit(net, x, (x[..., 0] > 0).astype(int), epochs=40, validation=0.2, callbacks=[studio])
studio.wait()
"""


def test_a_training_of_ones_own_is_seen_held_and_looked_into(browser, tmp_path):
    asked = [sys.executable, "-c", LIVE.format(folder=str(tmp_path))]
    process = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        for page in opened(browser, url):
            until(lambda page=page: epoch(page) == 1)
            assert page.get_by_role("button", name="Reset").count() == 0
            page.get_by_role("button", name="Epoch").click()
            until(lambda page=page: epoch(page) == 2)
            page.get_by_role("button", name=re.compile("attention_1")).click()
            until(lambda page=page: page.locator(".attends").count() == 2)
            shot(page, "live-attention")
            page.get_by_role("button", name="Play").click()
            page.get_by_text("the training has ended after epoch 40").wait_for(timeout=60_000)
            page.get_by_role("button", name="dense_1, Dense").first.click()
            until(lambda page=page: "dense_1" in page.locator(".look code").inner_text())
    finally:
        process.kill()
        process.wait(20)


@pytest.mark.parametrize("what", ["folder", "text", "sequences", "model"])
def test_data_of_ones_own(browser, tmp_path, what):
    import numpy as np
    from PIL import Image

    if what == "folder":
        for name, grey in (("day", 200), ("night", 20)):
            (tmp_path / "data" / name).mkdir(parents=True)
            for i in range(10):
                Image.new("RGB", (12, 9), (grey, i, 3 * i)).save(tmp_path / "data" / name / f"{i}.png")
        given = [tmp_path / "data"]
    elif what == "text":
        given = [tmp_path / "t.txt"]
        given[0].write_text("to be or not to be, that is the question\n" * 60)
    elif what == "sequences":
        given = [tmp_path / "s.csv", "--target", "each", "--id", "id", "--time", "t"]
        rows = [f"{i},{t},{(i * t) % 5},{'xy'[t % 2]}" for i in range(40) for t in range(5 + i % 3)]
        given[0].write_text("\n".join(["id,t,v,each", *rows]))
    else:
        import netgrad as ng

        given = [tmp_path / "m.safetensors"]
        net = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(3)])
        ng.fit(net, np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3, epochs=1).save(given[0])
    process, url = started(tmp_path, *map(str, given), "--port", "0")
    try:
        for page in opened(browser, url):
            page.get_by_role("button", name="Epoch").click()
            until(lambda page=page: epoch(page) == 1)
            shot(page, f"own-{what}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_how_many_frames_a_page_draws_while_it_trains(page):
    for data, layers in (("spiral", 2), ("digits", 1), ("reber", 1)):
        load(page, {"spiral": "xor", "digits": "convolution", "reber": "reber"}[data], layers)
        page.get_by_label("Speed").select_option("0")
        page.get_by_role("button", name="Play").click()
        until(lambda: epoch(page) > 1)
        seen = page.evaluate(
            """() => new Promise((done) => {
              let drawn = 0, changed = 0, begun = performance.now();
              const watch = new MutationObserver(() => changed++);
              watch.observe(document.querySelector(".where"), { subtree: true, characterData: true, childList: true });
              const tick = (now) => {
                drawn++;
                if (now - begun < 4000) requestAnimationFrame(tick);
                else { watch.disconnect(); done([1000 * drawn / (now - begun), 1000 * changed / (now - begun)]); }
              };
              requestAnimationFrame(tick);
            })"""
        )
        print(f"{data}: the browser draws {seen[0]:.0f} frames a second, {seen[1]:.1f} changes of epoch or batch")
        assert seen[1] > 0
        page.get_by_role("button", name="Pause").click()
        until(lambda: page.get_by_role("button", name="Play").count() == 1)
    page.get_by_label("Speed").select_option("100")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_stands_in_anybodys_way(browser, address, theme):
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in studio-web/")
    for page in opened(browser, address, color_scheme=theme, bypass_csp=True):
        load(page, "xor", 2)
        page.add_script_tag(path=AXE)
        for tab in ("Look inside", "Layers", "Diagnosis", "Runs", "Code"):
            page.get_by_role("tab", name=re.compile(tab)).click()
            found = page.evaluate("axe.run()")
            serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
            assert not serious, [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in serious]


def test_from_a_tablet_to_4k(browser, address):
    for page in opened(browser, address):
        load(page, "convolution")
        for width, height in ((820, 1180), (1280, 720), (3840, 2160)):
            page.set_viewport_size({"width": width, "height": height})
            time.sleep(0.5)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shot(page, f"{width}x{height}")
