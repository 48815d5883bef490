"""The contenders: each module has ``make(work, variant) -> step``; step() does one training step and waits for it.

``make_prediction`` likewise: one call predicts all examples of the work, from NumPy array to NumPy array.

`NAMES` says which module runs under which name, with which environment; ``applies`` leaves out works that a
contender has no means for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.works import Work


@dataclass(frozen=True)
class Contender:
    """module: under benchmarks.contenders; variant: handed to its make; kinds: of works, and modes, it can do."""

    module: str
    variant: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("sequence", "image", "signal", "vector")
    modes: tuple[str, ...] = ("train", "predict")

    def applies(self, work: Work, mode: str = "train") -> bool:
        """Whether this contender can do the work."""
        return work.kind in self.kinds and mode in self.modes


EVERY = ("sequence", "text", "translation", "image", "residual", "inception", "signal", "vector")
CONTENDERS = {
    "netgrad": Contender("with_netgrad", kinds=EVERY),
    "netgrad, handle": Contender("with_netgrad", "handle", modes=("predict",)),
    "netgrad without kernels": Contender("with_netgrad", environment={"NETGRAD_KERNELS": "0"}, kinds=EVERY),
    "JAX (Equinox)": Contender("with_equinox"),
    "PyTorch": Contender("with_torch", kinds=EVERY),
    "PyTorch compiled": Contender("with_torch", "compile", kinds=EVERY),
    "PyTorch channels last": Contender("with_torch", "channels_last", kinds=("image", "residual", "inception")),
    "Keras (JAX)": Contender("with_keras", environment={"KERAS_BACKEND": "jax"}),
    "scikit-learn": Contender("with_sklearn", kinds=("vector",)),
    "onnxruntime": Contender("with_onnxruntime", modes=("predict",)),
}
