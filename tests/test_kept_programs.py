"""What one process compiled the next one finds; a folder that cannot be trusted or had is not used, without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netgrad import kept_programs

SCRIPT = """
import sys, jax
met = []
jax.monitoring.register_event_listener(lambda event, **_: met.append(event))
import numpy as np, netgrad as ng
x = np.random.default_rng(0).normal(size=(12, 3))
model = ng.fit(ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)]), x, x[:, 0], epochs=2)
hits, asked = (met.count(f"/jax/compilation_cache/{what}") for what in ("cache_hits", "compile_requests_use_cache"))
print(jax.config.jax_compilation_cache_dir, hits, asked, model.predict(x).tobytes().hex())
"""


def fit(**environment):
    """Folder, programs found, programs wanted and the predictions of a fit in a process of its own; nothing is said."""
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", SCRIPT],
        env=os.environ | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    folder, hits, asked, numbers = run.stdout.split()
    return folder, int(hits), int(asked), numbers


def test_a_second_process_compiles_nothing_and_gives_the_same_bits(tmp_path):
    folder, hits, asked, numbers = fit(NETGRAD_PROGRAMS=tmp_path)
    assert Path(folder).parent == tmp_path
    assert hits == 0 < asked <= len(list(Path(folder).iterdir()))
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert fit(NETGRAD_PROGRAMS=tmp_path) == (folder, asked, asked, numbers)
    for program in Path(folder).iterdir():
        program.write_bytes(program.read_bytes()[:40])  # as a process finds it that reads while another writes
    assert fit(NETGRAD_PROGRAMS=tmp_path)[3] == numbers


def test_it_can_be_declined_and_jaxs_own_setting_holds(tmp_path):
    assert fit(NETGRAD_PROGRAMS=0)[:2] == ("None", 0)
    assert fit(NETGRAD_PROGRAMS=tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=tmp_path / "theirs")[0].endswith("theirs")
    assert not (tmp_path / "ours").exists()


@pytest.fixture
def found(monkeypatch, tmp_path):
    """What JAX would be told, with the folder under tmp_path."""
    told = {}
    monkeypatch.setenv("NETGRAD_PROGRAMS", str(tmp_path / "programs"))
    monkeypatch.setattr(kept_programs.jax.config, "update", told.__setitem__)
    monkeypatch.setattr(type(kept_programs.jax.config), "jax_compilation_cache_dir", None, raising=False)
    return told


def test_the_folder_is_the_users_cache_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("NETGRAD_PROGRAMS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_programs.folder().is_relative_to(tmp_path)


def test_another_processor_or_version_has_another_folder(monkeypatch):
    here = kept_programs.folder()
    assert kept_programs.folder() == here
    monkeypatch.setattr(kept_programs.jax, "__version__", "0.0.1")
    assert kept_programs.folder() != here


def test_a_folder_that_others_may_write_to_is_not_used(found):
    kept_programs.begin()
    assert found["jax_compilation_cache_dir"] == str(kept_programs.folder())
    found.clear()
    kept_programs.folder().chmod(0o777)
    kept_programs.begin()
    assert not found


def test_a_folder_that_cannot_be_had_is_not_used(found, tmp_path):
    (tmp_path / "programs").write_text("a file")
    kept_programs.begin()
    assert not found


def test_a_folder_that_cannot_be_written_is_not_used(found, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    kept_programs.begin()
    assert not found


def test_what_was_used_longest_ago_goes(tmp_path):
    for i in range(10):
        (tmp_path / str(i)).write_text("program")
        os.utime(tmp_path / str(i), (1000 + i, 1000 + i))
    os.utime(tmp_path / "0", (2000, 1000))  # read since
    kept_programs.make_room(tmp_path, 10)
    assert len(list(tmp_path.iterdir())) == 10
    kept_programs.make_room(tmp_path, 8)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "7", "8", "9"]
