"""From what a user hands over (arrays, dicts of arrays, labels) to a checked `Batch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.activity import with_divergences
from netgrad.compiling import check_process
from netgrad.data.checks import as_array, as_examples, as_lengths, default_float, same_examples
from netgrad.data.targets import TargetEncoder
from netgrad.errors import DataError, NetgradError
from netgrad.habits import OF_PROBABILITIES, plain, refuse_foreign
from netgrad.layers.activation import Softmax
from netgrad.layers.wrapper import bare
from netgrad.losses import BinaryCrossEntropy, CrossEntropy, FunctionLoss, Loss, SoftmaxCrossEntropy, SquaredError
from netgrad.network import Network, out_lengths
from netgrad.registry import KINDS, find
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective
from netgrad.trees import by_path
from netgrad.types import Named, Params, Shape


def named(kind: str, value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """A dict by these names; a bare value is for the only name there is."""
    if isinstance(value, Mapping):
        if unknown := set(value) - set(names):
            raise NetgradError(f"unknown {kind} {sorted(unknown)[0]!r}: this network has {', '.join(names)}")
        return dict(value)
    if len(names) > 1:
        raise NetgradError(f"this network has several {kind}s, {', '.join(names)}: give a dict of them")
    return {names[0]: value}


def check_inputs(network: Network, x: Any, lengths: Any = None) -> tuple[Named, Named]:
    """Inputs and lengths by name, as checked float arrays; lengths only where they were given."""
    check_process()
    given = named("input", x, network.inputs)
    if missing := set(network.inputs) - set(given):
        raise NetgradError(f"input {sorted(missing)[0]!r} is missing: give all of {', '.join(network.inputs)}")
    given_lengths = {} if lengths is None else named("input", lengths, network.inputs)
    dtype = default_float()
    inputs, checked = {}, {}
    for name, value in given.items():
        value = as_array(value, name)
        if (span := given_lengths.get(name)) is not None:
            if value.ndim < 2:
                raise DataError(f"lengths were given for {name}, which has no time axis: shape {value.shape}")
            span = checked[name] = as_lengths(span, len(value), value.shape[1])
        inputs[name] = as_examples(value, name, lengths=span, dtype=dtype)
        for node in network.nodes:
            if name in node.inputs:
                inputs[name] = node.layer.check_input(inputs[name], name, span)
    same_examples(**inputs)
    return inputs, checked


def in_shapes(inputs: Mapping[str, Any]) -> dict[str, Shape]:
    """The shape of one example of each input."""
    return {name: tuple(value.shape[1:]) for name, value in inputs.items()}


def given_params(network: Network, shapes: Mapping[str, Shape], params: Any) -> Params:
    """Parameters that a user hands over as float arrays; one line for what is not this network's."""
    expected, _ = jax.eval_shape(lambda: network.init(jax.random.key(0), shapes))
    wanted, given = by_path(expected), by_path(params)
    names = ", ".join(wanted)
    if absent := [path for path in wanted if path not in given]:
        raise NetgradError(f"params lack {absent[0]!r}: this network has {names}")
    if strange := [path for path in given if path not in wanted]:
        raise NetgradError(f"params hold {strange[0]!r}, which this network does not have: it has {names}")
    arrays = {}
    for path, like in wanted.items():
        value = as_array(given[path], f"params {path!r}")
        if value.dtype.kind not in "fiub" and not jnp.issubdtype(value.dtype, jnp.floating):
            raise NetgradError(f"params {path!r} are no numbers: found {value.dtype}")
        if value.shape != like.shape:
            raise NetgradError(f"params {path!r} have the shape {value.shape}: expected {like.shape}")
        arrays[path] = jnp.asarray(value, like.dtype)
    made: Params = jax.tree.unflatten(jax.tree.structure(expected), [arrays[path] for path in wanted])
    return made


def as_loss(spec: Any, of_probabilities: bool = False) -> Loss:
    """The loss that a name, an instance, a class or a function stands for.

    of_probabilities: whether it is for a layer that ends in a softmax, as Keras's losses of classes are by default.
    """
    if of_probabilities and isinstance(spec, str) and plain(spec) in OF_PROBABILITIES:
        return CrossEntropy()
    refuse_foreign("loss", spec, KINDS["loss"])
    return FunctionLoss(spec) if callable(spec) and not hasattr(spec, "kind") else find("loss", spec)


def infer_loss(out_shape: Shape, target: Any) -> Loss:
    """The loss that targets ask for: class numbers, labels or one-hot rows give cross-entropy, others squared error."""
    target = np.asarray(target)
    discrete = target.dtype.kind in "iubOUS"
    if discrete and out_shape[-1] > 1 and target.ndim == len(out_shape):
        return SoftmaxCrossEntropy()
    if out_shape[-1] > 1 and target.ndim == len(out_shape) + 1 and _one_hot(target):
        return SoftmaxCrossEntropy()
    if discrete and set(np.unique(target).tolist()) <= {0, 1}:
        return BinaryCrossEntropy()
    return SquaredError()


def _one_hot(target: np.ndarray) -> bool:
    """Whether every row is one 1 among zeros, and not always the same one."""
    if target.dtype.kind not in "iubf":
        return False
    ones = target == 1
    one_each = bool((ones.sum(-1) == 1).all() and ((target == 0) | ones).all())
    return one_each and len(np.unique(ones.argmax(-1))) > 1


def make_objective(
    network: Network,
    shapes: Mapping[str, Shape],
    y: Any,
    loss: Any,
    loss_weights: Any,
    penalty: Any,
    reduction: str,
    weight_noise: float = 0.0,
    reconstructs: bool = False,
) -> Objective:
    """The objective of these settings; a loss left out is inferred from the targets."""
    targets = named("output", y, network.output_names)
    losses = named("output", loss, network.output_names) if loss is not None else dict.fromkeys(targets)
    if missing := set(losses) - set(targets):
        raise NetgradError(f"output {sorted(missing)[0]!r} has a loss but no targets")
    weights = {} if loss_weights is None else named("output", loss_weights, network.output_names)
    nodes = dict(network.outputs)
    terms = []
    for name, spec in losses.items():
        check_softmax(network, shapes, name)
        softmax = isinstance(_activation(network, name), Softmax)
        chosen = infer_loss(shapes[nodes[name]], targets[name]) if spec is None else as_loss(spec, softmax)
        if spec is None and softmax and isinstance(chosen, SoftmaxCrossEntropy):
            chosen = CrossEntropy()
        terms.append((name, chosen, float(weights.get(name, 1.0))))
    several = penalty if isinstance(penalty, list | tuple) else [] if penalty is None else [penalty]
    penalties = with_divergences(network, tuple(find("penalty", p) for p in several))
    objective = Objective(tuple(terms), penalties, reduction, weight_noise, reconstructs)
    objective.check_network(network)
    return objective


def _activation(network: Network, name: str) -> Any:
    """What an output's layer ends in: its activation, or the layer itself."""
    layer = bare(network.output_layer(name))
    return getattr(layer, "activation", layer)


def check_softmax(network: Network, shapes: Mapping[str, Shape], name: str) -> None:
    """Refuse a softmax over one unit: it answers 1, whatever the unit says."""
    node = dict(network.outputs)[name]
    if isinstance(_activation(network, name), Softmax) and shapes[node][-1] == 1:
        raise NetgradError(
            f"layer {node} is a softmax over one unit, which always answers 1: leave the activation out and use loss "
            "'binary_cross_entropy', or take one unit for each class"
        )


def output_lengths(network: Network, x: Named, lengths: Named) -> Named:
    """The lengths of each output's sequences by its name, None where all steps are valid; {} where none are given."""
    if not lengths:
        return {}
    ends = out_lengths(network, lengths, network.shapes(in_shapes(x)))
    return {key: ends[name] for key, name in network.outputs}


def make_batch(
    network: Network, objective: Objective, x: Any, y: Any, sample_weight: Any = None, lengths: Any = None
) -> Batch:
    """Checked inputs, targets, weights and lengths as one batch of NumPy arrays."""
    inputs, checked_lengths = check_inputs(network, x, lengths)
    shapes = network.shapes(in_shapes(inputs))
    nodes = dict(network.outputs)
    given = named("output", y, network.output_names)
    n = same_examples(**inputs)
    ends = output_lengths(network, inputs, checked_lengths)
    targets = {}
    for name, loss, _ in objective.terms:
        if name not in given:
            raise NetgradError(f"targets for output {name!r} are missing")
        out_shape = shapes[nodes[name]]
        span = ends.get(name)  # what stands beyond a sequence's end is no target
        span = None if span is None or len(out_shape) < 2 else np.asarray(span)
        targets[name] = loss.check(out_shape, given[name], span)
        same_examples(x=next(iter(inputs.values())), y=targets[name])
    weights = {}
    if sample_weight is not None:
        spec = sample_weight if isinstance(sample_weight, Mapping) else dict.fromkeys(targets, sample_weight)
        for name, value in spec.items():
            w = as_examples(value, "sample_weight", dtype=default_float())
            same_examples(x=np.empty(n), sample_weight=w)
            if (w < 0).any() or w.sum() == 0:
                raise DataError("sample_weight must not be negative, and not all of it zero")
            weights[name] = w
    return Batch(inputs, targets, weights, checked_lengths)


def encode_labels(network: Network, y: Any, units: int, loss: Any = None) -> tuple[Any, TargetEncoder | None]:
    """Targets that are labels as class numbers, with the encoder that remembers them.

    Labels are texts and categories, and whole numbers that are not class numbers: 1 to K for a network of K outputs.
    units: of the output. loss: the one asked for, if any.
    """
    if isinstance(y, Mapping) or len(network.outputs) > 1:
        return y, None
    if hasattr(y, "columns") and len(y.columns) == 1:
        y = y[y.columns[0]]
    values = as_array(y, "y")
    if values.ndim != 1 or values.dtype.kind not in "OUSiu":
        return y, None
    if values.dtype.kind in "iu":
        asked = next(iter(named("output", loss, network.output_names).values()), None)
        asked = asked is None or as_loss(asked, of_probabilities=True).task == "classification"
        classes = np.unique(values)
        if not asked or units < 2 or len(classes) > units or (classes[0] >= 0 and classes[-1] < units):
            return y, None
    encoder = TargetEncoder("classification").fit(values)
    return encoder.transform(values), encoder
