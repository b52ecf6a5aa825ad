"""The planner: from a file and blobs to a plan, which is applied before it is given out.

make_subject -> index, seeds -> align -> fit the shift map -> align -> columns -> encode -> check
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from pcpu.errors import InternalError, UsageError
from pcpu.iprog.align import Costs, Covers, align
from pcpu.iprog.columns import Columns, make_columns
from pcpu.iprog.encode import Encoded, Packer, encode
from pcpu.iprog.format import (
    MAX_SIZE,
    WINDOW_BITS,
    Content,
    Header,
    plain_name,
    stored_streams,
)
from pcpu.iprog.index import Octets, Seeds, find_seeds, make_index
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.rebuild import FastReader
from pcpu.iprog.reference import digest
from pcpu.iprog.relocate import ShiftMap
from pcpu.iprog.shifts import fit
from pcpu.iprog.subject import Subject, make_subject

Mode = Literal["small", "instant"]
Progress = Callable[[str, float], None]  # what is being done, and how much of all is

_USUAL_BITS = WINDOW_BITS[0] + 4
_WINDOW_BYTES = 7  # of a plan that a window takes, about
_SHARE = 64  # windows may take this part of a plan; where they would take more they are larger
_NAMES_SHARE = 100
# Strengths that are tried in small mode. The larger the cost of a cover, the more is left to zstd.
_SMALL = (
    Costs(),
    Costs(cover=90, near=40, fix=12, literal=3.5),
    Costs(cover=36, near=20, literal=5),
)
_INSTANT = Costs(cover=40, near=32, fix=16, next_fix=16, literal=8, run=8)


@dataclass(frozen=True)
class Planned:
    """A plan and what it does: its covers, cut at windows, and how many fixes and literals."""

    plan: bytes
    header: Header
    covers: Covers
    fixes: int
    literals: int

    @property
    def ratio(self) -> float:
        """Bytes of the file for each byte of the plan."""
        return self.header.file.size / len(self.plan)

    def to_json(self) -> dict[str, Any]:
        """What there is to tell, of what ``json`` can write."""
        return {
            "size": len(self.plan),
            "file_size": self.header.file.size,
            "ratio": self.ratio,
            "window_size": self.header.window_size,
            "covers": len(self.covers.start),
            "fixes": self.fixes,
            "literals": self.literals,
            "streams": stored_streams(self.header),
        }


@dataclass
class _Work:
    """A subject on its way."""

    subject: Subject
    file: Content
    blobs: list[Content]
    progress: Progress
    shifts: ShiftMap = field(
        default_factory=lambda: fit(np.empty(0, np.int64), np.empty(0, np.int64))
    )


def make_plan(
    file: Bytes,
    blobs: Sequence[Bytes],
    mode: Mode = "small",
    *,
    name: str = "",
    blob_names: Sequence[str] = (),
    window_bits: int | None = None,
    finders: tuple[int, ...] | None = None,
    progress: Progress = lambda what, share: None,
) -> Planned:
    """A plan that rebuilds ``file`` from ``blobs``.

    ``window_bits`` is the logarithm of the window's size, 12 to 22; by default 16, or more where
    windows would be much of the plan. ``finders`` are those of sites that may be used; all by
    default. Names are kept where they are little of the plan. Raises UsageError.
    """
    if window_bits is not None and window_bits not in WINDOW_BITS:
        raise UsageError(f"a window has 2^{WINDOW_BITS[0]} to 2^{WINDOW_BITS[-1]} bytes")
    if max(len(file), sum(map(len, blobs))) > MAX_SIZE:
        raise UsageError(f"files and blobs have at most {MAX_SIZE} bytes")
    octets = [np.frombuffer(blob, np.uint8) for blob in blobs]
    progress("finding sites", 0)
    used = () if mode == "instant" else finders
    subject = make_subject(np.frombuffer(file, np.uint8), octets, used)
    names = [*map(plain_name, blob_names), *[""] * len(blobs)]
    contents = [Content(len(b), digest(b), n) for b, n in zip(blobs, names, strict=False)]
    work = _Work(subject, Content(len(file), digest(file), plain_name(name)), contents, progress)
    planned = _small(work, window_bits) if mode == "small" else _instant(work, window_bits)
    progress("checking", 0.9)
    _verify(planned.plan, file, blobs, subject.reference)
    progress("checking", 1)
    return planned


def _small(work: _Work, bits: int | None) -> Planned:
    subject = work.subject
    seeds = _seeds(work)
    work.progress("aligning", 0.3)
    if subject.relocatable is not None:
        covers = align(*subject.blanked(), seeds, Costs())
        work.shifts = fit(*subject.observed(covers))
    compared = subject.compared(work.shifts)
    best: tuple[int, Covers] | None = None
    for number, costs in enumerate(_SMALL):
        work.progress("trying strengths", 0.4 + 0.1 * number)
        covers = align(*compared, seeds, costs)
        columns = make_columns(subject, covers, work.shifts, _USUAL_BITS)
        size = len(_encode(work, columns, _USUAL_BITS, Packer(quick=True)).plan)
        if best is None or size < best[0]:
            best = size, covers
    assert best is not None
    size, covers = best
    return _finish(work, covers, Packer(), size, bits)


def _instant(work: _Work, bits: int | None) -> Planned:
    seeds = _seeds(work)
    work.progress("aligning", 0.5)
    covers = align(work.subject.file, work.subject.reference, seeds, _INSTANT)
    columns = make_columns(work.subject, covers, work.shifts, _USUAL_BITS)
    packer = Packer(compressed=False)
    return _finish(work, covers, packer, sum(columns.sizes().values()), bits)


def _seeds(work: _Work) -> Seeds:
    file, reference = work.subject.blanked()
    work.progress("sorting suffixes", 0.05)
    index = make_index(reference)
    work.progress("looking for common pieces", 0.2)
    return find_seeds(file, index)


def _encode(work: _Work, columns: Columns, bits: int, packer: Packer) -> Encoded:
    return encode(work.subject, columns, work.shifts, bits, work.file, work.blobs, packer)


def _finish(work: _Work, covers: Covers, packer: Packer, size: int, bits: int | None) -> Planned:
    """The plan of the covers that were chosen; ``size`` is about that of the plan."""
    work.progress("compressing", 0.7)
    if bits is None:
        bits = _USUAL_BITS
        most = max(size // _SHARE, _WINDOW_BYTES)
        while bits < WINDOW_BITS[-1] and (work.file.size >> bits) * _WINDOW_BYTES > most:
            bits += 1
    names = sum(len(content.name.encode()) for content in (work.file, *work.blobs))
    if names * _NAMES_SHARE > size:
        work.file = replace(work.file, name="")
        work.blobs = [replace(blob, name="") for blob in work.blobs]
    columns = make_columns(work.subject, covers, work.shifts, bits)
    encoded = _encode(work, columns, bits, packer)
    return Planned(
        encoded.plan, encoded.header, columns.covers,
        len(columns.data["fixes"]), len(columns.data["literals"]),
    )  # fmt: skip


def _verify(plan: bytes, file: Bytes, blobs: Sequence[Bytes], reference: Octets) -> None:
    """Apply a plan and compare: none leaves that would not rebuild its file."""
    reader = FastReader(plan, blobs)
    reader.prepare(reference)
    wanted, at = memoryview(file), 0
    for piece in reader.pieces():
        if piece != wanted[at : at + len(piece)]:
            raise InternalError(f"a new plan rebuilds other bytes from {at} on")
        at += len(piece)
    if at != len(wanted):
        raise InternalError(f"a new plan rebuilds {at} of {len(wanted)} bytes")
