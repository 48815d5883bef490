"""`python -m benchmarks.generative`: a convolutional GAN and a variational autoencoder on MNIST, here and in PyTorch.

The recipe is the same: networks, first weights (netgrad's, copied over, which a forward pass of both verifies),
losses, optimisers (PyTorch's Adam is its fused one, the quickest), batches of as many, epochs. What chance draws after
that is each one's own, so that losses are held against the spread of three seeds. Each run is a process of its own,
netgrad's and PyTorch's in turn; a step's time is that of the quickest epoch after the first, with the drawing of
batches, on the clock and of the processors. Every result is a line of JSON as soon as it is there, and what stands in
that file is not measured again. `--steps` measures nothing but a step's time: short runs on one processor, which
waits for no other, each contender's in turn three times over. MNIST comes from NETGRAD_DATA, or is fetched.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine

CONTENDERS = ("netgrad", "torch")
SEEDS = 3
ROUNDS = 3  # of short runs
SHORT = {"vae": 6_400, "gan": 1_920}, 8  # their examples and epochs
LATENT = 32
# Of each work: examples, batch size, epochs, learning rates (of the generator, the discriminator), Adam's b1.
RECIPES: dict[str, tuple[int, int, int, tuple[float, ...], float]] = {
    "vae": (60_000, 128, 4, (1e-3,), 0.9),
    "gan": (10_000, 64, 5, (1e-3, 3e-4), 0.5),
}


class Clock:
    """Seconds on the clock and of the processors that each epoch took."""

    def __init__(self) -> None:
        self.at: list[tuple[float, float]] = []
        self.tick()

    def tick(self, *_: Any) -> None:
        """An epoch has ended."""
        self.at.append((time.perf_counter(), time.process_time()))

    def step(self, steps: int) -> dict[str, float]:
        """Milliseconds a step in the quickest epoch after the first, which compiles."""
        wall, processor = np.diff(np.array(self.at), axis=0)[1:].min(0) / steps * 1e3
        return {"wall_ms": round(float(wall), 3), "processor_ms": round(float(processor), 3)}


def data(work: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (N, 28, 28, 1) with values from 0 to 1 to train on, and those to test on, with their labels."""
    from netgrad.data import datasets

    mnist = datasets.load("mnist")
    n = RECIPES[work][0]
    return mnist.x[:n].reshape(-1, 28, 28, 1), mnist.y[:n], mnist.x_test.reshape(-1, 28, 28, 1), mnist.y_test


def coder() -> Any:
    """784-400-(20, 20)-400-784, the variational autoencoder of PyTorch's examples."""
    import netgrad as ng

    encoder = [ng.Dense(400, activation="relu"), ng.Dense(40), ng.Gaussian()]
    return ng.Autoencoder(encoder, [ng.Dense(400, activation="relu"), ng.Dense(784)])


def players() -> tuple[Any, Any]:
    """Generator and discriminator after DCGAN, smaller: 7 x 7 x 64, 14 x 14 x 32, 28 x 28, and back."""
    import netgrad as ng

    made = [
        *(ng.Dense(7 * 7 * 64), ng.Reshape((7, 7, 64)), ng.BatchNorm(), ng.ReLU()),
        *(ng.ConvTranspose(32, 4, stride=2, padding=1), ng.BatchNorm(), ng.ReLU()),
        ng.ConvTranspose(1, 4, stride=2, padding=1, activation="logistic"),
    ]
    leaky = ng.LeakyReLU(0.2)
    judged = [
        ng.Conv(32, 4, stride=2, padding=1, activation=leaky),
        ng.Conv(64, 4, stride=2, padding=1, activation=leaky),
        *(ng.Flatten(), ng.Dense(1)),
    ]
    return ng.Sequential(made), ng.Sequential(judged)


# --- what netgrad does


def vae_netgrad(seed: int) -> dict[str, float]:
    """Losses and times of one run."""
    import netgrad as ng

    x, _, x_test, _ = data("vae")
    _, batch, epochs, (rate,), _ = RECIPES["vae"]
    x, x_test = x.reshape(-1, 784), x_test.reshape(-1, 784)
    clock = Clock()
    model = ng.fit(
        coder(), x, loss="binary_cross_entropy", epochs=epochs, batch_size=batch, learning_rate=rate, seed=seed,
        callbacks=[clock.tick],
    )  # fmt: skip
    found = {
        "loss": float(model.history["loss"][-1]),
        "test": cross_entropy(model.decode(model.encode(x_test)), x_test),
    }
    return found | clock.step(-(-len(x) // batch))


def gan_netgrad(seed: int) -> dict[str, float]:
    """Losses, what a classifier says of the samples, and times of one run."""
    import optax

    import netgrad as ng

    x, *_ = data("gan")
    _, batch, epochs, rates, b1 = RECIPES["gan"]
    generator, discriminator = players()
    first, second = (optax.adam(rate, b1=b1) for rate in rates)
    task = ng.tasks.Adversarial(
        generator, discriminator, LATENT, generator_optimizer=first, discriminator_optimizer=second
    )
    clock = Clock()
    pair = ng.train(task, x, epochs=epochs, batch_size=batch, seed=seed, callbacks=[clock.tick])
    found = {name: float(pair.history[name][-1]) for name in ("generator", "discriminator")}
    return found | judged(pair.sample(1000, seed)) | clock.step(-(-len(x) // batch))


# --- the same in PyTorch


def vae_torch(seed: int) -> dict[str, float]:
    """As `vae_netgrad`."""
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits

    import netgrad as ng

    x, _, x_test, _ = data("vae")
    _, batch, epochs, (rate,), b1 = RECIPES["vae"]
    first = ng.untrained(coder(), x[:1].reshape(1, 784), loss="binary_cross_entropy", seed=seed)
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    for part, name in ((encoder, "encoder"), (decoder, "decoder")):
        for i, k in ((0, 1), (2, 2)):
            fill(part[i], first.params[f"{name}/dense_{k}"], lambda W: W.T)
    images, new = (torch.tensor(v.reshape(-1, 784)) for v in (x, x_test))

    def coded(seen: Any) -> Any:
        with torch.no_grad():
            return torch.sigmoid(decoder(encoder(seen)[:, :20])).numpy()

    same(coded(images[:8]), first.decode(first.encode(x[:8].reshape(-1, 784))))
    torch.manual_seed(seed)
    weights = [*encoder.parameters(), *decoder.parameters()]
    adam = torch.optim.Adam(weights, lr=rate, betas=(b1, 0.999), fused=True)
    clock, loss = Clock(), 0.0
    for _ in range(epochs):
        order, total = torch.randperm(len(images)), torch.zeros(())
        for own in order.split(batch):
            seen = images[own]
            mean, log_variance = encoder(seen).chunk(2, dim=1)
            z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
            error = binary_cross_entropy_with_logits(decoder(z), seen, reduction="sum")
            divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
            cost = (error + divergence) / len(seen)
            adam.zero_grad()
            cost.backward()
            adam.step()
            total += cost.detach() * len(seen)
        loss = float(total) / len(images)
        clock.tick()
    found = {"loss": loss, "test": cross_entropy(coded(new), x_test.reshape(-1, 784))}
    return found | clock.step(-(-len(x) // batch))


def gan_torch(seed: int) -> dict[str, float]:
    """As `gan_netgrad`."""
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    import netgrad as ng

    x, *_ = data("gan")
    _, batch, epochs, rates, b1 = RECIPES["gan"]
    first = players()
    fed = ((LATENT,), (28, 28, 1))
    begun = [ng.untrained(net, np.zeros((1, *shape)), np.zeros((1, *out)), loss="squared_error", seed=2 * seed + k)
             for k, (net, shape, out) in enumerate(zip(first, fed, ((28, 28, 1), (1,)), strict=True))]  # fmt: skip
    generator = nn.Sequential(
        *(nn.Linear(LATENT, 7 * 7 * 64), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Sigmoid()),
    )
    discriminator = nn.Sequential(
        *(nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 1)),
    )
    own = begun[0].params
    maps = lambda W: W.reshape(-1, 7, 7, 64).transpose(0, 3, 1, 2).reshape(len(W), -1).T  # noqa: E731
    fill(generator[0], own["dense_1"], maps, lambda b: b.reshape(7, 7, 64).transpose(2, 0, 1).ravel())
    fill(generator[4], own["conv_transpose_1"], lambda W: W.transpose(2, 3, 0, 1))
    fill(generator[7], own["conv_transpose_2"], lambda W: W.transpose(2, 3, 0, 1))
    own = begun[1].params
    fill(discriminator[0], own["conv_1"], lambda W: W.transpose(3, 2, 0, 1))
    fill(discriminator[2], own["conv_2"], lambda W: W.transpose(3, 2, 0, 1))
    fill(discriminator[5], own["dense_1"], lambda W: W.reshape(7, 7, 64).transpose(2, 0, 1).reshape(1, -1))
    noise = np.random.default_rng(0).normal(size=(4, LATENT)).astype(np.float32)
    images = torch.tensor(x.transpose(0, 3, 1, 2))
    with torch.no_grad():
        generator.eval()
        same(generator(torch.tensor(noise)).numpy().transpose(0, 2, 3, 1), begun[0].predict_proba(noise))
        same(discriminator(images[:4]).numpy(), begun[1].predict_proba(x[:4]))
        generator.train()
    torch.manual_seed(seed)
    adams = [
        torch.optim.Adam(net.parameters(), lr=rate, betas=(b1, 0.999), fused=True)
        for net, rate in zip((generator, discriminator), rates, strict=True)
    ]
    clock, found = Clock(), {}
    for _ in range(epochs):
        totals = torch.zeros(2)
        for own in torch.randperm(len(images)).split(batch):
            seen = images[own]
            with torch.no_grad():
                fake = generator(torch.randn(len(seen), LATENT))
            lost = softplus(-discriminator(seen)).mean() + softplus(discriminator(fake)).mean()
            adams[1].zero_grad()
            lost.backward()
            adams[1].step()
            cost = softplus(-discriminator(generator(torch.randn(len(seen), LATENT)))).mean()
            adams[0].zero_grad()
            cost.backward()
            adams[0].step()
            totals += torch.stack([cost.detach(), lost.detach()]) * len(seen)
        found = dict(zip(("generator", "discriminator"), (totals / len(images)).tolist(), strict=True))
        clock.tick()
    generator.eval()
    with torch.no_grad():
        samples = generator(torch.randn(1000, LATENT)).numpy().transpose(0, 2, 3, 1)
    return found | judged(samples) | clock.step(-(-len(x) // batch))


def fill(layer: Any, params: Any, W: Callable[..., Any], b: Callable[..., Any] = np.asarray) -> None:
    """Put netgrad's first weights into a layer of PyTorch's."""
    import torch

    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.ascontiguousarray(W(np.asarray(params["W"])))))
        layer.bias.copy_(torch.tensor(np.ascontiguousarray(b(np.asarray(params["b"])))))


def same(there: np.ndarray, here: np.ndarray) -> None:
    """Refuse networks that do not compute the same."""
    np.testing.assert_allclose(there, np.reshape(here, there.shape), atol=1e-5)


# --- what is measured of both


def cross_entropy(p: np.ndarray, x: np.ndarray) -> float:
    """Summed over the pixels, the mean over the pictures, in nats."""
    p = np.clip(np.asarray(p, float), 1e-7, 1 - 1e-7)
    return float(-(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1).mean())


def short(work: str, contender: str) -> dict[str, float]:
    """The times of a short run on one processor."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    examples, epochs = SHORT
    RECIPES[work] = (examples[work], RECIPES[work][1], epochs, *RECIPES[work][3:])
    found = RUNS[work, contender](0)
    return {name: found[name] for name in ("wall_ms", "processor_ms")}


def steps(works: list[str]) -> str:
    """A step's time on one processor, of all rounds the least and the most."""
    lines = ["| work | quantity | netgrad | PyTorch |", "|---|---|---|---|"]
    for work in works:
        times: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
        for _ in range(ROUNDS):
            for contender in CONTENDERS:
                found = apart("--one", work, contender, "0", "--steps", OMP_NUM_THREADS="1")
                times[contender].append(found["processor_ms"])
        cells = (f"{min(of):.4g} to {max(of):.4g}" for of in times.values())
        lines.append(f"| {work} | a step on one processor, ms | {' | '.join(cells)} |")
    return "\n".join(lines)


def apart(*arguments: str, **environment: str) -> dict[str, Any]:
    """What this module prints with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.generative", *arguments]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | environment).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def judged(samples: np.ndarray) -> dict[str, float]:
    """What a classifier of digits says of samples: how sure it is, the mean of the largest probability, and how many
    digits there are, the exponential of the entropy of their shares (10 where all are equally many)."""
    import netgrad as ng

    x, y, *_ = data("gan")
    flat = x.reshape(len(x), -1)
    net = ng.Sequential([ng.Dense(128, activation="relu"), ng.Dense(10)])
    p = ng.fit(net, flat, y, epochs=8, epochs_per_call=8, seed=0).predict_proba(samples.reshape(len(samples), -1))
    shares = np.bincount(p.argmax(1), minlength=10) / len(p)
    entropy = -sum(share * np.log(share) for share in shares if share)
    return {"certainty": float(p.max(1).mean()), "digits": float(np.exp(entropy))}


RUNS: dict[tuple[str, str], Callable[[int], dict[str, float]]] = {
    ("vae", "netgrad"): vae_netgrad,
    ("vae", "torch"): vae_torch,
    ("gan", "netgrad"): gan_netgrad,
    ("gan", "torch"): gan_torch,
}


def table(rows: list[dict[str, Any]]) -> str:
    """Of each work and quantity what both found: the mean over the seeds, and its ends."""
    lines = ["| work | quantity | netgrad | PyTorch |", "|---|---|---|---|"]
    for work in RECIPES:
        mine = {c: [row for row in rows if (row["work"], row["contender"]) == (work, c)] for c in CONTENDERS}
        if not all(mine.values()):
            continue
        for name in (key for key in mine["netgrad"][0] if key not in ("work", "contender", "seed")):
            cells = []
            for contender in CONTENDERS:
                values = [row[name] for row in mine[contender]]
                cells.append(f"{np.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})")
            lines.append(f"| {work} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench/generative.jsonl"))
    parser.add_argument("--works", default=",".join(RECIPES))
    parser.add_argument("--one", nargs=3, metavar=("WORK", "CONTENDER", "SEED"), help="one run in this process")
    parser.add_argument("--steps", action="store_true", help="only a step's time, in short runs on one processor")
    given = parser.parse_args()
    if given.one:
        work, contender, seed = given.one
        if given.steps:
            print(json.dumps(short(work, contender)))
            return
        found = {"work": work, "contender": contender, "seed": int(seed)} | RUNS[work, contender](int(seed))
        print(json.dumps(found))
        return
    if given.steps:
        print(machine.description())
        print(steps(given.works.split(",")))
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(row["work"], row["contender"], row["seed"]) for row in rows}
    for work in given.works.split(","):
        for seed in range(SEEDS):
            for contender in CONTENDERS:
                if (work, contender, seed) in done:
                    continue
                rows.append(apart("--one", work, contender, str(seed)))
                with given.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
                print(rows[-1], flush=True)
    print(machine.description())
    print(table(rows))


if __name__ == "__main__":
    main()
