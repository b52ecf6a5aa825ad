"""What a request carries: bytes, files and iterators, and several of them as a form."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pcpu.errors import UsageError
from pcpu.sdk.runners import span_list

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Data = Buffer | IO[bytes] | os.PathLike[str] | Iterable[Buffer]

OCTETS = "application/octet-stream"
READ = 1 << 18


@dataclass(frozen=True)
class Body:
    """``length`` bytes, None where that is not known before, as ``pieces()`` gives them; it can
    be called again only where the body ``repeats``."""

    kind: str
    length: int | None
    pieces: Callable[[], Iterator[memoryview]]
    repeats: bool


def body_of(data: Data) -> Body:
    """The body that sends ``data``. Raises UsageError where it cannot be read."""
    if isinstance(data, os.PathLike):
        return _path(Path(data))
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return _file(data) if hasattr(data, "read") else _iterable(data)
    except ValueError as error:  # one that was released
        raise UsageError(f"{type(data).__name__} is no buffer: {error}") from None
    if not view.c_contiguous:
        raise UsageError("the data is no contiguous buffer")
    flat = view.cast("B") if view.nbytes else memoryview(b"")
    return Body(OCTETS, flat.nbytes, lambda: _cut(flat), repeats=True)


def empty() -> Body:
    return body_of(b"")


def form_of(parts: Mapping[str, Any]) -> Body:
    """``parts`` by name, as multipart/form-data (RFC 7578)."""
    boundary = secrets.token_hex(16)
    bodies = {name: body_of(value) for name, value in parts.items()}
    heads = {
        name: f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        for name in bodies
    }
    end = f"--{boundary}--\r\n".encode()
    lengths = [body.length for body in bodies.values()]
    length = None
    if None not in lengths:
        framing = sum(len(head) + 2 for head in heads.values()) + len(end)
        length = sum(n for n in lengths if n is not None) + framing

    def pieces() -> Iterator[memoryview]:
        for name, body in bodies.items():
            yield memoryview(heads[name])
            yield from body.pieces()
            yield memoryview(b"\r\n")
        yield memoryview(end)

    repeats = all(body.repeats for body in bodies.values())
    return Body(f"multipart/form-data; boundary={boundary}", length, pieces, repeats)


def input_of(name: str, value: Any) -> Any:
    """What is sent for an input: pairs (offset, length) become a list of spans."""
    pairs = isinstance(value, list | tuple) and all(isinstance(v, list | tuple) for v in value)
    return span_list(name, value) if pairs else value


def _cut(view: memoryview) -> Iterator[memoryview]:
    return (view[start : start + READ] for start in range(0, len(view), READ))


def _path(path: Path) -> Body:
    try:
        size = path.stat().st_size if path.is_file() else None
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None

    def pieces() -> Iterator[memoryview]:
        with path.open("rb") as file:
            yield from _exactly(file, size)

    return Body(OCTETS, size, pieces, repeats=size is not None)


def _file(file: Any) -> Body:
    length = None
    try:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            length = max(0, status.st_size - file.tell())
    except (OSError, ValueError, AttributeError):
        pass  # no file of the system's: it is sent as it comes
    return Body(OCTETS, length, lambda: _exactly(file, length), repeats=False)


def _exactly(file: IO[bytes], length: int | None) -> Iterator[memoryview]:
    """The file's bytes, so many of them where the request has said so already."""
    left = length
    while left is None or left > 0:
        piece = file.read(READ if left is None else min(READ, left))
        if isinstance(piece, str):
            raise UsageError("the file gives text; open it in binary mode, 'rb'")
        if not piece:
            if left:
                raise UsageError(f"the file ended {left} bytes too early, while it was sent")
            return
        left = None if left is None else left - len(piece)
        yield memoryview(piece)


def _iterable(data: object) -> Body:
    if isinstance(data, str) or not isinstance(data, Iterable):
        wanted = "bytes, a file, a Path or an iterable of bytes"
        raise UsageError(f"data is {wanted}, not {type(data).__name__}")

    def pieces() -> Iterator[memoryview]:
        for piece in data:
            try:
                view = memoryview(piece)
            except TypeError:
                message = f"the data's pieces are bytes, not {type(piece).__name__}"
                raise UsageError(message) from None
            if view.nbytes:
                yield view.cast("B")

    return Body(OCTETS, None, pieces, repeats=False)
