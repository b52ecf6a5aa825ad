"""From the JSON form of a plan to the plan (spec/iprog.md G32)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from pcpu.errors import UnsupportedPlanError
from pcpu.iprog import adapting, foreseeing
from pcpu.iprog.document import CODECS
from pcpu.iprog.format import (
    BIAS_LIMIT,
    CHECK,
    MAP_STREAMS,
    MAX_PREFIX,
    MAX_SIZE,
    MIN_PREFIX,
    OF_BYTES,
    PAGE_BITS,
    STREAMS,
    VERSION,
    WINDOW_BITS,
    Block,
    Codec,
    Content,
    Frame,
    Group,
    Header,
    Relocation,
    Transform,
    read_header,
)
from pcpu.iprog.frames import Prefix, compress, match
from pcpu.iprog.json_reader import Json
from pcpu.iprog.numbers import Bytes, signed, signed_64, varint, varints
from pcpu.iprog.reference import Reference
from pcpu.iprog.regions import Region, RegionKind
from pcpu.iprog.relocate import Mover
from pcpu.iprog.shift_map import ShiftMap
from pcpu.iprog.writing import write_header

_WITH_PREFIX = (*OF_BYTES, Codec.FORESEEN)
_CODECS = {name: codec for codec, name in CODECS.items()}
_SHIFTS = 1 << 62  # which shifts lie below, whatever their sign (G25)


@dataclass
class _Window:
    """A window's part of the streams, and its skew and check."""

    skew: int
    check: int
    parts: dict[str, bytearray] = field(
        default_factory=lambda: {name: bytearray() for name in STREAMS[1:]}
    )


def from_json(document: Any, blobs: Sequence[Bytes]) -> bytes:
    """The plan of a document and of its blobs, which frames may have a prefix from, and which are
    compared.

    Raises DamagedPlanError with a pointer into the document, or WrongBlobError.
    """
    root = Json(document)
    if root.member("type").text() != "iprog":
        raise root.member("type").wrong('"iprog" is wanted here')
    if root.member("version").number() != VERSION:
        raise UnsupportedPlanError(f"the document is of another version than {VERSION}")
    size = root.member("window_size").number(1 << WINDOW_BITS[0], 1 << WINDOW_BITS[-1])
    if size & (size - 1):
        raise root.member("window_size").wrong("a power of two is wanted here")
    several = [root.member("blob")] if root.has("blob") else list(root.member("blobs").items())
    contents = tuple(_content(blob, blob.member("name")) for blob in several)
    reference = Reference(blobs, contents)
    reference.compare()
    relocation: Relocation | None = None
    prefix: Prefix = reference.read
    stored = b""
    if root.member("relocation").value is not None:
        relocation, prefix, stored = _relocation(root.member("relocation"), reference)
    file = _content(root, root.member("file"))
    windows = [
        _window(item, number * size, size)
        for number, item in enumerate(root.member("windows").items())
    ]
    blocks, inside = _blocks(root.member("blocks"), windows, prefix, reference.size)
    renames = root.has("renames") and root.member("renames").flag()
    header = Header(file, size.bit_length() - 1, contents, relocation, blocks, renames)
    plan = write_header(header) + stored + inside
    read_header(plan)  # what is wrong with the whole
    return plan


def _blocks(
    document: Json, windows: Sequence[_Window], prefix: Prefix, size: int
) -> tuple[tuple[Block, ...], bytes]:
    """The blocks of a document, and what is stored of them; prefixes are from a reference of
    ``size`` bytes."""
    blocks: list[Block] = []
    stored, first = b"", 0
    for item in document.items():
        count = item.member("windows").number(1, len(windows) - first)
        if windows[first].skew:
            raise item.wrong("the first window of a block begins with skew 0")
        streams = _streams(windows[first : first + count])
        group, inside = _group(item.member("frames"), streams, prefix, size)
        stored += b"".join(w.check.to_bytes(CHECK, "little") for w in windows[first:][:count])
        stored += inside
        first += count
        blocks.append(Block(count, group))
    return tuple(blocks), stored


def _content(item: Json, name: Json) -> Content:
    digest = item.member("sha256").octets()
    if len(digest) != 32:
        raise item.member("sha256").wrong("64 digits are wanted here")
    return Content(item.member("size").number(0, MAX_SIZE), digest, name.text())


def _group(
    frames: Json, streams: Sequence[bytes], prefix: Prefix, size: int
) -> tuple[Group, bytes]:
    """A group of these streams, in the frames that the document wants, and its stored bytes;
    prefixes are from a reference of ``size`` bytes."""
    found: list[Frame] = []
    stored = b""
    first = 0
    for item in frames.items():
        if not any(streams[first:]):
            raise item.wrong("no stream is left that holds something")
        count = item.member("streams").number(1, len(streams) - first)
        content = b"".join(streams[first : first + count])
        first += count
        codec = _CODECS.get(item.member("codec").text())
        if codec is None:
            raise item.member("codec").wrong(f"one of {', '.join(_CODECS)} is wanted here")
        spans = _spans(item.member("prefix"), codec, size) if codec in _WITH_PREFIX else None
        before = None if spans is None else b"".join(prefix(*span) for span in spans)
        if codec is Codec.ADAPTIVE:
            content = adapting.encode(streams[first - count : first])
        elif codec is Codec.FORESEEN:
            content = foreseeing.encode(content, before or b"")
        elif codec is Codec.MATCHED:
            if before is None or len(before) < MIN_PREFIX:
                raise item.member("prefix").wrong(f"at least {MIN_PREFIX} bytes are wanted here")
            content = match(content, before)
        elif codec is not Codec.RAW:
            content = compress(content, before)
        found.append(Frame(count, codec, len(content), spans))
        stored += content
    if any(streams[first:]):
        raise frames.wrong(f"frames hold {first} of {len(streams)} streams")
    return Group(tuple(map(len, streams)), tuple(found)), stored


def _spans(item: Json, codec: Codec, size: int) -> tuple[tuple[int, int], ...]:
    """The spans of a prefix, which lie in a reference of ``size`` bytes."""
    page = 1 << (PAGE_BITS if codec is Codec.FORESEEN else 0)
    spans: list[tuple[int, int]] = []
    end = total = 0
    for own in item.items():
        first, count = own.items(2)
        start = first.number(end, size)
        length = count.number(1, min(MAX_PREFIX - total, size - start))
        end, total = start + length, total + length
        if start % page or (length % page and end != size):
            raise own.wrong(f"pages of {page} bytes are wanted here")
        spans.append((start, length))
    return tuple(spans)


def _relocation(item: Json, reference: Reference) -> tuple[Relocation, Prefix, bytes]:
    pieces: list[tuple[int, int]] = []
    for piece in item.member("map").items():
        start, shift = piece.items(2)
        least = pieces[-1][0] + 1 if pieces else 0
        pieces.append((start.number(least, (1 << 63) - 2), shift.number(1 - _SHIFTS, _SHIFTS - 1)))
    starts, shifts = zip(*pieces, strict=True) if pieces else ((), ())
    streams = [
        varints(b - a for a, b in zip((0, *starts), starts, strict=False)),
        b"".join(signed(b - a) for a, b in zip((0, *shifts), shifts, strict=False)),
    ]
    assert len(streams) == len(MAP_STREAMS)
    group, stored = _group(item.member("frames"), streams, reference.read, reference.size)
    regions: list[Region] = []
    for region in item.member("regions").items():
        start, bias, kind = region.items(3)
        regions.append(
            Region(
                start.number(regions[-1].start + 1 if regions else 0),
                bias.number(1 - BIAS_LIMIT, BIAS_LIMIT - 1),
                RegionKind(kind.number(0, max(RegionKind))),
            )
        )
    transform = item.member("transform")
    if transform.number() not in list(Transform):
        raise UnsupportedPlanError(f"{transform.pointer}: a transform that is not known")
    relocation = Relocation(
        item.member("blob").number(0, len(reference.blobs) - 1),
        item.member("finders").numbers(),
        item.member("sites").number(),
        Transform(transform.number()),
        item.member("base").number(),
        item.member("span").number(),
        tuple(regions),
        group,
    )
    if relocation.transform is Transform.NONE:
        return relocation, reference.read, stored
    map_ = ShiftMap(np.array(starts, np.int64), np.array(shifts, np.int64))
    return relocation, Mover(relocation, map_, reference).moved, stored


def _window(item: Json, start: int, size: int) -> _Window:
    stated = item.member("hash").octets("0x")
    if len(stated) != CHECK:
        raise item.member("hash").wrong(f"{2 * CHECK} digits are wanted here")
    skew = item.member("skew").number(-(1 << 63), (1 << 63) - 1)
    own = _Window(skew, int.from_bytes(stated, "big"))
    length = item.member("len").number(1, size)
    at = stop = 0
    fixed = -1
    for instruction in item.member("instructions").items():
        kind = instruction.member("op").text()
        if kind == "lit":
            octets = instruction.member("bytes").octets("0x")
            own.parts["literals"] += octets
            count = len(octets)
        elif kind in ("copy", "copyadd", "adddiff"):
            count = instruction.member("len").number(1, length - at)
            own.parts["gaps"] += varint(at - stop)
            stop = at + count
            is_stated = instruction.has("stated") and instruction.member("stated").flag()
            own.parts["lengths"] += varint(0 if stop == length and not is_stated else count)
            turn = signed_64(instruction.member("src").number() - start - at - skew)
            own.parts["turns"] += signed(turn)
            skew += turn
        else:
            raise instruction.member("op").wrong("copy, copyadd, adddiff or lit is wanted here")
        for place, fix in _fixes(instruction, count):
            own.parts["steps"] += varint(at + place - fixed - 1)
            own.parts["fixes"].append(fix)
            fixed = at + place
        at += count
    if at != length:
        raise item.wrong(f"the instructions give {at} of {length} bytes")
    return own


def _fixes(instruction: Json, count: int) -> Iterator[tuple[int, int]]:
    """Places within an instruction, in order, and what is added there."""
    if instruction.has("value"):
        value = instruction.member("value").number(0, 255)
        yield from ((place, value) for place in range(count))
        return
    last = -1
    for item in instruction.member("fixes").items() if instruction.has("fixes") else ():
        place, fix = item.items(2)
        last = place.number(last + 1, count - 1)
        yield last, fix.number(0, 255)


def _streams(windows: Sequence[_Window]) -> list[bytes]:
    """The streams of a block (G14, G15)."""
    names = STREAMS[1:]
    index = varints(len(window.parts[name]) for name in names for window in windows[:-1])
    index += b"".join(signed(signed_64(b.skew - a.skew)) for a, b in pairwise(windows))
    return [index, *(b"".join(window.parts[name] for window in windows) for name in names)]
