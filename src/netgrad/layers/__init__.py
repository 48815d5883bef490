"""The layers, one file a family; `base` states the contract that all of them keep."""

from netgrad.layers.activation import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    Logistic,
    PReLU,
    ReLU,
    ScaledTanh,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Threshold,
)
from netgrad.layers.attention import Attention
from netgrad.layers.augmentation import Augment
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.bidirectional import Bidirectional
from netgrad.layers.cells import GRU, LSTM, RNN, CoupledLSTM, ForgetGateRNN
from netgrad.layers.convolution import Conv, ConvTranspose
from netgrad.layers.dense import Dense
from netgrad.layers.depthwise import DepthwiseConv
from netgrad.layers.differentiated import Differentiated
from netgrad.layers.dropout import Dropout
from netgrad.layers.embedding import Embedding
from netgrad.layers.feature_scale import FeatureScale
from netgrad.layers.gaussian import Gaussian
from netgrad.layers.glimpse import GlimpseRead, GlimpseWrite
from netgrad.layers.grid import Grid, GridAttention, GridPool
from netgrad.layers.group_norm import GroupNorm
from netgrad.layers.local_response_norm import LocalResponseNorm
from netgrad.layers.merge import Add, Concatenate, Multiply
from netgrad.layers.noise import GaussianNoise
from netgrad.layers.normalisation import BatchNorm, LayerNorm, WeightNorm
from netgrad.layers.piecewise import PiecewiseLinear
from netgrad.layers.pooling import AveragePool, GlobalPool, MaxPool, NormPool, Pool, Subsample, SumPool
from netgrad.layers.positions import Positions
from netgrad.layers.rescaling import Rescaling
from netgrad.layers.shape import Flatten, Permute, Reshape
from netgrad.layers.taps import DelayTaps, Repeat
from netgrad.layers.wrapper import Wrapper

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Attention",
    "Augment",
    "AveragePool",
    "Backward",
    "BatchNorm",
    "Bidirectional",
    "Concatenate",
    "Context",
    "Conv",
    "ConvTranspose",
    "CoupledLSTM",
    "DelayTaps",
    "Dense",
    "DepthwiseConv",
    "Differentiated",
    "Dropout",
    "Embedding",
    "FeatureScale",
    "Flatten",
    "ForgetGateRNN",
    "Gaussian",
    "GaussianNoise",
    "GlimpseRead",
    "GlimpseWrite",
    "GlobalPool",
    "Grid",
    "GridAttention",
    "GridPool",
    "GroupNorm",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "Logistic",
    "MaxPool",
    "Multiply",
    "NormPool",
    "PReLU",
    "Permute",
    "PiecewiseLinear",
    "Pool",
    "Positions",
    "ReLU",
    "Repeat",
    "Rescaling",
    "Reshape",
    "ScaledTanh",
    "SiLU",
    "Softmax",
    "Softplus",
    "Subsample",
    "SumPool",
    "Tanh",
    "Threshold",
    "WeightNorm",
    "Wrapper",
]
