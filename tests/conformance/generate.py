"""Write programs.json: programs, data, and what must come out.

The expected values come from google-crc32c, fastcrc, zlib, numpy, the methods of bytes, and from
the definitions of FNV-1a and CRC-64/NVME in a few lines; nothing here knows pCPU. Names, canonical
texts and signatures are written by hand from spec/program.md.

    python tests/conformance/generate.py
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import fastcrc
import google_crc32c
import numpy as np

PATH = Path(__file__).with_name("programs.json")

EMPTY = b""
CHECK = b"123456789"
ALL = bytes(range(256))
LONG = bytes((i * i + 7 * i + (i >> 5)) & 0xFF for i in range(1031))


KEY7 = bytes.fromhex("00ff10203040a5")
KEY64 = bytes((i * 37 + 11) & 0xFF for i in range(64))
BACK = ALL[::-1]
NONE = 2**64 - 1


class Case(NamedTuple):
    program: str
    ops: list[tuple[str, int | bytes] | tuple[str]]
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
    Case("sub 3", [("sub", 3)], [], SAME, SAME),
    Case("and 0xf0", [("and", 240)], [], "and 240", "and 240"),
    Case("or 15", [("or", 15)], [], SAME, SAME),
    Case("not", [("not",)], [], SAME, SAME),
    Case("rotl 0", [("rotl", 0)], [], SAME, SAME),
    Case("rotl:7", [("rotl", 7)], [], "rotl 7", "rotl 7"),
    Case(f"lut 0x{BACK.hex()}", [("lut", BACK)], [], SAME, SAME),
    Case(f"lut:0x{BACK.hex().upper()}", [("lut", BACK)], [], f"lut 0x{BACK.hex()}", "="),
    Case("mask 0x5a", [("mask", b"\x5a")], [], SAME, SAME),
    Case("mask 0x0a0B0C", [("mask", b"\n\v\f")], [], "mask 0x0a0b0c", "="),
    Case(f"mask 0x{KEY7.hex()}", [("mask", KEY7)], [], SAME, SAME),
    Case(f"mask 0x{KEY64.hex()}", [("mask", KEY64)], [], SAME, SAME),
    Case("mask 0x0000", [("mask", b"\0\0")], [], SAME, SAME),
    Case(
        "mask:0x37fa213d,crc32c",
        [("mask", bytes.fromhex("37fa213d")), ("crc32c",)],
        ["crc32c"],
        "mask 0x37fa213d | crc32c",
        "=",
    ),
    Case("sum", [("sum",)], ["sum"], SAME, SAME),
    Case("min | max", [("min",), ("max",)], ["min", "max"], SAME, SAME),
    Case("find 0", [("find", 0)], ["find"], SAME, SAME),
    Case("find 57", [("find", 57)], ["find"], SAME, SAME),
    Case("hist", [("hist",)], ["hist"], SAME, SAME),
    Case("crc32", [("crc32",)], ["crc32"], SAME, SAME),
    Case("crc64nvme", [("crc64nvme",)], ["crc64nvme"], SAME, SAME),
    Case("crc16", [("crc16",)], ["crc16"], SAME, SAME),
    Case("fnv32", [("fnv32",)], ["fnv32"], SAME, SAME),
    Case("adler32", [("adler32",)], ["adler32"], SAME, SAME),
    Case(
        "find 9 | mask 0x0102030405 | first = find 9 | h = hist | hist | not | find 9 | sum | find 9",
        [
            ("find", 9), ("mask", bytes([1, 2, 3, 4, 5])), ("find", 9), ("hist",), ("hist",),
            ("not",), ("find", 9), ("sum",), ("find", 9),
        ],
        ["find", "first", "h", "hist", "find_2", "sum", "find_3"],
        SAME,
        "find 9 | mask 0x0102030405 | find 9 | hist | hist | not | find 9 | sum | find 9",
    ),
    Case(
        f"mask 0x{KEY7.hex()} | lut 0x{BACK.hex()} | mask 0x5aa5 | crc32 | adler32 | min",
        [("mask", KEY7), ("lut", BACK), ("mask", b"\x5a\xa5"), ("crc32",), ("adler32",), ("min",)],
        ["crc32", "adler32", "min"],
        SAME,
        SAME,
    ),
]  # fmt: skip


def fnv1a(data: bytes, bits: int, basis: int, prime: int) -> int:
    state = basis
    for byte in data:
        state = ((state ^ byte) * prime) % 2**bits
    return state


def crc64nvme(data: bytes) -> int:
    register = 2**64 - 1
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x9A6C9329AC4BC9B5 if register & 1 else 0)
    return register ^ 2**64 - 1


assert crc64nvme(CHECK) == 0xAE8B14860A799888  # the catalogue's check value


def each(function: Callable[[int, int], int]) -> Callable[[bytes, int], bytes]:
    """A map from its function of a byte and the immediate."""
    return lambda data, imm: data.translate(bytes(function(b, imm) % 256 for b in range(256)))


def mask(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ k for byte, k in zip(data, itertools.cycle(key), strict=False))


def hist(data: bytes) -> list[int]:
    found: list[int] = np.bincount(np.frombuffer(data, np.uint8), minlength=256).tolist()
    return found


def find(data: bytes, imm: int) -> int:
    place = data.find(imm)
    return NONE if place < 0 else place


MAPS: dict[str, Callable[..., bytes]] = {
    "xor": each(lambda b, imm: b ^ imm),
    "add": each(lambda b, imm: b + imm),
    "sub": each(lambda b, imm: b - imm),
    "and": each(lambda b, imm: b & imm),
    "or": each(lambda b, imm: b | imm),
    "not": lambda data: bytes(255 - b for b in data),
    "rotl": each(lambda b, imm: b * 2**imm + b // 2 ** (8 - imm)),
    "lut": lambda data, table: data.translate(table),
    "mask": mask,
}
FOLDS: dict[str, Callable[..., int | str | list[int]]] = {
    "counteq": lambda data, imm: data.count(imm),
    "crc32c": lambda data: f"{google_crc32c.value(data):#010x}",
    "fnv": lambda data: f"{fnv1a(data, 64, 0xCBF29CE484222325, 0x100000001B3):#018x}",
    "sum": sum,
    "min": lambda data: min(data, default=255),
    "max": lambda data: max(data, default=0),
    "find": find,
    "hist": hist,
    "crc32": lambda data: f"{zlib.crc32(data):#010x}",
    "crc64nvme": lambda data: f"{crc64nvme(data):#018x}",
    "crc16": lambda data: f"{fastcrc.crc16.arc(data):#06x}",
    "fnv32": lambda data: f"{fnv1a(data, 32, 0x811C9DC5, 0x01000193):#010x}",
    "adler32": lambda data: f"{zlib.adler32(data):#010x}",
}


def run(case: Case, data: bytes) -> tuple[bytes, dict[str, int | str | list[int]]]:
    values: list[int | str | list[int]] = []
    for op, *imms in case.ops:
        if op in MAPS:
            data = MAPS[op](data, *imms)
        else:
            values.append(FOLDS[op](data, *imms))
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
