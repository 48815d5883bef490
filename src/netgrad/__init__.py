"""netgrad: a deep-learning library that you can see through.

Build a network of layers, train it with `fit`, look inside with `Model.trace`::

    import netgrad as ng

    net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(10)])
    model = ng.fit(net, x, y, epochs=20, validation=0.1)
    model.predict(x)
    model.trace(x[:8], y[:8])["dense_1"].delta
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from netgrad import (  # noqa: F401
    address_space,
    data,
    doors,
    initializers,
    layers,
    losses,
    network,
    optimizers,
    regularizers,
)
from netgrad.activity import Contraction, GaussianKL, Sparsity
from netgrad.errors import DataError, DivergenceError, FileError, NetgradError, NetgradWarning, ShapeError
from netgrad.habits import unknown_attribute
from netgrad.initializers import Constant, FanInUniform, He, Normal, Orthogonal, Uniform, Xavier, Zeros
from netgrad.layers import *  # noqa: F403 - the layers' own __all__
from netgrad.layers import __all__ as _layers
from netgrad.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Perceptron,
    Poisson,
    PowerError,
    SoftmaxCrossEntropy,
    SquaredError,
)
from netgrad.mixture_density import MixtureDensity
from netgrad.network import (
    Autoencoder,
    Branches,
    Ensemble,
    Input,
    Network,
    Recomputed,
    Residual,
    SeparableConv,
    Sequential,
    Stack,
    StateSpace,
    Trace,
    apply,
)
from netgrad.registry import register
from netgrad.regularizers import L1, L2, CurvatureSmoothing, ElasticNet, WeightElimination
from netgrad.training.callbacks import Callback, EarlyStopping, ReduceOnPlateau, StopBelow
from netgrad.training.checkpoint import Checkpoint
from netgrad.training.files import load
from netgrad.training.fit import fit
from netgrad.training.forecaster import Forecaster
from netgrad.training.forecasting import fit_forecast
from netgrad.training.generate import sample, unroll
from netgrad.training.gradient_check import check_gradients
from netgrad.training.history import History
from netgrad.training.learning_rate import find_learning_rate
from netgrad.training.model import Model
from netgrad.training.progress import Progress
from netgrad.training.restart import Restart
from netgrad.training.samples import Samples
from netgrad.training.selection import bootstrap, cross_validate, network_size, prediction_error, three_way_split
from netgrad.training.stream import Stream
from netgrad.training.supervised import Supervised
from netgrad.training.tabular import Recipe, fit_table, recipe
from netgrad.training.task import Task
from netgrad.training.tracking import JsonLog, MLflow, TensorBoard
from netgrad.training.train import train
from netgrad.training.transfer import transfer
from netgrad.training.translate import translate
from netgrad.training.untrained import untrained

if TYPE_CHECKING:
    from netgrad import architectures, curvature, diagnosis, exchange, pruning, report, studio, tasks, uncertainty
    from netgrad.diagnosis import Watch
    from netgrad.pruning.prune import prune
    from netgrad.studio.live import Studio
    from netgrad.uncertainty import posterior, relevance

__version__ = "0.1.0"

__all__ = [
    *_layers,
    "L1",
    "L2",
    "AbsoluteError",
    "Autoencoder",
    "BinaryCrossEntropy",
    "Branches",
    "Callback",
    "Checkpoint",
    "Constant",
    "Contraction",
    "CrossEntropy",
    "CurvatureSmoothing",
    "DataError",
    "DivergenceError",
    "EarlyStopping",
    "Ensemble",
    "ElasticNet",
    "FanInUniform",
    "FileError",
    "Forecaster",
    "GaussianKL",
    "He",
    "History",
    "Huber",
    "Input",
    "JsonLog",
    "MLflow",
    "MixtureDensity",
    "Model",
    "NetgradError",
    "NetgradWarning",
    "Network",
    "Normal",
    "Orthogonal",
    "Perceptron",
    "Poisson",
    "PowerError",
    "Progress",
    "Recipe",
    "ReduceOnPlateau",
    "Recomputed",
    "Residual",
    "Restart",
    "SeparableConv",
    "Samples",
    "Sequential",
    "Stack",
    "StateSpace",
    "ShapeError",
    "SoftmaxCrossEntropy",
    "Sparsity",
    "SquaredError",
    "StopBelow",
    "Studio",
    "Stream",
    "Supervised",
    "Task",
    "TensorBoard",
    "Trace",
    "Uniform",
    "Watch",
    "WeightElimination",
    "Xavier",
    "Zeros",
    "apply",
    "architectures",
    "bootstrap",
    "check_gradients",
    "cross_validate",
    "curvature",
    "data",
    "diagnosis",
    "exchange",
    "find_learning_rate",
    "fit",
    "fit_forecast",
    "fit_table",
    "initializers",
    "layers",
    "load",
    "losses",
    "network",
    "network_size",
    "optimizers",
    "posterior",
    "prediction_error",
    "prune",
    "pruning",
    "recipe",
    "register",
    "regularizers",
    "relevance",
    "report",
    "sample",
    "studio",
    "tasks",
    "unroll",
    "three_way_split",
    "train",
    "transfer",
    "translate",
    "uncertainty",
    "untrained",
]


def __getattr__(name: str) -> Any:
    """The packages that training does not need are opened when they are asked for: a tenth of the time to import."""
    if name in (
        "architectures", "curvature", "diagnosis", "exchange", "pruning", "report", "studio", "tasks", "uncertainty"
    ):  # fmt: skip
        return import_module(f"netgrad.{name}")
    if name == "Studio":
        return import_module("netgrad.studio.live").Studio
    if name == "Watch":
        return import_module("netgrad.diagnosis").Watch
    if name == "prune":
        return import_module("netgrad.pruning").prune
    if name in ("posterior", "relevance"):
        return getattr(import_module("netgrad.uncertainty"), name)
    raise unknown_attribute(name, () if name.startswith("_") else __all__)
