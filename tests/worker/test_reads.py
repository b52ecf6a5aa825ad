"""How often a store is read, and what is held: spec/http.md H27 to H29."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.iprog import forge
from tests.worker.publishing import MIB, Shop, published, put, shop

BITS = 16
PIECE = 512  # bytes of a cover


def scattered(mib: int, seed: int = 3) -> tuple[bytes, bytes, bytes]:
    """A plan whose covers come from all over its blob, in another order; the blob and the file."""
    random = Random(seed)
    blob = random.randbytes(mib * MIB)
    order = list(range(0, len(blob), PIECE))
    random.shuffle(order)
    file = b"".join(blob[at : at + PIECE] for at in order)
    windows = [file[at : at + (1 << BITS)] for at in range(0, len(file), 1 << BITS)]
    each = (1 << BITS) // PIECE
    covers = []
    for first in range(0, len(order), each):
        skews = [order[n] - PIECE * n for n in range(first, first + each)]
        covers.append([(0, PIECE, a - b) for a, b in zip(skews, [0, *skews], strict=False)])
    frames = forge.Frames(forge.streams(windows, covers, [b""] * len(windows)))
    plan = forge.plan(file, [blob], [(len(windows), frames)], bits=BITS)
    return plan, blob, file


@contextmanager
def counted(
    bundle: Path, store: Path, files: dict[str, bytes], script: str = "counting", **limits: int
) -> Iterator[Shop]:
    """A shop whose log tells of each read; or with another script before its store."""
    folder = store.parent / f"{store.name}-bundle"  # where ``shop`` looks
    if not folder.exists():
        shutil.copytree(bundle, folder)
        shutil.copy(Path(__file__).with_name(f"{script}.js"), folder / "counting.js")
        config = (folder / "config.capnp").read_text()
        (folder / "config.capnp").write_text(through_counting(config, store))
    with shop(bundle, store, files, **limits) as found:
        yield found


def through_counting(config: str, store: Path) -> str:
    """The configuration with a Worker between ours and the store."""
    config = re.sub(r'disk = \(path = ".*?"\)', f'disk = (path = "{store}")', config)
    config = config.replace('"STORE", service = "store"', '"STORE", service = "counting"')
    counting = """(name = "counting", worker = (
      compatibilityDate = "2026-10-20",
      modules = [(name = "counting.js", esModule = embed "counting.js")],
      bindings = [(name = "DISK", service = "store")],
    )),"""
    return config.replace("  services = [", f"  services = [\n    {counting}", 1)


def reads(found: Shop) -> Counter[str]:
    """What was read since this was asked last, by kind."""
    kinds = {"HEAD": "asked", "GET": "read"}
    return Counter(kinds[line.split()[0]] for line in found.server.output().splitlines())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    """A store with a scattered plan and others, that plan, and its file."""
    store = tmp_path_factory.mktemp("mixed") / "store"
    published(store)
    plan, blob, file = scattered(24)
    put(store, "scattered", plan, [blob])
    return store, plan, file


def test_h29_a_scattered_plan_takes_few_reads(
    objects_bundle: Path, mixed: tuple[Path, bytes, bytes]
) -> None:
    store, _, file = mixed
    with counted(objects_bundle, store, {}) as found:
        assert found.get("scattered").content == file
        assert reads(found).total() <= 6  # of the plan and the blob: what they are, and they
        assert found.get("scattered").content == file
        assert found.get("scattered", range="bytes=7-1000006").content == file[7:1000007]
        assert found.server.client.head("/v1/objects/scattered").status_code == 200
        assert found.get("scattered", if_none_match="*").status_code == 304
        assert reads(found).total() <= 4 * 3  # the plan's head may be others by now


def test_h28_without_room_it_is_read_ahead_in_pieces(
    objects_bundle: Path, mixed: tuple[Path, bytes, bytes]
) -> None:
    store, plan, file = mixed
    with counted(objects_bundle, store, {}, MAX_DECODER_BYTES=30 * MIB) as found:
        assert found.get("scattered").content == file
        assert reads(found).total() <= 40
        random = Random(5)
        for _ in range(10):
            first = random.randrange(len(file))
            last = min(first + random.randrange(3 * MIB), len(file) - 1)
            part = found.get("scattered", range=f"bytes={first}-{last}")
            assert part.content == file[first : last + 1]
            assert reads(found).total() <= 40
        assert found.reconstruct(plan).content == file


def test_h28_all_that_is_held_else_is_the_same_by_pieces(own: Shop) -> None:
    own.check_answers()
    for name, content in own.files.items():
        assert own.reconstruct(own.plan(name)).content == content


def test_h27_who_leaves_while_it_is_read_leaves_it_to_others(
    objects_bundle: Path, mixed: tuple[Path, bytes, bytes]
) -> None:
    store, _, file = mixed
    with counted(objects_bundle, store, {}) as found:
        for _ in range(3):
            address = ("127.0.0.1", found.server.port)
            with socket.create_connection(address, timeout=10) as connection:
                connection.sendall(b"GET /v1/objects/scattered HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(0.02)
            assert found.get("scattered").content == file
        assert reads(found)["read"] <= 3 * 3 + 2


def test_h27_small_parts_are_read_for_themselves_once(
    objects_bundle: Path, mixed: tuple[Path, bytes, bytes]
) -> None:
    store, _, file = mixed
    with counted(objects_bundle, store, {}) as found:
        for turn in range(4):
            assert found.get("scattered", range="bytes=5-9").content == file[5:10]
            assert reads(found).total() <= (40 if turn == 0 else 7 if turn == 1 else 3)


def test_h27_many_at_once_read_it_once(
    objects_bundle: Path, mixed: tuple[Path, bytes, bytes]
) -> None:
    store, _, file = mixed
    with counted(objects_bundle, store, {}) as found:

        def part(number: int) -> None:
            span = len(file) // 8
            value = f"bytes={number * span}-{(number + 1) * span - 1}"
            answer = found.get("scattered", range=value)
            assert answer.content == file[number * span : (number + 1) * span]

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(part, range(8)))
        assert reads(found).total() <= 8 * 3 + 4


def test_h27_what_is_held_goes_for_others(objects_bundle: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    files = published(store)
    for seed in range(4):
        plan, blob, file = scattered(12, seed)
        put(store, f"s{seed}", plan, [blob])
        files[f"s{seed}"] = file
    with counted(objects_bundle, store, files, MAX_DECODER_BYTES=80 * MIB) as found:
        before = found.server.rss()
        for _ in range(3):
            for name, content in files.items():
                assert found.get(name).content == content
        found.check_many_readers([f"s{seed}" for seed in range(4)])
        assert found.server.rss() - before < 160 * MIB


def test_h27_a_plan_that_took_the_place_is_served(objects_bundle: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    files = published(store)
    with counted(objects_bundle, store, files) as found:
        for _ in range(2):
            assert found.get("edited").content == files["edited"]
            assert found.get("moved").content == files["moved"]
            put(store, "edited", found.plan("moved"))
            assert found.get("edited").content == files["moved"]
            put(store, "edited", found.plan("instant.html"))


def test_h27_a_plan_in_a_body_is_not_kept_for_others(
    objects_bundle: Path, mixed: tuple[Path, bytes, bytes]
) -> None:
    """It might have the head of a published one, and other frames."""
    store, plan, file = mixed
    with counted(objects_bundle, store, {}) as found:
        assert found.reconstruct(plan).content == file
        reads(found)
        assert found.get("scattered").content == file
        assert reads(found)["read"] >= 3
        with pytest.raises(httpx.RemoteProtocolError):  # the last window is wrong
            found.reconstruct(plan[:-1] + bytes([plan[-1] ^ 1]))
        digest = hashlib.sha256(file).hexdigest()
        assert found.get("scattered").headers["etag"] == f'"{digest}"'
