"""Many models at once: one network for each of fifty shops, and one network from sixteen starts."""

import numpy as np
import pandas as pd

import netgrad as ng
from netgrad.estimators import GroupedRegressor

rng = np.random.default_rng(0)
shops = [f"shop {i:02d}" for i in range(50)]
sales = pd.DataFrame(
    {"shop": np.repeat(shops, 60), "price": rng.uniform(1, 3, 3000), "holiday": rng.random(3000) < 0.2}
)
elasticity = np.repeat(rng.uniform(0.5, 3.0, 50), 60)  # what the price does differs from shop to shop
sold = 20 - 4 * elasticity * (sales["price"] - 2) + 6 * sales["holiday"] + rng.normal(0, 0.5, 3000)

# All fifty networks are trained in one compiled program.
later = np.arange(3000) % 60 >= 45
many = GroupedRegressor((8,), group="shop", learning_rate_init=0.1, max_iter=500, random_state=0)
many.fit(sales[~later], sold[~later])
print(f"{len(many.models_)} networks: r2 on later days {many.score(sales[later], sold[later]):.3f}")

# XOR with two hidden units: some starts end in a poor minimum, the best of sixteen does not.
x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
model = ng.fit(net, x, y, epochs=400, learning_rate=0.05, starts=16, epochs_per_call=50)
last = model.history.rows[-1]
losses = sorted(last[f"loss_{k + 1}"] for k in range(16))
print(f"XOR from 16 starts: losses from {losses[0]:.3f} to {losses[-1]:.3f}; the best says {model.predict(x).tolist()}")
