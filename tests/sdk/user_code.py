"""What users write, checked by mypy --strict and run by test_typing.py."""

from __future__ import annotations

from typing import Annotated

import pcpu

HEADER = 14
ROT13 = bytes((b + 13) % 256 for b in range(256))
Key = Annotated[bytes, pcpu.Length(1, 64)]


@pcpu.program
def unmask(data: pcpu.InOut, key: Key, level: pcpu.U8 = 3) -> tuple[int, int]:
    """Unmask a message, and look at it in windows."""
    data.mask(key)
    total = 0
    for w in data.windows(4096):
        crc = w.crc32c()
        total += crc & 0xFF
    if level > 3 and total != 0:
        data[:4].xor(level)
    else:
        data[-4:].not_()
    lines = data.counteq(10)
    return total, lines


@pcpu.program
def pack(source: pcpu.In, parts: pcpu.Spans, step: int) -> pcpu.Out:
    out = pcpu.out(len(source) + HEADER)
    sums = pcpu.rows()
    out[0:4] = b"HEAD"
    out[4:8] = source[step : step + 4]
    out[HEADER:].copyxor(source, ROT13[step])
    for part in source.spans(parts):
        crc = part.crc32()
        sums.append(crc, part.start, size=len(part))
    with pcpu.fuse():
        out.add(1)
        out.lut(ROT13)
    return out


def build() -> pcpu.Program:
    b = pcpu.Builder()
    data = b.inout()
    n = b.number_param("n", bits=8, default=3)
    key = b.bytes_param("key", 4, default=b"\0\1\2\3")
    b.mask(data[0:64], key)
    crc: pcpu.Number = b.crc32c(data, name="crc")
    total = b.let("total", 0)
    with b.repeat(8) as i:
        total.set(total + i * n)
    with b.each_window(data, 65536, into="sums") as w:
        w.row(b.crc32(w))
    with b.if_(n > 3):
        b.xor(data, n)
    with b.else_():
        b.not_(data)
    b.returns(crc, total)
    return b.build()


def use(message: bytearray) -> list[int]:
    outcome: pcpu.Outcome = unmask(message, b"key", in_place=True)
    total: int = outcome.total
    made = pcpu.compile(build())(bytes(100), n=5)
    crcs = [row.crc32 for row in made.tables["sums"]]
    packed = pack(b"source text", [(0, 4)], step=2, out=bytearray(25))
    with pcpu.compile("xor 0x5a | crc32c").stream() as stream:
        stream.update(b"abc")
        found = stream.finish()["crc32c"]
    assert isinstance(found, int)
    assert pcpu.load_isa().find("xor") is not None
    try:
        pcpu.compile("xor 256")
    except pcpu.ProgramError as error:
        assert error.code == "immediate-range"
    return [total, len(packed.out), *crcs]
