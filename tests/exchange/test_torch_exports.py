"""ONNX files that PyTorch wrote: kept ones everywhere, and written anew where PyTorch is installed."""

import importlib.util
import json

import numpy as np
import pytest

import netgrad as ng
from netgrad.exchange import from_onnx

from .torch_exports import BEGIN, DATA, END, KEPT, NUMBERS, PAGE, RECURRENT, TAKEN, networks, read, short

UNROLLED = "operator MatMul .*a constant times weights, .*dynamo=False.* keeps the recurrence"


def installed(*libraries):
    return all(importlib.util.find_spec(name) is not None for name in libraries)


with_torch = pytest.mark.skipif(
    not installed("torch"), reason="torch is not installed (pip install torch): kept files are read instead"
)
with_newer = pytest.mark.skipif(
    not installed("torch", "onnxscript"),
    reason="torch and onnxscript are not installed (pip install torch onnxscript): kept files are read instead",
)


@pytest.fixture(scope="module")
def numbers():
    return json.loads(NUMBERS.read_text())


@pytest.mark.parametrize("name", KEPT)
def test_kept_files_give_what_pytorch_and_onnxruntime_give(name, numbers):
    import onnxruntime

    path = DATA / f"{name}.onnx"
    x, y = (np.array(numbers[name][key]) for key in "xy")
    which, _ = KEPT[name]
    if name == "rnn_1_new":
        with pytest.raises(ng.FileError, match=UNROLLED):
            from_onnx(path)
        return
    model = from_onnx(path)
    given = model.predict_proba(x)
    np.testing.assert_allclose(given, y, rtol=1e-5, atol=1e-6)
    time_first = isinstance(which, tuple) and not which[3]
    session = onnxruntime.InferenceSession(path)
    ready = x.swapaxes(0, 1) if time_first else x
    ready = ready.astype(np.int64 if "words" in name else np.float32)
    (wanted,) = session.run(None, {"x": ready})
    wanted = np.moveaxis(wanted, model.card.get("examples_axis", {}).get("y", 0), 0)
    np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=5e-7)
    shorter = model.predict_proba(x[:2])  # the number of examples is free
    np.testing.assert_allclose(shorter, y[:2], rtol=1e-5, atol=1e-6)


def test_kept_files_say_nothing_of_the_machine_that_wrote_them():
    assert {path.stem for path in DATA.glob("*.onnx")} == set(KEPT)
    for path in DATA.glob("*.onnx"):
        assert b"site-packages" not in path.read_bytes()
        assert path.stat().st_size < 20_000


def test_every_form_is_among_the_exports():
    """Kinds, numbers of layers, directions, order of axes and what goes on, each with each kind."""
    for at, values in ((1, {1, 2}), (2, {False, True}), (3, {False, True}), (4, set(TAKEN))):
        assert {(which[0], which[at]) for which in RECURRENT} == {
            (k, v) for k in ("LSTM", "GRU", "RNN") for v in values
        }


@with_torch
@pytest.mark.parametrize("which", RECURRENT, ids=lambda which: "-".join(map(str, which)).replace(" ", "_"))
def test_recurrent_networks(which, tmp_path):
    import torch

    assert read(torch, which, False, tmp_path) == "read"


@with_newer
@pytest.mark.parametrize("which", [RECURRENT[6], RECURRENT[11], RECURRENT[16]], ids=lambda which: which[0])
def test_recurrent_networks_of_the_newer_exporter(which, tmp_path):
    import re

    import torch

    outcome = read(torch, which, True, tmp_path)
    assert outcome == "read" if which[0] != "RNN" else re.match(UNROLLED, outcome)


@with_torch
def test_networks_of_many_kinds_are_read_or_refused_as_the_documentation_says(tmp_path):
    import torch

    lines = PAGE.read_text().split(BEGIN)[1].split(END)[0].splitlines()[5:]
    said = {name.strip(): old.strip() for _, name, old, _, _ in (line.split("|") for line in lines)}
    assert said.keys() == networks(torch).keys()
    assert {name: short(read(torch, name, False, tmp_path)) for name in said} == said


@with_newer
def test_weights_in_another_file_as_the_newer_exporter_writes_them(tmp_path):
    import torch

    path = tmp_path / "model.onnx"
    torch.onnx.export(torch.nn.Linear(40, 40), (torch.zeros(2, 40),), path, dynamo=True, verbose=False)
    assert (tmp_path / "model.onnx.data").exists()
    with pytest.raises(ng.FileError, match=r"are kept in another file, .* external_data=False\)"):
        from_onnx(path)
