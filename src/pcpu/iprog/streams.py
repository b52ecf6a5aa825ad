"""What the streams of a plan cost: bytes of each, and what is stored of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pcpu.iprog.format import CHECK, STREAMS, Group, Header


def stored_streams(header: Header) -> list[dict[str, Any]]:
    """For each stream, over all blocks: its bytes, and what is stored of it. What shares a frame is
    told together."""
    found: dict[str, dict[str, Any]] = {}
    groups = [(("map",) * 2, header.relocation.map)] if header.relocation else []
    checks = CHECK * header.windows
    rows = [("checks", (checks, checks))] if checks else []
    for names, group in [*groups, *((STREAMS, block.group) for block in header.blocks)]:
        rows += _rows(names, group)
    for name, row in rows:
        total = found.setdefault(name, {"stream": name, "bytes": 0, "stored": 0})
        total["bytes"] += row[0]
        total["stored"] += row[1]
    return list(found.values())


def _rows(names: Sequence[str], group: Group) -> Iterator[tuple[str, tuple[int, int]]]:
    first = 0
    for frame in group.frames:
        last = first + frame.streams
        own = dict.fromkeys(names[first:last])
        yield "+".join(own), (sum(group.sizes[first:last]), frame.stored)
        first = last
