"""Python functions that are programs: what they mean is what Python means by them."""

from __future__ import annotations

import inspect
import zlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

import pcpu
from pcpu.errors import ProgramError, UsageError
from pcpu.isa import Isa

DATA = bytes(range(256)) * 40
LIMIT = 7
STEP = -3
TABLE = bytes(reversed(range(256)))
FLOAT = 1.5


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
    assert (unmask.__name__, unmask.__doc__) == ("unmask", "Unmask a message.")
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
        c: pcpu.Bytes(2, 5),
        d: Annotated[bytes, pcpu.Length(3)] = b"abc",
    ) -> int:  # type: ignore[valid-type]
        return a + b + c[0] + d[1]

    program = pcpu.program(plain)
    kinds = [str(program.program).splitlines()[i] for i in range(4)]
    assert kinds == [
        ".param a imm16",
        ".param b imm24",
        ".param c bytes2-5",
        ".param d bytes3 = 0x616263",
    ]
    assert program(b"", 1, 2, "xy").result == 1 + 2 + ord("x") + ord("b")


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


def executed(text: str) -> dict[str, Any]:
    """Run ``text`` as a file that Python's linecache knows."""
    import linecache

    name = f"<text {len(linecache.cache)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope: dict[str, Any] = {
        "pcpu": pcpu,
        "Annotated": Annotated,
        "LIMIT": LIMIT,
        "FLOAT": FLOAT,
        "TABLE": TABLE,
    }
    exec(compile(text, name, "exec"), scope)
    return scope


# Mistakes: the line of the body that is wrong, and the column of what is wrong in it

PARAMETERS = (
    "data: pcpu.InOut, n: pcpu.U8, key: Annotated[bytes, pcpu.Length(4)], parts: pcpu.Spans"
)


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("while n: pass", 1, "programs always end: write 'for i in range(...)'"),
        ("for i in range(3): break", 20, "a loop of a program runs all of its turns"),
        ("for i in range(3): continue", 20, "a loop of a program runs all of its turns to their end; write 'if'"),
        ("for i in (1, 2): pass", 10, "a program loops over range(...), data.windows(size) and data.spans(spans); pcpu.Builder unrolls others"),
        ("for i, j in data.windows(4): pass", 5, "one name stands between 'for' and 'in'"),
        ("for n in range(4): pass", 5, "n has another meaning above; choose another name"),
        ("for i in range(4): pass\nelse: data.xor(1)", (2, 7), "a loop of a program has no 'else'"),
        ("for i in range(1, n): pass", 10, "of range(start, stop, step) all are constants, or there is only the stop"),
        ("for i in range(1, 5, 0): pass", 10, "the step of a range is not 0"),
        ("for i in range(data.sum() * 9): pass", 10, "nothing bounds this number"),
        ("for w in data.windows(len(data)): pass", 10, "the size of windows is made of constants and parameters"),
        ("for w in data.spans(n): pass", 21, "spans takes a parameter of the type pcpu.Spans"),
        ("if n > 1: return n", 11, "a program returns at its end, outside of branches and loops"),
        ("return n\ndata.xor(1)", (2, 1), "nothing runs after 'return'"),
        ("import os", 1, "import outside of the function"),
        ("def g(): pass", 1, "a program has no functions of its own"),
        ("try: pass\nexcept ValueError: pass", 1, "what goes wrong in a program ends it; there is nothing to catch"),
        ("assert n", 1, "a program has no assertions; return a number and look at that"),
        ("del n", 1, "nothing of a program can be deleted"),
        ("n", 1, "n means nothing in a program"),
        ("with open('x'): pass", 1, "the one 'with' of a program is 'with pcpu.fuse():'"),
        ("a = b = 1", 1, "one name a statement: a = 1, and then b = 1"),
        ("a, b = 1, 2", 1, "a name or a slice of a buffer stands on the left of '='"),
        ("data[0:4] += 1", 1, "only a number can be changed so; call an operation"),
        ("Upper = 1", 1, "'Upper' is no name: a-z, 0-9 and _, at most 32 characters"),
        ("end = 1", 1, "'end' is a word of the language and no name"),
        ("a = n / 2", 5, "numbers of programs have no /; // by a power of two is there"),
        ("a = n ** 2", 5, "numbers of programs have no **"),
        ("a = n // 3", 5, "a program divides by powers of two only: 1, 2, 4, 8..."),
        ("a = 1 % n", 5, "'%' takes a constant above 0 on its right"),
        ("a = 1 << 99", 5, "1 << 99 is no number of 64 bits"),
        ("a = n + 2 ** 0", 9, "numbers of programs have no **"),
        ("a = n + (1 << 63) * 4", 5, "a number has at most 64 bits"),
        ("a = 1.5", 5, "1.5 is nothing that a program can compute"),
        ("a = 'text'", 5, "'text' is nothing that a program can compute"),
        ("a = [1, 2]", 5, "[1, 2] is nothing that a program can compute"),
        ("a = FLOAT", 5, "FLOAT is float, and an int is needed here"),
        ("a = nothing", 5, "there is no nothing here"),
        ("a = n and key[0]", 5, "'and' and 'or' join comparisons; write a != 0 and b != 0"),
        ("a = n in (1, 2)", 10, "(1, 2) is nothing that a program can compute"),
        ("a = n is n", 5, "numbers of programs are compared with == != < <= > >= only"),
        ("a = data", 5, "data is a buffer, and a number is needed here; write len(data)"),
        ("a = data.size", 5, "data has no number 'size'; it has no numbers"),
        ("a = data[3]", 5, "data is a buffer without numbers; the bytes of a buffer are for operations"),
        ("a = n[3]", 5, "n is a number without numbers"),
        ("a = key[0:2]", 5, "a part of bytes is no number"),
        ("a = len(n)", 9, "n has no length here"),
        ("a = len(data, data)", 5, "in a program len takes 1 argument"),
        ("a = max(n)", 5, "in a program max takes 2 arguments"),
        ("a = abs(n)", 5, "abs is no operation: only operations can be called, as methods of buffers and of slices"),
        ("a = data.xor(1)", 5, "data.xor gives no number"),
        ("a = data.hist() + 1", 5, "this gives 256 numbers; give them a name of their own"),
        ("a = data.sum() if n else 0", 5, "an operation runs always here, unlike in Python; give its result a name first"),
        ("a = n and data.sum()", 11, "an operation runs always here, unlike in Python; give its result a name first"),
        ("if n > 1: a = 1\nb = a", (2, 5), "a may have no value here; give it one before any branch or loop"),
        ("b = a\na = 1", 5, "a may have no value here; give it one before any branch or loop"),
        ("for i in range(3): a = 1\nb = a", (2, 5), "a may have no value here; give it one before any branch or loop"),
        ("for i in range(3): pass\nb = i", (2, 5), "i may have no value here; give it one before any branch or loop"),
        ("a = 1\na = b'x'", (2, 1), "a is a number above, and cannot become bytes"),
        ("data.xorr(1)", 1, "unknown operation 'xorr'; did you mean 'xor'?"),
        ("data.xor()", 1, "data.xor takes 1 operand (imm8), 0 given"),
        ("data.xor(1, 2)", 1, "data.xor takes 1 operand (imm8), 2 given"),
        ("data.xor(*key)", 10, "the operands are given one by one"),
        ("data.xor(byte=1)", 10, "the operands are imm8"),
        ("data.xor(256)", 10, "256 is outside 0..255, the range of imm8 of xor"),
        ("data.mask(5)", 11, "bytes are needed here, not 5"),
        ("data.mask(n)", 11, "n is a number, and bytes are needed here"),
        ("data.mask(b'')", 11, "key of mask is 1 to 64 bytes, 0 given"),
        ("data.copy(n)", 11, "n is a number, and a buffer is needed here"),
        ("data.copy(5)", 11, "a buffer, or a slice of one, is needed here, not 5"),
        ("data[0:4] = 5", 13, "bytes are needed here, not 5"),
        ("data[0:4] = b'abc'", 13, "this has 3 bytes, the target 4"),
        ("data[0:8][2:4].xor(1)", 1, "a slice of a slice; add the offsets and slice the buffer"),
        ("data[::2].xor(1)", 8, "a span has no step"),
        ("data[8:4].xor(1)", 1, "the slice 8:4 ends before it begins"),
        ("data[3] = b'a'", 1, "a span is a slice, such as data[4:8]"),
        ("TABLE[0:4].xor(1)", 1, "is a table"),
        ("out = pcpu.out(data.sum())", 7, "the size is made of numeric parameters and lengths of buffers"),
        ("if n > 1: out = pcpu.out(4)", 17, "an output is made outside of branches and loops"),
        ("out = pcpu.out()", 7, "pcpu.out takes the size of the output"),
        ("t = pcpu.rows()\nt.append(n)", (2, 1), "a row is the last statement of a loop over windows or spans"),
        ("t = pcpu.rows()\nfor i in range(4): t.append(n)", (2, 20), "a row is the last statement of a loop over windows or spans"),
        ("data = 5", 1, "data is a buffer above, and cannot become a number"),
    ],
)  # fmt: skip
def test_what_is_refused(line: str, column: int | tuple[int, int], message: str) -> None:
    body = "".join(f"    {part}\n" for part in line.split("\n"))
    function = executed(f"def f({PARAMETERS}):\n    data.not_()\n{body}")["f"]
    with pytest.raises(ProgramError) as caught:
        pcpu.program(function)
    error = caught.value
    assert message in error.message
    row, at = column if isinstance(column, tuple) else (1, column)
    assert error.place is not None
    assert (error.place.line - 2, error.place.column - 4) == (row, at), str(error)
    assert body.split("\n")[row - 1] in str(error)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("data", "data has no annotation; known: pcpu.InOut"),
        ("data: bytes", "bytes is no type of a parameter; known: pcpu.InOut"),
        ("data: pcpu.Out", "an output is made in the function: out = pcpu.out(len(data))"),
        ("data: pcpu.InOut = b''", "a buffer has no default"),
        ("n: pcpu.U8 = 'a'", "the default of n is int"),
        ("n: pcpu.U8 = 256", "the default is a number of 8 bits"),
        ("n: Annotated[int, pcpu.Bits(65)]", "a number has 1 to 64 bits"),
        ("*data: pcpu.InOut", "a program has a fixed number of buffers and parameters"),
        ("data: pcpu.InOut, **more: int", "a program has a fixed number of buffers and parameters"),
        ("data: Nothing", "the annotations cannot be read: name 'Nothing' is not defined"),
    ],
)
def test_signatures_that_are_refused(signature: str, message: str) -> None:
    text = f"from __future__ import annotations\ndef f({signature}):\n    x = 1\n"
    with pytest.raises(ProgramError) as caught:
        pcpu.program(executed(text)["f"])
    assert message in str(caught.value)
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_what_is_no_function() -> None:
    with pytest.raises(UsageError, match=r"pcpu\.program is for functions, not for str"):
        pcpu.program("crc32c")  # type: ignore[call-overload]
    scope: dict[str, Any] = {"pcpu": pcpu}
    exec("def f(data: pcpu.InOut): data.xor(1)", scope)
    with pytest.raises(
        UsageError, match="the source of f cannot be read from <string>: put the function in a file"
    ):
        pcpu.program(scope["f"])
    with pytest.raises(ProgramError, match="a program is no coroutine"):
        pcpu.program(executed("async def f(data: pcpu.InOut): data.xor(1)")["f"])
    with pytest.raises(UsageError, match="cannot be read"):
        pcpu.program(lambda data: None)


def test_traps_have_the_line_of_python() -> None:
    @pcpu.program
    def f(data: pcpu.InOut, n: pcpu.U8) -> None:
        data[n : n + 4].xor(1)  # the line

    with pytest.raises(pcpu.TrapError) as caught:
        f(b"abcd", 1)
    lines = Path(__file__).read_text("utf-8").splitlines()
    assert lines[caught.value.line - 1].endswith("# the line")
