"""Native code in this process, kept on disk between runs."""

from __future__ import annotations

import ctypes
import platform
from typing import Any

from pcpu import disk_cache
from pcpu.errors import EngineError
from pcpu.ir import Arguments, Inputs, Outcome, Program, ResultValue
from pcpu.isa import Isa
from pcpu.layout import layout
from pcpu.run.engine import Blocks, Engine, Write, feed
from pcpu.run.whole import NativeWhole


class Native:
    """A program as a loaded shared object; sessions of it are independent of each other."""

    def __init__(self, program: Program, isa: Isa) -> None:
        def make() -> bytes:
            from pcpu import targets  # LLVM is loaded only where the cache misses
            from pcpu.compiler import compile_program

            return compile_program(program, isa, targets.find("host")).code

        self.program, self.layout = program, layout(program)
        # ``out`` of pcpu_run has room for a state, so both are of one size.
        self.slots = ctypes.c_uint64 * max(1, self.layout.slots)
        path = disk_cache.fetch(disk_cache.key_of(program, "host") + ".so", make)
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise EngineError(f"the compiled program does not load: {error}") from None
        self.init, self.update, self.finish, self.run = (
            self._function(library, name, parameters)
            for name, parameters in (
                ("pcpu_init", [ctypes.c_void_p]),
                ("pcpu_update", [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]),
                ("pcpu_finish", [ctypes.c_void_p, ctypes.c_void_p]),
                ("pcpu_run", [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]),
            )
        )

    @staticmethod
    def _function(
        library: ctypes.CDLL, name: str, parameters: list[Any]
    ) -> ctypes._NamedFuncPointer:
        function: ctypes._NamedFuncPointer = getattr(library, name)
        function.argtypes, function.restype = parameters, None
        return function

    def session(self) -> NativeSession:
        return NativeSession(self)


class NativeSession:
    """One stream through a Native program."""

    def __init__(self, native: Native) -> None:
        self.native = native
        self._state, self._out = native.slots(), native.slots()
        native.init(self._state)

    def update(self, block: memoryview) -> None:
        if len(block):
            self.native.update(
                self._state, (ctypes.c_char * len(block)).from_buffer(block), len(block)
            )

    def finish(self) -> tuple[ResultValue, ...]:
        self.native.finish(self._state, self._out)
        return self.native.layout.values(list(self._out))


def run(program: Program, isa: Isa, blocks: Blocks, write: Write | None) -> tuple[ResultValue, ...]:
    return feed(Native(program, isa).session(), blocks, write)


def run_threads(
    program: Program, isa: Isa, blocks: Blocks, write: Write | None, threads: int
) -> tuple[ResultValue, ...]:
    """Like ``run``, on several cores. Raises UsageError when a fold does not merge."""
    from pcpu.run.parallel import ParallelSession

    return feed(ParallelSession(Native(program, isa), threads), blocks, write)


def _version() -> str:
    from pcpu import llvm

    return f"LLVM {llvm.version()} for {platform.machine()}"


def run_whole(program: Program, isa: Isa, inputs: Inputs, arguments: Arguments) -> Outcome:
    return NativeWhole(program, isa).run(inputs, arguments)


ENGINE = Engine("jit", "native code in this process", run, run_whole, _version)
