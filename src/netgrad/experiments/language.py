"""Words that are understood by what stands around them: a tag for each word, and answers to questions about a story."""

from __future__ import annotations

import numpy as np

import netgrad as ng
from netgrad.data import pad_sequences
from netgrad.data.pairs import Words
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS = 3
TAGS = ("article", "pronoun", "noun", "verb", "adjective", "conjunction")
ARTICLES, PRONOUNS, JOINING = ("the", "a", "every"), ("we", "you", "they"), ("and", "while", "but")
DEEDS = ("watch", "fish", "play", "drink", "cook", "ring", "fight", "paint")  # nouns and verbs
LOOKS = ("light", "cold", "dark", "orange", "sweet", "square", "blue", "young")  # nouns and adjectives

PEOPLE = ("mary", "john", "daniel", "sandra")
PLACES = ("kitchen", "garden", "office", "hall", "bedroom")
GOING = ("entered", "reached", "found")


@experiment(
    "tagging",
    "A tag for each word, where what follows decides: from the left, and from both sides",
    "Pattipati, 'Dealing with Sequences': many-to-many",
    seconds=4,
)
def tagging(seed: int = 0) -> Result:
    """In "the light watch the fish" light is a noun, in "the light watch fish the ring" it is an adjective; unseen
    sentences, tagged by an LSTM that has not seen what follows, and by one that reads from both ends."""
    words = Words([" ".join((*ARTICLES, *PRONOUNS, *JOINING, *DEEDS, *LOOKS))])
    x, y, lengths = encoded(*sentences(600, seed), words)
    unseen, truth, spans = encoded(*sentences(300, seed + 1), words)
    valid = np.arange(truth.shape[1]) < spans[:, None]
    nets = {
        "LSTM": [ng.Embedding(len(words), 16), ng.LSTM(32), ng.Dense(len(TAGS))],
        "LSTM in both directions": [ng.Embedding(len(words), 16), ng.Bidirectional(ng.LSTM(16)), ng.Dense(len(TAGS))],
    }
    right = {}
    for name, layers in nets.items():
        models = fit_starts(
            ng.Sequential(layers), x, y, STARTS, lengths=lengths, loss="softmax_cross_entropy", epochs=9,
            batch_size=50, learning_rate=0.01, schedule="cosine", clip_norm=1.0, seed=seed,
        )  # fmt: skip
        right[name] = np.array([np.mean((m.predict(unseen, lengths=spans) == truth)[valid]) for m in models])
    seen = np.arange(x.shape[1]) < lengths[:, None]
    counts = np.zeros((len(words), len(TAGS)))
    np.add.at(counts, (x[seen], y[seen]), 1)
    commonest = float(np.mean((counts.argmax(1)[unseen] == truth)[valid]))
    alone, both = right.values()
    result = Result()
    result.tell("unseen words that are right by each word's commonest tag", commonest)
    result.most("by an LSTM from the left", "better", alone, alone > commonest + 0.05)
    result.most("by an LSTM in both directions", "better than from the left", both, both > alone.max() + 0.02)
    return result


def sentences(n: int, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Sentences of one to three clauses, word by word, and the tag of each word.

    >>> words, tags = sentences(1, seed=3)
    >>> " ".join(words[0][:6]), tags[0][:3]
    ('the light watch the dark cold', ['article', 'noun', 'verb'])
    """
    rng = np.random.default_rng(seed)

    def phrase() -> list[tuple[str, str]]:
        if rng.random() < 0.2:
            return [(str(rng.choice(PRONOUNS)), "pronoun")]
        adjective = [(str(rng.choice(LOOKS)), "adjective")] if rng.random() < 0.5 else []
        noun = str(rng.choice(DEEDS if rng.random() < 0.5 else LOOKS))
        return [(str(rng.choice(ARTICLES)), "article"), *adjective, (noun, "noun")]

    made = []
    for _ in range(n):
        clauses: list[tuple[str, str]] = []
        for clause in range(rng.integers(1, 4)):
            joined = [(str(rng.choice(JOINING)), "conjunction")] if clause else []
            clauses += [*joined, *phrase(), (str(rng.choice(DEEDS)), "verb"), *phrase()]
        made.append(clauses)
    return [[word for word, _ in own] for own in made], [[tag for _, tag in own] for own in made]


def encoded(texts: list[list[str]], tags: list[list[str]], words: Words) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols (N, T), tags (N, T) as numbers, and lengths."""
    x, lengths = pad_sequences([words.encode(" ".join(own)) for own in texts])
    y, _ = pad_sequences([np.array([TAGS.index(tag) for tag in own]) for own in tags])
    return x.astype(np.int32), y.astype(np.int32), lengths


@experiment(
    "question-answering",
    "Questions about a story: the question looks for what it asks, or the story must be remembered",
    "Pattipati, applications: question answering; Weston et al. 2015 (bAbI, task 1)",
    seconds=5,
)
def question_answering(seed: int = 0) -> Result:
    """Four people go about five rooms, "mary entered kitchen"; where is one of them now? By a GRU that reads the
    story and then the question, and by one whose question attends to all that was read; unseen stories."""
    words = Words([" ".join((*PEOPLE, *PLACES, *GOING))])
    x, y = asked(*stories(1500, seed), words)
    unseen, truth = asked(*stories(300, seed + 1), words)
    right = {}
    for attends in (False, True):
        models = fit_starts(
            reader(len(words), attends), x, y, STARTS, loss="softmax_cross_entropy", epochs=10, batch_size=50,
            learning_rate=0.01, schedule="cosine", clip_norm=1.0, seed=seed,
        )  # fmt: skip
        right[attends] = np.array([np.mean(model.predict(unseen) == truth) for model in models])
    result = Result()
    result.tell("unseen questions that the commonest room answers", float(np.bincount(truth).max() / len(truth)))
    result.tell("by the room that was named last", float(np.mean(_last(unseen, words) == truth)))
    result.tell("by a GRU that reads the story, then the question, median", float(np.median(right[False])))
    result.most("by attention from the question to the story", "nearly all", right[True], right[True] > 0.9)
    return result


def reader(symbols: int, attends: bool) -> ng.Network:
    """Inputs "story" (N, T) and "question" (N, 1) to the rooms' logits."""
    story, question = ng.Input("story"), ng.Input("question")
    embedding = ng.Embedding(symbols, 32)
    asking = embedding(question)
    if not attends:
        state = ng.GRU(64, returns="state")(embedding(story))
        found = ng.GRU(64, returns="last")(asking, state)
        return ng.Network([story, question], ng.Dense(len(PLACES))(found))
    memory = ng.Bidirectional(ng.GRU(32))(embedding(story))
    found = ng.Flatten()(ng.Attention(64, heads=4)(asking, memory))
    return ng.Network([story, question], ng.Dense(len(PLACES))(found))


def stories(n: int, seed: int) -> tuple[list[str], list[str], list[str]]:
    """Stories of five sentences, about whom they are asked, and where that one is.

    >>> story, who, where = stories(1, seed=0)
    >>> story[0].split()[-6:], who[0], where[0]
    (['sandra', 'found', 'hall', 'daniel', 'found', 'hall'], 'mary', 'kitchen')
    """
    rng = np.random.default_rng(seed)
    told, who, where = [], [], []
    for _ in range(n):
        at: dict[str, str] = {}
        lines = []
        for _ in range(5):
            person, place = str(rng.choice(PEOPLE)), str(rng.choice(PLACES))
            lines.append(f"{person} {rng.choice(GOING)} {place}")
            at[person] = place
        told.append(" ".join(lines))
        who.append(str(rng.choice(list(at))))
        where.append(at[who[-1]])
    return told, who, where


def asked(told: list[str], who: list[str], where: list[str], words: Words) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What `reader` takes, and the rooms as numbers."""
    x = {"story": np.stack([words.encode(own) for own in told]), "question": np.stack([words.encode(w) for w in who])}
    return x, np.array([PLACES.index(place) for place in where])


def _last(x: dict[str, np.ndarray], words: Words) -> np.ndarray:
    """The room that each story names last."""
    return np.array([PLACES.index(words.symbols[own[-1]]) for own in x["story"]])
