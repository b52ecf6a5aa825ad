"""Which costs to align with: what is best differs from file to file, so several are tried, and what
they cost in truth is measured."""

from __future__ import annotations

from dataclasses import dataclass

from pcpu.iprog.align import Costs, Covers
from pcpu.iprog.packing import LITERALS, REST

# The larger the cost of a cover, the more is left to zstd.
FIRST = (
    Costs(cover=60, near=30, fix=11, next_fix=7, literal=4),
    Costs(cover=90, near=40, fix=12, next_fix=7, literal=3.5),
)
# Where much is new; and where literals cost little, too.
NEW = Costs(cover=100, near=50, fix=16, next_fix=11, literal=2.5, run=16)
STRONG = (
    Costs(cover=120, near=60, fix=20, next_fix=14, literal=2, run=16),
    Costs(cover=200, near=100, fix=20, next_fix=14, literal=1, run=16),
)
# Of small plans any of these may be the smallest.
SMALL = (
    Costs(cover=30, near=12, fix=20, next_fix=20, literal=3.5),
    Costs(cover=30, near=15, fix=10, next_fix=6, literal=4.5, run=16),
    Costs(cover=90, near=63, fix=17, next_fix=17, literal=1.5, run=16),
    Costs(cover=48, near=19, fix=12, next_fix=12, literal=3.5, run=16),
    Costs(cover=60, near=40, fix=24, next_fix=24, literal=1.1),
    Costs(cover=90, near=70, fix=40, next_fix=40, literal=0.7),
)
# What is packed already takes all of its bits.
PACKED = Costs(cover=40, near=20, fix=11, next_fix=10, literal=8, run=8)
INSTANT = Costs(
    cover=40, near=32, fix=16, next_fix=16, literal=8, run=8
)  # bits that are not packed
_LITERAL_BITS = (1.5, 6.5)
_NEW = 1 / 10  # of a file: literals that are so many that covers are to be few
_LITTLE = 1.8  # bits of a literal


@dataclass(frozen=True)
class Trial:
    """Covers of ``tried`` bytes of the file, not cut at windows, and what they cost when they are
    compressed quickly: bytes of covers, fixes and literals, and how many there are. The file is
    ``times`` as large; ``rest`` is what else a plan holds. ``size`` is that of the plan, where it
    is known."""

    costs: Costs
    covers: Covers
    stored: tuple[int, ...]
    counts: tuple[int, ...]
    tried: int
    times: float
    rest: int
    size: int | None = None

    @property
    def estimate(self) -> float:
        """About how large the plan will be."""
        if self.size is not None:
            return self.size
        covers, fixes, literals = self.stored
        return (literals * LITERALS + (covers + fixes) * REST) * self.times + self.rest

    @property
    def new(self) -> float:
        """The part of what was tried that are literals."""
        return self.counts[-1] / max(1, self.tried)

    def measured(self) -> tuple[Costs, ...]:
        """Costs that follow from this trial. One more of something costs a little more than the
        mean; and covers are dearer than they seem, as what they cut apart packs worse."""
        cover, fix, literal = (
            8 * size / max(1, count) for size, count in zip(self.stored, self.counts, strict=True)
        )
        least, most = _LITERAL_BITS
        literal = min(max(literal * LITERALS, least), most)
        return tuple(
            Costs(cover * times + 8, cover * times / 2 + 4, fix * 1.15, fix * 1.1, literal, 16)
            for times in (1.35, 2.4)
        )

    def further(self) -> tuple[Costs, ...]:
        """Costs to try where this trial is the best: those for files of which much is new, or what
        follows from them."""
        found = self.measured()
        if self.costs == NEW:
            return found
        more = STRONG if found[0].literal < _LITTLE else ()
        return (NEW, *more) if self.new > _NEW else ()
