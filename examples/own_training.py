"""A training step of your own: a variation of the usual one, and one from scratch with two optimisers."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import netgrad as ng
from netgrad.data import datasets

digits = datasets.load("digits").flat()


@dataclass(frozen=True)
class Mixup(ng.Supervised):
    """Supervised training on mixtures of two examples each, targets and all (Zhang et al., 2018)."""

    alpha: float = 0.3

    def step(self, carry, batch, key):
        draw, pair, rest = jax.random.split(key, 3)
        share = jax.random.beta(draw, self.alpha, self.alpha)
        other = batch.take(jax.random.permutation(pair, batch.size))
        mixed = jax.tree.map(lambda one, two: share * one + (1 - share) * two, batch, other)
        return super().step(carry, mixed, rest)


few, one_hot = digits.x[:300], np.eye(10)[digits.y[:300]]
net = ng.Sequential([ng.Dense(64, activation="relu"), ng.Dense(10)])
task = Mixup.of(ng.untrained(net, few, one_hot, loss="softmax_cross_entropy"), optax.adam(3e-3))
model = ng.train(task, (few, one_hot), epochs=60, epochs_per_call=20)
print(f"mixup: accuracy {(model.predict(digits.x_test) == digits.y_test).mean():.3f}")  # a model like any other


@dataclass(frozen=True)
class Contrastive(ng.Task):
    """Pictures without labels: two views of one shall be alike, and unlike all others (SimCLR, Chen et al., 2020)."""

    encoder: ng.Network
    head: ng.Network
    fast: Any = optax.adam(3e-3)  # for the encoder
    slow: Any = optax.sgd(0.5, momentum=0.9)  # for the head
    temperature: float = 0.5

    def init(self, key, batch):
        one, two = jax.random.split(key)
        return {"encoder": self.encoder.init(one, (64,))[0], "head": self.head.init(two, (256,))[0]}, {}

    def init_optimizer(self, params):
        return {"encoder": self.fast.init(params["encoder"]), "head": self.slow.init(params["head"])}

    def embed(self, params, x):
        return ng.apply(self.encoder, params["encoder"], {"x": x})["embedding"]

    def loss(self, params, views):
        z = ng.apply(self.head, params["head"], {"x": self.embed(params, views)})["dense_1"]
        z = z / jnp.linalg.norm(z, axis=1, keepdims=True)
        likeness = z @ z.T / self.temperature - 1e9 * jnp.eye(len(z))
        partner = jnp.roll(jnp.arange(len(z)), len(z) // 2)
        right = (likeness.argmax(1) == partner).mean()
        return optax.softmax_cross_entropy_with_integer_labels(likeness, partner).mean(), right

    def views(self, x, key):
        """Each picture twice, moved by up to a pixel and with some noise."""
        moves, noise = jax.random.split(key)
        pictures = jnp.concatenate([x, x]).reshape(-1, 8, 8)
        moved = jax.vmap(lambda p, by: jnp.roll(p, by, (0, 1)))(
            pictures, jax.random.randint(moves, (len(pictures), 2), -1, 2)
        )
        return (moved + 0.05 * jax.random.normal(noise, moved.shape)).reshape(-1, 64)

    def step(self, carry, batch, key):
        views = self.views(batch.x["x"], key)
        (loss, right), gradient = jax.value_and_grad(self.loss, has_aux=True)(carry.params, views)
        params, opt_state = {}, {}
        for part, optimizer in (("encoder", self.fast), ("head", self.slow)):
            updates, opt_state[part] = optimizer.update(gradient[part], carry.opt_state[part])
            params[part] = optax.apply_updates(carry.params[part], updates)
        return carry._replace(params=params, opt_state=opt_state), {"loss": loss, "right": right}


encoder = ng.Sequential([ng.Dense(256, activation="relu", name="embedding")])
contrastive = Contrastive(encoder, ng.Sequential([ng.Dense(32)]))
trained = ng.train(contrastive, digits.x, epochs=60, batch_size=128, epochs_per_call=20)
print(f"contrastive: the other view is recognised in {trained.history['right'][-1]:.0%} of all cases")

labelled = slice(0, 50)
embedded = [np.asarray(contrastive.embed(trained.params, x)) for x in (digits.x, digits.x_test)]
for name, (x, x_test) in {"pixels": (digits.x, digits.x_test), "embeddings": embedded}.items():
    model = ng.fit(ng.Sequential([ng.Dense(10)]), x[labelled], digits.y[labelled], epochs=200, epochs_per_call=200)
    print(f"50 labels on {name}: accuracy {(model.predict(x_test) == digits.y_test).mean():.3f}")
