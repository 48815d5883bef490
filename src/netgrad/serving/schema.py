"""What a model takes and answers, in JSON and CSV: requests are checked against it before anything is computed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from netgrad.data.checks import as_lengths
from netgrad.data.text import Vocabulary
from netgrad.errors import DataError, NetgradError, ShapeError
from netgrad.layers.embedding import Embedding
from netgrad.serving.reading import VALUES, kind, numbers, read_json, said
from netgrad.training.batch import Batch
from netgrad.training.files import fits
from netgrad.training.model import Model
from netgrad.training.prepare import check_inputs
from netgrad.types import Shape

LONGEST = 1000  # time-steps taken by default, where the network was trained on longer sequences
MOST_COLUMNS = 10_000  # of a request in CSV: reading so many takes a good second
SHORTEST = 16  # of the lengths to which sequences are padded
MOST_NUMBERS = 2**24  # that the inputs of one request may have: 64 MiB of float32


class Request(NamedTuple):
    """Checked examples, and what is to be said about them all the same."""

    batch: Batch
    warnings: list[str]


class Schema:
    """The schema of one model. rows: the most examples of a request; steps: the longest sequence, see `Limits`.

    JSON is ``{"instances": [...]}``, an instance being

    - a record ``{"size": 70, "colour": "red"}`` where the model was trained on a table;
    - a list of records, or a text, where it was trained on sequences of those;
    - otherwise nested lists of numbers in the shape of one example, of any length where these are sequences; by input
      name, ``{"left": [...], "right": [...]}``, where there are several inputs.

    ``"lengths"`` beside it says how many time-steps of each sequence count, where they are padded. CSV, with names
    in its first line, is taken for tables and for vectors; for sequences with the column that names the sequence.

    >>> import netgrad as ng, pandas as pd
    >>> table = pd.DataFrame({"size": [50.0, 70.0, 90.0], "colour": ["red", "blue", "red"]})
    >>> model = ng.fit(ng.Sequential([ng.Dense(1)]), table, [1.0, 2.0, 3.0], epochs=1)
    >>> schema = Schema(model)
    >>> schema.parse_json(schema.example().encode()).batch.x["x"].shape
    (1, 3)
    >>> schema.parse_json(b'{"instances": [{"size": 60}]}')
    Traceback (most recent call last):
    netgrad.errors.DataError: instances[0] has no 'colour': expected size, colour
    """

    def __init__(self, model: Model, rows: int = 10_000, steps: int | None = None):
        self.model, self.rows, self.encoder = model, rows, model.encoder
        if "forecast" in model.card:
            raise NetgradError("a model of forecasts takes whole series from a file: netgrad predict MODEL FILE")
        if "pairs" in model.card:
            raise NetgradError("a model of translations takes texts from a file: netgrad predict MODEL FILE")
        vocabulary, columns = model.card.get("vocabulary"), model.card.get("sequences")
        if not fits(columns or {}, {str: str | None}):
            raise NetgradError("the model's card does not say which columns its sequences have: train it anew")
        self.vocabulary = Vocabulary.from_config(vocabulary) if vocabulary else None
        self.long_table = {name: value for name, value in (columns or {}).items() if name in ("id", "time")}
        self.free = [name for name in model.shapes if takes_any_length(model, name)]
        self.steps = self._lengths(steps) if self.free else ()
        self.first = next(iter(model.shapes))

    def _lengths(self, longest: int | None) -> tuple[int, ...]:
        """The lengths to which sequences are padded: the longest, an eighth of it, and so on; increasing."""
        lengths = [longest or min(LONGEST, max(self.model.shapes[name][0] for name in self.free))]
        while lengths[0] > SHORTEST:
            shorter = max(SHORTEST, -(-lengths[0] // 8))
            try:
                self.model.network.shapes(self.shapes(shorter))
            except ShapeError:  # shorter than this network's windows
                break
            lengths.insert(0, shorter)
        return tuple(lengths)

    def shapes(self, steps: int | None = None) -> dict[str, Shape]:
        """The shape of one example of each input, with so many time-steps where these are free."""
        shapes = self.model.shapes
        return {n: (steps, *s[1:]) if steps is not None and n in self.free else s for n, s in shapes.items()}

    def describe(self) -> dict[str, Any]:
        """The schema as JSON, for people and programs that are about to write a request."""
        model = self.model
        about: dict[str, Any] = {"what": model.card.get("what", repr(model))}
        if self.vocabulary is not None:
            about["texts of"] = self.vocabulary.symbols
        elif self.encoder is not None:
            of_kind = {True: "columns of each time-step", False: "columns"}
            about[of_kind[bool(self.free)]] = [
                {"name": c.name, "kind": c.kind, **({"categories": list(c.categories)} if c.categories else {})}
                for c in self.encoder.columns
            ]
        else:
            about["inputs"] = {n: ["steps", *s[1:]] if n in self.free else list(s) for n, s in model.shapes.items()}
        if self.steps:
            about["longest sequence"] = self.steps[-1]
        about["outputs"] = {name: loss.task for name, loss, _ in model.objective.terms}
        if model.target_encoder is not None and model.target_encoder.classes:
            about["classes"] = model.target_encoder.classes
        example = self.example()
        if len(example) < 2000:
            about["example"] = json.loads(example)
        return about

    def example(self) -> str:
        """A request that this model takes, as JSON."""
        if self.vocabulary is not None:
            instance: Any = self.vocabulary.symbols[: min(20, self.steps[-1])]
        elif self.encoder is not None:
            record = {column.name: column.example for column in self.encoder.columns}
            instance = [record] if self.free else record
        else:
            arrays = {name: np.zeros(shape).tolist() for name, shape in self.shapes(1).items()}
            instance = arrays if len(arrays) > 1 else arrays[self.first]
        return json.dumps({"instances": [instance]})

    # --- requests

    def parse_json(self, body: bytes) -> Request:
        """The examples of a JSON request; raises `NetgradError`, in one line, for anything that does not fit."""
        content = read_json(body)
        if not isinstance(content, dict) or "instances" not in content:
            raise DataError('expected {"instances": [...]}, a list of examples')
        if unknown := sorted(set(content) - {"instances", "lengths"}):
            raise DataError(f"unknown field {unknown[0][:40]!r}: expected instances, and lengths of padded sequences")
        instances = content["instances"]
        if not isinstance(instances, list) or not instances:
            raise DataError("instances must be a list of at least one example")
        self._check_rows(len(instances))
        if "lengths" in content:
            instances = self._cut(instances, content["lengths"])
        if self.vocabulary is not None:
            return self._texts(instances)
        if self.encoder is not None:
            return self._sequences_of_records(instances) if self.free else self._records(instances)
        return self._arrays(instances)

    def parse_csv(self, body: bytes) -> Request:
        """The examples of a CSV request; raises `NetgradError`, in one line, for anything that does not fit."""
        from netgrad.data.sequences import read_sequences
        from netgrad.data.tables import parse_table

        shape = self.model.shapes[self.first]
        if self.encoder is not None and self.long_table:
            table = parse_table(body, "the request", MOST_COLUMNS)
            if self.long_table["id"] in table:  # before sequences of very different length are padded to one
                counts = table[self.long_table["id"]].value_counts()
                self._check_rows(len(counts))
            if self.long_table["id"] in table and len(counts):
                self._check_steps(f"sequence {str(counts.index[0])[:40]!r}", int(counts.iloc[0]))
            with said() as lines:
                found = read_sequences(table, target=None, encoder=self.encoder, **self.long_table)
            rows = [row[:length] for row, length in zip(found.x, found.lengths, strict=True)]
            return Request(self._sequences(rows), lines)
        if self.free or len(self.model.shapes) > 1 or len(shape) != 1:
            raise DataError("this model takes no plain table: send JSON, GET /schema says in which form")
        table = parse_table(body, "the request", MOST_COLUMNS)
        self._check_rows(len(table))
        return self._encoded(table) if self.encoder is not None else self._checked(table.to_numpy())

    def _check_rows(self, count: int) -> None:
        if count > self.rows:
            raise DataError(f"{count} examples in one request: at most {self.rows} are taken, send several requests")
        if count * sum(map(math.prod, self.shapes(1).values())) > MOST_NUMBERS:
            raise DataError(f"{count} examples of this size are too many for one request: send several")

    def _check_steps(self, label: str, steps: int) -> None:
        if not 1 <= steps <= self.steps[-1]:
            raise DataError(f"{label} has {steps} time-steps: expected 1 to {self.steps[-1]}")

    def _cut(self, instances: list, lengths: Any) -> list:
        """Padded sequences without their padding."""
        if not self.free or len(self.model.shapes) > 1:
            raise DataError("lengths are for models with one input, of sequences of any length: leave them out")
        if not all(isinstance(instance, list | str) for instance in instances):
            raise DataError("with lengths, each instance must be a sequence: a list")
        longest = max(map(len, instances))
        own_lengths = as_lengths(numbers(lengths, "lengths", ()), len(instances), longest)
        for i, (instance, span) in enumerate(zip(instances, own_lengths, strict=True)):
            if span > len(instance):
                raise DataError(f"lengths[{i}] is {span}, but instances[{i}] has {len(instance)} time-steps")
        return [instance[:span] for instance, span in zip(instances, own_lengths, strict=True)]

    def _texts(self, texts: list) -> Request:
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"instances[{i}] is {kind(text)}: expected a text")
            self._check_steps(f"instances[{i}]", len(text))
        assert self.vocabulary is not None
        return Request(self._sequences([self.vocabulary.encode(text) for text in texts]), [])

    def _records(self, records: list) -> Request:
        x, lines = self._encoded_records(records, "instances[{}]")
        return Request(self._batch({self.first: x}, {}), lines)

    def _sequences_of_records(self, sequences: list) -> Request:
        for i, sequence in enumerate(sequences):
            if not isinstance(sequence, list):
                raise DataError(f"instances[{i}] is {kind(sequence)}: expected a sequence, a list of records")
            self._check_steps(f"instances[{i}]", len(sequence))
        ends = np.cumsum([len(sequence) for sequence in sequences])
        records = [record for sequence in sequences for record in sequence]
        steps, lines = self._encoded_records(records, "time-step {} of all")
        return Request(self._sequences(np.split(steps, ends[:-1])), lines)

    def _encoded_records(self, records: list, place: str) -> tuple[np.ndarray, list[str]]:
        """Features of records, each of which must hold one value for every column of the model, and what was said."""
        assert self.encoder is not None
        names = [column.name for column in self.encoder.columns]
        for i, record in enumerate(records):
            if not isinstance(record, dict):
                raise DataError(f"{place.format(i)} is {kind(record)}: expected a record, GET /schema shows one")
            for name in names:
                if name not in record:
                    raise DataError(f"{place.format(i)} has no {name!r}: expected {', '.join(names[:20])}")
                if not isinstance(record[name], VALUES):
                    raise DataError(f"{place.format(i)} has {kind(record[name])} for {name!r}: expected one value")
        with said() as lines:
            features = self.encoder.transform_records(records)
        return features, lines

    def _encoded(self, table: Any) -> Request:
        with said() as lines:
            x = self.model.encode_inputs(table)
        return Request(self._checked(x).batch, lines)

    def _checked(self, x: np.ndarray) -> Request:
        return Request(self._batch({self.first: x}, {}), [])

    def _arrays(self, instances: list) -> Request:
        shapes = self.model.shapes
        several = len(shapes) > 1
        for i, instance in enumerate(instances if several else ()):
            if not isinstance(instance, dict) or set(instance) != set(shapes):
                raise DataError(f"instances[{i}] must be an object with the inputs {', '.join(shapes)}")
        inputs: dict[str, np.ndarray] = {}
        lengths: dict[str, np.ndarray] = {}
        for name, shape in shapes.items():
            column = [instance[name] for instance in instances] if several else instances
            label = name if several else "instances"
            if name not in self.free:
                inputs[name] = numbers(column, label, shape)
                continue
            for i, sequence in enumerate(column):
                if not isinstance(sequence, list):
                    raise DataError(f"{label}[{i}] is {kind(sequence)}: expected a sequence, a list of time-steps")
                self._check_steps(f"{label}[{i}]", len(sequence))
            rows = [numbers(sequence, f"{label}[{i}]", shape[1:]) for i, sequence in enumerate(column)]
            inputs[name], lengths[name] = self._padded(rows)
        return Request(self._batch(inputs, lengths), [])

    def _sequences(self, rows: Sequence[np.ndarray]) -> Batch:
        x, lengths = self._padded(rows)
        return self._batch({self.first: x}, {self.first: lengths})

    def _padded(self, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Sequences padded to the shortest compiled length that holds all of them, and their lengths."""
        lengths = np.array([len(row) for row in rows], np.int32)
        self._check_steps(f"sequence {lengths.argmax()}", lengths.max())
        steps = next(s for s in self.steps if s >= lengths.max())
        shape = (len(rows), steps, *rows[0].shape[1:])
        if math.prod(shape) > MOST_NUMBERS:
            raise DataError(
                f"{len(rows)} sequences, the longest of {lengths.max()} time-steps, are too many: send fewer"
            )
        x = np.zeros(shape, rows[0].dtype)
        for i, row in enumerate(rows):
            x[i, : len(row)] = row
        return x, lengths

    def _batch(self, inputs: dict[str, Any], lengths: dict[str, Any]) -> Batch:
        checked, checked_lengths = check_inputs(self.model.network, inputs, lengths or None)
        for name, value in checked.items():
            skip = 1 if name in self.free else 0  # the time-steps
            found, expected = value.shape[1:][skip:], self.model.shapes[name][skip:]
            if found != expected:
                raise ShapeError(f"{name} has examples of shape {found}: expected {expected}")
        return Batch(checked, {}, {}, checked_lengths)

    def blank(self, steps: int | None = None) -> Batch:
        """One example of zeros, with so many time-steps: to compile with."""
        x = {name: np.zeros((1, *shape)) for name, shape in self.shapes(steps).items()}
        return self._batch(x, {name: [x[name].shape[1]] for name in self.free})

    # --- answers

    def answer(self, linked: Mapping[str, np.ndarray], lengths: Mapping[str, np.ndarray], proba: bool) -> dict:
        """The answer as JSON: predictions in the target's own terms; what the outputs mean where it is asked for.

        By output where there are several; sequences without their padding.
        """
        with np.errstate(over="ignore"):
            predicted = self.model.decide(linked) if all(map(finite, linked.values())) else None
        if predicted is None or not all(map(finite, predicted.values())):
            raise DataError("the network's outputs for these inputs are not finite: are the inputs on the right scale?")
        answer: dict[str, Any] = {"predictions": self._plain(predicted, lengths)}
        if self.vocabulary is not None:
            answer["predictions"] = [self.vocabulary.decode(row) for row in answer["predictions"]]
        if proba:
            classes = {name: linked[name] for name, loss, _ in self.model.objective.terms if loss.task != "regression"}
            if not classes:
                raise NetgradError("probabilities are for classes, and this model predicts quantities: leave them out")
            answer["probabilities"] = self._plain(classes, lengths)
            if self.model.target_encoder is not None:
                answer["classes"] = self.model.target_encoder.classes
        return answer

    def _plain(self, values: Mapping[str, np.ndarray], lengths: Mapping[str, np.ndarray]) -> Any:
        lists: dict[str, list] = {}
        for name, value in values.items():
            span = lengths.get(name)
            lists[name] = (
                value.tolist() if span is None else [row[:n].tolist() for row, n in zip(value, span, strict=True)]
            )
        return lists if len(self.model.network.outputs) > 1 else next(iter(lists.values()))


def finite(value: Any) -> bool:
    """Whether all numbers of an array are finite; labels that are no numbers are.

    >>> finite(np.array([1.0, np.inf])), finite(np.array(["a"]))
    (False, True)
    """
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def takes_any_length(model: Model, name: str) -> bool:
    """Whether this input is of sequences, (T, d) or of symbols (T,), on whose length no parameter depends."""
    shape = model.shapes[name]
    fed = [node.layer for node in model.network.nodes if name in node.inputs]
    if len(shape) != 2 and not (len(shape) == 1 and all(isinstance(layer, Embedding) for layer in fed)):
        return False
    longer = {**model.shapes, name: (shape[0] + 1, *shape[1:])}
    try:
        expected = model.network.param_shapes(longer)
    except NetgradError:
        return False
    return jax.tree.map(lambda leaf: leaf.shape, expected) == jax.tree.map(np.shape, model.params)
