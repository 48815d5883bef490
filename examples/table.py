"""A table with columns of every kind: encoded, trained on, saved with its encodings, and asked in its own terms."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import netgrad as ng

# Flats and their rents. Any CSV or Parquet file will do: ng.data.read_table("flats.csv").
rng = np.random.default_rng(0)
flats = pd.DataFrame({"size": rng.uniform(25, 140, 600).round(), "floor": rng.integers(0, 9, 600)})
flats["district"] = rng.choice(["harbour", "hill", "old town"], 600)
flats["balcony"] = rng.random(600) < 0.4
extra = flats["district"].map({"harbour": 1.0, "hill": 1.3, "old town": 1.6}) * flats["size"] * 9
flats["rent"] = (120 + extra + 60 * flats["balcony"] + rng.normal(0, 25, 600)).round()

# Numbers are scaled, categories one-hot; the model remembers how, for the inputs and for the target.
x, rent = ng.data.split_target(flats, "rent")
target = ng.data.TargetEncoder("regression").fit(rent[:500])
net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(16, activation="relu"), ng.Dense(1)])
model = ng.fit(net, x[:500], target.transform(rent[:500]), epochs=60, validation=0.1, patience=10, penalty="l2")
model.target_encoder = target

scores = model.evaluate(x[500:], rent[500:])
print(f"unseen flats: r2 {scores['r2']:.3f}, off by {scores['rmse']:.0f} (the noise is 25)")

path = Path(tempfile.mkdtemp()) / "rent.safetensors"
model.save(path)  # `netgrad inspect` shows it, `netgrad serve` answers requests with it
new = pd.DataFrame({"size": [70], "floor": [2], "district": ["hill"], "balcony": [True]})
print(f"70 square metres on the hill: {ng.load(path).predict(new)[0]:.0f}")
