"""Reconstructors of large instant plans, whose check is made by more code."""

from __future__ import annotations

from random import Random

import pytest

from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.plan import make_plan
from tests.iprog.module import OnePlan, RefusedError


@pytest.mark.parametrize("new", [1 << 17, 300_001])
def test_every_window_is_checked_d10_d11(new: int) -> None:
    random = Random(new)
    blob = random.randbytes(700_000)
    file = random.randbytes(new) + blob[12_345:]
    plan = make_plan(file, [blob], "instant").plan
    module = OnePlan(reconstructor(plan))
    module.hold(blob)
    assert module.rebuild() == file
    for _ in range(20):
        place = random.randrange(12_345, len(blob))
        module.hold(
            blob[:place] + bytes([blob[place] ^ 1 << random.randrange(8)]) + blob[place + 1 :]
        )
        size = module.call("window_size")
        for number in range(module.call("windows")):
            if number == (new + place - 12_345) // size:
                with pytest.raises(RefusedError, match="damaged: window, rule 22"):
                    module.window(number)
            else:
                assert module.window(number) == file[number * size : (number + 1) * size]
