"""From valid inputs to almost valid ones. All is drawn from one `random.Random`, so each input can be made again."""

import copy
import json

ODD_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    7,
    2**31,
    2**63,
    10**30,
    10**400,
    -(2**70),
    0.5,
    -0.0,
    1e308,
    -1e-320,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x00",
    "é\ud800",
    "x" * 5000,
    "os.system",
    "__class__",
    "1e5",
    "2024-02-30",
    [],
    {},
    [[]],
    [[[[[[1]]]]]],
    [0] * 100,
    {"kind": "layer", "type": "dense"},
    {"kind": "activation", "type": "relu"},
    {"": None},
]
ODD_BYTES = [b"\x00", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b'"', b",", b"\n", b"\r", b"{", b"]", b"NaN"]
ODD_BYTES += [b"\xed\xa0\x80", b"\xef\xbb\xbf", b"1e999", b"9" * 400, b";" * 50, b"\t", b"/../", b"%s", b"\x80\x04."]


def change_bytes(rng, data, others=()):
    """Some changes of the bytes: flipped, replaced, removed, repeated, inserted, cut off, spliced with another."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        n = len(data)
        at = rng.randrange(n + 1)
        size = min(n - at, rng.choice([1, 1, 2, 4, 8, 64, 1000]))
        kind = rng.randrange(8)
        if kind == 0 and at < n:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < n:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at : at + size]
        elif kind == 3:
            data[at:at] = data[at : at + size] * rng.choice([1, 1, 3, 50])
        elif kind == 4:
            data[at : at + (size if rng.random() < 0.5 else 0)] = rng.choice(ODD_BYTES)
        elif kind == 5:
            data[at : at + 8] = rng.randbytes(8)
        elif kind == 6 and rng.random() < 0.3:
            del data[at:]
        elif kind == 7 and others:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            data[at : at + size] = other[start : start + rng.choice([4, 32, 256])]
    return bytes(data)


def change_tree(rng, tree):
    """Some changes of a tree of lists and dicts: values replaced, removed, repeated, moved, their names changed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        parents = [node for node in walk(tree) if node]
        if not parents:
            return odd(rng)
        node = rng.choice(parents)
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        kind = rng.randrange(6)
        if kind <= 1:
            node[key] = odd(rng)
        elif kind == 2:
            del node[key]
        elif kind == 3 and isinstance(node, list):
            node[key:key] = [copy.deepcopy(node[key])] * rng.choice([1, 2, 100])
        elif kind == 3:
            node[str(odd(rng))[:20]] = node.pop(key)
        elif kind == 4:
            node[key] = copy.deepcopy(rng.choice(parents))
        elif isinstance(node[key], int | float) and not isinstance(node[key], bool) and abs(node[key]) < 1e250:
            node[key] = -node[key] if rng.random() < 0.5 else node[key] * rng.choice([0, 2, 1000, 10**12, 0.5])
    return tree


def odd(rng):
    """A value that is seldom expected."""
    return copy.deepcopy(rng.choice(ODD_VALUES))


def walk(tree):
    """All lists and dicts of a tree."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, list | dict):
            found.append(node)
            todo.extend(node.values() if isinstance(node, dict) else node)
    return found


def text(tree):
    """A tree as JSON, also where it holds what JSON has no word for."""
    return json.dumps(tree)
