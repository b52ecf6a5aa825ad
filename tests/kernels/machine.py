"""Kernels of an operations module, called directly: native code and WebAssembly alike."""

from __future__ import annotations

import ctypes
import random
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
import wasmtime as _wasmtime

from pcpu import expr, targets
from pcpu.compiler import compile_operations
from pcpu.errors import ExpressionError
from pcpu.isa import Isa, Op
from pcpu.isa.model import Fold, Immediate
from pcpu.target import Target

wasmtime: Any = _wasmtime  # its types name too many kinds of exports
ROOM = 1 << 20  # bytes for data, and as many around it
GUARD = 64
NAMES = ("host", "wasm")
HOST = targets.find("host")
# A state, and data of a length.
Draw = Callable[[Op, random.Random, int], tuple[int, bytes]]


class Machine(Protocol):
    """``write`` puts bytes at an offset of a buffer; kernels run on spans of it."""

    def write(self, offset: int, data: bytes) -> None: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def call(self, name: str, bits: int, arguments: list[tuple[int, int]]) -> int:
        """Call an export that gives ``bits`` bits (0 for nothing); arguments are (value, bits)."""

    @property
    def pointer_bits(self) -> int: ...

    @property
    def base(self) -> int:
        """The address of the buffer."""


def machine(target: str, operations: tuple[Op, ...]) -> Machine:
    code = compile_operations(Isa(operations), targets.find(target)).code
    return Native(code) if target == "host" else Wasm(code)


def narrowed(*gone: str, cpu: str = "x86-64") -> Target:
    """This machine without the features that begin so; on others than x86-64 the test is skipped."""
    if not HOST.triple.startswith("x86_64"):
        pytest.skip("these are the widths of x86-64")
    features = tuple(f"-{f[1:]}" if f[1:].startswith(gone) else f for f in HOST.features)
    return replace(HOST, cpu=cpu, features=features)


class Native:
    pointer_bits = 64

    def __init__(self, code: bytes) -> None:
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(code)
            file.flush()
            self._library = ctypes.CDLL(file.name)
        self._buffer = (ctypes.c_ubyte * (ROOM + 2 * GUARD))()
        self.base = ctypes.addressof(self._buffer)

    def write(self, offset: int, data: bytes) -> None:
        ctypes.memmove(self.base + offset, data, len(data))

    def read(self, offset: int, length: int) -> bytes:
        return ctypes.string_at(self.base + offset, length)

    def call(self, name: str, bits: int, arguments: list[tuple[int, int]]) -> int:
        kinds = {32: ctypes.c_uint32, 64: ctypes.c_uint64}
        function = self._library[name]
        function.argtypes = [kinds[width] for _, width in arguments]
        function.restype = kinds.get(bits)
        found = function(*(value for value, _ in arguments))
        return found if bits else 0


class Wasm:
    pointer_bits = 32

    def __init__(self, code: bytes) -> None:
        self._store: Any = wasmtime.Store()
        module = wasmtime.Module(self._store.engine, code)
        self._exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        self.base = self._exports["malloc"](self._store, ROOM + 2 * GUARD) & 0xFFFFFFFF
        assert self.base

    def write(self, offset: int, data: bytes) -> None:
        self._exports["memory"].write(self._store, data, self.base + offset)

    def read(self, offset: int, length: int) -> bytes:
        start = self.base + offset
        return bytes(self._exports["memory"].read(self._store, start, start + length))

    def call(self, name: str, bits: int, arguments: list[tuple[int, int]]) -> int:
        signed = [value - (value >> (width - 1) << width) for value, width in arguments]
        found = self._exports[name](self._store, *signed)
        return found & ((1 << bits) - 1) if bits else 0


def update(
    on: Machine,
    op: Op,
    state: int,
    offset: int,
    length: int,
    immediates: tuple[int, ...] = (),
    index: int = 0,
) -> int:
    """The state after a fold's bytes ``offset .. offset + length`` of the buffer, of which the
    first is number ``index`` of the stream."""
    width = abi(op.state_bits)
    arguments = [(state, width), *_span(on, offset, length), *_given(op, immediates)]
    place = [(index % (1 << 64), 64)] if op.uses_index else []
    return on.call(f"pcpu_{op.name}_update", width, [*arguments, *place])


def serial(
    op: Op, state: int, data: bytes, immediates: tuple[int, ...] = (), index: int = 0
) -> int:
    """The state after ``data`` as Python's numbers have it, a byte after the other."""
    known = dict(zip((i.name for i in op.immediates), immediates, strict=True))
    step = expr.function(op.step_expr, ("state", "byte", "index"), op.state_bits, known)
    for place, byte in enumerate(data, start=index):
        state = step(state, byte, place % (1 << 64))
    return state


def any_input(op: Op, dice: random.Random, length: int) -> tuple[int, bytes]:
    """Any state, and so many bytes."""
    return dice.getrandbits(op.state_bits), dice.randbytes(length)


def check_lengths(
    on: Machine, op: Op, lengths: Iterable[int], draw: Draw = any_input, seed: object = None
) -> None:
    """``check_fold`` for what is drawn of each length."""
    dice = random.Random(f"{op.name} {seed}")
    for length in lengths:
        check_fold(on, op, *draw(op, dice, length), dice)


def check_fold(on: Machine, op: Op, state: int, data: bytes, dice: random.Random) -> None:
    """``check_at`` with any immediates, anywhere in a stream."""
    immediates = tuple(dice.randrange(256) for _ in op.immediates)
    around, index = dice.randbytes(64), any_place(dice, len(data))
    check_at(on, op, state, data, dice, immediates, index, around)


def check_at(
    on: Machine, op: Op, state: int, data: bytes, dice: random.Random,
    immediates: tuple[int, ...], index: int, around: bytes,
) -> None:  # fmt: skip
    """That ``data`` anywhere in memory, with something around it, whole and in two pieces, gives
    what ``serial`` does."""
    length, begin = len(data), dice.randrange(64)
    start, cut = begin + len(around), dice.randrange(length + 1)
    on.write(begin, around + data + around)
    want = serial(op, state, data, immediates, index)
    context = (op.document, length, start, cut, state, immediates, index)
    assert update(on, op, state, start, length, immediates, index) == want, context
    first = update(on, op, state, start, cut, immediates, index)
    rest = update(on, op, first, start + cut, length - cut, immediates, index + cut)
    assert rest == want, context


def over_lengths(some: Sequence[int], below: int = 0) -> pytest.MarkDecorator:
    """A test with these ``lengths``; with --slow also with all to 1024, and some ``below`` that."""
    dice = random.Random(below)
    every = [*range(1025), *(dice.randrange(below) for _ in range(20 if below else 0))]
    cases = [some, pytest.param(every, marks=pytest.mark.slow)]
    return pytest.mark.parametrize("lengths", cases, ids=["some", "every"])


def any_place(dice: random.Random, length: int) -> int:
    """Where in a stream so many bytes may begin: at its beginning, or so that places of 64 bits end
    behind them, or of fewer bits in them."""
    last = (1 << 64) - length - dice.randrange(1, 9)
    return dice.choice((0, 1, dice.randrange(5000), last, (5 << 32) - dice.randrange(length + 1)))


def run_map(
    on: Machine, op: Op, offset: int, length: int, immediates: tuple[int, ...] = ()
) -> None:
    on.call(f"pcpu_{op.name}", 0, [*_span(on, offset, length), *_given(op, immediates)])


def abi(bits: int) -> int:
    return 32 if bits <= 32 else 64


def _span(on: Machine, offset: int, length: int) -> list[tuple[int, int]]:
    return [(on.base + offset, on.pointer_bits), (length, on.pointer_bits)]


def _given(op: Op, immediates: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(v, abi(i.bits)) for v, i in zip(immediates, op.immediates, strict=True)]


def fold(
    name: str, bits: int, step: str, init: str = "0", immediates: tuple[tuple[str, int], ...] = ()
) -> Op:
    """A fold that gives its state."""
    args = ("data", *(f"{named}:imm{width}" for named, width in immediates))
    return Op(
        name=name, opcode=2000, aliases=(), args=args,
        immediates=tuple(Immediate(*pair) for pair in immediates), returns=f"u{bits}", doc="",
        document={"fold": {"state": bits, "init": init, "step": step}},
        fold=Fold(bits, init, step, None, None),
    )  # fmt: skip


def keyed(op: Op, *sizes: tuple[str, int, int]) -> Op:
    """``op`` with operands that are bytes, which its expressions may name."""
    return replace(op, immediates=tuple(Immediate(name, 0, (a, b)) for name, a, b in sizes))


def any_operand(imm: Immediate, dice: random.Random) -> int | bytes:
    if imm.sizes is None:
        return dice.getrandbits(imm.bits)
    return dice.randbytes(dice.randint(*imm.sizes))


def byte_map(name: str, text: str, immediates: tuple[tuple[str, int], ...] = ()) -> Op:
    """A map of every byte."""
    args = ("data", *(f"{named}:imm{width}" for named, width in immediates))
    return Op(
        name=name, opcode=2000, aliases=(), args=args,
        immediates=tuple(Immediate(*pair) for pair in immediates), returns="data", doc="",
        document={"map": text}, map=text,
    )  # fmt: skip


def told_apart(ops: Sequence[Op]) -> tuple[Op, ...]:
    """Those whose constants fit, with names and opcodes of their own: what a text was drawn for may
    be narrower than they are."""
    return tuple(
        replace(op, name=f"op{number}", opcode=2000 + number)
        for number, op in enumerate(ops)
        if _is_typed(op)
    )


def _is_typed(op: Op) -> bool:
    try:
        return bool(op.map_expr if op.kind == "map" else op.step_expr)
    except ExpressionError:
        return False


VECTORS = Path(__file__).parents[1] / "data"
