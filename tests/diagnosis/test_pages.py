"""The pages of the findings say what the checks say."""

from benchmarks.findings import OTHERS, PAGE, text

from netgrad.registry import KINDS


def test_the_pages_are_those_of_the_checks():
    assert text() in PAGE.read_text(), "python -m benchmarks.findings writes them anew"


def test_every_other_tool_is_named_beside_a_finding():
    assert set(OTHERS) <= set(KINDS["finding"])
