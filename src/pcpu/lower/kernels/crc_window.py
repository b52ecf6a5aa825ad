"""What the divisions of crc_sparse.py and crc_ring.py keep of w in local variables."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from pcpu.lower.code import I8, Code, Value
from pcpu.lower.lane import shuffle

VECTOR = ir.VectorType(I8, 16)
ZERO = ir.Constant(VECTOR, None)


class Window:
    """The vectors of w, of ``size`` bytes, by number; those of the block before have negative
    numbers."""

    def __init__(self, code: Code, lags: tuple[int, ...], size: int = 16) -> None:
        self.code, self.lags, self.size = code, lags, size
        self.count = -(-max(lags, default=0) // size)
        self.vectors: dict[int, Value | None] = {}
        self.sums: dict[tuple[int, int], Value | None] = {}
        # Lags a and b that are shifted together need w[k - a] ^ w[k - b]. Where b - a is a lag too,
        # that is w[k - a] without this one. So it is added last, and LLVM sees that it goes away.
        differences = {b - a for a in lags for b in lags}
        self.late = [lag for lag in lags if lag % size == 0 and lag in differences]

    def cancel(self, k: int, message: Value) -> None:
        """w[k] from its bytes of the message, before anything of the next ones is loaded."""
        early = [lag for lag in self.lags if lag not in self.late]
        value = self.code.here(xor(self.code, [message, *self.taps(k, early)]))
        self.vectors[k] = xor(self.code, [value, *self.taps(k, self.late)])

    def taps(self, k: int, lags: Sequence[int]) -> list[Value]:
        """The terms of w[k] for these lags, the oldest first."""
        by_shift: dict[int, list[int]] = {}
        for lag in sorted(lags, reverse=True):
            by_shift.setdefault(lag % self.size, []).append(lag // self.size)
        found: list[tuple[int, Value | None]] = []
        for shift, distances in by_shift.items():
            if shift == 0:
                found += [(d, self.vectors[k - d]) for d in distances]
                continue
            # Lags with one shift are added before they are shifted together.
            older = self.sum(k - 1, shift, distances)
            newer = self.sum(k, shift, distances)
            found.append((min(distances), self.shifted(older, newer, self.size - shift)))
        found.sort(key=lambda tap: -tap[0])
        return [value for _, value in found if value is not None]

    def sum(self, k: int, shift: int, distances: list[int]) -> Value | None:
        key = (k, shift)
        if key not in self.sums:
            terms = [self.vectors[k - d] for d in distances]
            self.sums[key] = xor(self.code, [t for t in terms if t is not None])
        return self.sums[key]

    def shifted(self, older: Value | None, newer: Value | None, start: int) -> Value | None:
        """A vector from byte ``start`` on of ``older`` followed by ``newer``."""
        if older is None and newer is None:
            return None
        zero = ir.Constant(ir.VectorType(I8, self.size), None)
        lanes = range(start, start + self.size)
        return shuffle(self.code, older or zero, newer or zero, lanes)


def xor(code: Code, terms: list[Value]) -> Value | None:
    total: Value | None = None
    for term in terms:
        total = term if total is None else code.b.xor(total, term)
    return total
