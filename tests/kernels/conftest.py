"""Kernels run on the processor, also where JAX sees an accelerator."""

import jax
import pytest


@pytest.fixture(autouse=True)
def on_the_processor():
    """Arrays of these tests lie where the kernels are."""
    with jax.default_device(jax.devices("cpu")[0]):
        yield
