"""The layers, one file a family; `base` states the contract that all of them keep."""

from netgrad.layers.activation import (
    ELU,
    Activation,
    Identity,
    LeakyReLU,
    Logistic,
    PReLU,
    ReLU,
    ScaledTanh,
    Softmax,
    Tanh,
    Threshold,
)
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.dense import Dense
from netgrad.layers.forget_gate import ForgetGateRNN
from netgrad.layers.gru import GRU
from netgrad.layers.lstm import LSTM
from netgrad.layers.merge import Add, Concatenate, Multiply
from netgrad.layers.rnn import RNN
from netgrad.layers.rescaling import Rescaling
from netgrad.layers.shape import Flatten, Reshape

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Backward",
    "Concatenate",
    "Context",
    "Dense",
    "Flatten",
    "ForgetGateRNN",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Logistic",
    "Multiply",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Reshape",
    "ScaledTanh",
    "Softmax",
    "Tanh",
    "Threshold",
]
