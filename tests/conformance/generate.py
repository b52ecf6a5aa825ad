"""Write programs.json: programs, data, and what must come out.

The expected values come from google-crc32c, bytes.translate and bytes.count, and from
the FNV-1a definition in three lines; nothing here knows pCPU. Names, canonical texts and
signatures are written by hand from spec/program.md.

    python tests/conformance/generate.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import google_crc32c

PATH = Path(__file__).with_name("programs.json")

EMPTY = b""
CHECK = b"123456789"
ALL = bytes(range(256))
LONG = bytes((i * i + 7 * i + (i >> 5)) & 0xFF for i in range(1031))


class Case(NamedTuple):
    program: str
    ops: list[tuple[str, int] | tuple[str]]
    names: list[str]
    canonical: str
    signature: str


SAME = "="

CASES = [
    Case("xor 90", [("xor", 90)], [], SAME, SAME),
    Case("xor:90", [("xor", 90)], [], "xor 90", "xor 90"),
    Case("xor 0x5a", [("xor", 90)], [], "xor 90", "xor 90"),
    Case("xor 0x5A", [("xor", 90)], [], "xor 90", "xor 90"),
    Case("xor 0o132", [("xor", 90)], [], "xor 90", "xor 90"),
    Case("xor 0b1011010", [("xor", 90)], [], "xor 90", "xor 90"),
    Case("xor 007", [("xor", 7)], [], "xor 7", "xor 7"),
    Case("xor 0", [("xor", 0)], [], SAME, SAME),
    Case("xor 255", [("xor", 255)], [], SAME, SAME),
    Case("xor 0x00000000000000000000ff", [("xor", 255)], [], "xor 255", "xor 255"),
    Case("add 255", [("add", 255)], [], SAME, SAME),
    Case("counteq 0", [("counteq", 0)], ["counteq"], SAME, SAME),
    Case("crc32c", [("crc32c",)], ["crc32c"], SAME, SAME),
    Case("fnv", [("fnv",)], ["fnv"], SAME, SAME),
    Case("fnv64", [("fnv",)], ["fnv"], "fnv", "fnv"),
    Case("a = fnv64", [("fnv",)], ["a"], "a = fnv", "fnv"),
    Case("fnv = fnv", [("fnv",)], ["fnv"], "fnv", "fnv"),
    Case("fnv64 = fnv", [("fnv",)], ["fnv64"], "fnv64 = fnv", "fnv"),
    Case("_x1=crc32c", [("crc32c",)], ["_x1"], "_x1 = crc32c", "crc32c"),
    Case(
        "xor:0x5a,add:1,counteq:7,crc32c,fnv",
        [("xor", 90), ("add", 1), ("counteq", 7), ("crc32c",), ("fnv",)],
        ["counteq", "crc32c", "fnv"],
        "xor 90 | add 1 | counteq 7 | crc32c | fnv",
        "xor 90 | add 1 | counteq 7 | crc32c | fnv",
    ),
    Case(
        " xor\t90\r\n| add : 1 ,\ncrc32c\n",
        [("xor", 90), ("add", 1), ("crc32c",)],
        ["crc32c"],
        "xor 90 | add 1 | crc32c",
        "xor 90 | add 1 | crc32c",
    ),
    Case(
        "before = crc32c | xor 90 | after = crc32c | xor 90 | crc32c",
        [("crc32c",), ("xor", 90), ("crc32c",), ("xor", 90), ("crc32c",)],
        ["before", "after", "crc32c"],
        SAME,
        "crc32c | xor 90 | crc32c | xor 90 | crc32c",
    ),
    Case(
        "crc32c | add 1 | crc32c | add 1 | crc32c",
        [("crc32c",), ("add", 1), ("crc32c",), ("add", 1), ("crc32c",)],
        ["crc32c", "crc32c_2", "crc32c_3"],
        SAME,
        SAME,
    ),
    Case(
        "crc32c | crc32c_2 = fnv | crc32c | crc32c",
        [("crc32c",), ("fnv",), ("crc32c",), ("crc32c",)],
        ["crc32c", "crc32c_2", "crc32c_3", "crc32c_4"],
        SAME,
        "crc32c | fnv | crc32c | crc32c",
    ),
    Case(
        "crc32c = fnv | crc32c | fnv",
        [("fnv",), ("crc32c",), ("fnv",)],
        ["crc32c", "crc32c_2", "fnv"],
        SAME,
        "fnv | crc32c | fnv",
    ),
    Case(
        "counteq 1 | counteq 1 | x = counteq 2 | counteq_4 = counteq 3 | counteq 4 | counteq 5",
        [("counteq", n) for n in (1, 1, 2, 3, 4, 5)],
        ["counteq", "counteq_2", "x", "counteq_4", "counteq_3", "counteq_5"],
        SAME,
        "counteq 1 | counteq 1 | counteq 2 | counteq 3 | counteq 4 | counteq 5",
    ),
    Case(
        "crc32c = crc32c | crc32c_2 = crc32c",
        [("crc32c",), ("crc32c",)],
        ["crc32c", "crc32c_2"],
        "crc32c | crc32c",
        "crc32c | crc32c",
    ),
    Case("add 1 | add 1 | add 254", [("add", 1), ("add", 1), ("add", 254)], [], SAME, SAME),
    Case("xor 90 | add 0 | xor 90", [("xor", 90), ("add", 0), ("xor", 90)], [], SAME, SAME),
]


def fnv1a_64(data: bytes) -> int:
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    return state


def run(case: Case, data: bytes) -> tuple[bytes, dict[str, int | str]]:
    values: list[int | str] = []
    for op, *imm in case.ops:
        match op, *imm:
            case "xor", int(imm8):
                data = data.translate(bytes(byte ^ imm8 for byte in range(256)))
            case "add", int(imm8):
                data = data.translate(bytes((byte + imm8) % 256 for byte in range(256)))
            case "counteq", int(imm8):
                values.append(data.count(imm8))
            case ("crc32c",):
                values.append(f"{google_crc32c.value(data):#010x}")
            case ("fnv",):
                values.append(f"{fnv1a_64(data):#018x}")
            case unknown:
                raise ValueError(f"no independent source for {unknown}")
    return data, dict(zip(case.names, values, strict=True))


def text() -> str:
    rows = []
    for case in CASES:
        canonical = case.program if case.canonical == SAME else case.canonical
        signature = canonical if case.signature == SAME else case.signature
        for data in (EMPTY, CHECK, ALL, LONG):
            out, results = run(case, data)
            row = {
                "program": case.program,
                "canonical": canonical,
                "signature": signature,
                "data_hex": data.hex(),
                "expect_data_hex": out.hex(),
                "results": results,
            }
            rows.append(json.dumps(row))
    return "[\n" + ",\n".join(rows) + "\n]\n"


if __name__ == "__main__":
    PATH.write_text(text())
