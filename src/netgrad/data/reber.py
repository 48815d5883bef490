"""The Reber and embedded Reber grammars: strings to learn, and the measure of how well they were learnt.

Source: Z&M, chapter 26, sections 26.1 (Reber grammar, with RNN) and 26.2 (embedded Reber grammar, with LSTM).
The task at each position is the set of symbols that may come next, known from the automaton's state.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from netgrad.compiling import as_seed
from netgrad.data.checks import as_lengths, valid_steps
from netgrad.errors import DataError, ShapeError

SYMBOLS = "BEPSTVX"  # the text's order; the terminal symbol $ is all zeros

# Each state's edges: the symbol emitted, and the state reached. The state without edges is the end.
Automaton = Mapping[str, Mapping[str, str]]
REBER: Automaton = {
    "0": {"B": "1"},
    "1": {"T": "2", "P": "3"},
    "2": {"S": "2", "X": "4"},
    "3": {"T": "3", "V": "5"},
    "4": {"X": "3", "S": "6"},
    "5": {"P": "4", "V": "6"},
    "6": {"E": "7"},
    "7": {},
}
# Two copies of it between B and E. Both end alike, so what was chosen before the copy (T or P) has to be
# remembered throughout the copy, to be repeated after it.
EMBEDDED_REBER: Automaton = {
    "start": {"B": "fork"},
    "fork": {"T": "t0", "P": "p0"},
    **{
        copy + state: {symbol: copy + following for symbol, following in edges.items()}
        for copy in "tp"
        for state, edges in REBER.items()
    },
    "t7": {"T": "last"},
    "p7": {"P": "last"},
    "last": {"E": "end"},
    "end": {},
}


class ReberStrings(NamedTuple):
    """Strings of a grammar as inputs and targets of a network; `x, y, lengths, strings = reber(400)` unpacks it.

    - x: symbols, one-hot in the order of `SYMBOLS`, padded with zeros: (N, T, 7), float32
    - y: the symbols that may come next, 1 each; all zeros after the last E: (N, T, 7), float32
    - lengths: symbols in each string (N,), int32
    - strings: the strings themselves
    """

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray
    strings: list[str]


def reber(
    n: int,
    min_length: int = 30,
    seed: int | np.random.Generator = 0,
    *,
    exclude: Iterable[str] = (),
) -> ReberStrings:
    """`n` random strings of the Reber grammar with at least `min_length` symbols (the text: 400, at least 30).

    Where two edges leave a state each is taken with probability 1/2, and strings that end too early are
    rejected. `exclude` holds strings that must not come again, for a test set of unseen ones.

    >>> x, y, lengths, strings = reber(2, min_length=8, seed=1)
    >>> x.shape == y.shape == (2, lengths.max(), 7), all(map(is_reber, strings))
    (True, True)
    """
    return encode(_strings(REBER, n, min_length, seed, exclude))


def embedded_reber(
    n: int,
    min_length: int = 40,
    seed: int | np.random.Generator = 0,
    *,
    exclude: Iterable[str] = (),
) -> ReberStrings:
    """As `reber`, for the embedded Reber grammar (the text: 400 strings, at least 40 symbols).

    The second symbol, T or P, is always the last but one, too: a dependency as long as the string.

    >>> strings = embedded_reber(3, min_length=40, seed=1).strings
    >>> [(len(s) >= 40, s[1] == s[-2]) for s in strings]
    [(True, True), (True, True), (True, True)]
    """
    return encode(_strings(EMBEDDED_REBER, n, min_length, seed, exclude), embedded=True)


def is_reber(string: str, embedded: bool = False) -> bool:
    """Whether the (embedded) Reber grammar can generate the whole string. The examples are the text's.

    >>> is_reber("BTSSXXTVVE"), is_reber("BPTXSE"), is_reber("BTBTSSXXTVVETE", embedded=True)
    (True, False, True)
    """
    try:
        states = _states(string, embedded)
    except DataError:
        return False
    return not (EMBEDDED_REBER if embedded else REBER)[states[-1]]


def possible_next(string: str, embedded: bool = False) -> list[str]:
    """For each position of a string, or of the beginning of one, the symbols that may come next. Z&M's example:

    >>> possible_next("BPTVVE")
    ['PT', 'TV', 'TV', 'PV', 'E', '']
    >>> possible_next("BPX")
    Traceback (most recent call last):
    netgrad.errors.DataError: 'BPX' is no Reber string: 'X' at position 2, where the grammar allows T or V
    """
    automaton = EMBEDDED_REBER if embedded else REBER
    return ["".join(sorted(automaton[state])) for state in _states(string, embedded)[1:]]


def encode(strings: Sequence[str], embedded: bool = False) -> ReberStrings:
    """Strings of the grammar as padded inputs and targets.

    >>> x, y, lengths, _ = encode(["BPTVVE"])
    >>> x[0, 1], y[0, 0]  # the symbol P; P or T may follow the first B
    (array([0., 0., 1., 0., 0., 0., 0.], dtype=float32), array([0., 0., 1., 0., 1., 0., 0.], dtype=float32))
    """
    if not strings or not all(strings):
        raise DataError("there are no strings to encode, or one of them is empty: expected at least one symbol")
    lengths = np.array([len(string) for string in strings], np.int32)
    x = np.zeros((len(strings), lengths.max(), len(SYMBOLS)), np.float32)
    y = np.zeros_like(x)
    for i, string in enumerate(strings):
        for t, (symbol, following) in enumerate(zip(string, possible_next(string, embedded), strict=True)):
            x[i, t, SYMBOLS.index(symbol)] = 1
            y[i, t, [SYMBOLS.index(s) for s in following]] = 1
    return ReberStrings(x, y, lengths, list(strings))


@dataclasses.dataclass(frozen=True)
class Mistakes:
    """Where a network predicted a wrong set of next symbols: `wrong` (N, T), never beyond a sequence's end."""

    wrong: np.ndarray

    @property
    def total(self) -> int:
        """How many positions are wrong."""
        return int(self.wrong.sum())

    @property
    def per_sequence(self) -> np.ndarray:
        """How many positions of each sequence are wrong, (N,)."""
        return self.wrong.sum(axis=1)

    @property
    def sequences_wrong(self) -> int:
        """How many sequences hold at least one mistake."""
        return int(self.wrong.any(axis=1).sum())

    @property
    def places(self) -> list[tuple[int, int]]:
        """The mistakes as (sequence, position)."""
        return [(int(i), int(t)) for i, t in np.argwhere(self.wrong)]


def count_mistakes(predicted: np.ndarray, target: np.ndarray, lengths: np.ndarray, threshold: float = 0.5) -> Mistakes:
    """The text's error measure: a position is wrong if the predicted set of next symbols differs from the target.

    `predicted` (N, T, 7) are the outputs of logistic units: a symbol is in the set above `threshold` (for net
    inputs z instead, give threshold 0). `target` (N, T, 7) and `lengths` (N,) are as `reber` returns them.

    >>> _, y, lengths, _ = encode(["BTXSE", "BPVVE"])
    >>> predicted = 0.9 * y
    >>> predicted[1, 2] = 0
    >>> mistakes = count_mistakes(predicted, y, lengths)
    >>> mistakes.total, mistakes.sequences_wrong, mistakes.per_sequence.tolist(), mistakes.places
    (1, 1, [0, 1], [(1, 2)])
    """
    predicted, target = np.asarray(predicted), np.asarray(target)
    if predicted.shape != target.shape or predicted.ndim != 3:
        raise ShapeError(f"predicted has shape {predicted.shape}, target {target.shape}: expected (N, T, 7) for both")
    valid = valid_steps(as_lengths(lengths, *target.shape[:2]), target.shape[1])
    # Not `predicted <= threshold`, so that NaN is a mistake wherever a symbol may come next.
    differs = (predicted > threshold) != (target > 0.5)
    return Mistakes((differs.any(axis=2) | np.isnan(predicted).any(axis=2)) & valid)


def _states(string: str, embedded: bool) -> list[str]:
    """The automaton's states before the first symbol and after each."""
    automaton = EMBEDDED_REBER if embedded else REBER
    states = [next(iter(automaton))]
    for position, symbol in enumerate(string):
        edges = automaton[states[-1]]
        if symbol not in edges:
            name = "embedded Reber string" if embedded else "Reber string"
            allowed = " or ".join(sorted(edges)) or "nothing more"
            raise DataError(
                f"{string!r} is no {name}: {symbol!r} at position {position}, where the grammar allows {allowed}"
            )
        states.append(edges[symbol])
    return states


def _strings(
    automaton: Automaton, n: int, min_length: int, seed: int | np.random.Generator, exclude: Iterable[str]
) -> list[str]:
    if n < 1:
        raise DataError(f"{n} strings asked for: expected at least 1")
    rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(as_seed(seed))
    seen = set(exclude)
    survival = _survival(automaton, min_length)
    strings: list[str] = []
    while len(strings) < n:
        string = _string(automaton, survival, rng)
        if string not in seen:
            strings.append(string)
    return strings


def _survival(automaton: Automaton, steps: int) -> list[dict[str, float]]:
    """For k = 0 .. steps: each state's chance that at least k more symbols follow, up to a factor for each k."""
    chances = [dict.fromkeys(automaton, 1.0)]
    for _ in range(steps):
        ahead = {
            state: sum(chances[-1][following] for following in edges.values()) / max(len(edges), 1)
            for state, edges in automaton.items()
        }
        largest = max(ahead.values())  # only ratios matter, and without it long strings would underflow
        chances.append({state: chance / largest for state, chance in ahead.items()})
    return chances


def _string(automaton: Automaton, survival: list[dict[str, float]], rng: np.random.Generator) -> str:
    """One string of at least len(survival) - 1 symbols.

    Rejecting short strings would throw away some 1,600 for each of 30 symbols. Choosing each edge in proportion
    to its chance of becoming long enough gives the same distribution without rejecting any.
    """
    state = next(iter(automaton))
    symbols: list[str] = []
    while edges := automaton[state]:
        remaining = max(len(survival) - 2 - len(symbols), 0)
        chances = np.array([survival[remaining][following] for following in edges.values()])
        place = 0 if len(edges) == 1 else int(rng.random() * chances.sum() >= chances[0])
        symbol = list(edges)[place]
        symbols.append(symbol)
        state = edges[symbol]
    return "".join(symbols)
