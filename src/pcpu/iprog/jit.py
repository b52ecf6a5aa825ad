"""Loops that numba compiles. They are plain Python over numpy arrays, and run as that too."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import binding
from numba.core import caching, codegen, event, registry
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime.nrt import rtsys

from pcpu import disk_cache

# What kernels take besides int and bool: arrays of one dimension, of uint8 and of int64.
Bytes = Any
Ints = Any

i64 = cast(Callable[[Any], int], np.int64)

Octets = npt.NDArray[np.uint8]
F = TypeVar("F", bound=Callable[..., object])

_FACTOR = 0x1E3779B97F4A7C15
_KEPT = 4  # folders of compiled loops, of versions of this package
_UNUSED = 86400  # seconds after which one more than that goes


def _cache_folder() -> Path:
    """Where compiled loops are kept: a folder for these sources. numba itself looks only at the
    file of a function, and not at those of the functions that it calls."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.read_bytes())
    used = disk_cache.folder() / f"numba-{digest.hexdigest()[:16]}"
    with suppress(OSError):  # numba says what is wrong with a folder that cannot be written
        used.mkdir(parents=True, exist_ok=True)
        used.touch()
    _forget(used.parent)
    return used


def _forget(folder: Path) -> None:
    """Delete the loops of versions that nobody uses any more. One that is in use stays: to compile
    its loops again takes ten seconds, and other processes may be reading them."""
    ages: list[tuple[float, Path]] = []
    for path in folder.glob("numba-*"):
        with suppress(OSError):  # another process deletes too
            ages.append((time.time() - path.stat().st_mtime, path))
    for age, old in sorted(ages)[_KEPT:]:
        if age > _UNUSED:
            shutil.rmtree(old, ignore_errors=True)


_config: Any = numba.config
_folder = _cache_folder()
_config.CACHE_DIR = str(_folder)


class _Library(codegen.JITCodeLibrary):
    """A loop that is kept on disk. Its intermediate code is for loops that are compiled with it,
    and is read when there is one: of all loops that takes as long as a small plan."""

    kept: bytes = b""

    @classmethod
    def _unserialize(cls, own: Any, state: tuple[str, str, Any]) -> Any:
        name, kind, data = state
        if kind != "object":
            return super()._unserialize(own, state)  # type: ignore[no-untyped-call]
        found = own.create_library(name)
        found.enable_object_caching()
        machine_code, found.kept = data
        found._set_compiled_object(machine_code)
        found._finalize_final_module()
        return found

    def get_pointer_to_function(self, name: str) -> Any:
        if self.kept:  # where numba does not know the names of functions
            return self._codegen._engine.get_function_address(name)
        return super().get_pointer_to_function(name)  # type: ignore[no-untyped-call]

    def _get_module_for_linking(self) -> Any:
        if self.kept and self._shared_module is None:
            self._shared_module = binding.parse_bitcode(self.kept)
        return super()._get_module_for_linking()  # type: ignore[no-untyped-call]


_codegen: Any = registry.cpu_target.target_context.codegen()
_codegen._library_class = _Library


class _Cache(caching.FunctionCache):
    """Where a loop is kept on disk. What numba compiles with is not loaded with it: that takes
    twice as long as all loops of a plan, and 30 MB."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)  # the memory of arrays, which loops ask for
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]


def jit(function: F) -> F:
    """``function``, compiled when it is first called and then kept on disk; without the GIL. Of
    several processes one compiles it, and the others wait."""
    compiled: Any = numba.njit(nogil=True)(function)
    if compiled is function:  # NUMBA_DISABLE_JIT is set
        return function
    compiled._cache = _Cache(function)  # type: ignore[no-untyped-call]
    called = compiled.get_call_template

    def call_template(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return called(tuple(map(numba.types.unliteral, args)), kws)

    # Else each constant that some function passes to it would make numba compile it once more.
    compiled.get_call_template = call_template

    compile_for = compiled.compile
    lock = _folder / f"{function.__module__}.{function.__qualname__}"

    def compile_once(signature: Any) -> Any:
        # numba's own lock comes first: another thread that has it could wait for this file's.
        with global_compiler_lock, disk_cache.only_one(lock):
            return compile_for(signature)

    compiled.compile = compile_once
    return cast(F, compiled)


@contextmanager
def compiled() -> Iterator[Sized]:
    """What is compiled meanwhile; loops that are kept on disk are only loaded."""
    with event.install_recorder("numba:compile") as recorder:
        yield recorder.buffer


class _Starting(event.Listener):
    def __init__(self, told: Callable[[int], None]) -> None:
        self._told, self._count = told, 0

    def on_start(self, event: Any) -> None:
        self._count += 1  # numba compiles one at a time
        self._told(self._count)

    def on_end(self, event: Any) -> None:
        pass


@contextmanager
def compiling(told: Callable[[int], None]) -> Iterator[None]:
    """Call ``told`` before each loop that is compiled meanwhile, with its number from 1 on."""
    with event.install_listener("numba:compile", _Starting(told)):
        yield


def for_loops(*kernels: Callable[..., object]) -> None:
    """Let loops call these functions, which stay plain ones for all others."""
    for kernel in kernels:
        numba.extending.register_jitable(kernel)


def read_only(data: Octets) -> Octets:
    """The same bytes, not to be written to. Loops are compiled anew for arrays of another type, and
    those of files that are given are such."""
    view = data.view()
    view.flags.writeable = False
    return view


@jit
def signed_at(data: Bytes, at: int) -> int:
    """The number of 32 bits with a sign at ``data[at]``."""
    # Octets are widened first: numba would make numbers without a sign of them.
    low = i64(data[at]) | i64(data[at + 1]) << 8
    high = i64(data[at + 2]) | i64(data[at + 3]) << 8
    raw = low | high << 16
    return raw - ((raw >> 31) << 32)


@jit
def put(data: Bytes, at: int, value: int, width: int) -> None:
    """Write the low ``width`` bytes of a number."""
    for n in range(width):
        data[at + n] = (value >> (8 * n)) & 255


@jit
def spread(address: int) -> int:
    """A number for a table, in its low bits: of addresses that differ little, or in their high bits
    (things that are numbered) it is another."""
    return (address ^ address >> 37) * _FACTOR >> 32
