"""Modules of PyTorch and the networks that are to compute the same: with torch at hand in both directions, and without
it from numbers that torch made (`python -m tests.exchange.torch_cases` writes torch_numbers.json anew)."""

import json
from pathlib import Path

import numpy as np

import netgrad as ng

NUMBERS = Path(__file__).with_name("torch_numbers.json")


def networks():
    """name -> (layers, shape of one example as netgrad has it, names for from_torch)."""
    relu = {"activation": "relu"}
    return {
        "mlp": ([ng.Dense(3, activation="tanh"), ng.Dropout(0.1), ng.Dense(2)], (4,), None),
        "prelu": ([ng.Dense(3, activation=ng.PReLU()), ng.Dense(2, bias=False)], (4,), None),
        "images": (
            [ng.Conv(3, 2, **relu), ng.BatchNorm(), ng.MaxPool(2), ng.Flatten(), ng.Dense(2)],
            (5, 7, 2),
            None,
        ),
        "signals": (
            [ng.Conv(4, 3, stride=2, padding=1, groups=2), ng.ConvTranspose(2, 2, stride=2), ng.Flatten(), ng.Dense(1)],
            (6, 2),
            None,
        ),
        "volumes": ([ng.Conv(2, 2), ng.GlobalPool(), ng.Dense(2)], (3, 3, 3, 1), None),
        "norms": ([ng.Dense(4), ng.LayerNorm(), ng.ReLU(), ng.Dense(4), ng.BatchNorm()], (3,), None),
        "words": ([ng.Embedding(5, 3), ng.RNN(3, returns="last"), ng.Dense(2)], (4,), None),
        "rnn_relu": ([ng.RNN(3, "relu")], (4, 2), None),
        "lstm": ([ng.LSTM(3), ng.LSTM(3, returns="last"), ng.Dense(2)], (4, 2), None),
        "gru": ([ng.GRU(3, reset_after=True), ng.Dense(2)], (4, 2), None),
        "both_ways": ([ng.Bidirectional(ng.LSTM(2)), ng.Bidirectional(ng.GRU(2, reset_after=True))], (4, 3), None),
        "named": (
            [ng.Dense(3, activation="tanh"), ng.Dense(3)],
            (3,),
            {"dense_1": "second", "dense_2": "first"},  # a module that defines them the other way round
        ),
    }


def model_of(name):
    """The untrained model of a case."""
    layers, shape, _ = networks()[name]
    network = ng.Sequential(layers)
    out = network.shapes(shape)[network.nodes[-1].name]
    return ng.untrained(network, inputs(name), np.zeros((3, *out)), loss="squared_error", seed=1)


def modules(torch):
    """name -> the module, and how it is called on inputs as netgrad has them."""
    nn = torch.nn

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            return self.first(torch.tanh(self.second(x)))

    class Recurrent(nn.Module):
        """Embedding, recurrent modules and a readout of the last step or of all."""

        def __init__(self, *rnns, last=False, embedding=None, out=None):
            super().__init__()
            self.embedding, self.rnns, self.out, self.last = embedding, nn.ModuleList(rnns), out, last

        def forward(self, x):
            x = x if self.embedding is None else self.embedding(x)
            for rnn in self.rnns:
                x, _ = rnn(x)
            x = x[:, -1] if self.last else x
            return x if self.out is None else self.out(x)

    first = {"batch_first": True}
    return {
        "mlp": nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Dropout(0.1), nn.Linear(3, 2)),
        "prelu": nn.Sequential(nn.Linear(4, 3), nn.PReLU(3), nn.Linear(3, 2, bias=False)),
        "images": nn.Sequential(
            nn.Conv2d(2, 3, 2), nn.ReLU(), nn.BatchNorm2d(3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 2)
        ),
        "signals": nn.Sequential(
            nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2),
            nn.ConvTranspose1d(4, 2, 2, stride=2),
            nn.Flatten(),
            nn.Linear(12, 1),
        ),
        "volumes": nn.Sequential(nn.Conv3d(1, 2, 2), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2, 2)),
        "norms": nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 4), nn.BatchNorm1d(4)),
        "words": Recurrent(nn.RNN(3, 3, **first), embedding=nn.Embedding(5, 3), out=nn.Linear(3, 2), last=True),
        "rnn_relu": Recurrent(nn.RNN(2, 3, nonlinearity="relu", **first)),
        "lstm": Recurrent(nn.LSTM(2, 3, 2, **first), out=nn.Linear(3, 2), last=True),
        "gru": Recurrent(nn.GRU(2, 3, **first), out=nn.Linear(3, 2)),
        "both_ways": Recurrent(nn.LSTM(3, 2, bidirectional=True, **first), nn.GRU(4, 2, bidirectional=True, **first)),
        "named": Named(),
    }


def run(torch, name, module, x):
    """The module on inputs as netgrad has them: channels last, symbols as whole numbers."""
    values = torch.tensor(x)
    if name in ("images", "signals", "volumes"):
        values = torch.movedim(values, -1, 1)
    if name == "words":
        values = values.long()
    module.eval()
    with torch.no_grad():
        return module(values).numpy()


def inputs(name):
    """Inputs for a case."""
    rng = np.random.default_rng(3)
    shape = networks()[name][1]
    if name == "words":
        return rng.integers(0, 5, (3, *shape)).astype(np.float32)
    return rng.normal(size=(3, *shape)).round(2).astype(np.float32)


def seeded(torch, name):
    """A module with weights of two digits, so that the file of numbers stays short, and other than the usual
    statistics."""
    module = modules(torch)[name]
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype).mul(0.5)
                tensor.copy_(torch.round(drawn.abs() + 0.5 if "running_var" in key else drawn, decimals=2))
    return module


if __name__ == "__main__":
    import torch

    cases = {}
    for name in networks():
        module = seeded(torch, name)
        cases[name] = {
            "weights": {
                key: {"shape": list(v.shape), "values": [round(n, 2) for n in v.double().flatten().tolist()]}
                for key, v in module.state_dict().items()
                if v.is_floating_point()
            },
            "outputs": np.round(run(torch, name, module, inputs(name)).astype(float), 6).tolist(),
        }
    NUMBERS.write_text(json.dumps({"torch": torch.__version__, "cases": cases}) + "\n")
