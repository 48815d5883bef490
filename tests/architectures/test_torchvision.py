"""torchvision's own networks with random weights: read into ours they say the same. Skipped without torchvision."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.exchange import from_torch

pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
try:
    from torchvision import models
except (ImportError, RuntimeError) as error:  # the latter where it was built for another torch
    pytest.skip(f"torchvision is not installed for this torch ({error})", allow_module_level=True)

import torch
from safetensors.torch import save_file

from .test_torch_weights import seeded

# Our settings and theirs, and pixels: those that end in dense layers over all places have one size.
CASES = {
    "alexnet": ({"one_tower": True}, {}, 224),
    "vgg16": ({}, {}, 224),
    "vgg19": ({}, {}, 224),
    "googlenet": ({"batch_norm": True}, {"aux_logits": False, "init_weights": False}, 96),
    "resnet18": ({}, {}, 96),
    "resnet34": ({}, {}, 96),
    "resnet50": ({}, {}, 96),
    "resnet101": ({}, {}, 96),
    "resnet152": ({}, {}, 96),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_weights_say_the_same(name, tmp_path):
    settings, theirs, pixels = CASES[name]
    torch.manual_seed(0)
    module = seeded(getattr(models, name)(weights=None, num_classes=10, **theirs))
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    x = np.random.default_rng(0).normal(size=(2, pixels, pixels, 3)).astype(np.float32)
    net = getattr(ng.architectures, name)(10, **settings)
    model = from_torch(ng.untrained(net, x, [0, 1]), tmp_path / "weights.safetensors")
    with torch.inference_mode():
        wanted = module(torch.from_numpy(x).movedim(-1, 1).contiguous()).numpy()
    (found,) = model.outputs(x).values()
    assert np.isfinite(wanted).all()
    assert wanted.std() > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
