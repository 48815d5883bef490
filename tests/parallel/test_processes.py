"""What the processes of a group say to each other, seen from one that is told there are others."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.parallel import Placement
from netgrad.parallel.processes import agree, apart, lost, together
from tests.parallel.groups import apart_from_one, assert_dealt_out

FACTS = {"data": [1, 2], "settings": "sgd", "versions": "0.1.0", "first parameters": 1.5}


@pytest.fixture
def group(monkeypatch):
    """This process as one of three, of which some differ in a fact."""

    def of(**differ):
        def gathered(own):
            every = np.stack([own] * 3)
            for name, processes in differ.items():
                every[processes, list(FACTS).index(name)] += 1
            return every

        monkeypatch.setattr(jax, "process_count", lambda: 3)
        monkeypatch.setattr("jax.experimental.multihost_utils.process_allgather", gathered)

    return of


@pytest.mark.parametrize(
    ("differ", "line"),
    [
        ({"data": [1]}, "process 1 of the group has other data than process 0: start all with the same command"),
        ({"settings": [1, 2]}, "processes 1, 2 of the group have other settings than process 0"),
        ({"versions": [2]}, "process 2 of the group has other versions than process 0: start all with the same"),
        ({"first parameters": [2]}, "process 2 of the group has other first parameters than process 0"),
    ],
)
def test_who_means_something_else_is_named(group, differ, line):
    group(**differ)
    with pytest.raises(ng.NetgradError, match=line):
        agree(FACTS)
    with apart():
        agree(FACTS)  # what is trained alone asks nobody


def test_those_who_agree_go_on(group):
    group()
    assert together()
    agree(FACTS)


def test_a_group_shares_all_its_devices(group, monkeypatch):
    group()
    monkeypatch.setattr(jax, "devices", lambda *_: [object(), object()])
    with pytest.raises(ng.NetgradError, match="shares batches among all their devices: leave devices out"):
        Placement.of(1)


def test_an_error_is_a_lost_process_in_a_group_alone(group):
    gone = ValueError("Gloo all-reduce failed: Connection reset by peer")
    assert not lost(gone)
    group()
    assert lost(gone)
    assert not lost(ValueError("x has 3 examples"))
    assert not lost(KeyError("peer"))


def test_a_stream_is_dealt_out_and_trains_as_in_one_process(tmp_path):
    """Row groups of unequal size, by turns, batch normalisation and dropout: each example once an epoch."""
    assert apart_from_one(2, tmp_path, "stream")["stream"] < 1e-5
    assert_dealt_out(tmp_path, 2)
