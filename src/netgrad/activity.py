"""Penalties on what a network makes of its inputs, rather than on its weights: those of the codes of autoencoders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, unknown_name
from netgrad.layers.activation import Logistic, Softmax
from netgrad.layers.gaussian import Gaussian
from netgrad.layers.wrapper import bare
from netgrad.registry import register
from netgrad.regularizers import Penalty, View


@dataclass(frozen=True)
class Activity(Penalty):
    """Base of the penalties on one layer's activations a (N, ..., units), averaged over examples where the objective
    is. They see the network as it predicts, without dropout or noise.

    layer: the layer's name, or that of a part, whose last layer it then is; by default "encoder", so that the code is
    penalised.
    """

    layer: str = field(default="encoder", kw_only=True)

    def last(self, names: Iterable[str]) -> str | None:
        """The last of these names, in the order of the network, that is the layer's or begins with the part's."""
        found = [name for name in names if name == self.layer or name.startswith(f"{self.layer}/")]
        return found[-1] if found else None

    def saved(self, params: dict, view: View | None) -> dict[str, Any]:
        """What the layer saved on the way forward, and its scale for the penalty: 1, or 1/N."""
        if view is None or view.inside is None:
            raise NetgradError(f"{self.registered_name} can only be measured with a network and its inputs at hand")
        inside = view.inside(params, view.x)
        return dict(inside[self.last(inside) or self.layer])

    def share(self, view: View) -> float:
        """What the sum over examples is multiplied by."""
        return 1 / next(iter(view.x.values())).shape[0] if view.reduction == "mean" else 1.0

    def check_network(self, network):
        if self.last(node.name for node in network.nodes) is None:
            raise unknown_name("layer", self.layer, network.by_name)

    def among(self, names):
        return self if self.last(sorted(names)) is not None else None


@register("penalty", "sparsity")
@dataclass(frozen=True)
class Sparsity(Activity):
    """Few units of a code are active at a time: alpha sum |a|; or, with ``rate``, alpha sum over units of
    KL(rate || mean activation), which holds the share of examples for which a logistic unit is active near ``rate``.

    KL(r || m) = r ln(r/m) + (1 - r) ln((1 - r)/(1 - m)), with m the unit's mean over the batch: batches of a hundred
    and more tell it well. Source: Ng, "Sparse autoencoder" (2011), for the second form.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).random((100, 6))
    >>> net = ng.Autoencoder([ng.Dense(12, activation="logistic")], [ng.Dense(6)])
    >>> model = ng.fit(net, x, penalty=ng.Sparsity(0.1, rate=0.05), epochs=2)
    """

    rate: float | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.rate is not None and not 0 < self.rate < 1:
            raise NetgradError(f"rate, the share of examples for which a unit is active, is in (0, 1): {self.rate}")

    def check_network(self, network):
        super().check_network(network)
        layer = bare(network.by_name[self.last(network.by_name)].layer)
        if self.rate is not None and not isinstance(getattr(layer, "activation", layer), Logistic | Softmax):
            raise NetgradError(
                f"a rate is that of units between 0 and 1, found {layer.label}: give the layer "
                "activation='logistic', or leave rate out to penalise |a|"
            )

    def value(self, params, view=None):
        a = self.saved(params, view)["a"]
        if self.rate is None:
            return self.alpha * jnp.abs(a).sum() * self.share(view)
        tiny = jnp.finfo(a.dtype).eps
        m = jnp.clip(a.reshape(-1, a.shape[-1]).mean(0), tiny, 1 - tiny)
        r = self.rate
        examples = self.share(view) * a.shape[0]
        return self.alpha * jnp.sum(r * jnp.log(r / m) + (1 - r) * jnp.log((1 - r) / (1 - m))) * examples


@register("penalty", "contraction")
@dataclass(frozen=True)
class Contraction(Activity):
    """alpha sum over code units i and inputs j of (d a_i / d x_j)^2: the code changes little where the data do not.

    A step costs about two more passes through the encoder for every unit of the code. Source: Rifai et al.,
    "Contractive auto-encoders" (2011).

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).random((100, 6))
    >>> net = ng.Autoencoder([ng.Dense(3, activation="logistic")], [ng.Dense(6)])
    >>> model = ng.fit(net, x, penalty=ng.Contraction(0.1), epochs=2)
    """

    def value(self, params, view=None):
        self.saved(params, view)  # refuses what is not at hand

        def code(x: dict) -> jax.Array:
            inside = view.inside(params, x)
            return inside[self.last(inside)]["a"]

        return self.alpha * self.share(view) * _squared_jacobian(code, view.x)


@register("penalty", "gaussian_kl")
@dataclass(frozen=True)
class GaussianKL(Activity):
    """alpha KL(N(mean, variance) || N(0, 1)) of a `Gaussian` layer, summed over its units:
    1/2 sum (mean^2 + variance - 1 - ln variance).

    With squared error, and alpha 1, the objective is the negative of the evidence's lower bound, up to a constant, for
    outputs of variance 1; alpha is also known as beta. A network with a `Gaussian` layer gets this penalty of strength
    1 by itself. Source: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014).

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).random((100, 6))
    >>> net = ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(6)])
    >>> model = ng.fit(net, x, epochs=2)
    >>> model.objective.penalties[0].alpha, model.sample(3).shape
    (1.0, (3, 6))
    """

    alpha: float = 1.0

    def check_network(self, network):
        super().check_network(network)
        if not isinstance(bare(network.by_name[self.last(network.by_name)].layer), Gaussian):
            raise NetgradError(f"gaussian_kl is for a Gaussian layer, and {self.layer} does not end in one: add it")

    def value(self, params, view=None):
        saved = self.saved(params, view)
        return self._divergence(saved["mean"], saved["log_variance"]) * self.share(view)

    def fed(self, network, state):
        node = network.by_name[self.last(network.by_name)]
        before = network.nodes[: network.nodes.index(node)]
        alike = not any(other.layer.draws or other.params in state for other in before)
        # Behind another code it is the drawn one that a bound on the likelihood asks for, not its mean.
        alike = alike or any(isinstance(bare(other.layer), Gaussian) for other in before)
        return node if alike and type(node.layer) is Gaussian else None

    def of_inputs(self, x, reduction):
        return self._divergence(*jnp.split(x, 2, axis=-1)) * (1 / x.shape[0] if reduction == "mean" else 1.0)

    def _divergence(self, mean: jax.Array, log_variance: jax.Array) -> jax.Array:
        return 0.5 * self.alpha * jnp.sum(mean**2 + jnp.exp(log_variance) - 1 - log_variance)


def with_divergences(network: Any, penalties: tuple[Penalty, ...]) -> tuple[Penalty, ...]:
    """These penalties, and one for each `Gaussian` layer that none of them is on.

    Raises `NetgradError` for one inside a block, whose quantities no penalty sees.
    """
    for node in network.nodes:
        if _draws_inside(bare(node.layer)):
            raise NetgradError(
                f"the Gaussian layer inside {node.name} would be trained without its divergence: put it between "
                "layers of the network itself"
            )
    held = {p.last(network.by_name) for p in penalties if isinstance(p, GaussianKL)}
    free = [n for n in network.nodes if isinstance(bare(n.layer), Gaussian) and n.name not in held]
    return (*penalties, *(GaussianKL(layer=node.name) for node in free))


def _draws_inside(layer: Any) -> bool:
    """Whether a block of layers has a `Gaussian` one."""
    block = getattr(layer, "block", None)
    inside = () if block is None else [bare(node.layer) for node in block.nodes]
    return any(isinstance(one, Gaussian) or _draws_inside(one) for one in inside)


def _squared_jacobian(f: Callable[[dict], jax.Array], x: dict) -> jax.Array:
    """The sum of the squares of all derivatives of each example's outputs by its inputs."""
    a, back = jax.vjp(f, x)
    size = a[0].size

    @jax.checkpoint  # keeps one unit's quantities at a time for the way back
    def along(total: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        row = jnp.broadcast_to(jax.nn.one_hot(i, size, dtype=a.dtype).reshape(a.shape[1:]), a.shape)
        (slopes,) = back(row)
        return total + sum(jnp.sum(slope * slope) for slope in jax.tree.leaves(slopes)), None

    return jax.lax.scan(along, jnp.zeros((), a.dtype), jnp.arange(size))[0]
