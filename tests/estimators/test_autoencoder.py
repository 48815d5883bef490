"""The autoencoder as a transformer: beside PCA, in a pipeline, and back; and perceptrons that are pre-trained."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from netgrad.errors import NetgradError, NetgradWarning
from netgrad.estimators import Autoencoder, GroupedClassifier, MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
SCALED = StandardScaler().fit_transform(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_hidden_layers_it_is_as_good_as_pca():
    coder = Autoencoder(2, alpha=0, solver="lbfgs", max_iter=300, random_state=0).fit(SCALED)
    pca = PCA(2).fit(SCALED)
    by_pca = 1 - ((pca.inverse_transform(pca.transform(SCALED)) - SCALED) ** 2).sum() / (SCALED**2).sum()
    assert coder.score(SCALED) == pytest.approx(by_pca, abs=1e-3)
    back = coder.inverse_transform(coder.transform(SCALED))
    np.testing.assert_allclose(back, pca.inverse_transform(pca.transform(SCALED)), atol=0.05)
    assert coder.get_feature_names_out().tolist() == ["autoencoder0", "autoencoder1"]
    with pytest.raises(NetgradError, match="codes have 2 numbers, found 4"):
        coder.inverse_transform(SCALED)
    with pytest.raises(NetgradError, match="n_components must be a whole number of at least 1, found 0"):
        Autoencoder(0).fit(SCALED)
    with pytest.warns(NetgradWarning, match="n_components=5 is more than the 4 features of X, .* copies of them"):
        Autoencoder(5, max_iter=1).fit(SCALED)


def test_in_a_pipeline_its_codes_are_features():
    coder = Autoencoder(2, 16, "tanh", learning_rate_init=0.01, tied=True, early_stopping=True, random_state=0)
    pipe = make_pipeline(StandardScaler(), coder, LogisticRegression()).fit(X, Y)
    assert pipe.score(X, Y) > 0.8
    assert pipe[:-1].inverse_transform(pipe[:-1].transform(X)).shape == X.shape
    assert pipe[1].validation_scores_[-1] > 0.7


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_perceptrons_are_pretrained():
    """Deep logistic layers and few labels: they get further in the same time."""
    settings = {"activation": "logistic", "solver": "sgd", "learning_rate_init": 0.1, "max_iter": 100, "batch_size": 20}
    X, y = load_digits(return_X_y=True)
    few = slice(0, 300)
    scores = [
        MLPClassifier((32, 32, 32), pretrain=by, random_state=0, **settings).fit(X[few] / 16, y[few]).score(X / 16, y)
        for by in (None, "autoencoder")
    ]
    assert scores[1] > scores[0] + 0.1
    with pytest.raises(NetgradError, match="pretrain='rbm' is one start: set n_starts=1, found 2"):
        MLPClassifier(pretrain="rbm", n_starts=2).fit(X, y)
    with pytest.raises(NetgradError, match="units are logistic, and those of dense_1 are relu"):
        MLPRegressor(pretrain="rbm").fit(X, y)
    with pytest.raises(NetgradError, match="groups are trained without pretrain"):
        GroupedClassifier(pretrain="autoencoder", group=0, max_iter=2).fit(SCALED, Y)
