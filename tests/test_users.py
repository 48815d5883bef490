"""What people write on their first day, as they are used to: it runs, on data of packages or of NETGRAD_DATA."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris, load_wine

import netgrad as ng

REAL = Path(os.environ.get("NETGRAD_DATA", "")) / "real"


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_who_has_a_table(tmp_path):
    wine = load_wine(as_frame=True)
    table = wine.data.assign(kind=wine.target.map(dict(enumerate(["barolo", "grignolino", "barbera"]))))
    table.loc[::7, "ash"] = np.nan
    table["bottle"] = [f"bottle {i}" for i in range(len(table))]
    path = tmp_path / "wine.csv"
    table.to_csv(path, index=False)

    table = ng.data.read_table(path).sample(frac=1, random_state=0)
    train, test = table[:140], table[140:]
    with pytest.warns(ng.NetgradWarning, match="'bottle'.*missing values in 'ash'"):
        model = ng.fit_table(train, "kind", epochs=12, members=1, metrics="f1_macro")
    scores = model.evaluate(test, test["kind"], metrics=["f1_macro", "roc_auc_ovr"])
    assert scores["accuracy"] > 0.85
    assert {"f1_macro", "roc_auc_ovr", "loss"} <= set(scores)
    assert set(model.predict(test)) <= {"barolo", "grignolino", "barbera"}
    model.save(tmp_path / "wine.safetensors")
    again = ng.load(tmp_path / "wine.safetensors")
    assert (again.predict(test) == model.predict(test)).all()
    assert model.history.to_frame()["val_f1_macro"].iloc[-1] > 0.7


def test_who_has_a_series(tmp_path):
    path = REAL / "weather.csv.gz"
    if not path.exists():
        pytest.skip("needs NETGRAD_DATA with real/weather.csv.gz")
    weather = pd.read_csv(path)
    weather = weather[weather["origin"] == "JFK"].tail(900)
    forecaster = ng.fit_forecast(
        weather, "temp", time="time_hour", horizon=6, window=24, only=["temp", "humid"], test=0.2
    )
    scores = forecaster.score()
    assert scores["rmse"] < scores["persistence"]
    later = forecaster.predict(weather)
    assert len(later) == 6
    forecaster.save(tmp_path / "weather.safetensors")
    pd.testing.assert_frame_equal(ng.Forecaster.of(ng.load(tmp_path / "weather.safetensors")).predict(weather), later)


def test_who_has_pictures(digits):
    x, y = digits.images, digits.target  # (1797, 8, 8), 0 to 16
    net = ng.Sequential(
        [ng.Conv(8, 3, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dropout(0.1), ng.Dense(10)],
    )
    with pytest.raises(ng.NetgradError, match=r"pictures need an axis of channels, x\[..., None\]"):
        ng.fit(net, x, y)
    x = x[..., None] / 16
    model = ng.fit(net, x[:1200], y[:1200], epochs=4, learning_rate=0.005, validation=0.1)
    assert model.evaluate(x[1200:], y[1200:])["accuracy"] > 0.8
    assert model.trace(x[:4], y[:4])["conv_1"].a.shape == (4, 6, 6, 8)
    assert model.predict_proba(x[:2]).sum(1) == pytest.approx(1, abs=1e-5)


def test_who_reads_the_texts():
    """One step of gradient descent by hand, as Kelleher works it through, and the network's own."""
    iris = load_iris()
    x, y = iris.data[:100], iris.target[:100]
    net = ng.Sequential([ng.Dense(3, activation="logistic"), ng.Dense(1)])
    before = ng.untrained(net, x, y, loss="binary_cross_entropy", seed=3)
    trace = before.trace(x, y)
    W, b = (np.asarray(before.params["dense_2"][name], float) for name in ("W", "b"))
    a = np.asarray(trace["dense_1"].a, float)
    p = 1 / (1 + np.exp(-(a @ W + b)))
    delta = p - y[:, None]
    np.testing.assert_allclose(trace["dense_2"].delta, delta, atol=1e-5)
    np.testing.assert_allclose(trace["dense_2"].dW, a.T @ delta, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(trace["dense_1"].delta, (delta @ W.T) * a * (1 - a), atol=1e-5)
    stepped = ng.fit(before, x, y, optimizer="sgd", learning_rate=0.1, epochs=1, batch_size=None, shuffle=False)
    np.testing.assert_allclose(stepped.params["dense_2"]["W"], W - 0.1 * a.T @ delta / len(x), atol=1e-5)
    trained = ng.fit(stepped, x, y, epochs=60, learning_rate=0.05)
    assert trained.evaluate(x, y)["accuracy"] > 0.95
    assert "Skill" in str(trained.diagnose(x, y)) or trained.diagnose(x, y).skill > 0.8


def test_who_comes_from_keras(digits):
    x, y = digits.data / 16, digits.target
    model = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(10, activation="softmax")])
    with pytest.raises(ng.NetgradError, match=r"no argument 'validation_data': here it is validation=\(x, y\)"):
        ng.fit(model, x, y, validation_data=(x, y))
    with pytest.raises(AttributeError, match=r"ng.fit\(net, x, y\) trains it"):
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")

    class Steps(ng.Callback):
        count = 0

        def on_batch(self, run):
            self.count += 1

    steps = Steps()
    fitted = ng.fit(
        model,
        x[:1200],
        y[:1200],
        loss="sparse_categorical_crossentropy",
        optimizer="Adam",
        learning_rate=0.01,
        epochs=3,
        batch_size=64,
        validation=(x[1200:1500], y[1200:1500]),
        metrics=["accuracy"],
        callbacks=[steps, ng.EarlyStopping(patience=2)],
    )
    assert steps.count == 3 * 19
    history = fitted.history.history
    assert len(history["accuracy"]) == len(history["val_accuracy"]) == 3
    assert history["val_accuracy"][-1] > 0.8
    assert "softmax" in str(fitted.summary())


def test_who_comes_from_pytorch(digits):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch.utils.data import DataLoader, TensorDataset

    x, y = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32), torch.tensor(digits.target)
    loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=64, shuffle=True)
    held = DataLoader(TensorDataset(x[1200:], y[1200:]), batch_size=256)
    layers = [ng.Conv(8, 3, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(10)]
    with pytest.raises(ng.NetgradError, match=r"channels stand last, .* ng.Permute\(\(1, 2, 0\)\)"):
        ng.fit(ng.Sequential(layers), loader)
    net = ng.Sequential([ng.Permute((1, 2, 0)), *layers])
    with pytest.raises(ng.NetgradError, match="has no argument 'lr': here it is learning_rate"):
        ng.fit(net, loader, lr=0.01)
    torch.manual_seed(0)
    model = ng.fit(
        net, loader, loss="CrossEntropyLoss", optimizer="Adam", learning_rate=0.01, epochs=3, validation=held
    )
    assert model.evaluate(held)["accuracy"] > 0.8
    with pytest.raises(ng.NetgradError, match=r"a model is not called: model.predict\(x\) gives answers"):
        model(x)
    assert model.predict(x[:5]).shape == (5,)
