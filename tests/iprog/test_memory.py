"""How much memory planning takes: at most so many times the file, as the benchmark measures it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STATUS, PEAKS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
TIMES = 7  # bytes of memory for each of the file: the index takes 6
MIB = 1 << 20
SMALL, LARGE = 2 * MIB, 8 * MIB

# A process of its own, whose peaks are of these plans. Words of few letters, of which one in
# sixteen is another one in the new file. The first plan loads what is loaded once.
CHILD = f"""
import re, sys
from pathlib import Path
import numpy as np
from pcpu.iprog.files import mapped
from pcpu.iprog.plan import make_plan

folder = Path(sys.argv[1])

def memory(what):
    return int(re.search(what + r":\\s*(\\d+)", Path("{STATUS}").read_text())[1]) << 10

def write(size):
    numbers = np.random.default_rng(size)
    old = numbers.integers(97, 113, size, np.uint8)
    words = np.repeat(numbers.random(size // 64) < 1 / 16, 64)
    new = np.where(words, numbers.integers(97, 113, size, np.uint8), old)
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)

def taken(size):
    write(size)
    Path("{PEAKS}").write_text("5")
    before = memory("VmRSS")
    plan = make_plan(mapped(f"{{folder}}/new"), [mapped(f"{{folder}}/old")]).plan
    assert len(plan) < size / 16
    return memory("VmHWM") - before

taken({SMALL})
print(taken({LARGE}))
"""


@pytest.mark.skipif(not PEAKS.exists(), reason="only Linux tells a process its peak")
def test_memory_is_at_most_so_many_times_the_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    assert int(done.stdout) <= TIMES * LARGE
