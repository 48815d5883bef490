"""`make fuzz`: more than 100,000 inputs in two processes; which failed, and the most memory that each kind took."""

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from .guard import Harm, harmless, limit_memory, peak
from .shares import SHARES

GROWTH = 600  # MiB that a process may grow by beyond what valid inputs took


def fuzz(target, count, seed, out):
    """Take so many inputs of one kind; what harmed, and figures for the table."""
    began, harms = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        made = target(Path(folder))
        rng = random.Random(f"{seed} {target.__name__}")
        for i in range(count):
            if i == min(100, count // 2):
                limit_memory()
                before = peak()
            data = made.make(rng)
            made.put(data)
            try:
                with harmless():
                    made.take(data)
            except Harm as harm:
                harms.append(f"{target.__name__} {i}: {harm}")
                out.mkdir(parents=True, exist_ok=True)
                (out / f"{target.__name__}-{seed}-{i}").write_bytes(data)
                if len(harms) == 20:
                    break
    grown = peak() - before
    if grown > GROWTH:
        harms.append(f"{target.__name__}: memory grew by {grown:.0f} MiB")
    return target.__name__, i + 1, time.monotonic() - began, grown, harms


def main():
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="one kind")
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="where harmful inputs go")
    given = parser.parse_args()
    kinds = {t: max(2, round(n * given.share)) for t, n in SHARES.items() if given.only in ("", t.__name__)}
    total, harms = 0, []
    # A fresh process for each kind, so that the memory it took can be told.
    with ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1) as pool:
        jobs = [pool.submit(fuzz, target, count, given.seed, given.out) for target, count in kinds.items()]
        for job in as_completed(jobs):
            name, count, seconds, grown, found = job.result()
            print(
                f"{name:18} {count:7,} inputs {seconds:6.0f} s {grown:6.0f} MiB more {len(found):3} harmful", flush=True
            )
            total, harms = total + count, harms + found
    print(f"{total:,} inputs, {len(harms)} harmful")
    for harm in harms:
        print(" ".join(harm.split()))
    return 1 if harms else 0


if __name__ == "__main__":
    sys.exit(main())
