"""What the checks of data, settings and splits say, each sentence on evidence made for it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

import netgrad as ng
from tests.diagnosis.facts import NORMAL, RATES, changed, known, loss

RNG = np.random.default_rng(4)
Y = {"dense_2": np.zeros(300)}
CLASSES = np.arange(300) % 3
DISTANT = SimpleNamespace(registered_name="squared_error", task="regression", logits=False)
CHOSEN = loss("softmax_cross_entropy", task="classification")


def of(x, **facts):
    """Evidence about these inputs (N, d) without a table."""
    return known(batch=SimpleNamespace(size=len(x), x={"x": x}, y=facts.pop("y", {}), lengths={}), **facts)


def put(column, rows, value):
    x = NORMAL.copy()
    x[rows, column] = value
    return x


def metres():
    x = np.abs(NORMAL) * 0.05 + 1.7
    x[:40, 2] *= 100
    return x


def dates():
    days = pd.Series(pd.date_range("2020-01-01", periods=300))
    days[:5] = pd.Timestamp("1900-01-01")
    return known(table=pd.DataFrame({"born": days, "size": NORMAL[:, 0]}))


def split(x, held, **facts):
    return known(held=SimpleNamespace(size=len(held)), input_pairs=[(x, held)], held_short=True, **facts)


def two(labels, held):
    return {
        "aim": CHOSEN,
        "held": SimpleNamespace(size=len(held), held=True),
        "targets": lambda name, loss, batch: np.asarray(held if hasattr(batch, "held") else labels),
    }


def transferred(task, own, skill, predicted, target, within=0.9):
    return known(transferred=[("y", task, own, skill, predicted, target)], held_possible=within)


def across(x, target, held, held_target):
    train, other = SimpleNamespace(size=300, x={}, y={}, lengths={}), SimpleNamespace(size=100)

    def problems(batch, most=0):
        return [("y", "classification", *((x, target) if batch is train else (held, held_target)))]

    return known(batch=train, held=other, held_short=True, problems=problems)


def noisy_labels():
    x = RNG.normal(size=(600, 4))
    y = (x[:, 0] > 0).astype(int)
    x[:, 0] += np.where(y, 2, -2)
    flip = RNG.random(600) < 0.15
    return known(
        possible=0.7,
        batch=SimpleNamespace(size=600, x={}, y={}, lengths={}),
        problems=lambda batch, most=0: [("y", "classification", x, np.where(flip, 1 - y, y))],
    )


def padded():
    x = RNG.normal(size=(60, 12, 3))
    x[np.arange(12) >= np.arange(60)[:, None] % 10 + 2] = 0
    return x


def whole_numbers(told):
    y = (np.arange(300) % 3).astype(float)[:, None]
    return known(
        aim=DISTANT,
        targets=lambda *_: y,
        outputs=lambda name: y if told else np.ones_like(y),
        problems=lambda batch, most=0: [("dense_2", "regression", np.eye(3)[CLASSES], y)],
    )


def normalised(momentum):
    return {"skill_of_batches": 0.9, "skill": 0.2}


SORTED = {"settings": {"shuffle": False, "batch_size": 30}}
LINEAR = (ng.Dense(4), ng.Dense(4), ng.Dense(1))
RARE = np.repeat([0, 1, 2], [100, 100, 4])
LEAK = np.column_stack([NORMAL, CLASSES.astype(float)])

# name of the finding, evidence, and some of the words
DATA = [
    (
        "one_hot_regression",
        lambda: known(ng.Dense(3), aim=DISTANT, targets=lambda *_: np.eye(3)[CLASSES]),
        "the targets are one-hot rows of 3 classes, but the loss is squared_error",
    ),
    (
        "regression_on_classes",
        lambda: whole_numbers(False),
        "class numbers 0 to 2, taken for quantities: rounded, the answers have a skill of 0.00, a classifier has 1",
    ),
    (
        "no_nonlinearity",
        lambda: known(*LINEAR),
        "no layer has an activation, so that 3 layers with weights are one linear layer",
    ),
    (
        "sorted_labels",
        lambda: of(NORMAL, y={"dense_2": np.sort(CLASSES)}, aim=CHOSEN, **SORTED),
        "sorted by class and not shuffled: in a batch of 30 examples 9.% are of one class, of all examples 33%",
    ),
    (
        "sorted_labels",
        lambda: of(NORMAL, y={"dense_2": np.sort(NORMAL[:, 0])}, aim=DISTANT, **SORTED),
        r"the rows are sorted by the target \(correlation 1.00\) and not shuffled",
    ),
    (
        "missing_class",
        lambda: known(**two([0, 1] * 40, [0, 1, 2] * 20)),
        "no training example is of class 2, but 20 validation examples are",
    ),
    (
        "missing_class",
        lambda: known(**two([0, 1] * 40, [0, 1] * 20 + [2])),
        "no training example is of class 2, but 1 validation example is$",
    ),
    (
        "missing_class",
        lambda: known(**two([0, 1, 2] * 40, [0, 1] * 20)),
        "no validation example is of class 2, of which 13 were to be expected",
    ),
    (
        "missing_class",
        lambda: known(**two([0, 1, 2] * 40, [0] * 40)),
        "no validation example is of classes 1, 2, of which 27 were to be expected",
    ),
    (
        "shifted_inputs",
        lambda: split(NORMAL, 50 * NORMAL + 9),
        "on another scale than those of training: 4 of 4 columns spread 50 times as far",
    ),
    ("shifted_inputs", lambda: split(NORMAL, NORMAL + 9), "of training: 4 of 4 columns lie .* spreads away"),
    (
        "shifted_inputs",
        lambda: split(NORMAL, changed(2, NORMAL[:, 2] + 9)),
        "training and validation differ in column 2: its mean lies",
    ),
    (
        "shifted_inputs",
        lambda: split(NORMAL, changed(2, NORMAL[:, 2] / 2 + 1.8)),
        "trees tell validation from training examples .* most by columns 2, ",
    ),
    (
        "targets_apart",
        lambda: transferred("classification", 0.9, 0.0, CLASSES, (CLASSES + 1) % 3),
        "what training calls class 0 is class 1 in validation; 3 classes are renamed",
    ),
    (
        "targets_apart",
        lambda: transferred("regression", 0.9, -5.0, NORMAL[:, :1], 100 * NORMAL[:, :1] + 7),
        "the validation targets are about 100 times those of training, plus 7",
    ),
    (
        "targets_apart",
        lambda: transferred("regression", 0.9, -0.5, NORMAL[:, :1], NORMAL[:, 1:2], within=0.0),
        "no relation between inputs and targets of validation",
    ),
    (
        "targets_apart",
        lambda: transferred("regression", 0.0, -0.5, NORMAL[:, :1], NORMAL[:, 1:2], within=0.8),
        "no relation between inputs and targets of training",
    ),
    (
        "copied_examples",
        lambda: split(NORMAL, np.concatenate([NORMAL[:50], RNG.normal(size=(50, 4))])),
        "50 of 100 validation examples looked at are copies of training examples",
    ),
    (
        "copied_examples",
        lambda: split(NORMAL, np.concatenate([NORMAL[:1], RNG.normal(size=(9, 4))])),
        "1 of 10 validation examples looked at is a copy of a training example$",
    ),
    (
        "training_only_column",
        lambda: across(LEAK, CLASSES, np.column_stack([NORMAL[:100], NORMAL[:100, 0]]), CLASSES[:100]),
        r"column 4 tells the target in training \(skill 1.00\), not in validation \(0.",
    ),
    (
        "sentinel_values",
        lambda: of(put(1, slice(0, 4), -999.0)),
        "4 of 300 values of column 1 are -999, which seems to stand for a missing value",
    ),
    ("sentinel_values", dates, "5 of 300 values of column 'born' are 1900-01-01, which seems"),
    ("mixed_units", lambda: of(metres()), "40 of 300 values of column 2 are about 100 times larger than the others"),
    ("useless_columns", lambda: of(changed(1, 5.0)), "column 1 has the same value in every row"),
    ("useless_columns", lambda: of(changed(1, 3 * NORMAL[:, 0] + 1)), "column 1 says the same as column 0"),
    (
        "leaking_column",
        lambda: of(LEAK, problems=lambda batch, most=0: [("y", "classification", LEAK, CLASSES)]),
        "column 4 alone tells the output y with a skill of 1; without it a reference reaches 0.10",
    ),
    ("wrong_labels", noisy_labels, r"about 1.% of the labels seem wrong: .* another class, most so of rows \d+, \d+"),
    (
        "small_classes",
        lambda: known(aim=CHOSEN, answers=lambda *_: (RARE, np.zeros(204, int))),
        "class 2 has fewer than 10 examples, and the network recognises 0% of them",
    ),
    (
        "target_outliers",
        lambda: of(NORMAL, aim=DISTANT, y={"dense_2": put(0, [7, 9], [500.0, 400.0])[:, :1]}),
        r"2 of 300 targets lie far from all others \(rows 7, 9\) and make up 100% of",
    ),
    (
        "target_outliers",
        lambda: of(NORMAL, aim=DISTANT, y={"dense_2": put(0, [7], [500.0])[:, :1]}),
        r"1 of 300 targets lies far from all others \(row 7\) and makes up 100% of",
    ),
    (
        "lagging_statistics",
        lambda: known(ng.Dense(4), ng.BatchNorm(), ng.Dense(1), skill_of_batches=0.9, skill=0.2),
        "with the running averages of batch_norm_1 the skill is 0.20, with the averages of the examples themselves 0.9",
    ),
    (
        "noise_drowns",
        lambda: known(ng.Dense(4), ng.Dropout(0.9), ng.Dense(1), skill_under_noise=0.1, skill=0.5),
        "with dropout_1 at work, as in training, the skill is 0.10, without 0.50",
    ),
    (
        "noise_drowns",
        lambda: known(
            noise=2.0, signals={name: SimpleNamespace(weight=np.float32(0.5)) for name in ("dense_1", "dense_2")}
        ),
        "noise of 2 is added to weights of the size 0.5 in every step",
    ),
    (
        "class_weights_tip",
        lambda: known(aim=CHOSEN, settings={"class_weight": {"2": 1e5}}, answers=lambda *_: (RARE, np.full(204, 2))),
        "with its weight, class 2 makes up 100% of the loss, but 1.96% of the examples",
    ),
    ("padding_as_data", lambda: of(padded()), r"80% of the sequences end in 3 or more time-steps of zeros"),
    (
        "clipped_always",
        lambda: known(settings={"clip_norm": 0.01}, rates={**RATES, 10.0: 1.0}, rows=[{"grad_norm": 3.0}]),
        "the gradient's norm was never below 3 on average, and is cut to 0.01 in every step",
    ),
    (
        "decayed_rate",
        lambda: known(settings={"rates": [0.1, 1e-3, 1e-5, 1e-9, 0.0]}),
        "after a quarter of the steps the learning rate has fallen to 0.0001 of what it was",
    ),
    (
        "still_layers",
        lambda: known(moved={"dense_1": 0.0, "dense_2": 0.3}),
        "the weights of dense_1 are those that were drawn: training has not changed them",
    ),
    (
        "still_layers",
        lambda: known(moved={"dense_1": 1e-5, "dense_2": 3e-5}),
        "no layer's weights changed by more than 3e-05",
    ),
    (
        "still_layers",
        lambda: known(moved={"dense_1": 1e-5, "dense_2": 0.3}),
        "the weights of dense_1 changed by 1e-05 of their size in the whole run, those of the others far more",
    ),
    (
        "whole_batch_method",
        lambda: known(settings={"optimizer": "lbfgs", "batch_size": 32}),
        "lbfgs compares the gradients of its steps, which are of other examples each time: 32 of 300 a step",
    ),
    (
        "few_updates",
        lambda: known(settings={"batch_size": 300}, rows=[{"loss": 1.0}]),
        "the run ended after 1 update, while the loss was still falling",
    ),
]
