"""The recurrent cells, one file each: a step, a step back, and the layer that they make.

All else about recurrent layers is in `netgrad.layers.recurrent`, the loop over time in `netgrad.kernels`.
"""

from netgrad.layers.cells.coupled_lstm import CoupledLSTM
from netgrad.layers.cells.forget_gate import ForgetGateRNN
from netgrad.layers.cells.gru import GRU
from netgrad.layers.cells.lstm import LSTM
from netgrad.layers.cells.rnn import RNN

CELLS = {"rnn": RNN, "forget_gate": ForgetGateRNN, "lstm": LSTM, "coupled_lstm": CoupledLSTM, "gru": GRU}

__all__ = ["CELLS", "GRU", "LSTM", "RNN", "CoupledLSTM", "ForgetGateRNN"]
