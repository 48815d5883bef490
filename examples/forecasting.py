"""Forecasting: the next day of a noisy load curve, hour by hour, against the plainest rival."""

import numpy as np

import netgrad as ng

rng = np.random.default_rng(0)
hours = np.arange(24 * 90)
daily = np.sin(2 * np.pi * hours / 24) + 0.5 * np.sin(4 * np.pi * hours / 24)
weekend = np.where((hours // 24) % 7 >= 5, 0.5, 1.0)
load = daily * weekend + rng.normal(0, 0.08, len(hours))

# Each example: the last two days with the day of the week in, the next 24 hours out.
past, ahead = 48, 24
starts = np.arange(0, len(hours) - past - ahead, 6)
weekday = np.eye(7)[(hours // 24) % 7]
inputs = np.concatenate([load[:, None], weekday], axis=1)
x = np.stack([inputs[s : s + past] for s in starts])
y = np.stack([load[s + past : s + past + ahead] for s in starts])
known = starts + past + ahead < 24 * 75  # everything later is kept for testing

net = ng.Sequential([ng.GRU(32, returns="last"), ng.Dense(32, activation="tanh"), ng.Dense(ahead)])
model = ng.fit(
    net, x[known], y[known], loss="squared_error", epochs=60, learning_rate=5e-3, schedule="cosine", clip_norm=1.0
)

test = starts >= 24 * 75
error = np.sqrt(np.mean((model.predict(x[test]) - y[test]) ** 2))
yesterday = np.sqrt(np.mean((x[test][:, -ahead:, 0] - y[test]) ** 2))
print(f"root mean squared error {error:.3f}; saying the same as the day before: {yesterday:.3f}; the noise is 0.080")
