"""One stream on several cores: each block in pieces, a thread a piece, states merged."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache

from pcpu.ir import ResultValue
from pcpu.run.engine import MAX_THREADS
from pcpu.run.jit import Native
from pcpu.run.merge import Merge, merges, starts_from_zero

MIN_PIECE = 1 << 16  # below, starting a thread costs more than it saves
ALIGN = 64  # no two threads write to one cache line
State = ctypes.Array[ctypes.c_uint64]


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Of each process its own, with as many threads as were ever needed at once: a child that was
    forked has none of its parent's."""
    return ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="pcpu")


def update_threads(
    native: Native, state: State, address: int, length: int, threads: int, joins: list[Merge]
) -> None:
    """``pcpu_update`` on ``threads`` cores; ``joins`` are the ``merges`` of the program, of one
    with parameters those of the program that they are bound in."""
    size = max(MIN_PIECE, (length // threads + ALIGN) // ALIGN * ALIGN)
    pieces = [(start, min(size, length - start)) for start in range(0, length, size)]
    states = [state, *(_begun(native, state, start) for start, _ in pieces[1:])]

    def run(begun: State, piece: tuple[int, int]) -> None:
        native.update(begun, address + piece[0], piece[1])

    # ctypes lets go of the interpreter's lock during a call.
    running: list[Future[None]] = []
    try:
        for task in zip(states, pieces, strict=False):
            running.append(_pool(os.getpid()).submit(run, *task))
    finally:
        wait_all(running)
    for done in running:
        done.result()
    for later, (_, count) in zip(states[1:], pieces[1:], strict=True):
        for index, join in enumerate(joins):
            state[index] = join(state[index], later[index], count)
    if native.layout.position is not None:
        state[native.layout.position] = states[-1][native.layout.position]


def wait_all(running: Sequence[Future[None]]) -> None:
    """Until all have ended, whatever a signal raises meanwhile: they work on memory that the caller
    frees afterwards."""
    try:
        wait(running)
    finally:
        if not all(done.done() for done in running):
            wait_all(running)


def _begun(native: Native, state: State, start: int) -> State:
    """The state before the piece that begins ``start`` bytes after where ``state`` is."""
    begun = type(state).from_buffer_copy(state)  # with the parameters, which init leaves
    native.init(begun)
    for index, from_zero in enumerate(starts_from_zero(native.program)):
        begun[index] = 0 if from_zero else begun[index]
    if (position := native.layout.position) is not None:
        begun[position] = state[position] + start
    return begun


class ParallelSession:
    """A Session (see engine.py) that uses ``threads`` cores.

    Raises UsageError when the program holds a fold that does not merge.
    """

    def __init__(self, native: Native, threads: int) -> None:
        self._native, self._threads = native, threads
        self._joins = merges(native.program)
        self._state, self._out = native.slots(), native.slots()
        native.init(self._state)

    def update(self, block: memoryview) -> None:
        if length := len(block):
            address = ctypes.addressof((ctypes.c_char * length).from_buffer(block))
            update_threads(self._native, self._state, address, length, self._threads, self._joins)

    def finish(self) -> tuple[ResultValue, ...]:
        self._native.finish(self._state, self._out)
        return self._native.layout.values(list(self._out))
