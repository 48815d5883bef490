"""Keras on its JAX backend, `train_on_batch`."""

from __future__ import annotations

from collections.abc import Callable

import jax
import keras
import numpy as np

from benchmarks.works import Work


def network(work: Work) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """The compiled network and its data."""
    keras.utils.set_random_seed(0)
    data = work.data()
    layers: list[keras.Layer] = [keras.Input(work.shape)]
    dims = len(work.shape) - 1
    if work.unequal:
        layers.append(keras.layers.Masking(0.0))
        data["x"] = np.where((np.arange(work.shape[0]) < data["lengths"][:, None])[..., None], data["x"], 0)
    for name, *settings in work.layers:
        if name in ("rnn", "gru", "lstm"):
            made = {"rnn": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[name]
            cell = made(settings[0], return_sequences=True)
            layers.append(keras.layers.Bidirectional(cell) if len(settings) > 1 else cell)
        elif name == "conv":
            filters, window, padding = settings
            conv = keras.layers.Conv2D if dims == 2 else keras.layers.Conv1D
            layers.append(conv(filters, window, padding=padding, activation="relu"))
        elif name == "pool":
            layers.append((keras.layers.MaxPool2D if dims == 2 else keras.layers.MaxPool1D)(settings[0]))
        elif name == "global_pool":
            layers.append(keras.layers.GlobalAveragePooling2D())
        elif name == "flatten":
            layers.append(keras.layers.Flatten())
        else:
            layers.append(
                keras.layers.Dense(settings[0], activation=None if settings[1] == "identity" else settings[1])
            )
    net = keras.Sequential(layers)
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if work.target == "bits"
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    net.compile(keras.optimizers.SGD(work.rate), loss)
    return net, data


def make_prediction(work: Work, variant: str) -> Callable[[], None]:
    """`predict_on_batch`; its outputs are logits."""
    net, data = network(work)
    return lambda: net.predict_on_batch(data["x"])


def make(work: Work, variant: str) -> Callable[[], None]:
    """One compiled training step through the public interface."""
    net, data = network(work)

    def step() -> None:
        net.train_on_batch(data["x"], data["y"])
        jax.block_until_ready([v.value for v in net.trainable_variables])

    return step
