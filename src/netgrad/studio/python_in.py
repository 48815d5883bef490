"""Python code as a network: read as text, never run. All that it may name are layers, networks and literals."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.network import Network
from netgrad.registry import KINDS

BUILDERS = ("Input", "Network", "Sequential", "Autoencoder", "Residual", "Branches", "SeparableConv")
MOST = 1000  # layers that a list in code may come to
LITERALS = (int, float, str, bool, type(None))


def constructors() -> dict[str, Callable[..., Any]]:
    """What code may call, by its name in `netgrad`."""
    found = {name: getattr(ng, name) for name in BUILDERS}
    for kind in ("layer", "activation", "initializer"):
        found |= {c.__name__: c for c in KINDS[kind].values() if getattr(ng, c.__name__, None) is c}
    return found


def read(code: str) -> tuple[Network, dict[str, Any]]:
    """The network that the code makes last, and the settings of its `netgrad.fit`, where these are literals.

    Names may be given to layers and networks; other statements are passed over. Raises `NetgradError` for code without
    a network, and where a network is made of what is no layer, network or literal.

    >>> net, asked = read("h = 4\\nnet = ng.Sequential([ng.Dense(h, activation='tanh'), ng.Dense(1)])\\nexit()")
    >>> [node.name for node in net.nodes], asked
    (['dense_1', 'dense_2'], {})
    >>> read("net = ng.Sequential([open('/etc/passwd')])")
    Traceback (most recent call last):
    netgrad.errors.NetgradError: line 1: open is not known here: a network is made of ng.Dense, ng.Add, ... and literals
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = "" if line is None else f"line {line}: "
        raise NetgradError(f"{where}this is no Python code ({getattr(error, 'msg', None) or error})") from None
    reader = _Reader()
    try:
        for statement in tree.body:
            reader.statement(statement)
    except RecursionError:
        raise NetgradError("the code is nested too deeply: give parts of it names") from None
    return reader.network(), reader.asked


class _Reader:
    """The names that code has given so far, and the network among them."""

    def __init__(self) -> None:
        self.constructors = constructors()
        self.modules = {"ng", "netgrad"}
        self.values: dict[str, Any] = {}
        self.last = ""  # the name of the last network, or of what should have been one
        self.asked: dict[str, Any] = {}

    def statement(self, statement: ast.stmt) -> None:
        """Take note of an import or a name; whatever else is passed over."""
        if isinstance(statement, ast.Import):
            self.modules |= {a.asname or a.name for a in statement.names if a.name == "netgrad"}
        elif isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == "netgrad":
            for name in statement.names:
                if name.name in self.constructors:
                    self.values[name.asname or name.name] = self.constructors[name.name]
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            self.assign(statement.targets[0], statement.value)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self.assign(statement.target, statement.value)
        elif isinstance(statement, ast.Expr):
            self.assign(ast.Name("_"), statement.value)

    def assign(self, target: ast.expr, expression: ast.expr) -> None:
        """Give a value a name; what cannot be read is refused when it is used."""
        if self.is_fit(expression):
            return
        if isinstance(target, ast.Tuple) and isinstance(expression, ast.Tuple | ast.List):
            if len(target.elts) == len(expression.elts):
                for one, part in zip(target.elts, expression.elts, strict=True):
                    self.assign(one, part)
            return
        if not isinstance(target, ast.Name):
            return
        value: Any
        try:
            value = self.value(expression)
        except NetgradError as error:
            value = error
        makes = isinstance(value, Network) or (isinstance(value, NetgradError) and self.should_make(expression))
        if makes or target.id == self.last:
            self.last = target.id
        if makes or target.id != "_":
            self.values[target.id] = value

    def should_make(self, expression: ast.expr) -> bool:
        """Whether what could not be read was meant to be a network."""
        if not isinstance(expression, ast.Call):
            return False
        try:
            made = self.value(expression.func)
        except NetgradError:
            return False
        return made in [self.constructors[name] for name in BUILDERS[1:]]

    def is_fit(self, expression: ast.expr) -> bool:
        """Whether this is a call of `netgrad.fit`; its network is the one that counts, and its settings are noted."""
        func = getattr(expression, "func", None)
        if not isinstance(expression, ast.Call) or not isinstance(func, ast.Attribute) or func.attr != "fit":
            return False
        if not isinstance(func.value, ast.Name) or func.value.id not in self.modules:
            return False
        if expression.args and isinstance(expression.args[0], ast.Name):
            self.last = expression.args[0].id
        elif expression.args:
            self.assign(ast.Name("_"), expression.args[0])
        for keyword in expression.keywords:
            if keyword.arg and isinstance(keyword.value, ast.Constant):
                self.asked[keyword.arg] = keyword.value.value
        return True

    def network(self) -> Network:
        """The last network."""
        found = self.values.get(self.last)
        if isinstance(found, NetgradError):
            raise NetgradError(str(found))
        if not isinstance(found, Network):
            raise NetgradError("the code makes no network: expected net = ng.Sequential([...]) or ng.Network(x, ...)")
        return found

    # --- expressions

    def value(self, node: ast.expr) -> Any:
        """What an expression stands for; raises `NetgradError` for all that is not on the list."""
        read = getattr(self, f"read_{type(node).__name__.lower()}", None)
        if read is None:
            raise self.refusal(node, f"{ast.unparse(node)[:40]} is not read here")
        return read(node)

    @staticmethod
    def refusal(node: ast.expr, said: str) -> NetgradError:
        return NetgradError(f"line {node.lineno}: {said}: a network is made of ng.Dense, ng.Add, ... and literals")

    def read_constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, LITERALS):
            raise self.refusal(node, f"{str(node.value)[:40]} is not read here")
        return node.value

    def read_unaryop(self, node: ast.UnaryOp) -> Any:
        number = self.value(node.operand)
        if not isinstance(node.op, ast.USub) or not isinstance(number, int | float):
            raise self.refusal(node, f"{ast.unparse(node)[:40]} is not read here")
        return -number

    def read_list(self, node: ast.List) -> list[Any]:
        return self.several(node.elts)

    def read_tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self.several(node.elts))

    def several(self, nodes: list[ast.expr]) -> list[Any]:
        """Values in a row, with those of starred lists in their places."""
        found: list[Any] = []
        for node in nodes:
            value = self.value(node.value if isinstance(node, ast.Starred) else node)
            if isinstance(node, ast.Starred) and not isinstance(value, list | tuple):
                raise self.refusal(node, f"{ast.unparse(node)[:40]} is no list")
            found += value if isinstance(node, ast.Starred) else [value]
        return found

    def read_dict(self, node: ast.Dict) -> dict[Any, Any]:
        if any(not isinstance(key, ast.Constant) for key in node.keys):
            raise self.refusal(node, "a key that is no literal")
        return {self.value(k): self.value(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}

    def read_binop(self, node: ast.BinOp) -> list[Any]:
        """Lists in a row, and a list several times."""
        one, two = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Add) and isinstance(one, list) and isinstance(two, list):
            self.bounded(node, len(one) + len(two))
            return one + two
        if isinstance(node.op, ast.Mult) and isinstance(one, list) and type(two) is int:
            self.bounded(node, len(one) * two)
            return one * two
        raise self.refusal(node, f"{ast.unparse(node)[:40]} is not read here")

    def read_listcomp(self, node: ast.ListComp) -> list[Any]:
        """``[ng.Dense(8) for _ in range(5)]``, and over a list."""
        (over,) = node.generators if len(node.generators) == 1 else (None,)
        if over is None or over.ifs or not isinstance(over.target, ast.Name):
            raise self.refusal(node, "of comprehensions only those over one list or range")
        values: Any
        of = over.iter
        if isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "range" and len(of.args) == 1:
            count = self.value(of.args[0])
            values = range(count if type(count) is int else 0)
        else:
            values = self.value(of)
        if not isinstance(values, range | list | tuple):
            raise self.refusal(node, "of comprehensions only those over one list or range")
        self.bounded(node, len(values))
        before, made = dict(self.values), []
        for value in values:
            self.values[over.target.id] = value
            made.append(self.value(node.elt))
        self.values = before
        return made

    def bounded(self, node: ast.expr, count: int) -> None:
        if count > MOST:
            raise self.refusal(node, f"{count:,} entries of a list are more than {MOST:,}")

    def read_name(self, node: ast.Name) -> Any:
        found = self.values.get(node.id, self)
        if isinstance(found, NetgradError):
            raise found
        if found is self:
            raise self.refusal(node, f"{node.id} is not known here")
        return found

    def read_attribute(self, node: ast.Attribute) -> Any:
        """``ng.Dense``, ``ng.layers.Dense``."""
        root: ast.expr = node.value
        if isinstance(root, ast.Attribute) and root.attr in ("layers", "network", "initializers"):
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in self.modules or node.attr not in self.constructors:
            raise self.refusal(node, f"{ast.unparse(node)[:40]} is not known here")
        return self.constructors[node.attr]

    def read_call(self, node: ast.Call) -> Any:
        """A constructor on values, or a layer or network on symbols."""
        made = self.value(node.func)
        if not isinstance(made, Layer | Network) and made not in self.constructors.values():
            raise self.refusal(node, f"{ast.unparse(node.func)[:40]} cannot be called here")
        if any(k.arg is None for k in node.keywords):
            raise self.refusal(node, f"{ast.unparse(node)[:40]} is not read here")
        given = self.several(node.args)
        named = {str(k.arg): self.value(k.value) for k in node.keywords}
        try:
            return made(*given, **named)
        except Exception as error:  # whatever a constructor refuses, in whatever way
            reason = " ".join(str(error).split())[:200]
            raise NetgradError(f"line {node.lineno}: {reason or type(error).__name__}") from None


def layer_of(code: str) -> Layer:
    """The layer that one expression stands for.

    >>> layer_of("ng.Dense(3, bias=False)").bias
    False
    """
    try:
        made = _Reader().value(ast.parse(code.strip(), mode="eval").body)
    except NetgradError:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NetgradError(f"{code[:60]!r} is no Python expression ({getattr(error, 'msg', None) or error})") from None
    if not isinstance(made, Layer):
        raise NetgradError(f"{code[:60]!r} is no layer: expected for instance ng.Dense(8, activation='relu')")
    return made
