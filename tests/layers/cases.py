"""One line or more for every registered layer and activation: what the shared contract test runs it on."""

from dataclasses import dataclass
from typing import Any

import netgrad as ng
from netgrad.layers import Layer


@dataclass(frozen=True)
class Case:
    """in_shape: without the examples' axis, a tuple of shapes for several inputs. lengths: test with padding too.
    mixes_examples: an example's output depends on the others. differentiable: False where derivatives are 0 or
    stand-ins by definition. symbols: the inputs are whole numbers below this one."""

    layer: Layer
    in_shape: Any
    lengths: bool = False
    mixes_examples: bool = False
    differentiable: bool = True
    symbols: int | None = None

    def __str__(self) -> str:
        settings = {k: v for k, v in vars(self.layer).items() if isinstance(v, str | int | float | bool | tuple)}
        return f"{type(self.layer).__name__}-{'-'.join(f'{k}={v}' for k, v in settings.items())}-{self.in_shape}"


def looking(units: int) -> ng.Network:
    """A block of two inputs: what runs through looks at what every copy is given."""
    x, memory = ng.Input("x"), ng.Input("memory")
    return ng.Network([x, memory], ng.Add()(x, ng.Attention(units)(ng.LayerNorm()(x), memory)))


CASES = [
    Case(ng.Identity(), (3,)),
    Case(ng.Threshold(), (3,), differentiable=False),
    Case(ng.Logistic(slope=1.7), (3,)),
    Case(ng.Tanh(), (4, 3)),
    Case(ng.ScaledTanh(), (3,)),
    Case(ng.ReLU(), (2, 2, 3)),
    Case(ng.LeakyReLU(slope=0.2), (3,)),
    Case(ng.ELU(alpha=1.3), (3,)),
    Case(ng.PReLU(), (4, 3)),
    Case(ng.GELU(), (4, 3)),
    Case(ng.SiLU(), (3,)),
    Case(ng.Softplus(), (3,)),
    Case(ng.Softmax(), (4,)),
    Case(ng.Dense(4, activation="tanh"), (3,)),
    Case(ng.Dense(4, activation="softmax", bias=False), (3,)),
    Case(ng.Dense(2, activation=ng.PReLU(0.1), initializer="he"), (5, 3)),
    Case(ng.Rescaling(0.5, 2.0), (3, 2)),
    Case(ng.Rescaling((0.5, 0.0), (2.0, 1.0), limit=1.5), (3, 2)),
    Case(ng.FeatureScale(), (3,)),
    Case(ng.FeatureScale(), (4, 2)),
    Case(ng.PiecewiseLinear((0, 0, 2), (-1.0, 0.3, 0.0), (0.3, 1.0, 0.5)), (3,)),
    Case(ng.PiecewiseLinear(), (3,)),
    Case(ng.Differentiated(ng.Dense(3, activation="tanh")), (4,)),
    Case(ng.Dropout(0.4), (6,)),
    Case(ng.Dropout(0.4, classic=True), (5, 3), lengths=True),
    Case(ng.GaussianNoise(0.3), (5, 3), lengths=True),
    Case(ng.Gaussian(), (5, 4)),
    Case(ng.BatchNorm(), (3,), mixes_examples=True),
    Case(ng.BatchNorm(momentum=0.5, epsilon=0.1), (4, 3, 2), mixes_examples=True),
    Case(ng.BatchNorm(), (6, 3), mixes_examples=True, lengths=True),
    Case(ng.LayerNorm(), (4,)),
    Case(ng.LayerNorm(epsilon=0.1), (6, 3), lengths=True),
    Case(ng.GroupNorm(2), (4,)),
    Case(ng.GroupNorm(3, epsilon=0.1), (4, 3, 6)),
    Case(ng.GroupNorm(2), (6, 4), lengths=True),
    Case(ng.LocalResponseNorm(3, alpha=0.5), (3, 3, 5)),
    Case(ng.LocalResponseNorm(5, alpha=0.3, beta=0.5, k=1.0), (6,)),
    Case(ng.WeightNorm(ng.Dense(4, activation="tanh")), (3,)),
    Case(ng.WeightNorm(ng.Conv(3, 2, activation=ng.PReLU(0.1), bias=False)), (5, 2)),
    Case(ng.Reshape((2, -1)), (6,)),
    Case(ng.Flatten(), (2, 3, 2)),
    Case(ng.Permute((2, 0, 1)), (2, 3, 4)),
    Case(ng.Stack(ng.Residual([ng.Dense(3, activation="tanh"), ng.Dense(3)]), 3), (3,)),
    Case(ng.Ensemble([ng.Dense(4, activation="tanh"), ng.Dropout(0.3), ng.Dense(2)], 3), (3,), mixes_examples=True),
    Case(ng.Ensemble([ng.RNN(3), ng.BatchNorm()], 2), (4, 2), lengths=True, mixes_examples=True),
    Case(ng.Stack([ng.Dense(3), ng.BatchNorm(), ng.Dropout(0.3)], 2), (4, 3), mixes_examples=True),
    Case(ng.Stack(ng.RNN(3), 2), (6, 3), lengths=True),
    Case(ng.Stack(looking(3), 2), ((6, 3), (5, 2)), lengths=True),
    Case(ng.Recomputed([ng.Dense(4, activation="tanh"), ng.Dropout(0.2), ng.Dense(2)]), (3,)),
    Case(ng.Stack(ng.Recomputed(ng.Residual(ng.GRU(3))), 2), (6, 3), lengths=True),
    Case(ng.Add(), ((3,), (3,), (3,))),
    Case(ng.Add(), ((6, 3), (6, 3)), lengths=True),
    Case(ng.Multiply(), ((3,), (3,), (3,))),
    Case(ng.Multiply(), ((6, 3), (6, 3), (6, 3)), lengths=True),
    Case(ng.Concatenate(), ((2, 3), (2, 1))),
    Case(ng.Concatenate(), ((6, 3), (6, 2)), lengths=True),
    Case(ng.Conv(3, 3, activation="tanh"), (7, 2)),
    Case(ng.Conv(3, 3, stride=2, padding="same"), (6, 2), lengths=True),
    Case(ng.Conv(2, 2, padding=((1, 0),), dilation=2, activation="relu"), (6, 2), lengths=True),
    Case(ng.Conv(4, (3, 2), stride=(2, 1), padding=(1, (0, 1)), dilation=(1, 2), bias=False), (6, 7, 2)),
    Case(ng.Conv(6, 3, stride=2, padding="same", groups=2, flip=True, activation=ng.PReLU(0.1)), (6, 5, 4)),
    Case(ng.Conv(4, 3, padding=1, groups=4, bias=False), (3, 4, 4)),
    Case(ng.DepthwiseConv(3, stride=2, padding="same", multiplier=2, activation="tanh"), (6, 2), lengths=True),
    Case(ng.DepthwiseConv((2, 3), padding=((1, 0), 1), dilation=(1, 2), bias=False), (4, 5, 3)),
    Case(ng.Conv(2, 2, depth=2, activation="tanh", flip=True), (4, 4, 3)),
    Case(ng.Conv(2, 2, stride=2, padding=1, activation="softmax"), (2, 3, 2, 2)),
    Case(ng.ConvTranspose(3, 3, stride=2, padding="same"), (4, 2), lengths=True),
    Case(ng.ConvTranspose(2, (3, 2), stride=(2, 3), padding=((1, 0), 0), dilation=(2, 1)), (3, 2, 3)),
    Case(ng.ConvTranspose(2, 2, bias=False, activation="relu"), (2, 3, 2, 2)),
    Case(ng.Augment(shift=1.5, rotation=20, noise=0.1), (4, 5, 2)),
    Case(ng.Augment(flip=0.5, crop=0.3, colour=0.2), (4, 5, 3)),
    Case(ng.MaxPool((3, 2), stride=(1, 2), padding="same"), (5, 4, 2)),
    Case(ng.MaxPool(2), (6, 3), lengths=True),
    Case(ng.MaxPool(2), (2, 2, 4, 2)),
    Case(ng.AveragePool(2, stride=1, padding=1), (3, 4, 2)),
    Case(ng.AveragePool(2, padding="same"), (5, 2), lengths=True),
    Case(ng.SumPool(2, stride=1), (4, 4, 2)),
    Case(ng.NormPool(2, p=3.0), (4, 4, 2)),
    Case(ng.NormPool(3, stride=2, padding=1, p=1.5), (5, 2), lengths=True),
    Case(ng.GlobalPool(), (4, 3), lengths=True),
    Case(ng.GlobalPool("max"), (4, 3, 2)),
    Case(ng.GlobalPool("norm"), (4, 3, 2), lengths=True),
    Case(ng.Subsample(3, stride=2, padding=1, aggregation="max", activation="tanh"), (6, 2), lengths=True),
    Case(ng.Subsample(2, aggregation="norm", activation=ng.PReLU()), (4, 4, 3)),
    Case(ng.RNN(4), (6, 3), lengths=True),
    Case(ng.RNN(4, "relu", returns="last", reverse=True), (6, 3), lengths=True),
    Case(ng.RNN(4, ng.PReLU(0.1), learned_state=True), (6, 3), lengths=True),
    Case(ng.RNN(4, "softmax", returns="state", reverse=True), (6, 3)),
    Case(ng.RNN(4, "logistic", dropout=0.3, recurrent_dropout=0.3, output_dropout=0.3), (6, 3), lengths=True),
    Case(ng.RNN(4, "elu", recurrent_dropout=0.3), ((6, 3), (4,)), lengths=True),
    Case(ng.ForgetGateRNN(4, forget_bias=1, returns="last", reverse=True), ((6, 3), (4,)), lengths=True),
    Case(ng.ForgetGateRNN(4, learned_state=True, recurrent_dropout=0.5), (6, 3)),
    Case(ng.LSTM(4), (6, 3), lengths=True),
    Case(ng.LSTM(4, peepholes=True, returns="state"), ((6, 3), (8,)), lengths=True),
    Case(ng.LSTM(4, reverse=True, peepholes=True, learned_state=True, returns="last"), (6, 3), lengths=True),
    Case(ng.LSTM(4, dropout=0.3, recurrent_dropout=0.3, output_dropout=0.3, returns="last"), (6, 3), lengths=True),
    Case(ng.CoupledLSTM(4), (6, 3), lengths=True),
    Case(ng.CoupledLSTM(4, returns="state", reverse=True), ((6, 3), (8,)), lengths=True),
    Case(ng.CoupledLSTM(4, recurrent_dropout=0.3, learned_state=True, returns="last"), (6, 3), lengths=True),
    Case(ng.GRU(4, returns="state", reverse=True), ((6, 3), (4,)), lengths=True),
    Case(ng.GRU(4, learned_state=True, recurrent_dropout=0.3, returns="last"), (6, 3), lengths=True),
    Case(ng.GRU(4, reset_after=True, recurrent_dropout=0.3), ((6, 3), (4,)), lengths=True),
    Case(ng.GRU(4, reset_after=True, returns="last", reverse=True), (6, 3), lengths=True),
    Case(ng.Bidirectional(ng.LSTM(3)), (6, 3), lengths=True),
    Case(ng.Bidirectional(ng.RNN(3, learned_state=True), units=2, activation="tanh"), (6, 3), lengths=True),
    Case(ng.Bidirectional(ng.GRU(3, dropout=0.3, returns="last")), (6, 3), lengths=True),
    Case(ng.Embedding(7, 3), (6,), lengths=True, symbols=7),
    Case(ng.Embedding(7, 3), (), symbols=7),
    Case(ng.Attention(heads=2), (6, 4), lengths=True),
    Case(ng.Attention(6, heads=3, causal=True, dropout=0.3), (6, 4), lengths=True),
    Case(ng.Attention(4, heads=2, score="additive"), ((6, 3), (5, 2)), lengths=True),
    Case(ng.Attention(4, bias=False), ((3, 3), (5, 2))),
    Case(ng.Grid(), ((6, 3), (5, 2)), lengths=True),
    Case(ng.Grid(), ((2, 1), (3, 4))),
    Case(ng.GridPool(), ((6, 5, 3), (5, 2)), lengths=True),
    Case(ng.GridPool("average"), ((6, 5, 3), (5, 2)), lengths=True),
    Case(ng.GridPool("norm"), ((3, 2, 3), (2, 2))),
    Case(ng.GridAttention(4), ((6, 5, 3), (5, 2)), lengths=True),
    Case(ng.GridAttention(), ((3, 2, 3), (2, 2))),
    Case(ng.GlimpseRead(3), (5, 4, 2)),
    Case(ng.GlimpseRead(2), ((5, 4, 2), (5,))),
    Case(ng.GlimpseWrite(5, 4), ((3, 3, 2), (5,))),
    Case(ng.Positions(), (6, 3), lengths=True),
    Case(ng.Positions("learned", longest=8), (6, 3), lengths=True),
    Case(ng.DelayTaps(3), (6, 2), lengths=True),
    Case(ng.DelayTaps(9), (6, 2)),
    Case(ng.Repeat(4), (3,)),
    Case(ng.StateSpace([ng.Dense(5, activation="tanh"), ng.Dense(2)]), (6, 3), lengths=True),
]
