"""Signals of a sensor: which fault does a machine have? Convolution in time, on recordings of unequal length."""

import numpy as np

import netgrad as ng

rng = np.random.default_rng(0)
FAULTS = ("healthy", "imbalance", "bearing")


def recording(fault: str, steps: int) -> np.ndarray:
    """Two channels of vibration: a hum; with imbalance a stronger one; with a bad bearing short knocks on it."""
    t = np.arange(steps)
    hum = np.sin(2 * np.pi * t / 24 + rng.uniform(0, 6)) * (1.8 if fault == "imbalance" else 1.0)
    knocks = 2.0 * (t % 17 == rng.integers(17)) if fault == "bearing" else np.zeros(steps)
    return np.stack([hum + knocks, 0.5 * hum - knocks], axis=1) + rng.normal(0, 0.3, (steps, 2))


faults = rng.choice(FAULTS, 400)
x, lengths = ng.data.pad_sequences([recording(fault, rng.integers(60, 121)) for fault in faults])
train, test = slice(0, 300), slice(300, None)

# Steps beyond a recording's length count for nothing: not in the convolutions, not in the mean over time.
net = ng.Sequential(
    [
        ng.Conv(12, 9, activation="relu", padding="same"),
        ng.MaxPool(4),
        ng.Conv(16, 5, activation="relu", padding="same"),
        ng.GlobalPool(),
        ng.Dense(3),
    ]
)
model = ng.fit(net, x[train], faults[train], lengths=lengths[train], epochs=25, learning_rate=5e-3)
print(f"accuracy on unseen recordings: {model.evaluate(x[test], faults[test], lengths=lengths[test])['accuracy']:.3f}")

one = recording("bearing", 200)[None]  # longer than any in training
print("a new recording:", model.predict(one)[0])
