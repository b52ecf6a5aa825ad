"""Programs for the simulator, and how tests run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pcpu.isa import Isa
from pcpu.sim.simulate import simulate
from pcpu.sim.source import Source, parse_source
from pcpu.sim.trace import Simulation
from pcpu.source import bind_arguments

PCPU = Path(sys.executable).parent / "pcpu"
TEXT = b"The quick brown fox jumps over the lazy dog.\n" * 40

LOOPS = """\
.param key bytes4 = 0x37fa213d
.inout data
.spans parts
.out copy, data.len

total = 0
copy copy, data
mask data, key
each window page of 256 in data into pages(crc, n)
    crc = crc32c page
    n = page.len
    if n == 256
        xor page[0:8], page.index & 255
    else
        add page, 1
    end
    repeat 3 as i
        total = total + i * n
    end
end
each span part of parts in data into found(lines)
    lines = counteq part, 10
end
fuse
    largest = max data
    nul = counteq data, 0
end
h = hist data
copyxor copy[0:4], copy[4:4], 255
"""
MOVES = """\
.inout data
.in other
.out out, data.len + 8
.table magic = 0x7f454c46

lit out[0:4], magic
lit out[4:4], "GET "
copyadd out[8:], data, 3
adddiff data, data, other
fill data[0:2], other.len & 255
copy data[4:8], data[0:8]
f = fnv out
"""


def source(text: str, isa: Isa) -> Source:
    return parse_source(text, isa, "test.pasm")


def run(
    text: str, isa: Isa, inputs: dict[str, bytes] | None = None, *,
    given: dict[str, str] | None = None, limit: int = 1000,
) -> Simulation:  # fmt: skip
    """The simulation of a program over copies of ``inputs``; ``data`` alone by default."""
    found = source(text, isa)
    buffers = {name: bytearray(content) for name, content in (inputs or {"data": TEXT}).items()}
    arguments = bind_arguments(found.program, given or {})
    return simulate(found, isa, buffers, arguments, limit=limit)


def pcpu_sim(
    *arguments: str | Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PCPU, "sim", *arguments], input=stdin, capture_output=True, check=False, timeout=300,
        env=os.environ | environment,
    )  # fmt: skip
