"""Every registered loss: its delta is the derivative of its value, its link and its checks do what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped

import netgrad as ng
from netgrad.registry import KINDS

# What to hold each loss on: outputs and targets of three examples.
RNG = np.random.default_rng(0)
OUT = RNG.normal(size=(3, 4))
CASES = {
    "squared_error": [(ng.SquaredError(), OUT, RNG.normal(size=(3, 4)))],
    "absolute_error": [(ng.AbsoluteError(), OUT, RNG.normal(size=(3, 4)))],
    "power_error": [(ng.PowerError(R), OUT, RNG.normal(size=(3, 4))) for R in (1.2, 1.5, 2.0)],
    "softmax_cross_entropy": [
        (ng.SoftmaxCrossEntropy(), OUT, np.array([0, 3, 1])),
        (ng.SoftmaxCrossEntropy(), OUT, RNG.dirichlet(np.ones(4), 3)),
        (ng.SoftmaxCrossEntropy(), RNG.normal(size=(3, 2, 4)), np.array([[0, 1], [2, 3], [1, 1]])),
        (ng.SoftmaxCrossEntropy(label_smoothing=0.1), OUT, np.array([0, 3, 1])),
        (ng.SoftmaxCrossEntropy(label_smoothing=0.3), OUT, RNG.dirichlet(np.ones(4), 3)),
    ],
    "binary_cross_entropy": [
        (ng.BinaryCrossEntropy(), 3 * OUT, RNG.integers(0, 2, (3, 4)).astype(float)),
        (ng.BinaryCrossEntropy(label_smoothing=0.1), 3 * OUT, RNG.integers(0, 2, (3, 4)).astype(float)),
    ],
    "cross_entropy": [
        (ng.CrossEntropy(), RNG.dirichlet(np.ones(4), 3), np.array([0, 3, 1])),
        (ng.CrossEntropy(), RNG.dirichlet(np.ones(4), 3), RNG.dirichlet(np.ones(4), 3)),
        (ng.CrossEntropy(label_smoothing=0.2), RNG.dirichlet(np.ones(4), 3), np.array([0, 3, 1])),
    ],
    "huber": [(ng.Huber(), OUT, RNG.normal(size=(3, 4))), (ng.Huber(0.3), OUT, RNG.normal(size=(3, 4)))],
    "function": [(ng.losses.FunctionLoss(lambda a, t: (a - t) ** 4), OUT, RNG.normal(size=(3, 4)))],
    "poisson": [(ng.Poisson(), OUT, RNG.poisson(2.0, (3, 4)).astype(float))],
    "mixture_density": [
        (ng.MixtureDensity(2, least=0.1), RNG.normal(size=(3, 10)), RNG.normal(size=(3, 2))),
        (ng.MixtureDensity(3), RNG.normal(size=(3, 2, 9)), RNG.normal(size=(3, 2, 1))),
    ],
    "perceptron": [(ng.Perceptron(), OUT, RNG.integers(0, 2, (3, 4)).astype(float))],
}
ALL = [case for cases in CASES.values() for case in cases]


def test_every_registered_loss_has_a_case():
    own = {name for name, cls in KINDS["loss"].items() if cls.__module__.startswith("netgrad.")}
    assert own == set(CASES)


@pytest.mark.parametrize(
    ("loss", "output", "target"), ALL, ids=lambda v: v.registered_name if isinstance(v, ng.losses.Loss) else ""
)
def test_delta_is_the_derivative_of_value(loss, output, target, x64):
    output, target = jnp.asarray(output), jnp.asarray(target)
    value = loss.value(output, target)
    assert value.shape == output.shape[:-1]
    auto = jax.grad(lambda o: loss.value(o, target).sum())(output)
    np.testing.assert_allclose(loss.delta(output, target), auto, rtol=1e-9, atol=1e-12)
    direction = np.random.default_rng(1).normal(size=output.shape)
    h = 1e-6
    moved = [loss.value(output + s * h * direction, target).sum() for s in (1, -1)]
    np.testing.assert_allclose((moved[0] - moved[1]) / (2 * h), (auto * direction).sum(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("loss", "target"), [(ng.SoftmaxCrossEntropy(), [1, 0]), (ng.BinaryCrossEntropy(), [[0, 1], [1, 0]])]
)
def test_extreme_logits_stay_finite(loss, target):
    output = jnp.array([[1e4, -1e4], [-1e4, 1e4]])
    assert jnp.isfinite(loss.value(output, jnp.asarray(target, float if loss.task == "multilabel" else int))).all()
    assert jnp.isfinite(loss.delta(output, jnp.asarray(target, float if loss.task == "multilabel" else int))).all()


def held(method):
    """The method, held to the shapes that its signature states."""
    return jaxtyped(typechecker=beartype)(method)


def test_shapes_are_those_that_the_signatures_state():
    for loss, output, target in ALL:
        output, target = jnp.asarray(output, float), jnp.asarray(target)
        kind = type(loss)
        error = held(kind.value)(loss, output, target)
        held(kind.delta)(loss, output, target)
        held(kind.link)(loss, output)
        for weight in (jnp.ones(()), jnp.ones(error.shape)):
            held(kind.weighted)(loss, output, target, weight)


def test_shapes_that_the_signatures_exclude_are_seen():
    with pytest.raises(TypeCheckError, match="target"):
        held(ng.SquaredError.value)(ng.SquaredError(), jnp.ones((3, 4)), jnp.ones((2, 4)))


def test_softmax_cross_entropy_is_cross_entropy_of_softmax():
    a = ng.SoftmaxCrossEntropy().value(jnp.asarray(OUT), jnp.array([0, 3, 1]))
    b = ng.CrossEntropy().value(jax.nn.softmax(jnp.asarray(OUT)), jnp.array([0, 3, 1]))
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_smoothed_labels_are_spread_over_all_classes():
    logits, target, s = jnp.asarray(OUT), jnp.array([0, 3, 1]), 0.1
    plain = ng.SoftmaxCrossEntropy().value(logits, target)
    spread = -jax.nn.log_softmax(logits).mean(-1)
    smoothed = ng.SoftmaxCrossEntropy(label_smoothing=s)
    np.testing.assert_allclose(smoothed.value(logits, target), (1 - s) * plain + s * spread, rtol=1e-5)
    on_p = ng.CrossEntropy(label_smoothing=s).value(jax.nn.softmax(logits), target)
    np.testing.assert_allclose(smoothed.value(logits, target), on_p, rtol=1e-5)
    two = ng.BinaryCrossEntropy(label_smoothing=s).value(logits[:, :1], jnp.ones((3, 1)))
    pair = smoothed.value(jnp.concatenate([jnp.zeros((3, 1)), logits[:, :1]], 1), jnp.ones(3, int))
    np.testing.assert_allclose(two, pair, rtol=1e-5)  # one logistic unit is a softmax over two
    with pytest.raises(ng.NetgradError, match="label_smoothing is a share from 0 to below 1, found 1"):
        ng.SoftmaxCrossEntropy(label_smoothing=1)


def test_smoothed_labels_are_kept_in_the_model_file(tmp_path):
    loss = ng.SoftmaxCrossEntropy(label_smoothing=0.2)
    model = ng.fit(ng.Sequential([ng.Dense(3)]), np.eye(3), [0, 1, 2], loss=loss, epochs=200, learning_rate=0.3)
    assert ng.load(model.save(tmp_path / "m.safetensors")).objective.terms[0][1] == loss
    np.testing.assert_allclose(model.predict_proba(np.eye(3)).max(1), 1 - 0.2 + 0.2 / 3, atol=0.02)


def test_a_certain_and_wrong_answer_costs_infinitely_much():
    assert ng.CrossEntropy().value(jnp.array([[0.0, 1.0]]), jnp.array([[1.0, 0.0]]))[0] == jnp.inf


def test_poisson_is_half_the_deviance_and_predicts_expected_counts():
    from sklearn.metrics import mean_poisson_deviance, r2_score

    x = RNG.uniform(-1, 1, (200, 1))
    y = RNG.poisson(np.exp(1 + x[:, 0]))
    model = ng.fit(ng.Sequential([ng.Dense(1)]), x, y, loss="poisson", learning_rate=0.05, epochs=60)
    expected = model.predict(x)
    scores = model.evaluate(x, y)
    assert scores["loss"] == pytest.approx(mean_poisson_deviance(y, expected) / 2, rel=1e-5)
    assert scores["r2"] == pytest.approx(r2_score(y, expected), abs=1e-5)
    assert expected.mean() == pytest.approx(y.mean(), rel=0.05)
    assert model.diagnose(x, y).skill == pytest.approx(scores["r2"], abs=1e-3)


@pytest.mark.parametrize(
    ("loss", "shape", "target", "message"),
    [
        (ng.SquaredError(), (2,), np.zeros((3, 4)), "do not fit"),
        (ng.MixtureDensity(2), (9,), np.zeros((3, 2)), r"needs 10 units in the last layer for 2 targets, 2 \* \(2 \*"),
        (ng.MixtureDensity(2), (6,), np.array([0, np.nan, 1]), "y"),
        (ng.BinaryCrossEntropy(), (1,), np.array([0, 2, 1]), r"\[0, 1\]"),
        (ng.Poisson(), (1,), np.array([0, 2, -1.5]), "counts or rates of at least 0, found -1.5"),
        (ng.Perceptron(), (1,), np.array([0, 0.5, 1]), "0 or 1"),
        (ng.SoftmaxCrossEntropy(), (3,), np.array([[0.5, 0.5, 0.5]]), "sum to 1"),
        (ng.SoftmaxCrossEntropy(), (4, 3), np.zeros((2, 5), int), "class numbers"),
    ],
)
def test_targets_are_checked(loss, shape, target, message):
    with pytest.raises(ng.NetgradError, match=message):
        loss.check(shape, target)


CURVED = ("squared_error", "softmax_cross_entropy", "binary_cross_entropy")


@pytest.mark.parametrize(("loss", "output", "target"), ALL)
def test_curvature_is_the_second_derivative_or_refused_by_name(loss, output, target):
    with jax.enable_x64(True):
        output, target = jnp.asarray(output), jnp.asarray(target)
        if loss.registered_name not in CURVED:
            with pytest.raises(ng.NetgradError, match=f"the loss '{loss.registered_name}' says no curvature"):
                loss.curvature(output, target)
            return
        flat = output.reshape(-1, output.shape[-1])
        targets = target.reshape(len(flat), *target.shape[output.ndim - 1 :])
        second = jax.vmap(jax.hessian(lambda a, t: loss.value(a[None], t[None])[0]))(flat, targets)
        np.testing.assert_allclose(loss.curvature(output, target).reshape(second.shape), second, atol=1e-12)
