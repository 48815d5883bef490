"""Model files that earlier versions wrote load, and predict what they predicted.

written/ was made by the code of commit 2820f2d, and is not to be made again: `predictions.json` holds inputs, and what
that code said of them.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

WRITTEN = Path(__file__).parent / "written"
KEPT = json.loads((WRITTEN / "predictions.json").read_text())


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_file_of_an_earlier_version(name, tmp_path):
    model, kept = ng.load(WRITTEN / f"{name}.safetensors"), KEPT[name]
    x = pd.DataFrame(**kept["x"]) if name == "table" else np.asarray(kept["x"], np.float32)
    np.testing.assert_allclose(model.predict_proba(x), kept["outputs"], rtol=1e-5, atol=1e-6)
    if "labels" in kept:
        assert model.predict(x).tolist() == kept["labels"]
    again = ng.load(model.save(tmp_path / "again.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    assert again.network == model.network
