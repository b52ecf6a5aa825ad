"""Writing the header of a plan (spec/iprog.md G6-G12)."""

from __future__ import annotations

from itertools import pairwise

from pcpu.iprog.format import (
    ALIKE,
    BLOBS,
    BLOCKS,
    CHECK,
    CODECS,
    MAGIC,
    MOVES,
    NAMES,
    PAGE_BITS,
    RENAMES,
    VERSION,
    WINDOW_BITS,
    Codec,
    Content,
    Frame,
    Group,
    Header,
    Relocation,
    check,
)
from pcpu.iprog.numbers import signed, varint
from pcpu.iprog.regions import Region, RegionKind


def write_header(header: Header) -> bytes:
    """The plan up to the stored bytes of its frames."""
    contents = (header.file, *header.blobs)
    names = any(content.name for content in contents)
    flags = {
        NAMES: names, BLOBS: len(header.blobs) != 1, MOVES: header.relocation is not None,
        BLOCKS: len(header.blocks) > 1, RENAMES: header.renames,
    }  # fmt: skip
    windows = header.window_bits - WINDOW_BITS[0]
    content = b"".join([
        varint(windows | sum(flag for flag, is_set in flags.items() if is_set)),
        varint(header.file.size) + _about(header.file, names),
        varint(len(header.blobs)) if flags[BLOBS] else b"",
        *(
            signed(blob.size - before.size) + _about(blob, names)
            for before, blob in pairwise(contents)
        ),
        _relocation(header.relocation, flags[BLOBS]) if header.relocation else b"",
        varint(len(header.blocks)) if flags[BLOCKS] else b"",
        *(varint(block.windows) + _group(block.group) for block in header.blocks[:-1]),
        *(_group(block.group) for block in header.blocks[-1:]),
    ])  # fmt: skip
    whole = MAGIC + bytes([VERSION]) + varint(len(content)) + content
    return whole + check(whole).to_bytes(CHECK, "little")


def _about(content: Content, names: bool) -> bytes:
    name = content.name.encode()
    return content.sha256 + (varint(len(name)) + name if names else b"")


def _group(group: Group) -> bytes:
    stated, sizes, before = 0, b"", 0
    for n, size in enumerate(group.sizes):
        if size != (before if ALIKE >> n & 1 else 0):
            stated |= 1 << n
            sizes += varint(size)
        before = size
    return varint(stated) + sizes + b"".join(map(write_frame, group.frames))


def write_frame(frame: Frame) -> bytes:
    """What the header says about a frame."""
    stored = b"" if frame.codec is Codec.RAW else varint(frame.stored)
    described = varint(CODECS * (frame.streams - 1) + frame.codec)
    bits = PAGE_BITS if frame.codec is Codec.FORESEEN else 0
    return described + write_prefix(frame.prefix, bits) + stored


def write_prefix(spans: tuple[tuple[int, int], ...] | None, bits: int = 0) -> bytes:
    """What the header says about a prefix, in units of ``2^bits`` bytes."""
    if spans is None:
        return b""
    found, end = varint(len(spans)), 0
    for start, length in spans:
        found += varint(start - end >> bits) + varint(-(-length >> bits))
        end = start + length
    return found


def _relocation(relocation: Relocation, several: bool) -> bytes:
    regions = [varint(len(relocation.regions))]
    before = Region(0, 0, RegionKind.OTHER)
    for region in relocation.regions:
        regions.append(varint(region.start - before.start) + signed(region.bias - before.bias))
        regions.append(varint(region.kind))
        before = region
    return b"".join([
        varint(len(relocation.finders)),
        varint(relocation.blob) if several else b"",
        *map(varint, relocation.finders),
        varint(relocation.sites),
        varint(relocation.transform),
        varint(relocation.base) + varint(relocation.span) if relocation.transform else b"",
        *regions,
        _group(relocation.map),
    ])  # fmt: skip
