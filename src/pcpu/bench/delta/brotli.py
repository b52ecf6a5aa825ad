"""Brotli with a dictionary: no package of PyPI or npm offers it, so its C sources, as PyPI has
them, are compiled with zig and called through ctypes."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pcpu.bench.delta.pairs import STORE, fetch
from pcpu.errors import PcpuError, ToolchainError
from pcpu.unpack import unpack

VERSION = "1.2.0"
_QUALITY, _LARGE, _WINDOW, _HINT = 1, 6, 2, 5  # parameters of the encoder
_DECODE_LARGE = 1
_RAW = 0  # a kind of dictionary
_FINISH = 2
_SUCCESS = 1


@cache
def _library() -> Any:
    """The shared library, compiled where it is not yet. Raises ToolchainError."""
    built = STORE / f"brotli-{VERSION}.so"
    if not built.exists():
        folder = STORE / "packages" / f"brotli-{VERSION}"
        command = [
            sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:", "--quiet",
            f"--dest={folder}", f"brotli=={VERSION}",
        ]  # fmt: skip
        archive = fetch(folder, command, f"brotli {VERSION}")
        sources = STORE / "sources"
        unpack(archive, sources)
        c = sources / f"brotli-{VERSION}" / "c"
        files = [
            str(p) for part in ("common", "enc", "dec") for p in sorted((c / part).glob("*.c"))
        ]
        compile_ = [
            sys.executable, "-m", "ziglang", "cc", "-O3", "-shared", "-fPIC",
            f"-I{c / 'include'}", *files, "-o", str(built), "-lm",
        ]  # fmt: skip
        done = subprocess.run(compile_, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolchainError(f"brotli cannot be compiled: {done.stderr[-300:]}")
    library = ctypes.CDLL(str(built))
    for name in ("EncoderCreateInstance", "DecoderCreateInstance", "EncoderPrepareDictionary"):
        getattr(library, f"Brotli{name}").restype = ctypes.c_void_p
    return library


def make(old: Path, new: Path, patch: Path) -> None:
    """Quality 11, with the old file as dictionary and a window that reaches it."""
    dictionary, content = old.read_bytes(), new.read_bytes()
    library = _library()
    state = ctypes.c_void_p(library.BrotliEncoderCreateInstance(None, None, None))
    bits = min(30, max(18, (len(dictionary) + len(content)).bit_length()))
    for parameter, value in (
        (_QUALITY, 11), (_LARGE, 1), (_WINDOW, bits), (_HINT, len(content))
    ):  # fmt: skip
        library.BrotliEncoderSetParameter(state, parameter, value)
    prepared = ctypes.c_void_p(library.BrotliEncoderPrepareDictionary(
        _RAW, ctypes.c_size_t(len(dictionary)), dictionary, 11, None, None, None
    ))  # fmt: skip
    if not library.BrotliEncoderAttachPreparedDictionary(state, prepared):
        raise PcpuError("brotli takes no such dictionary")
    room = ctypes.create_string_buffer(len(content) + (1 << 16))
    count, left, next_in, next_out = _buffers(content, room)
    done = library.BrotliEncoderCompressStream(
        state, _FINISH, ctypes.byref(count), ctypes.byref(next_in), ctypes.byref(left),
        ctypes.byref(next_out), None,
    )  # fmt: skip
    if not done or count.value or not library.BrotliEncoderIsFinished(state):
        raise PcpuError("brotli did not finish")
    patch.write_bytes(room.raw[: len(room) - left.value])
    library.BrotliEncoderDestroyInstance(state)
    library.BrotliEncoderDestroyPreparedDictionary(prepared)


def apply(old: Path, patch: Path, size: int) -> bytes:
    dictionary, content = old.read_bytes(), patch.read_bytes()
    library = _library()
    state = ctypes.c_void_p(library.BrotliDecoderCreateInstance(None, None, None))
    library.BrotliDecoderSetParameter(state, _DECODE_LARGE, 1)
    library.BrotliDecoderAttachDictionary(state, _RAW, ctypes.c_size_t(len(dictionary)), dictionary)
    room = ctypes.create_string_buffer(size + 1)
    count, left, next_in, next_out = _buffers(content, room)
    result = library.BrotliDecoderDecompressStream(
        state, ctypes.byref(count), ctypes.byref(next_in), ctypes.byref(left),
        ctypes.byref(next_out), None,
    )  # fmt: skip
    library.BrotliDecoderDestroyInstance(state)
    if result != _SUCCESS:
        raise PcpuError("brotli does not decode")
    return room.raw[: len(room) - left.value]


def _buffers(content: bytes, room: Any) -> tuple[Any, ...]:
    """How much there is to read and to write, and where."""
    return (
        ctypes.c_size_t(len(content)), ctypes.c_size_t(len(room)),
        ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p),
        ctypes.cast(room, ctypes.c_void_p),
    )  # fmt: skip
