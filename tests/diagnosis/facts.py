"""Evidence made of facts: what a check is shown in the tests of its words."""

from types import SimpleNamespace

import numpy as np

import netgrad as ng
from netgrad.diagnosis.places import Place

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(300, 4))
RATES = {0.01: 9.0, 0.1: 9.0, 1.0: 9.0, 10.0: 9.0, 100.0: 9.0, 1e3: 9.0, 1e4: 9.0}


def known(*layers, **facts):
    """Evidence that consists of these facts, about a network of these layers on four columns."""
    layers = layers or (ng.Dense(4, activation="relu"), ng.Dense(1))
    network = ng.Sequential(layers)
    usual = {
        "network": network,
        "hidden": list(network.nodes[:-1]),
        "weighted": list(network.nodes),
        "places": [Place(node.name, node.layer, True, node == network.nodes[-1]) for node in network.nodes],
        "settings": {},
        "batch": SimpleNamespace(size=300, x={network.inputs[0]: NORMAL}, y={}, lengths={}),
        "held": None,
        "held_short": False,
        "table": None,
        "moved": {},
        "input_pairs": [],
        "sequential": False,
        "transferred": [],
        "references": (0.9, 0.2),
        "problems": lambda batch, most=0: [],
        "reference_skill": lambda task, x, target: 0.1,
        "column_name": lambda i: f"column {i}",
        "class_names": lambda classes: [str(int(c)) for c in classes],
        "one_row_each": lambda name: True,
        "row_numbers": lambda places: places,
        "scored": SimpleNamespace(x={network.inputs[0]: NORMAL}, lengths={}),
        "severity": "fault",
        "mistaken": "fault",
        "failing": True,
        "input_rank": 4.0,
        "expected": 0.9,
        "possible": float("nan"),
        "held_skill": float("nan"),
        "skill": 0.1,
        "loss": 1.0,
        "chance": 1.0,
        "first_loss": 1.0,
        "guess": 1.0,
        "passable": 1.0,
        "bottlenecks": {},
        "codes": [],
        "attention": [],
        "rates": {},
        "smaller_batches": {},
        "memory": {},
        "first_non_finite": lambda: None,
    }
    facts.setdefault("first_signals", facts.get("signals", {}))
    history = ng.History(facts.pop("rows", []))
    objective = SimpleNamespace(
        terms=[(network.outputs[0][0], facts.pop("aim", None), 1.0)],
        penalties=("l2",),
        weight_noise=facts.pop("noise", 0.0),
    )
    params, _ = network.init(0, {network.inputs[0]: facts.pop("shape", (4,))})
    params = facts.pop("params", lambda drawn: drawn)(params)
    model = SimpleNamespace(
        history=history, objective=objective, params=params, effective=params, encoder=None, target_encoder=None
    )
    return SimpleNamespace(**usual | {"model": model, "start": model} | facts)


def inputs(rows):
    return known(scored=SimpleNamespace(x={"x": rows}, lengths={}))


def changed(column, value):
    rows = NORMAL.copy()
    rows[:, column] = value
    return rows


def wild():
    rows = NORMAL.copy()
    rows[7, 2] = 1e4
    return rows


def loss(kind, **changes):
    return SimpleNamespace(**{"registered_name": kind, "logits": False, "task": "regression"} | changes)


def targets(values):
    return {"aim": loss("squared_error"), "targets": lambda *_: np.asarray(values, float).reshape(-1, 1)}


def flow(*sizes):
    names = ["dense_1", "dense_2", "dense_3"]
    return {"flow": lambda _: (names, np.array(sizes)), "signals": {}, "first_signals": {}}


def signal(**facts):
    empty = np.zeros(0)
    return SimpleNamespace(**{"answer": empty, "flat": empty, "reach": empty, "weight": np.float32(1.0)} | facts)
