"""`python -m benchmarks.residual`: ResNet-20 on handwritten digits, here and in PyTorch, by one recipe.

Both learn the same first pictures of MNIST (from NETGRAD_DATA, or fetched) with the same network, by gradient descent
with momentum, in batches of 64, with running statistics that move a tenth a step, and are scored on the same pictures
of the test set. First weights, He's for both, and the order of the pictures are each library's own, drawn from the
seed, so that scores are held against the spread of three seeds. Every run is a process of its own.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.seeds import compare, report
from benchmarks.works import WORKS

SEEDS, BATCH, RATE, MOMENTUM = 3, 64, 0.05, 0.9
TESTED = 2000  # pictures


def data(pictures: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (N, 28, 28, 1) from 0 to 1 and classes, to train on and to test on."""
    from netgrad.data import datasets

    mnist = datasets.load("mnist")
    x, x_test = (np.asarray(v, np.float32).reshape(-1, 28, 28, 1) for v in (mnist.x[:pictures], mnist.x_test[:TESTED]))
    scale = max(1.0, float(x.max()))
    return x / scale, np.asarray(mnist.y[:pictures]), x_test / scale, np.asarray(mnist.y_test[:TESTED])


def netgrad(seed: int, epochs: int, maps: int, given: Any) -> float:
    """The accuracy on the test pictures after so many epochs."""
    import optax

    import netgrad as ng

    x, y, x_test, y_test = given
    net, descent = ng.architectures.resnet20(10, size=maps / 16), optax.sgd(RATE, MOMENTUM)
    model = ng.fit(net, x, y, optimizer=descent, batch_size=BATCH, epochs=epochs, seed=seed)
    return float(model.evaluate(x_test, y_test)["accuracy"])


def pytorch(seed: int, epochs: int, maps: int, given: Any) -> float:
    """The same."""
    import torch

    from benchmarks.contenders.with_torch import ResNet

    torch.manual_seed(seed)
    (_, *filters), (_, _, *rows), *others = WORKS["resnet20"].layers
    layers = (("conv", maps, *filters[1:]), ("residual", maps, *rows), *others)
    net = ResNet(replace(WORKS["resnet20"], shape=(28, 28, 1), layers=layers))
    for part in net.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    x, x_test = (torch.tensor(v).permute(0, 3, 1, 2) for v in (given[0], given[2]))
    y, y_test = (torch.tensor(v, dtype=torch.long) for v in (given[1], given[3]))
    descent = torch.optim.SGD(net.parameters(), RATE, momentum=MOMENTUM)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            descent.zero_grad()
            torch.nn.functional.cross_entropy(net(x[rows], None), y[rows]).backward()
            descent.step()
    net.eval()
    with torch.no_grad():
        found = torch.cat([net(part, None).argmax(-1) for part in x_test.split(500)])
    return float((found == y_test).float().mean())


CONTENDERS = {"netgrad": netgrad, "PyTorch": pytorch}


def main() -> None:
    """The seeds in turn; a line for each, and one for their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4096, help="how many of the training set are used")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--maps", type=int, default=16, help="of the first row of blocks")
    parser.add_argument("--run", nargs=2, metavar=("CONTENDER", "SEED"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        given = data(chosen.pictures)
        report(lambda: CONTENDERS[chosen.run[0]](int(chosen.run[1]), chosen.epochs, chosen.maps, given))
        return
    how = [f"--{name}={getattr(chosen, name)}" for name in ("pictures", "epochs", "maps")]
    compare("benchmarks.residual", how, CONTENDERS, "accuracy")


if __name__ == "__main__":
    main()
