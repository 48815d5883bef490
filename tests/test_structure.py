"""How the modules of the package import each other: without circles, and so downwards only."""

import ast
from pathlib import Path

import netgrad

PACKAGE = Path(netgrad.__file__).parent


def modules():
    """Every module by its name, "training.loop"; a package by its own, "training"."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, known):
    """The modules that a file imports when it runs, wherever in it; not what only the type checker sees."""
    found = set()

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "netgrad":
                base = child.module.removeprefix("netgrad").lstrip(".")
                for alias in child.names:
                    name = f"{base}.{alias.name}".lstrip(".")
                    found.add(name if name in known else base)
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found & set(known)


def circles(graph):
    """The sets of modules that reach each other (Tarjan's strongly connected components, of two and more)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            found.append(set(stack[at:]))
            del stack[at:]

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return [circle for circle in found if len(circle) > 1]


def test_what_runs_a_task_knows_no_other_part_of_training():
    known = modules()
    steps = {
        "network",
        *(f"training.{name}" for name in ("objective", "linearise", "truncated", "supervised", "model")),
    }
    for name in ("epoch", "stepwise", "loop", "memory", "stream", "divergence", "checkpoint", "train", "task"):
        assert not imports(known[f"training.{name}"], known) & steps


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


def test_there_is_no_circle_of_modules():
    known = modules()
    graph = {name: imports(path, known) - {name, ""} for name, path in known.items()}
    # A package and its own modules are one place: its __init__ only hands them on.
    for name, used in graph.items():
        graph[name] = {other for other in used if not name.startswith(f"{other}.")}
    assert circles(graph) == []


def test_there_is_no_circle_of_packages():
    """So there is an order of the packages in which imports point downwards only."""
    known = modules()
    graph = {name.split(".")[0]: set() for name in known if name}
    for name, path in known.items():
        package = name.split(".")[0]
        if package:
            graph[package] |= {other.split(".")[0] for other in imports(path, known)} - {package, ""}
    assert circles(graph) == []
    assert "training" in graph["diagnosis"]
