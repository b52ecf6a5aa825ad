"""The planner: from a file and blobs to a plan, which is applied before it is given out.

make_subject -> index, seeds -> align -> fit the shift map -> trials -> columns -> encode -> check
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, repeat
from typing import Any, Literal

import numpy as np

from pcpu.errors import UsageError
from pcpu.iprog import compressor, native
from pcpu.iprog.align import Covers
from pcpu.iprog.columns import Columns, make_columns, sample_columns
from pcpu.iprog.comparing import NEW, align_all, aligned, compared
from pcpu.iprog.encode import make_map_frames, make_prefixes
from pcpu.iprog.format import (
    MAX_BLOBS,
    MAX_SIZE,
    WINDOW_BITS,
    Content,
    Header,
    plain_name,
)
from pcpu.iprog.frames import is_packed
from pcpu.iprog.index import Octets, Seeds, check_memory
from pcpu.iprog.memory import MappedFile, return_freed, return_large_arrays
from pcpu.iprog.moved import Moved
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.packing import LITERALS, MOSTLY_NEW, Packer, is_worth_matching, total
from pcpu.iprog.reference import digest
from pcpu.iprog.shifts import NOTHING_MOVES
from pcpu.iprog.streams import stored_streams
from pcpu.iprog.strengths import FIRST, INSTANT, PACKED, SMALL, Trial, cheaper
from pcpu.iprog.subject import Subject, make_subject
from pcpu.iprog.threads import THREADS, both, each
from pcpu.iprog.trials import Trials, sample, whole
from pcpu.iprog.work import WINDOW_BYTES, Progress, Work

Mode = Literal["small", "instant"]
_NAMES_SHARE = 100
_SMALL_PLAN = 1 << 14
# Of names that are foreseen: parts of the fixes, or of the plan, that they have to save; and bytes
# of a file for which that takes as long as a line of 2 Mbit/s does for one.
_FEWER, _SLOWER = 16, 2500
_HEADER = 200  # bytes, about
_LONG = 1 << 20  # bytes of a file that takes so long that small plans may be compared as they are
_CLOSE, _SEVERAL = 1.06, 5  # times as large: those that are, and how many
# Times smaller that a round of trials has to be for another one; the same where one takes long, as
# much is new in a file of so many bytes. There no further costs are tried.
_WORTH, _WORTH_LONG, _SLOW = 1.02, 1.05, 1 << 22


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
            "renames": self.header.renames,
            "streams": stored_streams(self.header),
        }


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
    default. Names are kept where they are little of the plan. Raises UsageError, or PcpuError where
    this process may not have the memory.
    """
    _check(file, blobs, window_bits)
    return_large_arrays()
    progress("finding sites", 0)
    used = () if mode == "instant" else finders
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_load, mode)
        subject, (about, *contents) = both(
            lambda: _subject(file, blobs, used),
            lambda: _contents((file, *blobs), (name, *blob_names)),
        )
        work = Work(subject, about, contents, progress, mode == "small", window_bits)
        del subject  # which work replaces: its sites are large
        planned = _small(work) if mode == "small" else _instant(work)
        del work  # its sites are large
    progress("checking", 0.9)
    native.check_plan(planned.plan, file, blobs)
    progress("checking", 1)
    return planned


def _load(mode: Mode) -> None:
    """Load what is needed later. A new installation compiles it, beside loops of the planner; what
    goes wrong is said where it is needed."""
    native.load()
    if mode == "small":
        compressor.load()


def _check(file: Bytes, blobs: Sequence[Bytes], window_bits: int | None) -> None:
    """Raise UsageError for what no plan can have, and PcpuError for what there is not the memory
    for."""
    if window_bits is not None and window_bits not in WINDOW_BITS:
        raise UsageError(f"a window has 2^{WINDOW_BITS[0]} to 2^{WINDOW_BITS[-1]} bytes")
    if max(len(file), sum(map(len, blobs))) > MAX_SIZE:
        raise UsageError(f"files and blobs have at most {MAX_SIZE} bytes")
    if len(blobs) > MAX_BLOBS:
        raise UsageError(f"a plan has at most {MAX_BLOBS} blobs, and {len(blobs)} are given")
    check_memory(sum(map(len, blobs)))


def _subject(file: Bytes, blobs: Sequence[Bytes], finders: tuple[int, ...] | None) -> Subject:
    """The subject, which leaves the pages of files that are mapped."""
    mapped = [data for data in (file, *blobs) if isinstance(data, MappedFile)]

    def leave() -> None:
        for data in mapped:
            data.leave()

    octets = [np.frombuffer(blob, np.uint8) for blob in blobs]
    return replace(make_subject(np.frombuffer(file, np.uint8), octets, finders), leave=leave)


def _contents(every: Sequence[Bytes], names: Sequence[str]) -> list[Content]:
    """What a plan says of the file and the blobs, of which the first have names."""
    return [
        Content(len(data), digest(data), plain_name(name))
        for data, name in zip(every, chain(names, repeat("")), strict=False)
    ]


def _small(work: Work) -> Planned:
    covers, size = _chosen(work)
    return _finish(work, covers, Packer(), size)


def _chosen(work: Work) -> tuple[Covers, float]:
    """The best covers that were found, and about how large the plan will be; the shift map in
    ``work``."""
    given = aligned(work)
    if is_packed(given[0].data):
        covers, size = align_all(*given, PACKED), work.file.size
        if (size - covers.size) * MOSTLY_NEW > size:
            return covers, size - covers.size
    work.map_frames = make_map_frames(work.moved, Packer(literals=0))
    with ThreadPoolExecutor(THREADS) as pool:
        trials, first = _begun(work, given, pool)
        del given  # they are large
        if _may_rename(trials, _best(first)):
            plain = work.subject, work.moved
            work.subject = replace(work.subject, renames=True)
            others = _begun(work, aligned(work), pool)
            if _best(others[1]).estimate + work.file.size / _SLOWER < _best(first).estimate:
                trials, first = others
            else:
                work.subject, work.moved = plain
        best = _tried(work, trials, first)
    if best.tried == work.file.size:
        return best.covers, best.estimate
    return align_all(trials.file, trials.reference, trials.seeds, best.costs), best.estimate


def _begun(
    work: Work, given: tuple[Octets, Octets, Seeds], pool: ThreadPoolExecutor
) -> tuple[Trials, list[Trial]]:
    """The first trials of what is compared, and what makes others."""
    size = work.file.size
    rest = total(work.map_frames) + WINDOW_BYTES * (size >> work.usual_bits) + _HEADER
    some = sample(size, much_new=work.much_new)
    for spans in dict.fromkeys((some, whole(size))):
        trials = Trials(work.moved, *given, spans, rest, pool, work.usual_bits)
        work.tell("trying strengths", 0.4)
        first = trials.run(FIRST, partial(_exactly, work))
        if spans == whole(size):
            trials.bits = work.window_bits(_best(first).estimate)
        if max(trial.new for trial in first) > NEW:
            break  # A sample of much that is new says enough.
    return trials, first


def _may_rename(trials: Trials, trial: Trial) -> bool:
    """Whether it may be worth while to foresee names: if that saves many of the fixes of a trial
    without it."""
    subject = trials.moved.subject
    if subject.relocatable is not None:
        return False
    foreseen = replace(trials.moved, subject=replace(subject, renames=True))
    columns = sample_columns(foreseen, trial.covers, trials.bits, trials.spans)
    _, fixes, _ = trial.counts
    saved, size = (fixes - len(columns["fixes"])) * trial.times, len(subject.file)
    return saved > max(fixes * trial.times / _FEWER, trial.estimate / _FEWER, size / _SLOWER)


def _tried(work: Work, trials: Trials, first: list[Trial]) -> Trial:
    """The best trial, of the first ones and of those that follow from them."""
    done, exactly = first, partial(_exactly, work)
    takes_long = work.much_new and work.file.size >= _SLOW
    worth = _WORTH_LONG if takes_long else _WORTH
    for share in (0.5, 0.6):
        work.tell("trying strengths", share)
        best = _best(done)
        done = [*done, *trials.run(best.measured(), exactly)]
        if best.estimate < worth * _best(done).estimate:
            break
    for _ in range(0 if takes_long else 2):
        done = [*done, *trials.run(_best(done).further(), exactly)]
    if _best(done).estimate < _SMALL_PLAN:
        done = [*done, *trials.run(SMALL, exactly)]
        done = [*done, *trials.run(cheaper(done), exactly)]
        if work.subject.relocatable is None and work.file.size >= _LONG:
            done = _packed(work, done)
    return _best(done)


def _exactly(work: Work, trial: Trial, columns: Columns | None) -> Trial:
    """The trial with about the size of its plan, if that is small: then windows and headers are
    much, so that what is known of a trial is of little use."""
    if columns is None or trial.estimate > _SMALL_PLAN:
        return trial
    own = work.window_bits(trial.estimate)
    if columns.bits != own:
        columns = make_columns(work.moved, trial.covers, own)
    packer = Packer(literals=round(trial.stored[-1] * LITERALS))
    encoded = work.encode(columns, packer, map_frames=work.map_frames)
    return replace(trial, size=encoded.size)


def _packed(work: Work, done: Sequence[Trial]) -> list[Trial]:
    """The best trials of a small plan, with the sizes that their plans have."""
    best = sorted(done, key=lambda trial: trial.estimate)[:_SEVERAL]

    def pack(trial: Trial) -> Trial:
        columns = make_columns(work.moved, trial.covers, work.window_bits(trial.estimate))
        encoded = work.encode(columns, Packer(), make_prefixes(work.moved, columns))
        return replace(trial, size=encoded.size)

    return each(pack, [trial for trial in best if trial.estimate < best[0].estimate * _CLOSE])


def _best(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.estimate)


def _instant(work: Work) -> Planned:
    file, reference, seeds = compared(work)
    work.moved = Moved.of(work.subject, NOTHING_MOVES)
    work.tell("aligning", 0.5)
    covers = align_all(file, reference, seeds, INSTANT)
    sizes = make_columns(work.moved, covers, work.usual_bits).sizes()
    return _finish(work, covers, Packer(compressed=False), sum(sizes.values()))


def _finish(work: Work, covers: Covers, packer: Packer, size: float) -> Planned:
    """The plan of the covers that were chosen; ``size`` is about that of the plan."""
    work.tell("compressing", 0.7)
    names = sum(len(content.name.encode()) for content in (work.file, *work.blobs))
    if names * _NAMES_SHARE > size:
        work.file = replace(work.file, name="")
        work.blobs = [replace(blob, name="") for blob in work.blobs]
    columns = make_columns(work.moved, covers, work.window_bits(size))
    literals = len(columns.data["literals"])
    packer = replace(packer, matches=is_worth_matching(size, literals, work.file.size))
    prefixes = make_prefixes(work.moved, columns) if packer.compressed else None
    work.moved = work.moved.without_sites()
    work.subject.leave()
    return_freed()
    encoded = work.encode(columns, packer, prefixes)
    return Planned(
        encoded.plan, encoded.header, columns.covers,
        len(columns.data["fixes"]), literals, work.moved,
    )  # fmt: skip
