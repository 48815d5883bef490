"""C with C C' = H^-1, the covariance of weights: what predictions, samples and variances are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular


@dataclass(frozen=True, eq=False)
class Factor:
    """Base of the factors, each of P weights."""

    def spread(self, J: np.ndarray) -> np.ndarray:
        """J C, (..., P) -> (..., P): its square is J H^-1 J'."""
        raise NotImplementedError

    def draw(self, z: np.ndarray) -> np.ndarray:
        """C z, (..., P) -> (..., P): of standard normal numbers a deviation of the weights."""
        raise NotImplementedError

    def variances(self) -> np.ndarray:
        """The diagonal of C C', (P,)."""
        raise NotImplementedError

    def log_det(self) -> float:
        """ln det H."""
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file keeps."""
        raise NotImplementedError

    @classmethod
    def of(cls, arrays: dict[str, Any]) -> Any:
        """The inverse of `arrays`."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class FullFactor(Factor):
    """C itself, upper triangular: the inverse of the transposed Cholesky factor of H."""

    C: np.ndarray

    def spread(self, J):
        return (J.reshape(-1, len(self.C)) @ self.C).reshape(J.shape)  # one product, not one for each example

    def draw(self, z):
        return z @ self.C.T

    def variances(self):
        return np.einsum("ij,ij->i", self.C, self.C)

    def log_det(self):
        return -2 * float(np.log(self.C.diagonal()).sum())

    def arrays(self):
        return {"C": self.C}

    @classmethod
    def of(cls, arrays):
        return cls(np.asarray(arrays["C"], float))


@dataclass(frozen=True, eq=False)
class LowRankFactor(Factor):
    """What the evidence asks for of H = alpha + V b V': variances and determinant; nothing is predicted from it.

    L: the Cholesky factor of 1/b + U'U; U: V over the root of alpha, (P, R).
    """

    alpha: np.ndarray
    b: np.ndarray
    L: np.ndarray
    U: np.ndarray

    def variances(self):
        known = solve_triangular(self.L, self.U.T, lower=True, check_finite=False)
        return (1 - np.einsum("ij,ij->j", known, known)) / self.alpha

    def log_det(self):
        return float(np.log(self.alpha).sum() + np.log(self.b).sum() + 2 * np.log(self.L.diagonal()).sum())


@dataclass(frozen=True, eq=False)
class DiagonalFactor(Factor):
    """The standard deviation of each weight, (P,)."""

    s: np.ndarray

    def spread(self, J):
        return J * self.s

    def draw(self, z):
        return z * self.s

    def variances(self):
        return self.s**2

    def log_det(self):
        return -2 * float(np.log(self.s).sum())

    def arrays(self):
        return {"s": self.s}

    @classmethod
    def of(cls, arrays):
        return cls(np.asarray(arrays["s"], float))


@dataclass(frozen=True, eq=False)
class KroneckerFactor(Factor):
    """By layer (Q_a, Q_b, s): C = (Q_a (x) Q_b) diag(s) for weights (d + 1, units), s of their shape."""

    blocks: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]

    def spread(self, J):
        return self._by_layer(J, lambda own, Q_a, Q_b, s: (Q_a.T @ own @ Q_b) * s)

    def draw(self, z):
        return self._by_layer(z, lambda own, Q_a, Q_b, s: Q_a @ (own * s) @ Q_b.T)

    def variances(self):
        return np.concatenate([(Q_a**2 @ s**2 @ (Q_b**2).T).ravel() for Q_a, Q_b, s in self.blocks])

    def log_det(self):
        return -2 * float(sum(np.log(s).sum() for _, _, s in self.blocks))

    def arrays(self):
        return {f"{i}/{n}": part for i, block in enumerate(self.blocks) for n, part in zip("abs", block, strict=True)}

    @classmethod
    def of(cls, arrays):
        count = len({path.partition("/")[0] for path in arrays})
        part = lambda i, name: np.asarray(arrays[f"{i}/{name}"], float)  # noqa: E731
        return cls(tuple((part(i, "a"), part(i, "b"), part(i, "s")) for i in range(count)))

    def _by_layer(self, whole: np.ndarray, change: Any) -> np.ndarray:
        made, start = [], 0
        for Q_a, Q_b, s in self.blocks:
            own = whole[..., start : start + s.size].reshape(*whole.shape[:-1], *s.shape)
            made.append(change(own, Q_a, Q_b, s).reshape(*whole.shape[:-1], s.size))
            start += s.size
        return np.concatenate(made, axis=-1)
