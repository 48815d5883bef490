"""Networks that PyTorch writes as ONNX, with what they compute there.

`python -m tests.exchange.torch_exports` (with torch and onnxscript installed) writes the files in ``data`` anew, which
are tested where torch is not installed, and the table in docs/onnx.md of what is read of either of PyTorch's exporters.
"""

import json
import logging
import re
import tempfile
import warnings
from itertools import product
from pathlib import Path

import numpy as np

import netgrad as ng
from netgrad.exchange import from_onnx

DATA = Path(__file__).parent / "data"
NUMBERS = DATA / "torch_exports.json"
PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"
BEGIN, END = (
    "<!-- networks of PyTorch: written by python -m tests.exchange.torch_exports -->\n",
    "<!-- end of networks -->\n",
)

KINDS = ("LSTM", "GRU", "RNN")
TAKEN = ("all steps", "last step", "h_n")
# Every kind, with one layer and two, in one direction and both, with the examples first and the time-steps first.
RECURRENT = [
    (kind, layers, both, first, TAKEN[i % 3])
    for i, (kind, layers, both, first) in enumerate(product(KINDS, (1, 2), (False, True), (True, False)))
]
# Kept in ``data``: (name, the network's name here, whether the newer exporter wrote it).
KEPT = {
    "lstm_1": (RECURRENT[0], False),
    "lstm_1_both_time_first": (RECURRENT[3], False),
    "lstm_2_both_h": ((*RECURRENT[6][:4], "h_n"), False),
    "lstm_2_time_first_new": (RECURRENT[5], True),
    "gru_1_time_first": (RECURRENT[9], False),
    "gru_2_both": (RECURRENT[14], False),
    "gru_1_both_new": (RECURRENT[10], True),
    "rnn_1": (RECURRENT[16], False),
    "rnn_2_both_time_first": (RECURRENT[23], False),
    "rnn_1_new": (RECURRENT[16], True),
    "convolutional": ("convolutional network with batch normalisation, pooling and dropout", False),
    "residual": ("residual network", False),
    "residual_new": ("residual network", True),
    "words": ("embedding, convolutions, maxima over time", False),
}


def recurrent(torch, kind, layers, both, first, taken):
    """A recurrent network with a dense layer behind it, and an input for it."""
    nn = torch.nn

    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells = getattr(nn, kind)(3, 4, num_layers=layers, bidirectional=both, batch_first=first)
            self.out = nn.Linear(8 if both else 4, 2)

        def forward(self, x):
            y, h = self.cells(x)
            h = h[0] if isinstance(h, tuple) else h
            match taken:
                case "last step":
                    y = y[:, -1] if first else y[-1]
                case "h_n":
                    y = torch.cat([h[-2], h[-1]], 1) if both else h[-1]
            return self.out(y)

    return Module(), torch.randn(5, 6, 3) if first else torch.randn(6, 5, 3)


def networks(torch):
    """Name -> (module, input): small networks of many kinds."""
    nn, f = torch.nn, torch.nn.functional

    class Function(nn.Module):
        def __init__(self, compute, *parts):
            super().__init__()
            self.compute, self.parts = compute, nn.ModuleList(parts)

        def forward(self, x):
            return self.compute(self.parts, x)

    def flat(*parts):
        return nn.Sequential(*parts)

    def residual(p, x):
        y = f.relu(p[1](p[0](x)))
        return p[4](f.adaptive_avg_pool2d(f.relu(p[2](y) + p[3](x)), 1).flatten(1))

    def words(p, x):
        e = p[0](x).transpose(1, 2)
        return p[3](torch.cat([f.relu(conv(e)).max(dim=2).values for conv in p[1:3]], 1))

    def attention(p, x):
        return p[2](p[1](x + p[0](x, x, x, need_weights=False)[0]).mean(1))

    def excitation(p, x):
        y = p[0](x)
        return y * torch.sigmoid(p[1](y.mean((2, 3))))[:, :, None, None]

    vectors, images, steps = torch.randn(5, 6), torch.randn(5, 3, 8, 8), torch.randn(5, 7, 8)
    signals, symbols = torch.randn(5, 3, 12), torch.randint(0, 20, (5, 7))
    conv = nn.Conv2d(3, 4, 3)
    activations = {
        name: (flat(nn.Linear(6, 8), getattr(nn, name)(), nn.Linear(8, 3)), vectors)
        for name in ("ELU", "PReLU", "LeakyReLU", "SiLU", "Hardtanh", "ReLU6", "GELU", "SELU", "Softplus", "Hardswish")
    }
    return {f"dense layers with {name}": value for name, value in activations.items()} | {
        "dense layers, batch normalisation, dropout": (
            flat(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3), nn.Softmax(1)),
            vectors,
        ),
        "dense layers with LogSoftmax": (flat(nn.Linear(6, 3), nn.LogSoftmax(1)), vectors),
        "layer normalisation": (flat(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)), vectors),
        "RMSNorm": (flat(nn.RMSNorm(6), nn.Linear(6, 3)), vectors),
        "group normalisation": (flat(conv, nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(144, 3)), images),
        "gated linear units": (flat(nn.Linear(6, 8), nn.GLU(), nn.Linear(4, 2)), vectors),
        "convolutional network with batch normalisation, pooling and dropout": (
            flat(
                nn.Conv2d(3, 4, 3, padding=1),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Dropout2d(0.2),
                nn.Conv2d(4, 4, 3, padding=1, bias=False),
                nn.Tanh(),
                nn.AvgPool2d(2),
                nn.Flatten(),
                nn.Linear(16, 3),
                nn.Softmax(1),
            ),
            images,
        ),
        "depthwise convolutions with ReLU6": (
            flat(
                nn.Conv2d(3, 6, 3, groups=3, dilation=2), nn.ReLU6(), nn.Conv2d(6, 4, 1), nn.Flatten(), nn.Linear(64, 2)
            ),
            images,
        ),
        "one-dimensional convolution": (
            flat(nn.Conv1d(3, 4, 3, padding="same"), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(24, 2)),
            signals,
        ),
        "autoencoder with transposed convolution": (
            flat(
                nn.Conv2d(3, 4, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
                nn.Sigmoid(),
            ),
            images,
        ),
        "upsampling": (flat(conv, nn.Upsample(scale_factor=2)), images),
        "padding by reflection": (flat(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")), images),
        "residual network": (
            Function(
                residual,
                nn.Conv2d(3, 8, 3, padding=1, bias=False),
                nn.BatchNorm2d(8),
                nn.Conv2d(8, 8, 3, padding=1),
                nn.Conv2d(3, 8, 1),
                nn.Linear(8, 4),
            ),
            images,
        ),
        "squeeze and excitation": (Function(excitation, conv, nn.Linear(4, 4)), images),
        "embedding, convolutions, maxima over time": (
            Function(words, nn.Embedding(20, 6), nn.Conv1d(6, 4, 2), nn.Conv1d(6, 4, 3), nn.Linear(8, 2)),
            symbols,
        ),
        "embedding and LSTM": (
            Function(
                lambda p, x: p[2](p[1](p[0](x))[0][:, -1]),
                nn.Embedding(20, 6),
                nn.LSTM(6, 5, batch_first=True),
                nn.Linear(5, 2),
            ),
            symbols,
        ),
        "attention": (
            Function(attention, nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8), nn.Linear(8, 2)),
            steps,
        ),
        "transformer": (flat(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 2)), steps),
        "what calculates with the number of examples": (
            Function(lambda p, x: p[0](x) * x.size(0), nn.Linear(6, 2)),
            vectors,
        ),
    }


def made(torch, which):
    """A module with its weights drawn and its statistics set, the input, and which axis is that of the examples."""
    torch.manual_seed(0)
    module, x = recurrent(torch, *which) if isinstance(which, tuple) else networks(torch)[which]
    for part in module.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    x = x if not x.is_floating_point() else (x * 100).round() / 100  # short in the file of numbers
    return module.eval(), x, int(isinstance(which, tuple) and not which[3])


def exported(torch, which, new, path):
    """Write a network; its input, and what it computes, the examples first in both."""
    module, x, axis = made(torch, which)
    names = {"input_names": ["x"], "output_names": ["y"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            if new:
                free = {axis: torch.export.Dim("n")}
                torch.onnx.export(
                    module, (x,), path, dynamo=True, external_data=False, dynamic_shapes=(free,), verbose=False, **names
                )
            else:
                torch.onnx.export(module, (x,), path, dynamo=False, dynamic_axes={"x": {axis: "n"}}, **names)
        finally:
            logging.disable(logging.NOTSET)
    with torch.no_grad():
        y = module(x).numpy()
    x = x.numpy()
    return (x, y) if not axis else (x.swapaxes(0, 1), y.swapaxes(0, 1) if y.ndim == 3 else y)


def read(torch, which, new, folder):
    """ "read", or why it was refused; an `AssertionError` where it is read and computes something else."""
    path = Path(folder) / "model.onnx"
    try:
        x, y = exported(torch, which, new, path)
    except Exception as error:
        if type(error).__module__.split(".")[0] != "torch":
            raise
        return "not exported by PyTorch"
    try:
        model = from_onnx(path)
    except ng.FileError as error:
        return str(error).split("cannot be read as a network: ")[-1]
    np.testing.assert_allclose(model.predict_proba(x), y, rtol=1e-4, atol=1e-5, err_msg=str(which))
    return "read"


def without_notes(path):
    """The file without what it says of the machine that wrote it: names of source files, stacks of calls."""
    import onnx

    proto = onnx.load(path)
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("doc_string")
        if hasattr(part, "metadata_props"):
            part.ClearField("metadata_props")
    graph.ClearField("value_info")
    return proto.SerializeToString(deterministic=True)


def rows(torch, new):
    """Name -> outcome of every network in the documentation's table."""
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for kind in KINDS:
            outcomes = {short(read(torch, which, new, folder)) for which in RECURRENT if which[0] == kind}
            found[f"{kind}, 8 forms"] = "; or ".join(sorted(outcomes))
        return found | {name: read(torch, name, new, folder) for name in networks(torch)}


def short(outcome):
    """An outcome as the table has it: without the names of single nodes."""
    outcome = re.sub(r"^operator (\S+) (?:'[^']*'|of '[^']*')", r"\1", outcome).replace("|", "")
    return outcome.replace(" has no layer here (docs/onnx.md lists those that have)", " has no layer")


def table(old, new):
    """The documentation's table."""
    lines = ["| network | older exporter (`dynamo=False`) | newer exporter |", "|---|---|---|"]
    lines += [f"| {name} | {short(old[name])} | {short(new[name])} |" for name in old]
    return "\n".join(lines) + "\n"


def main():
    import torch

    numbers = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (which, new) in KEPT.items():
            x, y = exported(torch, which, new, Path(folder) / "model.onnx")
            (DATA / f"{name}.onnx").write_bytes(without_notes(Path(folder) / "model.onnx"))
            numbers[name] = {"x": np.round(x.astype(float), 2).tolist(), "y": np.round(y.astype(float), 7).tolist()}
    NUMBERS.write_text(json.dumps(numbers) + "\n")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    page = f"{before}{BEGIN}{table(rows(torch, False), rows(torch, True))}{END}{rest.split(END)[1]}"
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
