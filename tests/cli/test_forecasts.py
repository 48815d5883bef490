"""Forecasts on the command line: series in a table with one row for each time-step."""

import io
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

QUICK = ("--epochs", 3, "--hidden", 8)


@pytest.fixture(scope="module")
def hourly(tmp_path_factory):
    """Two stations: an hourly temperature with days, and a wind; a missing hour, a missing value."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("hourly") / "air.csv"
    parts = []
    for k, place in enumerate(("north", "south")):
        t = np.arange(240)
        temp = 10 + 5 * k + 4 * np.sin(2 * np.pi * t / 24) + rng.normal(0, 0.3, 240).cumsum() * 0.3
        hour = pd.date_range("2024-03-01", periods=240, freq="h").astype(str)
        parts.append(pd.DataFrame({"place": place, "hour": hour, "wind": rng.normal(5, 1, 240), "temp": temp.round(2)}))
    table = pd.concat(parts, ignore_index=True)
    table.loc[17, "wind"] = None
    table.drop(index=30).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def forecast(hourly, tmp_path_factory):
    """A folder with a model and its report, and what the command said."""
    from netgrad.cli import main

    folder = tmp_path_factory.mktemp("forecast")
    options = ("--target", "temp", "--time", "hour", "--id", "place", "--goal", "forecast", "--horizon", 12)
    assert main([str(a) for a in ("fit", hourly, *options, "--net", "gru", *QUICK, "--out", folder, "-q")]) == 0
    return folder


def test_fit_tests_on_the_last_part_beside_its_rivals_and_reports(netgrad, refused, hourly, tmp_path):
    options = ("--target", "temp", "--time", "hour", "--id", "place", "--horizon", 12)  # which makes it a forecast
    assert "unknown --metric 'f2'" in refused("fit", hourly, *options, "--metric", "f2")
    fitted = netgrad("fit", hourly, *options, *QUICK, "--metric", "median_absolute_error,mse", "--out", tmp_path)
    assert fitted.status == 0, fitted.err
    line = " ".join(fitted.out.split())
    assert re.search(
        r"test RMSE \S+, MAE \S+, \d+ % within the bands, .*; RMSE of ridge \S+, persistence \S+, season", line
    )
    assert "1 of 480 time-steps of 1 hour have no value of 'temp', the first at 2024-03-02 06:00:00: the last" in (
        fitted.err
    )
    assert "missing values in 'wind': the last known value goes on" in fitted.err
    page = (tmp_path / "report.html").read_text()
    assert {"Forecasts beside the truth", "Error by steps ahead", "Learning curve", "Layers"} <= set(
        re.findall("<h2>(.*?)</h2>", page)
    )
    assert "seasonal naive" in page
    assert "validation from training" not in page + line  # what comes later is another season, and no fault
    model = ng.load(tmp_path / "model.safetensors")
    assert model.card["what"] == "forecast of 'temp' for the next 12 time-steps of 1 hour, from the 48 before"
    assert model.card["data"]["series"] == 2
    scores = model.card["scores"]
    assert scores["test_rmse"] < scores["test_persistence"]
    assert 0 < scores["test_median_absolute_error"] < scores["test_mae"]
    assert scores["test_mse"] == pytest.approx(scores["test_rmse"] ** 2, rel=1e-3)
    with pytest.raises(ng.NetgradError, match=r"in the target's own terms: Forecaster.score\(metrics=...\)"):
        ng.fit_forecast(pd.read_csv(hourly), "temp", metrics="mae")


def test_predict_goes_on_after_the_end_of_each_series(netgrad, refused, hourly, forecast, tmp_path):
    model = forecast / "model.safetensors"
    said = pd.read_csv(io.StringIO(netgrad("predict", model, hourly).out))
    assert list(said) == ["place", "hour", "step", "prediction", "low", "high"]
    assert said["place"].tolist() == ["north"] * 12 + ["south"] * 12
    assert said["hour"][0] == "2024-03-11 00:00:00"
    assert (said["low"] < said["high"]).all()
    assert "--proba is for classes" in refused("predict", model, hourly, "--proba")
    lines = hourly.read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(lines[:15]))
    assert "longest series has 14 time-steps: a forecast is made from 48" in refused(
        "predict", model, tmp_path / "short.csv"
    )
    (tmp_path / "word.csv").write_text("\n".join([*lines, "south,2024-03-11 00:00:00,strong,3.5"]))
    assert "column 'wind' holds 'strong' in row 480 of 480" in refused("predict", model, tmp_path / "word.csv")


def test_inspect_and_serve(netgrad, refused, hourly, forecast):
    shown = netgrad("inspect", forecast / "model.safetensors", hourly)
    assert shown.status == 0, shown.err
    assert f"on {hourly}: RMSE" in shown.out.replace("\n", "")
    assert "share" in shown.out
    assert "netgrad predict MODEL FILE" in refused("serve", forecast / "model.safetensors", "--port", 0)


def test_a_single_series_without_an_id_and_a_test_file(netgrad, refused, tmp_path):
    t = np.arange(100)
    table = pd.DataFrame({"month": pd.date_range("2010-01-01", periods=100, freq="MS").astype(str)})
    table["sold"] = 50 + 0.1 * t + 10 * np.sin(2 * np.pi * t / 12)
    table[:80].to_csv(tmp_path / "a.csv", index=False)
    table[50:].to_csv(tmp_path / "b.csv", index=False)
    fit = ("fit", tmp_path / "a.csv", "--target", "sold", "--time", "month", "--goal", "forecast", "--horizon", 6)
    fit = (*fit, *QUICK, "--no-report", "-q", "--out", tmp_path)
    fitted = netgrad(*fit, "--test", tmp_path / "b.csv", "--window", 12, "--no-log-target")
    assert fitted.status == 0, fitted.err
    assert "persistence" in fitted.out
    said = pd.read_csv(io.StringIO(netgrad("predict", tmp_path / "model.safetensors", tmp_path / "b.csv").out))
    assert said["month"].tolist()[0] == "2018-05-01"
    rows = netgrad(*(a for a in fit if a not in ("--time", "month")), "--drop", "month", "--validation", "0.2")
    assert rows.status == 0, rows.err
    attending = netgrad(*fit, "--net", "transformer", "--window", 12)
    assert attending.status == 0, attending.err
    # What will not do, each in one line.
    assert "no column 'shop'" in refused(*fit, "--id", "shop")
    assert "--target" in refused("fit", tmp_path / "a.csv", "--goal", "forecast")
    assert "--filters has no effect on forecasts" in refused(*fit, "--filters", "3")
    assert "--horizon is for forecasts: give --goal forecast" in refused(*fit, "--goal", "tag", "--net", "gru")
    assert "--bidirectional is for recurrent layers" in refused(*fit, "--bidirectional")
    assert "unknown --net for forecasts 'cnn'" in refused(*fit, "--net", "cnn")
    assert "no column 'nothing'" in refused(*fit, "--only", "nothing")
    holes = table.assign(sold=table["sold"].where(t != 5))
    holes.to_csv(tmp_path / "holes.csv", index=False)
    fit = (fit[0], tmp_path / "holes.csv", *fit[2:])
    assert "1 of 100 time-steps of 1 month have no value of 'sold'" in refused(*fit, "--missing", "error")


def test_the_weather_is_forecast_better_than_by_its_rivals(netgrad, tmp_path):
    """The command of the first try, on a part of the file that is left out of the quick tests where it is not there."""
    data = Path(os.environ.get("NETGRAD_DATA", "nowhere")) / "real" / "weather.csv.gz"
    if not data.exists():
        pytest.skip("real/weather.csv.gz is not in NETGRAD_DATA")
    whole = pd.read_csv(data, dtype=str)
    whole[whole["origin"] == "JFK"][:3000].to_csv(tmp_path / "jfk.csv", index=False)
    options = ("--target", "temp", "--time", "time_hour", "--id", "origin", "--goal", "forecast", "--horizon", 24)
    fitted = netgrad("fit", tmp_path / "jfk.csv", *options, "--net", "gru", "--no-report", "-q", "--out", tmp_path)
    assert fitted.status == 0, fitted.err
    scores = ng.load(tmp_path / "model.safetensors").card["scores"]
    assert scores["test_rmse"] < scores["test_ridge"]
    assert scores["test_rmse"] < scores["test_persistence"]
