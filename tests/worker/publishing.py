"""Stores of published files, with their Workers."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx

from pcpu.iprog.apply import Reader
from pcpu.iprog.plan import make_plan
from pcpu.iprog.publish import publish
from tests.conftest import ROOT
from tests.iprog.forge import Frames, number, sealed, signed, streams
from tests.iprog.pairs import edited
from tests.iprog.scripts import renamed, script
from tests.iprog.test_explain import program
from tests.worker.server import OCTETS, Server

NAMES = [
    "edited",
    "empty",
    "from-nothing",
    "instant.html",
    "mostly-new",
    "moved",
    "of.two",
    "renamed.js",
]
MIB = 1 << 20
BITS = 16
WINDOW = 1 << BITS
LITERALS = 100


def put(store: Path, name: str, plan: bytes, blobs: Sequence[bytes] = ()) -> None:
    """Publish a plan and blobs."""
    for folder in ("blobs", "objects"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    (store / "objects" / f"{name}.iprog").write_bytes(plan)
    for blob in blobs:
        (store / "blobs" / hashlib.sha256(blob).hexdigest()).write_bytes(blob)


def tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()}"'


class Large:
    """Written by hand, since no planner takes it: a blob of so many MiB and a file of the same size: in each window a hundred literals, and the
    rest from a bit further on in the blob, but of every eighth window from anywhere."""

    def __init__(self, mib: int, seed: int = 1) -> None:
        self.size = mib * MIB
        random = Random(seed)
        self._pattern = random.randbytes(MIB + 997)
        self._count = self.size // WINDOW
        most = self.size - WINDOW
        self._sources = [
            random.randrange(most) if n % 8 == 7 else min(n * WINDOW + 1234, most)
            for n in range(self._count)
        ]
        self._literals = [random.randbytes(LITERALS) for _ in range(self._count)]

    def blob(self, start: int, length: int) -> bytes:
        """Bytes of the blob, which repeats with a period that no page has."""
        at = start % len(self._pattern)
        copies = 1 + (at + length) // len(self._pattern)
        return (self._pattern * copies)[at : at + length]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> bytes:
        """A window of the file."""
        copied = self.blob(self._sources[number], WINDOW - LITERALS)
        return self._literals[number] + copied

    def __iter__(self) -> Iterator[bytes]:
        return (self[n] for n in range(self._count))

    def read(self, start: int, stop: int) -> bytes:
        """Bytes of the file."""
        first = start // WINDOW
        inside = b"".join(self[n] for n in range(first, (stop - 1) // WINDOW + 1))
        return inside[start - first * WINDOW : stop - first * WINDOW]

    def publish(self, store: Path, name: str) -> bytes:
        """Write the blob and the plan; the plan."""
        put(store, name, b"")
        with (store / "blobs" / "new").open("wb") as file:
            hashed = hashlib.sha256()
            for start in range(0, self.size, MIB):
                hashed.update(self.blob(start, MIB))
                file.write(self.blob(start, MIB))
        (store / "blobs" / "new").rename(store / "blobs" / hashed.hexdigest())
        plan = self._plan(hashed.digest())
        put(store, name, plan)
        return plan

    def _plan(self, blob: bytes) -> bytes:
        hashed = hashlib.sha256()
        for window in self:
            hashed.update(window)
        covers = [[(LITERALS, 0, 0)]] * self._count
        skews = [s - n * WINDOW - LITERALS for n, s in enumerate(self._sources)]
        described, stored = Frames(streams(self, covers, self._literals, skews=skews)).build()
        header = [
            number(BITS - 12), number(self.size), hashed.digest(), signed(0), blob, described
        ]  # fmt: skip
        return sealed(b"".join(header)) + stored


@dataclass(frozen=True)
class Shop:
    """A store with its Worker, and what is in it."""

    store: Path
    server: Server
    files: Mapping[str, bytes]

    def get(self, name: str, **headers: str) -> httpx.Response:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.server.client.get(f"/v1/objects/{name}", headers=named)

    def reconstruct(self, plan: bytes, **headers: str) -> httpx.Response:
        named = {"content-type": OCTETS} | headers
        return self.server.client.post("/v1/reconstruct", content=plan, headers=named)

    def plan(self, name: str) -> bytes:
        return (self.store / "objects" / f"{name}.iprog").read_bytes()

    def check_answers(self) -> None:
        """All files, and ranges of each, are what they are."""
        for name, content in self.files.items():
            answer = self.get(name)
            assert (answer.status_code, answer.content) == (200, content)
            assert answer.headers["etag"] == tag(content)
            assert answer.headers["content-length"] == str(len(content))
            head = self.server.client.head(f"/v1/objects/{name}")
            assert (head.status_code, head.headers["etag"]) == (200, tag(content))
            random = Random(9)
            for _ in range(20 if content else 0):
                first = random.randrange(len(content))
                last = min(first + random.randrange(90_000), len(content) - 1)
                part = self.get(name, range=f"bytes={first}-{last}")
                assert (part.status_code, part.content) == (206, content[first : last + 1])

    def check_many_readers(self, names: Sequence[str]) -> None:
        """What many ask for at once, each gets."""

        def one(seed: int) -> None:
            random = Random(seed)
            name = random.choice(names)
            content = self.files[name]
            first = random.randrange(len(content))
            assert self.get(name, range=f"bytes={first}-").content == content[first:]

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(one, range(60)))


def published(store: Path) -> dict[str, bytes]:
    """Publish some files; their bytes by name."""
    blob, file = edited(2, 400_000)
    old, new = program(0), program(256)
    before = script(3, 500)
    text = b"".join(path.read_bytes() for path in sorted((ROOT / "docs").rglob("*.md")))
    files = {
        "edited": (file, [blob], "small", 12),
        "instant.html": (file, [blob], "instant", 16),
        "moved": (new, [old], "small", 12),
        "of.two": (new, [blob, old], "small", 14),
        "mostly-new": (text[60_000:160_000], [text[:60_000]], "small", 12),  # matched frames
        "renamed.js": (renamed(before, 4), [before.encode()], "small", 13),  # foreseen names
        "empty": (b"", [blob], "small", 12),
        "from-nothing": (b"all of this is new " * 999, [], "small", 12),
    }
    for name, (content, blobs, mode, bits) in files.items():
        planned = make_plan(content, blobs, mode, window_bits=bits)  # type: ignore[arg-type]
        publish(Reader(planned.plan, blobs), store, name)
    return {name: content for name, (content, *_) in files.items()}


@contextmanager
def shop(bundle: Path, store: Path, files: Mapping[str, bytes], **limits: int) -> Iterator[Shop]:
    """Serve a store with a bundle that was made for another one."""
    config = (bundle / "config.capnp").read_text()
    folder = store.parent / f"{store.name}-bundle"
    if not folder.exists():
        shutil.copytree(bundle, folder)
        (folder / "config.capnp").write_text(
            re.sub(r'disk = \(path = ".*?"\)', f'disk = (path = "{store}")', config)
        )
    with Server(folder, (), **limits) as server:
        yield Shop(store, server, files)
