"""`metrics=`: scikit-learn's names and functions, on training and validation examples, into the history."""

import numpy as np
import pytest
import sklearn.metrics

import netgrad as ng
from netgrad.training.measures import Metrics, named_measures

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] + 0.5 * RNG.normal(size=60) > 0).astype(int)
LABELS = np.array(["no", "yes"])[Y]
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
NET = ng.Sequential([ng.Dense(3)])


def fit(y, metrics, net=NET, x=X, **settings):
    return ng.fit(net, x, y, epochs=2, seed=0, metrics=metrics, **settings)


def test_names_and_functions_are_columns_of_the_history_on_both_parts():
    def caught(truth, predicted):
        assert set(truth) <= {"no", "yes"}  # labels, as they were given
        return np.mean(predicted[truth == "yes"] == "yes")

    net = ng.Sequential([ng.Dense(2)])
    model = fit(LABELS[:40], ["f1", "auc", "log_loss", caught], net, X[:40], validation=(X[40:], LABELS[40:]))
    asked = ["f1", "auc", "log_loss", "caught"]
    assert model.history.columns[-8:] == [*asked, *(f"val_{name}" for name in asked)]
    last, p, said = model.history.rows[-1], model.predict_proba(X)[:, 1], model.predict(X)
    for part, rows in (("", slice(40)), ("val_", slice(40, None))):
        assert last[f"{part}f1"] == pytest.approx(sklearn.metrics.f1_score(LABELS[rows], said[rows], pos_label="yes"))
        assert last[f"{part}auc"] == pytest.approx(sklearn.metrics.roc_auc_score(Y[rows], p[rows]))
        assert last[f"{part}log_loss"] == pytest.approx(sklearn.metrics.log_loss(Y[rows], p[rows]), rel=1e-5)
        assert last[f"{part}caught"] == pytest.approx(caught(LABELS[rows], said[rows]))
    assert model.evaluate(X[40:], LABELS[40:], metrics="f1")["f1"] == last["val_f1"]


def test_metrics_change_no_number_and_can_be_watched():
    plain, measured = fit(THREE, None), fit(THREE, ["f1_macro"])
    np.testing.assert_array_equal(plain.params["dense_1"]["W"], measured.params["dense_1"]["W"])
    stopping = ng.EarlyStopping(1, "f1_macro", maximise=True)
    assert "f1_macro" in fit(THREE, "f1_macro", callbacks=[stopping]).history


def test_quantities_are_measured_in_their_own_terms():
    table = ng.data.TargetEncoder  # predictions of a scaled target are decoded before they are measured
    y = 1000 + 100 * X[:, 0]
    encoder = table("regression").fit(y)
    net = ng.Sequential([ng.Dense(1)])
    from dataclasses import replace

    start = replace(ng.untrained(net, X, encoder.transform(y)), target_encoder=encoder)
    model = fit(
        y, {"off": sklearn.metrics.mean_absolute_error, "neg_mean_absolute_error": "neg_mean_absolute_error"}, start
    )
    off = np.abs(model.predict(X) - y).mean()
    assert model.history["off"][-1] == pytest.approx(off, rel=1e-5) == -model.history["neg_mean_absolute_error"][-1]


def test_padding_and_weights_of_zero_are_left_out():
    x, lengths = RNG.normal(size=(6, 5, 2)), np.array([5, 1, 2, 3, 4, 5])
    tags = (x[..., 0] > 0).astype(int)
    tags[1, 1:] = 1 - tags[1, 1:]
    net = ng.Sequential([ng.RNN(3), ng.Dense(2)])
    model = ng.fit(net, x, tags, lengths=lengths, epochs=1, metrics=["accuracy", "mcc"][:1])
    valid = np.arange(5) < lengths[:, None]
    assert model.history["accuracy"][-1] == pytest.approx((model.predict(x, lengths)[valid] == tags[valid]).mean())
    weights = np.r_[np.ones(30), np.zeros(30)]
    model = fit(THREE, "accuracy", sample_weight=weights)
    assert model.history["accuracy"][-1] == pytest.approx((model.predict(X) == THREE)[:30].mean())


def test_yes_or_no_units_and_several_outputs():
    labels = np.stack([Y, 1 - Y], axis=1)
    model = fit(labels, ["f1_macro", "roc_auc"], ng.Sequential([ng.Dense(2)]), loss="binary_cross_entropy")
    assert 0 <= model.history["f1_macro"][-1] <= 1
    one = fit(Y, ["roc_auc", "average_precision"], ng.Sequential([ng.Dense(1)]))
    assert one.history["roc_auc"][-1] == pytest.approx(sklearn.metrics.roc_auc_score(Y, one.predict_proba(X)[:, 0]))
    x = ng.Input()
    net = ng.Network(x, {"kind": ng.Dense(3)(x), "size": ng.Dense(1)(x)})
    y = {"kind": THREE, "size": X[:, 0]}
    model = fit(y, {"kind": "f1_macro", "size": ["r2", "mae"]}, net)
    assert model.history.columns[-3:] == ["kind.f1_macro", "size.r2", "size.mae"]
    with pytest.raises(ng.NetgradError, match="output with metrics 'sort'"):
        fit(y, {"sort": "r2"}, net)


def test_scorers_and_scikit_learns_functions_are_taken():
    half = sklearn.metrics.make_scorer(sklearn.metrics.fbeta_score, beta=0.5, average="macro")
    model = fit(THREE, {"half": half, "kappa": "cohen_kappa_score"})
    said = model.predict(X)
    assert model.history["half"][-1] == pytest.approx(
        sklearn.metrics.fbeta_score(THREE, said, beta=0.5, average="macro")
    )
    assert model.history["kappa"][-1] == pytest.approx(sklearn.metrics.cohen_kappa_score(THREE, said))


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("f1_makro", "unknown metric 'f1_makro': did you mean 'f1_macro'"),
        ("f1", "the metric 'f1' does not go with these targets: Target is multiclass"),
        ([lambda t, p: 0], "has no name: give metrics as a dict"),
        (3, "3 is no metric"),
        ({"own": 3}, "3 is no metric"),
        ({"loss": "r2"}, "a metric cannot be called 'loss'"),
        ({"both": lambda t, p: t == p}, r"the metric 'both' gives an array of shape \(60,\): expected one number"),
        ({"gone": lambda t, p: 1 / 0}, "the metric 'gone' does not go with these targets: division by zero"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_training(metrics, said):
    with pytest.raises(ng.NetgradError, match=said):
        fit(THREE, metrics)


def test_a_metric_that_fails_later_is_not_a_number_and_said_once():
    def fragile(truth, predicted):
        if (truth != predicted).any():
            raise ValueError("off")
        return 1.0

    with pytest.warns(ng.NetgradWarning, match=r"the metric 'fragile' failed \(ValueError: off\)") as told:
        model = fit(THREE, fragile)
    assert len(told) == 1
    assert np.isnan(model.history["fragile"]).all()


def test_a_stream_is_measured_on_what_is_held_out():
    stream = ng.Stream(lambda: iter([(X, THREE)]))
    model = ng.fit(NET, stream, epochs=1, metrics="f1_macro", validation=(X, THREE))
    assert "val_f1_macro" in model.history
    assert "f1_macro" not in model.history
    with pytest.raises(ng.NetgradError, match=r"with a stream give validation=\(x, y\), too"):
        ng.fit(NET, stream, epochs=1, metrics="f1_macro")


def test_every_scorer_of_scikit_learns_is_known_by_its_name():
    assert set(named_measures(sklearn.metrics.get_scorer_names())) == set(sklearn.metrics.get_scorer_names())
    assert isinstance(Metrics("r2", {}), ng.Callback)


def test_estimators_and_tables_hand_them_on():
    import pandas as pd

    from netgrad.estimators import GroupedClassifier, MLPClassifier

    mlp = MLPClassifier((4,), max_iter=2, early_stopping=True, metrics=["f1_macro"], random_state=0)
    with pytest.warns(UserWarning, match="2 epochs"):
        mlp.fit(X, LABELS)
    assert {"f1_macro", "val_f1_macro"} <= set(mlp.model_.history.columns)
    with pytest.raises(ng.NetgradError, match="groups are trained without early_stopping and metrics"):
        GroupedClassifier((4,), group=0, metrics="f1").fit(X.round(), LABELS)
    table = pd.DataFrame({"a": X[:, 0], "price": 1000 + 100 * X[:, 0]})
    model = ng.fit_table(table, "price", epochs=1, members=1, hidden=(4,), metrics="mae")
    assert model.history["val_mae"][-1] > 1  # in the price's own terms
