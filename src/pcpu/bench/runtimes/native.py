"""Native code and Python's libraries, in this process."""

from __future__ import annotations

import ctypes
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pcpu.bench.build import Kit
from pcpu.bench.measure import Handle, shown
from pcpu.bench.peers import Prepare, load_peer
from pcpu.bench.plan import STATE, Argument, Call, Plan
from pcpu.bench.runtimes.runtime import Runtime

ALIGN = 64


class _Call(ctypes.Structure):
    """``Call`` of bench/native/repeat.zig."""

    _fields_ = (("function", ctypes.c_void_p), ("arguments", ctypes.c_uint64 * 4))


class Room:
    """``work``: memory for ``size`` bytes, a copy of them, which the limits make, and the state and
    the results of a program behind; ``places`` has their addresses by the names of arguments."""

    def __init__(self, size: int) -> None:
        self.size = size
        state, self.out = 2 * size, 2 * size + STATE // 2
        memory = (ctypes.c_char * (2 * size + STATE + ALIGN))()
        skip = -ctypes.addressof(memory) % ALIGN
        address = ctypes.addressof(memory) + skip
        self.places = {"data": address, "state": address + state, "out": address + self.out}
        self.work = memoryview(memory).cast("B")[skip:]


@dataclass
class NativeSession:
    kit: Kit
    size: int
    versions: dict[str, str] = field(default_factory=lambda: {"python": platform.python_version()})

    def __post_init__(self) -> None:
        self.data = {k: memoryview(path.read_bytes()) for k, path in self.kit.data.items()}
        self._modules: dict[str, ctypes.CDLL] = {}
        self._homes: dict[str, Room] = {}
        self.repeat = self.module("repeat").repeat
        self.repeat.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64)
        self.repeat.restype = ctypes.c_uint64

    def module(self, name: str) -> ctypes.CDLL:
        if name not in self._modules:
            self._modules[name] = ctypes.CDLL(str(self.kit.modules["host"][name]))
        return self._modules[name]

    def room(self, home: str, size: int) -> Room:
        """That of the home or, for a row without one, another."""
        found = self._homes.get(home)
        if found is None or found.size != size:
            found = Room(size)
            if home:
                self._homes[home] = found
        return found

    def open(self, plan: Plan) -> Handle:
        return KINDS[plan.kind](self, plan)


class Kernel:
    """Compiled functions, called in a loop of native code."""

    def __init__(self, session: NativeSession, plan: Plan) -> None:
        self.session, self.plan = session, plan
        self.functions = [getattr(session.module(plan.module), c.name) for c in plan.calls]
        self.size = -1

    def load(self, size: int) -> None:
        if size != self.size:
            self.size, self.room = size, self.session.room(self.plan.home, size)
        self.room.work[:size] = self.session.data[self.plan.data][:size]
        self.calls = (_Call * len(self.functions))()
        for call, function, made in zip(self.plan.calls, self.functions, self.calls, strict=True):
            made.function = ctypes.cast(function, ctypes.c_void_p)
            for index, argument in enumerate(call.args):
                made.arguments[index] = self.value(argument)

    def value(self, argument: Argument) -> int:
        if isinstance(argument, int):
            return argument
        return self.size if argument == "size" else self.room.places[argument]

    def answer(self) -> str:
        results = []
        for call, made in zip(self.plan.calls, self.calls, strict=True):
            result = self.session.repeat(ctypes.byref(made), 1, 1)
            if call.bits:
                results.append(result & (1 << call.bits) - 1)
        out = self.room.work[self.room.out :][: 8 * self.plan.outputs]
        results += out.cast("Q")
        return shown(results, self.room.work[: self.size] if self.plan.changes else None)

    def time(self, calls: int, warm: int) -> float:
        repeat, count = self.session.repeat, len(self.calls)
        if warm:
            repeat(self.calls, count, warm)
        start = time.perf_counter_ns()
        repeat(self.calls, count, calls)
        return (time.perf_counter_ns() - start) * 1e-9


def _operand(argument: Argument) -> int | bytes:
    return argument if isinstance(argument, int) else bytes.fromhex(argument.removeprefix("0x"))


class Function:
    """Something that Python calls: a library, or our kernel through ctypes."""

    def __init__(self, session: NativeSession, plan: Plan) -> None:
        self.session, self.plan = session, plan
        self.prepare = self.preparation()

    def preparation(self) -> Prepare:
        return load_peer(self.plan.source)

    def load(self, size: int) -> None:
        self.bytes = bytearray(self.session.data[self.plan.data][:size])
        imms = [_operand(argument) for argument in self.plan.calls[0].args[2:]]
        self.call = self.prepare(self.bytes, imms)

    def answer(self) -> str:
        result, bits = self.call(), self.plan.calls[0].bits
        numbers = list(result) if isinstance(result, Iterable) else [result]
        results = [int(number) & (1 << bits) - 1 for number in numbers] if bits else []
        return shown(results, self.bytes if self.plan.changes else None)

    def time(self, calls: int, warm: int) -> float:
        call = self.call
        for _ in range(warm):
            call()
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        return (time.perf_counter_ns() - start) * 1e-9


class Ctypes(Function):
    """Our kernel, called from Python for each run."""

    def preparation(self) -> Prepare:
        made: Call = self.plan.calls[0]
        function = getattr(self.session.module(self.plan.module), made.name)
        function.restype = ctypes.c_uint64 if made.bits > 32 else ctypes.c_uint32

        def prepare(data: bytearray, imms: list[Any]) -> Callable[[], Any]:
            buffer = (ctypes.c_char * len(data)).from_buffer(data)
            pointer, size = ctypes.c_void_p(ctypes.addressof(buffer)), ctypes.c_size_t(len(data))
            self.buffer = buffer  # alive as long as the pointer is in use
            return partial(function, pointer, size, *map(ctypes.c_uint64, imms))

        return prepare


KINDS: dict[str, Callable[[NativeSession, Plan], Handle]] = {
    "kernel": Kernel,
    "program": Kernel,
    "function": Function,
    "ctypes": Ctypes,
}


@contextmanager
def start(kit: Kit, size: int) -> Iterator[NativeSession]:
    yield NativeSession(kit, size)


def runtime() -> Runtime:
    return Runtime("native", "native, Python", start, order=3)
