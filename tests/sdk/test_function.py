"""Python functions that are programs: what they mean is what Python means by them."""

from __future__ import annotations

import inspect
import zlib
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

import pcpu
from pcpu.errors import UsageError
from pcpu.isa import Isa
from tests.sdk.texts import LIMIT, TABLE, executed

DATA = bytes(range(256)) * 40
STEP = -3


class Config:
    SIZE = 64
    KEY = b"\1\2\3"


def test_the_program_has_pythons_names() -> None:
    @pcpu.program
    def unmask(
        data: pcpu.InOut, key: Annotated[bytes, pcpu.Length(4)], level: pcpu.U8 = 3
    ) -> tuple[int, int]:
        """Unmask a message."""
        data.mask(key)
        total = 0
        for w in data.windows(4096):
            total += w.sum() & 0xFF
        if level > 3 and total != 0:
            data[:4].xor(level)
        elif level == 0:
            data[-4:].not_()
        crc = data.crc32c()
        return crc, total

    assert (
        str(unmask.program)
        == """\
.param key bytes4
.param level imm8 = 3
.inout data
.return crc, total

mask data, key
total = 0
each window w of 4096 in data
    sum = sum w
    total = total + (sum & 255)
end
if level > 3 & total != 0
    xor data[0:4], level
else
    if level == 0
        not data[data.len - 4:]
    end
end
crc = crc32c data
"""
    )
    assert pcpu.parse(str(unmask.program)) == unmask.program
    name = unmask.__name__  # type: ignore[attr-defined]
    assert (name, unmask.__doc__) == ("unmask", "Unmask a message.")
    assert list(inspect.signature(unmask).parameters) == ["data", "key", "level"]
    plain = bytes(b ^ k for b, k in zip(DATA, b"abcd" * 2560, strict=True))
    assert unmask(DATA, b"abcd").data == plain
    assert unmask(DATA, b"abcd").total == sum(
        sum(plain[i : i + 4096]) & 0xFF for i in range(0, len(plain), 4096)
    )
    assert unmask(data=DATA, key=b"abcd", level=0).data == plain[:-4] + bytes(
        255 - b for b in plain[-4:]
    )
    with pytest.raises(UsageError, match=r"this is for functions that pcpu\.program"):
        inspect.unwrap(unmask)(pcpu.InOut(), b"abcd")


def values(n: int, m: int) -> dict[str, int]:
    """What the function below computes, by Python itself."""
    found = {
        "a": n + m * 2 - 1, "b": n % 7 + n // 8 + (n >> 3), "c": (n & 3) | (m ^ 5) << 2, "d": ~n, "e": -n,
        "f": n if n > m else m, "g": min(n, m) + max(n, LIMIT), "h": n < m < 100, "i": not n, "k": n > 1 and m > 2,
        "l": (n > 1 or m > 2) + 5, "o": TABLE[n % 256] + Config.KEY[1], "p": LIMIT**0 if False else 2 * LIMIT - 1,
        "q": n - STEP, "r": (1 if n else 0) + len(TABLE) + Config.SIZE, "s": +n, "t": not (n == 3 and m),
        "u": int.bit_length(255), "v": 1 << 40, "w": TABLE[-1] + TABLE[-2] + b"\1\2"[0],
    }  # fmt: skip
    return {name: int(value) & (1 << 64) - 1 for name, value in found.items()}


@pcpu.program
def computed(data: pcpu.In, n: int, m: pcpu.U64) -> tuple[int, ...]:
    a = n + m * 2 - 1
    b = n % 7 + n // 8 + (n >> 3)
    c = (n & 3) | (m ^ 5) << 2
    d = ~n
    e = -n
    f = n if n > m else m
    g = min(n, m) + max(n, LIMIT)
    h = n < m < 100
    i = not n
    k = n > 1 and m > 2
    l = (n > 1 or m > 2) + 5  # noqa: E741
    o = TABLE[n % 256] + Config.KEY[1]
    p = 2 * LIMIT - 1
    q = n - STEP
    r = (1 if n else 0) + len(TABLE) + Config.SIZE
    s = +n
    t = not (n == 3 and m)
    u = 8
    v = 1 << 40
    last = b"\1\2"
    w = TABLE[-1] + TABLE[-2] + last[0]
    "a text that means nothing"
    return a, b, c, d, e, f, g, h, i, k, l, o, p, q, r, s, t, u, v, w


def test_numbers_are_those_of_python() -> None:
    for n in (0, 1, 2, 3, 6, 7, 8, 100, 255, 2**63, 2**64 - 1):
        for m in (0, 1, 3, 99, 2**64 - 1):
            assert computed(b"", n, m).results == values(n, m), (n, m)


def test_loops_are_those_of_python() -> None:
    @pcpu.program
    def loops(data: pcpu.InOut, n: pcpu.U16) -> tuple[int, ...]:
        up = 0
        for i in range(n):
            up = up * 3 + i
        some = 0
        for i in range(2, 20, 5):
            some = some * 31 + i
        down = 0
        for i in range(9, -1, -2):
            down = down * 31 + i + 1
        below = 0
        for i in range(-4, 3):
            below = below * 31 + i + 4
        backwards = 0
        for i in range(-1, -8, -3):
            backwards = backwards * 31 - i
        for _ in range(2):
            data.add(1)
        for _ in range(5, 2):
            data.add(100)
        return up, some, down, below, backwards

    def python(n: int) -> tuple[int, ...]:
        up = some = down = below = backwards = 0
        for i in range(n):
            up = up * 3 + i
        for i in range(2, 20, 5):
            some = some * 31 + i
        for i in range(9, -1, -2):
            down = down * 31 + i + 1
        for i in range(-4, 3):
            below = below * 31 + i + 4
        for i in range(-1, -8, -3):
            backwards = backwards * 31 - i
        return up, some, down, below, backwards

    for n in (0, 1, 5, 30):
        outcome = loops(b"\0\xff", n)
        assert tuple(outcome.results.values()) == tuple(v & (1 << 64) - 1 for v in python(n))
        assert outcome.data == b"\2\1"


def test_buffers_outputs_tables_and_spans() -> None:
    @pcpu.program
    def pack(source: pcpu.In, parts: pcpu.Spans, at: pcpu.U32) -> tuple[object, ...]:
        out = pcpu.out(len(source) + 2 * LIMIT)
        magic = b"\x7fELF"
        sums = pcpu.rows()
        out[0:4] = magic
        out[4:8] = source[at : at + 4]
        out[8:10] = b"AB"
        out[2 * LIMIT :].copyxor(source, 0xFF)
        out[10:12].fill(byte=LIMIT)
        counts = source.hist()
        seen = 0
        for part in source.spans(parts):
            crc = part.crc32()
            inner = part[0:1].sum()
            seen += part.index
            sums.append(crc, inner, part.start, size=len(part))
        with pcpu.fuse():
            out.add(1)
            out.lut(TABLE)
        return counts[7], counts[-1], len(parts), seen, out, sums

    outcome = pack(DATA, np.array([(0, 4), (7, 5)]), 9)
    wanted = (
        b"\x7fELF"
        + DATA[9:13]
        + b"AB"
        + bytes([LIMIT] * 2)
        + bytes(2)
        + bytes(255 - b for b in DATA)
    )
    assert outcome.out == bytes(TABLE[(b + 1) % 256] for b in wanted)
    assert list(outcome.results.values()) == [40, 40, 2, 1]
    assert outcome.sums.columns == ("crc", "inner", "start", "size")
    assert list(outcome.sums) == [
        (zlib.crc32(DATA[0:4]), 0, 0, 4),
        (zlib.crc32(DATA[7:12]), 7, 7, 5),
    ]
    buffer = bytearray(len(DATA) + 14)
    assert pack(DATA, [], at=0, out=buffer).out is buffer


def test_a_name_that_is_set_twice() -> None:
    @pcpu.program
    def twice(data: pcpu.InOut, n: int) -> int:
        crc = data.crc32()
        data.not_()
        if n > 1:
            crc = data.crc32() ^ crc
            word = 1
        else:
            word = 2
        return crc + word

    inverted = bytes(255 - b for b in DATA)
    assert twice(DATA, 1).result == zlib.crc32(DATA) + 2
    assert twice(DATA, 2).result == (zlib.crc32(DATA) ^ zlib.crc32(inverted)) + 1


def test_results() -> None:
    @pcpu.program
    def nothing(data: pcpu.InOut) -> None:
        data.xor(imm8=1)
        pass

    @pcpu.program
    def one(data: pcpu.In) -> int:
        return data.crc32()

    @pcpu.program
    def several(data: pcpu.In, n: int) -> tuple[int, int, int]:
        unused = data.sum()
        return n, unused + 1, data.max()

    @pcpu.program
    def unnamed(data: pcpu.In) -> None:
        data.crc32()

    assert (nothing(b"a").data, nothing(b"a").results) == (b"`", {})
    assert one(DATA).results == {"crc32": zlib.crc32(DATA)}
    assert several(b"\1\5", 9).results == {"result": 9, "result_2": 7, "max": 5}
    assert unnamed(DATA).crc32 == zlib.crc32(DATA)


def test_names_from_around_the_function() -> None:
    size, key = 8, b"\xff"

    @pcpu.program
    def f(data: pcpu.InOut) -> None:
        data[0:size].mask(key)

    assert ".table key = 0xff" in str(f.program)
    assert f(bytes(10)).data == b"\xff" * 8 + bytes(2)


def test_annotations() -> None:
    def plain(
        data: pcpu.InOut,
        a: pcpu.U16,
        b: Annotated[int, pcpu.Bits(24)],
        c: pcpu.Bytes(2, 5),  # type: ignore[valid-type]
        d: Annotated[bytes, pcpu.Length(3)] = b"abc",
    ) -> int:
        return a + b + len(c) + d[1]

    program = pcpu.program(plain)
    kinds = [str(program.program).splitlines()[i] for i in range(4)]
    assert kinds == [
        ".param a imm16",
        ".param b imm24",
        ".param c bytes2-5",
        ".param d bytes3 = 0x616263",
    ]
    assert program(b"", 1, 2, "xy").result == 1 + 2 + 2 + ord("b")


def test_operations_of_users(user_isa: Isa) -> None:
    own = next(
        op
        for op in user_isa.operations
        if op.path is not None and op.has_result and not op.immediates
    )
    text = f"def f(data: pcpu.In):\n    return data.{own.name}()\n"
    scope = executed(text)
    assert pcpu.program(isa=user_isa)(scope["f"])(b"Hello") == pcpu.compile(own.name, user_isa)(
        b"Hello"
    )


def test_traps_have_the_line_of_python() -> None:
    @pcpu.program
    def f(data: pcpu.InOut, n: pcpu.U8) -> None:
        data[n : n + 4].xor(1)  # the line

    with pytest.raises(pcpu.TrapError) as caught:
        f(b"abcd", 1)
    lines = Path(__file__).read_text("utf-8").splitlines()
    assert lines[caught.value.line - 1].endswith("# the line")
