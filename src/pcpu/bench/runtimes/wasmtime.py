"""wasmtime: Cranelift instead of V8, called in a loop of WebAssembly code.

A call from Python costs microseconds, so the loop that is timed is a module of its own, which
imports the kernels and is made anew for each size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pcpu.bench.build import Kit
from pcpu.bench.measure import Handle, shown
from pcpu.bench.plan import STATE, Argument, Plan
from pcpu.bench.runtimes.runtime import Runtime, Unavailable
from pcpu.errors import EngineError

if TYPE_CHECKING:
    from wasmtime import Engine, Instance, Memory, Module, Store


@dataclass
class Loaded:
    """An instance and the address of its room for data."""

    instance: Instance
    memory: Memory
    data: int


class WasmtimeSession:
    def __init__(self, kit: Kit, size: int) -> None:
        import wasmtime

        self.kit, self.size = kit, size
        self.engine: Engine = wasmtime.Engine()
        self.store: Store = wasmtime.Store(self.engine)
        self.data = {kind: path.read_bytes() for kind, path in kit.data.items()}
        self.versions = {"wasmtime": version("wasmtime")}
        self._modules: dict[str, Module] = {}
        self._homes: dict[str, Loaded] = {}

    def instantiate(self, name: str, home: str) -> Loaded:
        """An instance for one row, in memory of its own or, where it imports one, of its home."""
        import wasmtime

        if name not in self._modules:
            path = self.kit.modules["wasm"][name]
            self._modules[name] = wasmtime.Module.from_file(self.engine, str(path))
        module = self._modules[name]
        if module.imports:
            shared = self._homes[home]
            return replace(shared, instance=wasmtime.Instance(self.store, module, [shared.memory]))
        instance = wasmtime.Instance(self.store, module, [])
        exports = instance.exports(self.store)
        memory, malloc = exports["memory"], exports["malloc"]
        assert isinstance(memory, wasmtime.Memory)
        assert isinstance(malloc, wasmtime.Func)
        # The limits copy the span to the one behind it.
        data = malloc(self.store, 2 * self.size + STATE)
        if not data:
            raise EngineError(f"no memory for {2 * self.size} bytes in wasmtime")
        loaded = Loaded(instance, memory, data & 0xFFFFFFFF)
        if home:
            self._homes[home] = loaded
        return loaded

    def open(self, plan: Plan) -> Handle:
        return Kernel(self, plan)


class Kernel:
    def __init__(self, session: WasmtimeSession, plan: Plan) -> None:
        self.session, self.plan = session, plan
        self.loaded = session.instantiate(plan.module, plan.home)
        exports = self.loaded.instance.exports(session.store)
        self.functions: list[Any] = [exports[call.name] for call in plan.calls]

    def load(self, size: int) -> None:
        import wasmtime

        self.size = size
        store, loaded = self.session.store, self.loaded
        loaded.memory.write(store, self.session.data[self.plan.data][:size], loaded.data)
        module = wasmtime.Module(self.session.engine, self.loop())
        instance = wasmtime.Instance(store, module, self.functions)
        self.repeat: Any = instance.exports(store)["repeat"]

    def loop(self) -> str:
        """The text of a module that runs the calls ``n`` times."""
        imports, body = [], []
        for index, (call, function) in enumerate(zip(self.plan.calls, self.functions, strict=True)):
            kind = function.type(self.session.store)
            params = " ".join(map(str, kind.params))
            results = " ".join(map(str, kind.results))
            imports.append(
                f'(import "" "{index}" (func $f{index} (param {params}) (result {results})))'
            )
            for argument, wanted in zip(call.args, kind.params, strict=True):
                body.append(f"({wanted}.const {self.value(argument)})")
            body.append(f"(call $f{index})")
            body += ["drop" for _ in kind.results]
        return f"""(module {" ".join(imports)}
          (func (export "repeat") (param $n i64)
            (loop $again
              {" ".join(body)}
              (local.set $n (i64.sub (local.get $n) (i64.const 1)))
              (br_if $again (i64.ne (local.get $n) (i64.const 0))))))"""

    def value(self, argument: Argument) -> int:
        if isinstance(argument, int):
            return argument
        data, state = self.loaded.data, self.loaded.data + 2 * self.session.size
        places = {"data": data, "state": state, "out": state + STATE // 2, "size": self.size}
        return places[argument]

    def answer(self) -> str:
        store, memory = self.session.store, self.loaded.memory
        results = []
        for call, function in zip(self.plan.calls, self.functions, strict=True):
            result = function(store, *map(self.value, call.args))
            if call.bits:
                results.append(result & (1 << call.bits) - 1)
        out = self.value("out")
        words = memory.read(store, out, out + 8 * self.plan.outputs)
        results += memoryview(words).cast("Q")
        data = self.loaded.data
        changed = memory.read(store, data, data + self.size) if self.plan.changes else None
        return shown(results, changed)

    def time(self, calls: int, warm: int) -> float:
        repeat, store = self.repeat, self.session.store
        if warm:
            repeat(store, warm)
        start = time.perf_counter_ns()
        repeat(store, calls)
        return (time.perf_counter_ns() - start) * 1e-9


@contextmanager
def start(kit: Kit, size: int) -> Iterator[WasmtimeSession]:
    try:
        session = WasmtimeSession(kit, size)
    except ImportError:
        raise Unavailable("the wasmtime package is missing; run 'make setup'") from None
    yield session


def runtime() -> Runtime:
    return Runtime("wasmtime", "wasmtime", start, order=4)
