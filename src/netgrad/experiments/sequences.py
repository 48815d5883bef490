"""Three things that recurrent networks are for, each against the plainest rival: a label, a forecast, and a text."""

from __future__ import annotations

import numpy as np

import netgrad as ng
from netgrad.data import Vocabulary, is_reber, load_text, pad_sequences, reber, streams
from netgrad.data.reber import SYMBOLS
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS, TEXT_STARTS = 8, 3


@experiment("many-to-one", "A label for a whole sequence", "Pattipati, many-to-one; Kelleher 8.4.6", seconds=12)
def many_to_one(seed: int = 0) -> Result:
    """Is it a Reber string? Half of the strings are, in the others one symbol was exchanged."""
    x, lengths, y = grammatical_or_not(1000, seed)
    x_test, lengths_test, y_test = grammatical_or_not(500, seed + 1)
    net = ng.Sequential([ng.LSTM(24, returns="last"), ng.Dense(2)])
    models = fit_starts(
        net, x, y, STARTS, lengths=lengths, epochs=60, learning_rate=0.01, clip_norm=1.0, seed=seed,
    )  # fmt: skip
    accuracy = np.array([model.evaluate(x_test, y_test, lengths=lengths_test)["accuracy"] for model in models])
    majority = max(np.mean(y_test), 1 - np.mean(y_test))
    result = Result()
    result.tell("accuracy of the majority class, unseen strings", majority)
    result.most("accuracy of an LSTM of 24 units", "better", accuracy, accuracy > majority + 0.3)
    return result


def grammatical_or_not(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strings (N, T, 7) of at least 10 symbols, their lengths, and whether the grammar generates them."""
    rng = np.random.default_rng(seed)
    texts = reber(n, min_length=10, seed=rng).strings
    for i in range(0, n, 2):
        while is_reber(texts[i]):
            place = rng.integers(1, len(texts[i]) - 1)
            texts[i] = texts[i][:place] + rng.choice(list(SYMBOLS)) + texts[i][place + 1 :]
    one_hot = np.eye(len(SYMBOLS), dtype=np.float32)
    x, lengths = pad_sequences([one_hot[[SYMBOLS.index(symbol) for symbol in text]] for text in texts])
    return x, lengths, np.arange(n) % 2


@experiment("forecast", "A chaotic series, six steps ahead", "Pattipati, Dealing with Sequences", seconds=15)
def forecast(seed: int = 0) -> Result:
    """The Mackey-Glass series: forecasts by the last value, an MLP on delay taps, a state-space model and a GRU."""
    ahead, steps = 6, 100
    series = mackey_glass(2 * 40 * steps + ahead)
    x, y = series[:-ahead].reshape(-1, steps, 1), series[ahead:].reshape(-1, steps, 1)
    half, warm = len(x) // 2, 20  # the first steps of each piece are not scored: nobody has seen any past yet
    result = Result()

    def error(forecasts: np.ndarray) -> float:
        return float(np.sqrt(np.mean((forecasts - y[half:, :, 0])[:, warm:] ** 2)))

    last = error(x[half:, :, 0])
    result.tell("root mean square error of the last value, second half of the series", last)
    now = ng.Input()
    z = ng.StateSpace([ng.Dense(24, activation="tanh"), ng.Dense(6)])(now)
    rivals = {
        "an MLP of 24 units on 20 delay taps": ng.Sequential(
            [ng.DelayTaps(20), ng.Dense(24, activation="tanh"), ng.Dense(1)]
        ),
        "a state-space model of 6 states": ng.Network(now, ng.Dense(1)(ng.Concatenate()(z, now))),
        "a GRU of 24 units": ng.Sequential([ng.GRU(24), ng.Dense(1)]),
    }
    for name, net in rivals.items():
        models = fit_starts(
            net, x[:half], y[:half], STARTS,
            epochs=150, epochs_per_call=50, batch_size=8, learning_rate=0.01, clip_norm=1.0, seed=seed,
        )  # fmt: skip
        found = np.array([error(model.predict(x[half:])) for model in models])
        result.most(f"of {name}", "better", found, found < 0.5 * last)
    return result


def mackey_glass(n: int, delay: int = 17, substeps: int = 10) -> np.ndarray:
    """x' = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x(t), at whole times, standardised; the start is left out."""
    past = delay * substeps
    x = np.full(past + (n + 300) * substeps, 1.2)
    for i in range(past, len(x) - 1):
        x[i + 1] = x[i] + (0.2 * x[i - past] / (1 + x[i - past] ** 10) - 0.1 * x[i]) / substeps
    series = x[past::substeps][300 : 300 + n]
    return (series - series.mean()) / series.std()


@experiment(
    "characters",
    "A character model of Shakespeare's plays",
    "Pattipati, RNNs; Kelleher, truncated BPTT",
    needs=("tinyshakespeare",),
    seconds=270,
)
def characters(seed: int = 0) -> Result:
    """Bits a character on the last tenth of the text: n-grams, and an LSTM in pieces of 20 symbols, three starts."""
    text = load_text("tinyshakespeare")
    vocabulary = Vocabulary(text)
    ids = vocabulary.encode(text)
    cut = len(ids) * 9 // 10
    result = Result()
    rivals = {n: ngram_bits(ids[:cut], ids[cut:], n, len(vocabulary)) for n in range(1, 6)}
    for n, bits in rivals.items():
        result.tell(f"bits a character of the {n}-gram model, last tenth of the text", bits)
    x, y = streams(ids[:cut], rows=32)
    net = ng.Sequential([ng.Embedding(len(vocabulary), 32), ng.LSTM(192), ng.Dense(len(vocabulary))])
    models = fit_starts(
        net, x, y, TEXT_STARTS, truncate=20, batch_size=None, epochs=8, learning_rate=3e-3, clip_norm=1.0, seed=seed
    )
    x_test, y_test = streams(ids[cut:], rows=8)
    bits = np.array([model.evaluate(x_test, y_test)["loss"] for model in models]) / np.log(2)
    result.most("of an LSTM of 192 units", "better than all", bits, bits < min(rivals.values()), share=2 / 3)
    model = models[int(bits.argmin())]
    model.card["vocabulary"] = vocabulary.to_config()
    result.notes.append("What it writes after 'ROMEO:' - " + " / ".join(ng.sample(model, "ROMEO:", 160).split("\n")))
    return result


def ngram_bits(known: np.ndarray, unseen: np.ndarray, n: int, symbols: int) -> float:
    """Bits a symbol of an n-gram model with Witten-Bell smoothing, which mixes each order with the one below it:

    p_n(s | c) = (count(c, s) + kinds(c) p_(n-1)(s | shorter c)) / (count(c) + kinds(c)), where kinds(c) is the number
    of different symbols seen after the context c, and p_0 = 1 / symbols.

    >>> round(ngram_bits(np.tile([0, 1], 50), np.tile([0, 1], 10), n=2, symbols=2), 2)
    0.01
    """
    p = np.full(len(unseen) - n + 1, 1 / symbols)
    for order in range(1, n + 1):
        # Each stretch of `order` symbols as one number; its context is that number without the last digit.
        grams, counts = np.unique(_numbers(known, order, symbols), return_counts=True)
        contexts, first, kinds = np.unique(grams // symbols, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        asked = _numbers(unseen, order, symbols)[n - order :]
        seen = _look_up(grams, counts, asked)
        of_context, kind = _look_up(contexts, totals, asked // symbols), _look_up(contexts, kinds, asked // symbols)
        p = np.where(of_context > 0, (seen + kind * p) / np.maximum(of_context + kind, 1), p)
    return float(-np.log2(p).mean())


def _numbers(ids: np.ndarray, order: int, symbols: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(ids.astype(np.int64), order)
    return windows @ symbols ** np.arange(order - 1, -1, -1, dtype=np.int64)


def _look_up(keys: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[at] == asked, values[at], 0)
