"""Plans, files and blobs on disk: what the commands do."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from pcpu.artifact import appears_whole, open_sink, read_all, write_all
from pcpu.errors import DamagedPlanError, IprogError, UsageError
from pcpu.iprog.apply import Reader
from pcpu.iprog.format import read_header
from pcpu.iprog.memory import MappedFile
from pcpu.iprog.native import NativeReader
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.streams import stored_streams

_BLANK = 64  # bytes of white space that may stand before JSON
_RANGE = re.compile(r"([0-9]{0,15})-([0-9]{0,15})")
Advance = Callable[[int], None]  # so many bytes more are done


def mapped(path: str) -> Bytes:
    """The bytes of a file, of which those are read that are looked at. Raises UsageError.

    Where another program cuts the file off meanwhile, the system ends this one with SIGBUS.
    """
    try:
        with Path(path).open("rb") as file:
            # A pipe, say, or what Linux has in /proc, whose files have no size.
            if not Path(path).is_file() or not Path(path).stat().st_size:
                return bytes(read_all(file, path))
            return MappedFile(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise UsageError(f"{path or repr(path)} cannot be read: {error.strerror}") from None


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Errors about a plan begin with the file that it is in."""
    try:
        yield
    except IprogError as error:
        raise type(error)(f"{path}: {error}") from None


def read_plan(path: str, blobs: Sequence[Bytes]) -> Bytes:
    """The plan in a file, which may hold it as JSON."""
    content = mapped(path)
    if bytes(content[:_BLANK]).lstrip()[:1] != b"{":
        return content
    from pcpu.iprog.undocument import from_json  # the planner's tools, which take long to import

    try:
        return from_json(json.loads(bytes(content)), blobs)
    except (ValueError, RecursionError) as error:
        raise DamagedPlanError(f"{path} is no JSON: {error}") from None
    except DamagedPlanError as error:
        raise DamagedPlanError(f"{path}#{error}") from None


def open_plan(path: str, blobs: Sequence[str], *, compare: bool = True) -> Reader:
    """A plan and the blobs that it was made for, which are compared, or not (Reader). Raises
    UsageError, DamagedPlanError, UnsupportedPlanError and WrongBlobError."""
    contents = [mapped(blob) for blob in blobs]
    plan = read_plan(path, contents)
    with naming(path):
        return NativeReader(plan, contents, compare=compare)


def write_plan(plan: bytes, blobs: Sequence[Bytes], out: str) -> None:
    """Write a plan; as JSON if ``out`` is called ``.json``."""
    with open_sink(out) as file:
        if out.endswith(".json"):
            from pcpu.iprog.document import to_json

            file.write(json.dumps(to_json(NativeReader(plan, blobs)), indent=1).encode() + b"\n")
        else:
            file.write(plan)


def parse_range(text: str, size: int) -> tuple[int, int]:
    """The first byte of ``A-B``, ``A-`` or ``-N``, which are the last N, and the one behind the
    last. As in HTTP, B may lie beyond the end, and N be more than there are."""
    return parse_span("--range", text, size, "bytes")


def parse_span(option: str, text: str, count: int, things: str) -> tuple[int, int]:
    """The same for an option about other things. Raises UsageError."""
    found = _RANGE.fullmatch(text)
    if found is None or text == "-":
        raise UsageError(f"{option} {text}: write A-B, the first and the last, or A-, or -N")
    if found[1]:
        first, last = int(found[1]), int(found[2] or count)
        if first > last and found[2]:
            raise UsageError(f"{option} {text}: the first comes after the last")
    else:
        first, last = max(count - int(found[2]), 0), count
    if first >= count:
        there = f"the {things} 0 to {count - 1}" if count else f"no {things}"
        raise UsageError(f"{option} {text}: the file has {there}")
    return first, min(last + 1, count)


def rebuild(reader: Reader, out: str, span: tuple[int, int] | None, advance: Advance) -> int:
    """Write the file, or a span of it; how many bytes that were. ``out`` appears whole or not."""
    if span is None and appears_whole(out):
        with open_sink(out) as sink:
            reader.send(partial(_write, sink, advance))
        return reader.header.file.size
    reader.reference.compare()
    pieces = reader.pieces() if span is None else reader.read(*span)
    count = 0
    with ExitStack() as stack:
        first = next(pieces, b"")  # what is wrong with the plan is said before a file is made
        sink = stack.enter_context(open_sink(out))
        for piece in _chained(first, pieces):
            _write(sink, advance, memoryview(piece))
            count += len(piece)
    return count


def _write(sink: IO[bytes], advance: Advance, piece: memoryview) -> None:
    write_all(sink, piece)
    advance(len(piece))


def _chained(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def verify(reader: Reader, advance: Advance) -> None:
    """Rebuild the whole file, and keep nothing. Raises DamagedPlanError."""
    reader.send(lambda piece: advance(len(piece)))


def describe(plan: Bytes) -> dict[str, Any]:
    """What the header of a plan says."""
    from pcpu.iprog.document import content_json

    header = read_header(plan)
    about = header.relocation
    return {
        "size": len(plan),
        "file": content_json(header.file),
        "window_size": header.window_size,
        "windows": header.windows,
        "blobs": [content_json(blob) for blob in header.blobs],
        "relocation": None
        if about is None
        else {"finders": list(about.finders), "sites": about.sites, "regions": len(about.regions)},
        "renames": header.renames,
        "blocks": len(header.blocks),
        "streams": stored_streams(header),
    }
