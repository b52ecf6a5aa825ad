"""How a reduction gathers a value for every byte in the lanes of vectors.

``accumulator`` picks the cheapest way that stays exact. Each has ``steps``, the number of vectors
after which a lane could overflow (None for never), and emits ``reset``, ``add`` of one vector
of values, and ``joined``, all that was added since the reset, as one integer. ``totals`` are its
lanes, for loops that ``Code.settle`` them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Protocol

from llvmlite import ir

from pcpu.lower.code import I64, Code, Value
from pcpu.lower.forms import Reduction
from pcpu.lower.kernels import vectors
from pcpu.lower.lane import joined, lane_type, pieces

# So many turns of a loop, or vectors in few long ones, make widening what 8-bit lanes gather cheap.
NARROW_TURNS = 16
NARROW_VECTORS = 128


class Accumulator(Protocol):
    @property
    def steps(self) -> int | None: ...

    def reset(self) -> None: ...

    def add(self, values: Value) -> None: ...

    def totals(self) -> list[Value]: ...

    def joined(self) -> Value: ...


def accumulator(
    code: Code, form: Reduction, state_bits: int, lanes: int, unrolled: int = 1
) -> Accumulator:
    """For ``lanes`` values at a time, in lanes of ``form.bits`` bits, in a loop that adds
    ``unrolled`` times in a turn."""
    assert form.bits is not None
    assert form.bound is not None
    if lanes > code.target.lanes:
        return _Paired(code, form, state_bits, lanes // 2, unrolled)
    if form.combine not in ("add", "sub"):
        return _Lanewise(code, form.combine, form.bits, lanes)
    if state_bits == form.bits:  # lanes overflow as the state does
        return _Lanewise(code, "add", form.bits, lanes)
    if form.bits == 8:
        if form.bound <= 1 and vectors.has_masks(code.target):
            return _Masks(code, lanes)
        if _stays_narrow(form.bound, unrolled):
            return _Narrow(code, max(1, form.bound), lanes)
        if vectors.adds_eights(code.target):
            return _Eights(code, lanes)
    return _Halves(code, form.bits, max(1, form.bound), lanes)


def _stays_narrow(bound: int, unrolled: int) -> bool:
    turns = 255 // (max(1, bound) * unrolled)
    return turns >= NARROW_TURNS or turns * unrolled >= NARROW_VECTORS


def registers(form: Reduction, state_bits: int, lanes: int) -> int:
    """The vectors of 16 bytes that an accumulator of ``lanes`` lanes takes on plain engines."""
    assert form.bits is not None
    assert form.bound is not None
    count = form.bits * lanes // 128
    plain = form.combine not in ("add", "sub") or state_bits == form.bits
    return count if plain or (form.bits == 8 and _stays_narrow(form.bound, 1)) else 2 * count


def pairs(form: Reduction) -> bool:
    """Whether two values can be joined in a lane of 8 bits."""
    if form.bits != 8 or form.bound is None:
        return False
    return form.combine not in ("add", "sub") or _stays_narrow(2 * form.bound, 1)


def combine(code: Code, how: str, a: Value, b: Value) -> Value:
    plain: dict[str, Callable[..., Value]] = {
        "add": code.b.add, "sub": code.b.sub, "mul": code.b.mul,
        "xor": code.b.xor, "or": code.b.or_, "and": code.b.and_,
    }  # fmt: skip
    if how in plain:
        return plain[how](a, b)
    less = code.b.icmp_unsigned("<" if how == "umin" else ">", a, b)
    return code.b.select(less, a, b)


def _keep(code: Code, slot: Value, total: Value) -> None:
    """Set ``slot``. LLVM would rather keep all that a long block adds and add it at the end."""
    code.b.store(code.here(total), slot)


class _Paired:
    """Twice as many values as there are lanes, pairs of which are joined first: half as many steps
    wait for each other."""

    def __init__(
        self, code: Code, form: Reduction, state_bits: int, lanes: int, unrolled: int
    ) -> None:
        self._code, self._form = code, form
        assert form.bound is not None
        bound = form.bound if form.combine not in ("add", "sub") else 2 * form.bound
        inner = accumulator(code, replace(form, bound=bound), state_bits, lanes, unrolled)
        self._add, self.steps = inner.add, inner.steps
        self.reset, self.totals, self.joined = inner.reset, inner.totals, inner.joined

    def add(self, values: Value) -> None:
        code = self._code
        parts = pieces(code, values, 16)
        half = len(parts) // 2
        halves = zip(parts[:half], parts[half:], strict=True)
        self._add(joined(code, [self._join(a, b) for a, b in halves]))

    def _join(self, a: Value, b: Value) -> Value:
        # LLVM would rather add one after the other.
        code, form = self._code, self._form
        if form.combine not in ("add", "sub"):
            return code.opaque(combine(code, form.combine, a, b))
        if form.bound != 1:
            return code.opaque(code.b.add(a, b))
        # What vectors have for a truth is -1.
        zero = ir.Constant(a.type, None)
        both = code.opaque(code.b.sub(code.b.sub(zero, a), b))
        return code.b.sub(zero, both)


class _Lanewise:
    """Lanes of the values' own width, which cannot overflow or may."""

    steps = None

    def __init__(self, code: Code, how: str, bits: int, lanes: int) -> None:
        self._code, self._how = code, how
        self._kind = lane_type(bits, lanes)
        self._neutral = (1 << bits) - 1 if how in ("and", "umin") else int(how == "mul")
        self._total = code.local(self._kind)

    def reset(self) -> None:
        self._code.b.store(self._kind([self._neutral] * self._kind.count), self._total)

    def add(self, values: Value) -> None:
        code = self._code
        (total,) = self.totals()
        _keep(code, self._total, combine(code, self._how, total, values))

    def totals(self) -> list[Value]:
        return [self._code.load(self._kind, self._total)]

    def joined(self) -> Value:
        code = self._code
        (total,) = self.totals()
        if code.target.plain_engine:
            # Of wide vectors of truths LLVM makes a mask, which its WebAssembly has only for lanes
            # of bytes: others end the process. So what is reduced is a register.
            register = 8 * vectors.width(code.target) // self._kind.element.width
            parts = pieces(code, total, register)
            total = reduce(lambda a, b: combine(code, self._how, a, b), parts)
        return vectors.reduce(code, self._how, total)


class _Narrow:
    """Sums of small values in 8-bit lanes."""

    def __init__(self, code: Code, bound: int, lanes: int) -> None:
        self._code = code
        self.steps = 255 // bound
        self._kind = lane_type(8, lanes)
        self._total = code.local(self._kind)

    def reset(self) -> None:
        self._code.b.store(self._kind([0] * self._kind.count), self._total)

    def add(self, values: Value) -> None:
        code = self._code
        (total,) = self.totals()
        _keep(code, self._total, code.b.add(total, values))

    def totals(self) -> list[Value]:
        return [self._code.load(self._kind, self._total)]

    def joined(self) -> Value:
        code = self._code
        (total,) = self.totals()
        size = vectors.width(code.target)
        # Pairs of up to 2 x 255 in 16 bits: 128 of them could be added.
        sums = [vectors.add_neighbours(code, part) for part in pieces(code, total, size)]
        added = vectors.total(code, sums)
        return vectors.reduce(code, "add", code.b.zext(added, lane_type(32, added.type.count)))


class _Halves:
    """Sums in lanes of twice the width: all of each pair of values, and its high half alone.

    As many low halves as ``steps`` fit in a lane, so they are what remains modulo its width.
    """

    def __init__(self, code: Code, bits: int, bound: int, lanes: int) -> None:
        self._code, self._bits = code, bits
        self.steps = ((1 << 2 * bits) - 1) // bound
        self._kind = lane_type(2 * bits, lanes // 2)
        self._whole, self._high = code.local(self._kind), code.local(self._kind)

    def _splat(self, value: int) -> Value:
        return self._kind([value] * self._kind.count)

    def reset(self) -> None:
        for total in (self._whole, self._high):
            self._code.b.store(self._splat(0), total)

    def add(self, values: Value) -> None:
        code = self._code
        pairs = code.b.bitcast(values, self._kind)
        high = code.b.lshr(pairs, self._splat(self._bits))
        for total, part in ((self._whole, pairs), (self._high, high)):
            _keep(code, total, code.b.add(code.load(self._kind, total), part))

    def totals(self) -> list[Value]:
        return [self._code.load(self._kind, total) for total in (self._whole, self._high)]

    def joined(self) -> Value:
        code = self._code
        whole, high = self.totals()
        low = code.b.sub(whole, code.b.shl(high, self._splat(self._bits)))
        # 2**16 lanes of 16 bits fit in 32; those of 32 get the 64 of the widest state.
        wide = lane_type(32 if self._bits == 8 else 64, self._kind.count)
        both = code.b.add(code.b.zext(low, wide), code.b.zext(high, wide))
        return vectors.reduce(code, "add", both)


class _Eights:
    """Sums of eight bytes in 64-bit lanes, by the instruction for it; they never overflow."""

    steps = None

    def __init__(self, code: Code, lanes: int) -> None:
        self._code = code
        self._size = min(vectors.width(code.target), lanes)
        self._kind = lane_type(64, self._size // 8)
        self._totals = [code.local(self._kind) for _ in range(0, lanes, self._size)]

    def reset(self) -> None:
        for total in self._totals:
            self._code.b.store(self._kind([0] * self._kind.count), total)

    def add(self, values: Value) -> None:
        code = self._code
        parts = pieces(code, values, self._size)
        for total, part in zip(self._totals, parts, strict=True):
            added = code.b.add(code.load(self._kind, total), vectors.add_eights(code, part))
            _keep(code, total, added)

    def totals(self) -> list[Value]:
        return [self._code.load(self._kind, total) for total in self._totals]

    def joined(self) -> Value:
        return vectors.reduce(self._code, "add", vectors.total(self._code, self.totals()))


class _Masks:
    """Counts of truths: comparisons give masks of a bit a lane, whose bits are counted."""

    steps = None

    def __init__(self, code: Code, lanes: int) -> None:
        self._code = code
        self._size = min(64, lanes)
        self._totals = [code.local(I64) for _ in range(0, lanes, self._size)]

    def reset(self) -> None:
        for total in self._totals:
            self._code.b.store(I64(0), total)

    def add(self, values: Value) -> None:
        code = self._code
        truths = code.b.icmp_unsigned("!=", values, ir.Constant(values.type, None))
        parts = pieces(code, truths, self._size)
        for total, part in zip(self._totals, parts, strict=True):
            mask = code.resize(vectors.mask(code, part), 64)
            count = vectors.call(code, "llvm.ctpop.i64", I64, [mask])
            code.b.store(code.b.add(code.load(I64, total), count), total)

    def totals(self) -> list[Value]:
        return [self._code.load(I64, total) for total in self._totals]

    def joined(self) -> Value:
        return vectors.total(self._code, self.totals())
