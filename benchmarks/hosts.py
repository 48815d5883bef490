"""What a step costs by the number of processes and parameters: `python -m benchmarks.hosts`, `make bench-hosts`.

Each figure is the least of several alternated runs, of each the median of the epochs after the first two, of a
perceptron with three equal hidden layers on random numbers, batches of 256, plain gradient descent. "without" is one
process without a placement, 1 the same through the distributed path (a group of one), 2 and 4 real processes on this
machine, whose processors they share. The share of the collectives is what a step of several processes takes longer than
a step of one of them on its own part of the batch, all of them at work at the same time.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time

import numpy as np

WIDTHS = (64, 512, 1024)
PROCESSES = (1, 2, 4)
BATCH, STEPS, EPOCHS = 256, 8, 9


def work(width, batch, devices):
    """Milliseconds a step, median of epochs; run in a process of its own."""
    import netgrad as ng

    times = []
    x = np.random.default_rng(0).normal(size=(batch * STEPS, width)).astype(np.float32)
    net = ng.Sequential([*(ng.Dense(width, activation="tanh") for _ in range(3)), ng.Dense(1)])
    done = lambda run: times.append(time.perf_counter())  # noqa: E731
    how = {"optimizer": "sgd", "learning_rate": 1e-3, "batch_size": batch, "epochs": EPOCHS, "shuffle": False}
    model = ng.fit(net, x, x[:, 0], callbacks=[done], devices=devices, **how)
    parameters = sum(leaf.size for layer in model.params.values() for leaf in layer.values())
    return 1000 * float(np.median(np.diff(times)[1:])) / STEPS, parameters


def child(width, batch, place, process, of):
    from netgrad.parallel.processes import join, leave

    if of:
        join(place, process, of)
    found = work(width, batch, "all" if of else None)
    if process == 0:
        print(json.dumps(found), flush=True)
    leave(0)


def started(width, batch, count, together):
    """What the first of ``count`` processes measures; ``together``: as one group, or each for itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.hosts", "--child", str(width), str(batch), place, str(i),
             str(count if together else 0)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu"},
        )
        for i in range(count)
    ]  # fmt: skip
    words = [process.communicate(timeout=600)[0] for process in running]
    return json.loads(words[0].splitlines()[-1])


def least_of(rounds, width):
    """The least milliseconds a step by (processes, whether they are a group), and the network's parameters."""
    found = {}
    for _ in range(rounds):
        for count in PROCESSES:
            for together in (False, True):
                step, parameters = started(width, BATCH if together else BATCH // count, count, together)
                found[count, together] = min(step, found.get((count, together), step))
    return found, parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=5)
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns")
    asked = parser.parse_args()
    if asked.child:
        width, batch, place, process, of = asked.child
        child(int(width), int(batch), place, int(process), int(of))
    print(f"{os.cpu_count()} processors, batches of {BATCH}, milliseconds a step")
    print("parameters  without        1        2        4   in collectives: 2      4")
    for width in asked.widths:
        found, parameters = least_of(asked.rounds, width)
        alone = found[1, False]
        shares = {count: max(0.0, 1 - found[count, False] / found[count, True]) for count in PROCESSES[1:]}
        steps = " ".join(f"{found[count, True]:8.2f}" for count in PROCESSES)
        print(f"{parameters:10,} {alone:8.2f} {steps} {shares[2]:20.0%} {shares[4]:6.0%}", flush=True)


if __name__ == "__main__":
    main()
