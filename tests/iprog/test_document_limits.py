"""JSON documents at the limits of what plans may say, and beyond (G32)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pcpu.errors import DamagedPlanError, WrongBlobError
from pcpu.iprog.apply import Reader
from pcpu.iprog.document import to_json
from pcpu.iprog.files import read_plan
from pcpu.iprog.native import NativeReader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.undocument import from_json
from tests.iprog.pairs import edited

Made = Callable[[], Any]
BLOB, FILE = edited(5, 700)
GOLDEN = sorted((Path(__file__).parent / "golden" / "v1").iterdir())


@cache
def usual() -> Any:
    return to_json(Reader(make_plan(FILE, [BLOB]).plan, [BLOB]))


def changed(**members: Any) -> Any:
    return copy.deepcopy(usual()) | members


def relocating(regions: list[Any], pieces: list[Any]) -> Any:
    return changed(
        relocation={
            "blob": 0, "finders": [1], "sites": 0, "transform": 0, "base": 0, "span": 0,
            "regions": regions, "map": pieces,
            "frames": [{"streams": 2, "codec": "raw"}] if pieces else [],
        }
    )  # fmt: skip


def with_prefix(codec: str, *spans: list[int]) -> Any:
    frame = {"streams": 7, "codec": codec, "prefix": [*spans]}
    return changed(blocks=[{"windows": 1, "frames": [frame]}])


def with_window(**members: Any) -> Any:
    document = changed()
    document["windows"][0] |= members
    return document


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (lambda: with_window(hash="0x0100000000"), "/windows/0/hash: 8 digits"),
        (lambda: with_window(hash="0x"), "/windows/0/hash: 8 digits"),
        (lambda: with_window(skew=1 << 63), "/windows/0/skew"),
        (
            lambda: changed(blob=usual()["blob"] | {"name": "\ud800"}),
            "/blob/name: a string of whole",
        ),
        (lambda: with_prefix("zstd-prefix", [len(BLOB) + 1, 9]), "/blocks/0/frames/0/prefix/0/0"),
        (lambda: with_prefix("zstd-prefix", [len(BLOB) - 8, 9]), "/blocks/0/frames/0/prefix/0/1"),
        (lambda: with_prefix("foreseen", [3, 256]), "/blocks/0/frames/0/prefix/0: pages of 256"),
        (lambda: with_prefix("foreseen", [0, 100]), "/blocks/0/frames/0/prefix/0: pages of 256"),
        (lambda: relocating([[5, 0, 0], [3, 0, 0]], []), "/relocation/regions/1/0"),
        (lambda: relocating([[0, 1 << 62, 0]], []), "/relocation/regions/0/1"),
        (lambda: relocating([], [[5, 0], [5, 0]]), "/relocation/map/1/0"),
        (lambda: relocating([], [[0, -(1 << 62)]]), "/relocation/map/0/1"),
        (lambda: relocating([], [[(1 << 63) - 1, 0]]), "/relocation/map/0/0"),
    ],
)
def test_what_is_wrong_has_a_pointer(document: Made, pointer: str) -> None:
    with pytest.raises(DamagedPlanError) as raised:
        from_json(document(), [BLOB])
    assert str(raised.value).startswith(pointer)


@pytest.mark.parametrize(
    "document",
    [
        lambda: relocating([[0, 1 - (1 << 62), 0]], []),
        lambda: relocating([], [[0, 1 - (1 << 62)], [(1 << 63) - 2, 0]]),
        lambda: with_prefix("foreseen", [0, 256]),
        lambda: with_prefix("foreseen", [len(BLOB) // 256 * 256, len(BLOB) % 256]),
    ],
)
def test_limits_themselves_are_kept(document: Made) -> None:
    plan = from_json(document(), [BLOB])
    reader = Reader(plan, [BLOB])
    assert reader.rebuild() == FILE
    assert to_json(reader) == to_json(NativeReader(plan, [BLOB]))
    for name in ("relocation", "blocks", "windows"):
        assert to_json(reader)[name] == document()[name]


def test_a_frame_for_no_stream_has_a_pointer() -> None:
    frames = usual()["blocks"][0]["frames"]
    with pytest.raises(DamagedPlanError) as raised:
        from_json(changed(blocks=[{"windows": 1, "frames": [*frames, {}]}]), [BLOB])
    assert str(raised.value).startswith(f"/blocks/0/frames/{len(frames)}: no stream is left")


def test_blobs_are_compared() -> None:
    with pytest.raises(WrongBlobError):
        from_json(usual(), [bytes(len(BLOB))])


def test_white_space_may_come_first(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("\n \t" + json.dumps(usual()))
    assert Reader(read_plan(str(path), [BLOB]), [BLOB]).rebuild() == FILE


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_both_decoders_have_the_same_parts(folder: Path) -> None:
    plan = (folder / "plan.iprog").read_bytes()
    blobs = [path.read_bytes() for path in sorted(folder.glob("blob*"))]
    plain, native = Reader(plan, blobs), NativeReader(plan, blobs)
    for number in range(plain.header.windows):
        assert native.part(number) == plain.part(number)
