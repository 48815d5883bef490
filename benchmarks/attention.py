"""`python -m benchmarks.attention`: attention alone, forward and back, beside PyTorch's, by length, heads and examples.

python -m benchmarks.attention --instructions avx2      as on a processor without AVX-512

The scores, their softmax, the weighted sum and the gradients of queries, keys and values, without the projections; 64
units, causal. Here what `netgrad.Attention` does by its kernel, and what it does without, compiled by XLA; there
scaled_dot_product_attention. Milliseconds of processor time a pass on one core, the least of several rounds, each
contender in a process of its own: on a busy machine the clock says little.
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

from benchmarks import machine

UNITS, ROUNDS = 64, 5
CASES = [(t, 4, 8) for t in (16, 64, 128, 256, 512)]  # steps, heads, examples
CASES += [(128, heads, 8) for heads in (1, 2, 8)] + [(128, 4, n) for n in (1, 16, 64)]


def arrays(steps: int, heads: int, n: int) -> list[np.ndarray]:
    """q, k, v and the gradient of what comes out, (n, heads, steps, units / heads)."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, heads, steps, UNITS // heads)).astype(np.float32) for _ in range(4)]


def netgrad(*case: int) -> Callable[[], Any]:
    """What `Attention.forward` and `backward` do between the projections, by the kernel."""
    import jax
    import jax.numpy as jnp

    from netgrad import compiling
    from netgrad.kernels.attention import attention_backward, attention_forward

    steps, heads, n = case
    how: Any = {"heads": heads, "causal": True}
    all_of_them = jnp.full(n, steps)

    def both(q: Any, k: Any, v: Any, d: Any) -> Any:
        given_to = q, k, v, all_of_them, all_of_them
        attended, kept = attention_forward(*given_to, **how)
        return attended, *attention_backward(*given_to, attended, kept, d, **how)

    together = [np.swapaxes(a, 1, 2).reshape(n, steps, UNITS) for a in arrays(*case)]
    run, given = compiling.Program(both), [jnp.asarray(a) for a in together]
    return lambda: jax.block_until_ready(run(*given))


def xla(*case: int) -> Callable[[], Any]:
    """The same with all scores and weights, as where somebody looks at them."""
    import jax
    import jax.numpy as jnp

    from netgrad import compiling
    from netgrad.layers.attention import Attention, _softmax

    layer = Attention(heads=case[1], causal=True)

    def both(q: Any, k: Any, v: Any, d: Any) -> Any:
        scores, bent = layer._scores({}, q, k)
        weights = _softmax(scores, layer._mask(q.shape[2], k.shape[2], None, None))
        a = jnp.einsum("nhts,nhsc->nhtc", weights, v)
        saved = {"q": q, "k": k, "v": v, "weights": weights, "residuals": (None, None, None, bent)}
        back = layer._back({}, saved, d)
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


CONTENDERS = {"netgrad": netgrad, "by XLA": xla, "PyTorch": pytorch}


def main() -> None:
    """Each contender in a process of its own on one core; a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--instructions", choices=machine.NARROWER, help="hold all to an older instruction set")
    chosen = parser.parse_args()
    if chosen.contender:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps([timed(CONTENDERS[chosen.contender](*case)) for case in CASES]))
        return
    environment = os.environ | (machine.NARROWER[chosen.instructions] if chosen.instructions else {})
    found = {}
    for name in CONTENDERS:
        command = [sys.executable, "-m", "benchmarks.attention", "--contender", name]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        found[name] = json.loads(answer.stdout)
    print(f"| steps | heads | examples | {' | '.join(f'{name}, ms' for name in found)} |\n|---|---|---|---|---|---|")
    for case, times in zip(CASES, zip(*found.values(), strict=True), strict=True):
        print(f"| {' | '.join(map(str, case))} | {' | '.join(f'{ms:.3g}' for ms in times)} |")


if __name__ == "__main__":
    main()
