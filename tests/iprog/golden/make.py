"""How the files of ``v1`` were made: once, and they stay as they are.

    PYTHONPATH=src:. python -m tests.iprog.golden.make FOLDER

A plan that a pCPU has written is read by every later one, so a change that breaks one of these files
is a new version of the format, with a folder of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.plan import make_plan
from tests.iprog.forge import number
from tests.iprog.images import CODE, CONSTANTS, DATA, Part, elf, i32, module, u64
from tests.iprog.pairs import edited
from tests.iprog.scripts import renamed, script
from tests.iprog.test_fat import universal


def program(moved: int, machine: int) -> bytes:
    """A program of functions that call each other; with ``moved`` more bytes in one of them."""
    random = Random(7)
    sizes = [16 * random.randint(2, 9) for _ in range(60)]
    sizes[20] += moved
    starts = [0x2000 + sum(sizes[:n]) for n in range(60)]
    code = bytearray()
    for start, size in zip(starts, sizes, strict=True):
        own = bytearray()
        while len(own) + 12 <= size:
            goal = random.choice(starts)
            here = start + len(own)
            if machine == 62:
                own += (
                    random.choice((b"\x48\x89\xc7", b"\x31\xc0\x90"))
                    + b"\xe8"
                    + i32(goal - here - 8)
                )
                own += b"\x90" * 4
            else:
                own += i32(0x11000400 + random.randrange(32)) + i32(
                    0x14000000 | 0x80000000 - (1 << 32) | ((goal - here - 4) >> 2) & 0x3FFFFFF
                )
                own += i32(-1)
        code += own.ljust(size, b"\x90")
    data = u64(*(random.choice(starts) for _ in range(40)))
    table = b"".join(u64(0x90000 + 8 * n, 8, random.choice(starts)) for n in range(20))
    return elf([
        Part(".text", CODE, 0x2000, bytes(code)), Part(".rela.dyn", CONSTANTS, 0x80000, table, 4),
        Part(".data", DATA, 0x90000, data),
    ], machine=machine)[0]  # fmt: skip


def wasm(more: int) -> bytes:
    """A module of functions that call each other; with ``more`` functions before the others."""
    random = Random(8)
    bodies = []
    for n in range(40 + more):
        random.seed(n - more if n >= more else 900 + n)
        calls = b"".join(
            b"\x10"
            + number(more + random.randrange(40))
            + b"\x41"
            + number(2000 + 8 * random.randrange(50))
            + b"\x1a"
            for _ in range(8)
        )
        body = b"\0" + calls + b"\x0b"
        bodies.append(number(len(body)) + body)
    functions = number(len(bodies)) + b"\1" * len(bodies)
    data = b"".join(i32(2000 + 8 * n) for n in range(60))
    segment = b"\1\0\x41\x80\x10\x0b" + number(len(data)) + data
    return module([(3, functions), (10, number(len(bodies)) + b"".join(bodies)), (11, segment)])[0]


def cases() -> dict[str, tuple[bytes, list[bytes], dict[str, object]]]:
    """For each file the file, its blobs, and how it is planned."""
    blob, file = edited(21, 20_000)
    before = script(1, 150)
    return {
        "edited": (file, [blob], {"window_bits": 12}),
        "instant": (file, [blob], {"mode": "instant", "window_bits": 13}),
        "several": (file, [blob[:7000], blob[7000:]], {}),
        "empty": (b"", [], {}),
        "names": (file * 3, [b"nothing"], {"name": "new.bin", "blob_names": ["old.bin"]}),
        "x86-64": (program(48, 62), [program(0, 62)], {"window_bits": 12}),
        "aarch64": (program(48, 183), [program(0, 183)], {"window_bits": 12}),
        "wasm": (wasm(3), [wasm(0)], {}),
        "universal": (universal(48, True, 120), [universal(0, True, 120)], {"window_bits": 12}),
        "renamed": (renamed(before, 2), [before.encode()], {"window_bits": 13}),
    }


def main() -> None:
    folder = Path(sys.argv[1])
    for name, (file, blobs, how) in cases().items():
        plan = make_plan(file, blobs, **how).plan  # type: ignore[arg-type]
        own = folder / name
        own.mkdir(parents=True)
        (own / "plan.iprog").write_bytes(plan)
        (own / "plan.json").write_text(json.dumps(to_json(Reader(plan, blobs))) + "\n", "utf-8")
        (own / "file").write_bytes(file)
        for number_, blob in enumerate(blobs):
            (own / f"blob{number_}").write_bytes(blob)


if __name__ == "__main__":
    main()
