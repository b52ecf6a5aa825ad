"""Mistakes with a builder: errors point at the line of Python that made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import pcpu
from pcpu.errors import ProgramError

# Mistakes: each function marks the line that is wrong


def unknown_operation(b: pcpu.Builder) -> None:
    b.op("xorr", b.inout(), 1)  # !


def out_of_range(b: pcpu.Builder) -> None:
    data = b.inout()
    with b.repeat(8):
        b.crc32(data)
        b.xor(data, 256)  # !


def not_a_span(b: pcpu.Builder) -> None:
    b.crc32(b.number_param("n"))  # type: ignore[arg-type]  # !


def not_bytes(b: pcpu.Builder) -> None:
    b.mask(b.inout(), 5)  # type: ignore[arg-type]  # !


def not_a_number(b: pcpu.Builder) -> None:
    b.xor(b.inout(), b"5")  # type: ignore[arg-type]  # !


def a_float(b: pcpu.Builder) -> None:
    b.let("n", 1.5)  # type: ignore[arg-type]  # !


def too_large(b: pcpu.Builder) -> None:
    b.let("n", b.number_param("m") + 2**64)  # !


def an_if(b: pcpu.Builder) -> None:
    n = b.number_param("n")
    if n > 3:  # !
        b.xor(b.inout(), 1)


def a_range(b: pcpu.Builder) -> None:
    for _ in range(b.number_param("n")):  # !
        pass


def a_length(b: pcpu.Builder) -> None:
    len(b.inout())  # !


def a_byte(b: pcpu.Builder) -> None:
    b.inout()[5]  # type: ignore[index]  # !


def a_step(b: pcpu.Builder) -> None:
    b.crc32(b.inout()[::2])  # !


def backwards(b: pcpu.Builder) -> None:
    b.crc32(b.inout()[5:3])  # !


def a_remainder(b: pcpu.Builder) -> None:
    b.let("n", b.number_param("m") % 0)  # !


def no_name(b: pcpu.Builder) -> None:
    b.number_param("Key")  # !


def no_width(b: pcpu.Builder) -> None:
    b.number_param("key", 65)  # !


def taken(b: pcpu.Builder) -> None:
    b.number_param("key")
    b.inout("key")  # !
    b.crc32(b.inout())


def else_alone(b: pcpu.Builder) -> None:
    b.crc32(b.inout())
    with b.else_():  # !
        pass


def never_entered(b: pcpu.Builder) -> None:
    data = b.inout()
    b.if_(b.number_param("n") > 1)  # !
    b.xor(data, 1)


def a_loop_in_a_fuse(b: pcpu.Builder) -> None:
    data = b.inout()
    with b.fuse():
        b.xor(data, 1)
        with b.repeat(2):  # !
            pass


def a_let_in_a_fuse(b: pcpu.Builder) -> None:
    with b.fuse():
        b.let("n", 1)  # !


def after_its_loop(b: pcpu.Builder) -> None:
    data = b.inout()
    with b.each_window(data, 4) as w:
        b.xor(w, 1)
    b.crc32(w)  # !


def read_only(b: pcpu.Builder) -> None:
    b.xor(b.in_("blob"), 1)  # !


def unbounded(b: pcpu.Builder) -> None:
    n = b.crc32(b.inout())
    with b.repeat(n * n):  # !
        b.let("x", 1)


def no_table(b: pcpu.Builder) -> None:
    with b.each_window(b.inout(), 4) as w:
        w.row(b.crc32(w))  # !


def no_register(b: pcpu.Builder) -> None:
    b.crc32(b.inout())
    b.returns(b.number_param("n") + 1)  # !


def too_deep(b: pcpu.Builder) -> None:
    n = b.number_param("n")
    for _ in range(100):
        n = n + 1  # !


def a_missing_operand(b: pcpu.Builder) -> None:
    b.op("xor", b.inout())  # !


MISTAKES: list[tuple[Callable[[pcpu.Builder], None], str, str]] = [
    (unknown_operation, "unknown-op", "unknown operation 'xorr'; did you mean 'xor'?"),
    (out_of_range, "immediate-range", "256 is outside 0..255, the range of imm8 of xor"),
    (not_a_span, "wrong-kind", "a span is needed here: a buffer, a window, a table or a slice of one, not Number"),
    (not_bytes, "wrong-kind", "bytes or str are needed here, not int"),
    (not_a_number, "wrong-kind", "a number is needed here: an int or a Number, not bytes"),
    (a_float, "wrong-kind", "a number is needed here: an int or a Number, not float"),
    (too_large, "immediate-range", "a number has at most 64 bits"),
    (an_if, "wrong-kind", "this number is not known while the program is built; write 'with b.if_(...):' for 'if', and & and | for 'and' and 'or'"),
    (a_range, "wrong-kind", "this number is not known while the program is built; write 'with b.repeat(...)' for a loop over it"),
    (a_length, "wrong-kind", "the length is not known while the program is built; write data.len"),
    (a_byte, "wrong-kind", "write data[5:...] for a span; a byte of a buffer is no number"),
    (a_step, "syntax", "a span has no step"),
    (backwards, "span-range", "the slice 5:3 ends before it begins"),
    (a_remainder, "syntax", "'%' takes a constant above 0 on its right"),
    (no_name, "syntax", "'Key' is no name: a-z, 0-9 and _, at most 32 characters"),
    (no_width, "wrong-kind", "a number has 1 to 64 bits"),
    (taken, "name-taken", "'key' is a parameter already"),
    (else_alone, "block", "an 'else' without an 'if' that ended just before it"),
    (never_entered, "block", "nothing runs in this block; write 'with b.if_(...):'"),
    (a_loop_in_a_fuse, "block", "only operations stand in a fuse"),
    (a_let_in_a_fuse, "block", "only operations stand in a fuse"),
    (after_its_loop, "unknown-name", ""),
    (read_only, "read-only", ""),
    (unbounded, "unbounded", ""),
    (no_table, "wrong-kind", "the loop has no table; give it one with into=..."),
    (no_register, "wrong-kind", "only registers can be returned; give the number a name with b.let(...)"),
    (too_deep, "too-long", "an expression nests at most 64 deep; keep a part of it in a let"),
    (a_missing_operand, "immediate-count", "xor takes 1 operand after the span (imm8), 0 given"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "code", "message"), MISTAKES, ids=lambda v: getattr(v, "__name__", "")
)
def test_errors_point_at_the_line(
    build: Callable[[pcpu.Builder], None], code: str, message: str
) -> None:
    b = pcpu.Builder()
    with pytest.raises(ProgramError) as caught:
        build(b)
        b.build()
    error = caught.value
    assert error.place is not None
    line = Path(__file__).read_text("utf-8").splitlines()[error.place.line - 1]
    assert line.endswith("# !"), str(error)
    assert error.place.file == __file__
    assert line.strip() in str(error)
    assert error.code == code
    assert message in error.message


def test_all_mistakes_are_reported() -> None:
    b = pcpu.Builder()
    data = b.inout()
    b.xor(data, 256)
    b.crc32(b.in_("blob")[0:10])
    b.add(data, 300)
    with pytest.raises(pcpu.ProgramErrors) as caught:
        b.build()
    lines = [e.place.line for e in caught.value.errors if e.place]
    assert len(lines) == 2
    assert lines[1] == lines[0] + 2


def test_an_open_block() -> None:
    b = pcpu.Builder()
    data = b.inout()
    with pytest.raises(ProgramError, match="a block is not closed"), b.repeat(2):
        b.xor(data, 1)
        b.build()


def test_code_without_a_file() -> None:
    scope = {"b": pcpu.Builder()}
    text = "data = b.inout()\nb.xor(data, 256)\nb.build()"
    with pytest.raises(ProgramError) as caught:
        exec(compile(text, "<nowhere>", "exec"), scope)
    assert str(caught.value).startswith("<nowhere>:2:1: 256 is outside")
