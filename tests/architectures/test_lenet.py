"""LeNet-5: the published counts, the table of connections, and that it learns."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.architectures.lenet import connections


def test_the_counts_are_the_papers():
    """Weights and connections of every layer up to F6 (LeCun et al. 1998, section II B)."""
    rows = {row.name: row for row in ng.architectures.lenet5().summary((32, 32, 1)).rows}
    weights = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    assert {name: rows[name].parameters for name in weights} == weights
    assert sum(weights.values()) == 60_000
    assert [rows[name].connections for name in ("c1", "s2", "s4", "c5")] == [122_304, 5880, 2000, 48_120]
    assert [rows[name].out_shape for name in weights] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (1, 1, 120), (84,)
    ]  # fmt: skip


def test_the_table_of_connections_is_the_papers():
    table = connections(6, 16)
    assert table.sum(0).tolist() == [3] * 6 + [4] * 9 + [6]
    assert table.sum(1).tolist() == [10] * 6
    assert len({tuple(column) for column in table.T.tolist()}) == 16
    assert np.flatnonzero(table[:, 5]).tolist() == [0, 1, 5]
    assert np.flatnonzero(table[:, 14]).tolist() == [0, 2, 3, 5]


def test_masked_weights_stay_away_and_it_learns():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.normal(size=(60, 28, 28, 1)).astype(np.float32) * 0.3
    for k in range(3):
        x[y == k, 4 + 7 * k : 10 + 7 * k, 6:22] += 1
    net = ng.architectures.lenet5(3, size=0.5, padding=2)
    model = ng.fit(net, x, y, epochs=10, epochs_per_call=10, batch_size=20, learning_rate=3e-3)
    gone = ~connections(3, 8)
    W = np.asarray(model.params["c3"]["W"])
    assert (W[:, :, gone] == 0).all()
    assert (W[:, :, ~gone] != 0).all()
    assert model.evaluate(x, y)["accuracy"] > 0.95
    assert model.parameters == net.summary((28, 28, 1)).parameters == sum(
        p.size for layer in model.params.values() for name, p in layer.items() if name != "mask_W"
    ) - 25 * gone.sum()  # fmt: skip


def test_an_image_too_small_is_told_by_the_layer_that_has_no_room():
    for net in (ng.architectures.lenet5(), ng.architectures.lenet5_modern()):
        with pytest.raises(ng.ShapeError, match=r"^c3: floor\(\(4 - 5 \+ 0\)/1\) \+ 1 leaves 0 rows"):
            net.summary((12, 12, 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "expected a number over 0, found 0"),
        ({"size": True}, "expected a number over 0, found True"),
        ({"size": float("nan")}, "expected a number over 0, found nan"),
        ({"classes": 0}, "classes must be a whole number of at least 1, found 0"),
        ({"classes": 2.5}, "classes must be a whole number of at least 1, found 2.5"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings, message):
    with pytest.raises(ng.NetgradError, match=message):
        ng.architectures.lenet5_modern(**settings)
