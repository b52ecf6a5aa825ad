"""How streams are stored: in which frames, and in which codecs (spec/iprog.md G11-G13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pcpu.iprog import adapting, foreseeing
from pcpu.iprog.format import Codec, Frame
from pcpu.iprog.frames import compress, is_packed, match
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.prefix import Spans
from pcpu.iprog.threads import each
from pcpu.iprog.writing import write_frame

# How much smaller a stream gets when it is compressed thoroughly instead of quickly, about: one of
# literals, any other one; and the most.
LITERALS, REST, MOST = 0.87, 0.94, 0.75
_FEW = 1 << 15  # bytes of streams that all ways of storing are tried for
_OWN = 1 << 12  # bytes of a stream that are worth a frame of their own
_LEAST = 1 << 9  # bytes of a content that thorough compression takes no time for
_ALIKE = 16  # times that what repeats much gets smaller
_MUCH = 1 << 16  # bytes of streams that are worth a thread
_SLOW = 64  # bytes that adaptive bits take as long for as a line of 2 Mbit/s for one
_NO_TIME = 1 << 13  # bytes that take half a millisecond by adaptive bits, at most
_LITTLE = 2048  # parts of a group; who saves less than one by adaptive bits saves nothing
_FRAME = 2  # bytes that the header says of a frame, about
# Parts of a file: a plan of more than the first, or literals of more than the other, are worth a
# codec of literals that decodes more slowly.
_LARGE_PLAN, MOSTLY_NEW = 11, 2


@dataclass(frozen=True)
class Stored:
    """A frame and its stored bytes; none, where only sizes are asked for. ``instead`` is what is
    stored where it is not worth its time."""

    frame: Frame
    content: bytes
    instead: Stored | None = None

    @property
    def size(self) -> int:
        """In the plan, with what the header says about it."""
        return self.frame.stored + len(write_frame(self.frame))


@dataclass(frozen=True)
class Prefix:
    """Spans of the reference, and their bytes; and others for few literals."""

    spans: Spans
    content: Bytes
    near: tuple[tuple[Spans, bytes], ...] = ()  # that foreseen literals may have before them


_Span = tuple[int, int]  # the first stream of a frame, and the one behind its last


@dataclass(frozen=True)
class Packer:
    """Stores streams: raw, or compressed; ``prefix`` is that of literals.

    ``matches`` is whether literals are worth a codec that is smaller and slower than Zstandard.
    With ``literals`` it only says about how large frames would be: that is what literals take in a
    frame of their own. ``beside`` is whether other streams may be stored beside them.
    """

    compressed: bool = True
    quick: bool = False
    prefix: Prefix | None = None
    literals: int | None = None
    beside: bool = True
    matches: bool = False

    def frame(self, streams: Sequence[Bytes], *, literals: bool = False) -> Stored:
        """Streams in one frame, in the codec that makes it smallest."""
        content = _joined(streams)
        if self.literals is not None:
            return _sized(len(streams), self._about(streams, literals))
        # Its bytes are copied where it is chosen only: Zstandard takes much memory meanwhile.
        raw = Stored(Frame(len(streams), Codec.RAW, len(content)), b"")
        if not self.compressed or not len(content):
            return _filled(raw, content)
        found = [raw]
        if not self.quick and len(content) <= _FEW:
            found.append(_stored(len(streams), Codec.ADAPTIVE, adapting.encode(streams)))
        least = min(_cost(stored.frame, len(content), stored.frame.stored) for stored in found)
        if literals and self.prefix is not None:
            found.append(self._behind(content, len(streams), self.prefix))
            for spans, before in () if self.quick else self.prefix.near:
                small = foreseeing.encode(content, before)
                found.append(_stored(len(streams), Codec.FORESEEN, small, spans))
        elif self.quick or _may_help(content, least):
            small = compress(content, quick=self.quick)
            found.append(_stored(len(streams), Codec.ZSTD, small))
        found.sort(key=lambda stored: _cost(stored.frame, len(content), stored.size))
        if found[0].frame.codec is Codec.ADAPTIVE:
            return replace(found[0], instead=_filled(found[1], content))
        return _filled(found[0], content)

    def _behind(self, content: Bytes, streams: int, prefix: Prefix) -> Stored:
        """Literals behind a prefix."""
        if self.matches and not is_packed(content):
            return _stored(streams, Codec.MATCHED, match(content, prefix.content), prefix.spans)
        small = compress(content, prefix.content, quick=self.quick)
        return _stored(streams, Codec.ZSTD_PREFIX, small, prefix.spans)

    def _about(self, streams: Sequence[Bytes], literals: bool) -> int:
        """About how many bytes a frame takes."""
        content = _joined(streams)
        found = [len(content)]
        if literals and self.literals is not None:
            return min(self.literals, *found)
        if 0 < len(content) <= _FEW:
            found.append(adapting.sizes(streams)[0][-1])
        return min(*found, round(_quickly(content) * REST))

    def group(self, streams: Sequence[Bytes], literals: int | None = None) -> list[Stored]:
        """The frames of a group; ``literals`` is the number of the stream that has a prefix, the
        last one."""
        found = self._group(streams, literals)
        while found and not found[-1].frame.stored and found[-1].frame.codec is Codec.RAW:
            found.pop()  # Streams behind all that hold something need no frame.
        least = total(found) // _LITTLE
        return [
            stored.instead
            if stored.instead is not None and stored.instead.size - stored.size < least
            else stored
            for stored in found
        ]

    def _group(self, streams: Sequence[Bytes], literals: int | None) -> list[Stored]:
        if not self.compressed:
            return [self.frame(streams)]
        tasks: list[Callable[[], list[Stored]]] = []
        few: list[Bytes] = []  # that may share frames
        for number, stream in enumerate(streams):
            is_few = len(stream) <= _OWN and not self.quick
            if is_few:
                few.append(stream)
                if number < len(streams) - 1:
                    continue
            tasks.append(partial(self._shared, few, is_few and number == literals))
            if not is_few:
                tasks.append(partial(self._alone, stream, number == literals))
            few = []
        if sum(map(len, streams)) < _MUCH:
            return [stored for task in tasks for stored in task()]
        if not self.beside:
            done = [*each(_run, tasks[:-1]), tasks[-1]()]
        else:  # literals first: they take longest
            done = each(_run, tasks[::-1])[::-1]
        return [stored for frames in done for stored in frames]

    def _alone(self, stream: Bytes, literals: bool) -> list[Stored]:
        return [self.frame([stream], literals=literals)]

    def _shared(self, streams: Sequence[Bytes], literals: bool) -> list[Stored]:
        """The frames of streams, whichever share one; the last one may be that of ``literals``."""
        if not streams:
            return []
        sizes = _least(streams, MOST if self.literals is None else REST)
        alone = (len(streams) - 1, len(streams))  # the literals
        if literals and (self.prefix is not None or self.literals is not None):
            sizes[alone] = self.literals or 0
        known: dict[_Span, Stored] = {}
        while True:
            best = _cheapest(sizes, len(streams))
            if self.literals is not None:
                return [_sized(last - first, sizes[first, last]) for first, last in best]
            if all(span in known for span in best):
                return [known[span] for span in best]
            for first, last in best:
                if (first, last) not in known:
                    own = streams[first:last]
                    stored = self.frame(own, literals=literals and (first, last) == alone)
                    known[first, last] = stored
                    sizes[first, last] = stored.size - _FRAME


def is_worth_matching(plan: float, literals: int, file: int) -> bool:
    """Whether a plan of about so many bytes may have matched frames for so many literals: where
    they are few, and decoded in no time, if they are most of what the plan says."""
    if literals <= _FEW:
        return literals > plan
    return max(plan * _LARGE_PLAN, literals * MOSTLY_NEW) > file


def _run(task: Callable[[], list[Stored]]) -> list[Stored]:
    return task()


def _least(streams: Sequence[Bytes], part: float) -> dict[_Span, int]:
    """What each frame takes that streams may share, where thorough compression makes ``part`` of
    what a quick one does."""
    adaptive = adapting.sizes(streams)
    # Where adaptive bits are smaller for each of some streams, they are for all, mostly.
    helps = [
        part == MOST or _quickly(stream) * part < own[0]
        for stream, own in zip(streams, adaptive, strict=True)
    ]
    found: dict[_Span, int] = {}
    for first, own in enumerate(adaptive):
        for last, size in enumerate(own, first + 1):
            content = _joined(streams[first:last])
            least = min(len(content), size)
            if any(helps[first:last]):
                least = min(least, int(_quickly(content) * part))
            found[first, last] = least
    return found


def _quickly(content: Bytes) -> int:
    """How large a content gets quickly; what is short or repeats much takes no time anyway."""
    if not len(content):
        return 0
    small = len(compress(content, quick=len(content) > _LEAST))
    return small if small * _ALIKE > len(content) else len(compress(content))


def _may_help(content: Bytes, least: int) -> bool:
    """Whether Zstandard may make less than ``least`` bytes of a content."""
    return len(content) > _FEW or _quickly(content) * MOST < least


def _cost(frame: Frame, content: int, size: int) -> int:
    """What a frame takes: ``size`` bytes, and time, as bytes that a line carries meanwhile."""
    slow = frame.codec is Codec.ADAPTIVE and content > _NO_TIME
    return size + (content // _SLOW if slow else 0)


def _joined(streams: Sequence[Bytes]) -> Bytes:
    return streams[0] if len(streams) == 1 else b"".join(streams)


def _stored(streams: int, codec: Codec, content: bytes, prefix: Spans | None = None) -> Stored:
    return Stored(Frame(streams, codec, len(content), prefix), content)


def _filled(stored: Stored, content: Bytes) -> Stored:
    """The same, with its bytes where they are the content."""
    return replace(stored, content=bytes(content)) if stored.frame.codec is Codec.RAW else stored


def _sized(streams: int, size: int) -> Stored:
    """A frame of which no more is known."""
    return Stored(Frame(streams, Codec.ZSTD, size), b"")


def _cheapest(sizes: Mapping[_Span, int], count: int) -> list[_Span]:
    """The frames that take the least for streams from number 0 to ``count``."""
    best: list[tuple[int, list[_Span]]] = [(0, [])]  # from each one on, the last one first
    for first in reversed(range(count)):
        choices = [
            (
                sizes[first, last] + _FRAME + best[count - last][0],
                [(first, last), *best[count - last][1]],
            )
            for last in range(first + 1, count + 1)
        ]
        best.append(min(choices, key=lambda choice: choice[0]))
    return best[count][1]


def total(several: Sequence[Stored]) -> int:
    """What frames take in a plan."""
    return sum(stored.size for stored in several)
