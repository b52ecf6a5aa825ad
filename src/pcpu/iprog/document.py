"""The JSON form of a plan (spec/iprog.md G32)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pcpu.iprog.apply import Cover, Part, Reader, fixes, literal_runs
from pcpu.iprog.format import Codec, Content, Group, Relocation
from pcpu.iprog.numbers import Numbers
from pcpu.iprog.shift_map import read_map

CODECS = {
    Codec.RAW: "raw", Codec.ZSTD: "zstd", Codec.ZSTD_PREFIX: "zstd-prefix",
    Codec.ADAPTIVE: "adaptive", Codec.FORESEEN: "foreseen",
    Codec.MATCHED: "matched",
}  # fmt: skip


def to_json(reader: Reader) -> dict[str, Any]:
    """The document of a plan, of what ``json`` can write. Raises DamagedPlanError."""
    header = reader.header
    blobs = [content_json(blob) for blob in header.blobs]
    windows = [_window(reader, number) for number in range(header.windows)]
    kinds = [instruction["op"] for window in windows for instruction in window["instructions"]]
    return {
        "type": "iprog",
        "version": 1,
        "file": header.file.name,
        "size": header.file.size,
        "sha256": header.file.sha256.hex(),
        "window_size": header.window_size,
        **({"blob": blobs[0]} if len(blobs) == 1 else {"blobs": blobs}),
        "relocation": None if header.relocation is None else _relocation(reader, header.relocation),
        **({"renames": True} if header.renames else {}),
        "blocks": [
            {"windows": block.windows, "frames": _frames(block.group)} for block in header.blocks
        ],
        "windows": windows,
        "metrics": {
            "plan_size": len(reader.plan),
            **{kind: kinds.count(kind) for kind in ("copy", "copyadd", "adddiff", "lit")},
        },
    }


def content_json(content: Content) -> dict[str, Any]:
    return {"name": content.name, "size": content.size, "sha256": content.sha256.hex()}


def _frames(group: Group) -> list[dict[str, Any]]:
    return [
        {"streams": frame.streams, "codec": CODECS[frame.codec]}
        | ({} if frame.prefix is None else {"prefix": [list(span) for span in frame.prefix]})
        for frame in group.frames
    ]


def _relocation(reader: Reader, relocation: Relocation) -> dict[str, Any]:
    shifts = read_map(reader.plan, relocation, reader.reference)
    return {
        "blob": relocation.blob,
        "finders": list(relocation.finders),
        "sites": relocation.sites,
        "transform": relocation.transform.value,
        "base": relocation.base,
        "span": relocation.span,
        "regions": [[r.start, r.bias, int(r.kind)] for r in relocation.regions],
        "map": [
            list(piece)
            for piece in zip(shifts.starts.tolist(), shifts.amounts.tolist(), strict=True)
        ],
        "frames": _frames(relocation.map),
    }


def _window(reader: Reader, number: int) -> dict[str, Any]:
    part, size = reader.part(number), reader.header.window_length(number)
    return {
        "idx": number,
        "len": size,
        "hash": f"0x{part.check:08x}",
        "skew": part.skew,
        "instructions": list(_instructions(reader, part, number, size)),
    }


def _instructions(reader: Reader, part: Part, number: int, size: int) -> Iterator[dict[str, Any]]:
    """Covers and runs in the order of the window's bytes."""
    covers = list(reader.covers(part, number << reader.header.window_bits, size))
    lengths = Numbers(part.streams["lengths"], "a window's lengths")
    stated = [lengths.varint() != 0 for _ in covers]
    runs = literal_runs(covers, size)
    parts: list[tuple[int, int, Cover | None]] = [
        *((cover.at, cover.length, cover) for cover in covers),
        *((at, length, None) for at, length in runs),
    ]
    added = list(fixes(part, size))
    taken = used = 0
    for at, length, cover in sorted(parts, key=lambda p: p[0]):
        own = []
        while used < len(added) and added[used][0] < at + length:
            own.append([added[used][0] - at, added[used][1]])
            used += 1
        if cover is not None:
            is_told = at + length == size and stated[-1]
            yield _copy(cover, own) | ({"stated": True} if is_told else {})
            continue
        literals = bytes(part.streams["literals"][taken : taken + length])
        taken += length
        yield {"op": "lit", "bytes": f"0x{literals.hex()}"} | ({"fixes": own} if own else {})


def _copy(cover: Cover, own: list[list[int]]) -> dict[str, Any]:
    copied = {"src": cover.source, "len": cover.length}
    if not own:
        return {"op": "copy", **copied}
    added = {fix for _, fix in own}
    if len(added) == 1 and len(own) == cover.length:
        return {"op": "copyadd", **copied, "value": added.pop()}
    return {"op": "adddiff", **copied, "fixes": own}
