"""A thin layer over llvmlite's builder: locals, loops and constants.

Loop variables live in allocas, which LLVM's SROA turns into registers; that keeps the
lowering free of phi nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from pcpu.target import Target

Value = Any  # llvmlite has no types
I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
POINTER = ir.PointerType()


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

    @property
    def module(self) -> Any:
        return self.function.module

    def size(self, value: int) -> Value:
        return self.usize(value)

    def local(self, kind: Value, value: Value | None = None, name: str = "") -> Value:
        """A local variable: an alloca, set to ``value`` where we are."""
        slot = self.entry.alloca(kind, name=name)
        if value is not None:
            self.b.store(value, slot)
        return slot

    def load(self, kind: Value, pointer: Value, align: int | None = None) -> Value:
        return self.b.load(pointer, typ=kind, align=align)

    def byte_at(self, pointer: Value, offset: Value) -> Value:
        """The address ``pointer + offset``; spans never wrap around memory."""
        return self.b.gep(pointer, [offset], inbounds=True, source_etype=I8)

    def resize(self, value: Value, bits: int) -> Value:
        """``value`` zero-extended or truncated to ``bits``."""
        kind = ir.IntType(bits)
        if value.type.width < bits:
            return self.b.zext(value, kind)
        return self.b.trunc(value, kind) if value.type.width > bits else value

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
    def when(self, condition: Value) -> Iterator[None]:
        with self.b.if_then(condition):
            yield

    def at_most(self, value: Value, limit: Value) -> Value:
        return self.b.select(self.b.icmp_unsigned("<", value, limit), value, limit)


def _plain_loop(module: Any) -> Value:
    properties = [
        module.add_metadata([ir.MetaDataString(module, "llvm.loop.vectorize.enable"), I1(0)]),
        module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")]),
    ]
    # A loop's identity is a node whose first operand is itself.
    node = module.add_metadata([I64(len(module.metadata)), *properties])
    node.operands = (node, *properties)
    return node
