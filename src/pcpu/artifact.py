"""What the compiler gives: bytes and a manifest that says what they are."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pcpu.errors import OutputClosedError, PcpuError, UsageError

ABI_VERSION = 2
SECTION = "pcpu.manifest"
MAX_PIPED = 1 << 30  # bytes that have to be in memory as a whole
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Artifact:
    """``form`` is what the bytes are: ir, opt-ir, asm, obj, wasm, so."""

    form: str
    code: bytes
    manifest: dict[str, Any]

    @property
    def is_text(self) -> bool:
        return self.form in ("ir", "opt-ir", "asm")

    def write(self, path: Path) -> None:
        """Write the bytes; ``path`` appears whole or not at all."""
        with open_output(path) as file:
            file.write(self.code)


def with_manifest(module: bytes, manifest: dict[str, Any]) -> bytes:
    """A WebAssembly module with the manifest as its custom section (spec/abi.md A10)."""
    payload = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    name = SECTION.encode()
    content = _leb128(len(name)) + name + payload
    return module + b"\0" + _leb128(len(content)) + content


def _leb128(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def is_regular(path: Path) -> bool:
    """Whether there is a regular file, or nothing yet. It is looked at once: others may make it."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except ValueError:  # a path with U+0000
        return True
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return True
        raise


def appears_whole(out: str) -> bool:
    """Whether what is written to ``out`` is nobody's before all of it is."""
    return out != "-" and is_regular(Path(out))


@contextmanager
def open_output(path: Path, *, runs: bool = False) -> Iterator[IO[bytes]]:
    """A file to write ``path`` with, which appears whole when the block ends, or not at all; as an
    executable where it ``runs``.

    A pipe or a device is written to directly, and a symbolic link is followed. Raises PcpuError.
    """
    place = _place(path)
    try:
        direct = path.open("wb", buffering=0) if place is None else None
    except OSError as error:
        raise _cannot_write(path, error) from None
    path = place or path
    try:
        with direct or write_beside(path, runs=runs) as file:
            yield file
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            raise _cannot_write(path, error) from None
        raise


def check_output(path: Path) -> None:
    """Raise now, before long work, what ``open_output`` would raise after it."""
    place = _place(path)
    if place is None:
        return
    try:
        tempfile.TemporaryFile(dir=place.parent).close()
    except OSError as error:
        raise _cannot_write(place, error) from None


def _place(path: Path) -> Path | None:
    """Where a regular file is to appear; None for a pipe or a device, whose link /dev/fd/N leads to
    no path. Raises PcpuError."""
    try:
        if is_regular(path):
            return path.resolve()
        if path.is_dir():
            raise UsageError(f"{path.resolve()} is a directory")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        raise _cannot_write(path, error) from None
    return None


@contextmanager
def write_beside(path: Path, *, runs: bool = False) -> Iterator[IO[bytes]]:
    """A new file that takes the place of the regular file ``path`` when the block ends well."""
    try:
        start = os.fsencode(path.name)[:100].decode(errors="ignore")  # names have 255 bytes at most
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{start}.")
    except OSError as error:
        raise _cannot_write(path, error) from None
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        beside.chmod((0o777 if runs else 0o666) & ~mask)
        try:
            beside.replace(path)
        except OSError as error:
            raise _cannot_write(path, error) from None
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_all(file: IO[bytes], block: memoryview) -> None:
    """Write all of ``block``, also to a file that takes less at a time.

    Raises OutputClosedError where whoever reads has left, else PcpuError.
    """
    try:
        while block:
            block = block[file.write(block) :]
    except BrokenPipeError:
        raise OutputClosedError("the reader of the data left") from None
    except OSError as error:
        raise PcpuError(f"the data cannot be written: {error.strerror}") from None


def _cannot_write(path: Path, error: Exception) -> PcpuError:
    return PcpuError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}")


@contextmanager
def open_source(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        yield sys.stdin.buffer.raw if hasattr(sys.stdin.buffer, "raw") else sys.stdin.buffer
        return
    try:
        file = open(source, "rb", buffering=0)  # noqa: SIM115, PTH123 - closed below
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{source or repr(source)} cannot be read: {reason}") from None
    with file:
        yield file


@contextmanager
def open_sink(out: str) -> Iterator[IO[bytes]]:
    if out == "-":
        yield sys.stdout.buffer
        try:
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise OutputClosedError("the reader of the data left") from None
        return
    with open_output(_named(out)) as file:
        yield file


def check_sink(out: str) -> None:
    """The same as ``check_output`` for ``open_sink``."""
    if out != "-":
        check_output(_named(out))


def check_terminal() -> None:
    """Raise UsageError where data would go to a terminal, which nobody asked for: it may hold what
    terminals take for commands."""
    if sys.stdout.isatty():
        raise UsageError("the data would go to the terminal; give -o FILE, or -o - to see it there")


def _named(out: str) -> Path:
    if out.endswith("/") or not out:
        raise UsageError(f"{out!r} names no file")
    return Path(out)


def read_all(file: IO[bytes], path: str) -> bytearray:
    """The bytes of a file, in memory; of a pipe or a device at most MAX_PIPED. Raises PcpuError."""
    content = bytearray()
    regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    try:
        while piece := file.read(1 << 20):
            content += piece
            if len(content) > MAX_PIPED and not regular:
                raise PcpuError(f"{path} gives more than {MAX_PIPED >> 20} MiB; put it in a file")
    except OSError as error:
        raise PcpuError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise PcpuError(f"{path} does not fit in memory") from None
    return content
