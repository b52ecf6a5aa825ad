"""The compiler: what a module exports, that it is vector code, that it is the same each time."""

from __future__ import annotations

import json
import random
import re
import struct
import subprocess
from pathlib import Path

import google_crc32c
import pytest
import wasmtime

from pcpu import interp, targets, worker
from pcpu.artifact import SECTION, Artifact
from pcpu.compiler import FORMS, compile_operations, compile_program
from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Instruction, Program, ResultValue
from pcpu.isa import Isa
from pcpu.layout import layout
from pcpu.source import parse_pipeline


@pytest.fixture(scope="module")
def operations(isa: Isa, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ops") / "pcpu_ops.wasm"
    compile_operations(isa, targets.find("wasm")).write(path)
    return path


def module_of(path: Path) -> wasmtime.Module:
    return wasmtime.Module(wasmtime.Engine(), path.read_bytes())


def disassembly(path: Path) -> dict[str, str]:
    """The text of each exported function, as wabt disassembles it."""
    tool = worker.folder() / "node_modules" / "wabt" / "bin" / "wasm2wat"
    done = subprocess.run(
        [worker.node(), tool, "--enable-all", path], capture_output=True, text=True, check=True
    )
    bodies = re.split(r"\n  \(func \(;(\d+);\)", done.stdout)
    by_index = dict(zip(bodies[1::2], bodies[2::2], strict=True))
    exports = re.findall(r'\(export "(\w+)" \(func (\d+)\)\)', done.stdout)
    return {name: by_index[index] for name, index in exports}


def manifest_of(code: bytes) -> dict[str, object]:
    start = code.index(SECTION.encode()) + len(SECTION)
    found: dict[str, object] = json.loads(code[start:])
    return found


def test_A1_imports_nothing(operations: Path) -> None:
    assert list(module_of(operations).imports) == []


def test_A1_A4_A6_A7_A12_exports(operations: Path, isa: Isa) -> None:
    wanted = {"memory", "malloc", "free"}
    for op in isa.operations:
        wanted.add(f"pcpu_{op.name}")
        if op.has_result:
            wanted |= {f"pcpu_{op.name}_{part}" for part in ("init", "update", "finish")}
    module = module_of(operations)
    assert {export.name for export in module.exports} == wanted
    types = {
        export.name: ([str(p) for p in export.type.params], [str(r) for r in export.type.results])
        for export in module.exports
        if isinstance(export.type, wasmtime.FuncType)
    }
    assert types["pcpu_xor"] == (["i32", "i32", "i32"], [])
    assert types["pcpu_crc32c"] == (["i32", "i32"], ["i32"])
    assert types["pcpu_fnv"] == (["i32", "i32"], ["i64"])
    assert types["pcpu_counteq_update"] == (["i64", "i32", "i32", "i32"], ["i64"])
    assert types["pcpu_lut"] == (["i32", "i32", "i32", "i32"], [])
    assert types["pcpu_mask"] == (["i32", "i32", "i32", "i32", "i64"], [])
    assert types["pcpu_find"] == (["i32", "i32", "i32"], ["i64"])
    assert types["pcpu_find_update"] == (["i64", "i32", "i32", "i32", "i64"], ["i64"])
    assert types["pcpu_hist"] == (["i32", "i32", "i32"], [])
    assert types["pcpu_hist_update"] == (["i32", "i32", "i32"], [])


def test_A2_malloc(operations: Path) -> None:
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, module_of_store(store, operations), []).exports(store)
    malloc, free, memory = exports["malloc"], exports["free"], exports["memory"]
    assert isinstance(malloc, wasmtime.Func)
    assert isinstance(free, wasmtime.Func)
    assert isinstance(memory, wasmtime.Memory)
    free(store, 0)
    blocks: dict[int, int] = {}
    for size in [0, 1, 100, 65536, 1 << 20, 1, 1 << 24]:
        pointer = malloc(store, size)
        assert pointer % 16 == 0
        assert all(pointer + size <= p or p + s <= pointer for p, s in blocks.items())
        blocks[pointer] = size
    size_before = memory.size(store)
    for pointer in blocks:
        free(store, pointer)
    for _ in range(20):
        free(store, malloc(store, 1 << 24))
    assert memory.size(store) == size_before  # freed memory is used again
    assert malloc(store, -1) == 0
    assert malloc(store, 0x7FFFFFFF) % 16 == 0


def module_of_store(store: wasmtime.Store, path: Path) -> wasmtime.Module:
    return wasmtime.Module(store.engine, path.read_bytes())


def test_vector_code_by_disassembly(operations: Path) -> None:
    bodies = disassembly(operations)
    assert "i8x16" in bodies["pcpu_counteq_update"] or "v128" in bodies["pcpu_counteq_update"]
    for name, instruction in [
        ("xor", "v128.xor"),
        ("add", "i8x16.add"),
        ("counteq_update", "i8x16.eq"),
    ]:
        assert instruction in bodies[f"pcpu_{name}"], name
        assert "v128.load" in bodies[f"pcpu_{name}"], name
    counted = manifest_of(operations.read_bytes())["simd"]
    assert isinstance(counted, dict)
    for name in ("pcpu_xor", "pcpu_add", "pcpu_counteq"):
        assert counted[name] > 0


@pytest.mark.parametrize(
    "text", ["", "crc32c", "fnv", "lut 0x" + "07" * 256, "xor 1 | n = counteq 3"]
)
def test_vectors_are_counted_as_in_assembly(isa: Isa, text: str) -> None:
    target = targets.find("wasm")
    program = parse_pipeline(text, isa) if text else None

    def compiled(form: str) -> Artifact:
        if program is None:
            return compile_operations(isa, target, form)
        return compile_program(program, isa, target, form)

    pieces = re.split(r"^([A-Za-z_][\w.$]*):", compiled("asm").code.decode(), flags=re.MULTILINE)
    bodies = dict(zip(pieces[1::2], pieces[2::2], strict=True))

    def reached(name: str, seen: set[str]) -> set[str]:
        if name in bodies and name not in seen:
            seen.add(name)
            for other in re.findall(r"^\s+call\s+([\w.$]+)", bodies[name], re.MULTILINE):
                reached(other, seen)
        return seen

    vector = re.compile(r"^\s+(?:v128|[if]\d+x\d+)\.", re.MULTILINE)
    counted = manifest_of(compiled("wasm").code)["simd"]
    assert isinstance(counted, dict)
    assert len(counted) > 2
    for name, count in counted.items():
        found = sum(len(vector.findall(bodies[one])) for one in reached(name, set()))
        assert count == found, name


def test_a_fused_program_is_vector_code(isa: Isa, tmp_path: Path) -> None:
    path = tmp_path / "p.wasm"
    program = parse_pipeline("xor 1 | add 2 | counteq 3", isa)
    compile_program(program, isa, targets.find("wasm")).write(path)
    body = disassembly(path)["pcpu_update"]
    assert all(x in body for x in ("v128.xor", "i8x16.add", "i8x16.eq", "v128.store"))


def test_A10_manifest(operations: Path, isa: Isa) -> None:
    manifest = manifest_of(operations.read_bytes())
    assert manifest["abi"] == 2
    assert manifest["kind"] == "ops"
    assert manifest["isa_digest"] == isa.digest
    assert manifest["operations"] == isa.to_json()["operations"]
    assert {"pcpu", "llvm", "llvmlite", "lld", "zig"} == set(manifest["tools"])  # type: ignore[call-overload]
    program = parse_pipeline("n = counteq 1 | crc32c", isa)
    module = compile_program(program, isa, targets.find("wasm"))
    manifest = manifest_of(module.code)
    assert manifest == module.manifest
    assert manifest["signature"] == "counteq 1 | crc32c"
    assert (manifest["form"], manifest["state_bytes"]) == ("stream", 16)
    assert manifest["results"] == [
        {"name": "n", "op": "counteq", "bits": 64, "returns": "count", "count": 1},
        {"name": "crc32c", "op": "crc32c", "bits": 32, "returns": "u32", "count": 1},
    ]
    program = parse_pipeline("mask 0x0102 | hist | crc32c", isa)
    told = compile_program(program, isa, targets.find("wasm")).manifest
    assert told["state_bytes"] == 8 * (256 + 1 + 1)
    assert told["results"][0]["count"] == 256
    mask, hist, _ = told["operations"]
    assert mask["immediates"] == [{"name": "key", "bits": 0, "sizes": [1, 64]}]
    assert (mask["uses_index"], hist["uses_index"], hist["result_count"]) == (True, False, 256)


def test_A3_A4_A5_kernels_on_any_span(operations: Path) -> None:
    """Any alignment, a length of 0 with any pointer, immediates cut to their width, nothing else written."""
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, module_of_store(store, operations), []).exports(store)
    memory, malloc = exports["memory"], exports["malloc"]
    assert isinstance(memory, wasmtime.Memory)
    assert isinstance(malloc, wasmtime.Func)

    def call(name: str, *arguments: int) -> int:
        kernel = exports[name]
        assert isinstance(kernel, wasmtime.Func)
        value: int = kernel(store, *arguments)
        return value

    pointer = malloc(store, 1000)
    before = bytes(range(250)) * 4
    for start in range(pointer + 100, pointer + 117):
        for length in (0, 1, 15, 16, 64, 333):
            memory.write(store, before, pointer)
            call("pcpu_xor", start, length, 0x1FF)
            after = bytearray(before)
            at = start - pointer
            after[at : at + length] = bytes(b ^ 0xFF for b in before[at : at + length])
            assert memory.read(store, pointer, pointer + 1000) == after
            assert call("pcpu_counteq", start, length, 7) == after[at : at + length].count(7)
            piece = bytes(after[at : at + length])
            assert call("pcpu_crc32c", start, length) & 0xFFFFFFFF == google_crc32c.value(piece)
    assert call("pcpu_counteq", -1, 0, 0) == 0
    call("pcpu_xor", -1, 0, 1)


@pytest.mark.parametrize(
    "text",
    ["xor 3 | counteq 1 | crc32c | fnv", "mask 0x010203 | hist | find 1 | crc32c", "mask 0x0102"],
)
def test_A8_A9_state_may_move_between_calls(text: str, isa: Isa) -> None:
    program = parse_pipeline(text, isa)
    code = compile_program(program, isa, targets.find("wasm"))
    store = wasmtime.Store()
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, code.code), []).exports(store)
    memory = exports["memory"]
    assert isinstance(memory, wasmtime.Memory)

    def call(name: str, *arguments: int) -> int:
        function = exports[name]
        assert isinstance(function, wasmtime.Func)
        value: int = function(store, *arguments)
        return value

    size, outputs = code.manifest["state_bytes"], layout(program).outputs
    first, second, out, buffer = (call("malloc", n) for n in (size, size, size, 1000))
    data = random.Random(1).randbytes(1000)
    after, expected = interp.run(program, data)

    def results() -> tuple[ResultValue, ...]:
        found = bytes(memory.read(store, out, out + 8 * outputs))
        return layout(program).values(struct.unpack(f"<{outputs}Q", found))

    changed = b""
    call("pcpu_init", first)
    for start in range(0, 1000, 250):
        memory.write(store, data[start : start + 250], buffer)
        call("pcpu_update", first, buffer, 250)
        changed += bytes(memory.read(store, buffer, buffer + 250))
        memory.write(store, bytes(memory.read(store, first, first + size)), second)
        memory.write(store, b"\xff" * size, first)
        first, second = second, first
    assert changed == after
    for _ in range(2):  # finishing changes nothing
        call("pcpu_finish", first, out)
        assert results() == expected
        memory.write(store, bytes(size), out)
    memory.write(store, data, buffer)
    call("pcpu_run", buffer, 1000, out)
    assert results() == expected
    assert memory.read(store, buffer, buffer + 1000) == after


@pytest.mark.parametrize("target", targets.NAMES)
def test_A11_the_same_input_gives_the_same_bytes(target: str, isa: Isa) -> None:
    program = parse_pipeline("xor 1 | crc32c | fnv", isa)
    found = targets.find(target)
    first, second = (compile_program(program, isa, found).code for _ in range(2))
    assert first == second
    assert str(Path.cwd()).encode() not in first
    assert b"/tmp" not in first


@pytest.mark.parametrize("target", targets.NAMES)
def test_every_form(target: str, isa: Isa) -> None:
    program = parse_pipeline("xor 1 | crc32c", isa)
    found = targets.find(target)
    starts = {"ir": b"; ModuleID", "opt-ir": b"; ModuleID", "wasm": b"\0asm", "so": b"\x7fELF"}
    for form in FORMS:
        if form in ("wasm", "so") and form != found.linked:
            with pytest.raises(UsageError, match="does not emit"):
                compile_program(program, isa, found, form)
            continue
        code = compile_program(program, isa, found, form).code
        assert code.startswith(starts.get(form, b""))
        assert code


def test_a_program_is_verified_first(isa: Isa) -> None:
    xor = isa.find("xor")
    assert xor is not None
    for program in (
        Program(()),
        Program((Instruction(xor, (256,)),)),
        Program((Instruction(xor),)),
    ):
        with pytest.raises(ProgramError):
            compile_program(program, isa, targets.find("host"))


def test_unknown_target() -> None:
    with pytest.raises(
        UsageError, match="unknown target 'vax'; known: host, wasm, x86-64, aarch64, riscv64"
    ):
        targets.find("vax")
