"""The code that the benchmark runs: ours from the compiler, the limits from Zig."""

from __future__ import annotations

import hashlib
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcpu import targets
from pcpu.artifact import write_beside
from pcpu.bench import javascript
from pcpu.bench.definition import GENERATED, ROOT, Definition
from pcpu.compiler import compile_operations, compile_program
from pcpu.isa import Isa
from pcpu.targets import lld

BUILD = ROOT.parent / "build" / "bench"
SEED = 20240229
LINKED = {"wasm": "wasm", "host": "so"}
ZIG = {
    "wasm": ("-target", "wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory"),
    "host": ("-fPIC",),
}


@dataclass(frozen=True)
class Kit:
    """Paths of the modules by target and name, of the data by its kind, and what compiled them;
    ``scripts`` are modules of JavaScript that were written for the run, by the name that rows have
    for them."""

    modules: dict[str, dict[str, Path]]
    data: dict[str, Path]
    manifest: dict[str, Any]
    scripts: dict[str, Path]


def build(isa: Isa, definitions: Sequence[Definition], folder: Path) -> Kit:
    """Everything that is run. What may change from run to run goes to ``folder``, the rest is kept
    in build/bench/."""
    BUILD.mkdir(parents=True, exist_ok=True)
    modules: dict[str, dict[str, Path]] = {}
    manifest: dict[str, Any] = {}
    for name, linked in LINKED.items():
        target = targets.find(name)
        artifacts = {"ops": compile_operations(isa, target)}
        for definition in definitions:
            if any(row.kind == "program" for row in definition.rows):
                artifacts[definition.name] = compile_program(definition.program, isa, target)
        modules[name] = {"limits": _zig("limits", name)}
        for module, artifact in artifacts.items():
            path = modules[name][module] = folder / f"{module}.{linked}"
            artifact.write(path)
        manifest[name] = artifacts["ops"].manifest
    modules["host"]["repeat"] = _zig("repeat", "host")
    sizes: dict[str, int] = {}
    for definition in definitions:
        sizes[definition.data] = max(sizes.get(definition.data, 0), *definition.sizes)
    data = {kind: _data(kind, size) for kind, size in sizes.items()}
    return Kit(modules, data, manifest, _scripts(isa, definitions, folder))


def _scripts(isa: Isa, definitions: Sequence[Definition], folder: Path) -> dict[str, Path]:
    sources = {row.source.partition("#")[0] for d in definitions for row in d.rows}
    found = {}
    for name in sorted(source for source in sources if source.startswith(GENERATED)):
        op = isa.find(name.removeprefix(GENERATED))
        assert op is not None
        path = found[name] = folder / f"{name}.mjs"
        path.parent.mkdir(exist_ok=True)
        path.write_text(javascript.source(op), encoding="utf-8")
    return found


def _zig(name: str, target: str) -> Path:
    """``bench/native/NAME.zig``, compiled once for each version of it and of Zig."""
    source = ROOT / "native" / f"{name}.zig"
    text = source.read_text(encoding="utf-8")
    key = repr((text, ZIG[target], lld.versions(), targets.find(target).cpu))
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    path = BUILD / f"{name}-{digest}.{LINKED[target]}"
    if not path.exists():
        exports = re.findall(r"^export fn (\w+)", text, re.MULTILINE)
        with tempfile.TemporaryDirectory(prefix="pcpu-bench-") as folder:
            code = Path(folder) / "code.o"
            lld.run([*lld.zig(), "build-obj", str(source), *ZIG[target], "-O", "ReleaseFast",
                     "-fstrip", f"-femit-bin={code}"])  # fmt: skip
            linked = LINK[target](code.read_bytes(), exports)
        with write_beside(path) as file:
            file.write(linked)
    return path


def _guest(code: bytes, exports: Sequence[str]) -> bytes:
    """A module of WebAssembly that runs in the memory of another one, where it may have neither
    data nor a stack."""
    with tempfile.TemporaryDirectory(prefix="pcpu-bench-") as folder:
        source, out = Path(folder) / "code.o", Path(folder) / "out.wasm"
        source.write_bytes(code)
        lld.run([
            *lld.command("wasm-ld"), "--no-entry", "--strip-all", "--gc-sections",
            "--import-memory", *(f"--export={name}" for name in exports),
            str(source), "-o", str(out),
        ])  # fmt: skip
        return out.read_bytes()


LINK = {"wasm": _guest, "host": targets.find("host").link}


def _data(kind: str, size: int) -> Path:
    """Bytes of that kind, the same in every run."""
    path = BUILD / f"{kind}-{size}.bin"
    if not path.exists():
        with write_beside(path) as file:
            file.write(DATA[kind](random.Random(SEED), size))
    return path


# Few operations' speed hangs on the values of bytes; random ones are for all the others.
DATA: dict[str, Callable[[random.Random, int], bytes]] = {
    "random": lambda dice, size: dice.randbytes(size),
    "no-newline": lambda dice, size: dice.randbytes(size).replace(b"\n", b"\r"),
    "constant": lambda _, size: bytes(size),
    "skewed": lambda dice, size: bytes(dice.choices((0, 1, 2, 255), (90, 5, 3, 2), k=size)),
}
