"""Trees of parameters (dicts, lists and tuples in each other), each array by its path: "encoder/dense_1/W"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import jax

from netgrad.types import Params

Tree = TypeVar("Tree")


def by_path(tree: Any) -> dict[str, Any]:
    """What dicts, lists and tuples in each other hold, by its path.

    >>> by_path({"encoder/dense_1": {"W": 1}, "heads": [2, {"b": 3}]})
    {'encoder/dense_1/W': 1, 'heads/0': 2, 'heads/1/b': 3}
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def map_leaves(change: Callable[[str, Any], Any], tree: Tree) -> Tree:
    """The tree with ``change(path, leaf)`` in the place of each leaf."""
    mapped: Tree = jax.tree_util.tree_map_with_path(
        lambda path, leaf: change(jax.tree_util.keystr(path, simple=True, separator="/"), leaf), tree
    )
    return mapped


def covers(layer: str, pattern: str, path: str) -> bool:
    """Whether the parameter at this path is the layer's, and fits the pattern by itself or by what it is a part of.

    >>> covers("lstm_1", "*", "lstm_1/W_x"), covers("both", "forward", "both/forward/b"), covers("a", "*", "ab/W")
    (True, True, False)
    """
    return path.startswith(f"{layer}/") and fits(path[len(layer) + 1 :], pattern)


def fits(path: str, pattern: str) -> bool:
    """Whether a path, or the beginning of it up to a "/", fits a pattern of `fnmatch`.

    >>> fits("encoder/dense_1", "encoder/*"), fits("encoder/dense_1", "encoder"), fits("encoder/dense_1", "dense_1")
    (True, True, False)
    """
    names = path.split("/")
    return any(fnmatchcase("/".join(names[: i + 1]), pattern) for i in range(len(names)))


def at(tree: Any, path: str) -> Any:
    """What stands at a path."""
    for key in _keys(tree, path):
        tree = tree[key]
    return tree


def put(tree: Tree, path: str, value: Any) -> Tree:
    """The tree with this value at a path, where something may stand or not."""

    def changed(part: Any, keys: list[Any]) -> Any:
        own = value if len(keys) == 1 else changed(part[keys[0]], keys[1:])
        if isinstance(part, Mapping):
            return {**part, keys[0]: own}
        return type(part)(own if i == keys[0] else old for i, old in enumerate(part))

    made: Tree = changed(tree, _keys(tree, path))
    return made


def without(tree: Tree, path: str) -> Tree:
    """The tree without what stands at a path; the dict that it stood in stays, be it empty."""

    def changed(part: Any, keys: list[Any]) -> Any:
        if len(keys) == 1:
            return {key: own for key, own in part.items() if key != keys[0]}
        return put(part, str(keys[0]), changed(part[keys[0]], keys[1:]))

    made: Tree = changed(tree, _keys(tree, path))
    return made


def beside(path: str, name: str) -> str:
    """The path of what stands beside this under another name.

    >>> beside("dense_1/W", "V"), beside("W", "V")
    ('dense_1/V', 'V')
    """
    head, slash, _ = path.rpartition("/")
    return f"{head}{slash}{name}"


def _keys(tree: Any, path: str) -> list[Any]:
    """The keys that a path consists of; names in a tree may have a "/" themselves. The last need not be there."""
    keys: list[Any] = []
    while path:
        if isinstance(tree, Mapping):
            known = [name for name in tree if path == name or path.startswith(f"{name}/")]
            key: Any = max(known, key=len, default=path)
            path = path[len(key) + 1 :]
        else:
            head, _, path = path.partition("/")
            key = int(head)
        keys.append(key)
        if path:
            tree = tree[key]
    return keys


def trained(params: Params, untrained: tuple[tuple[str, str], ...]) -> Params:
    """The parameters with None in the place of those that are not trained, see `netgrad.Network.untrained`."""
    if not untrained:
        return params

    def own(path: str, leaf: Any) -> Any:
        return None if any(_among(path, *pair) for pair in untrained) else leaf

    return map_leaves(own, params)


def completed(params: Params, part: Params) -> Params:
    """The parameters with what `trained` has left of them in its place."""
    whole: Params = jax.tree.map(lambda stored, own: stored if own is None else own, params, part)
    return whole


def _among(path: str, layer: str, pattern: str) -> bool:
    return covers(layer, pattern, path) if pattern else path == layer or path.startswith(f"{layer}/")
