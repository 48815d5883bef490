"""netgrad: its own compiled training step, called as `ng.fit` calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import netgrad as ng
from benchmarks.works import Work
from netgrad import optimizers
from netgrad.architectures.googlenet import module, plain
from netgrad.training.epoch import compiled_step
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry


def network(work: Work) -> ng.Network:
    """The work's layers as netgrad's."""
    if work.kind == "text":
        ((_, units, blocks, heads), _) = work.layers
        return ng.architectures.transformer_decoder(work.outputs, units, layers=blocks, heads=heads)
    if work.kind == "residual":
        return ng.architectures.resnet20(work.outputs)
    if work.kind == "translation":
        ((_, units, embedding), _) = work.layers
        return ng.architectures.encoder_decoder(work.outputs, work.outputs, units, cell="lstm", embedding=embedding)
    layers: list[Any] = []
    for name, *settings in work.layers:
        match name:
            case "rnn" | "gru" | "lstm":
                cell = {"rnn": ng.RNN, "gru": ng.GRU, "lstm": ng.LSTM}[name](settings[0])
                layers.append(ng.Bidirectional(cell) if len(settings) > 1 else cell)
            case "conv":
                filters, window, padding = settings
                layers.append(ng.Conv(filters, window, padding=padding, activation="relu"))
            case "inception":
                layers.append(module(settings, f"inception_{len(layers) + 1}", plain, 5))
            case "pool":
                layers.append(ng.MaxPool(settings[0]))
            case "global_pool":
                layers.append(ng.GlobalPool())
            case "flatten":
                layers.append(ng.Flatten())
            case "dense":
                layers.append(ng.Dense(settings[0], activation=settings[1]))
    return ng.Sequential(layers)


def inputs(data: dict[str, Any]) -> Any:
    """What the network is fed: by name where it is a source and a target."""
    return {"source": data["x"], "target": data["target"]} if "target" in data else data["x"]


def loss(work: Work) -> str:
    """The name of the work's loss."""
    return "binary_cross_entropy" if work.target == "bits" else "softmax_cross_entropy"


def untrained(work: Work, data: dict[str, Any]) -> ng.Model:
    """The model that every work starts from."""
    return ng.untrained(network(work), inputs(data), data["y"], loss=loss(work), lengths=data.get("lengths"))


def fit(work: Work, epochs: int, batch: int | None, variant: str) -> None:
    """`ng.fit`."""
    data = work.data()
    ng.fit(
        network(work), inputs(data), data["y"], lengths=data.get("lengths"), loss=loss(work),
        optimizer="sgd", learning_rate=work.rate, batch_size=batch, epochs=epochs,
    )  # fmt: skip


def make_prediction(work: Work, variant: str) -> Callable[[], None]:
    """`Model.predict_proba`, or what `Model.predictor` has prepared."""
    data = work.data()
    model = untrained(work, data)
    if variant == "handle":
        predictor = model.predictor(work.examples)
        out = predictor(inputs(data)).copy()
        return lambda: predictor(inputs(data), out=out)
    return lambda: model.predict_proba(inputs(data), data.get("lengths"))


def make(work: Work, variant: str) -> Callable[[], None]:
    """One step of plain gradient descent on the whole batch."""
    data = work.data()
    model = untrained(work, data)
    batch = jax.tree.map(jnp.asarray, model.batch(inputs(data), data["y"], None, data.get("lengths")))
    descent = optimizers.get("sgd", work.rate)
    run = compiled_step(Supervised.of(model, descent))
    carry = Carry(model.params, model.state, descent.init(model.params))
    key = jax.random.key(0)

    def step() -> None:
        nonlocal carry
        carry, _ = run(carry, batch, key)
        jax.block_until_ready(carry)

    return step
