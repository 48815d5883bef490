"""Data frames with texts, dates and missing cells go into the estimators as they are."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import netgrad as ng
from netgrad.estimators import (
    ESTIMATORS,
    Autoencoder,
    BernoulliRBM,
    ConvClassifier,
    ELMClassifier,
    ELMRegressor,
    GroupedClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    PairClassifier,
    RecurrentClassifier,
    RecurrentRegressor,
    SequenceTagger,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 120
RNG = np.random.default_rng(0)
SIZE = RNG.normal(size=N) * 20 + 100
TABLE = pd.DataFrame(
    {
        "size": np.where(np.arange(N) % 11 == 3, np.nan, SIZE),
        "kind": np.where(SIZE + RNG.normal(size=N) > 100, "large", "small"),
        "built": pd.date_range("2001-03-04", periods=N, freq="9D"),
        "lift": np.arange(N) % 3 == 0,
        "code": RNG.integers(0, 4, N),
    }
)
LABELS = np.where(SIZE > 100, "dear", "cheap")
PRICES = np.exp(SIZE / 40)
FAST = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.02, "max_iter": 40, "random_state": 0}


def test_texts_dates_and_missing_cells_just_work_through_pipelines_folds_clones_and_pickles():
    fitted = MLPClassifier(**FAST).fit(TABLE, LABELS)
    assert fitted.score(TABLE, LABELS) > 0.9
    assert fitted.n_features_in_ == 5
    assert fitted.feature_names_in_.tolist() == list(TABLE)
    assert {"size", "kind=large", "lift"} <= set(fitted.model_.encoder.feature_names)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(TABLE), fitted.predict_proba(TABLE))
    assert not hasattr(clone(fitted), "model_")
    # An answer does not depend on the rows beside it, nor on whether the names come with them.
    np.testing.assert_allclose(fitted.predict_proba(TABLE[:1]), fitted.predict_proba(TABLE)[:1], atol=1e-6)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(fitted.predict(TABLE.to_numpy()[:5]), fitted.predict(TABLE[:5]))
    piped = make_pipeline(FunctionTransformer(lambda frame: frame.drop(columns="lift")), MLPClassifier(**FAST))
    assert cross_val_score(piped, TABLE, LABELS, cv=3).mean() > 0.85
    search = GridSearchCV(MLPClassifier(**FAST), {"drop": [(), ("size", "kind")]}, cv=3).fit(TABLE, LABELS)
    assert search.best_params_ == {"drop": ()}


def test_the_arguments_say_what_columns_are():
    fitted = MLPClassifier(drop=["built"], categorical=["code"], **FAST | {"max_iter": 1}).fit(TABLE, LABELS)
    assert {"code=0", "code=3"} <= set(fitted.model_.encoder.feature_names)
    assert not any(name.startswith("built") for name in fitted.model_.encoder.feature_names)
    fitted = NetworkClassifier(only=["size"], max_iter=1, random_state=0).fit(TABLE, LABELS)
    assert fitted.model_.encoder.feature_names == ["size", "size missing"]
    with pytest.raises(ValueError, match=r"column 'size' has 11 missing values in 120 rows, the first in row 4"):
        MLPClassifier(missing="error").fit(TABLE, LABELS)
    with pytest.raises(ValueError, match="no column 'sise': did you mean 'size'"):
        MLPClassifier(drop=["sise"]).fit(TABLE, LABELS)
    with pytest.raises(ValueError, match="drop is of a data frame's columns, and x is a ndarray: leave it out"):
        MLPClassifier(drop=["size"]).fit(np.zeros((4, 2)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(TABLE.drop(columns="lift"))
    with pytest.raises(ValueError, match="requires y to be passed"):
        MLPClassifier().fit(TABLE, None)
    with pytest.raises(ValueError, match="y holds dates or times"):
        MLPRegressor().fit(TABLE, TABLE["built"])
    with pytest.warns(UserWarning, match="column-vector y"):
        MLPRegressor(max_iter=1).fit(TABLE, PRICES[:, None])


def test_frames_of_numbers_are_taken_as_arrays_are_and_later_holes_are_filled():
    numbers = TABLE[["lift", "code"]].assign(size=SIZE)
    fitted, plain = (MLPRegressor(**FAST).fit(x, PRICES) for x in (numbers, numbers.to_numpy(float)))
    assert fitted.loss_curve_ == plain.loss_curve_
    assert fitted.model_.encoder is None
    holes = numbers.assign(size=np.where(np.arange(N) < 2, np.nan, SIZE))
    with pytest.warns(UserWarning, match="missing values in 'size', of which training had none: filled with the mean"):
        found = fitted.predict(holes)
    np.testing.assert_allclose(found[2:], fitted.predict(numbers)[2:], rtol=1e-6)
    np.testing.assert_allclose(found[:2], fitted.predict(numbers.assign(size=SIZE.mean()))[:2], rtol=1e-6)
    with pytest.raises(ValueError, match="NaN"):
        fitted.set_params(missing="error").predict(holes)


def test_early_stopping_warm_starts_and_chunks_keep_the_encoder():
    warm = MLPClassifier(early_stopping=True, warm_start=True, **FAST).fit(TABLE, LABELS)
    encoder = warm.model_.encoder
    assert warm.fit(TABLE, LABELS).model_.encoder is encoder
    parts = MLPClassifier(**FAST)
    for chunk in (slice(0, 60), slice(60, None)):
        parts.partial_fit(TABLE[chunk], LABELS[chunk], classes=["cheap", "dear"])
    assert parts.predict(TABLE).shape == (N,)


def test_the_logarithm_of_a_target():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted = MLPRegressor(log_target=True, **FAST).fit(SIZE[:, None] / 100, PRICES)
    logarithms = fitted.model_.predict(SIZE[:, None] / 100)
    np.testing.assert_allclose(np.log(fitted.predict(SIZE[:, None] / 100)), logarithms, rtol=1e-5)
    with pytest.raises(ValueError, match="y holds -1: expected numbers above 0 for log_target=True"):
        MLPRegressor(log_target=True).fit(SIZE[:, None], -np.ones(N))
    for more, what in (({"posterior": True}, "posterior=True"), ({"loss": "poisson"}, "the loss 'poisson'")):
        with pytest.raises(ng.NetgradError, match=f"log_target=True goes without {what}"):
            MLPRegressor(log_target=True, **more).fit(SIZE[:, None], PRICES)


ENCODING = {  # those that encode a frame, with settings that are quick
    ELMClassifier: {"hidden_units": 30, "random_state": 0},
    ELMRegressor: {"hidden_units": 30, "random_state": 0},
    PairClassifier: {"hidden_layer_sizes": 8, "max_iter": 2, "random_state": 0},
    Autoencoder: {"max_iter": 2, "random_state": 0},
}
OF_ROWS = (BernoulliRBM, ConvClassifier, RecurrentClassifier, RecurrentRegressor, SequenceTagger)


def targets(cls):
    return PRICES if cls.__name__.endswith("Regressor") else LABELS


def test_every_estimator_says_what_it_makes_of_a_frame():
    """The lists above are complete: perceptrons and networks of one's own encode frames, too."""
    known = {*ENCODING, *OF_ROWS}
    others = {cls.__name__ for cls in ESTIMATORS if cls not in known}
    assert others == {f"{kind}{task}" for kind in ("MLP", "Network", "Grouped") for task in ("Classifier", "Regressor")}


@pytest.mark.parametrize("cls", ENCODING, ids=lambda cls: cls.__name__)
def test_others_encode_a_frame_as_the_perceptron_does(cls):
    fitted = cls(**ENCODING[cls], drop=["built"]).fit(TABLE, targets(cls))
    assert fitted.n_features_in_ == 5
    assert fitted.feature_names_in_.tolist() == list(TABLE)
    answer = fitted.transform if cls is Autoencoder else fitted.predict
    said = answer(TABLE)
    assert len(said) == N
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal((again.transform if cls is Autoencoder else again.predict)(TABLE), said)
    model = fitted.model() if hasattr(fitted, "model") else fitted.model_
    assert model.encoder.feature_names[:3] == ["size", "size missing", "kind=large"]
    assert model.predict(TABLE[:3]).shape[0] == 3
    assert clone(fitted).get_params()["drop"] == ["built"]
    for wrong in (
        TABLE[[*list(TABLE)[1:], "size"]],
        TABLE.drop(columns="lift"),
        TABLE.rename(columns={"kind": "sort"}),
    ):
        with pytest.raises(ValueError, match="feature names should"):
            answer(wrong)
    with pytest.raises(ValueError, match="missing values"):
        cls(**ENCODING[cls], missing="error").fit(TABLE, targets(cls))
    numbers = TABLE[["code"]].assign(size=SIZE)
    plain = cls(**ENCODING[cls]).fit(numbers, targets(cls))
    same = cls(**ENCODING[cls]).fit(numbers.to_numpy(), targets(cls))
    both = [(f.transform if cls is Autoencoder else f.predict)(numbers.to_numpy()) for f in (plain, same)]
    np.testing.assert_array_equal(*both)
    if cls is Autoencoder:
        assert fitted.inverse_transform(said).shape == (N, len(model.encoder.feature_names))
        assert fitted.score(TABLE) > -1


@pytest.mark.parametrize("cls", OF_ROWS, ids=lambda cls: cls.__name__)
def test_those_that_take_rows_as_they_are_refuse_what_is_no_number(cls):
    n = cls.__name__
    for columns, said in (
        (["kind"], f"column 'kind' holds '(large|small)' in row 1 of 120, and {n} takes numbers alone: netgrad.data"),
        (["size"], rf"column 'size' has 11 missing values in 120 rows, the first in row 4: fill them .*{n} takes none"),
        (["built"], "column 'built' holds dates or times"),
    ):
        with pytest.raises(ng.NetgradError, match=said):
            cls().fit(TABLE[columns], targets(cls))
    nested = pd.DataFrame({"wave": [np.zeros(4)] * 3})
    with pytest.raises(ng.NetgradError, match="column 'wave' holds a ndarray in each row: expected numbers; sequences"):
        cls().fit(nested, targets(cls)[:3])
    many = pd.DataFrame(RNG.random((30, 4)), columns=list("abcd"))
    quick = cls(**{"max_iter": 1} if cls is not BernoulliRBM else {"n_iter": 1})
    y = targets(cls)[:30, None] if cls is SequenceTagger else targets(cls)[:30]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = quick.fit(many, y)
    with pytest.raises(ValueError, match="feature names should match"):
        (fitted.transform if cls is BernoulliRBM else fitted.predict)(many[list("dcba")])


def test_sequences_that_are_frames_have_the_same_columns():
    frames = [pd.DataFrame(RNG.normal(size=(n, 2)), columns=["x", "y"]) for n in (3, 5, 4, 6)]
    fitted = RecurrentClassifier(units=2, max_iter=1).fit(frames, [0, 1, 0, 1])
    assert fitted.predict(frames).shape == (4,)
    assert fitted.feature_names_in_.tolist() == ["x", "y"]
    turned = [frame[["y", "x"]] for frame in frames]
    with pytest.raises(ng.NetgradError, match="the sequences have the columns y, x: The feature names should match"):
        fitted.predict(turned)
    with pytest.raises(ng.NetgradError, match="sequence 1 has the columns y, x: expected x, y"):
        RecurrentClassifier().fit([frames[0], *turned[1:]], [0, 1, 0, 1])
    with pytest.raises(ng.NetgradError, match="column 'z' holds 'a'"):
        RecurrentClassifier().fit([frame.assign(z="a") for frame in frames], [0, 1, 0, 1])
    fitted.fit([frame.to_numpy() for frame in frames], [0, 1, 0, 1])
    assert not hasattr(fitted, "feature_names_in_")
    with pytest.warns(ng.NetgradWarning, match=r"one time-step with 9 features each: .*X.swapaxes\(1, 2\)"):
        RecurrentClassifier(units=2, max_iter=1).fit(np.zeros((4, 1, 9)), [0, 1, 0, 1])


def test_groups_of_a_frame_from_pyarrow_and_with_texts():
    pyarrow = pytest.importorskip("pyarrow")
    table = TABLE.drop(columns=["built"]).assign(where=np.where(np.arange(N) % 2, "north", "south"))
    grouped = GroupedClassifier(group="where", **FAST | {"max_iter": 2})
    fitted = grouped.fit(pyarrow.Table.from_pandas(table, preserve_index=False), LABELS)
    np.testing.assert_array_equal(fitted.predict(table), fitted.predict(table))
    assert set(fitted.groups_) == {"north", "south"}
    with pytest.raises(ng.NetgradError, match="unknown column"):
        GroupedClassifier(group="wher").fit(table, LABELS)
