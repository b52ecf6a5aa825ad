"""A reconstructor as a command for Linux: ``rebuild BLOB... [-o OUT]``.

The file goes to stdout, or to OUT, which appears whole or not at all; a symbolic link is followed,
and a pipe or a device is written to directly. Every window is checked before it is written, and the
last one only where the hash of the file is right (G23), as blobs that are not the plan's may agree
with all checks. The exit code is 2 for misuse and 1 for failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.decoder import exports, one
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.exports import reference_of
from pcpu.iprog.decoder.header import hash_at
from pcpu.kernel import Bytes, Extern, Memory, State
from pcpu.kernel.memory import i64_at


def _text(content: bytes) -> Any:
    """A table of bytes, as kernels take it."""
    return np.frombuffer(content, np.uint8)


_USAGE = _text(b"usage: rebuild BLOB... [-o OUT]\n")
_UNREADABLE = _text(b"rebuild: a blob cannot be read\n")
_SIZES = _text(b"rebuild: the blobs have not the size that the plan was made for\n")
_DAMAGED = _text(b"rebuild: a blob is not the one that the plan was made for\n")
_MEMORY = _text(b"rebuild: there is not enough memory\n")
_UNWRITABLE = _text(b"rebuild: the file cannot be written\n")

_MISUSE, _FAILURE = 2, 1
_STDOUT, _STDERR = 1, 2
_READ = 0
_WRITE = 0x80001  # write only, close on exec
# Of statx: what paths are relative to, what it is asked for, and where in what it writes the kind
# of a file lies.
_HERE, _TYPE = -100, 1
_KIND, _MASK, _REGULAR = 29, 0xF0, 0x80
_ROOM = 256  # bytes that statx writes
_END = 2  # what lseek counts from
_MOST = 1 << 30  # bytes that are read or written at once
_DASH, _O = 0x2D, 0x6F


# The kernel's, as are the next ones (targets/linux.zig).
open = Extern("open", ("int", "int", "int"))
lseek = Extern("lseek", ("int", "int", "int"))
read = Extern("read", ("int", "Bytes"))
write = Extern("write", ("int", "Bytes"))
close = Extern("close", ("int",))
statx = Extern("statx", ("int", "int", "int", "int", "int"))
# The file before it has its name (part.zig).
pcpu_part_open = Extern("pcpu_part_open", ("int",))
pcpu_part_keep = Extern("pcpu_part_keep", ())
pcpu_part_drop = Extern("pcpu_part_drop", ())
pcpu_part_limits = Extern("pcpu_part_limits", ())
# The SHA-256 of what is added; whether it is that at an address (targets/sha256.zig).
pcpu_sha256_add = Extern("pcpu_sha256_add", ("Bytes",))
pcpu_sha256_is = Extern("pcpu_sha256_is", ("int",))


def main(s: State, heap: Memory, count: int, arguments: int) -> int:
    """``arguments`` is the address of ``count`` addresses of strings that end with a 0 byte."""
    out, last = 0, count
    if count >= 3 and _is_option(heap, i64_at(heap, arguments + 8 * (count - 2))):
        out, last = i64_at(heap, arguments + 8 * (count - 1)), count - 2
    for n in range(1, last):
        if heap[i64_at(heap, arguments + 8 * n)] == _DASH:
            return _wrong(_USAGE, _MISUSE)
    if one.begin(s, heap) < 0:
        return _wrong(_MEMORY, _FAILURE)
    if last < 2 and s[S.BLOBS] > 0:
        return _wrong(_USAGE, _MISUSE)
    code = _read_blobs(s, heap, arguments, last)
    if code:
        return code
    status = one.prepare(s, heap)
    if status < 0:
        return _wrong(_MEMORY if status == S.NO_MEMORY else _DAMAGED, _FAILURE)
    return _write_file(s, heap, out)


def _is_option(heap: Memory, at: int) -> bool:
    return heap[at] == _DASH and heap[at + 1] == _O and heap[at + 2] == 0


def _wrong(message: Bytes, code: int) -> int:
    write(_STDERR, message)
    return code


def _signed(value: int) -> int:
    """An int of C, of which the upper half is not defined."""
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def _read_blobs(s: State, heap: Memory, arguments: int, last: int) -> int:
    """Read the blobs one behind the other; 0, or an exit code."""
    total = 0
    for n in range(1, last):
        file = _signed(open(i64_at(heap, arguments + 8 * n), _READ, 0))
        size = lseek(file, 0, _END) if file >= 0 else -1
        if size < 0:
            return _wrong(_UNREADABLE, _FAILURE)
        total += size
        close(file)
    status = one.blob(s, heap, total)
    if status < 0:
        return _wrong(_MEMORY if status == S.NO_MEMORY else _SIZES, _FAILURE)
    reference, at = reference_of(s, heap), 0
    for n in range(1, last):
        file = _signed(open(i64_at(heap, arguments + 8 * n), _READ, 0))
        got = 1
        while got > 0 and at < total:
            got = read(file, reference[at : min(total, at + _MOST)])
            at += max(got, 0)
        close(file)
        if got < 0:
            return _wrong(_UNREADABLE, _FAILURE)
    return 0 if at == total else _wrong(_SIZES, _FAILURE)


def _write_file(s: State, heap: Memory, out: int) -> int:
    pcpu_part_limits()
    if out == 0:
        return _write_windows(s, heap, _STDOUT)
    room = S.take(s, _ROOM)
    if room < 0:
        return _wrong(_MEMORY, _FAILURE)
    s[S.AFTER_HEADER] = s[S.TOP]
    if not _is_regular(heap, out, room):
        return _write_to(s, heap, open(out, _WRITE, 0))
    code = _write_to(s, heap, pcpu_part_open(out))
    if code == 0 and pcpu_part_keep() < 0:
        code = _wrong(_UNWRITABLE, _FAILURE)
    if code:
        pcpu_part_drop()
    return code


def _is_regular(heap: Memory, path: int, room: int) -> bool:
    """Whether there is a regular file, or nothing yet."""
    absent = statx(_HERE, path, 0, _TYPE, room) & 0xFFFFFFFF
    return absent != 0 or heap[room + _KIND] & _MASK == _REGULAR


def _write_to(s: State, heap: Memory, opened: int) -> int:
    file = _signed(opened)
    if file < 0:
        return _wrong(_UNWRITABLE, _FAILURE)
    code = _write_windows(s, heap, file)
    if close(file) & 0xFFFFFFFF and code == 0:
        code = _wrong(_UNWRITABLE, _FAILURE)
    return code


def _write_windows(s: State, heap: Memory, file: int) -> int:
    windows = s[S.WINDOWS]
    if windows == 0 and not pcpu_sha256_is(hash_at(s, heap)):
        return _wrong(_DAMAGED, _FAILURE)
    for number in range(windows):
        status = one.window(s, heap, number)
        if status < 0:
            return _wrong(_MEMORY if status == S.NO_MEMORY else _DAMAGED, _FAILURE)
        at, end = exports.out(s, heap), exports.out(s, heap) + s[S.OUT_LENGTH]
        pcpu_sha256_add(heap[at:end])
        if number == windows - 1 and not pcpu_sha256_is(hash_at(s, heap)):
            return _wrong(_DAMAGED, _FAILURE)
        while at < end:
            got = write(file, heap[at:end])
            if got <= 0:
                return _wrong(_UNWRITABLE, _FAILURE)
            at += got
    return 0
