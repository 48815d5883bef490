"""How long a residual network takes to the end of its first epoch, by its number of blocks, and what memory it needs.

Each in a process of its own: `Stack` runs its blocks as one compiled loop, the other is written out block by block.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

BLOCKS = (10, 30, 100, 300)
WRITTEN_OUT = 30  # blocks up to which the network that is written out is tried, since its compiling grows with them

EPOCH = """
import time
import numpy as np
import netgrad as ng

rng = np.random.default_rng(0)
x = rng.normal(size=(256, 16)).astype(np.float32)
layers = [ng.Dense(16, bias=False), ng.BatchNorm(), ng.ReLU(), ng.Dense(16)]
deep = {deep}
net = ng.Sequential([ng.Dense(16), *deep, ng.Dense(1)])
began = time.perf_counter()
ng.fit(net, x, x.sum(1), epochs=1, batch_size=64, learning_rate=1e-3)
print(time.perf_counter() - began)
"""

MEMORY = """
import jax
import numpy as np
import netgrad as ng
from netgrad.network import backward, forward

layers = [ng.Dense(64, activation="tanh") for _ in range(4)]
block = ng.Residual(layers)
net = ng.Sequential([ng.Stack({deep}, {n}), ng.Dense(1)])
params, _ = net.init(0, (64,))
x = np.zeros((256, 64), np.float32)

def step(p):
    run = forward(net, p, {{}}, {{"x": x}}, training=True)
    return backward(net, p, run.saved, {{"dense_1": jax.numpy.ones((256, 1))}}).params

print(jax.jit(step).lower(params).compile().memory_analysis().temp_size_in_bytes)
"""


def measured(program: str, **parts: object) -> float:
    """What the program prints, in a process of its own."""
    run = subprocess.run([sys.executable, "-c", program.format(**parts)], capture_output=True, text=True, check=True)
    return float(run.stdout)


def table(rounds: int) -> str:
    """Markdown: seconds to the end of the first epoch (the least of some rounds), and MiB of a step's activations."""
    lines = ["| blocks | Stack, s | written out, s | Stack, MiB | Stack(Recomputed), MiB |", "|---|---|---|---|---|"]
    for n in BLOCKS:
        stack = min(measured(EPOCH, deep=f"[ng.Stack(ng.Residual(layers), {n})]") for _ in range(rounds))
        out = "-"
        if n <= WRITTEN_OUT:
            out = (
                f"{measured(EPOCH, deep=f'[ng.Residual([part.replace() for part in layers]) for _ in range({n})]'):.1f}"
            )
        plain = measured(MEMORY, deep="block", n=n) / 2**20
        thrifty = measured(MEMORY, deep="ng.Recomputed(block)", n=n) / 2**20
        lines.append(f"| {n} | {stack:.2f} | {out} | {plain:.1f} | {thrifty:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=3, help="processes a figure")
    print(table(asked.parse_args().rounds))
