"""What functions that are programs may not do: errors have the line and the column."""

from __future__ import annotations

from typing import Any

import pytest

import pcpu
from pcpu.errors import ProgramError, UsageError
from tests.sdk.texts import executed

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
        ("a = n" + " + 1" * 64, 5, "an expression nests at most 64 deep; give a part of it a name"),
        ("a = " + "-" * 500 + "n", 69, "an expression nests at most 64 deep; give a part of it a name"),
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
    assert body.split("\n")[row - 1][:70] in str(error)


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


def test_functions_that_nest_too_deeply() -> None:
    arms = "".join(f"    elif len(data) == {n}: data.xor(1)\n" for n in range(900))
    for body in (f"    if n: data.xor(1)\n{arms}", f"    data{'[0:1]' * 1500}.xor(1)\n"):
        text = f"def f(data: pcpu.InOut, n: pcpu.U8):\n{body}"
        with pytest.raises(ProgramError, match=r"nests? (too|at most)") as caught:
            pcpu.program(executed(text)["f"])
        assert caught.value.place is not None


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
