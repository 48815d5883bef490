"""How strong the prior is (alpha) and how large the noise (beta), by the data themselves: the evidence.

With J(w) = sum over outputs of beta/2 r'r + 1/2 w' diag(alpha) w, H its Gauss-Newton matrix and S = H^-1 (Pattipati,
"Predictive Posterior", "Automatic Relevance Determination"; MacKay 1992), each round sets

    "mackay"  alpha = (gamma + 2 (a - 1)) / (w'w + 2 b),   gamma = n - alpha tr S, the weights that the data determine
    "em"      alpha = (n + 2 (a - 1)) / (w'w + tr S + 2 b)

for each group of n weights, and for each output, with G its part of the matrix and N examples,

    "mackay"  beta = (N - beta tr(G S) + 2 (a - 1)) / (r'r + 2 b),   "em"   (N + 2 (a - 1)) / (r'r + tr(G S) + 2 b).

Both have the same fixed points under the flat prior a = 1, b = 0; MacKay's gets there sooner, the other never makes the
evidence less. a and b: of the Gamma priors that the text puts on alpha and beta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad.curvature.factors import Factor
from netgrad.curvature.structures import Structure
from netgrad.errors import NetgradError
from netgrad.uncertainty.groups import Groups

METHODS = ("mackay", "em")
BOUNDS = 1e-8, 1e10  # of alpha and beta: what is beyond is nothing, or a weight of 0


@dataclass(frozen=True, eq=False)
class Found:
    """Where the rounds ended.

    alpha: by group; beta: by output of a regression, else (1,) of 1; factor: of H; gamma: by group, the weights that
    the data determine; log_evidence: ln p(data); rounds: how many there were.
    """

    alpha: np.ndarray
    beta: np.ndarray
    factor: Factor
    gamma: np.ndarray
    log_evidence: float
    rounds: int


def maximised(
    G: Structure,
    w: np.ndarray,
    groups: Groups,
    errors: np.ndarray,
    noisy: bool,
    *,
    alpha: np.ndarray | None = None,
    beta: np.ndarray | None = None,
    method: str = "mackay",
    prior: tuple[float, float] = (1.0, 0.0),
    rounds: int = 50,
    start: tuple[np.ndarray, np.ndarray] | None = None,
    tolerance: float = 0.01,
) -> Found:
    """Alpha and beta where the evidence is largest, the weights held as they are.

    errors: r'r of each output where ``noisy`` (a regression), else the loss. alpha, beta: where they are given, they
    stay. start: of those that are not. It ends when all move by less than ``tolerance`` of themselves.
    """
    check(method, prior)
    n, a, b = float(G.examples), prior[0], prior[1]
    first = start or (np.ones(len(groups.names)), _noise(n, errors) if noisy else np.ones(1))
    now = [first[0] if alpha is None else alpha, first[1] if beta is None or not noisy else beta]
    sizes, squares = groups.sizes, groups.sums(w * w)
    sought = alpha is None or (noisy and beta is None)
    round_by = G.for_rounds() if sought and now[0].min() > 0 else G
    done, share, last = 0, 1.0, None
    while sought and done < rounds:
        factor = round_by.factor(now[1], groups.spread(now[0]))
        variances = groups.sums(factor.variances())
        gamma = sizes - now[0] * variances
        after = list(now)
        if alpha is None:
            after[0] = (
                _ratio(gamma + 2 * (a - 1), squares + 2 * b)
                if method == "mackay"
                else _ratio(sizes + 2 * (a - 1), squares + variances + 2 * b)
            )
        if noisy and beta is None:
            # What examples and prior determine are all P weights: of one kind the trace needs no matrix.
            alone = G.kinds == 1
            traces = (sizes.sum() - now[0] @ variances) / now[1] if alone else round_by.traces(factor)
            after[1] = (
                _ratio(n - now[1] * traces + 2 * (a - 1), errors + 2 * b)
                if method == "mackay"
                else _ratio(np.full(len(errors), n + 2 * (a - 1)), errors + traces + 2 * b)
            )
        step = np.log(np.concatenate(after)) - np.log(np.concatenate(now))
        share = _share(share, step, last)
        now = [old * (new / old) ** share for new, old in zip(after, now, strict=True)]
        done, last = done + 1, step
        if float(np.abs(step).max()) < tolerance:
            break
    factor = G.factor(now[1], groups.spread(now[0]))
    gamma = sizes - now[0] * groups.sums(factor.variances())
    return Found(now[0], now[1], factor, gamma, _log_evidence(now, factor, sizes, squares, errors, n, noisy), done)


def check(method: str, prior: Any) -> None:
    """Refuse unknown methods and priors."""
    if method not in METHODS:
        raise NetgradError(f"unknown method {method!r}: take one of {', '.join(METHODS)}")
    if not (len(prior) == 2 and prior[0] >= 1 and prior[1] >= 0):
        raise NetgradError(f"the Gamma prior must be a pair (a, b) with a of at least 1 and b of at least 0: {prior!r}")


def _log_evidence(
    now: list[np.ndarray], factor: Factor, sizes: Any, squares: Any, errors: Any, n: float, noisy: bool
) -> float:
    alpha, beta = now
    total = 0.5 * float(sizes @ np.log(alpha) - alpha @ squares) - 0.5 * factor.log_det()
    if noisy:
        return total + 0.5 * float(n * np.log(beta / (2 * math.pi)).sum() - beta @ errors)
    return total - float(errors.sum())


def _share(share: float, step: np.ndarray, last: np.ndarray | None) -> float:
    """How much of a step is taken: less where it goes back on the last one (Aitken's relaxation, Irons & Tuck 1969).

    Alpha and beta pull at each other, and MacKay's steps may swing about the fixed point for dozens of rounds.
    """
    if last is None or not last @ last > 0:
        return share
    back = float(step @ last / (last @ last))
    return min(1.0, share / (1 - back)) if back < 1 else 1.0


def _noise(n: float, errors: np.ndarray) -> np.ndarray:
    return _ratio(np.full(len(errors), n), errors)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above = np.maximum(above, BOUNDS[0] * np.maximum(below, BOUNDS[0]))
    return np.clip(above / np.maximum(below, above / BOUNDS[1]), *BOUNDS)
