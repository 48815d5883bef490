"""Sequences that a network writes about a source: greedily, or by a beam of beginnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.data.checks import as_array
from netgrad.data.pairs import Pairs
from netgrad.errors import NetgradError
from netgrad.layers.attention import Attention, Recalling
from netgrad.network import Network, Stack, forward, next_state
from netgrad.network.edit import halves
from netgrad.training.model import Model
from netgrad.training.prepare import check_inputs
from netgrad.training.truncated import with_streams
from netgrad.types import Params, State

TARGET = "target"


def translate(
    model: Model,
    source: Any,
    *,
    beam: int = 1,
    steps: int | None = None,
    start: int | None = None,
    end: int | None = None,
    lengths: Any = None,
) -> Any:
    """The target of each source, symbol by symbol: what the network says is fed back as its input "target".

    For any network with an input "target" (N, T) of symbols, one step late, whose output (N, T, classes) says them:
    recurrent encoder-decoders, Transformers, and decoders that begin from a vector (`netgrad.architectures`). What does
    not depend on the target is computed once; the rest goes step by step with the state of the steps before. Where a
    layer needs its sequence whole (a convolution along the target, `netgrad.architectures.pervasive_attention`), the
    rest is run on all ``steps`` again for every symbol, if no output depends on symbols after its own.

    Args:
        model: trained on `netgrad.data.Pairs`, which ``model.card["pairs"] = pairs.to_config()`` keeps, for texts; or
            on arrays, with ``start`` and ``end``.
        source: a text or a list of texts; or the network's other input as an array, or a dict of several by name.
        beam: how many beginnings are kept at each step, the likeliest; 1 always takes the likeliest symbol.
        steps: how many symbols at most; default: as many as the targets had that it was trained on.
        start, end: the symbols before the first one and after the last; for `Pairs` their boundary.
        lengths: of the sources, for arrays.

    Returns a text for each text, or for arrays a list of arrays (T_i,) of symbols, without ``start`` and ``end``.
    Raises `NetgradError` for a beam below 1, for a model, symbols or vocabularies that do not go together, and for a
    network that looks ahead along the target.

    >>> import netgrad as ng
    >>> pairs = ng.data.Pairs(["ab", "ba", "aab", "b"], ["AB", "BA", "AAB", "B"])
    >>> net = ng.architectures.encoder_decoder(len(pairs.source), pairs.classes, 16)
    >>> model = ng.fit(net, pairs.x, pairs.y, lengths=pairs.lengths, epochs=150, learning_rate=0.02)
    >>> model.card["pairs"] = pairs.to_config()
    >>> ng.translate(model, "ba", beam=3), ng.translate(model, ["aab", "b"])
    ('BA', ['AAB', 'B'])
    """
    if not isinstance(beam, int) or beam < 1:
        raise NetgradError(f"beam is how many beginnings are kept, at least 1: found {beam!r}")
    loss = _checked(model)
    steps = model.shapes[TARGET][0] if steps is None else steps
    if not isinstance(steps, int) or steps < 1:
        raise NetgradError(f"steps is how many symbols are written at most, at least 1: found {steps!r}")
    pairs = Pairs.from_config(model.card["pairs"]) if "pairs" in model.card else None
    inputs, lengths, single = _given(model, source, lengths, pairs)
    if pairs is not None:
        start, end = pairs.boundary if start is None else start, pairs.boundary if end is None else end
    if start is None or end is None:
        raise NetgradError("which symbols stand before the first and after the last one? give start= and end=")
    shapes = model.network.shapes(model.shapes)
    (_, last), *_ = model.network.outputs
    classes = shapes[last][-1]
    if pairs is not None and pairs.classes != classes:
        raise NetgradError(
            f"the vocabulary does not match: its {len(pairs.target)} symbols and the boundary are {pairs.classes} "
            f"classes, the network has {classes}"
        )
    if not 0 <= end < classes:
        raise NetgradError(f"end={end} is none of the network's {classes} classes: it would never end")
    n = len(next(iter(inputs.values())))
    checked, checked_lengths = check_inputs(model.network, inputs | {TARGET: np.full((n, steps), start)}, lengths)
    del checked[TARGET]
    refused = _refusal(model.network, steps, tuple((name, value.shape[1:]) for name, value in checked.items()))
    told = model.params, model.state, checked, checked_lengths
    if refused and _looks_ahead(model.network, steps, [start, *(c for c in range(classes) if c != end)], *told):
        raise NetgradError(f"{refused}; and run whole, the network sees symbols of 'target' that are not yet written")
    program = _searcher(model.network, loss, steps, beam, start, end, refused is not None)
    written = np.asarray(program(*told))
    cut = [row[: np.argmax(row == end) if (row == end).any() else steps] for row in written]
    if pairs is None:
        return cut
    texts = [pairs.target.decode(row) for row in cut]
    return texts[0] if single else texts


def _checked(model: Model) -> Any:
    """The loss of a model that can be asked so."""
    network = model.network
    if TARGET not in network.inputs or len(network.inputs) < 2 or len(network.outputs) > 1:
        raise NetgradError(
            "translate is for a network with a source, an input 'target' and one output, such as "
            f"ng.architectures.transformer: this one has the inputs {', '.join(network.inputs)}"
        )
    ((_, loss, _),) = model.objective.terms
    if loss.task != "classification" or len(model.shapes[TARGET]) != 1:
        raise NetgradError("translate writes symbols: targets are classes, and the input 'target' is (N, T)")
    return loss


def _given(model: Model, source: Any, lengths: Any, pairs: Pairs | None) -> tuple[dict[str, Any], Any, bool]:
    """The inputs but the target, their lengths, and whether it is a single text."""
    names = [name for name in model.network.inputs if name != TARGET]
    texts = [source] if isinstance(source, str) else source
    if isinstance(texts, Sequence) and len(texts) and all(isinstance(text, str) for text in texts):
        if pairs is None:
            raise NetgradError('this model has no vocabularies: model.card["pairs"] = pairs.to_config() keeps them')
        ids, own_lengths = pairs.encoded_sources(texts, model.shapes[names[0]][0])
        return {names[0]: ids}, {names[0]: own_lengths}, isinstance(source, str)
    if not isinstance(source, Mapping):
        if len(names) > 1:
            raise NetgradError(f"this network has the inputs {', '.join(names)}: give a dict of them")
        source, lengths = {names[0]: source}, None if lengths is None else {names[0]: lengths}
    return {name: as_array(value, name) for name, value in source.items()}, lengths, False


@lru_cache(maxsize=16)
def _refusal(network: Network, steps: int, shapes: tuple[tuple[str, Any], ...]) -> str | None:
    """Why the target cannot come symbol by symbol, in one line; None where it can. shapes: of the other inputs."""
    after = halves(network, TARGET)[1]
    made = network.shapes(dict(shapes) | {TARGET: (steps,)})
    given = {name: made[name] for name in after.inputs}
    try:
        with_streams(after, {}, 1, given)
        after.shapes(given | {TARGET: (1,)})  # what runs beside the target has all of its steps
    except NetgradError as error:
        return str(error)
    return None


def _looks_ahead(
    network: Network, steps: int, symbols: list[int], params: Params, state: State, inputs: Params, lengths: Params
) -> bool:
    """Whether another symbol at some step of the target changes what the network says before it: tried on the first
    source, with symbols drawn once and then others from the second step on, from the middle, and at the end."""
    at = sorted({1, steps // 2, steps - 1} - {0, steps}) if steps > 1 else []
    draw = np.random.default_rng(0)
    chosen = draw.integers(len(symbols), size=(1, steps))
    others = (chosen + draw.integers(1, max(2, len(symbols)), size=(len(at), steps))) % len(symbols)
    rows = np.where(np.arange(steps) < np.array(at, int)[:, None], chosen, others)
    target = np.asarray(symbols, np.int32)[np.concatenate([chosen, rows])]
    repeated = {name: jnp.repeat(value[:1], len(target), axis=0) for name, value in inputs.items()}
    told = {name: jnp.repeat(value[:1], len(target)) for name, value in lengths.items()}
    said = np.asarray(_whole(network)(params, state, repeated | {TARGET: jnp.asarray(target)}, told))
    near = 1e-4 * np.abs(said).max()
    return any(np.abs(own[:t] - said[0, :t]).max() > near for t, own in zip(at, said[1:], strict=True))


@lru_cache(maxsize=16)
def _whole(network: Network) -> Any:
    """(params, state, inputs, lengths) -> the only output, in one program."""

    def run(params: Params, state: State, inputs: Params, lengths: Params) -> jax.Array:
        output: jax.Array
        (output,) = forward(network, params, state, inputs, lengths=lengths).outputs.values()
        return output

    return Program(run)


@lru_cache(maxsize=16)
def _searcher(network: Network, loss: Any, steps: int, beam: int, start: int, end: int, whole: bool) -> Any:
    """(params, state, inputs, lengths) -> the likeliest symbols (N, steps), in one program.

    whole: run what depends on the target on all of it for every symbol, not symbol by symbol.
    """
    before, after = halves(network, TARGET)
    told_once = {*after.inputs} - {TARGET}
    making, after = (after, after) if whole else (recalling(after, told_once, first) for first in (True, False))

    def run(params: Params, state: Params, inputs: Params, lengths: Params) -> jax.Array:
        params = network.effective(params)
        values, lengths_at = dict(inputs), dict(lengths)
        if before is not None:
            given = {name: inputs[name] for name in before.inputs}
            done = forward(before, params, state, given, lengths=lengths)
            values, lengths_at = values | done.outputs, lengths_at | done.lengths
        n = len(next(iter(inputs.values())))
        shared = {name: jnp.repeat(values[name], beam, axis=0) for name in after.inputs if name != TARGET}
        told = {name: jnp.repeat(lengths_at[name], beam) for name in shared if lengths_at.get(name) is not None}
        shapes = {name: value.shape[1:] for name, value in shared.items()} | {TARGET: (steps,)}
        kept = {node.params: state[node.params] for node in after.nodes if node.params in state}
        streams = kept if whole else with_streams(after, kept, n * beam, shapes)
        first = jnp.full((n, beam), start, jnp.int32)
        if making != after:
            ran = forward(making, params, streams, shared | {TARGET: first.reshape(-1, 1)}, lengths=told)
            made = next_state(making, streams, ran.saved)
            streams = jax.tree_util.tree_map_with_path(
                lambda at, new, old: new if _recalled(at) else old, made, streams
            )
        axes = {} if whole else _axes(after, kept, n * beam, shapes)

        def going(carry: Any) -> Any:
            t, _, _, _, over, _ = carry
            return (t < steps) & ~over.all()

        def one(carry: Any) -> Any:
            t, streams, last, scores, over, written = carry
            fed = last.reshape(-1, 1)
            if whole:  # whatever stands after this step is not looked at
                fed = jnp.concatenate([first.reshape(-1, 1), written.reshape(-1, steps)[:, :-1]], axis=1)
                fed = jnp.where(jnp.arange(steps) > t, start, fed)
            ran = forward(after, params, streams, shared | {TARGET: fed}, lengths=told)
            (output,) = ran.outputs.values()
            output = jax.lax.dynamic_index_in_dim(output, t if whole else 0, axis=1, keepdims=False)
            log_p = jax.nn.log_softmax(output) if loss.logits else jnp.log(output)
            classes = log_p.shape[-1]
            stays = jnp.where(jnp.arange(classes) == end, 0.0, -jnp.inf)  # what has ended goes on with nothing
            log_p = jnp.where(over[..., None], stays, log_p.reshape(n, beam, classes))
            scores, best = jax.lax.top_k((scores[..., None] + log_p).reshape(n, beam * classes), beam)
            parent, symbol = best // classes, best % classes
            rows = (jnp.arange(n)[:, None] * beam + parent).ravel()
            if not whole:
                streams = next_state(after, streams, ran.saved)
            if not whole and beam > 1:
                streams = jax.tree.map(lambda v, axis: v if axis < 0 else jnp.take(v, rows, axis=axis), streams, axes)
            written = jnp.take_along_axis(written, parent[..., None], axis=1).at[:, :, t].set(symbol)
            over = jnp.take_along_axis(over, parent, axis=1) | (symbol == end)
            return t + 1, streams, symbol, scores, over, written

        scores = jnp.where(jnp.arange(beam) == 0, 0.0, -jnp.inf) * jnp.ones((n, 1))  # one beginning, not beam alike
        begun = (0, streams, first, scores, jnp.zeros((n, beam), bool), jnp.full((n, beam, steps), end, jnp.int32))
        return jax.lax.while_loop(going, one, begun)[-1][:, 0]

    return Program(run)


def recalling(network: Network, fixed: set[str], first: bool) -> Network:
    """The network whose attention to these inputs, which stay the same from step to step, keeps keys and values.

    first: make them, otherwise take those that are kept.

    >>> import netgrad as ng
    >>> x, memory = ng.Input("x"), ng.Input("memory")
    >>> net = ng.Network([x, memory], ng.Attention(heads=2)(x, memory))
    >>> [type(node.layer).__name__ for node in recalling(net, {"memory"}, first=True).nodes]
    ['Recalling']
    """
    uses = Counter(node.params for node in network.nodes)

    def changed(node: Any) -> Any:
        layer, given = node.layer, node.inputs[1:]
        if uses[node.params] > 1 or not given or not fixed.issuperset(given):
            return node
        if type(layer) is Attention and not layer.causal:
            return replace(
                node, layer=Recalling(**{f.name: getattr(layer, f.name) for f in fields(layer)}, first=first)
            )
        if isinstance(layer, Stack):
            return replace(node, layer=layer.with_block(recalling(layer.block, {*layer.block.inputs[1:]}, first)))
        return node

    return Network.from_nodes(network.inputs, map(changed, network.nodes), network.outputs, network.views)


def _axes(network: Network, state: Params, n: int, shapes: Mapping[str, Any]) -> Any:
    """Along which axis the state keeps its sequences, for each array: the one that grows with them; -1 for none, and
    for what is recalled of a source, which is the same for all its beginnings."""
    made = [jax.eval_shape(lambda more=more: with_streams(network, state, n + more, shapes)) for more in (0, 1)]

    def grows(path: Any, a: Any, b: Any) -> int:
        if _recalled(path):
            return -1
        return next((i for i, sizes in enumerate(zip(a.shape, b.shape, strict=True)) if len(set(sizes)) > 1), -1)

    return jax.tree_util.tree_map_with_path(grows, *made)


def _recalled(path: Any) -> bool:
    """Whether this place in the state holds what is recalled of a source."""
    return path[-1].key in ("memory_k", "memory_v")
