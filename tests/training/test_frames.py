"""Arguments that say how the columns of a data frame are encoded."""

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"size": RNG.uniform(1, 9, 60), "zip": RNG.integers(1, 4, 60), "row": np.arange(60) % 7})
PRICE = np.exp(TABLE["size"] / 3).to_numpy()
NET = ng.Sequential([ng.Dense(1)])


def fit(x=TABLE, y=PRICE, network=NET, **settings):
    return ng.fit(network, x, y, **{"epochs": 1} | settings)


def test_columns_are_left_out_and_taken_for_what_is_said():
    model = fit(drop=["row"], categorical=["zip"])
    assert model.encoder.feature_names == ["size", "zip=1", "zip=2", "zip=3"]
    assert model.predict(TABLE).shape == (60,)
    assert fit(only=["size"]).encoder.feature_names == ["size"]
    coded = TABLE.assign(zip=TABLE["zip"].astype(str).astype("category"))
    assert fit(coded, drop=["row"]).encoder.feature_names == ["size", "zip=1", "zip=2", "zip=3"]
    assert fit(coded, numeric=["zip"]).encoder.feature_names == ["size", "zip", "row"]
    with pytest.raises(ng.NetgradError, match="missing"):
        fit(TABLE.mask(TABLE["row"] == 3), missing="error")
    table = ng.fit_table(TABLE.assign(price=PRICE), "price", categorical=["zip"], epochs=1, members=1, hidden=(2,))
    assert "zip=2" in table.encoder.feature_names


def test_a_logarithm_is_learned_and_undone():
    model = fit(log_target=True, epochs=150, batch_size=8, learning_rate=0.05)
    assert model.evaluate(TABLE, PRICE)["r2"] > 0.99
    np.testing.assert_allclose(model.predict(TABLE), PRICE, rtol=0.2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"x": TABLE.to_numpy(), "drop": ["row"]},
            "drop is of a data frame's columns, and x is a ndarray: leave it out",
        ),
        ({"drop": ["rows"]}, "the table has no column 'rows': did you mean 'row'"),
        ({"y": -PRICE, "log_target": True}, "of which there is no logarithm"),
        ({"network": ng.untrained(NET, TABLE, PRICE), "only": ["size"]}, "goes on with its own encoders: leave only"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ng.NetgradError, match=said):
        fit(**settings)


def test_arguments_that_nobody_has_or_that_say_the_same_twice():
    with pytest.raises(ng.NetgradError, match="unknown argument of untrained 'dorp': did you mean 'drop'"):
        ng.untrained(NET, TABLE, PRICE, dorp=["row"])
    encoder, table = ng.data.TableEncoder(), TABLE.assign(price=PRICE)
    with pytest.raises(ng.NetgradError, match="numeric is the encoder's own, which is given"):
        ng.fit_table(table, "price", numeric=["zip"], encoder=encoder)
