"""scikit-learn's MLPClassifier, one `partial_fit` on one batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.works import Work


def make(work: Work, variant: str) -> Callable[[], None]:
    """One step of plain gradient descent."""
    data = work.data()
    net = MLPClassifier(
        tuple(settings[0] for _, *settings in work.layers[:-1]),
        solver="sgd", learning_rate_init=work.rate, momentum=0.0, alpha=0.0, batch_size=work.examples,
    )  # fmt: skip
    classes = np.arange(work.outputs)
    return lambda: net.partial_fit(data["x"], data["y"], classes=classes)


def make_prediction(work: Work, variant: str) -> Callable[[], None]:
    """`predict_proba`."""
    data = work.data()
    net = MLPClassifier(tuple(settings[0] for _, *settings in work.layers[:-1]), solver="sgd")
    # Every class must be seen once before anything can be predicted.
    net.partial_fit(np.repeat(data["x"][:1], work.outputs, 0), np.arange(work.outputs), classes=np.arange(work.outputs))
    return lambda: net.predict_proba(data["x"])
