"""What parts and arguments are called by people who come from Keras, PyTorch or scikit-learn, and what they are here.

A part with another name is found under it; where netgrad's differs by a factor or a convention, that is said once. An
argument with another name is answered with the right one.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from netgrad.errors import NetgradError, unknown_name, warn


class Here(NamedTuple):
    """The registered name, the settings that make it the same, and what still differs."""

    name: str
    settings: Mapping[str, Any] = {}
    differs: str = ""


_SUM = "it is the sum over an example's outputs, where {!r} is their mean"
_HALF = "it is half the sum over an example's outputs, where {!r} is their mean"
_LOGITS = "it takes the outputs of a linear last layer"
_OVER_AVERAGE = {"mode": "fan_avg"}
_UNIFORM = {"distribution": "uniform"}

# By kind and by the name in small letters, without "_" and "-".
NAMES: dict[str, dict[str, Here]] = {
    "activation": {
        "sigmoid": Here("logistic"),
        "linear": Here("identity"),
        "none": Here("identity"),
        "swish": Here("silu"),
        "rectifier": Here("relu"),
        "heaviside": Here("threshold"),
    },
    "loss": {
        "mse": Here("squared_error", differs=_HALF),
        "mseloss": Here("squared_error", differs=_HALF),
        "meansquarederror": Here("squared_error", differs=_HALF),
        "mae": Here("absolute_error", differs=_SUM),
        "l1loss": Here("absolute_error", differs=_SUM),
        "meanabsoluteerror": Here("absolute_error", differs=_SUM),
        "huberloss": Here("huber", differs=_SUM),
        "smoothl1loss": Here("huber", differs=_SUM),
        "crossentropyloss": Here("softmax_cross_entropy"),
        "categoricalcrossentropy": Here("softmax_cross_entropy", differs=_LOGITS),
        "sparsecategoricalcrossentropy": Here("softmax_cross_entropy", differs=_LOGITS),
        "bcewithlogitsloss": Here("binary_cross_entropy"),
        "bce": Here("binary_cross_entropy", differs=_LOGITS),
        "bceloss": Here("binary_cross_entropy", differs=_LOGITS),
        "poissonnllloss": Here("poisson"),
    },
    "initializer": {
        "glorotnormal": Here("xavier", _OVER_AVERAGE),
        "glorotuniform": Here("xavier", _OVER_AVERAGE | _UNIFORM),
        "xaviernormal": Here("xavier", _OVER_AVERAGE),
        "xavieruniform": Here("xavier", _OVER_AVERAGE | _UNIFORM),
        "glorot": Here("xavier", _OVER_AVERAGE),
        "henormal": Here("he"),
        "heuniform": Here("he", _UNIFORM),
        "kaimingnormal": Here("he"),
        "kaiminguniform": Here("he", _UNIFORM),
        "kaiming": Here("he"),
        "lecunnormal": Here("xavier"),
        "lecununiform": Here("xavier", _UNIFORM),
        "ones": Here("constant", {"value": 1.0}),
    },
    "penalty": {"ridge": Here("l2"), "weightdecay": Here("l2"), "lasso": Here("l1")},
}

# Losses that other libraries compute from probabilities, by names as above: of a network that ends in a softmax.
OF_PROBABILITIES = ("categoricalcrossentropy", "sparsecategoricalcrossentropy", "nllloss")

_FOLLOWS = "not asked for, widths follow from the data"

# What an argument of other libraries is here: of `netgrad.fit`, and of layers.
OF_FIT = {
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
    "opt": "optimizer",
    "criterion": "loss",
    "loss_fn": "loss",
    "alpha": "penalty=ng.L2(alpha)",
    "weight_decay": "penalty=ng.L2(alpha), or optimizer='adamw'",
    "validation_data": "validation=(x, y)",
    "validation_split": "validation=0.2, a share of the examples",
    "validation_fraction": "validation=0.2, a share of the examples",
    "eval_set": "validation=(x, y)",
    "test_size": "test=0.2, a share of the examples",
    "test_split": "test=0.2, a share of the examples",
    "test_data": "test=(x, y)",
    "early_stopping": "patience=10, in epochs",
    "n_iter_no_change": "patience",
    "verbose": "progress=True",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "batch": "batch_size",
    "bs": "batch_size",
    "random_state": "seed",
    "class_weights": "class_weight",
    "clipnorm": "clip_norm",
    "gradient_clip_val": "clip_norm",
    "initial_weights": "params",
    "n_starts": "starts",
    "label_smoothing": "loss=ng.SoftmaxCrossEntropy(label_smoothing=0.1)",
    "scoring": "metrics",
    "device": "JAX_PLATFORMS in the environment",
}
OF_PARTS = {
    "return_sequences": "returns='sequence' (True) or returns='last' (False)",
    "return_state": "returns='state'",
    "go_backwards": "reverse",
    "hidden_size": "units",
    "n_units": "units",
    "num_units": "units",
    "out_features": "units",
    "output_dim": "units",
    "in_features": _FOLLOWS,
    "input_size": _FOLLOWS,
    "input_dim": _FOLLOWS,
    "input_shape": _FOLLOWS,
    "in_channels": _FOLLOWS,
    "out_channels": "filters",
    "use_bias": "bias",
    "kernel_initializer": "initializer",
    "kernel_size": "window",
    "strides": "stride",
    "pool_size": "window",
    "dilation_rate": "dilation",
    "num_groups": "groups",
    "eps": "epsilon",
    "delta": "d",
    "negative_slope": "slope",
    "batch_first": "always so, inputs are (N, T, d), examples first",
    "nonlinearity": "activation",
    "kernel_regularizer": "penalty=ng.L2(alpha), an argument of ng.fit",
    "std": "sigma",
    "stddev": "sigma",
}

_FITTED = "a network holds no numbers: model = ng.fit(net, x, y) trains it, and model.predict(x) answers"
NO_CALL = "model.predict(x) gives answers, model.predict_proba(x) probabilities, model.outputs(x) the raw outputs"
# What networks and models of other libraries have, and how it is done here.
ATTRIBUTES = {
    "network": dict.fromkeys(("fit", "compile", "predict", "train", "eval", "parameters", "state_dict"), _FITTED)
    | {"add": "layers are given together: ng.Sequential([*layers, layer])"},
    "model": dict.fromkeys(("forward", "eval", "train"), NO_CALL)
    | {
        "fit": "ng.fit(model, x, y) goes on training it",
        "compile": "loss and optimizer are arguments of ng.fit",
        "score": "model.evaluate(x, y)",
        "get_weights": "model.params holds them, by layer and name",
        "state_dict": "model.params holds them, by layer and name; model.save(path) writes a file",
        "layers": "model.network.nodes, or model.network.by_name",
    },
}

_POOLING = {"max": "MaxPool(2)", "avg": "AveragePool(2)", "average": "AveragePool(2)"}
_POOL = ("pool", "pooling")
_FOLLOWS_SHAPE = ", whose axes follow from the data"
# Classes of other libraries, by their names in small letters without "_" and without "1d", "2d", "3d" at the end.
CLASSES: dict[str, str] = {
    "linear": "ng.Dense(units), whose inputs follow from the data",
    "conv": f"ng.Conv(filters, window){_FOLLOWS_SHAPE}",
    "convolution": f"ng.Conv(filters, window){_FOLLOWS_SHAPE}",
    "convtranspose": f"ng.ConvTranspose(filters, window){_FOLLOWS_SHAPE}",
    "depthwiseconv": f"ng.DepthwiseConv(window=3){_FOLLOWS_SHAPE}",
    "separableconv": f"ng.SeparableConv(filters, window){_FOLLOWS_SHAPE}",
    **{f"{kind}{word}": f"ng.{name}{_FOLLOWS_SHAPE}" for kind, name in _POOLING.items() for word in _POOL},
    **{f"global{kind}{word}": "ng.GlobalPool" for kind in _POOLING for word in _POOL},
    **{f"adaptive{kind}pool": "ng.GlobalPool" for kind in _POOLING},
    "batchnormalization": "ng.BatchNorm()",
    "batchnorm": f"ng.BatchNorm(){_FOLLOWS_SHAPE}",
    "layernormalization": "ng.LayerNorm()",
    "groupnormalization": "ng.GroupNorm(groups)",
    "dropout": "ng.Dropout(0.5)",
    "spatialdropout": "ng.Dropout(0.5)",
    "lstmcell": "ng.LSTM(units)",
    "grucell": "ng.GRU(units)",
    "simplernn": "ng.RNN(units)",
    "multiheadattention": "ng.Attention",
    "sigmoid": "ng.Logistic(), or activation='logistic'",
    "hardtanh": "activation='tanh'",
    "swish": "ng.SiLU()",
    "inputlayer": "ng.Input(), and only for networks with forks: shapes follow from the data",
    "functional": "ng.Network(inputs, outputs)",
    "module": "a network is ng.Sequential([...]) or ng.Network(inputs, outputs), a layer of your own a ng.Layer",
    "modulelist": "ng.Sequential([...])",
    "parameter": "model.params holds the numbers, layers say in init what they have",
    "concat": "ng.Concatenate()",
    "normalization": "ng.fit_table scales columns, and ng.Rescaling(mean, scale) arrays",
    "upsampling": "ng.ConvTranspose(filters, window)",
    **dict.fromkeys(
        ("randomflip", "randomrotation", "randomcrop", "randomzoom"), "ng.Augment(flip=0.5, rotation=10, shift=2)"
    ),
    "modelcheckpoint": "ng.Checkpoint(folder)",
    "reducelronplateau": "ng.ReduceOnPlateau()",
    "csvlogger": "ng.JsonLog('run.jsonl')",
    "tensordataset": "arrays are given as they are: ng.fit(net, x, y)",
    "dataloader": "arrays are given as they are: ng.fit(net, x, y, batch_size=32)",
    **{loss: f"loss={name!r}, an argument of ng.fit" for loss, name in (
        ("crossentropyloss", "softmax_cross_entropy"),
        ("categoricalcrossentropy", "softmax_cross_entropy"),
        ("sparsecategoricalcrossentropy", "softmax_cross_entropy"),
        ("bcewithlogitsloss", "binary_cross_entropy"),
        ("bceloss", "binary_cross_entropy"),
        ("mseloss", "squared_error"),
        ("meansquarederror", "squared_error"),
        ("l1loss", "absolute_error"),
        ("meanabsoluteerror", "absolute_error"),
    )},
    **{name: f"optimizer={name!r}, an argument of ng.fit" for name in ("adam", "adamw", "sgd", "rmsprop", "adagrad")},
    **dict.fromkeys(
        ("mlpclassifier", "mlpregressor"), "an estimator: from netgrad.estimators import MLPClassifier, MLPRegressor"
    ),
    **dict.fromkeys(("loadmodel", "loadstatedict"), "ng.load(path)"),
    "nograd": "model.predict(x) computes no gradients",
    "manualseed": "seed=0, an argument of ng.fit",
    "setseed": "seed=0, an argument of ng.fit",
    "todevice": "JAX_PLATFORMS in the environment says where it computes",
}  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


def plain(name: str) -> str:
    """A name without its spelling: "he_normal", "HeNormal" and "he-normal" are one.

    >>> plain("He_Normal")
    'henormal'
    """
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def translated(kind: str, name: str, known: Mapping[str, Any]) -> Here:
    """What a name of this kind is here; warns where the part of that name differs from what others mean by it.

    Raises `NetgradError`, with the nearest name, for a name that nobody uses.

    >>> translated("initializer", "HeUniform", {"he": None}).settings
    {'distribution': 'uniform'}
    >>> translated("optimizer", "Adam", {"adam": None}).name
    'adam'
    """
    if name in known:
        return Here(name)
    for own in known:
        if plain(own) == plain(name):
            return Here(own)
    here = NAMES.get(kind, {}).get(plain(name))
    if here is None or here.name not in known:
        raise unknown_name(kind, name, known)
    if here.differs:
        warn(f"{kind} {name!r} is taken for {here.name!r}: {here.differs.format(name)}")
    return here


def refuse_foreign(kind: str, given: Any, known: Mapping[str, Any]) -> None:
    """Refuse a loss or an optimiser of PyTorch or Keras by what it is called here.

    Their losses compute on tensors of their own, which nothing here can differentiate.
    """
    cls = given if isinstance(given, type) else type(given)
    library = cls.__module__.partition(".")[0]
    if library not in ("torch", "keras", "tensorflow"):
        return
    here = NAMES.get(kind, {}).get(plain(cls.__name__)) or next(
        (Here(n) for n in known if plain(n) == plain(cls.__name__)), None
    )
    answer = f"here it is {here.name!r}" if here is not None else f"give a name: {', '.join(sorted(known))}"
    raise NetgradError(f"the {kind} {cls.__name__} of {library} computes on tensors of its own: {answer}")


def answering(of: str, habits: Mapping[str, str]) -> Callable[[F], F]:
    """Decorator: an argument that the function does not have is answered with what it is called here.

    of: what the arguments belong to, by default the first argument's class.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            except TypeError:
                own = [name for name in inspect.signature(function).parameters if name != "self"]
                unknown = next((name for name in named if name not in own), None)
                if unknown is None:
                    raise
                what, here = of or type(arguments[0]).__name__, habits.get(unknown, "")
                if not here or (here.isidentifier() and here not in own):  # a Dropout has no units either
                    raise unknown_name(f"argument of {what}", unknown, own) from None
                raise NetgradError(f"{what} has no argument {unknown!r}: here it is {here}") from None

        return call  # type: ignore[return-value]

    return decorate


def answer(of: str, name: str) -> AttributeError:
    """The error for an attribute that other libraries' networks and models have."""
    here = ATTRIBUTES[of].get(name)
    return AttributeError(f"a {of} has no {name!r}" + (f": {here}" if here else ""))


def unknown_attribute(name: str, known: Collection[str]) -> AttributeError:
    """The error for what `netgrad` does not have: what it is called here, or the nearest name.

    >>> unknown_attribute("BatchNorm2d", [])
    AttributeError("module 'netgrad' has no attribute 'BatchNorm2d': here it is ng.BatchNorm(), whose axes follow from \
the data")
    >>> unknown_attribute("Dens", ["Dense", "Dropout"])
    AttributeError("module 'netgrad' has no attribute 'Dens': did you mean 'Dense'?")
    """
    here = CLASSES.get(re.sub("[123]d$", "", plain(name)))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f": here it is {here}" if here else f": did you mean {near[0]!r}?" if near else ""
    return AttributeError(f"module 'netgrad' has no attribute {name!r}{hint}")
