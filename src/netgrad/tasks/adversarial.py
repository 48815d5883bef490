"""Adversarial networks: a generator makes examples, a discriminator tells them from those of the data, and each learns
from the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netgrad.compiling import as_seed
from netgrad.errors import NetgradError, ShapeError, unknown_name
from netgrad.losses import BinaryCrossEntropy, Loss, SquaredError
from netgrad.network import Network, Sequential, backward, forward, named, next_state
from netgrad.registry import register
from netgrad.training.history import History
from netgrad.training.model import Model
from netgrad.training.objective import Objective
from netgrad.training.prepare import in_shapes
from netgrad.training.supervised import scannable
from netgrad.training.task import Carry, Task
from netgrad.training.train import counts

softplus = jax.nn.softplus

# By name: what the discriminator's output z for data and for samples costs it, and what that for samples costs the
# generator; t is the target of data, 1 or a little less.
GAMES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "minimax": (lambda z, t: softplus(-z) + (1 - t) * z, softplus, lambda z: -softplus(z)),
    "non_saturating": (lambda z, t: softplus(-z) + (1 - t) * z, softplus, lambda z: softplus(-z)),
    "least_squares": (lambda z, t: 0.5 * (z - t) ** 2, lambda z: 0.5 * z**2, lambda z: 0.5 * (z - 1) ** 2),
    "wasserstein": (lambda z, t: -z, lambda z: z, lambda z: -z),
}
ADAM = optax.adam(1e-3, b1=0.5)  # Radford et al. (2016) found 0.9 to swing


@register("task", "adversarial")
@dataclass(frozen=True)
class Adversarial(Task):
    """Training of a generator against a discriminator: ``ng.train(Adversarial(g, d), x)`` gives an `AdversarialPair`.

    A step shows the discriminator a batch of data and as many samples, and updates it (``critic_steps`` times, with new
    samples each time); then the generator, through the discriminator as it is now. In the history: ``generator`` and
    ``discriminator``, their losses, ``loss``, the sum, ``real`` and ``fake``, the discriminator's mean output for data
    and for samples. None of them says how good the samples are.

    Args:
        generator: from noise (N, latent) to examples. discriminator: from examples to one linear unit.
        latent: numbers of noise, each from N(0, 1).
        game: "non_saturating": the generator maximises ln D, the default; "minimax": it minimises ln(1 - D), the
            original loss, whose gradient vanishes where the discriminator is sure; "least_squares"; "wasserstein".
        smoothing: data are told to be data with probability 1 - smoothing alone (one-sided; not with wasserstein).
        gradient_penalty: strength of the penalty that holds the norm of the discriminator's gradient at 1 between data
            and samples, with wasserstein 10 unless ``clip`` is given. clip: the largest size of a weight or bias of the
            discriminator after each of its updates.
        critic_steps: updates of the discriminator a step.
        generator_optimizer, discriminator_optimizer: of optax; Adam of rate 0.001 and b1 0.5.

    Sources: Goodfellow et al. (2014) for the two original losses; Salimans et al. (2016) for smoothing; Mao et al.
    (2017); Arjovsky et al. (2017) and Gulrajani et al. (2017) for wasserstein, by clipping and by penalty.

    >>> import netgrad as ng, numpy as np
    >>> from netgrad.tasks import Adversarial
    >>> x = np.random.default_rng(0).normal(size=(200, 2)) + 3
    >>> generator = ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(2)])
    >>> discriminator = ng.Sequential([ng.Dense(8, activation="leaky_relu"), ng.Dense(1)])
    >>> pair = ng.train(Adversarial(generator, discriminator, latent=4), x, epochs=2)
    >>> pair.sample(5).shape, pair.history.columns[1:3]
    ((5, 2), ['loss', 'discriminator'])
    """

    generator: Network
    discriminator: Network
    latent: int = 16
    game: str = "non_saturating"
    smoothing: float = 0.0
    gradient_penalty: float | None = None
    clip: float | None = None
    critic_steps: int = 1
    generator_optimizer: Any = ADAM
    discriminator_optimizer: Any = ADAM

    advice = "try lower rates, another game, or inputs on a smaller scale"

    def __post_init__(self):
        for name in ("latent", "critic_steps"):
            (number,) = counts(**{name: getattr(self, name)})
            object.__setattr__(self, name, number)
        if self.game not in GAMES:
            raise unknown_name("game", self.game, GAMES)
        if not 0 <= self.smoothing < 0.5 or (self.smoothing and self.game == "wasserstein"):
            raise NetgradError(
                f"smoothing is in [0, 0.5), and 0 with wasserstein, which has no targets: found {self.smoothing} with "
                f"{self.game}"
            )
        if self.clip is not None and not self.clip > 0:
            raise NetgradError(f"clip is the largest size of a weight, above 0, found {self.clip}")
        if not self._strength >= 0:
            raise NetgradError(f"gradient_penalty is at least 0, found {self.gradient_penalty}")
        for name in ("generator", "discriminator"):
            network = getattr(self, name)
            if not isinstance(network, Network) or len(network.inputs) > 1 or len(network.outputs) > 1:
                raise NetgradError(f"the {name} is a network of one input and one output, found {network!r}")

    def batch(self, data):
        batch = super().batch(data)
        if list(batch.x) != ["x"]:
            raise NetgradError(f"adversarial networks learn from one array, found {', '.join(batch.x)}")
        shape = tuple(batch.x["x"].shape[1:])
        made, judged = self._end(self.generator, (self.latent,)), self._end(self.discriminator, shape)
        if made != shape:
            raise ShapeError(
                f"the generator makes examples {_show(made)}, the data are {_show(shape)}: make them alike"
            )
        if judged != (1,):
            raise ShapeError(f"the discriminator ends in one linear unit (N, 1), found {_show(judged)}")
        return batch._replace(x={"x": batch.x["x"].astype(jax.dtypes.canonicalize_dtype(float))})

    def init(self, key, batch):
        keys = jax.random.split(key)
        shapes = ((self.latent,), in_shapes(batch.x)["x"])
        begun = {
            name: network.init(own, shape)
            for (name, network), own, shape in zip(self._networks.items(), keys, shapes, strict=True)
        }
        return {name: made[0] for name, made in begun.items()}, {name: made[1] for name, made in begun.items()}

    def init_optimizer(self, params):
        return {name: self._optimizers[name].init(own) for name, own in params.items()}

    def scannable(self, batch):
        shape = in_shapes(batch.x)["x"]
        ends = {"generator": (self.latent,), "discriminator": shape}
        return all(scannable(net, {net.inputs[0]: ends[name]}) for name, net in self._networks.items())

    def step(self, carry, batch, key):
        x = batch.x["x"]
        keys = jax.random.split(key, self.critic_steps + 1)
        for own in keys[:-1]:
            carry, judged = self._discriminate(carry, x, own)
        carry, cost = self._generate(carry, x.shape[0], keys[-1])
        return carry, {"loss": cost + judged["discriminator"], "generator": cost, **judged}

    def _discriminate(self, carry: Carry, x: jax.Array, key: jax.Array) -> tuple[Carry, dict]:
        """One update of the discriminator."""
        of_data, of_samples, _ = GAMES[self.game]
        draw, real_key, fake_key, mix = jax.random.split(key, 4)
        params, state = carry.params["discriminator"], carry.state["discriminator"]
        made = self._made(carry, x.shape[0], draw)
        fake = made.outputs[self.generator.output_names[0]]
        name = self.discriminator.output_names[0]
        total, gradient, means = jnp.zeros((), x.dtype), jax.tree.map(jnp.zeros_like, params), {}
        games = {"real": (x, lambda z: of_data(z, 1 - self.smoothing), real_key), "fake": (fake, of_samples, fake_key)}
        for which, (shown, game, own) in games.items():
            run = self._judged(params, state, shown, own)
            cost, back = jax.vjp(lambda z, game=game: game(z).mean(), run.outputs[name])
            (d_out,) = back(jnp.ones_like(cost))
            parts = backward(self.discriminator, params, run.saved, {name: d_out}).params
            gradient = jax.tree.map(jnp.add, gradient, parts)
            total, means[which] = total + cost, run.outputs[name].mean()
            state = next_state(self.discriminator, state, run.saved)
        if self._strength:
            held, parts = jax.value_and_grad(self._steepness)(params, carry.state["discriminator"], x, fake, mix)
            total, gradient = total + held, jax.tree.map(jnp.add, gradient, parts)
        carry = self._updated(carry, "discriminator", gradient, state)
        if (most := self.clip) is not None:
            clipped = jax.tree.map(lambda w: jnp.clip(w, -most, most), carry.params["discriminator"])
            carry = carry._replace(params=carry.params | {"discriminator": clipped})
        return carry, {"discriminator": total, **means}

    def _generate(self, carry: Carry, n: int, key: jax.Array) -> tuple[Carry, jax.Array]:
        """One update of the generator, through the discriminator."""
        draw, own = jax.random.split(key)
        made = self._made(carry, n, draw)
        (out,), (name,) = self.generator.output_names, self.discriminator.output_names
        params = carry.params["discriminator"]
        run = self._judged(params, carry.state["discriminator"], made.outputs[out], own)
        cost, back = jax.vjp(lambda z: GAMES[self.game][2](z).mean(), run.outputs[name])
        (d_out,) = back(jnp.ones_like(cost))
        through = backward(self.discriminator, params, run.saved, {name: d_out}, bottom=False)
        gradient = backward(
            self.generator, carry.params["generator"], made.saved, {out: through.inputs[self.discriminator.inputs[0]]}
        )
        state = next_state(self.generator, carry.state["generator"], made.saved)
        return self._updated(carry, "generator", gradient.params, state), cost

    def _made(self, carry: Carry, n: int, key: jax.Array) -> Any:
        noise, own = jax.random.split(key)
        z = jax.random.normal(noise, (n, self.latent), float)
        inputs = {self.generator.inputs[0]: z}
        return forward(
            self.generator, carry.params["generator"], carry.state["generator"], inputs, training=True, key=own
        )

    def _judged(self, params: dict, state: dict, x: jax.Array, key: jax.Array | None) -> Any:
        inputs = {self.discriminator.inputs[0]: x}
        return forward(self.discriminator, params, state, inputs, training=True, key=key)

    def _steepness(self, params: dict, state: dict, x: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        """The penalty on the discriminator's gradient between data and samples."""
        share = jax.random.uniform(key, (x.shape[0], *(1,) * (x.ndim - 1)), x.dtype)
        between = share * x + (1 - share) * fake
        name = self.discriminator.output_names[0]
        slopes = jax.grad(lambda v: self._judged(params, state, v, None).outputs[name].sum())(between)
        # The root's derivative at 0 is not finite, and a flat discriminator's gradient is 0.
        norms = jnp.sqrt((slopes.reshape(x.shape[0], -1) ** 2).sum(1) + 1e-12)
        penalty: jax.Array = self._strength * ((norms - 1) ** 2).mean()
        return penalty

    def _updated(self, carry: Carry, name: str, gradient: Any, state: Any) -> Carry:
        params = carry.params[name]
        updates, opt_state = self._optimizers[name].update(gradient, carry.opt_state[name], params)
        return Carry(
            carry.params | {name: optax.apply_updates(params, updates)},
            carry.state | {name: state},
            carry.opt_state | {name: opt_state},
        )

    def result(self, carry, history):
        loss: Loss = SquaredError() if self.game in ("least_squares", "wasserstein") else BinaryCrossEntropy()
        shape = self._end(self.generator, (self.latent,))
        generator, discriminator = (
            Model(
                network,
                carry.params[name],
                carry.state[name],
                Objective(((network.output_names[0], own, 1.0),)),
                {network.inputs[0]: fed},
                history,
            )
            for (name, network), own, fed in zip(
                self._networks.items(), (SquaredError(), loss), ((self.latent,), shape), strict=True
            )
        )
        return AdversarialPair(generator, discriminator, history)

    @property
    def _strength(self) -> float:
        """Of the gradient's penalty, given or as the game has it."""
        if self.gradient_penalty is not None:
            return self.gradient_penalty
        return 10.0 if self.game == "wasserstein" and self.clip is None else 0.0

    @property
    def _networks(self) -> dict[str, Network]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def _optimizers(self) -> dict[str, Any]:
        return {"generator": self.generator_optimizer, "discriminator": self.discriminator_optimizer}

    def _end(self, network: Network, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(network.shapes({network.inputs[0]: shape})[network.outputs[0][1]])


@dataclass
class AdversarialPair:
    """Two trained networks as models, each of which predicts, traces and saves as any other, and their history."""

    generator: Model
    discriminator: Model
    history: History = field(default_factory=History)

    def __repr__(self) -> str:
        return f"AdversarialPair of {self.generator!r} and {self.discriminator!r}"

    @property
    def params(self) -> dict:
        """Those of both, for a run that goes on: ``ng.train(task, x, params=pair.params)``."""
        return {"generator": self.generator.params, "discriminator": self.discriminator.params}

    @property
    def state(self) -> dict:
        """Running statistics and the like, of both."""
        return {"generator": self.generator.state, "discriminator": self.discriminator.state}

    def noise(self, n: int, seed: int = 0) -> np.ndarray:
        """What the generator is fed, (n, latent)."""
        (n,) = counts(n=n)
        (shape,) = self.generator.shapes.values()
        return np.random.default_rng(as_seed(seed)).standard_normal((n, *shape))

    def sample(self, n: int = 1, seed: int = 0) -> np.ndarray:
        """New examples (n, ...)."""
        made: np.ndarray = self.generator.predict_proba(self.noise(n, seed))
        return made

    def together(self) -> Model:
        """Generator and discriminator in a row as one model, as the generator learns.

        ``pair.together().trace(pair.noise(64), np.ones(64))`` has every quantity of both, under "generator/..." and
        "discriminator/...": what a generator is told that is to be taken for data.
        """
        parts = {"generator": self.generator, "discriminator": self.discriminator}
        network = Sequential([named(model.network, part) for part, model in parts.items()])

        def beside(which: str) -> dict:
            return {f"{p}/{layer}": own for p, model in parts.items() for layer, own in getattr(model, which).items()}

        ((_, loss, _),) = self.discriminator.objective.terms
        objective = Objective(((network.output_names[0], loss, 1.0),))
        (fed,) = self.generator.shapes.values()
        return Model(network, beside("params"), beside("state"), objective, {network.inputs[0]: fed}, self.history)


def _show(shape: tuple[int, ...]) -> str:
    return str(("N", *shape)).replace("'", "")
