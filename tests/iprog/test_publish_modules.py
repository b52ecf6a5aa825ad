"""``pcpu publish X.wasm``: modules that are damaged (spec/iprog-abi.md D10 to D12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from pcpu.artifact import with_manifest
from pcpu.errors import DamagedPlanError, UnsupportedPlanError, WrongBlobError
from pcpu.iprog import rebuilds
from pcpu.iprog.bundled import read_reconstructors, told_by
from pcpu.iprog.decoder.wasm import reconstructor
from pcpu.iprog.numbers import varint
from pcpu.iprog.plan import make_plan
from pcpu.iprog.rebuilds import check_reconstructor
from tests.iprog.pairs import edited
from tests.test_cli import pcpu

BLOB, FILE = edited(3, 9000)
EMPTY = b"\0asm\1\0\0\0"


@pytest.fixture(scope="module")
def module() -> bytes:
    return reconstructor(make_plan(FILE, [BLOB]).plan)


@pytest.fixture(scope="module")
def said(module: bytes) -> dict[str, Any]:
    told = told_by(module)
    assert told is not None
    return told


def saying(content: bytes) -> bytes:
    """A module that has nothing but what it says of itself."""
    inside = varint(len(b"pcpu.manifest")) + b"pcpu.manifest" + content
    return EMPTY + b"\0" + varint(len(inside)) + inside


def check(module: bytes, told: dict[str, Any], blobs: list[bytes]) -> None:
    check_reconstructor(module, told, blobs, lambda _: None)


def test_the_module_itself_is_right(module: bytes, said: dict[str, Any]) -> None:
    check(module, said, [BLOB])
    assert told_by(saying(json.dumps(said).encode())) == said
    assert told_by(EMPTY) is None
    assert told_by(saying(b'{"kind": "ops"}')) is None
    with pytest.raises(WrongBlobError, match="the blobs are not those that the module was made"):
        check(module, said, [FILE])


NONE = "the section pcpu.manifest of the module is no JSON object"
CONTENTS = [b"", b"[1]", b"5", b"null", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000]


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_what_is_no_object(content: bytes) -> None:
    with pytest.raises(DamagedPlanError, match=NONE):
        told_by(saying(content))


def test_another_abi(said: dict[str, Any]) -> None:
    for changed in (said | {"abi": 2}, {"kind": "reconstructor"}):
        with pytest.raises(UnsupportedPlanError, match="another ABI than 1; compile it again"):
            told_by(saying(json.dumps(changed).encode()))


WRONG: list[Any] = [None, True, -1, 1.5, "x", [], [5], {}, {"size": 1}, 1 << 60]


@pytest.mark.parametrize("key", ["file", "blobs", "window_size", "windows"])
def test_d12_keys_that_are_missing_or_wrong(said: dict[str, Any], key: str) -> None:
    changed = [said | {key: value} for value in WRONG if (key, value) != ("blobs", [])]
    for part in ("name", "size", "sha256"):
        others: tuple[Any, ...] = (None, True, -5, 1.5, [], {}, "ZZ", "../" * 21 + "x")
        for value in others:
            if key == "file" and (part, type(value)) != ("name", str):
                changed.append(said | {key: said["file"] | {part: value}})
            if key == "blobs" and (part, type(value)) != ("name", str):
                changed.append(said | {key: [said["blobs"][0] | {part: value}]})
    changed.append({name: value for name, value in said.items() if name != key})
    for each in changed:
        with pytest.raises(DamagedPlanError, match="does not say what spec/iprog-abi"):
            told_by(saying(json.dumps(each).encode()))


def body(**functions: str) -> bytes:
    """A module with all that is called, of which some functions are others."""
    usual = {
        "blob": "(param i64) (result i32) i32.const 0",
        "prepare": "(result i32) i32.const 0",
        "window": "(param i64) (result i32) i32.const 0",
        "out": "(result i32) i32.const 0",
        "out_length": "(result i32) i32.const 10",
        "rule": "(result i32) i32.const 12",
    } | functions
    exports = (f'(func (export "{name}") {code})' for name, code in usual.items())
    memory = '(memory (export "memory") 1)'
    return bytes(wasmtime.wat2wasm(f"(module {memory} {' '.join(exports)})"))


TRAP, NUMBER = "unreachable", "(result i32) i32.const"
DAMAGED = [
    (EMPTY, "the module has no function blob of that form"),
    (EMPTY + b"\1", "the module cannot be run: "),
    (body(out="(result i64) i64.const 0"), "the module has no function out of that form"),
    (body(prepare=f"(result i32) {TRAP}"), "cannot be run: .*unreachable"),
    (body(prepare="(result i32) (call 1)"), "cannot be run: .*call stack exhausted"),
    (body(prepare=f"{NUMBER} -1"), "the module refuses its blobs: status -1, rule G12"),
    (body(blob="(param i64) (result i32) i32.const 60000"), "addresses that are not in its mem"),
    (body(out_length=f"{NUMBER} 70000"), "addresses that are not in its memory"),
    (body(out_length=f"{NUMBER} 60000"), "has not the SHA-256 that it says"),
    (body(), "has not the SHA-256 that it says"),
    (body().replace(b"memory", b"Memory"), "the module exports no memory"),
    (bytes(wasmtime.wat2wasm('(module (import "a" "b" (func)))')), "cannot be run: "),
    (bytes(wasmtime.wat2wasm("(module (func $f unreachable) (start $f))")), "unreachable"),
]


@pytest.mark.parametrize(("code", "why"), DAMAGED, ids=range(len(DAMAGED)))
def test_code_that_is_damaged(code: bytes, why: str, said: dict[str, Any]) -> None:
    with pytest.raises(DamagedPlanError, match=why) as raised:
        check(code, said, [BLOB])
    assert "\n" not in str(raised.value)


FOREVER = "(loop (br 0))"
ENDLESS = {
    "blob": body(blob=f"(param i64) (result i32) {FOREVER} i32.const 0"),
    "prepare": body(prepare=f"(result i32) {FOREVER} i32.const 0"),
    "window": body(window=f"(param i64) (result i32) {FOREVER} i32.const 0"),
    "start": bytes(wasmtime.wat2wasm(f"(module (func $f {FOREVER}) (start $f))")),
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
def test_code_that_does_not_end_is_stopped(
    code: bytes, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilds, "_AT_LEAST", 0.25)
    why = r"^the module was stopped, as it did not end within 0\.25 seconds$"
    with pytest.raises(DamagedPlanError, match=why):
        check(code, said, [BLOB])


def test_commands_say_it_in_a_line(tmp_path: Path, said: dict[str, Any]) -> None:
    (tmp_path / "b").write_bytes(BLOB)
    cases = {
        "bad.wasm": saying(b"[" * 100_000),
        "code.wasm": with_manifest(EMPTY, said),
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        done = pcpu("publish", path, "--blob", tmp_path / "b", "--store", tmp_path / "store")
        (line,) = done.stderr.decode().splitlines()
        assert (done.returncode, done.stdout) == (1, b"")
        assert line.startswith(f"pcpu: error: {path}: the ")
        assert not (tmp_path / "store").exists()
    with pytest.raises(DamagedPlanError, match=rf"bad\.wasm: {NONE}"):
        read_reconstructors([f"x={tmp_path}/bad.wasm"])
