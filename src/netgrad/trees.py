"""Dicts, lists and tuples of arrays, seen as one dict by path."""

from __future__ import annotations

from typing import Any

import jax


def by_path(tree: Any) -> dict[str, Any]:
    """What dicts, lists and tuples in each other hold, by its path.

    >>> by_path({"encoder/dense_1": {"W": 1}, "heads": [2, {"b": 3}]})
    {'encoder/dense_1/W': 1, 'heads/0': 2, 'heads/1/b': 3}
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
