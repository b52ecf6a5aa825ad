"""How much memory planning takes: it grows as the file does, and not faster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")
TIMES = 12  # bytes of memory that a byte more of a file may take; 6 are of the test
MIB = 1 << 20
SMALL, LARGE = 2 * MIB, 8 * MIB

# A process of its own, whose peaks are of these plans. Words of few letters, of which one in
# sixteen is another one in the new file.
CHILD = f"""
import re
from pathlib import Path
import numpy as np
from pcpu.iprog.plan import make_plan

def peak(size):
    numbers = np.random.default_rng(size)
    old = numbers.integers(97, 113, size, np.uint8)
    words = np.repeat(numbers.random(size // 64) < 1 / 16, 64)
    new = np.where(words, numbers.integers(97, 113, size, np.uint8), old)
    assert len(make_plan(new.tobytes(), [old.tobytes()]).plan) < size / 16
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("{STATUS}").read_text())[1]) << 10

print(peak({SMALL}), peak({LARGE}))
"""


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process its peak")
def test_memory_grows_as_the_file_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, timeout=300
    )
    small, large = map(int, done.stdout.split())
    assert large - small <= TIMES * (LARGE - SMALL)
