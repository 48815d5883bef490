"""A design: the network and the training that the page shows as a drawing, as plain JSON, checked, and as code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from netgrad import layers
from netgrad.compiling import MOST_SEEDS
from netgrad.errors import NetgradError, unknown_name
from netgrad.layers.base import Layer
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Network, Sequential
from netgrad.registry import KINDS, find
from netgrad.studio.examples import Examples

MOST_LAYERS, MOST_UNITS = 12, 1024
# Each kind with the fields that the page offers: name, default, least and most; or the choices of a text.
NUMBERS: dict[str, dict[str, tuple[float, float, float]]] = {
    "dense": {"units": (8, 1, MOST_UNITS)},
    "dropout": {"rate": (0.5, 0.0, 0.95)},
    "batch_norm": {},
    "conv": {"filters": (8, 1, 128), "window": (3, 1, 11)},
    "max_pool": {"window": (2, 1, 8)},
    "flatten": {},
    "rnn": {"units": (8, 1, MOST_UNITS)},
    "lstm": {"units": (8, 1, MOST_UNITS), "forget_bias": (3, -10, 10)},
    "gru": {"units": (8, 1, MOST_UNITS)},
    "attention": {"units": (8, 1, MOST_UNITS), "heads": (1, 1, 16)},
    "positions": {},
}
FRACTIONS = ("rate", "forget_bias")  # of these numbers, those that need not be whole
CLASSES = {
    "dense": layers.Dense,
    "dropout": layers.Dropout,
    "batch_norm": layers.BatchNorm,
    "conv": layers.Conv,
    "max_pool": layers.MaxPool,
    "flatten": layers.Flatten,
    "rnn": layers.RNN,
    "lstm": layers.LSTM,
    "gru": layers.GRU,
    "attention": layers.Attention,
    "positions": layers.Positions,
}
EMBEDDED = 16  # numbers that each symbol of a text becomes
ACTIVATIONS = ("identity", "relu", "leaky_relu", "elu", "tanh", "logistic", "softplus")
INITIALIZERS = ("", "xavier", "he", "zeros", "tiny", "large")
SPREADS = {"tiny": 0.01, "large": 1.5}  # standard deviations that the lessons on first weights need
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
LOSSES = ("", "softmax_cross_entropy", "squared_error", "binary_cross_entropy", "absolute_error", "huber")
PENALTIES = ("", "l2", "l1")


@dataclass(frozen=True)
class Design:
    """What is trained and how.

    layers: the hidden layers from below, each a mapping with its ``kind``; None for a network that was given. output:
    the activation of the last layer, which has the units that the examples ask for. dead: the bias that the hidden
    layers begin with, for the lesson on units that died. loss: "" for what the examples ask for. batch_size: 0 for all
    examples at once. params: "power_plant" or "lstm_cell" for a text's first weights.

    >>> design = Design.of({"layers": [{"kind": "dense", "units": 3, "activation": "tanh"}]})
    >>> design.layers
    ({'kind': 'dense', 'units': 3, 'activation': 'tanh', 'initializer': ''},)
    >>> Design.of({"learning_rate": -1})
    Traceback (most recent call last):
    netgrad.errors.NetgradError: learning_rate must be above 0 and at most 100, found -1
    """

    data: str = "circles"
    layers: tuple[Mapping[str, Any], ...] | None = ()
    output: str = "identity"
    bias: float = 0.0
    loss: str = ""
    optimizer: str = "adam"
    learning_rate: float = 0.01
    penalty: str = ""
    alpha: float = 0.001
    batch_size: int = 32
    reduction: str = "mean"
    seed: int = 0
    params: str = ""

    @classmethod
    def of(cls, plain: Any) -> Design:
        """From what the page sends; raises `NetgradError` for what is none."""
        if not isinstance(plain, Mapping):
            raise NetgradError(f"a design is an object, found {type(plain).__name__}")
        known = {field.name for field in fields(cls)}
        if strange := sorted(set(plain) - known):
            raise unknown_name("setting", strange[0], known)
        design = replace(cls(), **plain)
        for name, choices in (
            ("output", ACTIVATIONS),
            ("loss", LOSSES),
            ("optimizer", OPTIMIZERS),
            ("penalty", PENALTIES),
            ("reduction", ("mean", "sum")),
            ("params", ("", "power_plant", "lstm_cell")),
        ):
            _one_of(name, getattr(design, name), choices)
        between("learning_rate", design.learning_rate, 0, 100, above=True)
        between("alpha", design.alpha, 0, 1)
        between("bias", design.bias, -100, 100)
        between("batch_size", design.batch_size, 0, 100_000, whole=True)
        between("seed", design.seed, 0, MOST_SEEDS - 1, whole=True)
        if not isinstance(design.data, str):
            raise NetgradError("data is the name of a data set")
        if design.layers is None:
            return design
        if not isinstance(design.layers, list | tuple) or len(design.layers) > MOST_LAYERS:
            raise NetgradError(f"layers is a list of at most {MOST_LAYERS} layers")
        return replace(design, layers=tuple(_layer(i, spec) for i, spec in enumerate(design.layers)))

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def network(self, examples: Examples) -> Network:
        """The network, with its last layer; raises what the layers raise where a shape is impossible."""
        made = [self._made(spec) for spec in self.layers or ()]
        if examples.over_time:
            return Sequential(
                [*self._over_time(made, examples), layers.Dense(examples.outputs, activation=self.output)]
            )
        flat = any(spec["kind"] == "flatten" for spec in self.layers or ())
        if len(examples.shape) > 1 and not flat:
            before = next((i for i, s in enumerate(self.layers or ()) if s["kind"] == "dense"), len(made))
            made.insert(before, layers.Flatten())
        return Sequential([*made, layers.Dense(examples.outputs, activation=self.output)])

    def _over_time(self, made: list[Layer], examples: Examples) -> list[Layer]:
        """Layers for sequences: symbols become vectors first; where there is one target each, time ends where the last
        layer that knows of it does."""
        if examples.symbols:
            made.insert(0, layers.Embedding(len(examples.symbols), EMBEDDED))
        if examples.y.ndim == (2 if examples.classes else 3):
            return made
        timed = [i for i, layer in enumerate(made) if isinstance(layer, Recurrent | layers.Attention)]
        if timed and isinstance(last := made[timed[-1]], Recurrent):
            made[timed[-1]] = replace(last, returns="last")
        else:
            made.insert(timed[-1] + 1 if timed else len(made), layers.GlobalPool())
        return made

    def _made(self, spec: Mapping[str, Any]) -> Layer:
        kind = spec["kind"]
        given: dict[str, Any] = {name: spec[name] for name in NUMBERS[kind]}
        if "activation" in spec:
            given["activation"] = spec["activation"]
        if start := spec.get("initializer"):
            wide = SPREADS.get(start)
            given["initializer"] = start if wide is None else find("initializer", "normal").__class__(wide)
        if self.bias and kind == "dense":
            given["bias_initializer"] = find("initializer", "constant").__class__(self.bias)
        made: Layer = CLASSES[kind](**given)
        return made

    def settings(self, examples: Examples) -> dict[str, Any]:
        """What `netgrad.fit` is asked for besides the network, without epochs and validation."""
        penalty = replace(find("penalty", self.penalty), alpha=self.alpha) if self.penalty else None
        asked: dict[str, Any] = {
            "loss": self.loss or examples.loss,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size or None,
            "seed": self.seed,
        }
        if self.params == "lstm_cell":
            asked["params"] = lstm_cell()
        elif self.params:
            from netgrad.experiments import power_plant

            asked["params"] = dict(zip(("dense_1", "dense_2", "dense_3"), power_plant.params().values(), strict=True))
        if self.reduction != "mean":
            asked["reduction"] = self.reduction
        return asked if penalty is None else asked | {"penalty": penalty}


def _layer(i: int, spec: Any) -> dict[str, Any]:
    """One layer of a design with all its fields."""
    if not isinstance(spec, Mapping):
        raise NetgradError(f"layer {i + 1} is an object with a kind, found {type(spec).__name__}")
    kind = spec.get("kind")
    _one_of(f"the kind of layer {i + 1}", kind, tuple(NUMBERS))
    made: dict[str, Any] = {"kind": kind}
    for name, (default, least, most) in NUMBERS[str(kind)].items():
        made[name] = spec.get(name, default)
        between(f"{name} of layer {i + 1}", made[name], least, most, whole=name not in FRACTIONS)
    if kind == "rnn":
        made["activation"] = spec.get("activation", "tanh")
        _one_of(f"the activation of layer {i + 1}", made["activation"], ACTIVATIONS)
    if kind in ("dense", "conv"):
        made["activation"] = spec.get("activation", "relu")
        made["initializer"] = spec.get("initializer", "")
        _one_of(f"the activation of layer {i + 1}", made["activation"], ACTIVATIONS)
        _one_of(f"the initializer of layer {i + 1}", made["initializer"], INITIALIZERS)
    return made


def _one_of(what: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise NetgradError(f"{what} must be one of {', '.join(c or 'none' for c in choices)}, found {value!r}")


def between(what: str, value: Any, least: float, most: float, above: bool = False, whole: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or (whole and value != int(value)) or value > most or value < least or (above and value == least):
        kind = "a whole number from" if whole else "above" if above else "from"
        raise NetgradError(
            f"{what} must be {kind} {least:g} {'and at most' if above else 'to'} {most:g}, found {value}"
        )


def lstm_cell() -> dict[str, Any]:
    """Kelleher's forget gate of eq. 114 for an LSTM of three units: what the text calls h comes in by x, and a last
    input, at the first time-step, fills the memory with 1."""
    import numpy as np

    from netgrad.experiments.gates import FORWARD_W_F

    nothing = {"W_x": np.zeros((4, 3), np.float32), "W_h": np.zeros((3, 3), np.float32), "b": np.zeros(3, np.float32)}
    fills = nothing | {"W_x": np.concatenate([np.zeros((3, 3)), np.full((1, 3), 40)]).astype(np.float32)}
    forget = nothing | {"W_x": np.vstack([FORWARD_W_F[:, 1:].T, np.zeros(3)]).astype(np.float32)}
    forget["b"] = FORWARD_W_F[:, 0].astype(np.float32)
    cell = {"input_gate": fills, "forget_gate": forget, "output_gate": nothing, "candidate": fills}
    return {"lstm_1": cell, "dense_1": {"W": np.ones((3, 1), np.float32), "b": np.zeros(1, np.float32)}}


# --- as a drawing, as code, as a command


def drawing(network: Network, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """The layers as the page draws them: name, kind, what they come from, shape of the output, parameters."""
    name = network.inputs[0]
    shapes = network.shapes({name: shape})
    drawn: list[dict[str, Any]] = [{"name": name, "kind": "input", "from": [], "shape": list(shape), "parameters": 0}]
    counts = counted(network, shape)
    for node in network.nodes:
        activation = getattr(getattr(node.layer, "activation", None), "registered_name", "")
        drawn.append(
            {
                "name": node.name,
                "kind": type(node.layer).__name__,
                "activation": activation,
                "from": list(node.inputs),
                "shape": list(shapes[node.name]),
                "parameters": counts.get(node.params, 0),
            }
        )
    return drawn


def counted(network: Network, shape: tuple[int, ...]) -> dict[str, int]:
    """How many parameters each layer has, without drawing them."""
    import jax

    made = jax.eval_shape(lambda key: network.init(key, {network.inputs[0]: shape})[0], jax.random.key(0))
    return {name: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(own)) for name, own in made.items()}


def expression(layer: Layer) -> str:
    """A layer as it is written in Python, without what is the default.

    >>> import netgrad as ng
    >>> expression(ng.Dense(3, activation="tanh")), expression(ng.Dropout(0.2))
    ("ng.Dense(3, activation='tanh')", 'ng.Dropout(rate=0.2)')
    """
    parts = []
    for field in fields(layer):
        value = getattr(layer, field.name)
        if field.name == "name" or value == field.default or value is None:
            continue
        required = field.default is MISSING
        parts.append(_said(value) if required else f"{field.name}={_said(value)}")
    return f"ng.{type(layer).__name__}({', '.join(parts)})"


def _said(value: Any) -> str:
    name = getattr(value, "registered_name", "")
    if name and getattr(value, "kind", "") in KINDS:
        given = [f for f in fields(value) if f.name != "name" and getattr(value, f.name) != f.default]
        if not given:
            return repr(name)
        return f"ng.{type(value).__name__}({', '.join(repr(getattr(value, f.name)) for f in given)})"
    return repr(value)


def code(design: Design, examples: Examples, network: Network) -> str:
    """The same network and training as Python code; on the gallery it runs as it stands, to the same numbers."""
    asked = design.settings(examples)
    written = [expression(layer) for layer in network.written]
    lines = ["import netgrad as ng"]
    if "penalty" in asked:
        asked["penalty"] = f"ng.{type(asked['penalty']).__name__}({design.alpha:g})"
    said = {name: value if name == "penalty" else repr(value) for name, value in asked.items()}
    if design.params == "lstm_cell":
        lines.append("from netgrad.studio.design import lstm_cell")
        said["params"] = "lstm_cell()"
    elif "params" in asked:
        lines.append("from netgrad.experiments import power_plant")
        names = '("dense_1", "dense_2", "dense_3")'
        said["params"] = f"dict(zip({names}, power_plant.params().values()))"
    lines += ["from netgrad.studio.examples import gallery", "", f"data = gallery({design.data!r})"]
    lines += ["net = ng.Sequential([", *(f"    {layer}," for layer in written), "])"]
    held, judged = "", "data.x, data.y"
    if examples.held is not None:
        lengths = "" if examples.lengths is None else ", data.lengths_held"
        held, judged = f", validation=(data.x_held, data.y_held{lengths})", "data.x_held, data.y_held"
    if examples.lengths is not None:
        held, judged = f", lengths=data.lengths{held}", f"{judged}, lengths=data.lengths_held"
    lines += ["model = ng.fit(", f"    net, data.x, data.y, epochs=100{held},"]
    lines += [f"    {', '.join(f'{name}={value}' for name, value in said.items())},", ")"]
    return "\n".join([*lines, f"print(model.evaluate({judged}))", ""])


def command(design: Design, data: str) -> str:
    """The nearest `netgrad fit`, for rows of dense layers of one activation; "" where there is none.

    data: what it is told of the data, a file and the target.
    """
    specs = [spec for spec in design.layers or () if spec["kind"] != "dropout"]
    activations = {spec.get("activation") for spec in specs}
    if not data or design.layers is None or any(s["kind"] != "dense" for s in specs) or len(activations) > 1:
        return ""
    if any(s["initializer"] for s in specs) or design.bias or design.output != "identity":
        return ""
    hidden = ",".join(str(spec["units"]) for spec in specs) or "0"
    dropped = [spec["rate"] for spec in design.layers if spec["kind"] == "dropout"]
    parts = [f"netgrad fit {data} --hidden {hidden}"]
    if activations:
        parts.append(f"--activation {activations.pop()}")
    parts.append(f"--optimizer {design.optimizer} --learning-rate {design.learning_rate:g}")
    if dropped:
        parts.append(f"--dropout {dropped[0]:g}")
    if design.batch_size:
        parts.append(f"--batch-size {design.batch_size}")
    if design.penalty:
        parts.append(f"--penalty {design.penalty} --alpha {design.alpha:g}")
    return " ".join([*parts, f"--seed {design.seed}"])
