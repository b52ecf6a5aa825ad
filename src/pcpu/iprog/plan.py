"""The planner: from a file and blobs to a plan, which is applied before it is given out.

make_subject -> index, seeds -> align -> fit the shift map -> trials -> columns -> encode -> check
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from pcpu.errors import InternalError, IprogError, UsageError
from pcpu.iprog.align import Costs, Covers, align
from pcpu.iprog.columns import Columns, make_columns
from pcpu.iprog.encode import Encoded, Packer, encode
from pcpu.iprog.format import (
    MAX_SIZE,
    WINDOW_BITS,
    Content,
    Header,
    plain_name,
)
from pcpu.iprog.gains import useful_finders
from pcpu.iprog.index import Octets, Seeds, find_seeds, make_index
from pcpu.iprog.memory import return_large_arrays
from pcpu.iprog.moved import Moved
from pcpu.iprog.native import NativeReader
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import digest
from pcpu.iprog.shifts import NOTHING_MOVES, fit
from pcpu.iprog.sites import Sites
from pcpu.iprog.streams import stored_streams
from pcpu.iprog.strengths import FIRST, INSTANT, SMALL, Trial
from pcpu.iprog.subject import Subject, make_subject
from pcpu.iprog.tables import is_alike, lies_in, matched_entries, with_entries

Mode = Literal["small", "instant"]
Progress = Callable[[str, float], None]  # what is being done, and how much of all is

_USUAL_BITS = WINDOW_BITS[0] + 4
_WINDOW_BYTES = 7  # of a plan that a window takes, about
_SHARE = 64  # windows may take this part of a plan; where they would take more they are larger
_NAMES_SHARE = 100
_THREADS = 2
_SMALL_PLAN = 1 << 14
_WORTH = 1.02  # times smaller that a round of trials has to be for another one


@dataclass(frozen=True)
class Planned:
    """A plan and what it does: its covers, cut at windows, and how many fixes and literals;
    ``moved`` is what it was made from."""

    plan: bytes
    header: Header
    covers: Covers
    fixes: int
    literals: int
    moved: Moved = field(repr=False)

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

    moved: Moved
    file: Content
    blobs: list[Content]
    progress: Progress
    wanted_bits: int | None = None

    @property
    def subject(self) -> Subject:
        return self.moved.subject

    def window_bits(self, size: float) -> int:
        """The logarithm of the window's size for a plan of about ``size`` bytes."""
        if self.wanted_bits is not None:
            return self.wanted_bits
        bits, most = _USUAL_BITS, max(size / _SHARE, _WINDOW_BYTES)
        while bits < WINDOW_BITS[-1] and (self.file.size >> bits) * _WINDOW_BYTES > most:
            bits += 1
        return bits


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
    return_large_arrays()
    octets = [np.frombuffer(blob, np.uint8) for blob in blobs]
    progress("finding sites", 0)
    used = () if mode == "instant" else finders
    subject = make_subject(np.frombuffer(file, np.uint8), octets, used)
    names = [*map(plain_name, blob_names), *[""] * len(blobs)]
    contents = [Content(len(b), digest(b), n) for b, n in zip(blobs, names, strict=False)]
    about = Content(len(file), digest(file), plain_name(name))
    work = _Work(Moved.of(subject, NOTHING_MOVES), about, contents, progress, window_bits)
    planned = _small(work) if mode == "small" else _instant(work)
    progress("checking", 0.9)
    _verify(planned, file, blobs)
    progress("checking", 1)
    return planned


def _small(work: _Work) -> Planned:
    best = _chosen(work)
    return _finish(work, best.covers, Packer(), best.estimate)


def _chosen(work: _Work) -> Trial:
    """The best covers that were found; the shift map in ``work``."""
    file, reference, seeds = _aligned(work)
    packer = Packer(quick=True)
    known: dict[bytes, Trial] = {}

    def tried(costs: Costs) -> Trial:
        covers = align(file, reference, seeds, costs)
        key = covers.key
        if key not in known:
            known[key] = measured(covers)
        return known[key]

    def measured(covers: Covers) -> Trial:
        columns = make_columns(work.moved, covers, _USUAL_BITS)
        trial = Trial.of(covers, columns, _encode(work, columns, _USUAL_BITS, packer))
        if trial.estimate > _SMALL_PLAN:
            return trial
        # Of small plans windows and headers are much, so that estimates are of little use.
        own = work.window_bits(trial.estimate)
        exactly = _encode(work, make_columns(work.moved, covers, own), own, Packer())
        return replace(trial, size=len(exactly.plan))

    with ThreadPoolExecutor(_THREADS) as pool:
        work.progress("trying strengths", 0.4)
        trials = [*pool.map(tried, FIRST)]
        for done in (0.5, 0.6):
            work.progress("trying strengths", done)
            best = _best(trials)
            trials += pool.map(tried, best.measured())
            if best.estimate < _WORTH * _best(trials).estimate:
                break
        if _best(trials).estimate < _SMALL_PLAN:
            trials += pool.map(tried, SMALL)
    return _best(trials)


def _aligned(work: _Work) -> tuple[Octets, Octets, Seeds]:
    """File and reference as they are compared: with targets in place of distances, those of the
    reference moved by the shift map; and seeds."""
    file, reference, seeds, sites = _compared(work)
    work.progress("aligning", 0.3)
    before = work.subject
    if before.relocatable is not None:
        sites, entries = _fit_map(work, align(file, reference, seeds, Costs()), sites)
        seeds = with_entries(seeds, entries)
    if work.subject is not before:
        # What finders that were dropped had blanked out is compared as it is.
        file, reference = work.subject.blank_file(sites), work.subject.blank_reference()
    if work.subject.relocatable is not None:
        work.subject.fill(file, sites, reference, work.moved.sites)
    return file, reference, seeds


def _best(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.estimate)


def _compared(work: _Work) -> tuple[Octets, Octets, Seeds, Sites]:
    """File and reference with their sites blanked out, seeds, and the sites of the file."""
    work.progress("sorting suffixes", 0.05)
    with ThreadPoolExecutor(1) as pool:
        finding = pool.submit(work.subject.file_sites)
        reference = work.subject.blank_reference()
        index = make_index(reference)
        sites = finding.result()
    file = work.subject.blank_file(sites)
    work.progress("looking for common pieces", 0.2)
    return file, reference, find_seeds(file, index), sites


def _fit_map(work: _Work, covers: Covers, sites: Sites) -> tuple[Sites, Covers]:
    """Find the shift map, and drop finders that are of no use; the file's sites, and entries of
    tables that belong together."""
    subject = work.subject
    first = Moved.of(subject, fit(*subject.observed(covers, sites[~is_alike(sites)])))
    work.moved, entries = _refitted(first, covers, sites)
    useful = useful_finders(work.moved, (covers, entries))
    subject = subject.with_finders(useful)
    if subject is not work.subject:
        sites = subject.file_sites()
        work.moved, entries = _refitted(Moved.of(subject, first.shifts), covers, sites)
    return sites, entries


def _refitted(moved: Moved, covers: Covers, sites: Sites) -> tuple[Moved, Covers]:
    """The same with a map that entries of tables are asked for, too; and these."""
    entries = matched_entries(sites, moved.sites)
    others = sites[~lies_in(entries, sites)]
    seen = [moved.subject.observed(*pair) for pair in ((covers, others), (entries, sites))]
    addresses, shifts = (np.concatenate([both[n] for both in seen]) for n in (0, 1))
    moved = Moved.of(moved.subject, fit(addresses, shifts))
    return moved, matched_entries(sites, moved.sites)


def _instant(work: _Work) -> Planned:
    file, reference, seeds, _ = _compared(work)
    work.progress("aligning", 0.5)
    covers = align(file, reference, seeds, INSTANT)
    columns = make_columns(work.moved, covers, _USUAL_BITS)
    packer = Packer(compressed=False)
    return _finish(work, covers, packer, sum(columns.sizes().values()))


def _encode(work: _Work, columns: Columns, bits: int, packer: Packer) -> Encoded:
    return encode(work.moved, columns, bits, work.file, work.blobs, packer)


def _finish(work: _Work, covers: Covers, packer: Packer, size: float) -> Planned:
    """The plan of the covers that were chosen; ``size`` is about that of the plan."""
    work.progress("compressing", 0.7)
    bits = work.window_bits(size)
    names = sum(len(content.name.encode()) for content in (work.file, *work.blobs))
    if names * _NAMES_SHARE > size:
        work.file = replace(work.file, name="")
        work.blobs = [replace(blob, name="") for blob in work.blobs]
    columns = make_columns(work.moved, covers, bits)
    encoded = _encode(work, columns, bits, packer)
    return Planned(
        encoded.plan, encoded.header, columns.covers,
        len(columns.data["fixes"]), len(columns.data["literals"]), work.moved,
    )  # fmt: skip


def _verify(planned: Planned, file: Bytes, blobs: Sequence[Bytes]) -> None:
    """Apply a plan as ``pcpu apply`` does and compare: none leaves that would not rebuild its
    file."""
    wanted, at = memoryview(file), 0
    try:
        for piece in NativeReader(planned.plan, blobs).pieces():
            if piece != wanted[at : at + len(piece)]:
                raise InternalError(f"a new plan rebuilds other bytes from {at} on")
            at += len(piece)
    except IprogError as error:
        raise InternalError(f"a new plan does not rebuild: {error}") from None
    if at != len(wanted):
        raise InternalError(f"a new plan rebuilds {at} of {len(wanted)} bytes")
