"""Names for the parts of a network: one registry a kind, and plain JSON for whatever is in them.

A part (layer, activation, initializer, loss, penalty) is a frozen dataclass of hyper-parameters; one that is stored
otherwise, a network, says how by ``to_fields`` and ``from_fields``.
Registering it gives it a name under which users ask for it, model files store it and the tests find it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from netgrad.errors import NetgradError, unknown_name
from netgrad.habits import OF_PARTS, answering, translated

KINDS: dict[str, dict[str, type]] = {
    "layer": {},
    "activation": {},
    "initializer": {},
    "loss": {},
    "penalty": {},
    "finding": {},
    "network": {},
    "task": {},
    "view": {},
}

T = TypeVar("T", bound=type)


def register(kind: str, name: str) -> Callable[[T], T]:
    """Class decorator: make the dataclass known as ``name`` among the parts of this ``kind``.

    >>> sorted(KINDS)
    ['activation', 'finding', 'initializer', 'layer', 'loss', 'network', 'penalty', 'task', 'view']
    """

    def add(cls: T) -> T:
        known = KINDS[kind].get(name)
        ours = known is not None and known.__module__.startswith("netgrad.") and known.__module__ != cls.__module__
        if known is not None and (ours or known.__qualname__ != cls.__qualname__):  # a notebook's cell may run twice
            raise NetgradError(f"{kind} {name!r} is already {known.__qualname__}: register under another name")
        KINDS[kind][name] = cls
        cls.kind, cls.registered_name = kind, name  # type: ignore[attr-defined]
        if "__init__" in vars(cls):
            cls.__init__ = answering("", OF_PARTS)(cls.__init__)  # type: ignore[misc]
        return cls

    return add


def find(kind: str, spec: Any) -> Any:
    """The part that ``spec`` names: an instance is returned as it is, a name or a class gives the part's default.

    Names are also taken as other libraries spell them (`netgrad.habits`); for an activation, None is the identity.
    Raises `NetgradError`, with the nearest name, for a name that is not registered.
    """
    if spec is None and kind == "activation":
        spec = "identity"
    if isinstance(spec, str):
        here = translated(kind, spec, KINDS[kind])
        return _default(kind, KINDS[kind][here.name], here.settings)
    if isinstance(spec, type) and getattr(spec, "kind", None) == kind:
        return _default(kind, spec, {})
    if getattr(spec, "kind", None) != kind:
        raise NetgradError(f"{spec!r} is no {kind}: give a name ({', '.join(sorted(KINDS[kind]))}) or an instance")
    return spec


def _default(kind: str, cls: type, settings: Mapping[str, Any]) -> Any:
    without = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
    if missing := [name for name in without if name not in settings]:
        raise NetgradError(f"{kind} {cls.__name__} needs {', '.join(missing)}: give an instance, {cls.__name__}(...)")
    return cls(**settings)


def to_config(part: Any) -> Any:
    """A part, or anything that its fields hold, as plain JSON."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        kind, name = getattr(part, "kind", ""), getattr(part, "registered_name", "")
        if KINDS.get(kind, {}).get(name) is not type(part):
            raise NetgradError(
                f"{type(part).__name__} has no name to be stored under: decorate it with @netgrad.register"
            )
        fields = part.to_fields() if hasattr(part, "to_fields") else _fields(part)
        values = {name: to_config(value) for name, value in fields.items()}
        return {"kind": kind, "type": name} | values
    if isinstance(part, list | tuple):
        return [to_config(item) for item in part]
    if isinstance(part, dict):
        return {str(key): to_config(value) for key, value in part.items()}
    if part is None or isinstance(part, str | int | float | bool):
        return part
    raise NetgradError(f"{part!r} cannot be stored in a model file: use numbers, strings or registered parts")


def _fields(part: Any) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in dataclasses.fields(part) if field.init}


def from_config(config: Any) -> Any:
    """The inverse of `to_config`; lists come back as tuples. Raises `NetgradError` for what it does not know."""
    if isinstance(config, list):
        return tuple(from_config(item) for item in config)
    if not isinstance(config, dict):
        return config
    if "kind" not in config:
        return {key: from_config(value) for key, value in config.items()}
    kind, name = config["kind"], config.get("type")
    if kind not in KINDS or name not in KINDS[kind]:
        raise unknown_name(str(kind), name, KINDS.get(kind, {}))
    fields = {key: from_config(value) for key, value in config.items() if key not in ("kind", "type")}
    cls = KINDS[kind][name]
    try:
        return getattr(cls, "from_fields", cls)(**fields)
    except TypeError as error:
        raise NetgradError(f"{kind} {name!r} does not take these settings: {error}") from None
