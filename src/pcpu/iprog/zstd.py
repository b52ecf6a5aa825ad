"""Zstandard's decoder and its compressor as object files, made from its own C sources."""

from __future__ import annotations

import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from pcpu import disk_cache
from pcpu.errors import ToolchainError
from pcpu.target import Target
from pcpu.targets import lld
from pcpu.unpack import unpack

# -Os is as fast as -O2 for the decoder, and a fifth smaller.
_DECODER, _WRITER = ("zstd.c", "-Os"), ("zstd_writer.c", "-O2")


def zstd_object(target: Target) -> bytes:
    """The object file of ``pcpu_zstd`` and ``pcpu_zstd_workspace`` (zstd.c) for ``target``, which
    wants nothing but memcpy, memmove and memset. Raises ToolchainError."""
    return _object(target, *_DECODER)


def writer_object(target: Target, every: int) -> bytes:
    """The same of the functions of zstd_writer.c, which put one place of ``every`` so many of a
    prefix into trees."""
    return _object(target, *_WRITER, f"-DEVERY={every}")


def _object(target: Target, source: str, *own: str) -> bytes:
    archive = _archive()
    options = [*_options(target), *own]
    key = disk_cache.key(repr(options), archive.name)
    return disk_cache.read(f"{key}.{source}.o", lambda: _compile(archive, source, options))


def _archive() -> Path:
    """The sources, which 'make setup' took from where Python's packages come from."""
    found = sorted((Path(sys.prefix) / "src").glob("zstd-*.tar.gz"))
    if not found:
        raise ToolchainError("the sources of Zstandard are missing; run 'make setup'")
    return found[-1]


def _options(target: Target) -> list[str]:
    pic = ["-fPIC"] if target.reloc == "pic" else []
    return [
        "-target", lld.zig_triple(target), f"-mcpu={lld.zig_cpu(target)}", "-DNDEBUG", *pic,
        "-ffunction-sections", "-fdata-sections", "-fvisibility=hidden", "-fno-sanitize=all", "-g0",
        "-fno-stack-protector", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
    ]  # fmt: skip


def _compile(archive: Path, source: str, options: list[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        unpack(archive, Path(folder), "/zstd/lib/")
        (library,) = Path(folder).glob("*/zstd/lib")
        out = Path(folder) / "zstd.o"
        with as_file(files("pcpu.iprog") / source) as own:
            lld.run([
                *lld.zig(), "cc", "-c", *options, "-I", str(library),
                str(own), "-o", str(out),
            ])  # fmt: skip
        return out.read_bytes()
