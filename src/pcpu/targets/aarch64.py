"""64-bit Arm under Linux, from Armv8.0 on, which has NEON."""

from __future__ import annotations

from pcpu.target import Level, Target
from pcpu.targets import elf

# Carry-less multiplication, a part of the AES instructions, and CRCs: all but the first processors.
LEVELS = (Level("generic", ("+neon", "+aes", "+crc")),)


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
        levels=LEVELS,
        rebuilder="executable",
    )
