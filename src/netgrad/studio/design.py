"""A design: the network and the training that the page shows as a drawing, as plain JSON, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from netgrad import layers
from netgrad.compiling import MOST_SEEDS
from netgrad.errors import NetgradError, unknown_name
from netgrad.layers.base import Layer
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Network, Sequential
from netgrad.registry import find
from netgrad.studio.examples import Examples
from netgrad.studio.given import built, specs_of
from netgrad.studio.python_in import layer_of

MOST_LAYERS, MOST_GIVEN, MOST_UNITS = 12, 64, 1024
MOST_PARAMETERS = 50_000_000
LONGEST_LAYER = 1000  # characters of Python, and of a name
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

    layers: the hidden layers from below, each a mapping with its ``kind``; None for a network that was given, whose
    layers cannot be changed one by one. whole: ``layers`` has the last layer, too, see `netgrad.studio.given`. output:
    the activation of the last layer, which has the units that the examples ask for. bias: what the hidden layers begin
    with, for the lesson on units that died. loss: "" for what the examples ask for. batch_size: 0 for all examples at
    once. params: "power_plant" or "lstm_cell" for a text's first weights.

    >>> design = Design.of({"layers": [{"kind": "dense", "units": 3, "activation": "tanh"}]})
    >>> design.layers
    ({'kind': 'dense', 'units': 3, 'activation': 'tanh', 'initializer': ''},)
    >>> Design.of({"learning_rate": -1})
    Traceback (most recent call last):
    netgrad.errors.NetgradError: learning_rate must be above 0 and at most 100, found -1
    """

    data: str = "circles"
    layers: tuple[Mapping[str, Any], ...] | None = ()
    whole: bool = False
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
        if not isinstance(design.whole, bool):
            raise NetgradError(f"whole is true or false, found {design.whole!r}")
        between("seed", design.seed, 0, MOST_SEEDS - 1, whole=True)
        if not isinstance(design.data, str):
            raise NetgradError("data is the name of a data set")
        if design.layers is None:
            return design
        most = MOST_GIVEN if design.whole else MOST_LAYERS
        if not isinstance(design.layers, list | tuple) or len(design.layers) > most:
            raise NetgradError(f"layers is a list of at most {most} layers")
        return replace(design, layers=tuple(_layer(i, spec) for i, spec in enumerate(design.layers)))

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def network(self, examples: Examples) -> Network:
        """The network, with its last layer; raises what the layers raise where a shape is impossible."""
        made = [self._made(spec) for spec in self.layers or ()]
        if self.whole:
            return built(self.layers or (), made)
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
        if kind == "python":
            return layer_of(spec["code"])
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
    _one_of(f"the kind of layer {i + 1}", kind, (*NUMBERS, "python"))
    made: dict[str, Any] = {"kind": kind} | _place(i, spec)
    if kind == "python":
        code = spec.get("code")
        if not isinstance(code, str) or len(code) > LONGEST_LAYER:
            raise NetgradError(f"layer {i + 1} is one line of Python of at most {LONGEST_LAYER:,} characters")
        try:
            layer_of(code)
        except NetgradError as error:
            raise NetgradError(f"layer {i + 1}: {error}") from None
        return made | {"code": code}
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


def _place(i: int, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The name of a layer and what it is fed by, where these are given."""
    found = {key: spec[key] for key in ("name", "from") if spec.get(key)}
    fed = found.get("from", [])
    names = [found.get("name", ""), *fed] if isinstance(fed, list | tuple) else [None]
    if not all(isinstance(name, str) and len(name) <= LONGEST_LAYER for name in names):
        raise NetgradError(f"layer {i + 1} has a name, and a list of names that it comes from")
    return found


def fields_of(layer: Layer) -> dict[str, Any] | None:
    """A layer as the page's fields, None where these do not say all of it.

    >>> fields_of(layers.Dense(3, activation="tanh"))
    {'kind': 'dense', 'units': 3, 'activation': 'tanh', 'initializer': ''}
    >>> fields_of(layers.Dense(3, bias=False))
    """
    kind = next((kind for kind, cls in CLASSES.items() if type(layer) is cls), "")
    for initializer in INITIALIZERS:
        spec: dict[str, Any] = {"kind": kind, "initializer": initializer}
        for name in NUMBERS.get(kind, ()):
            value = getattr(layer, name)
            spec[name] = value[0] if isinstance(value, tuple) else getattr(value, "value", value)  # of a constant
        spec["activation"] = getattr(getattr(layer, "activation", None), "registered_name", "")
        try:
            checked = _layer(0, spec)
            if Design()._made(checked) == layer:
                return checked
        except NetgradError:
            return None
    return None


def opened(network: Network, design: Design, examples: Examples) -> Design:
    """The design with this network in the place of its own; raises `NetgradError` where its layers cannot be changed.

    Where it ends as the examples ask it is a design like the page's own, for which more can be said.
    """
    whole = Design.of(replace(design, layers=specs_of(network, fields_of), whole=True, params="", bias=0.0).plain)
    *hidden, last = whole.layers or ()
    ends = last["kind"] == "dense" and not last["initializer"] and last["units"] == examples.outputs
    if not ends or len(hidden) > MOST_LAYERS:
        return whole
    row = tuple({key: value for key, value in spec.items() if key not in ("name", "from")} for spec in hidden)
    own = replace(whole, layers=row, whole=False, output=last["activation"])
    return own if own.network(examples) == whole.network(examples) else whole


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


# --- as a drawing


def drawing(network: Network, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """The layers as the page draws them: name, kind, what they come from, shape of the output, parameters."""
    name = network.inputs[0]
    shapes = network.shapes({name: shape})
    drawn: list[dict[str, Any]] = [{"name": name, "kind": "input", "from": [], "shape": list(shape), "parameters": 0}]
    counts = counted(network, shape)
    if (total := sum(counts.values())) > MOST_PARAMETERS:
        raise NetgradError(f"{total:,} parameters are more than the {MOST_PARAMETERS:,} that the studio trains")
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
