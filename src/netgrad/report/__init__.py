"""The report of a trained model: figures, tables, and one self-contained HTML file.

    netgrad.report.write(model, x_test, y_test, "report.html")

matplotlib and jinja2 are loaded when a report is made, not before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError

if TYPE_CHECKING:
    from netgrad.tasks import AdversarialPair
    from netgrad.training.model import Model

__all__ = ["write"]


def write(
    model: Model | AdversarialPair, x: Any, y: Any, path: str | Path, title: str | None = None, **more: Any
) -> Path:
    """Write the report of a model, measured on these examples; for ``more`` see `netgrad.report.html.write`.

    y is None for a model that reconstructs x, and for a pair of adversarial networks (`netgrad.report.adversarial`).

    >>> import netgrad as ng, numpy as np, pathlib, tempfile
    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> model = ng.fit(ng.Sequential([ng.Dense(2)]), x, y, epochs=2)
    >>> write(model, x, y, pathlib.Path(tempfile.mkdtemp(), "report.html")).name
    'report.html'
    """
    from netgrad.report import adversarial
    from netgrad.report.html import write as write_html
    from netgrad.tasks import AdversarialPair

    if isinstance(model, AdversarialPair):
        if y is not None:
            raise NetgradError("adversarial networks have no targets: give None for y")
        return adversarial.write(model, x, path, title, **more)
    return write_html(model, x, y, path, title, **more)
