"""The built page is that of its sources, and asks nobody but its own server."""

import hashlib
import re
from pathlib import Path

import pytest

import netgrad.studio

STATIC = Path(netgrad.studio.__file__).parent / "static"
WEB = Path(__file__).parents[2] / "studio-web"


def test_the_built_files_are_those_of_the_sources():
    if not WEB.is_dir():
        pytest.skip("the front end's sources are not here")
    names = ["index.html", "package.json", "vite.config.ts", *(f"src/{path.name}" for path in (WEB / "src").iterdir())]
    found = hashlib.sha256()
    for name in sorted(names):
        found.update(f"{name}\n".encode() + (WEB / name).read_bytes())
    assert (STATIC / "built-from.txt").read_text().strip() == found.hexdigest(), "run `make studio-web`"


def test_the_page_names_only_its_own_files():
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address == "data:," or (STATIC / address.removeprefix("/static/")).is_file(), address
    style = (STATIC / "index.css").read_text(encoding="utf-8")
    for address in re.findall(r"url\(([^)]+)\)", style):
        assert (STATIC / address.removeprefix("/static/")).is_file(), address
    assert not list(STATIC.glob("*.map"))
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 800_000
