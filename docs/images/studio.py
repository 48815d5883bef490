"""Makes the README's moving picture of the studio, from the real page in Chromium: part of `make pictures`."""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
COMMAND = "import sys; from netgrad.cli import main; sys.exit(main(sys.argv[1:]))"
FRAMES, EVERY = 28, 250  # milliseconds


def film() -> None:
    """Two spirals, learned by three layers, looked into as they learn."""
    with tempfile.TemporaryDirectory() as runs:
        asked = ["studio", "spiral", "--no-browser", "--port", "0", "--runs", runs]
        server = subprocess.Popen([sys.executable, "-c", COMMAND, *asked], stdout=subprocess.PIPE, text=True)
        try:
            address = server.stdout.readline().split()[2]
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
                page.goto(address)
                page.wait_for_selector(".drawing svg", timeout=60_000)
                page.get_by_role("tab", name="Build").click()
                for layer in (1, 2):
                    page.get_by_label(f"Units of layer {layer}").fill("10")
                    page.get_by_label(f"Units of layer {layer}").press("Tab")
                    page.wait_for_timeout(3000)
                page.get_by_role("button", name="Play").click()
                page.wait_for_timeout(4000)
                page.get_by_role("button", name="Reset").click()
                page.wait_for_timeout(500)
                page.get_by_label("Speed").select_option("0")
                shots = [page.screenshot()]
                page.get_by_label("Speed").select_option("100")
                page.get_by_role("button", name="Play").click()
                for i in range(FRAMES):
                    page.wait_for_timeout(EVERY)
                    if i == FRAMES // 3:
                        page.get_by_label("Speed").select_option("0")
                    shots.append(page.screenshot())
                chromium.close()
        finally:
            server.terminate()
            server.wait(20)
    pictures = [Image.open(io.BytesIO(shot)).convert("RGB").resize((960, 540), Image.LANCZOS) for shot in shots]
    pictures[0].save(
        HERE / "studio.webp", save_all=True, append_images=pictures[1:], duration=EVERY, loop=0, quality=55, method=6
    )


if __name__ == "__main__":
    film()
