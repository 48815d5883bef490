"""`netgrad export` and `netgrad import`: models to and from the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from netgrad.cli.predict import ModelFile
from netgrad.errors import NetgradError


def export(
    model_file: ModelFile,
    out: Annotated[
        Path,
        typer.Argument(help="A .onnx file; or a .safetensors file of weights as PyTorch arranges them.", metavar="OUT"),
    ],
    raw: Annotated[
        bool, typer.Option("--raw", help="ONNX: the outputs before softmax or logistic function, not probabilities.")
    ] = False,
    lengths: Annotated[
        bool, typer.Option("--lengths", help="ONNX: one more input with the number of valid steps of each sequence.")
    ] = False,
) -> None:
    """Write a model as ONNX, or its weights for PyTorch."""
    import netgrad as ng
    from netgrad import exchange

    kind = out.suffix.lower()
    if kind not in (".onnx", ".safetensors"):
        raise NetgradError(f"{out} says no format: end it in .onnx, or in .safetensors for PyTorch's weights")
    if kind == ".safetensors" and (raw or lengths):
        raise NetgradError("--raw and --lengths are for ONNX files, weights have neither")
    if out.exists() and out.samefile(model_file):
        raise NetgradError(f"{out} is the model itself: choose another name")
    model = ng.load(model_file)
    if kind == ".onnx":
        exchange.to_onnx(model, out, probabilities=not raw, lengths=lengths)
        print(f"{out}: {told(model)}{'; lengths in NAME_lengths (N)' if lengths else ''}")
        if model.encoder is not None:
            columns = ", ".join(column.name for column in model.encoder.columns[:6])
            print(f"feed it with model.encode_inputs(table): the encoding of {columns} is not part of the file")
    else:
        exchange.to_torch(model, out)
        print(f"{out}: load it with module.load_state_dict(safetensors.torch.load_file({out.name!r}))")


def import_(
    file: Annotated[Path, typer.Argument(help="A .onnx file.", metavar="FILE")],
    out: Annotated[Path, typer.Argument(help="The model file to write, a .safetensors file.", metavar="MODEL")],
    shape: Annotated[
        list[str] | None,
        typer.Option(help="The shape of one example, where the file leaves it open: x=28,3", metavar="INPUT=N,N"),
    ] = None,
) -> None:
    """Turn an ONNX file into a model for netgrad's predict, inspect and serve."""
    from netgrad import exchange

    if out.suffix.lower() != ".safetensors":
        raise NetgradError(f"model files end in .safetensors, found {out}")
    model = exchange.from_onnx(file, shapes=dict(map(parsed, shape or [])))
    model.save(out)
    print(f"{out}: {len(model.network.nodes)} layers, {model.parameters:,} parameters; {told(model)}")


def parsed(text: str) -> tuple[str, tuple[int, ...]]:
    """ "x=28,3" as ("x", (28, 3))."""
    name, _, sizes = text.partition("=")
    try:
        return name, tuple(int(n) for n in sizes.split(","))
    except ValueError:
        raise NetgradError(f"--shape is written x=28,3: an input's name and numbers, found {text!r}") from None


def told(model: Any) -> str:
    """Inputs and outputs with their shapes."""
    shapes = model.network.shapes(model.shapes)
    ins = ", ".join(f"{name} {shown(shapes[name])}" for name in model.network.inputs)
    outs = ", ".join(f"{name} {shown(shapes[node])}" for name, node in model.network.outputs)
    return f"inputs {ins}; outputs {outs}"


def shown(shape: tuple[int, ...]) -> str:
    """A shape with the examples' axis."""
    return f"(N{''.join(f', {n}' for n in shape)})"
