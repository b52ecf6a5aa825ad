"""Plans that relocate, written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pcpu.errors import DamagedPlanError, UnsupportedPlanError
from pcpu.iprog.apply import Reader
from pcpu.iprog.native import NativeReader
from tests.iprog.forge import Frames, number, plan, signed, streams
from tests.iprog.images import CODE, Part, elf, i32

Regions = Sequence[tuple[int, int, int]]
Pieces = Sequence[tuple[int, int]]


def relocation(
    finders: Sequence[int], sites: int, regions: Regions, pieces: Pieces, *,
    transform: int = 0, base: int = 0, span: int = 0, blob: int | None = None,
) -> tuple[bytes, bytes]:  # fmt: skip
    """What the header says about relocation, and the stored bytes of the map. ``blob`` is said where
    there are several."""
    said = number(len(finders)) + (b"" if blob is None else number(blob))
    said += b"".join(map(number, finders)) + number(sites) + number(transform)
    said += (number(base) + number(span) if transform else b"") + number(len(regions))
    before = (0, 0)
    for start, bias, code in regions:
        said += number(start - before[0]) + signed(bias - before[1]) + number(code)
        before = start, bias
    starts = [
        a - b for a, b in zip([p[0] for p in pieces], [0, *(p[0] for p in pieces)], strict=False)
    ]
    shifts = [
        a - b for a, b in zip([p[1] for p in pieces], [0, *(p[1] for p in pieces)], strict=False)
    ]
    group, stored = Frames([b"".join(map(number, starts)), b"".join(map(signed, shifts))]).build()
    return said + group, stored


def rebuilt(
    file: bytes, blob: bytes, about: tuple[bytes, bytes], covers: Sequence[tuple[int, int, int]],
    literals: bytes = b"", frames: Frames | None = None, **more: object,
) -> bytes:  # fmt: skip
    """What both decoders make of a plan of one window."""
    parts = streams([file], [covers], [literals], **more)  # type: ignore[arg-type]
    made = plan(
        file,
        [blob],
        [(1, frames or Frames(parts))],
        bits=16,
        relocation=about[0],
        map_stored=about[1],
    )
    found = Reader(made, [blob]).rebuild()
    assert NativeReader(made, [blob]).rebuild() == found
    return found


CALL = b"\x90\xe8" + i32(0x20) + b"\x90" * 58  # to 0x2026


def code_blob(code: bytes = CALL) -> tuple[bytes, int]:
    blob, places = elf([Part(".text", CODE, 0x2000, code)])
    return blob, places[".text"]


def literal(code: bytes, stored: bytes, about: tuple[bytes, bytes], blob: bytes) -> bytes:
    return rebuilt(code, blob, about, [], stored)


def refused(about: tuple[bytes, bytes], blobs: list[bytes]) -> str:
    parts = streams([b"abc"], [[]], [b"abc"])
    made = plan(b"abc", blobs, [(1, Frames(parts))], relocation=about[0], map_stored=about[1])
    with pytest.raises((DamagedPlanError, UnsupportedPlanError)) as caught:
        Reader(made, blobs).rebuild()
    return str(caught.value)
