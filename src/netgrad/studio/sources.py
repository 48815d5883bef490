"""Where the studio's examples come from: the gallery, a file, a folder, or what a model file was taught on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netgrad.studio.examples import Examples, arrays, folder, gallery, sequences, table, text
from netgrad.studio.modelfile import examples_for


def examples(source: Mapping[str, Any]) -> Examples:
    """Those that a source names: {"gallery": name}, {"table": path, "target": column}, with "id" (and "time") where its
    rows are time-steps, {"folder": path}, {"text": path}, {"arrays": path}; with "weights", of a model file."""
    if "weights" in source:
        return examples_for(source)
    if "id" in source:
        return sequences(source["table"], source.get("target"), source["id"], source.get("time"))
    if "table" in source:
        return table(source["table"], source.get("target"))
    for name, read in (("folder", folder), ("text", text), ("arrays", arrays)):
        if name in source:
            return read(source[name])
    return gallery(str(source.get("gallery")))
