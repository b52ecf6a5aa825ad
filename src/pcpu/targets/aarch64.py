"""64-bit Arm under Linux, from Armv8.0 on, which has NEON."""

from __future__ import annotations

from pcpu.target import Target
from pcpu.targets import elf


def target() -> Target:
    return Target(
        name="aarch64",
        doc="Linux on 64-bit Arm",
        triple="aarch64-unknown-linux-musl",
        cpu="generic",
        features=("+neon",),
        reloc="pic",
        pointer_bits=64,
        lanes=128,
        shuffles=True,
        plain_engine=False,
        linked="so",
        link=elf.link,
    )
