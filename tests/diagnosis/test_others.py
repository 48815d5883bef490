"""The second bench: its cases are what they say they are, and its table counts right."""

from benchmarks.others import cases, judged, table

from netgrad.registry import KINDS

CASES = list(cases())


def test_enough_healthy_networks_and_enough_sick_ones_of_forty_kinds():
    sick = [case for case in CASES if case.expected]
    assert len({case.kind for case in sick}) >= 40
    assert len(sick) >= 150
    assert len(CASES) - len(sick) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.source for case in sick)


def test_faults_are_named_as_findings_are():
    named = {name for case in CASES for name in case.expected}
    assert named <= {*KINDS["finding"], "refused"}


def test_what_fit_refuses_counts_as_found():
    refused = {case.kind for case in CASES if case.expected == ("refused",)}
    assert len(refused) == 6
    for kind in refused:
        row = judged(next(case for case in CASES if case.kind == kind))
        assert row["found"] == ["refused"], row


def test_the_table_counts():
    def row(expected, found, **more):
        usual = {"kind": "a", "source": "b", "name": "a (c)", "changes": [], "before": 0.1, "after": 0.1}
        return {"expected": expected, "found": found, "possible": 0.9, **usual, **more}

    rows = [
        row(["dead_units"], ["dead_units"], changes=["leaky_relu"], after=0.8, properly=0.81),
        row(["dead_units"], ["overfitting", "dead_units"], changes=["leaky_relu"], after=0.0, properly=0.8),
        row(["dead_units"], []),
        row([], [], before=0.8),
        row([], ["overfitting"], name="odd (c)"),
    ]
    found = table(rows)
    assert "| a | b | AutoTrainer, TheDeepChecker | 2 / 3 | 1 / 3 | 0.10 | 0.30 |" in found
    assert "Healthy networks alarmed: 1 of 2; odd (c): overfitting" in found
    assert "below 85% of a reference on validation examples: 1; odd (c)" in found
    assert "without the fault: 1 of 2; that made the network worse: 1 of 2" in found
