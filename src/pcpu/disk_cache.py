"""Compiled programs on disk, under keys of everything that their code depends on.

Nothing here imports LLVM: a warm start looks up a file and loads it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from pcpu.artifact import write_beside
from pcpu.errors import PcpuError

if TYPE_CHECKING:
    from pcpu.ir import Program

KEPT = 256  # files; the least recently used go first
_DIGEST = 32
_LOCK = ".lock"
_OURS = re.compile(rf"[0-9a-f]{{64}}\.(?!.*{re.escape(_LOCK)}$)")


def folder() -> Path:
    """Where compiled programs are kept: $PCPU_CACHE, or the user's cache folder."""
    named = os.environ.get("PCPU_CACHE")
    return Path(named).absolute() if named else user_cache_path("pcpu")


@cache
def compiler_digest() -> str:
    """A digest of the compiler itself: its sources, its libraries, this machine."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".zig", ".c", ".h", ".json"):
            digest.update(path.relative_to(package).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    for name in ("pcpu", "llvmlite", "ziglang"):  # which manifests name, and are kept too
        digest.update(f"{name} {version(name)}\0".encode())
    for name in sorted(os.environ):
        if name.startswith("PCPU_") and name != "PCPU_CACHE":
            digest.update(f"{name}={os.environ[name]}\0".encode())
    digest.update(_processor().encode())
    return digest.hexdigest()


def _processor() -> str:
    """What decides the host's code: the architecture and the processor's features."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine() + platform.processor()
    wanted = ("model name", "flags", "Features", "cpu family", "model", "isa", "CPU part")
    lines = text.split("\n\n", 1)[0].splitlines()
    return platform.machine() + "\n".join(x for x in lines if x.startswith(wanted))


def key(*about: str) -> str:
    """The name under which the compiler's work is kept; ``about`` is what it was done on."""
    return hashlib.sha256("\0".join([compiler_digest(), *about]).encode()).hexdigest()


def key_of(program: Program, *kind: str) -> str:
    """The name under which the code of ``program`` is kept; ``kind`` is what else matters."""
    from pcpu.ir import Instruction, walk  # which plans, that are kept here too, do without

    instructions = (s for s in walk(program.body) if isinstance(s, Instruction))
    meaning = {i.op.name: i.op.to_json() for i in instructions}
    text = program.signature if program.is_pipeline else str(program)
    return key(*kind, text, json.dumps(meaning, sort_keys=True))


def fetch(name: str, make: Callable[[], bytes]) -> Path:
    """The file ``name`` of the cache, made when missing or damaged, by one process at a time: the
    others wait for it.

    A digest follows the content, where the loaders of ELF do not look. Where the cache
    cannot be written the file is a temporary one, which the caller need not delete.
    """
    path = folder() / name
    if _is_there(path):
        return path
    with only_one(path):
        if _is_there(path):
            return path
        content = make()
        content += hashlib.sha256(content).digest()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with write_beside(path) as file:
                file.write(content)
            _forget_old(path.parent)
        except (OSError, PcpuError):
            return _temporary(name, content)
    return path


def read(name: str, make: Callable[[], bytes]) -> bytes:
    """The content of the file ``name`` of the cache, made when missing or damaged."""
    return fetch(name, make).read_bytes()[:-_DIGEST]


def _is_there(path: Path) -> bool:
    try:
        intact = _intact(path.read_bytes())
    except OSError:
        return False
    if intact:
        with suppress(OSError):  # a cache that is only read, say, in an image of a container
            os.utime(path)
    return intact


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Wait until no other process makes that file; where there is no lock for it, do not."""
    lock = path.with_name(path.name + _LOCK)
    with ExitStack() as stack:
        with suppress(OSError):
            lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = stack.enter_context(lock.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
            stack.callback(_delete, lock)
        yield


def _delete(lock: Path) -> None:
    """Those who wait for a lock have it open, and find what was made."""
    with suppress(OSError):
        lock.unlink()


def _intact(content: bytes) -> bool:
    return hashlib.sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:]


def _temporary(name: str, content: bytes) -> Path:
    path = Path(_temporary_folder().name) / name
    path.write_bytes(content)
    return path


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pcpu-")  # deleted when the process ends


def _forget_old(cached: Path) -> None:
    """Delete the oldest files, of those that have names of ours: the folder may be somebody's."""
    files = [entry for entry in os.scandir(cached) if entry.is_file() and _OURS.match(entry.name)]
    if len(files) > KEPT:
        for entry in sorted(files, key=lambda e: e.stat().st_mtime)[: len(files) - KEPT]:
            Path(entry.path).unlink(missing_ok=True)
