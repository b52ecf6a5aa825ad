"""Programs that a Python program builds."""

from __future__ import annotations

import zlib

import pytest

import pcpu
from pcpu.interp.whole import run_whole
from pcpu.ir import MOVES
from pcpu.isa import Isa
from pcpu.sdk import generate

EVERYTHING = """\
.param key bytes1-64
.param n imm8 = 3
.const header = 14
.table magic = 0x7f454c46
.inout data
.in blob
.out out, data.len + header
.spans parts
.return crc, h, total

mask data[0:64], key
crc = crc32c data
h = hist blob
copy out[header:], data
copyxor out[0:4], blob[n:4], 255
copyadd out[4:n], blob[data.len - 10234:n], n
adddiff out[0:2], out[0:2], blob[0:2]
fill out[4:2], n
lit out[4:2], 0x4142
lit out[0:4], magic
total = 0
repeat 8 as i
    total = total + i * (n << 2) + key[i] + h[total & 255]
end
if n > 3 & crc != 0
    not data[data.len - 4:]
else
    rotl data, 3
end
each window w of 4096 in data[16:] into sums(sum, first)
    sum = sum w
    first = w.start + w.index
    if sum == 0
        a = 1
    end
end
each span s of parts in blob into spans(crc_2)
    crc_2 = crc32 s
end
fuse
    xor data, n
    after = counteq data, n
end
total = total > n ? n : total
"""


def everything() -> pcpu.Program:
    b = pcpu.Builder()
    key = b.bytes_param("key", 1, 64)
    n = b.number_param("n", 8, default=3)
    header = b.const("header", 14)
    magic = b.table("magic", b"\x7fELF")
    data = b.inout()
    blob = b.in_("blob")
    out = b.out("out", data.len + header)
    parts = b.spans("parts")
    b.mask(data[:64], key)
    crc = b.crc32c(data, name="crc")
    h = b.hist(blob, name="h")
    b.copy(out[header:], data)
    b.copyxor(out[0:4], blob[n : n + 4], 0xFF)
    b.copyadd(out[4 : 4 + n], blob[data.len - 10234 : n + (data.len - 10234)], n)
    b.adddiff(out[:2], out[:2], blob[:2])
    b.fill(out[4:6], n)
    b.lit(out[4:6], "AB")
    b.lit(out[0:4], magic)
    total = b.let("total", 0)
    with b.repeat(8) as i:
        total.set(total + i * (n << 2) + key[i] + h[total & 255])
    with b.if_((n > 3) & (crc != 0)):
        b.not_(data[-4:])
    with b.else_():
        b.rotl(data, 3)
    with b.each_window(data[16:], 4096, into="sums") as w:
        found = b.sum(w)
        b.let("first", w.start + w.index)
        with b.if_(found == 0):
            b.let("a", 1)
    with b.each_span(parts, blob, into="spans") as s:
        s.row(b.crc32(s, name="crc_2"))
    with b.fuse():
        b.xor(data, n)
        b.counteq(data, n, name="after")
    total.set((n < total).then(n, total))
    b.returns(crc, h, total)
    return b.build()


def test_every_part_of_a_program() -> None:
    program = everything()
    assert str(program) == EVERYTHING
    assert pcpu.parse(EVERYTHING) == program


def test_it_runs() -> None:
    data, blob = bytes(range(256)) * 40, bytes(reversed(range(256)))
    program = everything()
    outcome = pcpu.compile(program)(data, blob, [(0, 5)], b"key")
    inputs = {"data": data, "blob": blob, "parts": bytes(8) + (5).to_bytes(8, "little")}
    wanted = run_whole(program, inputs, {"key": b"key", "n": 3})
    assert outcome.data == wanted.buffers["data"]
    assert outcome.outputs == {"out": wanted.buffers["out"]}
    assert outcome.results == wanted.results
    assert {name: list(rows) for name, rows in outcome.tables.items()} == wanted.tables
    assert outcome.spans[0].crc_2 == zlib.crc32(blob[:5])


def test_a_pipeline() -> None:
    b = pcpu.Builder()
    data = b.inout()
    b.xor(data, 0x5A)
    b.crc32c(data)
    b.crc32c(data)
    assert str(b) == "xor 90 | crc32c | crc32c"
    assert b.build() == pcpu.parse("xor 90 | crc32c | crc32c")
    assert pcpu.compile(b)(b"abc", threads=2).data == bytes(c ^ 0x5A for c in b"abc")


def test_operators() -> None:
    b = pcpu.Builder()
    n = b.number_param("n")
    data = b.inout()
    numbers = [
        n + 1, 1 + n, n - 1, 1 - n, n * 3, 3 * n, n % 7, n & 3, 3 & n, n | 3, 3 | n, n ^ 3, 3 ^ n,
        n << 3, 3 << n, n >> 3, 3 >> n, ~n, -n, n == 5, n != 5, n < 5, n <= 5, n > 5, n >= 5,
        n > 5, n + -1, (n > 5).then(n, 7), data.len - n, True + n,
    ]  # fmt: skip
    names = [b.let(f"x{i}", number) for i, number in enumerate(numbers)]
    b.returns(*names)
    program = pcpu.compile(b)
    mask = (1 << 64) - 1
    for value in (0, 5, 6, 63, 64, 2**63, mask):
        wanted = [
            value + 1, 1 + value, value - 1, 1 - value, value * 3, 3 * value, value % 7, value & 3,
            3 & value, value | 3, 3 | value, value ^ 3, 3 ^ value, value << 3,
            3 << min(value, 64), value >> 3, 3 >> min(value, 64), ~value, -value, value == 5,
            value != 5, value < 5, value <= 5, value > 5, value >= 5, value > 5, value - 1,
            value if value > 5 else 7, 4 - value, 1 + value,
        ]  # fmt: skip
        found = program(b"data", n=value).results
        assert list(found.values()) == [number & mask for number in wanted]
    assert repr(n + 1) == "<Number n + 1>"
    assert repr(data[1:]) == "<Slice data[1:]>"
    assert repr(data) == "<Buffer data>"


def test_slices_are_those_of_python() -> None:
    data = bytes(range(50))
    cases: list[tuple[slice, bytes]] = [
        (slice(None), data), (slice(3, None), data[3:]), (slice(None, 7), data[:7]), (slice(3, 7), data[3:7]),
        (slice(-5, None), data[-5:]), (slice(None, -5), data[:-5]), (slice(-9, -5), data[-9:-5]),
        (slice(3, -5), data[3:-5]), (slice(7, 7), b""),
    ]  # fmt: skip
    for part, wanted in cases:
        b = pcpu.Builder()
        b.crc32(b.inout()[part], name="crc")
        assert pcpu.compile(b)(data).crc == zlib.crc32(wanted)


def test_a_slice_is_not_shortened() -> None:
    for part in (slice(3, 7), slice(-5, None), slice(None, -5)):
        b = pcpu.Builder()
        b.crc32(b.inout()[part])
        with pytest.raises(pcpu.TrapError, match="leaves its 4 bytes"):
            pcpu.compile(b)(b"abcd")


def test_names() -> None:
    b = pcpu.Builder()
    data = b.inout()
    with b.each_window(data, 4) as _, b.each_window(data, 2) as _:
        pass
    with b.repeat(2), b.repeat(3, name="turn"):
        b.crc32(data)
    assert str(b).splitlines()[2:8] == [
        "each window w of 4 in data", "    each window w_2 of 2 in data", "    end", "end",
        "repeat 2 as i", "    repeat 3 as turn",
    ]  # fmt: skip


def test_operations_of_users(user_isa: Isa) -> None:
    b = pcpu.Builder(user_isa)
    data = b.inout()
    own = next(
        op
        for op in user_isa.operations
        if op.path is not None and op.has_result and not op.immediates
    )
    b.op(own.name, data, name="first")
    getattr(b, own.name)(data, name="second")
    outcome = pcpu.compile(b)(b"Hello")
    assert outcome.first == outcome.second
    assert b.op("xor", data, 1) is None
    with pytest.raises(
        AttributeError, match="the builder has no 'nothing'; operations of your own need isa="
    ):
        b.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_methods_are_generated() -> None:
    assert generate.source() == generate.PATH.read_text("utf-8"), "run python -m pcpu.sdk.generate"
    for name in MOVES:
        assert callable(getattr(pcpu.Builder, name))
