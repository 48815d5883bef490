"""What threshold and linear units can and cannot represent: XOR by hand, parity, collapse, the perceptron."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.network import forward

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
XOR = np.array([0, 1, 1, 0])


def threshold_network(*layers: tuple[list, list], threshold: float = 0.0) -> tuple[ng.Network, dict]:
    """A network of threshold units with these (W, b), as (network, params)."""
    step = ng.Threshold(threshold)
    net = ng.Sequential([ng.Dense(len(b), activation=step) for _, b in layers])
    params = {
        node.name: {"W": jnp.asarray(W, float), "b": jnp.asarray(b, float)}
        for node, (W, b) in zip(net.nodes, layers, strict=True)
    }
    return net, params


def run(net: ng.Network, params: dict, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The activations of the first layer and of the output for these inputs."""
    done = forward(net, params, {}, {"x": jnp.asarray(x, float)})
    first, last = net.nodes[0].name, net.nodes[-1].name
    return np.asarray(done.saved[first]["a"]).astype(int), np.asarray(done.saved[last]["a"])[:, 0].astype(int)


@experiment("xor", "XOR by threshold units", "Kelleher 8.2 fig. 9; Pattipati 'XOR Problem'", seconds=3)
def xor(seed: int = 0) -> Result:
    """The McCulloch-Pitts network with threshold 1, and both two-layer solutions of Pattipati."""
    result = Result()
    # Kelleher figure 9: units fire where z >= 1; one hidden unit is OR, one NAND, and the output is their AND.
    net, params = threshold_network(([[1, -1], [1, -1]], [0, 2]), ([[1], [1]], [-1]), threshold=1.0)
    result.close("McCulloch-Pitts, threshold 1: output", XOR, run(net, params, CORNERS)[1], 0)

    # U[x2 - x1 - 1/2], U[x2 - x1 + 1/2], then U[z1 - z2 + 1/2]
    net, params = threshold_network(([[-1, -1], [1, 1]], [-0.5, 0.5]), ([[1], [-1]], [0.5]))
    hidden, out = run(net, params, CORNERS)
    result.close("first solution: z1, z2", [[0, 1], [1, 1], [0, 0], [0, 1]], hidden, 0)
    result.close("first solution: output", XOR, out, 0)

    # U[x1 + x2 - 1.5], U[x1 + x2 - 1/2], then U[z2 - 2 z1 - 1/2]
    net, params = threshold_network(([[1, 1], [1, 1]], [-1.5, -0.5]), ([[-2], [1]], [-0.5]))
    hidden, out = run(net, params, CORNERS)
    result.close("second solution: z1, z2", [[0, 0], [0, 1], [0, 1], [1, 1]], hidden, 0)
    result.close("second solution: output", XOR, out, 0)
    return result


def parity_network(n: int) -> tuple[ng.Network, dict]:
    """n-bit parity: hidden unit k fires where at least k bits are set; the output adds them with alternating signs."""
    signs = [[1.0 if k % 2 == 0 else -1.0] for k in range(n)]
    return threshold_network((np.ones((n, n)).tolist(), [-(k + 0.5) for k in range(n)]), (signs, [-0.5]))


@experiment("parity", "n-bit parity with one hidden layer of n units", "Pattipati 'XOR Problem'", seconds=3)
def parity(seed: int = 0) -> Result:
    """Every input of 2 to 8 bits."""
    result = Result()
    for n in range(2, 9):
        x = np.array(list(itertools.product([0, 1], repeat=n)), float)
        wrong = int((run(*parity_network(n), x)[1] != x.sum(1) % 2).sum())
        result.close(f"{n} bits: wrong outputs of {2**n}", 0, wrong, 0)
    return result


def shallow_parity(n: int) -> tuple[ng.Network, dict]:
    """Parity as one layer of ANDs and an OR: one AND for each input with an odd number of bits, 2^(n-1) of them."""
    odd = np.array([bits for bits in itertools.product([0, 1], repeat=n) if sum(bits) % 2])
    # An AND of x_i and of 1 - x_i fires where all bits agree: sum of +-x_i over the bits set, less their number.
    ands = (2.0 * odd - 1).T.tolist(), (0.5 - odd.sum(1)).tolist()
    return threshold_network(ands, (np.ones((len(odd), 1)).tolist(), [-0.5]))


def deep_parity(n: int) -> tuple[ng.Network, dict]:
    """Parity as a tree of XORs of two, each an OR, a NAND and their AND: 3 (n - 1) units; n is a power of two."""
    layers = []
    while n > 1:
        pairs = np.kron(np.eye(n // 2), np.ones((2, 1)))
        layers.append((np.hstack([pairs, -pairs]).tolist(), [-0.5] * (n // 2) + [1.5] * (n // 2)))
        layers.append((np.vstack([np.eye(n // 2)] * 2).tolist(), [-1.5] * (n // 2)))
        n //= 2
    return threshold_network(*layers)


def shared_terms(outputs: np.ndarray) -> int:
    """How many ANDs of fewer than all n bits, negated or not, fire only for inputs whose output is 1, and so could do
    for several of them; outputs (2^n,) in the order of the inputs as binary numbers.

    >>> shared_terms(np.array([0, 1, 1, 0])), shared_terms(np.array([0, 1, 1, 1]))  # XOR; OR: either bit does for two
    (0, 2)
    """
    n, found = len(outputs).bit_length() - 1, 0
    inputs = np.array(list(itertools.product([0, 1], repeat=n)))
    for term in itertools.product([0, 1, 2], repeat=n):  # 2: this bit is left out
        asked = np.array(term)
        if 2 in term:
            found += bool(outputs[((inputs == asked) | (asked == 2)).all(1)].all())
    return found


@experiment(
    "shallow-parity",
    "Parity by AND and OR: exponentially many units in two layers, few in a deep tree",
    "Pattipati 'Why Deep Networks?', Hastad's switching lemma",
    seconds=5,
)
def parity_by_depth(seed: int = 0) -> Result:
    """2, 4 and 8 bits in two layers and as a tree of XORs, on every input; and that two layers need as many as they do.

    An AND that leaves a bit out fires for an odd and for an even input alike, so each of the 2^(n-1) odd inputs needs
    one of its own. That is two layers; the lemma says it of any fixed number of them, which no program can try. It is
    of ANDs and ORs: n threshold units that count do it in one hidden layer (`netgrad reproduce parity`).
    """
    result, counts = Result(), {}
    for n in (2, 4, 8):
        x = np.array(list(itertools.product([0, 1], repeat=n)), float)
        for name, (net, params) in (("two layers", shallow_parity(n)), ("a tree", deep_parity(n))):
            wrong = int((run(net, params, x)[1] != x.sum(1) % 2).sum())
            result.close(f"{n} bits, {name}: wrong outputs of {2**n}", 0, wrong, 0)
            counts[n, name] = sum(len(layer["b"]) for layer in params.values())
        result.close(f"{n} bits, two layers: 2^(n-1) + 1 units", 2 ** (n - 1) + 1, counts[n, "two layers"], 0)
        result.close(f"{n} bits, a tree of {2 * n.bit_length() - 2} layers: 3 (n - 1) units", 3 * (n - 1),
                     counts[n, "a tree"], 0)  # fmt: skip
    for n in (2, 4, 6):
        odd = np.array([sum(bits) % 2 for bits in itertools.product([0, 1], repeat=n)])
        result.close(f"{n} bits: ANDs of fewer bits that would do for several odd inputs", 0, shared_terms(odd), 0)
    return result


@experiment("linear-collapse", "A chain of linear layers is one matrix", "Kelleher eq. 7-11", seconds=3)
def linear_collapse(seed: int = 0) -> Result:
    """Four linear layers against the product of their matrices, on random inputs, in float64."""
    result = Result()
    with jax.enable_x64(True):
        net = ng.Sequential([ng.Dense(units, bias=False) for units in (7, 5, 6, 3)])
        params, _ = net.init(seed, (4,))
        x = jax.random.normal(jax.random.key(seed + 1), (20, 4), float)
        product = jnp.linalg.multi_dot([params[node.name]["W"] for node in net.nodes])
        out = forward(net, params, {}, {"x": x}).outputs["dense_4"]
        result.close("largest difference to x @ (W1 W2 W3 W4)", 0.0, jnp.abs(out - x @ product).max(), 1e-12)
    return result


@experiment(
    "perceptron", "The perceptron separates AND and OR but not XOR", "Kelleher 8.2 fig. 8; Pattipati", seconds=5
)
def perceptron(seed: int = 0) -> Result:
    """Rosenblatt's rule, one example at a time, on the three functions."""
    result = Result()
    for name, target, separable in (("AND", [0, 0, 0, 1], True), ("OR", [0, 1, 1, 1], True), ("XOR", XOR, False)):
        model = ng.fit(
            ng.Sequential([ng.Dense(1)]), CORNERS, np.asarray(target),
            loss="perceptron", optimizer="sgd", learning_rate=0.5, batch_size=1, epochs=100, seed=seed,
        )  # fmt: skip
        wrong = int((model.predict(CORNERS) != target).sum())
        text = "0" if separable else "at least 1"
        result.holds(f"{name}: mistakes after 100 epochs", text, wrong, (wrong == 0) == separable)
    return result
