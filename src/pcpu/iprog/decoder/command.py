"""A reconstructor as a command for Linux: ``rebuild BLOB... [-o OUT]``.

The file goes to stdout, or to OUT, which appears whole or not at all; a symbolic link is followed,
and a pipe or a device is written to directly. Every window is checked before it is written. The
exit code is 2 for misuse and 1 for failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.decoder import exports, one
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.exports import reference_of
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
_PART = _text(b".part\0")

_MISUSE, _FAILURE = 2, 1
_STDOUT, _STDERR = 1, 2
_READ = 0
# Write only, close on exec; a new file is created and truncated, too.
_WRITE, _CREATE = 0x80001, 0x80241
_MODE = 0o666
# Of statx: what paths are relative to, what it is asked for, and where in what it writes, which
# fits in the room of a path, the kind of a file lies.
_HERE, _TYPE = -100, 1
_KIND, _MASK, _REGULAR = 29, 0xF0, 0x80
_PATH = 4096  # the longest path that realpath gives
_END = 2  # what lseek counts from
_MOST = 1 << 30  # bytes that are read or written at once
_DASH, _O = 0x2D, 0x6F
_TOO_LARGE, _IGNORED = 25, 1  # SIGXFSZ, SIG_IGN


# The libc's, as are the next ones.
open = Extern("open", ("int", "int", "int"))
lseek = Extern("lseek", ("int", "int", "int"))
read = Extern("read", ("int", "Bytes"))
write = Extern("write", ("int", "Bytes"))
close = Extern("close", ("int",))
rename = Extern("rename", ("int", "int"))
unlink = Extern("unlink", ("int",))
statx = Extern("statx", ("int", "int", "int", "int", "int"))
realpath = Extern("realpath", ("int", "int"))
signal = Extern("signal", ("int", "int"))


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
    signal(_TOO_LARGE, _IGNORED)  # so that to write beyond a limit is an error as any other
    if out == 0:
        return _write_windows(s, heap, _STDOUT)
    room = S.take(s, _PATH)
    if room < 0:
        return _wrong(_MEMORY, _FAILURE)
    s[S.AFTER_HEADER] = s[S.TOP]
    if not _is_regular(heap, out, room):
        return _write_to(s, heap, open(out, _WRITE, 0))
    path = room if realpath(out, room) else out  # which may be new
    part = _part_of(s, heap, path)
    if part < 0:
        return _wrong(_MEMORY, _FAILURE)
    code = _write_to(s, heap, open(part, _CREATE, _MODE))
    if code == 0 and rename(part, path) & 0xFFFFFFFF:
        code = _wrong(_UNWRITABLE, _FAILURE)
    if code:
        unlink(part)
    return code


def _is_regular(heap: Memory, path: int, room: int) -> bool:
    """Whether there is a regular file, or nothing yet."""
    absent = statx(_HERE, path, 0, _TYPE, room) & 0xFFFFFFFF
    return absent != 0 or heap[room + _KIND] & _MASK == _REGULAR


def _part_of(s: State, heap: Memory, path: int) -> int:
    """The address of the path beside ``path`` that is written first."""
    length = 0
    while heap[path + length]:
        length += 1
    part = S.take(s, length + len(_PART))
    if part >= 0:
        s[S.AFTER_HEADER] = s[S.TOP]
        heap[part : part + length] = heap[path : path + length]
        for n in range(len(_PART)):
            heap[part + length + n] = _PART[n]
    return part


def _write_to(s: State, heap: Memory, opened: int) -> int:
    file = _signed(opened)
    if file < 0:
        return _wrong(_UNWRITABLE, _FAILURE)
    code = _write_windows(s, heap, file)
    if close(file) & 0xFFFFFFFF and code == 0:
        code = _wrong(_UNWRITABLE, _FAILURE)
    return code


def _write_windows(s: State, heap: Memory, file: int) -> int:
    for number in range(s[S.WINDOWS]):
        status = one.window(s, heap, number)
        if status < 0:
            return _wrong(_MEMORY if status == S.NO_MEMORY else _DAMAGED, _FAILURE)
        at, end = exports.out(s, heap), exports.out(s, heap) + s[S.OUT_LENGTH]
        while at < end:
            got = write(file, heap[at:end])
            if got <= 0:
                return _wrong(_UNWRITABLE, _FAILURE)
            at += got
    return 0
