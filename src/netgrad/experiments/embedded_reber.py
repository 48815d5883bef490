"""The embedded Reber grammar: the second symbol must be remembered until the last but one, 40 symbols later."""

from __future__ import annotations

import numpy as np
import optax

import netgrad as ng
from netgrad.data.reber import ReberStrings, embedded_reber
from netgrad.experiments.base import Result, experiment, slow
from netgrad.experiments.reber import Learned, mistakes, train

STARTS, LSTM_STARTS = 4, 12


def strings(seed: int, known: int = 400) -> tuple[ReberStrings, ReberStrings]:
    """Strings to learn from and 100 unseen ones, at least 40 symbols each."""
    learnt = embedded_reber(known, min_length=40, seed=seed)
    return learnt, embedded_reber(100, min_length=40, seed=seed + 1, exclude=learnt.strings)


def wrong_before_last(model: ng.Model, on: ReberStrings) -> np.ndarray:
    """Whether the set of symbols that may come last but one, the long dependency, is wrong in each string."""
    # Predicted at the position before it: that of the copy's last symbol, two before the string's last.
    return mistakes(model, on).wrong[np.arange(len(on.lengths)), on.lengths - 3]


@experiment(
    "embedded-reber", "The embedded Reber grammar, with an LSTM of 20 units", "Z&M 26.2.3, example", seconds=120
)
def run(seed: int = 0) -> Result:
    """Step 1 and full batch from a forget-gate bias of 4, twelve starts, until a quarter of them has learned all.

    At most 1,500 epochs with a momentum of 0.9, whose steps are ten times as long where the way is straight; at full
    length (NETGRAD_SLOW=1) the text's 10,000 of plain descent, of which at least 5,000, and 2,500 from the biases 1 and
    0. A start that makes no mistake on the training strings may still make one on the unseen, and lose it with more
    epochs, so the short form lets one unseen string of each start go wrong. Most starts stand still where they know the
    grammar and a part of the strings by heart, but not the long dependency: so the share asked for is small.
    """
    long, result = slow(), Result()
    at_least, epochs, spared = (5000, 10_000, 0) if long else (500, 1500, 1)
    known, unseen = strings(seed)
    for bias in (4.0, 1.0, 0.0) if long else (4.0,):
        learned = Learned(known, every=250, at_least=at_least, needed=LSTM_STARTS // 4)
        layer, descent = ng.LSTM(20, forget_bias=bias), optax.sgd(1.0, momentum=None if long else 0.9)
        model = train([layer], known, epochs if bias == 4 else 2500, seed, LSTM_STARTS, [learned], 250, descent)
        name, free = f"forget-gate bias {bias:g}", learned.without_mistakes
        if bias == 4:
            # The text shows one run, that learned, and does not say of how many: two, so that it is no lucky draw.
            result.holds(f"{name}: starts without a mistake in 400 training strings", "its one run",
                         f"{len(free)} of {LSTM_STARTS}", len(free) >= 2)  # fmt: skip
            wrong = [mistakes(learned.models[k], unseen).sequences_wrong for k in free]
            result.holds("of those: wrong among 100 unseen strings", 0 if long else "0; at most 1 here", wrong,
                         bool(wrong) and max(wrong) <= spared)  # fmt: skip
            result.holds("epochs", "10000", len(model.history), len(model.history) <= 10_000)
        else:
            found = ", ".join(
                f"{mistakes(m, known).total} and {mistakes(m, unseen).total} "
                f"({wrong_before_last(m, unseen).sum()} at the symbol before last)" for m in learned.models
            )  # fmt: skip
            result.tell(f"{name}, {len(model.history)} epochs: mistakes of each start, training and unseen", found)
    result.notes.append(
        "A forget gate that starts at logistic(4) = 0.98 lets the error reach back over the whole string; from 0.5 or "
        "0.73 it fades within a few steps, and what is learned is everything but the long dependency."
    )
    return result


@experiment(
    "embedded-reber-rnn",
    "The embedded Reber grammar, with an RNN of 60 units",
    "Z&M 26.2.3, example",
    seconds=45,
)
def run_rnn(seed: int = 0) -> Result:
    """Gradient descent with step 1 as in the text, but no step longer than 0.1: four starts, 4,000 epochs, 100 strings.

    At full length (NETGRAD_SLOW=1) the text's 25,000 epochs and 400 strings, and also Adam over 8,000. A quarter of the
    strings is learned by heart in an eighth of the epochs, and what the text shows is the same: nothing but the long
    dependency goes wrong, in about half of the unseen strings.

    What is left to learn late is the long dependency, and there the error surface has cliffs: gradients are of norm
    0.001 to 0.1 for thousands of epochs and of 1 to 80 in single ones. A step of 1 as it stands is thrown out of every
    minimum by the first cliff; one short enough for the cliffs (0.2, falling to 0) leaves mistakes on 400 strings after
    25,000 epochs (24 with seed 0). Clipping the gradient's norm shortens the step on the cliffs only: with seeds 0, 1
    and 2 no mistake is left, and 45, 48 and 51 of the unseen strings go wrong.
    """
    known, unseen = strings(seed, 400 if slow() else 100)
    small = ng.Uniform(-0.13, 0.13)  # 1 / sqrt(60)
    layer = ng.RNN(60, initializer=small, recurrent_initializer=small)
    descent = optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(1.0))
    adam = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(2e-3, 8000)))
    result = Result()

    epochs = 25_000 if slow() else 4000
    ended = Learned(known, every=epochs)
    train([layer], known, epochs, seed, STARTS, [ended], every=500, optimizer=descent)
    left = [mistakes(model, known).total for model in ended.models]
    result.most(f"gradient descent: mistakes in {len(known.strings)} training strings", 0, left, np.equal(left, 0))
    wrong = np.array([mistakes(model, unseen).sequences_wrong for model in ended.models])
    # Two counts of 100, the text's and ours, have a standard error of 5 each, and their difference one of 7. Who knows
    # a quarter of the strings by heart may stand anywhere between the text's 40 and guessing, 50, give or take 2 x 5.
    low, high = (26, 54) if slow() else (30, 60)
    said = "40" if slow() else f"40 with 400 strings; {low} to {high} here"
    result.most("wrong among 100 unseen strings", said, wrong, (low <= wrong) & (wrong <= high))
    alone = [(mistakes(m, unseen).per_sequence == 1) & wrong_before_last(m, unseen) for m in ended.models]
    # 40 of 40, as the text counted, leave room for 7 % that are otherwise (0.93^40 is 5 %).
    shown = f"{np.sum(alone)} of {wrong.sum()}"
    result.holds(
        "with one mistake, at the symbol before last", "all 40", shown, bool(np.sum(alone) >= 0.93 * wrong.sum())
    )

    if slow():
        model = train([layer], known, 8000, seed, every=500, optimizer=adam)
        found = [mistakes(model, known).total, mistakes(model, unseen).total]
        result.tell("Adam, 8000 epochs: mistakes, training and unseen", found)
    result.notes.append(
        "Step 1 as in the text, but with the gradient's norm clipped at 0.1, of which the text says nothing: without, "
        "the first steep place throws this network out of every minimum, from every start that was tried."
    )
    result.notes.append(
        "Half of the unseen strings go wrong, as if the symbol before last were guessed: the network has learned the "
        "training strings by heart. Adam can find the rule itself: it is a matter of the way there, not of what an RNN "
        "can hold."
    )
    return result
