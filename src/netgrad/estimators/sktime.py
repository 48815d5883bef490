"""A forecaster with sktime's interface, where sktime is installed: netgrad itself does not need it.

from netgrad.estimators.sktime import NetgradForecaster

forecaster = NetgradForecaster().fit(y, fh=[1, 2, 3])
forecaster.predict(), forecaster.predict_interval(coverage=0.9)
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from netgrad.errors import NetgradError
from netgrad.training.forecast_bands import reaches
from netgrad.training.forecasting import fit_forecast

NAME = "NetgradForecaster"
OF_X = "x_"  # what the columns known in advance are called in the table begin with


def __getattr__(name: str) -> Any:
    if name != NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _made()


@lru_cache(maxsize=1)
def _made() -> Any:
    """The class, which is made when it is first asked for, since its base is sktime's."""
    try:
        from sktime.forecasting.base import BaseForecaster, ForecastingHorizon
    except ImportError as error:
        raise NetgradError(f"{NAME} needs sktime: pip install sktime") from error

    class NetgradForecaster(BaseForecaster):
        """`netgrad.fit_forecast` as a forecaster of sktime's. fh, relative, is asked for in fit; X is known in advance;
        of steps that predict is not given, those between the ones of fh, it goes on as before.

        window, log_target, layers, validation, seed: as for `netgrad.fit_forecast`. settings: a dict of further ones.
        forecaster_: the `netgrad.Forecaster`.
        """

        _tags = {  # noqa: RUF012 - sktime's way to say what a class can do
            "y_inner_mtype": "pd.Series",
            "X_inner_mtype": "pd.DataFrame",
            "requires-fh-in-fit": True,
            "capability:exogenous": True,
            "capability:missing_values": True,
            "capability:pred_int": True,
            "capability:pred_int:insample": False,
            "capability:insample": False,
            "capability:update": True,
            "X-y-must-have-same-index": True,
        }
        _config = {"remember_data": False}  # noqa: RUF012 - the past that a forecast is made from is kept here

        def __init__(
            self,
            window: int | None = None,
            log_target: bool | None = None,
            layers: Any = None,
            validation: float = 0.15,
            seed: int = 0,
            settings: Any = None,
        ):
            self.window = window
            self.log_target = log_target
            self.layers = layers
            self.validation = validation
            self.seed = seed
            self.settings = settings
            super().__init__()
            self._y = self._X = None  # for whoever sets remember_data all the same

        def _fit(self, y: Any, X: Any, fh: Any) -> Any:
            steps = [int(step) for step in fh.to_relative(self.cutoff)]
            self._name, self._past = y.name, table_of(y, X)
            self.forecaster_ = fit_forecast(
                self._past,
                "y",
                horizon=max(steps),
                window=self.window,
                known=[] if X is None else [f"{OF_X}{name}" for name in X.columns],
                layers=self.layers,
                log_target=self.log_target,
                validation=self.validation,
                seed=self.seed,
                **(self.settings or {}),
            )
            return self

        def _update(self, y: Any, X: Any = None, update_params: bool = True) -> Any:
            past = with_later(self._past, table_of(y, X))
            self._past = past
            if not update_params:
                return self
            known = [name for name in past.columns if name != "y"]
            return self._fit(
                past["y"].rename(y.name), past[known].rename(columns=_own_name) if known else None, self.fh
            )

        def _predict(self, fh: Any, X: Any) -> Any:
            return self._said(fh, X, ["prediction"])["prediction"].rename(self._name)

        def _predict_interval(self, fh: Any, X: Any, coverage: Any) -> Any:
            import pandas as pd

            kept, found = self.forecaster_, dict[tuple[Any, float, str], Any]()
            assert kept.missed is not None
            name = self._get_varnames()[0]
            for share in coverage:
                bands = reaches(kept.missed, share)
                said = self._said(fh, X, ["low", "high"], replace(kept, plan=replace(kept.plan, bands=bands)))
                found |= {(name, share, "lower"): said["low"], (name, share, "upper"): said["high"]}
            return pd.DataFrame(found)

        def _said(self, fh: Any, X: Any, columns: list[str], by: Any = None) -> Any:
            """These columns of the forecasts, at the steps of fh."""
            import pandas as pd

            known = self._past
            if X is not None and known.shape[1] > 1:
                later = X[~X.index.isin(known.index)]
                steps_ahead = list(range(1, self.forecaster_.plan.horizon + 1))
                ahead = ForecastingHorizon(steps_ahead, is_relative=True, freq=fh.freq).to_absolute_index(self.cutoff)
                later = later.reindex(later.index.union(ahead)).ffill().bfill().add_prefix(OF_X)
                known = pd.concat([known, later.assign(y=float("nan"))[list(known.columns)]])
            said = (by or self.forecaster_).predict(known)
            steps = [int(step) - 1 for step in fh.to_relative(self.cutoff)]
            return said[columns].iloc[steps].set_index(fh.to_absolute_index(self.cutoff))

        @classmethod
        def get_test_params(cls, parameter_set: str = "default") -> Any:
            """Small ones, for sktime's own checks."""
            return [{"settings": {"epochs": 1}}, {"log_target": False, "settings": {"epochs": 1}}]

    NetgradForecaster.__qualname__ = NAME
    return NetgradForecaster


def table_of(y: Any, X: Any) -> Any:
    """A series and what is known beside it, as far as that goes, as one table; its index is the times.

    >>> import pandas as pd
    >>> table_of(pd.Series([1.0, 2.0]), pd.DataFrame({"promo": [0, 1, 1]}))
         y  x_promo
    0  1.0        0
    1  2.0        1
    2  NaN        1
    """
    if X is None:
        return y.to_frame("y")
    return y.to_frame("y").join(X.add_prefix(OF_X), how="outer")


def with_later(past: Any, new: Any) -> Any:
    """Rows of a table and newer ones, which take the place of those at the same times.

    >>> import pandas as pd
    >>> with_later(pd.DataFrame({"y": [1.0, 2.0]}), pd.DataFrame({"y": [3.0, 4.0]}, index=[1, 2]))["y"].tolist()
    [1.0, 3.0, 4.0]
    """
    import pandas as pd

    return pd.concat([past[~past.index.isin(new.index)], new]).sort_index()


def _own_name(name: str) -> str:
    return name.removeprefix(OF_X)
