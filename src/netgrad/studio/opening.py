"""`netgrad.studio`: the studio opened from a script or a notebook, on a network and data of one's own."""

from __future__ import annotations

import html
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.errors import NetgradError
from netgrad.network import Network
from netgrad.studio.design import Design
from netgrad.studio.examples import classes_of
from netgrad.studio.server import prepare
from netgrad.studio.session import Session
from netgrad.training.untrained import untrained


class Opened:
    """An open studio: ``url`` is its address; a notebook shows the page itself. `wait` keeps a script from ending."""

    def __init__(self, server: Any, listening: Any, url: str, folder: Any, browser: bool):
        self.url, self._server, self._folder = url, server, folder
        server.install_signal_handlers = lambda: None
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        self._thread.start()
        if browser:
            webbrowser.open(url)

    def wait(self) -> None:
        """Until the studio is closed, or control-C."""
        self._thread.join()

    def close(self) -> None:
        """End the server and the training."""
        self._server.should_exit = True
        self._thread.join()
        if self._folder is not None:
            self._folder.cleanup()

    def _repr_html_(self) -> str:
        return f'<iframe src="{html.escape(self.url)}" width="100%" height="760" style="border:0"></iframe>'

    def __repr__(self) -> str:
        return f"studio at {self.url}"


def studio(
    network: Network | None = None,
    x: Any = None,
    y: Any = None,
    *,
    validation: Any = None,
    optimizer: str = "adam",
    learning_rate: float = 0.01,
    batch_size: int = 32,
    seed: int = 0,
    browser: bool = True,
    port: int | None = None,
    folder: str | Path | None = None,
) -> Opened:
    """Open the studio on a network and its data; without any, on the gallery of small data sets.

    x: (N, ...). y: class numbers (N,), or quantities; None for a network that gives its inputs back. validation: a pair
    (x, y) that is held out, x alone where there is no y; a quarter where there is none. optimizer, learning_rate,
    batch_size, seed: what it begins with, all of which can be changed in the page. browser: whether a browser is
    opened, too. folder: where runs are kept.

    Returns at once with the open studio, see `Opened`; training is done by a process of its own. Raises `NetgradError`
    for data that cannot be used, layers that model files do not know, and where the extra ``studio`` is missing.
    """
    kept, source, first = None, {"gallery": True}, Design().plain | {"layers": FIRST}
    if network is not None:
        kept = tempfile.TemporaryDirectory(prefix="netgrad-studio-")
        source = _written(network, x, y, validation, Path(kept.name), seed)
        first |= {"layers": None, "optimizer": optimizer, "learning_rate": learning_rate}
        first |= {"batch_size": batch_size, "seed": seed}
        Design.of(first)
    elif x is not None:
        raise NetgradError("studio takes a network before the data: studio(net, x, y)")
    server, listening, url = prepare(Session(source, first), port=port, folder=None if folder is None else Path(folder))
    return Opened(server, listening, url, kept, browser)


FIRST = [{"kind": "dense", "units": 6, "activation": "tanh"}, {"kind": "dense", "units": 4, "activation": "tanh"}]
# What some data begin with instead.
LOOKS: dict[str, dict[str, Any]] = {
    "reber": {"layers": [{"kind": "rnn", "units": 8}]},
    "embedded_reber": {"layers": [{"kind": "lstm", "units": 20}]},
    "autoencoder": {"layers": [{"kind": "dense", "units": units} for units in (32, 8, 32)]},
    "lstm_cell": {"layers": [{"kind": "lstm", "units": 3}], "params": "lstm_cell", "loss": "squared_error"},
}


def _written(network: Network, x: Any, y: Any, validation: Any, folder: Path, seed: int) -> dict[str, Any]:
    """The network and its data as files that the process which trains reads."""
    model = untrained(network, x, y, seed=seed)
    model.save(folder / "model.safetensors")
    if len(network.inputs) > 1 or len(network.outputs) > 1:
        raise NetgradError("the studio shows networks of one input and one output: cut one out, or use Model.trace")

    def plain(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        batch = model.batch(x, y)
        return np.asarray(next(iter(batch.x.values()))), np.asarray(next(iter(batch.y.values())))

    own_x, own_y = plain(x, y)
    classes = classes_of(model, own_y)
    told: dict[str, Any] = {"classes": np.array(classes, dtype=str), "reconstructs": np.array(y is None)}
    if validation is not None:
        held_x, held_y = plain(*(validation if y is not None or isinstance(validation, tuple) else (validation, None)))
        told |= {"x_held": held_x, "y_held": held_y}
    np.savez(folder / "data.npz", x=own_x, y=own_y, **told)
    return {"arrays": str(folder / "data.npz"), "model": str(folder / "model.safetensors")}
