"""Softmax and cross-entropy on the text's mini-batch of four."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.losses import SoftmaxCrossEntropy

# Table 15: net inputs of the output neurons 8, 9, 10 for each example; the class of each; activations of neuron 6.
LOGITS = np.array(
    [
        [0.107653, 0.099377, 0.103000],
        [0.106456, 0.098249, 0.104083],
        [0.106093, 0.098227, 0.104006],
        [0.107395, 0.098955, 0.103460],
    ]
)
# Table 14: the outputs of Table 3, binned: low <= 0.33, medium <= 0.66, high > 0.66.
OUTPUT, BINS = np.array([0.94, 0.13, 0.57, 0.36]), ("low", "medium", "high")
CLASSES = np.array([2, 0, 1, 1])
A6 = np.array([0.1145, 0.1211, 0.1167, 0.1195])
EXP = [
    [1.113661238, 1.104482611, 1.108491409],
    [1.112328983, 1.103237457, 1.109692556],
    [1.111925281, 1.103213186, 1.109607113],
    [1.11337395, 1.104016618, 1.109001432],
]
SOFTMAX = [[0.3348, 0.3320, 0.3332], [0.3345, 0.3318, 0.3337], [0.3344, 0.3318, 0.3337], [0.3347, 0.3319, 0.3334]]
DELTA = [[0.3348, 0.3320, -0.6668], [-0.6655, 0.3318, 0.3337], [0.3344, -0.6682, 0.3337], [0.3347, -0.6681, 0.3334]]


@experiment("softmax", "Softmax with cross-entropy on a mini-batch", "Kelleher eq. 71-89, Tables 14-16", seconds=3)
def softmax(seed: int = 0) -> Result:
    """Softmax of three logits; deltas p - t of four examples; one weight's gradient and update."""
    result = Result()
    loss = SoftmaxCrossEntropy()
    with jax.enable_x64(True):
        p = loss.link(jnp.array([1.5, -0.9, 0.6]))
        result.close("softmax of [1.5, -0.9, 0.6]", [0.667874356, 0.060588195, 0.27153745], p, 1e-8)
        e = np.exp([1.5, -0.9, 0.6])
        result.close("Table 15: e^l", [4.48168907, 0.40656966, 1.8221188], e, 1e-8)
        result.close("Table 15: their sum", 6.71037753, e.sum(), 1e-8)
        result.close("softmax is e^l over it", np.asarray(p), e / e.sum(), 1e-15)
        result.close("Table 16: e^l of the mini-batch", EXP, np.exp(LOGITS), 1e-8)
        sums = [3.326635258, 3.325258996, 3.324745579, 3.326392]
        result.close("Table 16: their sums", sums, np.exp(LOGITS).sum(1), 1e-8)
        result.close("softmax of the mini-batch", SOFTMAX, loss.link(jnp.asarray(LOGITS)), 6e-5)
        delta = loss.delta(jnp.asarray(LOGITS), jnp.asarray(CLASSES))
        # The text goes on with p of four decimals: its deltas and products are known to a unit of the last of them.
        result.close("delta of neurons 8, 9, 10", DELTA, delta, 1.1e-4)

        binned = np.digitize(OUTPUT, [0.33, 0.66], right=True)
        result.holds("Table 14: outputs in bins", "high, low, medium, medium", ", ".join(BINS[k] for k in binned),
                     bool(np.all(binned == CLASSES)))  # fmt: skip
        # The output layer, of which the text prints the weight from neuron 6 to neuron 9.
        params = {"W": jnp.array([[0.0, -0.07, 0.0]]), "b": jnp.zeros(3)}
        saved = {"x": jnp.asarray(A6)[:, None], "z": jnp.asarray(LOGITS), "a": jnp.asarray(LOGITS)}
        gradients = ng.Dense(3).backward(params, saved, delta).d_params
        products = [0.038014, 0.04018098, -0.07797894, -0.07983795]
        result.close("eq. 88: delta of neuron 9 x a6", products, np.round(delta, 4)[:, 1] * A6, 1.3e-5)
        result.close("dE/dw96", -0.07962191, gradients["W"][0, 1], 5e-5)
        descent = optax.sgd(0.01)
        updates, _ = descent.update(gradients, descent.init(params))
        updated = optax.apply_updates(params, updates)
        result.close("w96 after one update", -0.069203781, updated["W"][0, 1], 1e-6)
        net = ng.Sequential([ng.Dense(3)])
        agree = ng.check_gradients(net, A6[:, None], CLASSES, loss="softmax_cross_entropy").ok
        result.holds("gradients against jax.grad and differences", "agree", "agree" if agree else "differ", agree)
    return result


@experiment(
    "softmax-regression",
    "Softmax regression on MNIST, as the text's program",
    "Allauzen 'Example in Tensorflow' 1, 2, and 'Experimental observations', no hidden layer",
    needs=("mnist",),
    seconds=5,
)
def softmax_regression(seed: int = 0) -> Result:
    """W and b of 0, cross-entropy, 1,000 steps of gradient descent with step 0.5 on random batches of 100."""
    from netgrad.data import datasets

    data = datasets.load("mnist").flat()
    rows = np.random.default_rng(seed).permutation(len(data.y))[: 1000 * 100 // 2]
    model = ng.fit(
        ng.Sequential([ng.Dense(10, initializer="zeros")]), data.x[rows], data.y[rows],
        optimizer="sgd", learning_rate=0.5, batch_size=100, epochs=2, seed=seed,
    )  # fmt: skip
    accuracy = 100 * model.evaluate(data.x_test, data.y_test)["accuracy"]
    result = Result()
    result.holds("accuracy on 10,000 test images", "about 88 %, reached", f"{accuracy:.2f} %", accuracy >= 88)
    result.notes.append("1,000 batches of 100 are drawn as two epochs of 50,000 of the images, in another order each.")
    return result
