"""64-bit x86 under Linux.

The baseline is x86-64-v2: processors from about 2011 on, what RHEL 9 asks for, and what virtual
machines have by default; v3, with AVX2, is neither. ``host`` uses all that there is.
"""

from __future__ import annotations

from pcpu.target import Target
from pcpu.targets import elf


def target() -> Target:
    return Target(
        name="x86-64",
        doc="Linux on x86-64, from x86-64-v2 on",
        triple="x86_64-unknown-linux-musl",
        cpu="x86-64-v2",
        # All are part of x86-64-v2; the kernels look at this list.
        features=("+crc32", "+popcnt", "+sse4.2", "+ssse3"),
        reloc="pic",
        pointer_bits=64,
        lanes=128,
        shuffles=True,
        plain_engine=False,
        linked="so",
        link=elf.link,
    )
