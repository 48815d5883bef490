"""scikit-learn's MLPClassifier, one `partial_fit` on one batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.works import Work


def make(work: Work, variant: str) -> Callable[[], None]:
    """One step of plain gradient descent."""
    data = work.data()
    hidden = tuple(settings[0] for _, *settings in work.layers[:-1])
    net = MLPClassifier(
        hidden, solver="sgd", learning_rate_init=work.rate, momentum=0.0, alpha=0.0, batch_size=work.examples
    )
    classes = np.arange(work.outputs)

    def step() -> None:
        net.partial_fit(data["x"], data["y"], classes=classes)

    return step
