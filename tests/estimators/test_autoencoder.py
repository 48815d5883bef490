"""The autoencoder as a transformer: beside PCA, in a pipeline, and back."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from netgrad.errors import NetgradError
from netgrad.estimators import Autoencoder

X, Y = load_iris(return_X_y=True)
SCALED = StandardScaler().fit_transform(X)


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


def test_in_a_pipeline_its_codes_are_features():
    coder = Autoencoder(2, 16, "tanh", learning_rate_init=0.01, tied=True, early_stopping=True, random_state=0)
    pipe = make_pipeline(StandardScaler(), coder, LogisticRegression()).fit(X, Y)
    assert pipe.score(X, Y) > 0.8
    assert pipe[:-1].inverse_transform(pipe[:-1].transform(X)).shape == X.shape
    assert pipe[1].validation_scores_[-1] > 0.7
