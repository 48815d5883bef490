"""One process of a group: trains networks with the others and, as the first one, alone; prints how they differ.

`python -m tests.parallel.one_of_a_group HOST:PORT PROCESS OF FOLDER WORK ...`; "slurm" for HOST:PORT leaves it to JAX
to find out from the environment where it is.
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np

import netgrad as ng
from netgrad.parallel.processes import apart, first, join

R = np.random.default_rng(0)
ROW_GROUPS = (11, 20, 7, 16, 2)  # rows of each


def mlp(_):
    net = ng.Sequential([ng.Dense(16, activation="relu"), ng.Dropout(0.2), ng.Dense(3)])
    return net, R.normal(size=(52, 6)), R.integers(0, 3, 52)


def normalised(_):
    net = ng.Sequential([ng.Dense(16, bias=False), ng.BatchNorm(), ng.ReLU(), ng.Dense(3)])
    return net, R.normal(size=(52, 6)), R.integers(0, 3, 52)


def cnn(_):
    layers = [ng.Conv(3, 3, activation="relu"), ng.MaxPool(2), ng.Conv(4, 2, activation="relu"), ng.Flatten()]
    net = ng.Sequential([*layers, ng.Dense(8, activation="relu"), ng.Dense(3)])
    return net, R.normal(size=(52, 8, 8, 1)), R.integers(0, 3, 52)


def lstm(_):
    return ng.Sequential([ng.LSTM(8, returns="last"), ng.Dense(3)]), R.normal(size=(52, 6, 3)), R.integers(0, 3, 52)


def transformer(_):
    block = [ng.Residual([ng.LayerNorm(), ng.Attention(8)]), ng.Residual([ng.LayerNorm(), ng.Dense(8)])]
    net = ng.Sequential([ng.Embedding(5, 8), *block, ng.Flatten(), ng.Dense(3)])
    return net, R.integers(0, 5, (52, 6)), R.integers(0, 3, 52)


READ = []  # the row groups that this process has read


def stream(folder):
    """A Parquet file of row groups of unequal size, in more rounds than one."""
    import pandas as pd
    from pyarrow import Table
    from pyarrow.parquet import ParquetWriter

    table = Table.from_pandas(pd.DataFrame(R.normal(size=(sum(ROW_GROUPS), 4)), columns=list("abcy")))
    file = folder / f"{jax.process_index()}.parquet"  # each its own, as on several hosts
    with ParquetWriter(file, table.schema) as writer:
        begun = 0
        for rows in ROW_GROUPS:
            writer.write_table(table.slice(begun, rows))
            begun += rows
    parts = ng.Stream.parquet(file, target="y")

    def read(i):
        READ.append(i)
        return parts.read(i)

    net = ng.Sequential([ng.Dense(16, bias=False), ng.BatchNorm(), ng.Tanh(), ng.Dropout(0.2), ng.Dense(1)])
    return net, ng.Stream.numbered(len(ROW_GROUPS), read), None


def main(place, process, of, folder, *works):
    if place == "slurm":
        jax.distributed.initialize()
    else:
        join(place, int(process), int(of))
    found = {}
    for work in works:
        net, *data = globals()[work](Path(folder))
        how = {"epochs": 3, "batch_size": 7, "optimizer": "sgd", "learning_rate": 0.05}
        together = ng.fit(net, *data, **how).history["loss"]
        if work == "stream":
            (Path(folder) / f"read-{process}.json").write_text(json.dumps(READ))
        if first():
            with apart():
                alone = ng.fit(net, *data, **how).history["loss"]
            found[work] = float(np.abs(np.asarray(together) / np.asarray(alone) - 1).max())
    if first():
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
