"""`python -m benchmarks.attention`: attention alone, forward and back, beside PyTorch's, by length, heads and examples.

The scores, their softmax, the weighted sum and the gradients of queries, keys and values; of the projections, which are
dense layers, ours has the way back through one, 64 x 64. 64 units, causal. Here the products and the softmax of
`netgrad.Attention`, compiled by XLA; there scaled_dot_product_attention. Milliseconds of processor time a pass on one
core, the least of several rounds, each contender in a process of its own: on a busy machine the clock says little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

UNITS, ROUNDS = 64, 5
CASES = [(t, 4, 8) for t in (16, 64, 128, 256, 512)]  # steps, heads, examples
CASES += [(128, heads, 8) for heads in (1, 2, 8)] + [(128, 4, n) for n in (1, 16, 64)]


def arrays(steps: int, heads: int, n: int) -> list[np.ndarray]:
    """q, k, v and the gradient of what comes out, (n, heads, steps, units / heads)."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, heads, steps, UNITS // heads)).astype(np.float32) for _ in range(4)]


def netgrad(*case: int) -> Callable[[], Any]:
    """What `Attention.forward` and `backward` do between the projections."""
    import jax
    import jax.numpy as jnp

    from netgrad import compiling
    from netgrad.layers.attention import Attention, _softmax

    layer = Attention(heads=case[1], causal=True)
    params = {"W_o": np.eye(UNITS, dtype=np.float32)}

    def both(q: Any, k: Any, v: Any, d: Any) -> Any:
        scores, bent = layer._scores(params, q, k)
        weights = _softmax(scores, layer._mask(q.shape[2], k.shape[2], None, None))
        a = jnp.einsum("nhts,nhsc->nhtc", weights, v)
        saved = {"q": q, "k": k, "v": v, "weights": weights, "residuals": (None, None, None, bent, None)}
        d_out = jnp.swapaxes(d, 1, 2).reshape(len(d), d.shape[2], UNITS)
        back = layer._back(params, saved, d_out)
        return a, back.q, back.k, back.v

    run, given = compiling.Program(both), [jnp.asarray(a) for a in arrays(*case)]
    return lambda: jax.block_until_ready(run(*given))


def pytorch(*case: int) -> Callable[[], Any]:
    """Its own fused attention."""
    import torch

    torch.set_num_threads(1)
    q, k, v, d = (torch.from_numpy(a) for a in arrays(*case))
    asked = [a.requires_grad_() for a in (q, k, v)]

    def both() -> Any:
        a = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return torch.autograd.grad(a, asked, d)

    return both


def timed(step: Callable[[], Any]) -> float:
    """Milliseconds of processor time a call."""
    step()
    found = []
    for _ in range(ROUNDS):
        calls, began = 0, time.process_time()
        while time.process_time() - began < 0.1:
            step()
            calls += 1
        found.append((time.process_time() - began) / calls * 1e3)
    return min(found)


def main() -> None:
    """Each contender in a process of its own on one core; a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contender", choices=["netgrad", "pytorch"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        made = {"netgrad": netgrad, "pytorch": pytorch}[given.contender]
        print(json.dumps([timed(made(*case)) for case in CASES]))
        return
    found = {}
    for name in ("netgrad", "pytorch"):
        command = [sys.executable, "-m", "benchmarks.attention", "--contender", name]
        found[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print("| steps | heads | examples | netgrad, ms | PyTorch, ms |\n|---|---|---|---|---|")
    for case, ours, theirs in zip(CASES, found["netgrad"], found["pytorch"], strict=True):
        print(f"| {case[0]} | {case[1]} | {case[2]} | {ours:.3g} | {theirs:.3g} |")


if __name__ == "__main__":
    main()
