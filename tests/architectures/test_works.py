"""The benchmark's networks: what PyTorch computes there from the same weights is what netgrad computes."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from benchmarks.contenders import with_netgrad
from benchmarks.works import WORKS

from netgrad.exchange import from_torch

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
from benchmarks.contenders import with_torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402


@pytest.mark.parametrize("name", ["translation", "resnet20", "inception"])
def test_both_contenders_compute_the_same(name, tmp_path):
    work = replace(WORKS[name], examples=3)
    data = work.data()
    module, theirs = with_torch.network(work, "")
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    model = from_torch(with_netgrad.untrained(work, data), tmp_path / "weights.safetensors")
    wanted = module.eval()(theirs["x"], None).detach().numpy()
    (found,) = model.outputs(with_netgrad.inputs(data)).values()
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5 * np.abs(wanted).max())
    # Two biases a gate, and one of the keys that softmax takes away, are PyTorch's alone.
    more = {"translation": 4 * (2 * 32 + 64 + 64) + 64, "resnet20": 0, "inception": 0}[name]
    assert sum(p.numel() for p in module.parameters()) == sum(map(np.size, jax.tree.leaves(model.params))) + more


def test_what_inception_modules_cost():
    """Szegedy et al., table 1: 128 and 304 million multiply-adds an image."""
    work = WORKS["inception"]
    adds = [part.multiply_adds for part in work._parts()]
    assert [round(sum(adds[i : i + 2]) / 1e6) for i in (0, 2)] == [128, 304]


def test_what_a_residual_network_costs():
    """He et al. say 41 million multiply-adds of an image; ours has weights on the way around two blocks."""
    work = WORKS["resnet20"]
    first = 32 * 32 * 9 * 3 * 16  # whose inputs need no gradient
    adds = (work.operations() / (2 * work.examples) + first) / 3
    assert 40e6 < adds < 42e6
