"""Why does this network not train? Ask, and do what the answer says."""

import numpy as np

import netgrad as ng

rng = np.random.default_rng(0)
x = rng.normal(size=(1000, 4))
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
x_test, y_test, x, y = x[700:], y[700:], x[:700], y[:700]

# Ten logistic layers, as in the early days: the gradient loses most of itself in each.
deep = ng.Sequential([*[ng.Dense(16, activation="logistic") for _ in range(10)], ng.Dense(2)])
model = ng.fit(deep, x, y, epochs=10, optimizer="sgd", learning_rate=0.1)
print(f"accuracy on unseen examples: {model.evaluate(x_test, y_test)['accuracy']:.3f}")
diagnosis = model.diagnose(x, y)
print(diagnosis)

# The remedy, by hand: another activation, its initialiser, an optimiser that paces each weight.
shallow = ng.Sequential([*[ng.Dense(16, activation="relu", initializer="he") for _ in range(3)], ng.Dense(2)])
repaired = ng.fit(shallow, x, y, epochs=30, learning_rate=5e-3, penalty="l2")
print(f"accuracy on unseen examples: {repaired.evaluate(x_test, y_test)['accuracy']:.3f}")
print(
    "vanishing gradients:", "vanishing_gradients" in diagnosis, "->", "vanishing_gradients" in repaired.diagnose(x, y)
)
