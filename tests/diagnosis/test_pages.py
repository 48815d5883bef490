"""The pages of the findings say what the checks say."""

import numpy as np
import pytest
from benchmarks.findings import OTHERS, PAGE, PICTURES, text
from benchmarks.findings_pictures import PANELS
from PIL import Image

from netgrad.registry import KINDS


def test_the_pages_are_those_of_the_checks():
    assert text() in PAGE.read_text(), "python -m benchmarks.findings writes them anew"


@pytest.mark.parametrize(
    "name", [name for name, cls in KINDS["finding"].items() if cls.__module__.startswith("netgrad.")]
)
def test_each_finding_has_a_picture_of_a_sick_and_a_healthy_network(name):
    assert name in PANELS
    path = PAGE.parent / PICTURES / f"{name}.webp"
    assert path.exists(), f"python -m benchmarks.findings_pictures --only {name} draws it"
    assert path.stat().st_size < 40_000
    with Image.open(path) as picture:
        reds, blues = (np.asarray(half.convert("RGB"), int) for half in halves(picture))
    assert (reds[..., 0] - reds[..., 2]).max() > 40  # the title at least is in the colour of its side
    assert (blues[..., 2] - blues[..., 0]).max() > 40


def halves(picture):
    """Its left and its right half."""
    width, height = picture.size
    return picture.crop((0, 0, width // 2, height)), picture.crop((width // 2, 0, width, height))


def test_every_other_tool_is_named_beside_a_finding():
    assert set(OTHERS) <= set(KINDS["finding"])
