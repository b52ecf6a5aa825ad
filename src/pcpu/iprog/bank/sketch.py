"""Sketches: what is worth knowing of a file, in a fixed number of bytes (spec/bank.md).

sketch(data) -> Sketch; sketch.write() -> bytes; read_sketch(bytes) -> Sketch
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcpu.errors import BankError
from pcpu.iprog.bank.chunks import LEVELS, Level, Names, cut
from pcpu.iprog.bank.mix import (
    COMPILER_BYTES,
    COUNTED,
    KINDS,
    SLOTS,
    compiler_of,
    histogram_of,
    sections_of,
)
from pcpu.iprog.bank.views import blanked
from pcpu.iprog.finders import read_image
from pcpu.iprog.format import check
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import digest

MAGIC = b"\x89IPSK\r\n\x1a"
VERSION = 1
KEPT = (1024, 512, 512)  # names of each level
_KIND_BYTES = 16
_FRONT = struct.Struct("<8sII")  # magic, version, check of all that follows
_BODY = struct.Struct(f"<Q32sQ{_KIND_BYTES}s{COMPILER_BYTES}s{len(KINDS)}Q{SLOTS}H{2 * LEVELS}I")
SIZE = _FRONT.size + _BODY.size + 4 * sum(KEPT)


@dataclass(frozen=True)
class Sketch:
    """``finders`` has the bit ``n`` where sites of the finder ``n`` were blanked; ``kind`` is one
    of the finders' images or empty; ``chunks`` says how many distinct ones each level had, and
    ``names`` are the smallest of them."""

    size: int
    sha256: bytes
    finders: int
    kind: str
    compiler: str
    sections: tuple[int, ...]
    histogram: tuple[int, ...]
    chunks: tuple[int, ...]
    names: tuple[Names, ...]

    def write(self) -> bytes:
        kept = [len(names) for names in self.names]
        body = _BODY.pack(
            self.size, self.sha256, self.finders, self.kind.encode(), self.compiler.encode(),
            *self.sections, *self.histogram, *self.chunks, *kept,
        )  # fmt: skip
        for names, room in zip(self.names, KEPT, strict=True):
            body += names.astype("<u4").tobytes().ljust(4 * room, b"\0")
        return _FRONT.pack(MAGIC, VERSION, check(body)) + body

    def to_json(self) -> dict[str, Any]:
        """What people may want to know of it."""
        counted = (*COUNTED.get(self.kind, ()), "other")
        total = max(1, sum(self.histogram))
        return {
            "size": self.size,
            "sha256": self.sha256.hex(),
            "kind": self.kind,
            "compiler": self.compiler,
            "sections": {k.value: n for k, n in zip(KINDS, self.sections, strict=True) if n},
            "mnemonics": {
                name: round(count / total, 4)
                for name, count in zip(counted, self.histogram, strict=False)
                if count
            },
            "chunks": list(self.chunks),
        }


@dataclass(frozen=True)
class Studied:
    """A sketch, and all chunks that it was made of."""

    sketch: Sketch
    levels: tuple[Level, ...]


def study(data: Bytes) -> Studied:
    """The sketch of ``data`` and its chunks."""
    image = read_image(data)
    view, finders = blanked(data, image)
    levels = cut(view)
    sketch = Sketch(
        size=len(data),
        sha256=digest(data),
        finders=sum(1 << number for number in finders),
        kind="" if image is None else image.kind,
        compiler=compiler_of(image, data),
        sections=sections_of(image, data),
        histogram=histogram_of(image, data),
        chunks=tuple(len(level.names) for level in levels),
        names=tuple(level.names[:kept] for level, kept in zip(levels, KEPT, strict=True)),
    )
    return Studied(sketch, levels)


def read_sketch(data: bytes, path: str) -> Sketch:
    """The sketch that ``data`` begins with; ``path`` is for messages. Raises BankError."""
    if len(data) < SIZE or data[: len(MAGIC)] != MAGIC:
        raise BankError(f"{path} is no sketch; add its blob anew")
    _, version, stated = _FRONT.unpack_from(data)
    if version != VERSION:
        raise BankError(f"{path} is of version {version}, not {VERSION}; add its blob anew")
    if check(data[_FRONT.size : SIZE]) != stated:
        raise BankError(f"{path} is damaged; add its blob anew")
    size, sha256, finders, kind, compiler, *numbers = _BODY.unpack_from(data, _FRONT.size)
    sections, numbers = tuple(numbers[: len(KINDS)]), numbers[len(KINDS) :]
    histogram, numbers = tuple(numbers[:SLOTS]), numbers[SLOTS:]
    names, at = [], _FRONT.size + _BODY.size
    for kept, room in zip(numbers[LEVELS:], KEPT, strict=True):
        if kept > room:
            raise BankError(f"{path} is damaged; add its blob anew")
        names.append(np.frombuffer(data, "<u4", kept, at).astype(np.uint32))
        at += 4 * room
    return Sketch(
        size, sha256, finders, _text(kind), _text(compiler), sections, histogram,
        tuple(numbers[:LEVELS]), tuple(names),
    )  # fmt: skip


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "replace")
