"""The fixture that most tests of kernels have."""

from __future__ import annotations

import pytest

from tests.kernels.machine import NAMES, Machine, machine


@pytest.fixture(scope="module", params=NAMES)
def on(request: pytest.FixtureRequest) -> Machine:
    """The ``OPS`` of a module, compiled for each target."""
    return machine(request.param, request.module.OPS)
