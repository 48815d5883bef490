"""A netgrad network inside a Flax model: our backward equations, their parameters, any optax optimiser."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import netgrad as ng

recurrent = ng.Sequential([ng.LSTM(16, returns="last")])
SHAPE = (20, 1)


class Classifier(nn.Module):
    """Their dense layers around our LSTM. `ng.apply` is a plain JAX function whose derivative is netgrad's own."""

    @nn.compact
    def __call__(self, x):
        params = self.param("lstm", lambda key: recurrent.init(key, SHAPE)[0])
        h = ng.apply(recurrent, params, x)
        return nn.Dense(2)(nn.relu(nn.Dense(16)(h)))


rng = np.random.default_rng(0)
x = rng.normal(size=(512, *SHAPE)).astype(np.float32)
y = jnp.asarray((x[:, :, 0].sum(1) > 0).astype(int))
x = jnp.asarray(x)

model = Classifier()
variables = model.init(jax.random.key(0), x[:1])
optimizer = optax.adamw(5e-3)
state = optimizer.init(variables)


def loss(variables):
    return optax.softmax_cross_entropy_with_integer_labels(model.apply(variables, x), y).mean()


@jax.jit
def step(variables, state):
    value, gradients = jax.value_and_grad(loss)(variables)
    updates, state = optimizer.update(gradients, state, variables)
    return optax.apply_updates(variables, updates), state, value


for i in range(120):
    variables, state, value = step(variables, state)
    if i % 40 == 39:
        print(f"step {i + 1}: loss {value:.4f}")
print(f"accuracy {(model.apply(variables, x).argmax(1) == y).mean():.3f}")
