"""The report of a trained model: figures, tables, and one self-contained HTML file.

    netgrad.report.write(model, x_test, y_test, "report.html")

matplotlib and jinja2 are loaded when a report is made, not before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netgrad.training.model import Model

__all__ = ["write"]


def write(model: Model, x: Any, y: Any, path: str | Path, title: str | None = None, **more: Any) -> Path:
    """Write the report of a model, measured on these examples; for ``more`` see `netgrad.report.html.write`.

    >>> import netgrad as ng, numpy as np, pathlib, tempfile
    >>> x, y = np.eye(4), np.array([0, 1, 0, 1])
    >>> model = ng.fit(ng.Sequential([ng.Dense(2)]), x, y, epochs=2)
    >>> write(model, x, y, pathlib.Path(tempfile.mkdtemp(), "report.html")).name
    'report.html'
    """
    from netgrad.report.html import write as write_html

    return write_html(model, x, y, path, title, **more)
