"""What a curvature matrix is kept as: whole, its diagonal, or Kronecker factors; and its inverse beside a prior's.

Each is a sum of matrices, one for each *kind* of row: of a regression each output unit is one, as each has a noise of
its own, else there is one kind. `factor` gives C with C C' = (sum of beta G + diag(alpha))^-1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import LinAlgError, cholesky
from scipy.linalg.lapack import dpstrf, dtrtri

from netgrad.curvature.factors import DiagonalFactor, Factor, FullFactor, KroneckerFactor, LowRankFactor
from netgrad.curvature.weights import Weights, output_layer
from netgrad.errors import NetgradError
from netgrad.layers.dense import Dense
from netgrad.network import Network
from netgrad.resources import gib, memory

FULL_UP_TO = 5000  # weights


@dataclass(eq=False)
class Structure:
    """Base of the structures. weights: what it is of; kinds: how many matrices are kept apart; examples: N."""

    name: ClassVar[str] = ""

    weights: Weights
    kinds: int
    examples: int = 0

    @classmethod
    def empty(cls, weights: Weights, kinds: int) -> Any:
        """A sum of nothing."""
        raise NotImplementedError

    def add(self, found: Any, kinds: int) -> None:
        """Add what some examples yield."""
        raise NotImplementedError

    def finite(self) -> bool:
        """Whether all of it is."""
        raise NotImplementedError

    def matrix(self) -> np.ndarray:
        """(P, P), as much as is known of it, zeros elsewhere."""
        raise NotImplementedError

    def diagonal(self) -> np.ndarray:
        """(P,)."""
        return np.diag(self.matrix()).copy()

    def factor(self, beta: np.ndarray, alpha: np.ndarray) -> Factor:
        """C with C C' = (sum over kinds of beta G + diag(alpha))^-1; beta (kinds,), alpha (P,)."""
        raise NotImplementedError

    def traces(self, factor: Factor) -> np.ndarray:
        """tr(G C C') of each kind, (kinds,)."""
        raise NotImplementedError

    def singular(self) -> NetgradError:
        """What is said where rounding alone holds the matrix up."""
        return NetgradError(
            f"the curvature is singular: {self.examples:,} examples and the prior do not determine "
            f"{self.weights.count:,} weights, give a larger alpha (or alpha=None, by which the data choose it)"
        )

    def for_rounds(self) -> Structure:
        """The same in the form in which one factor after the other is made soonest: itself, where there is no other."""
        return self


def kinds_of(rows: np.ndarray, kinds: int) -> np.ndarray:
    """(n, M, ...) -> (kinds, n M / kinds, ...), in double precision: row M belongs to the kind M modulo kinds."""
    n, m = rows.shape[:2]
    apart = np.asarray(rows, float).reshape(n * (m // kinds), kinds, *rows.shape[2:])
    return np.moveaxis(apart, 1, 0)


@dataclass(eq=False)
class Full(Structure):
    """Every pair of weights: (kinds, P, P)."""

    name: ClassVar[str] = "full"

    G: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def empty(cls, weights: Weights, kinds: int) -> Full:
        return cls(weights, kinds, G=np.zeros((kinds, weights.count, weights.count)))

    def add(self, found: Any, kinds: int) -> None:
        for own, rows in zip(self.G, kinds_of(found, kinds), strict=True):
            rows = np.ascontiguousarray(rows)
            own += rows.T @ rows

    def finite(self) -> bool:
        return bool(np.isfinite(self.G).all())

    def matrix(self) -> np.ndarray:
        return self.G.sum(0)

    def factor(self, beta: np.ndarray, alpha: np.ndarray) -> FullFactor:
        H = np.tensordot(beta, self.G, 1)
        H[np.diag_indices(len(H))] += alpha
        try:
            L = cholesky(H, lower=True, overwrite_a=True, check_finite=False)
            # Of what rounding alone holds up nothing is known.
            sound = L.diagonal().min() ** 2 > len(H) * np.finfo(float).eps * L.diagonal().max() ** 2
        except LinAlgError:
            sound = False
        if not sound:
            raise self.singular()
        inverse, _ = dtrtri(L, lower=1, overwrite_c=True)
        return FullFactor(inverse.T)

    def traces(self, factor: Factor) -> np.ndarray:
        assert isinstance(factor, FullFactor)
        return np.array([float(np.sum((G @ factor.C) * factor.C)) for G in self.G])

    def for_rounds(self) -> Structure:
        roots = [_root(G) for G in self.G]
        of = np.repeat(np.arange(self.kinds), [V.shape[1] for V in roots])
        if 2 * len(of) > self.weights.count:
            return self
        return LowRank(self.weights, self.kinds, self.examples, np.concatenate(roots, axis=1), of)


def _root(G: np.ndarray) -> np.ndarray:
    """V with V V' = G, of as many columns as G has rank, to rounding."""
    L, pivots, rank, _ = dpstrf(G, lower=1)
    V = np.empty((len(G), rank))
    V[pivots - 1] = np.tril(L)[:, :rank]
    return V


@dataclass(eq=False)
class LowRank(Structure):
    """V V' of each kind, side by side: V (P, R), and the kind of each column, (R,).

    A full matrix of fewer examples than weights is one. H^-1 = 1/alpha - 1/alpha V M^-1 V' 1/alpha, with M = 1/beta +
    V' 1/alpha V of R rows (Woodbury): what the evidence asks for in each of its rounds needs no matrix of P rows.
    """

    V: np.ndarray = field(default_factory=lambda: np.zeros(0))
    of: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    def factor(self, beta: np.ndarray, alpha: np.ndarray) -> LowRankFactor:
        b = beta[self.of]
        U = self.V / np.sqrt(alpha)[:, None]
        M = U.T @ U
        M[np.diag_indices(len(M))] += 1 / b
        try:
            return LowRankFactor(alpha, b, cholesky(M, lower=True, overwrite_a=True, check_finite=False), U)
        except LinAlgError:
            raise self.singular() from None

    def traces(self, factor: Factor) -> np.ndarray:
        assert isinstance(factor, LowRankFactor)
        inverse, _ = dtrtri(factor.L, lower=1)
        left = (1 - np.einsum("ij,ij->j", inverse, inverse) / factor.b) / factor.b
        return np.bincount(self.of, weights=left, minlength=self.kinds)


@dataclass(eq=False)
class Last(Full):
    """Every pair of weights of the last layer; those before it are held to be known."""

    name: ClassVar[str] = "last"


@dataclass(eq=False)
class Diagonal(Structure):
    """Each weight by itself: (kinds, P)."""

    name: ClassVar[str] = "diagonal"

    G: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def empty(cls, weights: Weights, kinds: int) -> Diagonal:
        return cls(weights, kinds, G=np.zeros((kinds, weights.count)))

    def add(self, found: Any, kinds: int) -> None:
        self.G += (kinds_of(found, kinds) ** 2).sum(1)

    def finite(self) -> bool:
        return bool(np.isfinite(self.G).all())

    def matrix(self) -> np.ndarray:
        return np.diag(self.diagonal())

    def diagonal(self) -> np.ndarray:
        return self.G.sum(0)

    def factor(self, beta: np.ndarray, alpha: np.ndarray) -> DiagonalFactor:
        H = beta @ self.G + alpha
        if not H.min() > 0:
            raise NetgradError(
                f"{(H <= 0).sum():,} of {len(H):,} weights are determined neither by the examples nor by the prior: "
                "give a larger alpha (or alpha=None, by which the data choose it)"
            )
        return DiagonalFactor(H**-0.5)

    def traces(self, factor: Factor) -> np.ndarray:
        return self.G @ factor.variances()


@dataclass(eq=False)
class Kronecker(Structure):
    """By dense layer A (x) B / N: A (d + 1, d + 1) is the sum of a a', a the layer's inputs and 1 for the bias, and
    B (kinds, units, units) that of delta delta'."""

    name: ClassVar[str] = "kronecker"

    A: dict[str, np.ndarray] = field(default_factory=dict)
    B: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def empty(cls, weights: Weights, kinds: int) -> Kronecker:
        made = cls(weights, kinds)
        for path, shape in zip(weights.paths, weights.shapes, strict=True):
            if len(shape) == 2:
                bias = f"{weights.layer(path)}/b" in weights.paths
                made.A[weights.layer(path)] = np.zeros((shape[0] + bias, shape[0] + bias))
                made.B[weights.layer(path)] = np.zeros((kinds, shape[1], shape[1]))
        return made

    def sides(self) -> list[tuple[int, int]]:
        """Rows and columns of each layer's weights."""
        return [(len(A), B.shape[-1]) for A, B in zip(self.A.values(), self.B.values(), strict=True)]

    def add(self, found: Any, kinds: int) -> None:
        for layer, (a, delta) in found.items():
            a = np.asarray(a, float)
            self.A[layer] += a.T @ a
            for own, rows in zip(self.B[layer], kinds_of(delta, kinds), strict=True):
                own += rows.T @ rows

    def finite(self) -> bool:
        return all(bool(np.isfinite(part).all()) for part in (*self.A.values(), *self.B.values()))

    def matrix(self) -> np.ndarray:
        whole, start = np.zeros((self.weights.count, self.weights.count)), 0
        for layer, A in self.A.items():
            block = np.kron(A, self.B[layer].sum(0)) / self.examples
            place = slice(start, start + len(block))
            whole[place, place], start = block, start + len(block)
        return whole

    def diagonal(self) -> np.ndarray:
        return (
            np.concatenate([np.outer(A.diagonal(), self.B[n].sum(0).diagonal()).ravel() for n, A in self.A.items()])
            / self.examples
        )

    def factor(self, beta: np.ndarray, alpha: np.ndarray) -> KroneckerFactor:
        blocks, start = [], 0
        for layer, A in self.A.items():
            a, Q_a = np.linalg.eigh(A / self.examples)
            b, Q_b = np.linalg.eigh(np.tensordot(beta, self.B[layer], 1))
            own = alpha[start : start + len(a) * len(b)]
            start += len(own)
            if np.ptp(own) > 1e-9 * own.max():
                raise NetgradError(
                    f"Kronecker factors take one alpha for all weights of a layer, {layer} has several: "
                    "group by 'layer' or 'all', or take structure='diagonal' or 'full'"
                )
            H = np.outer(np.maximum(a, 0), np.maximum(b, 0)) + own[0]
            if not H.min() > 0:
                raise NetgradError(
                    f"the curvature of {layer} is singular: give a larger alpha (or alpha=None, by which the data "
                    "choose it)"
                )
            blocks.append((Q_a, Q_b, H**-0.5))
        return KroneckerFactor(tuple(blocks))

    def traces(self, factor: Factor) -> np.ndarray:
        assert isinstance(factor, KroneckerFactor)
        total = np.zeros(self.kinds)
        for (Q_a, Q_b, s), (layer, A) in zip(factor.blocks, self.A.items(), strict=True):
            a = np.einsum("ji,jk,ki->i", Q_a, A, Q_a) / self.examples
            b = np.einsum("ji,ujk,ki->ui", Q_b, self.B[layer], Q_b)
            total += b @ (a @ s**2)
        return total


STRUCTURES: dict[str, Any] = {kind.name: kind for kind in (Full, Diagonal, Kronecker, Last)}


def chosen(structure: str | None, network: Network, params: dict) -> str:
    """The structure asked for, or the one that fits the network."""
    if structure is not None:
        if structure not in STRUCTURES:
            raise NetgradError(f"unknown structure {structure!r}: take one of {', '.join(STRUCTURES)}, or leave it out")
        return structure
    weights = Weights.of(network, params)
    return "full" if weights.count <= FULL_UP_TO else beyond_full(network, weights)


def beyond_full(network: Network, weights: Weights) -> str:
    """The structure for too many weights for a full matrix."""
    layers, output = {weights.layer(path) for path in weights.paths}, output_layer(network)
    dense = {node.params for node in network.nodes if isinstance(node.layer, Dense)}
    if layers <= dense and not network.views:
        return "kronecker"
    last = sum(size for path, size in zip(weights.paths, weights.sizes, strict=True) if path.startswith(f"{output}/"))
    return "last" if 0 < last <= FULL_UP_TO else "diagonal"


def check_memory(structure: str, count: int, kinds: int) -> None:
    """Refuse, before anything is made, a full matrix that this process may not hold."""
    if structure not in ("full", "last"):
        return
    need, have = 8 * (kinds + 3) * count**2, memory()
    if need > have:
        fits = "'kronecker', 'last' or 'diagonal'" if structure == "full" else "'diagonal'"
        raise NetgradError(
            f"the full matrix of {count:,} weights needs {gib(need)} of memory, this process may have {gib(have)}: "
            f"take structure={fits}"
        )
