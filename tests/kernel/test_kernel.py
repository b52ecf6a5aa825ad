"""Kernels compiled for this machine give what they give as Python."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from llvmlite import ir

from pcpu import llvm, targets
from pcpu.errors import InternalError
from pcpu.iprog.finders import elf
from pcpu.iprog.finders.elf import COMPRESSED
from pcpu.kernel import Bytes, Ints, Memory
from pcpu.kernel.memory import lowest_bit, match_16, move_16, put_64, u32_at
from pcpu.kernel.module import translate
from pcpu.kernel.values import I64

TABLE = np.array([3, 1, 4, 1, 5, 9, 2, 6], np.uint8)
LIMIT = 1000


def compiled(kernel: Callable[..., Any], **known: int) -> Callable[..., int]:
    """``kernel`` as a function of a shared object; arrays are numpy's."""
    target = targets.find("host")
    translation = translate([kernel], "test", 64, known)
    _, inner = translation.kernel(kernel)
    outer = ir.Function(translation.module, inner.function_type, "outer")
    builder = ir.IRBuilder(outer.append_basic_block())
    result = builder.call(inner, outer.args)
    if inner.function_type.return_type == ir.VoidType():
        builder.ret_void()
    else:
        builder.ret(result)
    module = llvm.parse(translation.text(), target)
    llvm.optimise(module, target)
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        Path(file.name).write_bytes(target.link(llvm.emit(module, target, "obj"), ["outer"]))
        function = ctypes.CDLL(file.name).outer
    function.restype = ctypes.c_int64 if inner.function_type.return_type == I64 else ctypes.c_bool

    def call(*arguments: Any) -> int:
        passed: list[Any] = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                passed += [ctypes.c_void_p(argument.ctypes.data), ctypes.c_int64(len(argument))]
            else:
                passed.append(ctypes.c_int64(argument))
        found: int = function(*passed)
        return found

    return call


def arithmetic(a: int, c: int) -> int:
    x = a + c * 3 - (a & c) | (a ^ c)
    x += a // 8 + a % 8 + a // 10 + a % 10 + (c >> 3) - ~a
    x -= min(a, c) + max(a, -c)
    return x + (a < c) + (1 if a == c else 2)


def numbers(b: Bytes, out: Ints) -> int:
    """LEB128 numbers, as long as they are whole."""
    at = count = 0
    while at < len(b):
        value, end = one(b, at)
        if end == 0:
            break
        out[count] = value
        count += 1
        at = end
    return count


def one(b: Bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    for place in range(at, min(len(b), at + 9)):
        value |= (int(b[place]) & 127) << shift
        shift += 7
        if b[place] < 128:
            return value, place + 1
    return value, 0


def control(b: Bytes) -> int:
    total = 0
    for i in range(len(b) - 1, -1, -2):
        if b[i] in (3, 5, 7) or (b[i] > 200 and i % 3 == 1):
            continue
        if not total < LIMIT:
            break
        total += int(TABLE[b[i] & 7]) if 4 <= b[i] < 250 else 100
    return total


def flags(b: Bytes) -> int:
    return COMPRESSED + elf.COMPRESSED


def copied(a: Bytes, c: Bytes) -> bool:
    half = len(a) // 2
    view = a[half:]
    view[0 : len(c)] = c[0 : len(c)]
    a[0] = a[half] + 1
    return bool(a[half] == c[0])


def by_address(m: Memory, at: int, count: int) -> int:
    b: Bytes = m[at : at + count]
    put_64(m, at, u32_at(m, at + 8) * 3)
    move_16(m, at + 16, m, at)
    m[at + 40 : at + 48] = m[at : at + 8]
    m[at + 48] = m[at + 9]
    return plus(m, at + 40) + len(b)


def plus(m: Memory, at: int) -> int:
    return int(m[at]) + int(m[at + 8])


WORDS = (0, 1, -1, 7, -9, 100, 12345, -(1 << 40), (1 << 40) + 3)


def test_arithmetic() -> None:
    made = compiled(arithmetic)
    for a in WORDS:
        for c in WORDS:
            assert made(a, c) == arithmetic(a, c), (a, c)


def test_loops_calls_and_arrays() -> None:
    made, random = compiled(numbers), Random(1)
    for size in range(60):
        data = np.frombuffer(random.randbytes(size), np.uint8)
        out, wanted = np.zeros(60, np.int64), np.zeros(60, np.int64)
        assert made(data, out) == plain(numbers)(data, wanted)
        assert out.tolist() == wanted.tolist()


def test_control_and_constants() -> None:
    made, random = compiled(control), Random(2)
    fewer = compiled(control, **{"test_kernel.LIMIT": 20})
    for size in range(200):
        data = np.frombuffer(random.randbytes(size), np.uint8)
        assert made(data) == plain(control)(data)
        assert fewer(data) <= 120


def test_constants_are_known_by_their_modules() -> None:
    """A decoder that has nothing compressed would take ELF's flag of that name for none."""
    data = np.full(400, 255, np.uint8)
    for name in ("elsewhere.LIMIT", "LIMIT"):
        assert compiled(control, **{name: 20})(data) == plain(control)(data) > 120
    assert compiled(flags)(data) == plain(flags)(data) == 2 * elf.COMPRESSED
    assert compiled(flags, **{"state.COMPRESSED": 1})(data) == 2 * elf.COMPRESSED
    assert compiled(flags, **{"elf.COMPRESSED": 1})(data) == 2


def test_all_of_memory() -> None:
    made = compiled(by_address)
    data = np.frombuffer(Random(4).randbytes(64), np.uint8)
    a, c = data.copy(), data.copy()
    assert made(a.ctypes.data, 64) == plain(by_address)(c, 0, 64)
    assert a.tolist() == c.tolist() != data.tolist()


def test_views_and_copies() -> None:
    made = compiled(copied)
    a, c = np.zeros(10, np.uint8), np.array([7, 8, 9], np.uint8)
    assert made(a, c)
    assert a.tolist() == [8, 0, 0, 0, 0, 7, 8, 9, 0, 0]


def matched(b: Bytes, mask: int, first: int, most: int) -> int:
    found = 0
    for at in range(0, len(b) - 15, 16):
        found = found * 5 + match_16(b, at, mask, first, most) + match_16(b, at, 0xC7, 0x05, 0)
    return found + lowest_bit(found)


def test_sixteen_bytes_at_once() -> None:
    made, random = compiled(matched), Random(3)
    for _ in range(200):
        data = np.frombuffer(random.randbytes(48), np.uint8)
        given = (
            random.choice([0xFF, 0xF0, 0x3B]),
            random.randrange(-200, 400),
            random.randrange(256),
        )
        assert made(data, *given) == plain(matched)(data, *given)
    assert compiled(lowest_bit)(0) == lowest_bit(0) == 64


def moved(a: Ints, at: int, to: int, count: int) -> None:
    a[to : to + count] = a[at : at + count]


def test_copies_within_an_array_may_overlap() -> None:
    made = compiled(moved)
    for at, to in ((0, 3), (3, 0), (2, 2)):
        a, c = np.arange(40), np.arange(40)
        made(a, at, to, 30)
        moved(c, at, to, 30)  # type: ignore[arg-type]
        assert a.tolist() == c.tolist()


def counted(a: Ints) -> int:
    a[0] += 1
    return a[0]


def twice(a: Ints) -> int:
    found = a[1] = counted(a)
    return 10 * found + a[1]


def test_several_targets_get_one_value() -> None:
    a, c = np.zeros(2, np.int64), np.zeros(2, np.int64)
    assert compiled(twice)(a) == plain(twice)(c) == 11
    assert a.tolist() == c.tolist() == [1, 1]


def plain(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel as Python, which takes arrays of numpy."""
    return kernel


def outside(statement: str) -> Callable[..., Any]:
    """A function of one statement, whose syntax can be read."""
    folder = Path(tempfile.mkdtemp())
    source = folder / "made.py"
    source.write_text(f"def made(a: int) -> int:\n    {statement}\n")
    space: dict[str, Any] = {}
    exec(compile(source.read_text(), str(source), "exec"), space)
    found: Callable[..., Any] = space["made"]
    return found


@pytest.mark.parametrize(
    "statement",
    ["return a / 2", "return a // a", "return [a]", "raise ValueError", "return unknown(a)"],
)
def test_what_is_no_kernel_is_named(statement: str) -> None:
    with pytest.raises(InternalError, match=r"made\.py:2"):
        translate([outside(statement)], "test", 64)


CHOSEN = 6


def chosen(kind: int, number: int) -> bool:
    """Whether a kind has this number, one of those that are asked for."""
    return CHOSEN >> number & 1 != 0 and kind == number


def worth(a: Ints, kind: int) -> int:
    found = 0
    if chosen(kind, 1):
        found = plus_one(a)
    elif chosen(kind, 2):
        found = -plus_one(a)
    elif kind > 2 and chosen(kind, 3):
        found = ten_more(a)
    if plus_one(a) > 0 and chosen(kind, 4):  # the first writes
        found += 100
    return found if CHOSEN & 8 == 0 else found + 1000


def plus_one(a: Ints) -> int:
    a[0] += 1
    return a[0]


def ten_more(a: Ints) -> int:
    a[0] += 10
    return a[0]


def after_a_loop(b: Bytes, at: int, wanted: int) -> int:
    while at < len(b):
        if b[at] == wanted:
            return at
        at += 1
    return 0


def first_seven(b: Bytes) -> int:
    return after_a_loop(b, 0, 7) if len(b) > 1 else 0


@pytest.mark.parametrize("known", [{}, {"test_kernel.CHOSEN": 31}, {"test_kernel.CHOSEN": 0}])
def test_what_only_other_constants_would_reach_is_not_translated(
    known: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "CHOSEN", known.get("test_kernel.CHOSEN", CHOSEN))
    translation = translate([worth], "test", 64, known)
    names = {function.name.rpartition(".")[2] for function in translation.module.functions}
    assert ("ten_more" in names) is (CHOSEN == 31)
    made = compiled(worth, **known)
    for kind in range(7):
        a, c = np.zeros(1, np.int64), np.zeros(1, np.int64)
        assert made(a, kind) == plain(worth)(c, kind)
        assert a[0] == c[0] >= 1


def test_a_last_statement_is_not_all_of_a_kernel() -> None:
    made = compiled(first_seven)
    for text in (b"", b"\7\7", b"\1\2\7", b"\1\2"):
        data = np.frombuffer(text, np.uint8)
        assert made(data) == plain(first_seven)(data)
