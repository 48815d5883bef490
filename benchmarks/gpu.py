"""A training step and a prediction on a GPU, in float32 and TF32, and on its CPU: `python -m benchmarks.gpu`.

Where JAX sees no GPU it says so and ends. Each figure is the median of several epochs after the first.
"""

import time

import jax
import numpy as np

import netgrad as ng

EPOCHS, BATCH, BUDGET = 6, 256, 80.0  # seconds in all


def works():
    """Networks and what they train on, by name."""
    r = np.random.default_rng(0)
    n = 16 * BATCH
    classes = r.integers(0, 10, n)
    pictures = r.normal(size=(n, 28, 28, 1)).astype(np.float32)
    sequences = r.normal(size=(n // 4, 64, 32)).astype(np.float32)
    symbols = r.integers(0, 64, (n // 4, 64))
    lstm = ng.Sequential([ng.LSTM(128, returns="last"), ng.Dense(10)])
    mlp = ng.Sequential(
        [ng.Flatten(), ng.Dense(1024, activation="relu"), ng.Dense(1024, activation="relu"), ng.Dense(10)]
    )
    block = ng.architectures.transformer_encoder(64, 256, outputs=64, layers=1, heads=4)
    yield "MLP 784-1024-1024-10", mlp, pictures, classes
    yield "LeNet-5", ng.architectures.lenet5_modern(10, padding=2), pictures, classes
    yield "LSTM of 128 units, 64 steps", lstm, sequences, classes[: n // 4]
    yield "Transformer block, 256 units, 64 symbols", block, symbols, symbols


class Clock(ng.Callback):
    """When each epoch ended."""

    def on_start(self, run):
        self.times = []

    def on_epoch(self, run):
        self.times.append(time.perf_counter())


def measured(network, x, y, device, precision):
    """Milliseconds a step, and a prediction of all examples."""
    with jax.default_device(device), jax.default_matmul_precision(precision):
        clock = Clock()
        model = ng.fit(network, x, y, epochs=EPOCHS, batch_size=BATCH, callbacks=[clock])
        step = np.median(np.diff(clock.times)) / (len(x) / BATCH)
        model.predict(x)
        begun = time.perf_counter()
        model.predict(x)
        return 1000 * step, 1000 * (time.perf_counter() - begun)


def main():
    try:
        gpu = jax.devices("gpu")[0]
    except RuntimeError:
        print(f"JAX sees no GPU here ({jax.devices()[0].device_kind} only): nothing to measure")
        return
    places = [(gpu, "float32"), (gpu, "tensorfloat32"), (jax.devices("cpu")[0], "float32")]
    print(f"{gpu.device_kind}, jax {jax.__version__}, batches of {BATCH}; milliseconds a step, and a prediction of all")
    begun = time.monotonic()
    for name, network, x, y in works():
        for device, precision in places:
            if time.monotonic() - begun > BUDGET:
                print("the time is up: the rest was left out")
                return
            step, predicted = measured(network, x, y, device, precision)
            print(f"{name:42} {device.platform} {precision:14} {step:9.2f} {predicted:9.1f}", flush=True)


if __name__ == "__main__":
    main()
