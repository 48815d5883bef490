"""sktime's interface, where it is installed; its base class, splits and evaluation take the forecaster as their own."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.estimators import sktime as ours

T = np.arange(90)
MONTHS = pd.period_range("2015-01", periods=90, freq="M")
Y = pd.Series(50 + 0.1 * T + 10 * np.sin(2 * np.pi * T / 12), MONTHS, name="sold")
QUICK = {"settings": {"epochs": 2}}


def test_without_sktime_it_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime.forecasting.base", None)
    ours._made.cache_clear()
    with pytest.raises(ng.NetgradError, match="NetgradForecaster needs sktime: pip install sktime"):
        _ = ours.NetgradForecaster
    with pytest.raises(AttributeError, match="has no attribute 'Forecaster'"):
        _ = ours.Forecaster
    ours._made.cache_clear()


def test_it_forecasts_as_fit_forecast_does():
    pytest.importorskip("sktime", reason="sktime is not installed")
    forecaster = ours.NetgradForecaster(**QUICK).fit(Y, fh=[1, 3, 6])
    said = forecaster.predict()
    assert said.index.astype(str).tolist() == ["2022-07", "2022-09", "2022-12"]
    assert said.name == "sold"
    same = ng.fit_forecast(Y.to_frame("y"), "y", horizon=6, epochs=2).predict(Y.to_frame("y"))
    np.testing.assert_array_equal(said.to_numpy(), same["prediction"].to_numpy()[[0, 2, 5]])
    bands = forecaster.predict_interval(coverage=[0.5, 0.9])
    assert (bands["sold", 0.9, "lower"] <= bands["sold", 0.5, "lower"]).all()
    assert (bands["sold", 0.5, "upper"] <= bands["sold", 0.9, "upper"]).all()
    again = pickle.loads(pickle.dumps(forecaster))
    pd.testing.assert_series_equal(again.predict(), said)
    later = pd.Series([58.0], pd.period_range("2022-07", periods=1, freq="M"), name="sold")
    forecaster.update(later, update_params=False)
    assert forecaster.predict().index.astype(str).tolist() == ["2022-08", "2022-10", "2023-01"]
    with pytest.raises(NotImplementedError, match="can not perform in-sample prediction"):
        ours.NetgradForecaster(**QUICK).fit(Y, fh=[0, 1])


def test_what_is_known_in_advance_counts_and_rows_may_be_numbered():
    pytest.importorskip("sktime", reason="sktime is not installed")
    promo = pd.DataFrame({"promo": (T * 7 % 5 == 0).astype(float)})
    y = pd.Series(10.0 + 20 * promo["promo"])
    forecaster = ours.NetgradForecaster(log_target=False).fit(y[:80], X=promo[:80], fh=[1, 2, 3, 4, 5])
    said = forecaster.predict(X=promo[80:85])
    few = ours.NetgradForecaster(log_target=False, **QUICK).fit(y[:80], X=promo[:80], fh=[2, 5])
    assert few.predict(X=promo.loc[[81, 84]]).index.tolist() == [81, 84]
    few.update(y[80:82], X=promo[80:82])  # learned anew, with what is known of before
    assert few.predict(X=promo.loc[[83, 86]]).index.tolist() == [83, 86]
    assert len(few.forecaster_.series.y) == 82
    assert said.index.tolist() == [80, 81, 82, 83, 84]
    np.testing.assert_allclose(said, y[80:85], atol=3)


CHECKS = (  # of sktime's, those that compile little; all of them take half an hour
    *("test_fit_predict", "test_predict_series_name_preserved", "test_update_with_exogenous_variables"),
    *(
        "test_get_test_params",
        "test_constructor",
        "test_set_params",
        "test_clone",
        "test_fit_does_not_overwrite_hyper_params",
    ),
    *(
        "test_methods_do_not_change_state",
        "test_inheritance",
        "test_categorical_X_raises_error",
        "test__y_remember_data",
    ),
)


def test_sktimes_own_checks():
    pytest.importorskip("sktime", reason="sktime is not installed")
    from sktime.utils.estimator_checks import check_estimator

    one = ours.NetgradForecaster(settings={"epochs": 1})
    found = check_estimator(one, tests_to_run=list(CHECKS), verbose=False)
    assert {name: str(result) for name, result in found.items() if str(result) != "PASSED"} == {}
    assert len(found) > 12
