"""Every sentence that a check can say is said once here, on evidence made for it; none is left out."""

import ast
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis import checks as package
from netgrad.diagnosis.examples import Examples
from netgrad.diagnosis.finding import SEVERITIES, Check, Finding, checks
from netgrad.registry import KINDS
from tests.diagnosis.cases_of_data import DATA
from tests.diagnosis.facts import NORMAL, RATES, RNG, changed, flow, inputs, known, loss, signal, targets, wild


class OwnRule(ng.Layer):
    """A layer whose own backward rule is wrong."""

    def init(self, key, in_shape):
        return {"W": jnp.ones(in_shape)}

    def out_shape(self, in_shape):
        return in_shape

    def forward(self, params, x, context):
        return x * params["W"], {"x": x}

    def backward(self, params, saved, d_out):
        return ng.layers.Backward(d_out, {"W": 3 * (d_out * saved["x"]).sum(0)}, d_out)


def own_rule():
    few = SimpleNamespace(x={"x": NORMAL[:4]}, y={"ownrule_1": NORMAL[4:8]}, lengths={})
    return known(OwnRule(), aim=KINDS["loss"]["squared_error"](), some=lambda most: few)


def constant_weights(params):
    return {name: {**own, "W": jnp.ones_like(own["W"])} for name, own in params.items()}


def large_weights(params):
    return {name: {**own, "W": 100 * own["W"]} for name, own in params.items()}


TANH = (ng.Dense(4, activation="tanh"), ng.Dense(1))
COPIES = np.repeat(NORMAL[:, :1], 4, axis=1)
CURVES = {"rnn_1": np.full((2, 10), 1e-6)}
UNEVEN = np.repeat([0, 1], [90, 10])

# name of the finding, evidence, and some of the words
CASES = [
    ("inputs_not_normalised", lambda: inputs(np.ones((300, 4))), "4 of 4 columns are constant"),
    ("inputs_not_normalised", lambda: inputs(wild()), "column 2 has a value 7"),
    ("inputs_not_normalised", lambda: inputs(100 * NORMAL), "the inputs' size is 9"),
    ("inputs_not_normalised", lambda: inputs(0.2 * NORMAL + 7), "means lie 3"),
    ("inputs_not_normalised", lambda: inputs(0.01 * changed(1, 400 * NORMAL[:, 1])), "differ by a factor of"),
    (
        "targets_out_of_range",
        lambda: known(ng.Dense(1, activation="tanh"), aim=loss("binary_cross_entropy", logits=True)),
        "takes logits of any size, but the output's activation is tanh",
    ),
    (
        "targets_out_of_range",
        lambda: known(ng.Dense(3), aim=loss("cross_entropy", task="classification")),
        "takes probabilities, but the output is no softmax",
    ),
    (
        "targets_out_of_range",
        lambda: known(ng.Dense(1, activation="logistic"), **targets([0.5, 3.0])),
        r"50% of the targets lie outside of \[0, 1\]",
    ),
    ("targets_out_of_range", lambda: known(**targets([100.0, 300.0])), "the targets' mean is 200"),
    (
        "class_collapse",
        lambda: known(
            aim=loss("binary_cross_entropy", task="multilabel"),
            answers=lambda *_: (UNEVEN, np.zeros(100, int)),
            recallable=lambda _: 0.9,
        ),
        "90% of the examples are of class 0, and the network recognises 0% of the others",
    ),
    ("labels_without_relation", lambda: known(possible=0.01, by_accident=0.0), "no model finds a relation"),
    (
        "batch_too_small",
        lambda: known(ng.Dense(4), ng.BatchNorm(), ng.Dense(1), settings={"batch_size": 2}),
        "batch_norm_1 takes mean and spread from batches of 2",
    ),
    (
        "batch_too_small",
        lambda: known(settings={"batch_size": 1}, rates=RATES, smaller_batches={1.0: 0.1}),
        "with 32 examples a step the loss reaches 0.1 in the same epochs, with 1 a step it reaches 9",
    ),
    (
        "batch_too_small",
        lambda: known(settings={"batch_size": 1}, rates={**RATES, 1.0: np.inf}, smaller_batches={1.0: 0.1}),
        "in the same epochs, with 1 a step training diverges: each step",
    ),
    (
        "batch_too_large",
        lambda: known(settings={"batch_size": 300}, rates=RATES, smaller_batches={1.0: 0.1}, rows=[{"loss": 1.0}]),
        "300 examples a step made 1 update in 1 epoch; with 32 a step the loss reaches 0.1 instead of 9",
    ),
    ("vanishing_gradients", lambda: known(**flow(1e-6, 1.0, 1.0)), "delta shrinks to 1e-06 of its size from dense_2"),
    ("exploding_gradients", lambda: known(**flow(1e4, 1.0, 1.0)), "delta grows to 10,000 times its size from dense_2"),
    (
        "vanishing_memory",
        lambda: known(ng.RNN(4, returns="last"), shape=(5, 4), memory=CURVES, memory_now=CURVES),
        "the last state of rnn_1 depends on the first step of its sequence by a factor of 1e-06 only",
    ),
    (
        "exploding_memory",
        lambda: known(ng.RNN(4, returns="last"), shape=(5, 4), memory={"rnn_1": np.full((2, 10), 1e6)}),
        r"gradients of rnn_1 grow up to 1e\+06 times",
    ),
    ("not_finite", lambda: known(first_non_finite=lambda: "dense_1.z"), "the first arose in dense_1.z"),
    ("wrong_gradient", own_rule, r"the gradient of ownrule_1.W is wrong by .* of its size"),
    (
        "rate_too_high",
        lambda: known(rates={**RATES, 0.1: 0.5}),
        "with 0.1 times the learning rate the loss",
    ),
    ("rate_too_high", lambda: known(rates={**RATES, 1.0: np.inf, 0.1: 0.5}), "with this one training diverges"),
    (
        "rate_too_high",
        lambda: known(settings={"optimizer": "given"}, moved={"dense_1": 30.0}, rows=[{"loss": 7.0}]),
        "the weights moved by 30 times their size, and the loss ended at 7, above that of a constant answer: the steps",
    ),
    ("rate_too_low", lambda: known(rates={**RATES, 10.0: 0.5}), "with 10 times the learning rate the loss reaches 0.5"),
    ("initialisation_scale", lambda: known(params=large_weights), "the weights of dense_1, dense_2 start too large"),
    ("identical_units", lambda: known(params=constant_weights), "all 4 units of dense_1 start with the same weights"),
    ("first_loss", lambda: known(first_loss=50.0), "the loss starts at 50, while a constant answer has 1"),
    (
        "dead_units",
        lambda: known(signals={"dense_1": signal(answer=np.array([0, 0, 0, 1.0]))}),
        "3 of 4 units of dense_1 are active on no example",
    ),
    (
        "saturated_units",
        lambda: known(*TANH, signals={"dense_1": signal(flat=np.full(4, 0.9))}),
        "the tanh units of dense_1 are saturated in 90% of all cases",
    ),
    (
        "redundant_units",
        lambda: known(*TANH, signals={"dense_1": signal()}, activations={"dense_1": COPIES}),
        "3 of 4 units of dense_1 are copies, constant or unused",
    ),
    (
        "overfitting",
        lambda: known(rows=[{"loss": 1.0 / (1 + i), "val_loss": 1.0 + i} for i in range(4)]),
        "the validation loss was lowest in epoch 1 and is 4 times as high at the end",
    ),
    (
        "overfitting",
        lambda: known(
            skill=0.99,
            held_skill=0.3,
            held_short=True,
            short=lambda skill: skill < 0.5,
            transferred=[("y", "classification", 0.8, 0.7, None, None)],
        ),
        "the skill is 0.99 on the training examples and 0.30 on validation examples, where a reference",
    ),
    (
        "over_regularised",
        lambda: known(
            first_signals={"dense_1": signal(), "dense_2": signal()},
            signals={"dense_1": signal(weight=np.float32(0.01)), "dense_2": signal(weight=np.float32(0.01))},
        ),
        "under the penalty the weights have shrunk to 0.01",
    ),
    (
        "underfitting",
        lambda: known(ng.Dense(2), ng.Dense(1), rows=[{"loss": 1.0}] * 8, possible=0.9, bottlenecks={"dense_1": 2}),
        "training error stays high, at a skill of 0.10; layer dense_1 is very narrow",
    ),
]


def attended(*heads):
    """Weights of attention (20, heads, 5, 5)."""
    return {"attention": [("attention_1", np.stack([np.broadcast_to(head, (20, 5, 5)) for head in heads], 1))]}


def arrows():
    """Pictures of class 0 are bright on the left, of class 1 on the right."""
    y = np.arange(80) % 2
    x = RNG.normal(size=(80, 4, 4, 1)) + 3 * np.where(np.arange(4) // 2 == y[:, None], 1, 0)[:, None, :, None]
    return SimpleNamespace(x={"x": x}, size=80), y


def augmented(**how):
    pictures, y = arrows()
    layers = (ng.Augment(**how), ng.Flatten(), ng.Dense(2))
    return known(
        *layers, shape=(4, 4, 1), aim=loss("softmax_cross_entropy", task="classification", logits=True),
        some=lambda most: SimpleNamespace(**vars(pictures) | {"x": {known(*layers, shape=(4, 4, 1)).network.inputs[0]:
        pictures.x["x"]}}), targets=lambda *_: y,
    )  # fmt: skip


def two_ends():
    """A network of two outputs, the second of which has no loss."""
    x = ng.Input()
    network = ng.Network(x, {"a": ng.Dense(1)(x), "b": ng.Dense(2)(x)})
    return known(network=network, weighted=list(network.nodes), model=SimpleNamespace(
        objective=SimpleNamespace(terms=[("a", None, 1.0)])))  # fmt: skip


EVEN, FIRST = np.full((5, 5), 0.2), np.eye(5)[np.zeros(5, int)] * 0.9985 + 0.0003
SHIFTED = np.eye(5) * 0.9985 + 0.0003
STEPPED = (ng.Dense(4), ng.Dense(4, activation="threshold"), ng.Dense(1))

CASES += [
    ("cut_off_layers", lambda: known(*STEPPED), "no gradient reaches dense_1, dense_2: the derivative of dense_2 is 0"),
    ("cut_off_layers", two_ends, "dense_2 leads to no output with a loss"),
    (
        "label_changing_augmentation",
        lambda: augmented(flip=0.5),
        "flip makes 100% of the examples of class 0 look like",
    ),
    (
        "posterior_collapse",
        lambda: known(codes=[("gaussian_1", np.zeros((50, 2)), np.zeros((50, 2)))]),
        "2 of 2 units of the code gaussian_1 have the same mean whatever the input is: the penalty has silenced them",
    ),
    (
        "posterior_collapse",
        lambda: known(codes=[("gaussian_1", NORMAL[:, :2] * [1, 0], np.zeros((300, 2)))]),
        "1 of 2 units of the code gaussian_1 has the same mean whatever the input is: the penalty has silenced it$",
    ),
    ("attention_heads", lambda: known(**attended(EVEN, SHIFTED)), "1 of 2 heads of attention_1 looks at everything"),
    ("attention_heads", lambda: known(**attended(FIRST, SHIFTED)), "1 of 2 heads of attention_1 looks at one and the"),
    ("attention_heads", lambda: known(**attended(SHIFTED, SHIFTED)), "1 of 2 heads of attention_1 looks where another"),
]
CASES += DATA


@pytest.mark.parametrize(("name", "evidence", "words"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_sentence(name, evidence, words):
    found = list(KINDS["finding"][name]().look(evidence()))
    assert len(found) == 1
    assert isinstance(found[0], Finding)
    assert found[0].severity in SEVERITIES
    assert re.search(words, found[0].message), found[0].message
    assert all(np.isscalar(number) for number in found[0].measured.values())
    assert found[0].numbers
    assert found[0].remedy in str(found[0])


def test_no_sentence_is_left_out(monkeypatch):
    said = set()
    found = Check.found

    def noted(self, *words, **measured):
        caller = sys._getframe(1)
        said.add((Path(caller.f_code.co_filename).name, caller.f_lineno))
        return found(self, *words, **measured)

    monkeypatch.setattr(Check, "found", noted)
    for name, evidence, _ in CASES:
        list(KINDS["finding"][name]().look(evidence()))
    sentences = {}
    for path in Path(package.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and "found" in (getattr(call.func, "attr", ""), getattr(call.func, "id", "")):
                sentences[path.name, call.lineno] = range(call.lineno, call.end_lineno + 1)
    assert len(sentences) >= len(checks())
    unsaid = [at for at, lines in sentences.items() if not any((at[0], line) in said for line in lines)]
    assert not unsaid


@pytest.mark.parametrize(("losses", "severity"), [([20.0, 5.0, 0.1, 0.1], "warning"), ([5.0, *[0.1] * 9], "note")])
def test_a_first_loss_is_a_warning_where_unlearning_it_lasts(losses, severity):
    rows = [{"loss": loss} for loss in losses]
    evidence = known(first_loss=50.0, failing=False, severity="note", rows=rows)
    (found,) = KINDS["finding"]["first_loss"]().look(evidence)
    assert found.severity == severity


@pytest.mark.parametrize(("factor", "short", "severity"), [(100, True, "fault"), (100, False, "note"), (0, 1, "note")])
def test_large_first_weights_are_a_fault_where_only_validation_falls_short(factor, short, severity):
    def scaled(params):
        return {name: {**own, "W": factor * own["W"]} for name, own in params.items()}

    evidence = known(params=scaled, held_short=bool(short), failing=False, severity="note")
    (found,) = KINDS["finding"]["initialisation_scale"]().look(evidence)
    assert found.severity == severity


@pytest.mark.parametrize(("encoder", "names"), [(SimpleNamespace(classes=["no", "yes"]), ["yes"]), (None, ["1"])])
def test_classes_are_called_what_the_data_call_them(encoder, names):
    assert Examples(SimpleNamespace(target_encoder=encoder), None).class_names(np.array([1])) == names


@pytest.mark.parametrize(("momentum", "size", "advice"), [
    (0.9999, 32, "momentum=0.9 in BatchNorm, or training for more steps"),
    (0.9, 4, "batches of 16 or more, or training for more steps"),
    (0.9, None, "training for more steps"),
])  # fmt: skip
def test_of_lagging_statistics_only_what_applies_is_advised(momentum, size, advice):
    layers = (ng.Dense(4), ng.BatchNorm(momentum=momentum), ng.Dense(1))
    evidence = known(*layers, skill_of_batches=0.9, skill=0.2, settings={"batch_size": size})
    (found,) = KINDS["finding"]["lagging_statistics"]().look(evidence)
    assert found.remedy == advice


def test_columns_of_yes_and_no_are_not_wild():
    """Two wide categories, one-hot: nearly all columns are rare ones."""
    columns = [np.eye(150)[RNG.integers(0, 150, 2000)] for _ in range(2)]
    rows = np.concatenate([RNG.normal(size=(2000, 2)), *columns], axis=1)
    assert not list(KINDS["finding"]["inputs_not_normalised"]().look(inputs(rows)))


def test_a_wild_value_does_not_end_fit():
    x = np.random.default_rng(1).normal(size=(120, 3))
    y = x[:, 0]
    x[3, 1] = 1e6
    with pytest.warns(ng.NetgradWarning):
        model = ng.fit(ng.Sequential([ng.Dense(4, activation="relu"), ng.Dense(1)]), x, y, epochs=3, fix=True)
    assert np.isfinite(model.predict(x)).all()
