"""Programs compile on every version of XLA; how long they live; what a forked process is told."""

import gc
import multiprocessing
import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import jax
import joblib
import numpy as np
import pytest

import netgrad as ng
from netgrad import compiling
from netgrad.errors import NetgradError

X = np.random.default_rng(0).normal(size=(24, 3))
Y = X[:, 0]
slow = pytest.mark.skipif(not os.environ.get("NETGRAD_SLOW"), reason="takes the better part of an hour")
linux = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what memory is mapped")


def net(*units):
    return ng.Sequential([*(ng.Dense(n, activation="tanh") for n in units), ng.Dense(1)])


def compiled(run):
    """What `run` returns, and how many programs were compiled for it."""
    before = len(COMPILED)
    done = run()
    return done, len(COMPILED) - before


COMPILED = []  # by this process from here on: older versions of JAX cannot stop telling


@jax.monitoring.register_event_duration_secs_listener
def _told(event, seconds, **_):
    if "backend_compile" in event:
        COMPILED.append(event)


def test_networks_and_models_that_were_met_before_are_not_compiled_again():
    """Neither an equal network, nor two live models in turn."""
    fit = lambda units: ng.fit(net(units), X, Y, epochs=2)  # noqa: E731
    one, first = compiled(lambda: fit(3))
    other, _ = compiled(lambda: fit(4))
    for model in (one, other):
        model.predict(X), model.evaluate(X, Y)
    _, again = compiled(lambda: [fit(3), fit(4), fit(3)])
    _, in_turn = compiled(lambda: [(m.predict(X), m.evaluate(X, Y)) for m in (one, other) * 3])
    assert first > 0
    assert again == in_turn == 0


def test_what_a_fit_compiles_is_listed_and_none_of_it_twice():
    rng = np.random.default_rng(0)
    x, net = rng.normal(size=(70, 3)), ng.Sequential([ng.Dense(9, activation="tanh"), ng.Dense(1)])
    with compiling.compilations() as made:
        ng.fit(net, x, x.sum(1), epochs=5, batch_size=32, validation=0.2)
        first = len(made)
        ng.fit(net, x, x.sum(1), epochs=7, batch_size=32, validation=0.2)
        with compiling.compilations() as inner:
            compiling.Program(lambda v: v - 5)(1.0)
    names = Counter(program.name for program in made[:first])
    assert max(names.values()) <= 2, names  # whole batches, and the rest that is left
    assert [program.name for program in made[first:]] == ["<lambda>"] == [program.name for program in inner]
    assert all(program.seconds > 0 for program in made)
    compiling.Program(lambda v: v - 6)(1.0)
    assert len(inner) == 1


def test_programs_called_longest_ago_are_let_go(monkeypatch):
    monkeypatch.setattr(compiling, "MOST_PROGRAMS", 6)
    programs = [compiling.Program(partial(jax.numpy.multiply, k)) for k in range(4)]
    for n in (1, 2):
        for program in programs[1:]:
            program(jax.numpy.ones(n))
    assert sum(program._kept for program in programs) == 6
    programs[1](jax.numpy.ones(1))  # known: not compiled, but used
    assert programs[0](jax.numpy.ones(1)) == 0
    assert [program._kept for program in programs] == [1, 2, 0, 2]
    assert programs[2](jax.numpy.ones(3)).tolist() == [2, 2, 2]  # and is compiled anew when it is wanted


def test_one_program_for_ever_more_shapes_is_bounded_too(monkeypatch):
    monkeypatch.setattr(compiling, "MOST_PROGRAMS", 6)
    program = compiling.Program(lambda x: x + 1)
    kept = []
    for n in range(1, 12):
        program(np.ones(n))
        kept.append(program._kept)
    assert max(kept) <= 6
    assert program(np.ones(3)).tolist() == [2, 2, 2]


@linux
def test_what_jax_keeps_beside_our_programs_is_dropped_before_the_system_ends_the_process(monkeypatch):
    """Operations outside of programs: in a trace, in user code."""
    grown = jax.jit(lambda x: x - 7)
    grown(np.ones(3))
    monkeypatch.setattr(compiling, "MOST_REGIONS", 1)
    program = compiling.Program(lambda x: x * 5)
    for n in range(1, 33):
        program(np.ones(n))
    assert grown._cache_size() == 0


def small_networks(count, programs=12, clearings=768):
    """Fit so many different networks one after the other; the regions and the memory in MB after each."""
    script = (
        "import itertools, sys; import numpy as np; import netgrad as ng; from netgrad import compiling\n"
        "compiling.MOST_PROGRAMS, compiling.BETWEEN_CLEARINGS = map(int, sys.argv[2:])\n"
        "x = np.random.default_rng(0).normal(size=(24, 50))\n"
        "for width, units in itertools.islice(itertools.product(range(1, 51), range(1, 51)), int(sys.argv[1])):\n"
        "    net = ng.Sequential([ng.Dense(units, activation='tanh'), ng.Dense(1)])\n"
        "    ng.fit(net, x[:, :width], x[:, 0], epochs=1).predict(x[:, :width])\n"
        "    rss = next(line for line in open('/proc/self/status') if line.startswith('VmRSS'))\n"
        "    print(compiling._regions(), int(rss.split()[1]) // 1024, flush=True)\n"
    )
    settings = [str(n) for n in (count, programs, clearings)]
    quick = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # a third less time, and as much memory
    run = subprocess.run(
        [sys.executable, "-c", script, *settings], capture_output=True, text=True, check=True, env=quick
    )
    return np.array([line.split() for line in run.stdout.splitlines()], int)


@linux
def test_many_networks_fitted_in_one_process_take_bounded_memory():
    """With room for three networks, the ninth to fifteenth add nothing to the first eight."""
    regions, memory = small_networks(15).T
    assert regions[8:].max() <= 1.1 * regions[:8].max()
    assert memory[8:].max() <= 1.1 * memory[:8].max()


@linux
def test_emptied_caches_give_their_memory_back():
    """More than what thirty further networks take, once in the run."""
    _, memory = small_networks(40, 128, 90).T
    assert np.diff(memory).min() < -10
    assert memory[30:].max() < memory[:30].max() + 10


@slow
@linux
@pytest.mark.slow
def test_two_thousand_networks_fitted_in_one_process_take_bounded_memory():
    regions, memory = small_networks(2000, compiling.MOST_PROGRAMS).T
    assert regions.max() < compiling.MOST_REGIONS
    assert memory[200:].max() <= 1.2 * memory[:200].max()


def used(what):
    """In another process: fit and predict; the error's words where that is refused."""
    model_file, x = what
    try:
        return float(ng.load(model_file).predict(x).sum())
    except NetgradError as error:
        return str(error)


@pytest.fixture
def model_file(tmp_path):
    return str(ng.fit(net(3), X, Y, epochs=1).save(tmp_path / "model.safetensors"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_says_that_it_must_be_spawned(tmp_path):
    """Each way in: it would hang otherwise, for the threads of XLA's pool do not come along."""
    script = (
        "import multiprocessing, sys; import numpy as np; import netgrad as ng\n"
        "from netgrad.errors import NetgradError\n"
        "x = np.random.default_rng(0).normal(size=(24, 3)); y = x[:, 0]\n"
        "net = ng.Sequential([ng.Dense(2), ng.Dense(1)])\n"
        "model = ng.fit(net, x, y, epochs=1); path = str(model.save(sys.argv[1]))\n"
        "ways = dict(fit=lambda: ng.fit(net, x, y, epochs=1), predict=lambda: model.predict(x),\n"
        "    evaluate=lambda: model.evaluate(x, y), trace=lambda: model.trace(x, y), load=lambda: ng.load(path),\n"
        "    diagnose=lambda: model.diagnose(x, y), draw=lambda: net.init(0, (3,)),\n"
        "    state=lambda: net.init_state((3,)), check=lambda: ng.check_gradients(net, x, y))\n"
        "def child(name):\n"
        "    try: ways[name]()\n"
        "    except NetgradError as error: print(name, error, flush=True)\n"
        "for name in ways:\n"
        "    process = multiprocessing.get_context('fork').Process(target=child, args=(name,))\n"
        "    process.start(); process.join(60)\n"
        "    if process.is_alive(): process.kill(); print(name, 'hangs', flush=True)\n"
        "print('done', model.predict(x).shape)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "model.safetensors")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    *lines, last = run.stdout.splitlines()
    assert len(lines) == 9
    assert all("forked" in line and "spawn" in line for line in lines), run.stdout
    assert last == "done (24,)"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_forked_before_anything_was_compiled_is_free():
    script = (
        "import os, numpy as np, netgrad as ng\n"
        "pid = os.fork()\n"
        "model = ng.fit(ng.Sequential([ng.Dense(1)]), np.ones((4, 2)), np.arange(4.0), epochs=1)\n"
        "print('fitted', flush=True)\n"
        "pid and os.waitpid(pid, 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert run.stdout.count("fitted") == 2  # two processes may write at the same moment


@pytest.mark.parametrize("how", ["spawn", "loky"])
def test_spawned_processes_predict_what_this_one_does(how, model_file):
    here = used((model_file, X))
    if how == "spawn":
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            (there,) = pool.map(used, [(model_file, X)])
    else:
        (there,) = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(used)(w) for w in [(model_file, X)])
    assert there == here


def test_programs_of_dropped_networks_do_not_outlive_them():
    before = len(compiling._compiled)
    program = compiling.Program(lambda x: x + 3)
    program(np.ones(2))
    assert len(compiling._compiled) == before + 1
    del program
    gc.collect()
    assert len(compiling._compiled) == before


def test_settings_that_xla_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(compiling, "SETTINGS", {"xla_no_such_setting": False, "xla_nor_this": 3})
    monkeypatch.setattr(compiling, "_unknown", set())
    twice = compiling.Program(lambda x: 2 * x)
    assert twice(3.0) == 6
    assert compiling._unknown == {"xla_no_such_setting", "xla_nor_this"}
    assert compiling.Program(lambda x: 3 * x)(3.0) == 9  # asked without them at once


def test_other_errors_of_xla_are_not_swallowed():
    def fails(x):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        compiling.Program(fails)(1.0)


@pytest.mark.parametrize(
    ("backend", "asked", "precision"), [("cpu", None, None), ("gpu", None, "HIGHEST"), ("gpu", "tensorfloat32", "HIGH")]
)
def test_products_on_an_accelerator_are_whole_float32_unless_said_otherwise(monkeypatch, backend, asked, precision):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    program = compiling.Program(lambda a: a @ a)
    with jax.default_matmul_precision(asked):
        text = str(jax.make_jaxpr(program)(np.eye(2)))
    assert set(re.findall(r"Precision\.(\w+)", text)) == ({precision} if precision else set())


def test_groups_that_were_fitted_before_are_not_compiled_again():
    from netgrad.estimators import GroupedRegressor

    x = np.column_stack([np.arange(64) % 2, np.linspace(-1, 1, 64)])
    fit = lambda: GroupedRegressor((3,), group=0, tol=0, max_iter=2, random_state=0).fit(x, x[:, 1]).predict(x)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, first = compiled(fit)
        _, again = compiled(fit)
    assert (first > 0, again) == (True, 0)
