"""Running a trained network on its own outputs: writing text, and unrolling decoders and NARMA models."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program, as_seed
from netgrad.data.text import Vocabulary
from netgrad.errors import DataError, NetgradError
from netgrad.network import Network, forward, next_state
from netgrad.training.model import Model
from netgrad.training.prepare import check_inputs
from netgrad.training.truncated import with_streams
from netgrad.types import Named, Params, State


def sample(model: Model, prime: str, length: int = 200, *, temperature: float = 1.0, seed: int = 0) -> str:
    """Text that a character model writes after ``prime``, symbol by symbol: each is drawn and becomes the next input.

    Args:
        model: predicts the next symbol at every time-step; its ``card["vocabulary"]`` says which symbols there are.
        prime: the beginning, at least one symbol; it is not repeated in the result.
        length: how many symbols to write.
        temperature: below 1 the likely symbols become likelier; 0 always takes the likeliest.
        seed: of the draws.

    Raises:
        DataError: for an empty prime or a symbol that the model does not know.
        NetgradError: for a model without a vocabulary, a length below 1 or a negative temperature.
    """
    if "vocabulary" not in model.card:
        raise NetgradError("this model has no vocabulary: sample is for models of text, trained on characters")
    if length < 1 or temperature < 0:
        raise NetgradError(f"length must be at least 1 and temperature not negative, found {length} and {temperature}")
    vocabulary = Vocabulary.from_config(model.card["vocabulary"])
    if not prime:
        raise DataError("the prime is empty: give at least one symbol to go on from")
    ids = jnp.asarray(vocabulary.encode(prime))[None]
    key = jax.random.key(as_seed(seed))
    told = (model.params, model.state, jnp.maximum(temperature, 1e-6))
    (name,) = model.network.inputs
    if not any(node.layer.holds_steps for node in model.network.nodes):
        program = _writer(model.network, (name, *model.shapes[name]), length, temperature == 0)
        return vocabulary.decode(np.asarray(program(*told, ids, key)))
    # What keeps every step has room for those that it was trained on: then it begins anew, after half of them.
    room = model.shapes[name][0]
    half = max(1, room // 2)
    written: list[int] = []
    page = 0
    while len(written) < length:
        seen = np.concatenate([ids[0], np.asarray(written, int)])
        seen = seen if len(seen) < room else seen[-half:]
        steps = min(room - len(seen), length) if len(seen) < room else 1
        program = _writer(model.network, (name, *model.shapes[name]), steps, temperature == 0)
        new = program(*told, jnp.asarray(seen)[None], key if page == 0 else jax.random.fold_in(key, page))
        written, page = [*written, *np.asarray(new).tolist()], page + 1
    return vocabulary.decode(np.asarray(written[:length]))


@lru_cache(maxsize=16)
def _writer(network: Network, entry: tuple[Any, ...], length: int, greedy: bool) -> Any:
    """(params, state, temperature, ids (1, P), key) -> the next ``length`` symbols, in one program.

    entry: the input's name, and the shape of a whole sequence that streams have room for.
    """
    name, *whole = entry

    def go_on(params: Params, state: State, ids: jax.Array) -> tuple[State, jax.Array]:
        run = forward(network, params, state, {name: ids})
        (logits,) = run.outputs.values()
        return next_state(network, state, run.saved), logits[0, -1]

    def write(params: Params, state: State, temperature: jax.Array, ids: jax.Array, key: jax.Array) -> jax.Array:
        state, logits = go_on(params, with_streams(network, state, 1, {name: tuple(whole)}), ids)

        def one(carry: tuple[State, jax.Array], k: jax.Array) -> tuple[tuple[State, jax.Array], jax.Array]:
            state, logits = carry
            symbol = logits.argmax() if greedy else jax.random.categorical(k, logits / temperature)
            return go_on(params, state, symbol[None, None]), symbol

        return jax.lax.scan(one, (state, logits), jax.random.split(key, length))[1]

    return Program(write)


def unroll(model: Model, inputs: Any, feedback: str, steps: int, *, first: float = 0.0, lengths: Any = None) -> Any:
    """Outputs (N, steps, ...) of a network that sees its own earlier outputs instead of the true ones.

    While training, input ``feedback`` held the true outputs one time-step late (`netgrad.data.delayed`: teacher
    forcing). Here it starts with ``first`` and is filled, step by step, with what the network itself said: values of
    a regression as they are, of a classifier the likeliest class, as a number (N, T) or one-hot (N, T, classes) as the
    network was trained. For decoders (encoder-decoder), one-to-many and NARMA models; nothing that follows the
    feedback may look ahead.

    Args:
        model: of one output (N, T, units). inputs: all its inputs but ``feedback``, by name; {} if there are none.
        steps: T. first: what stands before the first output. lengths: as for `Model.predict`.

    >>> import netgrad as ng, numpy as np
    >>> y = np.cumsum(np.ones((1, 5, 1)), axis=1)  # y_t = y_(t-1) + 1
    >>> before = ng.Input("before")
    >>> net = ng.Network([before], ng.Dense(1)(before))
    >>> model = ng.fit(net, ng.data.delayed(y), y, loss="squared_error", learning_rate=0.3, epochs=400)
    >>> ng.unroll(model, {}, feedback="before", steps=8)[0, :, 0].round(1)
    array([1., 2., 3., 4., 5., 6., 7., 8.], dtype=float32)
    """
    if feedback not in model.network.inputs:
        raise NetgradError(f"feedback names an input: one of {', '.join(model.network.inputs)}, found {feedback!r}")
    if len(model.network.outputs) > 1:
        raise NetgradError("unroll needs a network with one output, so that it is clear what is fed back")
    shape = model.shapes[feedback]
    n = len(np.asarray(next(iter(inputs.values())))) if inputs else 1
    fed = jnp.full((n, steps, *shape[1:]), first, jnp.float32 if len(shape) > 1 else jnp.int32)
    given, checked_lengths = check_inputs(model.network, dict(inputs) | {feedback: np.asarray(fed)}, lengths)
    ((_, loss, _),) = model.objective.terms
    program = _feeder(model.network, loss, feedback)
    return np.asarray(program(model.params, model.state, given | {feedback: fed}, checked_lengths))


@lru_cache(maxsize=16)
def _feeder(network: Network, loss: Any, feedback: str) -> Any:
    def run(params: Params, state: State, inputs: Named, lengths: Named) -> jax.Array:
        def outputs(fed: jax.Array) -> jax.Array:
            (out,) = forward(network, params, state, inputs | {feedback: fed}, lengths=lengths).outputs.values()
            said: jax.Array = loss.link(out)
            return said

        def one(t: Any, fed: jax.Array) -> jax.Array:
            said = outputs(fed)[:, t]
            if loss.task == "classification":
                said = said.argmax(-1) if fed.ndim == 2 else jax.nn.one_hot(said.argmax(-1), said.shape[-1])
            return fed.at[:, t + 1].set(said.astype(fed.dtype))

        fed = jax.lax.fori_loop(0, inputs[feedback].shape[1] - 1, one, inputs[feedback])
        return outputs(fed)

    return Program(run)
