"""Trying strengths: what a file costs with other covers, measured on a sample of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from pcpu.iprog.align import Costs, Covers, align
from pcpu.iprog.columns import Columns, Spans, make_columns, sample_columns
from pcpu.iprog.encode import make_prefix, most_foreseen
from pcpu.iprog.foreseeing import Learnt
from pcpu.iprog.frames import tables_size
from pcpu.iprog.index import Octets, Seeds
from pcpu.iprog.moved import Moved
from pcpu.iprog.packing import LITERALS, Packer, Prefix
from pcpu.iprog.strengths import Trial

_WHOLE = 1 << 22  # bytes of a file that is tried as a whole
_MUCH = 1 << 20  # the same of one that much is new in
_LEAST = 4  # of a larger one it is this part at least
_PIECE = 1 << 18  # bytes of a piece of a sample: whole windows
_COVERS, _FIXES = ("gaps", "lengths", "turns"), ("steps", "fixes")


def whole(size: int) -> Spans:
    """All of a file."""
    return ((0, size),)


def sample(size: int, *, much_new: bool = False) -> Spans:
    """Every so many pieces of a file; all of one that is small. Where much is new, the more of a
    file is looked at, the longer that takes."""
    step = min(_LEAST, size // (_MUCH if much_new else _WHOLE))
    if step < 2:
        return whole(size)
    return tuple((at, min(at + _PIECE, size)) for at in range(0, size, _PIECE * step))


@dataclass
class Trials:
    """``file`` and ``reference`` are as they are aligned; ``rest`` is what a plan holds besides its
    covers, fixes and literals."""

    moved: Moved
    file: Octets
    reference: Octets
    seeds: Seeds
    spans: Spans
    rest: int
    pool: Executor
    bits: int  # the logarithm of the size of windows
    known: set[bytes] = field(default_factory=set)
    prefix: Prefix | None = None  # of the literals of all trials
    learnt: Learnt | None = None  # from what may be before few of them

    def run(
        self, several: Sequence[Costs], finish: Callable[[Trial, Columns | None], Trial]
    ) -> list[Trial]:
        """A trial with each of the costs; of those that give the same covers only one. ``finish``
        has the last word on each, and is given the columns of a whole file."""
        aligned = self.pool.map(self._align, several)
        fresh = {
            covers.key: (costs, covers)
            for costs, covers in zip(several, aligned, strict=True)
            if covers.key not in self.known
        }
        if not fresh:
            return []
        made = [*self.pool.map(self._columns, [covers for _, covers in fresh.values()])]
        columns = [own.data if isinstance(own, Columns) else own for own in made]
        self.moved.subject.leave()
        if not self.known:
            # The same prefix for all: one that has much to give, as few literals are among many.
            pairs = zip(fresh.values(), (own["literals"] for own in columns), strict=True)
            (_, covers), literals = max(pairs, key=lambda pair: len(pair[1]))
            self.prefix = make_prefix(self.moved, covers, literals)
            if self.prefix is not None and self.prefix.near:
                self.learnt = Learnt.of(self.prefix.near[0][1])
            del pairs, literals
        self.moved.subject.leave()
        tried = [*self._each(columns)(self._measure, fresh.values(), columns)]
        wholes = [own if isinstance(own, Columns) else None for own in made]
        trials = [*self.pool.map(finish, tried, wholes)]
        del columns, made, wholes  # they are large
        self.known.update(fresh)
        self.moved.subject.leave()
        return trials

    def _each(self, columns: Sequence[dict[str, Octets]]) -> Callable[..., Iterable[Trial]]:
        """What measures these: in turn where the tables of several threads would be more than all
        the rest of a small file."""
        if self.prefix is None:
            return self.pool.map
        most = max((own["literals"] for own in columns), key=len)
        size = tables_size(most.data, self.prefix.content, quick=True)
        return map if size > len(self.file) else self.pool.map

    def _align(self, costs: Costs) -> Covers:
        return align(self.file, self.reference, self.seeds, costs, self.spans)

    def _columns(self, covers: Covers) -> Columns | dict[str, Octets]:
        if self.spans == whole(len(self.file)):
            return make_columns(self.moved, covers, self.bits)
        return sample_columns(self.moved, covers, self.bits, self.spans)

    def _measure(self, made: tuple[Costs, Covers], columns: dict[str, Octets]) -> Trial:
        packer = Packer(quick=True, prefix=self.prefix)
        stored = {
            name: packer.frame([stream.data], literals=name == "literals").size
            for name, stream in columns.items()
        }
        literals = columns["literals"].data
        if self.learnt is not None and len(literals) <= most_foreseen(self.moved.subject):
            own = self.learnt.encode(literals)
            stored["literals"] = min(stored["literals"], round(len(own) / LITERALS))
        costs, covers = made
        kinds = (_COVERS, _FIXES, ("literals",))
        several = tuple(sum(stored[name] for name in names) for names in kinds)
        counts = len(covers.start), len(columns["fixes"]), len(columns["literals"])
        tried = sum(last - first for first, last in self.spans)
        times = len(self.file) / max(1, tried)
        return Trial(costs, covers, several, counts, tried, times, self.rest)
