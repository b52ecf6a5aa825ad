"""A thin layer over llvmlite's builder: locals, loops and constants.

Loop variables live in allocas, which LLVM's SROA turns into registers; that keeps the
lowering free of phi nodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from pcpu.target import Target

Value = Any  # llvmlite has no types
I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
POINTER = ir.PointerType()


@dataclass(frozen=True)
class Mark:
    """What code is of: a statement, by its number, and a part of it (mark.py)."""

    statement: int | None = None
    part: int = 0


def _bits(value: Value) -> int:
    """Of a vector; 0 of anything else."""
    kind = value.type
    return kind.count * kind.element.width if isinstance(kind, ir.VectorType) else 0


class Code:
    """Builds the body of one function."""

    def __init__(self, function: Value, target: Target) -> None:
        self.function, self.target = function, target
        self.usize = ir.IntType(target.pointer_bits)
        self.entry = ir.IRBuilder(function.append_basic_block("entry"))
        start = function.append_basic_block("start")
        self.entry_branch = self.entry.branch(start)
        self.entry.position_before(self.entry_branch)
        self.b: Any = ir.IRBuilder(start)
        self._kept: dict[tuple[int, int, int], Value] = {}
        self._rows: dict[bytes, Value] = {}
        self._unread: Value | None = None
        self.location: Callable[[Mark], Value] | None = None  # where code is marked
        self._mark = Mark()

    @property
    def module(self) -> Any:
        return self.function.module

    def mark(self, mark: Mark) -> None:
        """Say what the code from here on is of."""
        self._mark = mark
        if self.location is not None:
            self.b.debug_metadata = self.location(mark)

    def mark_part(self, part: int) -> None:
        """Say which part of its statement the code from here on is."""
        self.mark(replace(self._mark, part=part))

    @contextmanager
    def marked(self, statement: int) -> Iterator[None]:
        before = self._mark
        self.mark(Mark(statement))
        yield
        self.mark(before)

    def size(self, value: int) -> Value:
        return self.usize(value)

    def local(self, kind: Value, value: Value | None = None, name: str = "") -> Value:
        """A local variable: an alloca, set to ``value`` where we are."""
        slot = self.entry.alloca(kind, name=name)
        if value is not None:
            self.b.store(value, slot)
        return slot

    def room(self, size: int, align: int = 8) -> Value:
        """The address of ``size`` bytes of this function's own."""
        slot = self.entry.alloca(ir.ArrayType(I8, size))
        slot.align = align
        slot.type = POINTER  # of no kind, so that anything may be stored there
        return slot

    def table(self, name: str, kind: Value, values: Sequence[int]) -> Value:
        """The address of a constant array, shared by the module."""
        if name not in self.module.globals:
            array = ir.ArrayType(kind, len(values))
            table = ir.GlobalVariable(self.module, array, name)
            table.linkage, table.global_constant, table.unnamed_addr = "internal", True, True
            table.align = 64
            table.initializer = array(bytearray(values) if kind == I8 else list(values))
            table.type = POINTER  # llvmlite would type it
        return self.module.globals[name]

    def array(self, content: bytes) -> Value:
        """The address of constant bytes of the module."""
        name = f"bytes.{len(content)}.{hashlib.sha256(content).hexdigest()[:32]}"
        if name not in self.module.globals:
            kind = ir.ArrayType(I8, len(content))
            made = ir.GlobalVariable(self.module, kind, name)
            made.linkage, made.global_constant, made.unnamed_addr = "internal", True, True
            made.initializer = kind(bytearray(content))
            made.type = POINTER  # whatever its length: addresses of arrays stand for each other
        return self.module.globals[name]

    def memory(self, name: str, size: int) -> Value:
        """The address of ``size`` bytes that all functions of the module share, once for all of
        its instances' calls: only for modules that one thread runs."""
        assert self.target.plain_engine
        if name not in self.module.globals:
            kind = ir.ArrayType(I8, size)
            memory = ir.GlobalVariable(self.module, kind, name)
            memory.linkage, memory.initializer = "internal", ir.Constant(kind, None)
            memory.align = 64
            memory.type = POINTER  # llvmlite would type it
        return self.module.globals[name]

    def load(self, kind: Value, pointer: Value, align: int | None = None) -> Value:
        return self.b.load(pointer, typ=kind, align=align)

    def byte_at(self, pointer: Value, offset: Value) -> Value:
        """The address ``pointer + offset``; spans never wrap around memory."""
        return self.b.gep(pointer, [offset], inbounds=True, source_etype=I8)

    def within(self, pointer: Value, offset: Value) -> Value:
        """The address ``pointer + offset`` where the addition does not wrap either.

        Only then may it move into the offset field of a WebAssembly load or store.
        """
        made = _Offset(self.b.block, pointer, [offset], True, "", source_etype=I8)
        self.b._insert(made)
        return made

    def resize(self, value: Value, bits: int) -> Value:
        """``value`` zero-extended or truncated to ``bits``."""
        kind = ir.IntType(bits)
        if value.type.width < bits:
            return self.b.zext(value, kind)
        return self.b.trunc(value, kind) if value.type.width > bits else value

    def opaque(self, value: Value) -> Value:
        """``value``, of which LLVM for WebAssembly knows nothing any more; elsewhere itself.

        V8 compiles what LLVM gives it rather plainly. So LLVM must not, say, join a loop's
        pointers into one index, after which every load adds its distance anew.
        """
        return self._opaque(self.b, value)

    def here(self, value: Value) -> Value:
        """``value``, which LLVM for WebAssembly computes here, in order with loads and stores.

        In a long block it would rather do these first and keep what they give for later: more
        than there are registers. Values larger than a register come back as they are.
        """
        if _bits(value) > 128:
            return value
        return self._opaque(self.b, value, side_effect=True)

    def settle(self, value: Value) -> None:
        """Have the vector ``value`` computed here, in order with loads and stores, by V8 too.

        V8 computes late what nothing but the next turn of a loop asks for, and keeps till then all
        that it comes from. So this stores it where nobody looks. LLVM does the same where such
        loops are long, with AVX2, and is told that something looks at the register.
        """
        if not self.target.plain_engine:
            if "+avx2" in self.target.features and _bits(value) == 256:
                kind = ir.FunctionType(ir.VoidType(), [value.type])
                self.b.asm(kind, "", "x", [value], side_effect=True)
            return
        if self._unread is None:
            self._unread = self.room(64, 16)
        made = _Volatile(self.b.block, value, self._unread)
        made.align = 16
        self.b._insert(made)

    def _opaque(self, builder: Any, value: Value, *, side_effect: bool = False) -> Value:
        if not self.target.plain_engine:
            return value
        kind = ir.FunctionType(value.type, [value.type])
        return builder.asm(kind, "", "=r,0", [value], side_effect=side_effect)

    def kept(self, value: int, bits: int, lanes: int) -> Value:
        """A vector of ``lanes`` times ``value`` that stays in a register.

        V8 makes vector constants anew in each turn of a loop, so for WebAssembly this one comes
        from memory, once where the function begins. Zeros are cheap to make.
        """
        if not self.target.plain_engine or value == 0:
            return ir.VectorType(ir.IntType(bits), lanes)([value] * lanes)
        return self._kept_vector(value, bits, lanes)

    def unknown_zero(self, bits: int, lanes: int) -> Value:
        """Zeros, or one, of which LLVM for WebAssembly knows nothing; elsewhere plain ones."""
        if lanes == 1:
            kind = ir.IntType(bits)
            plain = not self.target.plain_engine
            return kind(0) if plain else self._from_memory(self.entry, 0, bits)
        if not self.target.plain_engine:
            return ir.VectorType(ir.IntType(bits), lanes)([0] * lanes)
        return self._kept_vector(0, bits, lanes)

    def kept_row(self, content: bytes) -> Value:
        """Bytes as a vector that stays in a register, as in ``kept``."""
        kind = ir.VectorType(I8, len(content))
        if not self.target.plain_engine:
            return kind(list(content))
        if content not in self._rows:
            table = self.table(f"row.{content.hex()}", I8, list(content))
            self._rows[content] = self.entry.load(self._opaque(self.entry, table), typ=kind)
        return self._rows[content]

    def _kept_vector(self, value: int, bits: int, lanes: int) -> Value:
        kind = ir.VectorType(ir.IntType(bits), lanes)
        key = (value, bits, lanes)
        if key not in self._kept:
            b = self.entry
            one = self._from_memory(b, value, bits)
            nothing = ir.Constant(kind, ir.Undefined)
            mask = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
            self._kept[key] = b.shuffle_vector(
                b.insert_element(nothing, one, I32(0)), nothing, mask
            )
        return self._kept[key]

    def _from_memory(self, builder: Any, value: int, bits: int) -> Value:
        """``value`` read from memory, which neither LLVM nor V8 takes for a constant."""
        kind, name = ir.IntType(bits), f"kept.{bits}.{value}"
        if name not in self.module.globals:
            variable = ir.GlobalVariable(self.module, kind, name)
            variable.linkage, variable.initializer = "internal", kind(value)
        return builder.load(self._opaque(builder, self.module.globals[name]), typ=kind)

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int, *, plain: bool = False) -> Iterator[Value]:
        """``for (i = start; i + step <= stop; i += step)``; yields ``i``.

        ``stop - start`` must not be negative. A ``plain`` loop is short: LLVM is told to
        neither vectorize nor unroll it.
        """
        index = self.local(self.usize, start)
        head, body, after = (self.function.append_basic_block(n) for n in ("head", "body", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        i = self.load(self.usize, index)
        left = self.b.sub(stop, i)  # rather than i + step, which may wrap
        self.b.cbranch(self.b.icmp_unsigned(">=", left, self.size(step)), body, after)
        self.b.position_at_end(body)
        yield i
        self.b.store(self.b.add(i, self.size(step)), index)
        back = self.b.branch(head)
        if plain:
            back.set_metadata("llvm.loop", _plain_loop(self.module))
        self.b.position_at_end(after)

    @contextmanager
    def pieces(self, start: Value, stop: Value, size: int | None) -> Iterator[tuple[Value, Value]]:
        """``start .. stop`` in pieces of ``size`` and one that is shorter, each not empty.

        Without a size it is one piece, which may be empty. Yields where a piece begins and ends.
        """
        if size is None:
            yield start, stop
            return
        position = self.local(self.usize, start)
        head, body, after = (
            self.function.append_basic_block(n) for n in ("pieces", "piece", "after")
        )
        self.b.branch(head)
        self.b.position_at_end(head)
        begin = self.load(self.usize, position)
        self.b.cbranch(self.b.icmp_unsigned("!=", begin, stop), body, after)
        self.b.position_at_end(body)
        end = self.b.add(begin, self.at_most(self.b.sub(stop, begin), self.size(size)))
        yield begin, end
        self.b.store(end, position)
        self.b.branch(head)
        self.b.position_at_end(after)

    @contextmanager
    def turns(self, count: Value) -> Iterator[Value]:
        """A loop of ``count`` turns, a number of 64 bits; yields the turn's number, from 0."""
        index = self.local(I64, I64(0))
        head, body, after = (self.function.append_basic_block(n) for n in ("head", "turn", "after"))
        self.b.branch(head)
        self.b.position_at_end(head)
        turn = self.load(I64, index)
        self.b.cbranch(self.b.icmp_unsigned("<", turn, count), body, after)
        self.b.position_at_end(body)
        yield turn
        self.b.store(self.b.add(turn, I64(1)), index)
        self.b.branch(head)
        self.b.position_at_end(after)

    @contextmanager
    def unlikely(self, condition: Value) -> Iterator[None]:
        """What is to be done in the rare case, which has to end with a return."""
        rare, usual = (self.function.append_basic_block(n) for n in ("rare", "usual"))
        branch = self.b.cbranch(condition, rare, usual)
        branch.set_weights([1, 1 << 20])
        self.b.position_at_end(rare)
        yield
        self.b.position_at_end(usual)

    def to_size(self, value: Value) -> Value:
        """A number of 64 bits that is known to be a size of this machine."""
        return self.resize(value, self.usize.width)

    def divide_up(self, value: Value, by: Value) -> Value:
        """``value / by``, rounded up; ``by`` is not 0."""
        left = self.b.icmp_unsigned("!=", self.b.urem(value, by), value.type(0))
        return self.b.add(self.b.udiv(value, by), self.b.zext(left, value.type))

    def fill(self, target: Value, byte: Value, size: Value) -> None:
        """``size`` times ``byte``."""
        self._memory("memset", [target, byte, size, I1(0)])

    def move(self, target: Value, source: Value, size: Value) -> None:
        """``size`` bytes; the two may overlap."""
        self._memory("memmove", [target, source, size, I1(0)])

    def _memory(self, name: str, arguments: list[Value]) -> None:
        pointers = ".p0" if name == "memset" else ".p0.p0"
        full = f"llvm.{name}{pointers}.i{self.usize.width}"
        function = self.module.globals.get(full)
        if function is None:
            kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            function = ir.Function(self.module, kind, full)
        self.b.call(function, arguments)

    def call(self, name: str, returns: Value, arguments: list[Value]) -> Value:
        """A call of one of LLVM's own functions."""
        function = self.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(returns, [argument.type for argument in arguments])
            function = ir.Function(self.module, kind, name)
        return self.b.call(function, arguments)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        with self.b.if_then(condition):
            yield

    def at_most(self, value: Value, limit: Value) -> Value:
        return self.b.select(self.b.icmp_unsigned("<", value, limit), value, limit)


class _Volatile(ir.instructions.StoreInstr):  # type: ignore[misc]
    """A store that stays, for which llvmlite has no word."""

    def descr(self, buf: list[str]) -> None:
        parts: list[str] = []
        super().descr(parts)
        buf += [part.replace("store ", "store volatile ") for part in parts]


class _Offset(ir.instructions.GEPInstr):  # type: ignore[misc]
    """An offset that does not wrap, for which llvmlite has no word."""

    def descr(self, buf: list[str]) -> None:
        parts: list[str] = []
        super().descr(parts)
        buf += [part.replace("inbounds", "inbounds nuw") for part in parts]


def _plain_loop(module: Any) -> Value:
    properties = [
        module.add_metadata([ir.MetaDataString(module, "llvm.loop.vectorize.enable"), I1(0)]),
        module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")]),
    ]
    # A loop's identity is a node whose first operand is itself.
    node = module.add_metadata([I64(len(module.metadata)), *properties])
    node.operands = (node, *properties)
    return node
