"""One stream on several cores: each block in pieces, a thread a piece, states merged."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from pcpu.run.jit import Native
from pcpu.run.merge import merges, starts_from_zero

MIN_PIECE = 1 << 16  # below, starting a thread costs more than it saves
ALIGN = 64  # no two threads write to one cache line


class ParallelSession:
    """A Session (see engine.py) that uses ``threads`` cores.

    Raises UsageError when the program holds a fold that does not merge.
    """

    def __init__(self, native: Native, threads: int) -> None:
        self._native, self._threads = native, threads
        self._merges = merges(native.program)
        self._zero = starts_from_zero(native.program)
        self._pool = ThreadPoolExecutor(threads)
        self._state = self._begin()
        self._out = (ctypes.c_uint64 * len(self._merges))()

    def __enter__(self) -> ParallelSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def _begin(self) -> ctypes.Array[ctypes.c_uint64]:
        state = (ctypes.c_uint64 * len(self._merges))()
        self._native.init(state)
        return state

    def update(self, block: memoryview) -> None:
        pieces = self._pieces(block)
        states = [self._state]
        for _ in pieces[1:]:
            state = self._begin()
            for index, zero in enumerate(self._zero):
                state[index] = 0 if zero else state[index]
            states.append(state)
        # ctypes lets go of the interpreter's lock during a call.
        list(self._pool.map(self._run, states, pieces))
        for state, piece in zip(states[1:], pieces[1:], strict=True):
            for index, merge in enumerate(self._merges):
                self._state[index] = merge(self._state[index], state[index], len(piece))

    def finish(self) -> tuple[int, ...]:
        self._native.finish(self._state, self._out)
        return tuple(self._out)

    def _pieces(self, block: memoryview) -> Sequence[memoryview]:
        size = max(MIN_PIECE, (len(block) // self._threads + ALIGN) // ALIGN * ALIGN)
        return [block[start : start + size] for start in range(0, len(block), size)] or [block]

    def _run(self, state: ctypes.Array[ctypes.c_uint64], piece: memoryview) -> None:
        if len(piece):
            self._native.update(state, (ctypes.c_char * len(piece)).from_buffer(piece), len(piece))
