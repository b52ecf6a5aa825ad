"""Operation files: the package's own, users' ones, and errors that name the place."""

from __future__ import annotations

import json
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pcpu import interp
from pcpu.errors import IsaError
from pcpu.ir.text import pasm_text
from pcpu.isa import Isa, Op, read_isa
from pcpu.library import check_vectors, load_isa
from pcpu.source import parse_pasm, parse_pipeline

SCHEMA = json.loads((files("pcpu.isa") / "op.schema.json").read_text())
BUILTIN = read_isa().operations


def test_I2_the_operations() -> None:
    assert [op.opcode for op in BUILTIN] == list(range(1, 25))
    assert " ".join(op.name for op in BUILTIN) == (
        "fnv xor add counteq crc32c sub and or not rotl lut mask sum min max find hist crc32 "
        "crc64nvme crc16 fnv32 adler32 le be"
    )
    found = read_isa().find("fnv64")
    assert found is not None
    assert found.name == "fnv"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("op", BUILTIN, ids=lambda op: op.name)
def test_I2_I6_package_files(op: Op) -> None:
    Draft202012Validator(SCHEMA).validate(op.document)
    vectors = op.document["vectors"]
    assert vectors
    assert all(vector["source"] for vector in vectors)
    check_vectors(op)


def test_P8_numbers_have_room_behind_long_names(tmp_path: Path) -> None:
    name = "r" * 32
    isa = load_isa([write(tmp_path, {**SUM, "op": name})])
    program = parse_pipeline(" | ".join([name] * 10), isa)
    names = [result.name for result in program.results]
    assert names == [name, *(f"{'r' * 30}_{n}" for n in range(2, 10)), f"{'r' * 29}_10"]
    assert parse_pasm(pasm_text(program), isa) == program == parse_pipeline(str(program), isa)


def test_digest_depends_on_meaning(user_isa: Isa) -> None:
    assert read_isa().digest == read_isa().digest
    assert user_isa.digest != read_isa().digest


def write(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "ops.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_I7_what_isa_prints_loads_again(tmp_path: Path, user_isa: Isa) -> None:
    path = write(tmp_path, user_isa.to_json() | {"isa_digest": user_isa.digest})
    assert load_isa([path]).digest == user_isa.digest


def test_I7_known_operations_by_three_members(tmp_path: Path) -> None:
    plain = [{"op": op.name, "args": list(op.args), "returns": op.returns} for op in BUILTIN]
    assert load_isa([write(tmp_path, {"operations": plain})]).digest == read_isa().digest


SUM = {
    "op": "mysum",
    "args": ["data"],
    "returns": "count",
    "fold": {"state": "u64", "init": "0", "step": "state + byte"},
}
ROT = {"op": "myrot", "args": ["data", "imm3"], "returns": "data", "map": "byte << imm3"}
CRC = {
    "op": "crc8",
    "args": ["data"],
    "returns": "u8",
    "crc": {
        "width": 8, "poly": "0x07", "init": 0, "refin": False, "refout": False, "xorout": 0,
        "check": "0xf4",
    },
}  # fmt: skip


XORED = {
    "op": "xored",
    "args": ["data", "key:bytes2-4"],
    "returns": "data",
    "map": "byte ^ key[index]",
}
BITS: dict[str, Any] = {
    "op": "bits",
    "args": ["data"],
    "returns": "count",
    "fold": {"state": "u16", "bins": 3, "bin": "byte", "init": "7", "step": "state + 1"},
}
LAST: dict[str, Any] = {
    "op": "last",
    "args": ["data", "imm8"],
    "returns": "count",
    "fold": {"state": "u64", "init": "0", "step": "byte == imm8 ? index + 1 : state"},
}


@pytest.mark.parametrize("document", [SUM, ROT, CRC, XORED, BITS, LAST], ids=lambda d: str(d["op"]))
def test_I1_a_single_operation_is_a_file(tmp_path: Path, document: dict[str, Any]) -> None:
    loaded = load_isa([write(tmp_path, document)])
    op = loaded.find(document["op"])
    assert op is not None
    assert op.opcode == 1024


def test_I3_I4_I10_what_they_mean(tmp_path: Path) -> None:
    finish = {**BITS["fold"], "finish": "state * 1000"}
    ops = {"operations": [XORED, {**BITS, "returns": "u8", "fold": finish}, LAST]}
    isa = load_isa([write(tmp_path, ops)])
    program = parse_pipeline("bits | last 0x62 | xored 0x0100 | last 0x62", isa)
    run = interp.Interpreter(program)
    assert run.update(b"ab") + run.update(b"") + run.update(b"bcb") == b"`bccc"
    # Three of b (98), one of a (97), one of c (99), modulo 3; results are cut to 8 bits.
    thousands = tuple((7 + n) * 1000 % 256 for n in (1, 1, 3))
    assert run.finish() == (thousands, 5, 2)


@pytest.mark.parametrize(
    ("step", "wrong", "right"),
    [
        ("byte == 10 & state < 1000 ? state + 1 : state", "a + b", "a + b > 1000 ? 1000 : a + b"),
        ("index > 60000 ? index : state + byte", "a + b", None),
        ("byte == imm8 ? index + 1 : state", "a ? a : b", "b ? b : a"),
    ],
)
def test_I4_merges_are_tried_beyond_the_numbers_of_a_step(
    tmp_path: Path, step: str, wrong: str, right: str | None
) -> None:
    args = ["data", "imm8"] if "imm8" in step else ["data"]
    fold = {"state": "u64", "init": "0", "step": step}
    document = {"op": "tried", "args": args, "returns": "count"}
    with pytest.raises(IsaError, match="merge gives"):
        load_isa([write(tmp_path, {**document, "fold": {**fold, "merge": wrong}})])
    if right is not None:
        load_isa([write(tmp_path, {**document, "fold": {**fold, "merge": right}})])


def test_I4_merges_know_the_place_in_the_stream(tmp_path: Path) -> None:
    later = {**LAST, "fold": {**LAST["fold"], "merge": "b > a ? b : a"}}
    load_isa([write(tmp_path, later)])
    first = {**LAST, "fold": {**LAST["fold"], "merge": "a ? a : b"}}
    with pytest.raises(IsaError, match="merge gives"):
        load_isa([write(tmp_path, first)])
    counts = {**BITS, "fold": {**BITS["fold"], "merge": "a + b - 7"}}
    load_isa([write(tmp_path, counts)])
    with pytest.raises(IsaError, match="merge gives"):
        load_isa([write(tmp_path, {**BITS, "fold": {**BITS["fold"], "merge": "a + b"}})])


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ("{", "", "not JSON"),
        ('{"op": 1, "op": 2}', "", "the member 'op' stands twice"),
        ('{"op": NaN}', "", "NaN is not JSON"),
        ("[" * 100000, "", ""),
        ("\ud800".encode("utf-8", "surrogatepass"), "", "not UTF-8 at byte 0"),
        ({}, "", "'op' is a required property"),
        ({"operations": []}, "/operations", ""),
        ({"operations": [SUM, {**ROT, "op": "Rot"}]}, "/operations/1/op", "'Rot' is not a name: small letters"),
        ({**SUM, "fold": {**SUM["fold"], "step": "state +"}}, "/fold/step", "ends too soon"),  # type: ignore[dict-item]
        ({**SUM, "fold": {**SUM["fold"], "state": "u7"}}, "/fold/state", "is not one of"),  # type: ignore[dict-item]
        ({**ROT, "map": "byte + nothing"}, "/map", "unknown name 'nothing'"),
        ({**ROT, "args": ["data", "imm16"], "map": "byte ^ imm16"}, "/map", "imm16 has 16 bits"),
        ({**ROT, "returns": "u8"}, "/returns", "a map returns data"),
        ({**SUM, "returns": "data"}, "/returns", "a fold returns a result"),
        ({**SUM, "map": "byte"}, "", "exactly one of"),
        ({"op": "what", "args": ["data"], "returns": "data"}, "", "not a known operation"),
        ({**ROT, "op": "xor"}, "/args", "exists already with another 'args'"),
        ({**ROT, "op": "fnv64"}, "/op", "the name 'fnv64' is taken"),
        ({**ROT, "op": "crc32c_update"}, "/op", "reserved"),
        *(({**ROT, "op": name}, "/op", "reserved") for name in ("end", "copy", "data")),
        ({**ROT, "opcode": 2}, "/opcode", "opcode 2 is that of 'xor'"),
        ({**ROT, "opcode": 0}, "/opcode", ""),
        ({**ROT, "args": ["data", "imm3", "imm3"]}, "/args/2", "taken; write 'key:imm3'"),
        ({**ROT, "vectors": [{"data": "hex:01", "expect": "hex:02"}]}, "/vectors/0", "imm3"),
        ({**ROT, "vectors": [{"data": "hex:01", "imm3": 8, "expect": "hex:02"}]}, "/vectors/0/imm3", ""),
        ({**ROT, "vectors": [{"data": "hex:01", "imm3": 1, "expect": "hex:03"}]}, "/vectors/0/expect", "gives hex:02"),
        ({**ROT, "vectors": [{"data": "hex:01", "imm3": 1, "expect": 3}]}, "/vectors/0/expect", "gives bytes"),
        ({**CRC, "crc": {**CRC["crc"], "check": "0xf5"}}, "/crc/check", "give 0xf4"),  # type: ignore[dict-item]
        ({**CRC, "crc": {**CRC["crc"], "poly": "0x107"}}, "/crc/poly", "fit in 8 bits"),  # type: ignore[dict-item]
        ({**CRC, "returns": "u16"}, "/returns", "must be 'u8', 'checksum' or 'hash'"),
        ({**ROT, "op": "myrot\n"}, "/op", "is not a name"),
        ({**ROT, "args": ["data", "imm3\n"]}, "/args/1", "is not an operand"),
        ({**ROT, "doc": "\ud800"}, "", "lone surrogate"),
        ({**ROT, "kind": "crc"}, "/kind", "does not fit the rest"),
        ({**ROT, "args": ["data", "expect:imm3"], "map": "byte"}, "/args/1", "is taken"),
        ({"op": "xor", "args": ["data", "imm8"], "returns": "data", "aliases": ["eor"]}, "/aliases", "exists already"),
        ({**XORED, "args": ["data", "bytes2"]}, "/args/1", "is not an operand: immN"),
        ({**XORED, "args": ["data", "key:bytes0-4"]}, "/args/1", "is not an operand"),
        ({**XORED, "args": ["data", "key:bytes4-2"]}, "/args/1", "the least number first"),
        ({**XORED, "args": ["data", "key:bytes1-65537"]}, "/args/1", "bytes are 1 to 65536"),
        ({**XORED, "args": ["data", "index:bytes4"]}, "/args/1", "write 'key:bytes4'"),
        ({**XORED, "map": "byte ^ key"}, "/map", "key is bytes"),
        ({**XORED, "args": ["data", "key:imm16"], "map": "byte ^ key"}, "/map", "key has 16 bits"),
        ({**SUM, "fold": {"state": "u64", "init": "index", "step": "state"}}, "/fold/init", "unknown name 'index'"),
        ({**LAST, "fold": {**LAST["fold"], "finish": "state + index"}}, "/fold/finish", "unknown name 'index'"),
        ({**XORED, "vectors": [{"data": "hex:01", "key": 5, "expect": "hex:02"}]}, "/vectors/0/key", "key is bytes"),
        ({**XORED, "vectors": [{"data": "hex:01", "key": "hex:05", "expect": "hex:02"}]}, "/vectors/0/key", "has 2 to 4"),
        ({**XORED, "vectors": [{"data": "hex:01", "key": "hex:0506", "expect": "hex:02"}]}, "/vectors/0/expect", "gives hex:04"),
        ({**ROT, "vectors": [{"data": "hex:01", "imm3": "hex:02", "expect": "hex:02"}]}, "/vectors/0/imm3", "imm3 is a number"),
        ({**BITS, "fold": {**BITS["fold"], "bins": 1}}, "/fold/bins", ""),
        ({**BITS, "fold": {**BITS["fold"], "bins": 65537}}, "/fold/bins", ""),
        ({**SUM, "fold": {"state": "u64", "init": "0", "step": "state", "bins": 4}}, "/fold", "dependency"),
        ({**BITS, "fold": {**BITS["fold"], "bin": "state"}}, "/fold/bin", "unknown name 'state'"),
        ({**BITS, "vectors": [{"data": "hex:", "expect": 7}]}, "/vectors/0/expect", "an array of 3 numbers"),
        ({**BITS, "vectors": [{"data": "hex:", "expect": [7, 7]}]}, "/vectors/0/expect", "an array of 3 numbers"),
        ({**BITS, "vectors": [{"data": "hex:", "expect": [7, 7, 8]}]}, "/vectors/0/expect", "gives [7, 7, 7]"),
        ({**SUM, "vectors": [{"data": "hex:", "expect": [0]}]}, "/vectors/0/expect", "gives a number"),
        ({**BITS, "result_count": 4}, "/result_count", "does not fit the rest"),
        ({**XORED, "uses_index": False}, "/uses_index", "does not fit the rest"),
        ({"operations": [{**ROT, "opcode": 65535}, SUM]}, "/operations/1/opcode", "no opcode is free"),
        ({**SUM, "fold": {"state": "u64", "init": "5", "step": "state + byte", "merge": "a + b"}}, "/fold/merge", "merge gives"),
    ],
)  # fmt: skip
def test_I1_I7_I8_I9_errors_state_the_json_pointer(
    tmp_path: Path, document: Any, pointer: str, words: str
) -> None:
    path = tmp_path / "ops.json"
    if isinstance(document, bytes):
        path.write_bytes(document)
    else:
        write(tmp_path, document)
    with pytest.raises(IsaError) as caught:
        load_isa([path])
    assert caught.value.pointer.endswith(pointer)
    assert words in str(caught.value)


def test_I2_integers_are_numbers_by_value(tmp_path: Path) -> None:
    crc = {**CRC["crc"], "width": 8.0, "poly": 7.0, "check": 244.0}  # type: ignore[dict-item]
    op = load_isa([write(tmp_path, {**CRC, "crc": crc, "opcode": 2000.0})]).find("crc8")
    assert op is not None
    assert op.crc is not None
    assert (op.crc.width, op.crc.poly, op.opcode) == (8, 7, 2000)
    assert type(op.opcode) is int


def test_an_endless_file() -> None:
    with pytest.raises(IsaError, match="larger than"):
        load_isa(["/dev/zero"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{" + ",".join(f'"k{i}": 1' for i in range(300_000)) + ', "k299999": 2}', "'k299999' stands twice"),
        (json.dumps({"operations": [1] * 1_000_000}), "#/operations: at most 256 items, and 1000000 are given"),
        (json.dumps({"operations": [1] * 256}), "#/operations/0: 1 is not of type 'object'"),
        (json.dumps({"op": "x" * 1_000_000, "args": ["data"], "returns": "data", "map": "byte"}), "x' is not a name"),
        ('{"op": "x", "opcode": ' + "9" * 5000 + "}", "a number of 5000 digits is larger"),
        (json.dumps({**SUM, "fold": {"state": "u64", "init": "0", "stepp": "state"}}), "'step' is a required property; is it 'stepp'"),
    ],
    ids=["members", "items", "faults", "name", "digits", "misspelt"],
)  # fmt: skip
def test_large_files_that_are_wrong_are_refused_soon(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "ops.json"
    path.write_text(text)
    with pytest.raises(IsaError) as caught:
        load_isa([path])
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


KNOWN = {"op": "crc32c", "args": ["data"], "returns": "u32"}


def test_I6_I7_vectors_of_known_operations_are_run(tmp_path: Path) -> None:
    right = {"data": "utf8:123456789", "expect": "0xe3069283", "source": "RFC 3720"}
    path = write(tmp_path, {**KNOWN, "vectors": [right]})
    isa = load_isa([path])
    assert isa.to_json() == read_isa().to_json()
    for wrong, pointer, words in (
        (
            {**right, "expect": "0xe3069284"},
            "/vectors/1/expect",
            "crc32c gives 0xe3069283, not 0xe3069284",
        ),
        ({**right, "imm8": 1}, "/vectors/1", "the immediates of crc32c are: none"),
    ):
        write(tmp_path, {**KNOWN, "vectors": [right, wrong]})
        with pytest.raises(IsaError) as caught:
            load_isa([path])
        assert str(caught.value) == f"{path}#{pointer}: {words}"


def test_arrays_of_65536_numbers_load_soon(tmp_path: Path) -> None:
    """Each number was tried alone, in each part of the data and in each vector."""
    long = "0 * " + "(" * 8 + "a ^ b" + " | a ^ b)" * 8
    for _ in range(4):
        long = f"({long} | {long})"
    finish = f"state + ({long.replace('a', 'state').replace('b', '7')})"
    fold = {"state": "u64", "init": "0", "bins": 65536, "bin": "byte * 257", "step": "state + 1"}
    whole = {**BITS, "fold": {**fold, "merge": f"a + b + {long}", "finish": finish}}
    expect = [int(number == 257) for number in range(65536)]
    vectors = [{"data": "hex:01", "expect": expect}] * 4
    path = write(tmp_path, {**whole, "vectors": vectors})
    started = time.process_time()
    load_isa([path])
    assert time.process_time() - started < 5  # less than 1 s; it took 18
    expect[65535] = -1
    write(tmp_path, {**whole, "vectors": vectors})
    with pytest.raises(
        IsaError, match="#/vectors/0/expect/65535: -1 is less than the minimum of 0"
    ):
        load_isa([path])


def test_I8_errors_show_what_is_wrong_of_what_is_long(tmp_path: Path) -> None:
    path = tmp_path / "ops.json"
    long = "byte ^ (" * 40 + "byte" + ")" * 40 + "+ nothing"
    chain = " + ".join(["byte"] * 400)
    keyed = {**XORED, "args": ["data", "key:bytes1-4096"]}
    vector = {
        "data": "hex:" + "00" * 4096,
        "key": "hex:01",
        "expect": f"hex:{'01' * 999}02{'01' * 3096}",
    }
    for document, words in (
        (
            {**ROT, "map": long},
            f"map: unknown name 'nothing'; known here: byte, index, imm3\n  ...{long[-79:]}\n  {' ' * 75}^",
        ),
        (
            {**ROT, "map": chain},
            f"map: an expression nests at most 64 deep\n  ...{chain[448 - 75 + 3 :][:94]}...\n  {' ' * 75}^",
        ),
        (
            {**ROT, "map": chain * 4},
            f"map: at most 4096 characters, and {4 * len(chain)} are given",
        ),
        (
            {**keyed, "vectors": [vector]},
            f"vectors/0/expect: xored gives ...{'10' * 40}..., not ...{'10' * 10}2{'01' * 29}0...",
        ),
    ):
        write(tmp_path, document)
        with pytest.raises(IsaError) as caught:
            load_isa([path])
        assert str(caught.value) == f"{path}#/{words}"


def test_missing_file() -> None:
    with pytest.raises(IsaError, match="cannot be read: No such file"):
        load_isa([Path("/nowhere/ops.json")])


def test_users_operations_as_python_would(user_isa: Isa) -> None:
    data = bytes(range(256)) * 50
    program = parse_pipeline("fletcher16 | within 48 57 | weighted 0x010305 | nibswap", user_isa)
    out, results = interp.run(program, data)
    low = sum(data) % 255
    high = sum(b * (len(data) - i) for i, b in enumerate(data)) % 255
    weighted = sum(b * (1, 3, 5)[i % 3] for i, b in enumerate(data))
    assert results == (high << 8 | low, 500, weighted)
    assert out == bytes(int(f"{b:02x}"[::-1], 16) for b in data)
