"""Python written symbol by symbol: a character model of the standard library's own sources."""

from __future__ import annotations

import ast
import sysconfig
from collections import Counter
from pathlib import Path

import numpy as np

import netgrad as ng
from netgrad.data import Vocabulary, streams
from netgrad.experiments.base import Result, experiment, slow
from netgrad.experiments.sequences import ngram_bits
from netgrad.experiments.starts import fit_starts

MODULES = (
    *("textwrap", "shlex", "string", "fnmatch", "bisect", "heapq", "copy"),
    *("contextlib", "functools", "dataclasses"),
)
STARTS = 2
WRITTEN, COLD = 3000, 0.5  # symbols, and the temperature


@experiment(
    "code",
    "A character model of Python's own sources, and how many of its lines Python can read",
    "Pattipati, applications: code generation; Karpathy et al. (2015)",
    seconds=8,
)
def code(seed: int = 0) -> Result:
    """Modules of the standard library without comments and docstrings, the last tenth unseen: bits a symbol of a GRU,
    two starts, beside n-grams; and of what each writes, the share of lines that Python's parser accepts. Shortened, it
    is held against contexts of two symbols; at full length (NETGRAD_SLOW=1) against all."""
    text = sources(MODULES, seed)
    vocabulary = Vocabulary(text)
    ids = vocabulary.encode(text)
    cut = len(ids) * 9 // 10
    known, unseen = ids[:cut], ids[cut:]
    result = Result()
    rivals = {n: ngram_bits(known, unseen, n, len(vocabulary)) for n in range(2, 7)}
    for n, bits in rivals.items():
        result.tell(f"bits a symbol of unseen code, by n-grams of {n}", bits)
    units, epochs = (256, 24) if slow() else (96, 8)
    net = ng.Sequential([
        ng.Embedding(len(vocabulary), 32), ng.GRU(units, output_dropout=0.3 if slow() else 0.0),
        ng.Dense(len(vocabulary)),
    ])  # fmt: skip
    x, y = streams(known, rows=32)
    models = fit_starts(
        net, x, y, STARTS, truncate=32, batch_size=None, epochs=epochs, epochs_per_call=epochs, learning_rate=0.006,
        schedule="cosine", clip_norm=1.0, seed=seed,
    )  # fmt: skip
    x_test, y_test = streams(unseen, rows=4)
    bits = np.array([model.evaluate(x_test, y_test)["loss"] for model in models]) / np.log(2)
    bar = min(rivals.values()) if slow() else rivals[3]
    result.most(
        f"by the GRU, beside {'all' if slow() else 'the 3-gram model'}",
        "fewer",
        bits,
        bits < (bar if slow() else bar - 0.2),
    )
    model = models[int(bits.argmin())]
    model.card["vocabulary"] = vocabulary.to_config()
    written = ng.sample(model, "\n", WRITTEN, temperature=COLD, seed=seed)
    result.tell("lines that Python reads: of the sources", readable(text))
    by_counts = {n: readable("".join(vocabulary.decode(wrote(known, n, WRITTEN, seed)))) for n in (3, 6)}
    for n, share in by_counts.items():
        result.tell(f"of those that a {n}-gram model writes, at temperature {COLD}", share)
    share = readable(written)
    result.holds(
        "of those that the GRU writes, at the same", "more than by the 3-gram", share, share > by_counts[3] + 0.1
    )
    lines = [line.strip() for line in written.split("\n") if line.strip()]
    result.notes.append("What it writes - " + " / ".join(lines[:8]))
    return result


def sources(modules: tuple[str, ...], seed: int) -> str:
    """The sources of modules of the standard library as `ast.unparse` writes them, without docstrings; a tab for each
    step of indentation. Functions, classes and what else stands outermost come in random order.

    >>> "def insort_right(a, x, lo=0, hi=None, *, key=None):\\n\\t" in sources(("bisect",), seed=0)
    True
    """
    library, parts = Path(sysconfig.get_path("stdlib")), []
    for name in modules:
        tree = ast.parse((library / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                said = node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
                node.body = (node.body[1:] if said else node.body) or [ast.Pass()]
        parts += [ast.unparse(node).replace("    ", "\t") for node in tree.body]
    return "\n".join(np.random.default_rng(seed).permutation(parts))


def wrote(known: np.ndarray, n: int, length: int, seed: int) -> np.ndarray:
    """What an n-gram model writes at that temperature: each symbol one that followed the last n - 1 in what is known.

    >>> wrote(np.array([0, 1, 2] * 4), 2, 6, seed=0).tolist()
    [1, 2, 0, 1, 2, 0]
    """
    rng = np.random.default_rng(seed)
    followers: dict[tuple[int, ...], Counter[int]] = {}
    for i in range(n - 1, len(known)):
        followers.setdefault(tuple(known[i - n + 1 : i].tolist()), Counter())[int(known[i])] += 1
    made = known[: n - 1].tolist()
    for _ in range(length):
        after = followers.get(tuple(made[len(made) - n + 1 :]), Counter(known[:1].tolist()))
        weights = np.array(list(after.values())) ** (1 / COLD)
        made.append(list(after)[rng.choice(len(after), p=weights / weights.sum())])
    return np.array(made[n - 1 :])


def readable(text: str) -> float:
    """The share of lines that Python's parser accepts, each by itself and as the head of a block where it may be one.

    >>> readable("if a:\\n\\treturn b(1\\nelse:\\nx = 2")
    0.75
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return sum(map(_parses, lines)) / len(lines)


def _parses(line: str) -> bool:
    for program in (line, f"{line} pass", f"if a:\n pass\n{line} pass", f"try:\n pass\n{line} pass"):
        try:
            ast.parse(f"async def f():\n while a:\n  {program.replace(chr(10), chr(10) + '  ')}")
        except SyntaxError:
            continue
        return True
    return False
