"""Evidence and relevance: the rounds against scikit-learn's on a linear model, planted noise, and the command line."""

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import ARDRegression, BayesianRidge

import netgrad as ng
from netgrad.cli import main
from netgrad.errors import NetgradError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 5))
Y = X @ [2.0, 0.0, -1.0, 0.0, 0.3] + 0.5 * RNG.normal(size=80)


def linear(x, y, **settings):
    net = ng.Sequential([ng.Dense(1, bias=False)])
    return ng.fit(net, x, y, optimizer="levenberg_marquardt", batch_size=None, epochs=10, **settings)


def test_against_scikit_learns_ard():
    """The same alphas, noise and weights, as far as its threshold leaves weights in."""
    with jax.enable_x64(True):
        theirs = ARDRegression(fit_intercept=False, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-8,
                               max_iter=3000, threshold_lambda=1e12).fit(X, Y)  # fmt: skip
        ours = ng.relevance(linear(X, Y), X, Y, rounds=3000, tolerance=1e-7)
        assert set(ours.names[:3]) == {"x0", "x2", "x4"}
        alpha = dict(zip(ours.names, ours.alpha, strict=True))
        for i in (0, 2, 4):
            np.testing.assert_allclose(alpha[f"x{i}"], theirs.lambda_[i], rtol=0.05)
        np.testing.assert_allclose(ours.model.params["dense_1"]["W"][:, 0], theirs.coef_, atol=0.01)


@pytest.mark.parametrize("method", ["mackay", "em"])
def test_the_evidence_of_a_linear_model_is_bayesian_ridges(method):
    """Weights that move with alpha and beta, one alpha for all: both ways meet scikit-learn's fixed point."""
    with jax.enable_x64(True):
        theirs = BayesianRidge(fit_intercept=False, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-9,
                               max_iter=3000).fit(X, Y)  # fmt: skip
        ratio = theirs.lambda_ / theirs.alpha_ / len(X)
        model = linear(X, Y, penalty=ng.L2(ratio))  # at their weights our rounds must stay
        found = ng.posterior(model, X, Y, groups="all", method=method).posterior
        np.testing.assert_allclose(found.alpha["all"], theirs.lambda_, rtol=0.05)
        np.testing.assert_allclose(found.beta[0], theirs.alpha_, rtol=0.02)
        higher = [ng.posterior(model, X, Y, groups="all", alpha=found.alpha["all"] * k, beta=found.beta).posterior
                  for k in (0.3, 1, 3)]  # fmt: skip
        assert higher[1].log_evidence > max(higher[0].log_evidence, higher[2].log_evidence)


@pytest.mark.parametrize("task", ["regression", "classes"])
def test_planted_noise_comes_last(task):
    x = RNG.normal(size=(200, 6))
    y = np.sin(2 * x[:, 1]) + x[:, 4]
    y = y + 0.1 * RNG.normal(size=200) if task == "regression" else (y > 0).astype(int)
    net = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(1 if task == "regression" else 2)])
    model = ng.fit(net, x, y, epochs=60, epochs_per_call=60, penalty=ng.L2(1e-3))
    found = ng.relevance(model, x, y, names=list("abcdef"), rounds=12)
    assert set(found.names[:2]) == {"b", "e"}
    assert found.effects[1] > 3 * found.effects[2]
    assert sum(found.shares) == pytest.approx(1)
    assert str(found).splitlines()[0].split()[0] in "be"
    assert found.figure().axes


def test_the_command_line_ranks_columns(tmp_path, capsys):
    n = 200
    table = pd.DataFrame({"size": RNG.normal(size=n), "noise": RNG.normal(size=n),
                          "town": RNG.choice(["A", "B", "C"], n), "luck": RNG.choice(["p", "q"], n)})  # fmt: skip
    table["price"] = 3 * table["size"] + 2 * (table["town"] == "A") + 0.2 * RNG.normal(size=n)
    table.to_csv(tmp_path / "t.csv", index=False)
    where = ["--out", str(tmp_path / "o"), "--epochs", "1", "-q"]
    assert not main(["fit", str(tmp_path / "t.csv"), "--target", "price", "--relevance", *where])
    assert "<svg" in (tmp_path / "o" / "relevance.svg").read_text()
    said = capsys.readouterr().out.split("relevance of the columns")[1].split()
    assert set(said[0:4:2]) == {"size", "town"}
    assert set(said[4:8:2]) == {"noise", "luck"}
    assert main(["fit", "digits", "--relevance", *where]) == 2
    assert "--relevance is of a table's columns" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "t.csv"), "--net", "rnn", "--relevance"]) == 2
    assert "--relevance is of a table's columns, not of sequences" in capsys.readouterr().err


def test_wide_tables_are_refused():
    from netgrad.cli import columns

    class Source:
        encoder, name = object(), "t.csv"

    with pytest.raises(NetgradError, match="up to 300 features, this table has 301"):
        columns.check(Source(), np.zeros((2, 301)))


def test_networks_that_have_no_inputs_to_rank():
    images, t = RNG.normal(size=(2, 3, 3, 1)), [0.1, 0.2]
    model = ng.untrained(ng.Sequential([ng.Conv(2, (2, 2)), ng.Flatten(), ng.Dense(1)]), images, t)
    with pytest.raises(NetgradError, match="read off one dense layer that sees them all, found conv: begin"):
        ng.relevance(model, images, t)
    with pytest.raises(NetgradError, match="2 names were given for the 5 inputs of dense_1"):
        ng.relevance(linear(X, Y), X, Y, names=["a", "b"])
    frozen = linear(X, Y).frozen("dense_1/W")
    with pytest.raises(NetgradError, match="no weights are left"):
        ng.relevance(frozen, X, Y)
    both = ng.Sequential([ng.Dense(2), ng.Dense(1)]).frozen("dense_1")
    with pytest.raises(NetgradError, match="dense_1/W, which are not stored or trained"):
        ng.relevance(ng.untrained(both, X, Y), X, Y)
