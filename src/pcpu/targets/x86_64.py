"""64-bit x86 under Linux.

The baseline is x86-64-v2: processors from about 2011 on, what RHEL 9 asks for, and what virtual
machines have by default; v3, with AVX2, is neither. Shared objects have code for two levels above:
v3 with carry-less multiplication, and v4 as Intel's Ice Lake (2019) and AMD's Zen 4 (2022) have it.
The target ``host`` uses all that there is.
"""

from __future__ import annotations

from pcpu.target import Level, Target
from pcpu.targets import elf

BASELINE = ("+crc32", "+popcnt", "+sse4.2", "+ssse3")
SECOND = (*BASELINE, "+avx2", "+pclmul")
THIRD = (
    *SECOND, "+avx512bw", "+avx512dq", "+avx512f", "+avx512vbmi", "+avx512vl", "+avx512vnni",
    "+vpclmulqdq",
)  # fmt: skip
# detect.zig looks for these.
LEVELS = (Level("x86-64-v3", SECOND), Level("x86-64-v4", THIRD))


def target() -> Target:
    return Target(
        name="x86-64",
        doc="Linux on x86-64, from x86-64-v2 on",
        triple="x86_64-unknown-linux-musl",
        cpu="x86-64-v2",
        # All are part of x86-64-v2; the kernels look at this list.
        features=BASELINE,
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
