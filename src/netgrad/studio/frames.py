"""What the page sees of a training: curves, answers over the inputs, sizes layer by layer, and what is selected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.data import valid_steps
from netgrad.layers import Dense
from netgrad.regularizers import is_weight
from netgrad.studio import times
from netgrad.studio.equations import of_weight
from netgrad.studio.examples import Examples
from netgrad.studio.plain import number, numbers
from netgrad.studio.times import lengths_of
from netgrad.studio.trainer import Trainer
from netgrad.training.objective import gradients

MOST_POINTS = 400  # of a curve
FIELD = 44  # points of each side of the answers over two inputs
SEEN = 128  # examples that sizes are measured on
WIDEST = 24  # units whose weights are drawn
SHOWN = 48  # numbers of one quantity of the selected layer
BARS = 21
KEPT = ("x", "z", "a", "h", "c", "gates", "weights")  # of what a layer saves; z and gates may be by gate


def shown(data: Examples) -> dict[str, Any]:
    """The examples as the page draws them: points, or some pictures."""
    told: dict[str, Any] = {"title": data.title, "classes": list(data.classes), "features": list(data.features)}
    told |= {"shape": list(data.shape), "examples": len(data.x), "held": len(data.x_held)}
    if len(data.shape) == 1 and data.shape[0] <= 2:
        y = data.y if data.classes else data.y[:, 0]
        held = data.y_held if data.classes else data.y_held[:, 0]
        told["points"] = {"x": numbers(data.x[:500]), "y": numbers(y[:500].astype(float))}
        told["held_points"] = {"x": numbers(data.x_held[:200]), "y": numbers(held[:200].astype(float))}
    elif data.pictured:
        told["pictures"] = pictures(data.judged[0][:12], data.pictured)
    return told


@lru_cache(maxsize=16)
def _looking(network: Any, objective: Any) -> Any:
    """Everything of one pass, forward and backward, as one program: (params, state, batch) -> by node."""

    def look(network: Any, objective: Any, params: Any, state: Any, batch: Any) -> Any:
        found = gradients(network, objective, params, state, batch, None, False)
        kept = {}
        for node in network.nodes:
            saved = found.run.saved[node.name]
            kept[node.name] = {n: saved[n] for n in KEPT if n in saved and not isinstance(saved[n], tuple)}
            kept[node.name] |= {"delta": found.nodes[node.name].delta, "d": found.nodes[node.name].d_params}
        return kept

    return Program(partial(look, network, objective))


@lru_cache(maxsize=8)
def field_points(low: float, high: float) -> np.ndarray:
    """The inputs (FIELD * FIELD, 2) over which answers are drawn, row by row from the top."""
    along = np.linspace(low, high, FIELD, dtype=np.float32)
    return np.stack(np.meshgrid(along, along[::-1]), -1).reshape(-1, 2)


class Curve:
    """A curve of bounded length: when it is full, every second point goes.

    >>> curve = Curve(4)
    >>> for i in range(6):
    ...     curve.add([i])
    >>> curve.points
    [[0], [2], [4], [5]]
    """

    def __init__(self, most: int = MOST_POINTS):
        self.most, self.points = most, list[list[float | None]]()

    def add(self, point: list[float | None]) -> None:
        """A point at the end, in the place of the last where nothing has happened since."""
        if self.points and self.points[-1][0] == point[0]:
            self.points[-1] = point
            return
        if len(self.points) >= self.most:
            self.points = [*self.points[:-1:2], self.points[-1]] if self.most % 2 else self.points[::2]
        self.points.append(point)


@dataclass
class Selection:
    """What is looked at: a layer, a unit of it, one of its inputs, an example of those trained on, a time-step."""

    layer: str = ""
    unit: int = 0
    input: int = 0
    example: int = 0
    step: int = 0


def frame(trainer: Trainer, curve: Curve, selection: Selection) -> dict[str, Any]:
    """What is seen at this moment, as JSON; a point is added to the curve."""
    curve.add(point(trainer))
    looked = look(trainer)
    told: dict[str, Any] = {
        "epoch": trainer.epoch,
        "batch": trainer.batch,
        "batches": trainer.batches,
        "rate": trainer.rate,
        "curve": curve.points,
        "layers": [layer(name, node) for name, node in looked.items()],
        "weights": weights(trainer),
    }
    told |= answers(trainer)
    told |= times.answers(trainer) if trainer.examples.over_time else {}
    if selection.layer in looked:
        told["look"] = selected(trainer, looked, selection)
    return told


def point(trainer: Trainer) -> list[float | None]:
    """Epochs, loss and accuracy on training examples, and on those held out."""
    scores = trainer.scores()
    names = ("loss", "held_loss", "accuracy", "held_accuracy")
    return [round(trainer.at, 4), *(number(scores.get(name)) for name in names)]


def look(trainer: Trainer) -> dict[str, dict[str, Any]]:
    """Every quantity of one pass over some of the training examples; each example's delta is its own."""
    from dataclasses import replace

    objective = replace(trainer.task.objective, reduction="sum", penalties=())
    batch = trainer.source.data.take(slice(0, SEEN))
    looked = _looking(trainer.network, objective)(trainer.carry.params, trainer.carry.state, batch)
    found: dict[str, dict[str, Any]] = jax.tree.map(np.asarray, looked)
    return {node.name: found[node.name] for node in trainer.network.nodes}  # a program gives them by the alphabet


def layer(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """One layer's sizes, and how its net inputs and deltas are distributed; of all gates together where it has some."""
    told: dict[str, Any] = {"name": name}
    for quantity in ("z", "a", "delta"):
        if quantity in node:
            told[quantity] = size(together(node[quantity]))
    leaves = jax.tree_util.tree_leaves_with_path(node["d"])
    gradient = [np.ravel(leaf) for path, leaf in leaves if is_weight(path)]
    if gradient:
        told["dW"] = size(np.concatenate(gradient) / examples_of(node))
    if "z" in node:
        told["bars"] = bars(together(node["z"]))
    if "a" in node and node["a"].ndim == 2:
        told["silent"] = number(float((np.abs(node["a"]).max(0) == 0).mean()))
    return told


def together(values: Any) -> np.ndarray:
    """A quantity as one row of numbers, whether it is an array or one for each gate."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(values)] or [np.zeros(0)])


def examples_of(node: dict[str, Any]) -> int:
    """How many examples a layer was looked at on."""
    return len(jax.tree.leaves(node["delta"])[0])


def bars(values: np.ndarray) -> dict[str, Any]:
    """A histogram of what is finite, of at most 20,000 of the values."""
    flat = np.ravel(values)
    flat = flat[:: max(1, flat.size // 20_000)]
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return {"low": 0, "high": 0, "counts": []}
    counts, edges = np.histogram(flat, BARS)
    return {"low": number(edges[0]), "high": number(edges[-1]), "counts": counts.tolist()}


def size(values: np.ndarray) -> float | None:
    """The root of the mean square."""
    return number(float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))))


def weights(trainer: Trainer) -> dict[str, Any]:
    """W of the dense layers that are narrow enough to be drawn line by line."""
    own = trainer.network.effective(trainer.carry.params)
    found = {}
    for node in trainer.network.nodes:
        W = own.get(node.params, {}).get("W")
        if isinstance(node.layer, Dense) and W is not None and max(W.shape) <= WIDEST:
            found[node.name] = numbers(W)
    return found


def answers(trainer: Trainer) -> dict[str, Any]:
    """What the network answers over its inputs, where these are one or two; else pictures and mistakes."""
    model, data = trainer.model(), trainer.examples
    if data.shape == (2,):
        x = data.x
        reach = float(max(1.0, np.abs(x).max() * 1.1)) if x.min() < 0 else float(x.max() * 1.1)
        low = -reach if x.min() < 0 else -0.1 * reach
        out = model._single(model.linked(field_points(low, reach)))
        out = out[..., 0] if out.ndim > 1 and out.shape[-1] == 1 else out
        if data.classes:
            best, sure = out.argmax(-1), out.max(-1)
            return {"field": {"low": low, "high": reach, "best": best.tolist(), "sure": numbers(sure)}}
        return {"field": {"low": low, "high": reach, "value": numbers(out)}}
    if data.shape == (1,) and not data.classes:
        reach = float(np.abs(data.x).max() * 1.2)
        x = np.linspace(-reach, reach, 160, dtype=np.float32)[:, None]
        return {"fit": {"x": numbers(x[:, 0]), "y": numbers(np.asarray(model._single(model.linked(x)))[:, 0])}}
    told: dict[str, Any] = {}
    x, truth, lengths = data.judged
    if data.reconstructs and data.pictured:
        told["given_back"] = pictures(np.asarray(model._single(model.linked(x[:12]))), data.pictured)
        return told
    x, truth, lengths = x[:1000], truth[:1000], None if lengths is None else lengths[:1000]
    out = np.asarray(model._single(model.linked(x, lengths)))
    if data.over_time and out.ndim == 3:
        out, truth = (part[valid_steps(lengths_of(lengths, out), out.shape[1])] for part in (out, truth))
    if data.classes:
        k, guess = len(data.classes), out.argmax(-1)
        confusion = np.zeros((k, k), int)
        np.add.at(confusion, (truth, guess), 1)
        told["confusion"] = confusion.tolist()
        if len(data.shape) == 3:
            told["pictures"] = [
                {"guess": int(guess[i]), "truth": int(truth[i]), "sure": number(out[i].max())}
                for i in range(min(12, len(guess)))
            ]
    elif trainer.task.objective.terms[0][1].task == "regression":
        flat = [np.ravel(part[:300, 0])[:: max(1, part[0, 0].size)] for part in (truth, out)]
        told["pairs"] = {"truth": numbers(flat[0]), "guess": numbers(flat[1])}
    return told


def pictures(examples: np.ndarray, size: tuple[int, ...]) -> list[Any]:
    """Examples (N, ...) as pictures in grey of at most 32 points a side: of larger ones every so many-th point."""
    thinned = -(-max(size) // 32)
    grey = examples.reshape(len(examples), *size, -1).mean(-1)
    return numbers(grey[:, ::thinned, ::thinned])


def selected(trainer: Trainer, looked: dict[str, dict[str, Any]], selection: Selection) -> dict[str, Any]:
    """The numbers of the selected layer for one example, and the equations of one weight."""
    node = looked[selection.layer]
    examples = examples_of(node)
    n = min(selection.example, examples - 1)
    own = trainer.network.effective(trainer.carry.params).get(selection.layer, {})
    told: dict[str, Any] = {"layer": selection.layer, "example": n, "examples": examples}
    for name in ("x", "z", "a", "delta"):
        if name in node and not isinstance(node[name], dict):
            told[name] = numbers(np.ravel(node[name][n])[:SHOWN])
            told[f"{name}_shape"] = list(node[name].shape)
    place = next(p for p in trainer.network.nodes if p.name == selection.layer)
    dense = place.layer if "x" in node and isinstance(place.layer, Dense) and node["x"].ndim == 2 else None
    told["quantity"] = f'trace["{selection.layer}"].delta[{n}, {selection.unit}]'
    if trainer.examples.over_time and (seen := times.look(trainer, node, place.layer, n, selection)):
        return told | seen
    if dense is not None:
        W = np.asarray(own["W"])
        i, j = min(selection.input, W.shape[0] - 1), min(selection.unit, W.shape[1] - 1)
        told |= {"unit": j, "input": i, "units": W.shape[1], "inputs": W.shape[0]}
        told["W"], told["dW"] = numbers(W[:SHOWN, j]), numbers((node["x"][n] * node["delta"][n, j])[:SHOWN])
        told["quantity"] = f'trace["{selection.layer}"].delta[{n}, {j}]'
        b = float(own["b"][j]) if "b" in own else 0.0
        each = over_batch(trainer, node, i, j)
        if each is not None:
            told["gradient"] = number(sum(each))
        told["equations"] = of_weight(
            x=node["x"][n], w=W[:, j], b=b, z=float(node["z"][n, j]), a=float(node["a"][n, j]),
            delta=float(node["delta"][n, j]), i=i, activation=dense.activation.registered_name,
            slope=slope(dense.activation, node["z"][n, j], node["a"][n, j]),
            rate=trainer.rate, optimizer=str(trainer.settings.get("optimizer")), each=each,
            above=above(trainer, looked, selection.layer, n, j),
        )  # fmt: skip
    elif "W" in own:
        told["W"] = numbers(np.ravel(own["W"])[:SHOWN])
        if len(np.shape(own["W"])) == 4:  # filters (height, width, channels, filters): their first channel
            told["filters"] = [numbers(own["W"][:, :, 0, k]) for k in range(min(8, own["W"].shape[3]))]
    if "a" in node and node["a"].ndim == 4:
        told["maps"] = [numbers(node["a"][n, :, :, k]) for k in range(min(8, node["a"].shape[3]))]
    return told


def above(trainer: Trainer, looked: dict[str, dict[str, Any]], layer: str, n: int, j: int) -> list[Any] | None:
    """(delta, weight) of every unit that unit j of a layer feeds, where these are all of one dense layer."""
    fed = [node for node in trainer.network.nodes if layer in node.inputs]
    if len(fed) != 1 or not isinstance(fed[0].layer, Dense) or looked[fed[0].name]["delta"].ndim != 2:
        return None
    W = np.asarray(trainer.network.effective(trainer.carry.params)[fed[0].params]["W"])
    return [(float(d), float(w)) for d, w in zip(looked[fed[0].name]["delta"][n], W[j], strict=True)]


def over_batch(trainer: Trainer, node: dict[str, Any], i: int, j: int) -> list[float] | None:
    """What each example adds to the gradient of the weight from input i to unit j, where a step takes all examples and
    all of them are looked at; None elsewhere."""
    objective, count = trainer.task.objective, examples_of(node)
    if trainer.batches > 1 or trainer.source.data.size > count or objective.penalties:
        return None
    share = 1 / count if objective.reduction == "mean" else 1.0
    return [float(v) for v in node["x"][:, i] * node["delta"][:, j] * share]


def slope(activation: Any, z: Any, a: Any) -> float | None:
    """da/dz, of an activation that works unit by unit."""
    try:
        return float(activation.df(jnp.asarray(z), jnp.asarray(a)))
    except NotImplementedError:
        return None
