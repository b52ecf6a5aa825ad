"""Where each part of a planned file comes from, and what it costs.

explain(planned) -> Explanation; its ``to_json``, text.lines, picture.svg and picture.page show it
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pcpu.iprog.align import Covers
from pcpu.iprog.finders import FINDERS
from pcpu.iprog.gains import finder_gains
from pcpu.iprog.index import Octets
from pcpu.iprog.jit import jit, read_only
from pcpu.iprog.moved import Moved
from pcpu.iprog.moving import width_of
from pcpu.iprog.plan import Planned
from pcpu.iprog.renaming import foresee
from pcpu.iprog.sections import Section, read_contents
from pcpu.iprog.streams import stored_streams

KINDS = ("copied", "moved", "fixed", "literal")  # of bytes; their numbers are their places here
COLUMNS = 480  # equal parts of a file that pictures show
PIECES = 2000  # of the map, at most
_COPIED, _MOVED, _FIXED, _LITERAL = range(4)
_PIECE = 1 << 22  # bytes that are looked at at a time; windows are not larger
_COVERS, _FIXES = {"gaps", "lengths", "turns"}, {"steps", "fixes"}


@dataclass(frozen=True)
class Part:
    """A section, how many of its bytes are of each of KINDS, and about how many bytes of the plan
    it takes."""

    section: Section
    counts: tuple[int, ...]
    spent: float


@dataclass(frozen=True)
class FinderLine:
    """``gained`` is how many bytes are right because its sites were moved, less those that are
    wrong for that reason: each would be a fix."""

    number: int
    name: str
    doc: str
    sites: int
    gained: int


@dataclass(frozen=True)
class Explanation:
    """``columns`` are counts of KINDS for equal parts of the file, a row for each part; ``spent``
    is about how many bytes of the plan each part takes; ``copies`` are places in the file, lengths
    and places in the reference, the longest ones. ``foreseen`` is how many more bytes are right as
    names are foreseen, where they are; what names became is ``moved``, too."""

    planned: Planned
    format: str
    parts: tuple[Part, ...]
    columns: npt.NDArray[np.int64]
    spent: npt.NDArray[np.float64]
    copies: tuple[tuple[int, int, int], ...]
    finders: tuple[FinderLine, ...]
    foreseen: int | None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """Of the whole file."""
        return tuple(int(n) for n in self.columns.sum(axis=0))

    @property
    def framing(self) -> int:
        """Bytes of the plan that belong to no stream: its header, hashes and checks."""
        stored: int = sum(row["stored"] for row in self.streams)
        return len(self.planned.plan) - stored

    @property
    def streams(self) -> list[dict[str, Any]]:
        return stored_streams(self.planned.header)

    def to_json(self) -> dict[str, Any]:
        """What ``json`` can write: sections, the map, streams and finders."""
        return {
            "format": self.format,
            "bytes": dict(zip(KINDS, self.counts, strict=True)),
            "sections": [
                {
                    "name": part.section.name, "kind": part.section.kind.value,
                    "start": part.section.start, "size": part.section.size,
                    **dict(zip(KINDS, part.counts, strict=True)), "plan": round(part.spent),
                }
                for part in self.parts
            ],
            "map": [list(copy) for copy in self.copies],
            "streams": self.streams,
            "framing": self.framing,
            "renames": None if self.foreseen is None else {"gained": self.foreseen},
            "finders": [
                {"number": f.number, "name": f.name, "sites": f.sites, "gained": f.gained}
                for f in self.finders
            ],
        }  # fmt: skip


def explain(planned: Planned) -> Explanation:
    """What a plan does, from what was known when it was made."""
    moved, covers = planned.moved.with_sites(), planned.covers
    file = moved.subject.file
    kinds, foreseen = _kinds(moved, covers, planned.header.window_bits)
    contents = read_contents(file.data)
    starts = [section.start for section in contents.sections]
    columns = np.linspace(0, len(file), COLUMNS + 1).astype(np.int64)
    inside, along = (_counts(kinds, edges) for edges in (np.array([*starts, len(file)]), columns))
    own = _spent(planned, inside, np.array([*starts, len(file)]))
    parts = tuple(
        Part(section, tuple(counts.tolist()), float(spent))
        for section, counts, spent in zip(contents.sections, inside, own, strict=True)
    )
    return Explanation(
        planned, contents.format, parts, along, _spent(planned, along, columns),
        _copies(covers), finder_lines(planned), foreseen if moved.subject.renames else None,
    )  # fmt: skip


def _counts(kinds: Octets, edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many bytes of each kind lie between edges."""
    rows = [np.bincount(kinds[a:b], minlength=len(KINDS)) for a, b in pairwise(edges)]
    return np.array(rows, np.int64).reshape(-1, len(KINDS))


def _kinds(moved: Moved, covers: Covers, bits: int) -> tuple[Octets, int]:
    """The kind of each byte of the file, and how many more are right as names are foreseen."""
    file, gained = moved.subject.told(), 0
    kinds = np.full(len(file), _LITERAL, np.uint8)
    _mark(kinds, covers.start, covers.stop, covers.skew, *moved.sites.arrays)
    for low in range(0, len(file), _PIECE):
        high = min(low + _PIECE, len(file))
        first, last = np.searchsorted(covers.start, [low, high])
        own = Covers(*(a[first:last] for a in (covers.start, covers.stop, covers.skew)))
        piece, told = kinds[low:high], read_only(file[low:high])
        copied, guess = piece != _LITERAL, moved.predicted(own, low, high)
        wrong = (guess != told) & copied
        if moved.subject.renames:
            before, guess_before = wrong, guess
            guess, _ = foresee(told, guess, told, own.start - low, own.stop - low, bits)
            wrong = (guess != told) & copied
            piece[(guess != guess_before) & copied] = _MOVED
            gained += int(np.count_nonzero(before)) - int(np.count_nonzero(wrong))
        piece[wrong] = _FIXED
    return kinds, gained


@jit
def _mark(
    kinds: Any, start: Any, stop: Any, skew: Any, place: Any, form: Any, target: Any, extra: Any
) -> None:
    """Note what is copied, and what of it is sites that lie wholly within a copy."""
    for i in range(len(start)):
        kinds[start[i] : stop[i]] = _COPIED
        k = np.searchsorted(place, start[i] + skew[i])
        while k < len(place):
            end = place[k] + width_of(form[k], extra[k])
            if end > stop[i] + skew[i]:
                break
            kinds[place[k] - skew[i] : end - skew[i]] = _MOVED
            k += 1


def _spent(
    planned: Planned, inside: npt.NDArray[np.int64], edges: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """What covers, fixes and literals cost on average, by how many of them lie between edges."""
    begun = np.searchsorted(planned.covers.start, edges)
    found = np.zeros(len(inside))
    streams = [(set(r["stream"].split("+")), r["stored"]) for r in stored_streams(planned.header)]
    for own, counts in (
        (_COVERS, np.diff(begun)), (_FIXES, inside[:, _FIXED]), ({"literals"}, inside[:, _LITERAL])
    ):  # fmt: skip
        # Of what shares a frame each stream has its share of the names.
        stored = sum(size * len(own & names) / len(names) for names, size in streams)
        found += stored * counts / max(1, counts.sum())
    return found


def _copies(covers: Covers) -> tuple[tuple[int, int, int], ...]:
    """Covers; those that go on over the end of a window are one."""
    start, stop, skew = covers.start, covers.stop, covers.skew
    new = np.ones(len(start), bool)
    new[1:] = (start[1:] != stop[:-1]) | (skew[1:] != skew[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(start))[: len(first)] - 1
    lengths = stop[last] - start[first]
    chosen = np.sort(np.argsort(-lengths, kind="stable")[:PIECES])
    rows = zip(start[first], lengths, start[first] + skew[first], strict=True)
    every = [(int(a), int(b), int(c)) for a, b, c in rows]
    return tuple(every[n] for n in chosen)


def finder_lines(planned: Planned) -> tuple[FinderLine, ...]:
    """What the finders of a plan were worth, in the order in which they run."""
    moved = planned.moved.with_sites()
    gains = finder_gains(moved, planned.covers)
    return tuple(
        FinderLine(
            number, FINDERS[number].name, FINDERS[number].doc,
            int(np.count_nonzero(moved.sites.finder == number)), gained,
        )
        for number, gained in gains.items()
    )  # fmt: skip
