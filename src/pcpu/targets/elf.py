"""Linking for systems whose programs are ELF files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pcpu.target import Target
from pcpu.targets import lld


def link(code: bytes, exports: Sequence[str]) -> bytes:
    """A shared object; an object file exports all its functions, so ``exports`` is met."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        (here / "code.o").write_bytes(code)
        lld.run([
            *lld.command("ld.lld"), "-shared", "--build-id=none", "--strip-all",
            "-z", "noexecstack",
            *(f"--undefined={name}" for name in exports),
            str(here / "code.o"), "-o", str(here / "out.so"),
        ])  # fmt: skip
        return (here / "out.so").read_bytes()


def join(objects: Sequence[bytes]) -> bytes:
    """Object files as one."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        here = Path(folder)
        paths = [here / f"{number}.o" for number in range(len(objects))]
        for path, code in zip(paths, objects, strict=True):
            path.write_bytes(code)
        out = here / "out.o"
        lld.run([*lld.command("ld.lld"), "-r", *map(str, paths), "-o", str(out)])
        return out.read_bytes()


def executable(objects: Sequence[bytes], target: Target) -> bytes:
    """A program that needs nothing but a Linux kernel, from object files of which one has ``main``
    and which take no more from C's library than linux.zig has. Raises ToolchainError."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        given = [*objects, _start(target)]
        paths = [Path(folder) / f"{number}.o" for number in range(len(given))]
        for path, code in zip(paths, given, strict=True):
            path.write_bytes(code)
        out = Path(folder) / "out"
        lld.run([
            *lld.command("ld.lld"), "-static", "--strip-all", "--gc-sections", "--build-id=none",
            "-z", "noexecstack", *map(str, paths), "-o", str(out),
        ])  # fmt: skip
        return out.read_bytes()


@cache
def _start(target: Target) -> bytes:
    """The object file of linux.zig, whose loops are not to become calls of themselves."""
    options = ["-OReleaseFast", "-fno-builtin", "-ffunction-sections"]
    return lld.zig_object("pcpu.targets", "linux.zig", target, options)
