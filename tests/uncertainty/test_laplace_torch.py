"""Held against the laplace package (laplace-torch) where it is installed: the same network, examples and prior."""

import numpy as np
import pytest

import netgrad as ng

pytest.importorskip("laplace", reason="laplace-torch is not installed")
torch = pytest.importorskip("torch", reason="PyTorch is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3)).astype(np.float32)
TARGETS = {
    "regression": (np.sin(X[:, :1]) + X[:, 1:2]).astype(np.float32),
    "classification": (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5),
}


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("structure", ["full", "diagonal", "last", "kronecker"])
def test_predictive_covariances(task, structure):
    from laplace import Laplace

    y = TARGETS[task]
    units = 1 if task == "regression" else 3
    bias = structure != "kronecker"  # theirs keeps factors of their own for biases, ours one of both
    net = ng.Sequential([ng.Dense(4, activation="tanh", bias=bias), ng.Dense(units, bias=bias)])
    model = ng.fit(net, X, y, epochs=20, batch_size=None)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4, bias=bias), torch.nn.Tanh(), torch.nn.Linear(4, units, bias=bias)
    )
    with torch.no_grad():
        for i, name in ((0, "dense_1"), (2, "dense_2")):
            theirs[i].weight.copy_(torch.tensor(np.asarray(model.params[name]["W"]).T))
            if bias:
                theirs[i].bias.copy_(torch.tensor(np.asarray(model.params[name]["b"])))
    kind = {
        "full": ("all", "full"),
        "diagonal": ("all", "diag"),
        "last": ("last_layer", "full"),
        "kronecker": ("all", "kron"),
    }[structure]
    settings = {"sigma_noise": 0.5} if task == "regression" else {}
    la = Laplace(theirs, task, *kind, prior_precision=2.0, **settings)
    target = torch.tensor(y) if task == "regression" else torch.tensor(y).long()
    la.fit(torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), target), batch_size=50))
    new = RNG.normal(size=(7, 3)).astype(np.float32) * 2
    _, covariance = la._glm_predictive_distribution(torch.tensor(new))
    beta = {"beta": 4.0} if task == "regression" else {}
    ours = ng.uncertainty.predictive(ng.posterior(model, X, y, structure=structure, alpha=2.0, **beta), new)
    np.testing.assert_allclose(ours.covariance, covariance.detach().numpy(), rtol=1e-4, atol=1e-6)
    if task == "classification":
        probit = la(torch.tensor(new), link_approx="probit").detach().numpy()
        np.testing.assert_allclose(ours.probabilities, probit, rtol=1e-4)
