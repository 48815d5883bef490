"""`python -m benchmarks.posteriors`: the full Laplace posterior of some 5,000 weights, here and in laplace-torch.

The same network, trained by netgrad, 1,000 examples of 20 inputs, prior and noise given; then the covariances of 100
new outputs, which must be the same to 1e-4. Seconds of the processors and on the clock, the two in turn, the quicker
of two rounds; netgrad's first round compiles. Then once netgrad's with prior and noise chosen by the data, which
inverts the matrix in each of its rounds. laplace-torch (`pip install laplace-torch`) is left out where it is not
there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import machine

UNITS, INPUTS, EXAMPLES, NEW = 227, 20, 1000, 100  # 227 * (20 + 1) + 227 + 1 = 4,995 weights


def problem() -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """A trained model, its examples, and new ones."""
    import netgrad as ng

    rng = np.random.default_rng(0)
    x, new = (rng.normal(size=(n, INPUTS)).astype(np.float32) for n in (EXAMPLES, NEW))
    y = (np.sin(x[:, :1]) + x[:, 1:2] + 0.1 * rng.normal(size=(EXAMPLES, 1))).astype(np.float32)
    net = ng.Sequential([ng.Dense(UNITS, activation="tanh"), ng.Dense(1)])
    return ng.fit(net, x, y, epochs=20, epochs_per_call=20), x, y, new


def here(model: Any, x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Covariances (NEW, 1, 1) by netgrad."""
    import netgrad as ng

    made = ng.posterior(model, x, y, structure="full", alpha=1.0, beta=4.0)
    covariance: np.ndarray = ng.uncertainty.predictive(made, new).covariance
    return covariance


def chosen(model: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The posterior by netgrad whose alpha and beta have the largest evidence."""
    import netgrad as ng

    return ng.posterior(model, x, y, structure="full").posterior


def there(model: Any, x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The same by laplace-torch."""
    import torch
    from laplace import Laplace

    net = torch.nn.Sequential(torch.nn.Linear(INPUTS, UNITS), torch.nn.Tanh(), torch.nn.Linear(UNITS, 1))
    with torch.no_grad():
        for i, name in ((0, "dense_1"), (2, "dense_2")):
            net[i].weight.copy_(torch.tensor(np.asarray(model.params[name]["W"]).T))
            net[i].bias.copy_(torch.tensor(np.asarray(model.params[name]["b"])))
    la = Laplace(net, "regression", "all", "full", prior_precision=1.0, sigma_noise=0.5)
    data = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
    la.fit(torch.utils.data.DataLoader(data, batch_size=EXAMPLES))
    _, covariance = la._glm_predictive_distribution(torch.tensor(new))
    return np.asarray(covariance.detach())


def main() -> None:
    """Measure both, and print their times."""
    given = problem()
    ways: dict[str, Callable[..., np.ndarray]] = {"netgrad": here, "laplace-torch": there}
    try:
        import laplace  # noqa: F401
    except ImportError as error:
        print(f"laplace-torch is left out: {error}")
        del ways["laplace-torch"]
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    found = {}
    for _ in range(2):
        for name, way in ways.items():
            begun = time.process_time(), time.perf_counter()
            found[name] = way(*given)
            seconds[name].append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
    print(machine.description())
    for name, spent in seconds.items():
        processor, wall = np.min(spent, axis=0)
        print(f"{name}: {processor:.1f} s of the processors, {wall:.1f} s on the clock")
    begun = time.process_time(), time.perf_counter()
    made = chosen(*given[:3])
    processor, wall = time.process_time() - begun[0], time.perf_counter() - begun[1]
    print(
        f"netgrad, alpha and beta by the data: {processor:.1f} s of the processors, {wall:.1f} s on the clock; {made}"
    )
    if len(found) > 1:
        apart = np.abs(found["laplace-torch"] / found["netgrad"] - 1).max()
        print(f"variances apart by up to {apart:.1e} of themselves")


if __name__ == "__main__":
    main()
