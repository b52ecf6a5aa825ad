"""Running a program's native code with probes: it calls back here before and after statements."""

from __future__ import annotations

import ctypes
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, Protocol

from pcpu import disk_cache
from pcpu.errors import EngineError, TrapError
from pcpu.ir import Arguments, Inputs, Outcome, Program
from pcpu.layout import BEFORE, STOPPED, Counter, Hooks, outputs
from pcpu.run.whole import load, run_native
from pcpu.sim.difference import Snapshot
from pcpu.sim.memory import Memory
from pcpu.sim.source import Source
from pcpu.sim.trace import Precision, Step, Total, Where

_PROBE = ctypes.CFUNCTYPE(
    ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32, *[ctypes.c_uint64] * 4
)  # statement, phase, address, offset, length, ns
_SIGNED = 1 << 63


class Watcher(Protocol):
    """Whoever wants to see steps as they happen, and may end the program."""

    def before(self, step: Step, memory: Memory) -> bool:
        """A statement begins; False ends the program."""

    def after(self, step: Step, memory: Memory) -> bool:
        """A statement has run; False ends the program."""

    def wanted(self) -> Collection[int]:
        """The numbers of the statements to be told of."""


@dataclass
class Recording:
    """What was seen: the first steps, and raw counts by number of statement."""

    steps: list[Step]
    begun: int
    totals: list[Total]


@dataclass
class Run:
    """How a run ended: with an ``outcome``; or with a trap, whose ``status`` says of what; or,
    with neither, stopped."""

    recording: Recording
    outcome: Outcome | None = None
    trap: TrapError | None = None
    status: int = 0


class _Stopped(Exception):
    """The program was ended from the probe."""


@dataclass(frozen=True)
class _Pending:
    """A statement that has begun."""

    step: Step
    snapshot: Snapshot


def run_probed(
    source: Source, inputs: Inputs, arguments: Arguments, limit: int,
    watcher: Watcher | None = None, precision: Precision | None = None,
) -> Run:  # fmt: skip
    """Run a program with its first ``limit`` steps recorded. ``precision`` is what measuring
    costs, which its times are freed of. Raises EngineError or ToolchainError."""
    machine = _Machine(source, arguments, limit, watcher, precision or Precision(0, 0))
    library = _library(source.program)
    size, execute = library.pcpu_size, library.pcpu_exec
    pointer = ctypes.c_void_p
    size.argtypes, size.restype = [pointer, pointer], None
    execute.argtypes, execute.restype = [pointer] * 4, ctypes.c_uint32

    def call(state: int, spans: Any, out: Any) -> int:
        machine.enter(state, spans)
        status: int = execute(state, spans, out, machine.hooks)
        machine.leave(status)
        return status

    run = Run(machine.recording)
    try:
        with _signals_kept(machine):
            run.outcome = run_native(source.program, inputs, arguments, size, call)
    except TrapError as error:
        run.trap, run.status = error, machine.status
    except _Stopped:
        pass
    machine.count()
    return run


def _library(program: Program) -> ctypes.CDLL:
    def make() -> bytes:
        from pcpu import targets  # LLVM is loaded only where the cache misses
        from pcpu.compiler import compile_probed

        return compile_probed(program, targets.find("host"))

    return load(disk_cache.key_of(program, "host-probed") + ".so", make)


class _Machine:
    """The caller's side of the probes (lower/probe.py)."""

    def __init__(
        self, source: Source, arguments: Arguments, limit: int,
        watcher: Watcher | None, precision: Precision,
    ) -> None:  # fmt: skip
        self.source, self.arguments, self.limit, self.watcher = source, arguments, limit, watcher
        self.precision, self.sites, self.status = precision, source.sites, 0
        self.recording = Recording([], 0, [])
        self.pending: dict[int, _Pending] = {}
        self.raised: BaseException | None = None
        count = len(self.sites)
        self.flags = (ctypes.c_uint8 * max(1, count))()
        self.counters = (ctypes.c_uint64 * max(1, len(Counter) * count))()
        self.turns = (ctypes.c_uint64 * 64)()
        self.hooks = (ctypes.c_uint64 * len(Hooks))()
        self.callback = _PROBE(self.called)
        self.hooks[Hooks.PROBE] = _address(self.callback)
        self.hooks[Hooks.CLOCK] = _address(_clock())
        self.hooks[Hooks.CLOCK_ID] = time.CLOCK_MONOTONIC
        for slot, array in (
            (Hooks.WANTED, self.flags), (Hooks.COUNTERS, self.counters), (Hooks.TURNS, self.turns),
        ):  # fmt: skip
            self.hooks[slot] = ctypes.addressof(array)
        self.memory = Memory(source.program, arguments, 0, 0, {})

    def enter(self, state: int, spans: Any) -> None:
        program = self.source.program
        names = [b.name for b in program.buffers] + [output.name for output, _ in outputs(program)]
        places = {name: (spans[2 * i], spans[2 * i + 1]) for i, name in enumerate(names)}
        self.memory = Memory(program, self.arguments, state, 0, places)
        for name in {*names} - {b.name for b in program.buffers if b.role != "out"}:
            address, size = places[name]
            ctypes.memset(address, 0, size)  # or the first to write there waits for the system
        self.ask()

    def leave(self, status: int) -> None:
        """Look at how the program ended. Raises what the probe raised."""
        self.status = status
        if self.raised is not None:
            raise self.raised
        if status == STOPPED:
            raise _Stopped

    def ask(self) -> None:
        """Set which statements the program tells us of."""
        everything = len(self.recording.steps) < self.limit
        ctypes.memset(self.flags, int(everything), len(self.flags))
        if not everything:
            wanted = () if self.watcher is None else self.watcher.wanted()
            for number in (*wanted, *self.pending):
                self.flags[number] = 1

    def called(
        self, number: int, phase: int, address: int, offset: int, length: int, ns: int
    ) -> int:
        try:
            if self.raised is not None:
                return STOPPED
            if not self.flags[number]:
                return 0  # Python has had its chance to see a signal
            going = self.before(number, address, offset, length) if phase == BEFORE else (
                self.after(number, address, ns)
            )  # fmt: skip
        # Python would print what is raised here and go on; leave() raises it once more.
        except BaseException as error:
            self.raised = error
            return STOPPED
        return 0 if going else STOPPED

    def before(self, number: int, address: int, offset: int, length: int) -> bool:
        if not self.memory.registers:
            self.memory = self.memory.at(self.hooks[Hooks.REGISTERS])
        site = self.sites[number]
        where = None if site.buffer is None else Where(site.buffer, offset, length)
        turns = tuple(self.turns[: len(site.loops)])
        step = Step(self.hooks[Hooks.BEGUN], site, turns, where)
        if len(self.recording.steps) < self.limit:
            self.recording.steps.append(step)
            if len(self.recording.steps) == self.limit:
                self.ask()
        going = True
        if self.watcher is not None:
            going = self.watcher.before(step, self.memory)
            self.ask()
        self.pending[number] = _Pending(step, Snapshot.take(self.memory, site, address, length))
        self.flags[number] = 1
        return going

    def after(self, number: int, address: int, ns: int) -> bool:
        pending = self.pending.pop(number, None)
        if pending is None:  # wanted only since it began
            return True
        step = pending.step
        inside = self.hooks[Hooks.BEGUN] - step.index
        step.ns = self.corrected(ns, 1, inside)
        step.compared = len(pending.snapshot.content)
        step.change = pending.snapshot.change(step.where, address)
        step.registers = pending.snapshot.changed_registers(self.memory, step.site)
        step.done = True
        going = self.watcher is None or self.watcher.after(step, self.memory)
        if self.watcher is not None or len(self.recording.steps) == self.limit:
            self.ask()
        return going

    def corrected(self, ns: int, runs: int, inside: int) -> int:
        """A time without what measuring it cost, of so many runs with so many steps in them."""
        signed = ns - 2 * _SIGNED if ns >= _SIGNED else ns
        cost = runs * self.precision.clock + inside * self.precision.probe
        return max(0, round(signed - cost))

    def count(self) -> None:
        """Take the program's counters."""
        width = len(Counter)
        rows = [self.counters[i * width : (i + 1) * width] for i in range(len(self.sites))]
        before = [0, *accumulate(row[Counter.RUNS] for row in rows)]
        self.recording.begun = before[-1]
        times = [
            self.corrected(row[Counter.NS], row[Counter.RUNS], before[s.end] - before[s.number + 1])
            for s, row in zip(self.sites, rows, strict=True)
        ]
        if self.status:
            self.complete(times)
        for site, (runs, size, _), took in zip(self.sites, rows, times, strict=True):
            self.recording.totals.append(Total(runs, size, size * site.spans, took))

    def complete(self, times: list[int]) -> None:
        """Give blocks that did not end, whose time was not counted, that of what is in them."""
        within: defaultdict[int, int] = defaultdict(int)  # by depth, of the block around them
        for site in reversed(self.sites):
            times[site.number] = max(times[site.number], within.pop(site.depth + 1, 0))
            within[site.depth] += times[site.number]


@contextmanager
def _signals_kept(machine: _Machine) -> Iterator[None]:
    """What a signal raises just as Python enters the probe has no ``try`` around it there; ctypes
    gives it to a hook, which notes it for the next call."""
    usual = sys.unraisablehook

    def hook(found: sys.UnraisableHookArgs) -> None:
        if isinstance(found.exc_value, Exception):
            usual(found)
        else:
            machine.raised = found.exc_value

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = usual


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@cache
def _clock() -> Any:
    """The C library's clock, for native code to read."""
    try:
        return ctypes.CDLL(None).clock_gettime
    except (OSError, AttributeError) as error:
        raise EngineError(f"the C library has no clock_gettime: {error}") from None
