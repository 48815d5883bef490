"""`python -m benchmarks.language`: a small Transformer that writes Shakespeare, here and in PyTorch, by one recipe.

Both learn the next symbol of the same windows of tinyshakespeare (from NETGRAD_DATA, or fetched; `--text` takes another
file) with the same network, decoder only and normalised first, by Adam, and say what a symbol of the last tenth of the
text costs, in nats. First weights and the order of the windows are each library's own, drawn from the seed, so that
losses are held against the spread of three seeds. Every run is a process of its own.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.seeds import compare, report
from benchmarks.works import Work

UNITS, BLOCKS, HEADS, STEPS, BATCH, RATE = 64, 2, 4, 64, 32, 1e-3


def data(text: str, symbols: int) -> tuple[Work, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The network, and windows of the first ``symbols`` of a text to train on and to test on."""
    from netgrad.data import datasets
    from netgrad.data.text import Vocabulary, windows

    text = datasets.load_text(text)[:symbols]
    vocabulary = Vocabulary(text)
    ids, cut = vocabulary.encode(text), len(text) * 9 // 10
    x, y = windows(ids[:cut], STEPS)
    x_test, y_test = windows(ids[cut:], STEPS)
    k = len(vocabulary)
    layers = (("transformer", UNITS, BLOCKS, HEADS), ("dense", k, "identity"))
    return Work("language", "a small Transformer", "text", BATCH, (STEPS,), layers, k), x, y, x_test, y_test


def nats(p: np.ndarray, y: np.ndarray) -> float:
    """What a symbol costs, from the probabilities of all (N, T, k)."""
    return float(-np.log(np.take_along_axis(p.astype(float), y[..., None], -1)).mean())


def netgrad(seed: int, epochs: int, given: Any) -> float:
    """The loss of the test windows after so many epochs."""
    import netgrad as ng
    from benchmarks.contenders.with_netgrad import network

    work, x, y, x_test, y_test = given
    settings = {"optimizer": "adam", "learning_rate": RATE, "batch_size": BATCH, "epochs": epochs}
    model = ng.fit(network(work), x, y, loss="softmax_cross_entropy", seed=seed, **settings)
    return nats(np.asarray(model.predict_proba(x_test)), y_test)


def pytorch(seed: int, epochs: int, given: Any) -> float:
    """The same."""
    import torch

    from benchmarks.contenders.with_torch import Decoder

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    work, *arrays = given
    x, y, x_test = (torch.tensor(np.asarray(a), dtype=torch.long) for a in arrays[:3])
    net = Decoder(work)
    adam = torch.optim.Adam(net.parameters(), RATE)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            adam.zero_grad()
            logits = net(x[rows], None)
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), y[rows].flatten()).backward()
            adam.step()
    net.eval()
    with torch.no_grad():
        return nats(torch.cat([net(rows, None).softmax(-1) for rows in x_test.split(BATCH)]).numpy(), arrays[3])


CONTENDERS = {"netgrad": netgrad, "PyTorch": pytorch}


def main() -> None:
    """The seeds in turn; a line for each, and one for their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", default="tinyshakespeare", help="a UTF-8 file")
    parser.add_argument("--symbols", type=int, default=300_000, help="how many of the text's are used")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--run", nargs=2, metavar=("CONTENDER", "SEED"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        given = data(chosen.text, chosen.symbols)
        report(lambda: CONTENDERS[chosen.run[0]](int(chosen.run[1]), chosen.epochs, given))
        return
    how = ["--text", chosen.text, "--symbols", str(chosen.symbols), "--epochs", str(chosen.epochs)]
    compare("benchmarks.language", how, CONTENDERS, "nats")


if __name__ == "__main__":
    main()
