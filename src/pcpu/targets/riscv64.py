"""64-bit RISC-V under Linux: rv64gc, what distributions are compiled for, which has no vectors."""

from __future__ import annotations

from pcpu.target import Level, Target
from pcpu.targets import elf

BASELINE = ("+m", "+a", "+f", "+d", "+c")
LEVELS = (Level("generic-rv64", (*BASELINE, "+zba", "+zbb", "+zbc")),)


def target() -> Target:
    return Target(
        name="riscv64",
        doc="Linux on 64-bit RISC-V (rv64gc)",
        triple="riscv64-unknown-linux-musl",
        cpu="generic-rv64",
        features=BASELINE,
        reloc="pic",
        pointer_bits=64,
        lanes=16,
        shuffles=False,
        plain_engine=False,
        linked="so",
        link=elf.link,
        levels=LEVELS,
        rebuilder="executable",
    )
