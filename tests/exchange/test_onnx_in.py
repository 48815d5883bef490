"""ONNX import: our own files read back, and files that are not as they should be."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.exchange import from_onnx, to_onnx

from ..layers.cases import CASES
from .networks import model_of

# Cases that are written with operators for which there is no layer the other way round.
ONE_WAY = {
    "state_space": "Scan",
    "rnn": "Scan",  # with an activation that ONNX's own RNN does not have
    "norm_pool": "Abs",  # with a p that is not whole
}


def is_one_way(case):
    f = getattr(case.layer, "activation", None)
    p = getattr(case.layer, "p", 2)
    name = case.layer.registered_name
    return name == "state_space" or p != int(p) or (name == "rnn" and isinstance(f, ng.PReLU | ng.Softmax))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_round_trip(case, tmp_path):
    model, inputs, _ = model_of(case)
    path = to_onnx(model, tmp_path / "model.onnx")
    if is_one_way(case):
        with pytest.raises(ng.FileError, match=f"operator {ONE_WAY[case.layer.registered_name]} .* has no layer here"):
            from_onnx(path)
        return
    again = from_onnx(path)
    assert again.shapes == model.shapes
    np.testing.assert_allclose(again.predict_proba(inputs), model.outputs(inputs)["tested"], rtol=2e-5, atol=2e-6)
    ng.load(again.save(tmp_path / "model.safetensors"))
