"""What people bring from other libraries is found, or answered with what it is called here."""

import inspect
import re
import warnings

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad import habits
from netgrad.errors import NetgradError
from netgrad.habits import ATTRIBUTES, NAMES, OF_FIT, OF_PARTS
from netgrad.registry import KINDS, find

X = np.random.default_rng(0).normal(size=(30, 4))
CLASSES = np.arange(30) % 3
NET = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(3)])
ONE = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(1)])
PARAMS = NET.init(0, (4,))[0]


def fit(net=NET, y=CLASSES, **settings):
    return ng.fit(net, X, y, **{"epochs": 1, **settings})


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NAMES.items() for name in names])
def test_every_name_leads_to_a_part_and_says_what_differs(kind, name):
    here = NAMES[kind][name]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        part = find(kind, name)
    assert isinstance(part, KINDS[kind][here.name])
    assert [str(w.message) for w in said] == (
        [f"{kind} {name!r} is taken for {here.name!r}: {here.differs.format(name)}"] if here.differs else []
    )


@pytest.mark.parametrize(
    ("kind", "spec", "part"),
    [
        ("activation", "LeakyReLU", ng.LeakyReLU()),
        ("activation", ng.ReLU, ng.ReLU()),
        ("activation", None, ng.Identity()),
        ("initializer", "Glorot_Uniform", ng.Xavier("fan_avg", "uniform")),
        ("initializer", "ones", ng.Constant(1.0)),
        ("loss", "CrossEntropyLoss", ng.SoftmaxCrossEntropy()),
        ("penalty", "L2", ng.L2()),
    ],
)
def test_spellings_and_classes_are_taken(kind, spec, part):
    assert find(kind, spec) == part


def test_the_initialisers_have_the_variance_of_their_namesakes():
    import jax

    key, shape = jax.random.key(0), (300, 500)
    for name, variance in (("glorot_uniform", 2 / 800), ("he_normal", 2 / 300), ("lecun_normal", 1 / 300)):
        assert np.var(find("initializer", name)(key, shape)) == pytest.approx(variance, rel=0.02)


def test_optimisers_are_found_in_any_spelling():
    assert fit(optimizer="Adam").history["loss"] == fit(optimizer="adam").history["loss"]
    assert fit(optimizer="RMSprop", schedule="cosine").history.settings["optimizer"] == "rmsprop"


@pytest.mark.parametrize("name", sorted(OF_FIT))
def test_every_argument_of_fit_is_answered(name):
    with pytest.raises(NetgradError, match=f"^fit has no argument '{name}': here it is ") as said:
        fit(**{name: 1})
    here = OF_FIT[name].partition("=")[0].partition(",")[0]
    assert here in inspect.signature(ng.fit).parameters or "JAX_PLATFORMS" in str(said.value)


@pytest.mark.parametrize("name", sorted(OF_PARTS))
def test_every_argument_of_a_part_is_answered_by_one_that_has_it(name):
    answers = set()
    for cls in [*KINDS["layer"].values(), *KINDS["activation"].values(), ng.Normal, ng.Huber]:
        needed = [p for p in inspect.signature(cls).parameters.values() if p.default is p.empty]
        with pytest.raises((NetgradError, TypeError)) as said:
            cls(**dict.fromkeys((p.name for p in needed), 2), **{name: 1})
        answers.add(str(said.value).partition("': ")[2])
    assert f"here it is {OF_PARTS[name]}" in answers


def test_an_argument_that_nobody_has_is_answered_with_the_nearest():
    with pytest.raises(NetgradError, match=r"unknown argument of Dense 'activaton': did you mean 'activation'"):
        ng.Dense(3, activaton="relu")
    with pytest.raises(NetgradError, match="unknown argument of Dropout 'units'"):
        ng.Dropout(units=3)
    with pytest.raises(NetgradError, match="unknown argument of fit 'epoch': did you mean 'epochs'"):
        fit(epoch=3)
    with pytest.raises(NetgradError, match=r"loss PartLoss needs strength: give an instance, PartLoss\(\.\.\.\)"):
        find("loss", _part_loss())


def _part_loss():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class PartLoss(ng.losses.Loss):
        strength: float

    return PartLoss


def test_a_type_error_of_the_users_own_stays_what_it_is():
    with pytest.raises(TypeError, match="unsupported operand"):
        fit(callbacks=lambda run: 1 + "a")


@pytest.mark.parametrize(("of", "name"), [(of, name) for of in ATTRIBUTES for name in ATTRIBUTES[of]])
def test_what_networks_and_models_of_others_have_is_answered(of, name):
    part = NET if of == "network" else ng.untrained(NET, X, CLASSES)
    with pytest.raises(AttributeError, match=f"a {of} has no '{name}': ") as said:
        getattr(part, name)
    assert ATTRIBUTES[of][name] in str(said.value)
    assert not hasattr(part, "nothing_of_the_kind")


def test_a_model_is_asked_by_name():
    model = ng.untrained(NET, X, CLASSES)
    with pytest.raises(NetgradError, match="a model is not called: "):
        model(X)
    assert str(model.summary()) == str(NET.summary((4,)))
    assert fit().history.history["epoch"] == [1.0]


def test_layers_in_a_row_are_a_list_or_arguments():
    assert ng.Sequential(ng.Dense(5, activation="tanh"), ng.Dense(3)) == NET
    with pytest.raises(NetgradError, match="at least one layer"):
        ng.Sequential()


# --- targets


@pytest.mark.parametrize("kind", [float, int, bool])
def test_one_hot_rows_mean_classes(kind):
    model = fit(y=np.eye(3, dtype=kind)[CLASSES])
    assert model.objective.terms[0][1] == ng.SoftmaxCrossEntropy()
    assert model.predict(X).shape == (30,)
    np.testing.assert_allclose(model.predict_proba(X), fit().predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("y", [np.eye(3)[CLASSES] * 2, np.eye(3)[CLASSES] + 0.1, np.ones((30, 3)), np.eye(3)[[0] * 30]])
def test_other_rows_do_not(y):
    assert fit(y=y).objective.terms[0][1] != ng.SoftmaxCrossEntropy()


@pytest.mark.parametrize("labels", [[1, 2, 3], [10, 20, 30], [-1, 0, 1]])
def test_whole_numbers_that_are_no_class_numbers_are_labels(labels):
    labels = np.array(labels)
    model = fit(y=labels[CLASSES])
    assert set(model.predict(X)) <= set(labels.tolist())
    assert model.evaluate(X, labels[CLASSES]).keys() >= {"accuracy"}
    np.testing.assert_allclose(model.predict_proba(X), fit().predict_proba(X), rtol=1e-5)


def test_more_labels_than_outputs_are_refused():
    with pytest.raises(NetgradError, match="label 10"):
        fit(ng.Sequential([ng.Dense(2)]), y=np.array([10, 20, 30])[CLASSES])


def test_a_frame_of_one_column_is_that_column():
    assert fit(y=pd.DataFrame({"kind": CLASSES})).predict(X).shape == (30,)


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu"])
def test_cross_entropy_of_what_are_no_probabilities_is_refused(activation):
    with pytest.raises(NetgradError, match=r"layer dense_1 ends in .* use loss 'softmax_cross_entropy'"):
        fit(ng.Sequential([ng.Dense(3, activation=activation)]), loss="cross_entropy")


# --- a loss that is a function


def test_a_function_is_a_loss():
    y = X[:, :1]
    by_name = fit(ONE, y, loss="squared_error")
    for function in (lambda a, t: 0.5 * (a - t) ** 2, lambda a, t: 0.5 * jnp.sum((a - t) ** 2, -1)):
        model = fit(ONE, y, loss=function)
        assert model.history["loss"] == pytest.approx(by_name.history["loss"], rel=1e-6)
    with pytest.raises(NetgradError, match="loss that is a function cannot be stored"):
        model.save("never.safetensors")


def test_a_function_that_takes_the_mean_itself_is_refused():
    with pytest.raises(NetgradError, match=r"gives \(\) for outputs \(30, 1\): expected an error for each example"):
        fit(ONE, X[:, 0], loss=lambda a, t: jnp.mean((a - t) ** 2), batch_size=None)


# --- parameters, callbacks


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ([1, 2], "params lack 'dense_1/W': this network has dense_1/W, dense_1/b"),
        ({"params": PARAMS}, "params lack 'dense_1/W'"),
        (PARAMS | {"dense_3": {"W": 1}}, "params hold 'dense_3/W', which this network does not have"),
        (PARAMS | {"dense_1": {"W": np.ones((4, 7)), "b": np.ones(5)}}, r"'dense_1/W' have the shape \(4, 7\)"),
        (PARAMS | {"dense_1": {"W": np.full((4, 5), "a"), "b": np.ones(5)}}, "'dense_1/W' are no numbers"),
    ],
)
@pytest.mark.parametrize("start", ["network", "model"])
def test_params_that_are_not_the_networks_are_refused(params, said, start):
    with pytest.raises(NetgradError, match=said):
        fit(NET if start == "network" else ng.untrained(NET, X, CLASSES), params=params)


def test_a_function_or_one_callback_alone_will_do():
    seen = []
    fit(callbacks=lambda run: seen.append(run.epoch), epochs=3)
    fit(callbacks=[ng.EarlyStopping(5), lambda run: seen.append(run.epoch)], epochs=2)
    assert seen == [1, 2, 3, 1, 2]
    assert fit(callbacks=ng.StopBelow(1e9), epochs=5).history["epoch"].tolist() == [1]


class OnBatchEnd(ng.Callback):
    def on_batch_end(self, run):
        """Nothing calls this."""


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (
            OnBatchEnd(),
            "on_batch_end would never be called: a callback has on_batch, on_end, on_epoch, on_restart, on_start",
        ),
        (ng.EarlyStopping, r"found the class EarlyStopping: write EarlyStopping\(\)"),
        ([3], "int is no callback"),
    ],
)
def test_what_is_no_callback_is_refused(callback, said):
    with pytest.raises(NetgradError, match=said):
        fit(callbacks=callback)


@pytest.mark.parametrize("loss", [None, "categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_a_network_that_ends_in_a_softmax_is_taught_on_its_probabilities(loss):
    model = fit(ng.Sequential([ng.Dense(3, activation="softmax")]), loss=loss, epochs=1)
    assert model.objective.terms[0][1] == ng.CrossEntropy()


def test_parts_of_other_libraries_are_answered_with_their_names_here():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(NetgradError, match=r"the loss CrossEntropyLoss of torch .* here it is 'softmax_cross_entropy'"):
        fit(loss=torch.nn.CrossEntropyLoss())
    with pytest.raises(NetgradError, match=r"the loss CTCLoss of torch .*: give a name: absolute_error"):
        fit(loss=torch.nn.CTCLoss())
    with pytest.raises(NetgradError, match=r"the optimizer AdamW of torch .* here it is 'adamw'"):
        fit(optimizer=torch.optim.AdamW)


@pytest.mark.parametrize("name", sorted(habits.CLASSES))
def test_every_class_of_others_is_answered_by_what_is_here(name):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}': here it is ") as said:
        getattr(ng, name)
    for word in re.findall(r"ng\.(\w+)", habits.CLASSES[name]):
        assert hasattr(ng, word)
    for loss in re.findall(r"loss='(\w+)'", habits.CLASSES[name]):
        find("loss", loss)
    for optimizer in re.findall(r"optimizer='(\w+)'", habits.CLASSES[name]):
        ng.optimizers.get(optimizer)
    assert str(said.value).endswith(habits.CLASSES[name])


def test_what_is_nowhere_is_answered_with_the_nearest():
    for name, words in (("Conv2D", "ng.Conv"), ("BatchNorm1d", "ng.BatchNorm"), ("fit_tabel", "mean 'fit_table'?")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}': .*{re.escape(words)}"):
            getattr(ng, name)
    with pytest.raises(AttributeError, match=r"no attribute '__wrapped__'$"):
        ng.__wrapped__  # noqa: B018
    assert not hasattr(ng, "nothing_of_the_kind")


def test_what_classes_of_other_libraries_are_answered_with_is_there():
    named = {name for answer in habits.CLASSES.values() for name in re.findall(r"\bng\.(\w+)", answer)}
    assert named
    assert all(hasattr(ng, name) for name in named)
