"""Pre-training: the lowest layers know the data before they know a label."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.tasks import pretrain
from tests.training.task_cases import patterns

RNG = np.random.default_rng(0)
X = patterns(200)


def deep(activation="logistic", *between):
    return ng.Sequential(
        [ng.Dense(12, activation=activation), *between, ng.Dense(6, activation=activation), ng.Dense(4)]
    )


@pytest.mark.parametrize("by", ["autoencoder", "rbm"])
def test_every_hidden_layer_keeps_what_comes_from_below(by):
    """What the second layer makes says which of the four patterns it was, better than as it was drawn."""
    net = deep("logistic", ng.Dropout(0.2))
    drawn = net.init(0, (24,))[0]
    learned = pretrain(net, X, by=by, epochs=30, learning_rate=0.02 if by == "autoencoder" else 0.3)
    assert {name: sorted(own) for name, own in learned.items()} == {name: sorted(own) for name, own in drawn.items()}

    def spread(params):
        model = ng.untrained(net, X, X[:, :4], params=params)
        code = np.asarray(model.trace(X, X[:, :4])["dense_2"].a)
        return code.std(0).mean()

    assert spread(learned) > 3 * spread(drawn)
    model = ng.fit(net, X, X[:, :4], params=learned, epochs=1)
    assert model.history.settings["drawn"] is False


def test_gaussian_units_where_data_lie_beyond_0_and_1():
    params = pretrain(deep(), RNG.normal(size=(60, 5)), by="rbm", epochs=1)
    assert params["dense_1"]["W"].shape == (5, 12)


x = ng.Input()
WRONG = {
    "another way": (deep(), "magic", "layers are pre-trained by autoencoder or rbm, found 'magic'"),
    "no hidden layer": (ng.Sequential([ng.Dense(1)]), "rbm", "hidden dense layers, and this network has none"),
    "other units": (deep("relu"), "rbm", "units are logistic, and those of dense_1 are relu: pre-train by autoencoder"),
    "another layer": (deep("relu", ng.BatchNorm()), "autoencoder", "of dense layers, and batch_norm_1 is none"),
    "a view": (deep().frozen("dense_1"), "rbm", "found tied, frozen or other views"),
    "a fork": (
        ng.Network(x, ng.Dense(1)(ng.Add()(ng.Dense(4)(x), ng.Dense(4)(x)))), "autoencoder",
        "of layers in a row, and dense_2 is fed by x",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind):
    network, by, message = WRONG[kind]
    with pytest.raises(ng.NetgradError, match=message) as raised:
        pretrain(network, X, by=by)
    assert "\n" not in str(raised.value)
