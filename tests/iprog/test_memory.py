"""How much memory there is, and how much planning takes: at most so many times the file, as the
benchmark measures it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pcpu.iprog import columns as columns_of
from pcpu.iprog import plan
from pcpu.iprog.memory import limit
from tests.iprog.images import CODE, Part, elf, i32

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


class Overlaps:
    """A function, and how many calls of it there were at a time, at most."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.lock = function, threading.Lock()
        self.calls = self.active = self.most = 0

    def __call__(self, *arguments: Any) -> Any:
        with self.lock:
            self.calls += 1
            self.active += 1
            self.most = max(self.most, self.active)
        time.sleep(0.02)  # long enough for another one to begin
        try:
            return self.function(*arguments)
        finally:
            with self.lock:
                self.active -= 1


def test_columns_are_made_one_trial_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the peak is the same however threads happen to run."""
    numbers = Random(1)
    code = b"".join(b"\xe8" + i32(numbers.randrange(9000)) for _ in range(2000))
    blob, file = (elf([Part(".text", CODE, 0x1000, x)])[0] for x in (code, bytes(16) + code))
    columns = Overlaps(columns_of._all_contents)
    monkeypatch.setattr(columns_of, "_all_contents", columns)
    plan.make_plan(file, [blob])
    assert columns.calls > 2
    assert columns.most == 1


# Of each version: what a process is told of its group, and where that has its limit.
GROUPS = {
    "v2": ("0::/jobs/own\n", "sys/fs/cgroup", "memory.max", "max"),
    "v1": (
        "9:cpu,memory:/jobs/own\n4:pids:/\n0::/\n", "sys/fs/cgroup/memory",
        "memory.limit_in_bytes", str((1 << 63) - 4096),
    ),
}  # fmt: skip


@pytest.mark.parametrize("version", GROUPS)
@pytest.mark.parametrize("limited", ["jobs/own", "jobs", ""])  # the last is seen in a container
def test_a_control_group_has_less_than_the_machine(
    tmp_path: Path, version: str, limited: str
) -> None:
    told, folder, name, unlimited = GROUPS[version]
    of_machine = limit(tmp_path)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(told)
    assert limit(tmp_path) == of_machine  # the group is not seen
    group = tmp_path / folder / limited
    group.mkdir(parents=True)
    (group / name).write_text(f"{unlimited}\n")
    assert limit(tmp_path) == of_machine
    (group / name).write_text("4096\n")
    assert limit(tmp_path) == 4096


def test_other_controllers_say_nothing_of_memory(tmp_path: Path) -> None:
    of_machine = limit(tmp_path)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:pids:/own\n")
    group = tmp_path / "sys/fs/cgroup/memory/own"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("4096\n")
    assert limit(tmp_path) == of_machine
