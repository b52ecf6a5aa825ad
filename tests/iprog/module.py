"""A host of decoders in WebAssembly: answers what they want, as spec/iprog-abi.md says."""

from __future__ import annotations

from collections.abc import Callable

import wasmtime

from pcpu.iprog.decoder.parts import decoder
from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.finders.record import RECORD
from pcpu.iprog.sites import Sites
from pcpu.iprog.sites_file import records
from tests.iprog.forge import header_of

KINDS = {-1: "damaged", -2: "unsupported", -3: "wrong-blob", -4: "no-memory", -5: "not-now"}


class RefusedError(Exception):
    """A status below 0, and the rule."""


class Module:
    def __init__(self, code: bytes) -> None:
        self.engine = wasmtime.Engine()
        self.store = wasmtime.Store(self.engine)
        module = wasmtime.Module(self.engine, code)
        assert not module.imports
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.called = dict(self.exports)
        memory = self.exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self.memory = memory

    def give(self, code: bytes) -> None:
        """Add a part: it imports what this module exports (D15)."""
        module = wasmtime.Module(self.engine, code)
        assert {wanted.module for wanted in module.imports} == {"env"}
        wanted = [self.exports[wanted.name] for wanted in module.imports if wanted.name]
        assert len(wanted) == len(module.imports)
        self.called |= dict(wasmtime.Instance(self.store, module, wanted).exports(self.store))

    def call(self, name: str, *arguments: int) -> int:
        function = self.called[name]
        assert isinstance(function, wasmtime.Func)
        found: int = function(self.store, *arguments)
        return found

    def done(self, name: str, *arguments: int) -> int:
        """Call, and raise what is wrong."""
        status = self.call(name, *arguments)
        if status < 0:
            raise RefusedError(f"{KINDS[status]}: {name}, rule {self.call('rule')}")
        return status

    def put(self, at: int, content: bytes) -> None:
        self.memory.write(self.store, content, at)

    def get(self, at: int, size: int) -> bytes:
        return bytes(self.memory.read(self.store, at, at + size))

    def made(self) -> bytes:
        return self.get(self.call("out"), self.call("out_length"))


class AnyPlan(Module):
    """``iprog.wasm``, with what relocates, foreseen and matched frames, and names. ``held`` says what is held whole: p, r, s; f where the
    sites are found."""

    def __init__(self) -> None:
        found = decoder()
        super().__init__(found.core.code)
        self.give(found.relocation.code)
        self.give(found.matched.code)
        self.give(found.names.code)
        self.has_finders = False

    def open(self, plan: bytes, reference: bytes, sites: Sites | None, held: str = "") -> None:
        self.plan, self.reference, self.sites = plan, reference, sites
        if "p" in held:
            self.put(self.done("hold", 0, len(plan)), plan)
            self.done("open", len(plan))
        else:
            start = plan[: header_of(plan).stop + 4]
            self.put(self.done("header", len(start)), start)
            self.done("open", len(start))
        if "r" in held:
            self.put(self.done("hold", 1, len(reference)), reference)
        if "s" in held and self.call("sites_wanted"):
            assert sites is not None
            content = records(sites)
            self.put(self.done("hold_sites", len(content) // RECORD), content)
        if "f" in held and self.call("sites_wanted"):
            if not self.has_finders:
                self.give(decoder().finders.code)
            self.has_finders = True
            self.done("find")

    def window(self, number: int) -> bytes:
        while rows := self.done("want", number):
            self.answer(self.get(self.call("wants"), 32 * rows))
        self.done("make", number)
        return self.made()

    def answer(self, rows: bytes) -> None:
        sites = b""
        asked = False
        for at in range(0, len(rows), 32):
            start, length = (int.from_bytes(rows[at + n : at + n + 8], "little") for n in (0, 8))
            to, source = (int.from_bytes(rows[at + n : at + n + 4], "little") for n in (16, 20))
            if source == 2:
                assert self.sites is not None
                chosen = (self.sites.place >= start) & (self.sites.place < start + length)
                sites += records(self.sites[chosen])
                asked = True
            else:
                content = (self.plan, self.reference)[source]
                assert start + length <= len(content)
                self.put(to, content[start : start + length])
        if asked:
            self.put(self.done("sites", len(sites) // RECORD), sites)

    def rebuild(self) -> bytes:
        return b"".join(self.window(n) for n in range(self.call("windows")))


Rebuild = Callable[[bytes, bytes], bytes]


class OnePlan(Module):
    """A reconstructor."""

    def hold(self, reference: bytes) -> None:
        self.put(self.done("blob", len(reference)), reference)
        self.done("prepare")

    def window(self, number: int) -> bytes:
        self.done("window", number)
        return self.made()

    def rebuild(self) -> bytes:
        return b"".join(self.window(n) for n in range(self.call("windows")))


def rebuilt_alone(plan: bytes, reference: bytes) -> bytes:
    """What the reconstructor of a plan rebuilds."""
    module = OnePlan(reconstructor(plan))
    module.hold(reference)
    return module.rebuild()
