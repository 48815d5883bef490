"""A batch that devices share trains to the numbers of one device; what cannot be shared is refused in a line."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.parallel import Placement
from netgrad.parallel.processes import apart

NET = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(1)])


@pytest.fixture(scope="module")
def found():
    """What two_devices.py has to say: one process for all of it."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-m", "tests.parallel.two_devices"],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_are_one(found):
    # Adam on gradients near 0 makes much of little; bfloat16 rounds to 8 bits, 0.004, in every layer of every step.
    exact = {"test_gan": 1e-3, "in bfloat16": 3e-2}
    for name, (loss, params) in ((n, f) for n, f in found.items() if n not in ("by device", "divergence")):
        assert loss < exact.get(name, 2e-5), (name, loss, params)
        assert params < exact.get(name, 2e-4), (name, loss, params)


def test_a_checkpoint_goes_on_to_the_same_bits(found):
    assert found["checkpoint"] == [0, 0]


def test_batch_statistics_by_device_are_others(found):
    assert found["by device"][0] > 1e-4


def test_divergence_is_explained(found):
    assert "training diverged at epoch " in found["divergence"]


def test_one_device_is_a_placement_too():
    x = np.random.default_rng(0).normal(size=(10, 2)).astype("f")
    assert Placement.of(1) is None  # of itself it is not spread
    placements = None, Placement(tuple(jax.devices()[:1]))
    one, placed = (ng.fit(NET, x, x[:, 0], epochs=2, batch_size=4, devices=devices) for devices in placements)
    np.testing.assert_allclose(one.history["loss"], placed.history["loss"], rtol=1e-6)


@pytest.mark.parametrize(
    ("devices", "line"),
    [
        (0, "devices must be a number of at least 1, 'all', 'cpu', 'gpu' or a list, found 0"),
        (True, "devices must be a number"),
        (999, "999 devices are asked for, JAX has "),
        ("abacus", f"JAX has no devices 'abacus' here, it has {jax.default_backend()}"),
        ([], "a list of devices holds some of jax.devices(), found []"),
        ([0, 1], "a list of devices holds some of jax.devices()"),
        (jax.devices()[:1] * 2, "a device is named twice"),
    ],
)
def test_what_is_no_placement_is_one_line(devices, line):
    with pytest.raises(ng.NetgradError) as error:
        ng.fit(NET, np.eye(3), [1.0, 2.0, 3.0], devices=devices)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_group_shares_among_all_and_one_may_work_apart(monkeypatch):
    here = jax.devices()
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "devices", lambda *_: [*here, object()])
    with pytest.raises(ng.NetgradError, match="a group of processes shares batches among all their devices"):
        Placement.of(1)
    with apart():
        assert Placement.of(None) is None


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(ng.NetgradError, match="several starts are trained side by side on one device"):
        ng.fit(NET, np.eye(3), [1.0, 2.0, 3.0], devices=Placement(tuple(jax.devices()[:1])), starts=2)
    for wrong, line in ({"shard": "weights"}, "shard must be"), ({"statistics": "all"}, "statistics must be"):
        with pytest.raises(ng.NetgradError, match=line):
            Placement(tuple(jax.devices()), **wrong)
