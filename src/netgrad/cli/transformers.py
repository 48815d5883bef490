"""`--net transformer`: the blocks for sequences from a table, and the decoder for a text."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad.errors import NetgradError

NAME = "transformer"
STEPS = 64  # symbols of a text that it sees, unless --truncate says otherwise


def sizes(given: dict[str, Any], usual: tuple[int, ...]) -> dict[str, Any]:
    """Units, blocks and heads: --hidden 64,64 is two blocks of 64 units."""
    from netgrad.architectures.transformer import of_sizes
    from netgrad.cli.options import units

    if given["bidirectional"]:
        raise NetgradError(f"--bidirectional is for recurrent networks, --net {NAME} sees both ends: leave it out")
    hidden = usual if given["hidden"] is None else units("--hidden", given["hidden"])
    return of_sizes(hidden, "--hidden") | {"dropout": given["dropout"]}


def blocks(given: dict[str, Any], usual: tuple[int, ...], returns: str) -> list[Any]:
    """From the rows of a table to what the last layer reads."""
    from netgrad.architectures import transformer_encoder

    mean = "mean" if returns == "last" else "sequence"
    return [transformer_encoder(None, **sizes(given, usual), returns=mean)]


def decoder(given: dict[str, Any], symbols: int) -> Any:
    """The language model."""
    from netgrad.architectures import transformer_decoder

    return transformer_decoder(symbols, **sizes(given, (128, 128)))


def pieces(ids: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """A text's symbols in pieces of as many steps, and the symbol after each."""
    from netgrad.data import windows

    return windows(ids, min(steps, len(ids) - 1))
