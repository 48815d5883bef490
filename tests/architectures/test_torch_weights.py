"""Weights of torchvision's files: random ones, under its names, and the same outputs and gradients as PyTorch's."""

import functools

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.architectures.googlenet import MODULES
from netgrad.architectures.resnet import resnet
from netgrad.architectures.vgg import vgg
from netgrad.architectures.widths import widths
from netgrad.exchange import from_torch, to_torch
from netgrad.network import backward, forward

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")
from safetensors.torch import load_file, save_file  # noqa: E402

from . import torch_modules as modules  # noqa: E402

SIZE, CLASSES = 1 / 16, 3
WIDE = widths(SIZE, CLASSES)
CASES = {
    "alexnet": (
        lambda: ng.architectures.alexnet(CLASSES, size=SIZE, one_tower=True),
        lambda: modules.alexnet(WIDE, CLASSES), (95, 95, 3),
    ),
    "vgg": (
        lambda: vgg((1, 1, 2, 2, 2), CLASSES, SIZE), lambda: modules.vgg(WIDE, CLASSES, (1, 1, 2, 2, 2)),
        (32, 64, 3),
    ),
    "googlenet": (
        lambda: ng.architectures.googlenet(CLASSES, size=SIZE, batch_norm=True),
        lambda: modules.googlenet(WIDE, CLASSES, MODULES), (64, 64, 3),
    ),
    "residual": (
        lambda: resnet((2, 3, 1, 2), CLASSES, SIZE, deep=False),
        lambda: modules.resnet(WIDE, CLASSES, (2, 3, 1, 2), False), (64, 64, 3),
    ),
    "bottlenecks": (
        lambda: resnet((1, 3, 12, 2), CLASSES, SIZE, deep=True),
        lambda: modules.resnet(WIDE, CLASSES, (1, 3, 12, 2), True), (64, 64, 3),
    ),
}  # fmt: skip


def seeded(module):
    """Weights and running statistics as if it had been trained, none of them equal to another's."""
    rng = torch.Generator().manual_seed(0)
    for name, value in module.state_dict().items():
        if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
            value.copy_(torch.rand(value.shape, generator=rng) + 0.5)
        elif value.ndim == 1:
            value.copy_(0.2 * torch.randn(value.shape, generator=rng))
    return module.eval()


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_pytorchs(name, tmp_path):
    make, make_module, shape = CASES[name]
    torch.manual_seed(0)
    module = seeded(make_module())
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    rng = np.random.default_rng(0)
    x, d_out = (rng.normal(size=size).astype(np.float32) for size in ((4, *shape), (4, CLASSES)))
    model = from_torch(ng.untrained(make(), x, rng.integers(0, CLASSES, 4)), tmp_path / "weights.safetensors")
    net = model.network

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # for few numbers
    def both(params, state, x, d_out):
        run = forward(net, params, state, {"x": x})
        back = backward(net, params, run.saved, {net.output_names[0]: d_out}, bottom=False)
        return run.outputs[net.output_names[0]], back.inputs["x"], back.params

    a, d_x, d_params = both(model.params, model.state, x, d_out)
    theirs = torch.from_numpy(x).movedim(-1, 1).contiguous().requires_grad_()
    made = module(theirs)
    (made * torch.from_numpy(d_out)).sum().backward()
    wanted, d_theirs = made.detach().numpy(), theirs.grad.movedim(1, -1).numpy()
    np.testing.assert_allclose(a, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(d_x, d_theirs, rtol=1e-2, atol=1e-4 * np.abs(d_theirs).max())
    # Their gradients as a file of weights go to the places where ours are.
    slopes = {k: v.grad for k, v in module.named_parameters()}
    save_file(module.state_dict() | slopes, tmp_path / "gradients.safetensors")
    for path, value in ng.trees.by_path(from_torch(model, tmp_path / "gradients.safetensors").params).items():
        ours = ng.trees.at(d_params, path)
        np.testing.assert_allclose(ours, value, rtol=1e-2, atol=2e-4 * np.abs(value).max() + 1e-7, err_msg=path)
    again = from_torch(ng.untrained(net, x, [0, 1, 2, 0], seed=1), to_torch(model, tmp_path / "again.safetensors"))
    jax.tree.map(np.testing.assert_array_equal, (again.params, again.state), (model.params, model.state))
    assert len(load_file(tmp_path / "again.safetensors")) == sum("num_batches" not in k for k in module.state_dict())


def test_a_block_whose_weights_are_made_of_others_is_refused(tmp_path):
    block = ng.Sequential([ng.Dense(3, name="d")]).weight_normed("d/W")
    model = ng.untrained(ng.Sequential([ng.Stack(block, 2), ng.Dense(2)]), np.eye(3), [0, 1, 1])
    with pytest.raises(ng.NetgradError, match="stack_1: its block has weights that are d/W weight normed: PyTorch"):
        to_torch(model, tmp_path / "weights.safetensors")
