"""`make fuzz`: 200,000 inputs in two processes; which did harm, and what each kind took in time and memory.

Every input is drawn from the seed, its kind and its number alone: `--only KIND --seed N --at I` takes one again, and
shows the whole traceback.
"""

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from netgrad.compiling import give_memory_back

from .guard import WAITING, Harm, harmless, limit_memory, resident
from .targets import SHARES

GROWTH = 600  # MiB that a process may grow by in all its inputs, beyond what the first ones took
MANY = 20  # harms of one kind, after which it is given up
SHRINKING = 20  # seconds to look for a smaller input that does the same harm


def made(target, seed, i):
    """The i-th input of a kind."""
    return target.make(random.Random(f"{seed} {type(target).__name__} {i}"))


def harm(target, data):
    """What harm this input does, or None."""
    target.put(data)
    try:
        with harmless(target.seconds, target.room):
            target.take(data)
    except Harm as found:
        return found
    return None


def smaller(target, data, kind):
    """A shorter input that does harm of this kind: pieces are left out while it still does."""
    until, size = time.monotonic() + SHRINKING, max(len(data) // 2, 1)
    while size and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            shorter = data[:at] + data[at + size :]
            found = harm(target, shorter)
            if found is not None and found.kind == kind:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def work(target, seed, first, end, out, place, results):
    """Take these inputs of one kind, and say where we are; what harmed, and figures for the table."""
    began, harms, before = time.monotonic(), [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        ours = target(Path(folder))
        for i in range(first, end):
            place.value = i
            if i == min(first + 100, (first + end) // 2):
                limit_memory()
                give_memory_back()
                before = resident("VmRSS")
            data = made(ours, seed, i)
            if (found := harm(ours, data)) is not None:
                out.mkdir(parents=True, exist_ok=True)
                name = f"{target.__name__}-{seed}-{i}"
                (out / name).write_bytes(data)
                small = smaller(ours, data, found.kind)
                (out / f"{name}.small").write_bytes(small)
                harms.append(f"{target.__name__} --seed {seed} --at {i} ({len(small)} bytes): {found}")
                if len(harms) == MANY:
                    break
    give_memory_back()  # what making the inputs took and is free again has not stayed
    results.put((i + 1 - first, time.monotonic() - began, resident("VmRSS") - before, harms))


def watched(target, seed, first, end, out):
    """`work` in a process of its own, begun again behind an input that ends it or hangs where no signal reaches."""
    context = get_context("spawn")
    done, seconds, grown, harms = 0, 0.0, 0.0, []
    while first < end and len(harms) < MANY:
        place, results = context.Value("q", first, lock=False), context.SimpleQueue()
        process = context.Process(target=work, args=(target, seed, first, end, out, place, results))
        began = moved = time.monotonic()
        process.start()
        last, found = first, None
        while found is None and process.is_alive():
            process.join(0.5)
            if not results.empty():
                found = results.get()
            if place.value != last:
                last, moved = place.value, time.monotonic()
            elif time.monotonic() - moved > 3 * WAITING + SHRINKING:
                process.kill()
        process.join()
        if found is None and not results.empty():
            found = results.get()
        if found is not None:
            done, seconds, grown = done + found[0], seconds + found[1], max(grown, found[2])
            harms += found[3]
            break
        done, seconds = done + last + 1 - first, seconds + time.monotonic() - began
        harms.append(f"{target.__name__} --seed {seed} --at {last}: ended the process ({process.exitcode}) or hung")
        first = last + 1
    if grown > GROWTH:
        harms.append(f"{target.__name__}: memory grew by {grown:.0f} MiB")
    return target.__name__, done, seconds, grown, harms


def again(target, seed, i):
    """Take one input again, in this process, and let what it raises be seen."""
    with tempfile.TemporaryDirectory() as folder:
        ours = target(Path(folder))
        data = made(ours, seed, i)
        ours.put(data)
        print(f"{target.__name__} {i}: {len(data):,} bytes: {data[:300]!r}")
        with harmless(ours.seconds, ours.room):
            ours.take(data)
        print("no harm")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="these kinds: names with commas between")
    parser.add_argument("--at", type=int, help="of one kind, take this input alone")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="where harmful inputs go")
    given = parser.parse_args()
    names = given.only.split(",")
    kinds = {t: max(2, round(n * given.share)) for t, n in SHARES.items() if not given.only or t.__name__ in names}
    if given.at is not None:
        return again(next(iter(kinds)), given.seed, given.at)
    total, harms, began = 0, [], time.monotonic()
    # A process for each kind, so that the memory it took can be told.
    with ThreadPoolExecutor(given.processes) as pool:
        jobs = [pool.submit(watched, target, given.seed, 0, count, given.out) for target, count in kinds.items()]
        for job in as_completed(jobs):
            name, count, seconds, grown, found = job.result()
            print(
                f"{name:18} {count:7,} inputs {seconds:6.0f} s {grown:6.0f} MiB more {len(found):3} harmful", flush=True
            )
            total, harms = total + count, harms + found
    print(f"{total:,} inputs in {time.monotonic() - began:.0f} s, {len(harms)} harmful")
    for each in harms:
        print(" ".join(each.split()))
    return 1 if harms else 0


if __name__ == "__main__":
    sys.exit(main())
