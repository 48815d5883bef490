"""onnxruntime on the network that netgrad's export wrote: what people would use for prediction alone."""

from __future__ import annotations

from collections.abc import Callable

import onnxruntime

from benchmarks.contenders.with_netgrad import untrained
from benchmarks.works import Work
from netgrad.exchange.onnx_out import graph_of


def make_prediction(work: Work, variant: str) -> Callable[[], None]:
    """`InferenceSession.run`, probabilities included."""
    data = work.data()
    model = graph_of(untrained(work, data), lengths=work.unequal)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    fed = {name: data["x"] if i == 0 else data["lengths"] for i, name in enumerate(names)}
    return lambda: session.run(None, fed)
