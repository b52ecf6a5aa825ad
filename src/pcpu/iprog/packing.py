"""How streams are stored: in which frames, and in which codecs (spec/iprog.md G11-G13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcpu.iprog import adapting
from pcpu.iprog.format import Codec, Frame, check, write_prefix
from pcpu.iprog.frames import Dictionary, compress
from pcpu.iprog.numbers import Bytes, varint
from pcpu.iprog.prefix import Spans

# How much smaller a stream gets when it is compressed thoroughly instead of quickly, about: one of
# literals, any other one; and the most.
LITERALS, REST, MOST = 0.87, 0.94, 0.75
_FEW = 1 << 15  # bytes of streams that all ways of storing and of sharing frames are tried for
_OWN = 1 << 11  # bytes of literals that are worth a frame of their own, where they have a prefix
_FRAME = 6  # bytes that the header says of a frame, besides what varies


@dataclass(frozen=True)
class Stored:
    """A frame and its stored bytes; none, where only sizes are asked for."""

    frame: Frame
    content: bytes

    @property
    def size(self) -> int:
        """In the plan, with what the header says about it."""
        prefix = write_prefix(self.frame.prefix)
        return self.frame.stored + len(varint(self.frame.stored)) + len(prefix) + _FRAME


@dataclass(frozen=True)
class Prefix:
    """Spans of the reference, and their bytes."""

    spans: Spans
    content: Dictionary


_Span = tuple[int, int]  # the first stream of a frame, and the one behind its last


@dataclass(frozen=True)
class Packer:
    """Stores streams: raw, or compressed; ``prefix`` is that of literals.

    With ``literals`` it only says about how large frames would be: that is what literals take in a
    frame of their own.
    """

    compressed: bool = True
    quick: bool = False
    prefix: Prefix | None = None
    literals: int | None = None

    def frame(self, streams: Sequence[Bytes], *, literals: bool = False) -> Stored:
        """Streams in one frame, in the codec that makes it smallest."""
        content = _joined(streams)
        if literals and self.literals is not None:
            return _sized(len(streams), min(self.literals, len(content)))
        found = [_stored(len(streams), Codec.RAW, bytes(content))]
        if self.compressed and not self.quick and 0 < len(content) <= _FEW:
            found.append(_stored(len(streams), Codec.ADAPTIVE, adapting.encode(streams)))
        if self.compressed and len(content):
            least = min(stored.frame.stored for stored in found)
            before = self.prefix if literals else None
            found += self._zstd(len(streams), content, before, least)
        return min(found, key=lambda stored: stored.size)

    def _zstd(
        self, streams: int, content: Bytes, prefix: Prefix | None, least: int
    ) -> list[Stored]:  # fmt: skip
        """The frame in Zstandard; none where another codec takes ``least``, and it takes more."""
        if prefix is not None:
            small = compress(content, prefix.content, quick=self.quick)
            return [_stored(streams, Codec.ZSTD_PREFIX, small, prefix.spans)]
        if self.quick:
            return [_stored(streams, Codec.ZSTD, compress(content, quick=True))]
        if len(content) <= _FEW or self.literals is not None:
            quickly = len(compress(content, quick=True))
            if self.literals is not None:
                return [_sized(streams, round(quickly * REST))]
            if quickly * MOST > least:
                return []
        return [_stored(streams, Codec.ZSTD, compress(content))]

    def group(self, streams: Sequence[Bytes], literals: int | None = None) -> list[Stored]:
        """The frames of a group; ``literals`` is the number of the stream that has a prefix, the
        last one."""
        count = len(streams)
        if not self.compressed:
            return [self.frame(streams)]
        if self.quick or sum(map(len, streams)) > _FEW:
            return [self.frame([s], literals=n == literals) for n, s in enumerate(streams)]
        if literals is not None and self._is_apart(streams[literals]):
            return [*self.group(streams[:literals]), self.frame(streams[literals:], literals=True)]
        known: dict[_Span, Stored] = {}
        sizes = self._least(streams, literals)
        while True:
            best = _cheapest(sizes, count)
            if all(span in known for span in best):
                return [known[span] for span in best]
            for first, last in best:
                if (first, last) not in known:
                    stored = self.frame(streams[first:last], literals=first == literals)
                    known[first, last], sizes[first, last] = stored, stored.size

    def _is_apart(self, literals: Bytes) -> bool:
        """Whether literals are to have a frame of their own."""
        return len(literals) > _OWN and (self.prefix is not None or self.literals is not None)

    def _least(self, streams: Sequence[Bytes], literals: int | None) -> dict[_Span, int]:
        """Not more than what each frame takes that streams may share."""
        found: dict[_Span, int] = {}
        for first, own in enumerate(adapting.sizes(streams)):
            for last, size in enumerate(own, first + 1):
                content = _joined(streams[first:last])
                quickly = int(len(compress(content, quick=True)) * MOST) if len(content) else 0
                least = 0 if first == literals else min(len(content), size, quickly)
                found[first, last] = least + len(varint(least)) + _FRAME
        return found


def _joined(streams: Sequence[Bytes]) -> Bytes:
    return streams[0] if len(streams) == 1 else b"".join(streams)


def _stored(streams: int, codec: Codec, content: bytes, prefix: Spans | None = None) -> Stored:
    return Stored(Frame(streams, codec, len(content), check(content), prefix), content)


def _sized(streams: int, size: int) -> Stored:
    """A frame of which no more is known."""
    return Stored(Frame(streams, Codec.ZSTD, size, 0), b"")


def _cheapest(sizes: Mapping[_Span, int], count: int) -> list[_Span]:
    """The frames that take the least for streams from number 0 to ``count``."""
    best: list[tuple[int, list[_Span]]] = [(0, [])]  # from each one on, the last one first
    for first in reversed(range(count)):
        choices = [
            (sizes[first, last] + best[count - last][0], [(first, last), *best[count - last][1]])
            for last in range(first + 1, count + 1)
        ]
        best.append(min(choices, key=lambda choice: choice[0]))
    return best[count][1]


def total(several: Sequence[Stored]) -> int:
    """What frames take in a plan."""
    return sum(stored.size for stored in several)
