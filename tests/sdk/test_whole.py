"""Whole programs as callables: buffers, parameters, outputs, tables, traps."""

from __future__ import annotations

import copy
import json
import mmap
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pcpu
from pcpu.errors import ProgramError, TrapError, UsageError

KEY = bytes.fromhex("37fa213d")
TEXT = b"Hello, World"
UNMASK = """
.param key bytes1-64
.param top imm8 = 0x20
.out head, data.len + 4
mask data, key
xor data[0:1], top
crc = crc32 data
lit head[0:4], "HEAD"
copy head[4:], data
"""
SLICES = """
.in blob
.spans slices
each span s of slices in blob into sums(crc, at)
    crc = crc32 s
    at = s.start
end
n = slices.count
"""


def masked(text: bytes) -> bytes:
    return bytes(b ^ KEY[i % 4] for i, b in enumerate(text))


def test_parameters_outputs_and_results() -> None:
    program = pcpu.compile(UNMASK)
    message = masked(TEXT)
    outcome = program(message, key=KEY)
    plain = b"h" + TEXT[1:]
    assert outcome.data == plain
    assert outcome["data"] is outcome.data
    assert outcome.results == {"crc": zlib.crc32(plain)}
    assert outcome.crc == outcome["crc"] == zlib.crc32(plain)
    assert outcome.head == outcome.outputs["head"] == b"HEAD" + plain
    assert repr(outcome) == f"Outcome(data=<12 bytes>, results={outcome.results}, head=<16 bytes>)"
    assert message == masked(TEXT)
    assert program(message, KEY, 0).data == TEXT
    assert program(data=message, key=np.frombuffer(KEY, np.uint16), top=np.uint8(0)).data == TEXT
    assert program(b"Hello", key="o", top=0).data == bytes(b ^ ord("o") for b in b"Hello")


def test_in_place_and_the_callers_output() -> None:
    program = pcpu.compile(UNMASK)
    data, head = np.frombuffer(masked(TEXT), np.uint32).copy(), bytearray(b"?" * 16)
    outcome = program(data, KEY, 0, in_place=True, head=head)
    assert outcome.data is data
    assert data.tobytes() == TEXT
    assert outcome.head is head
    assert head == b"HEAD" + TEXT
    with pytest.raises(UsageError, match="head has 15 bytes, and the program writes 16"):
        program(data, KEY, head=bytearray(15))
    with pytest.raises(UsageError, match="bytes is not a writable, contiguous buffer"):
        program(data, KEY, head=bytes(16))


def test_outputs_begin_as_zeros() -> None:
    program = pcpu.compile(".out out, data.len\nn = counteq out, 0\ncopy out[0:1], data[0:1]")
    assert program(b"ab", out=bytearray(b"xy")).outputs["out"] == b"a\0"
    assert program(b"ab", out=bytearray(b"xy")).n == 2


def test_what_is_not_changed_is_not_copied() -> None:
    program = pcpu.compile("n = counteq data[1:2], 7")
    assert program.program.buffers[0].role == "inout"
    for data in (b"\7\7\7", memoryview(b"\7\7\7"), np.full(3, 7, np.uint8)):
        outcome = program(data, in_place=True)
        assert (outcome.data, outcome.n) == (None, 2)
    with mmap.mmap(-1, 8, prot=mmap.PROT_READ) as mapped:
        assert program(mapped).n == 0


def test_a_window_that_is_changed_changes_its_buffer() -> None:
    program = pcpu.compile("each window w of 2 in data\nxor w, 1\nend\nn = data.len")
    assert program(b"abc").data == b"`cb"


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 4), (7, 5)],
        ((0, 4), (7, 5)),
        struct.pack("<4Q", 0, 4, 7, 5),
        np.array([(0, 4), (7, 5)]),
        np.array([(0, 4), (7, 5)], np.uint64),
        np.array([0, 4, 7, 5], np.uint64),
        np.array([(0, 4), (9, 9), (7, 5)], np.uint64)[::2],
        iter([(0, 4), (np.int32(7), 5)]),
    ],
)
def test_lists_of_spans(spans: object) -> None:
    outcome = pcpu.compile(SLICES)(blob=TEXT, slices=spans)
    wanted = [(zlib.crc32(b"Hell"), 0), (zlib.crc32(b"World"), 7)]
    table = outcome.tables["sums"]
    assert list(table) == wanted
    assert table == outcome.sums
    assert table == wanted
    assert outcome.n == len(table) == 2


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (5, "slices is a list of spans: pairs (offset, length), not int"),
        ([(1, 2), 3], "slices is a list of spans: pairs (offset, length); number 1 is 3"),
        ([(1, 2, 3)], "slices is a list of spans: pairs (offset, length); number 0 is (1, 2, 3)"),
        ([(-1, 2)], "slices is a list of spans: pairs (offset, length); number 0 is (-1, 2)"),
        ([(1, 2.5)], "slices is a list of spans: pairs (offset, length); number 0 is (1, 2.5)"),
        (np.zeros((2, 2), np.int32), "slices is an array of 'i'; give unsigned integers of 64 bits"),
        (np.zeros((2, 2)), "slices is an array of 'd'; give unsigned integers of 64 bits"),
        (np.zeros((2, 3), np.uint64), "slices has the shape (2, 3); give one pair (offset, length) a row"),
    ],
)  # fmt: skip
def test_wrong_lists_of_spans(spans: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        pcpu.compile(SLICES)(TEXT, spans)
    assert str(caught.value) == message


def test_no_spans_and_no_windows() -> None:
    outcome = pcpu.compile(SLICES)(b"", [])
    assert list(outcome.sums) == []
    assert outcome.sums["crc"].tolist() == []
    assert outcome.sums.numpy().shape == (0,)


def test_tables() -> None:
    table = pcpu.compile(SLICES)(TEXT, [(i, 1) for i in range(5)]).sums
    assert table.columns == ("crc", "at")
    assert table[3].at == table[-2].at == 3
    assert table[3].crc == zlib.crc32(TEXT[3:4])
    assert [row.at for row in table[1:3]] == [1, 2]
    assert table["at"].tolist() == [0, 1, 2, 3, 4]
    assert np.asarray(table["at"]).sum() == 10
    assert table.numpy()["at"].tolist() == np.asarray(table)["at"].tolist() == [0, 1, 2, 3, 4]
    assert np.shares_memory(table.numpy(), np.asarray(table["at"]))
    assert repr(table) == "<Table of 5 rows: crc, at>"
    with pytest.raises(KeyError, match="no column 'sum'; the columns are crc, at"):
        table["sum"]
    with pytest.raises(IndexError, match="row 5 of 5"):
        table[5]
    words = pcpu.compile("each window w of 2 in data into t(class, class)\nclass = w.start\nend")
    assert list(words(b"abc").t) == [(0, 0), (2, 2)]
    assert words(b"abc").t.numpy().shape == (2,)


def test_an_outcome_travels() -> None:
    for outcome in (pcpu.compile(SLICES)(TEXT, [(1, 2)]), pcpu.compile("xor 1 | crc32")(TEXT)):
        assert pickle.loads(pickle.dumps(outcome)) == outcome
        assert copy.deepcopy(outcome) == copy.copy(outcome) == outcome


def test_arrays_of_any_type() -> None:
    program = pcpu.compile("xor data[8:], 0xff")
    for kind in ("f2", "f8", "c16", "M8[s]", "?", "S3", ">i4", [("a", "i4"), ("b", "f8")]):
        array = np.zeros(48, np.dtype(kind))
        program(array, in_place=True)
        assert array.tobytes() == bytes(8) + b"\xff" * (array.nbytes - 8)
        assert program(array).data == bytes(array.nbytes)
    for held in (
        np.zeros(3, object),
        np.array(["a"], np.dtypes.StringDType()),
        memoryview(np.zeros(3, object)),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError, match="is not a buffer of bytes: it holds objects"):
            program(held, in_place=True)


def test_buffers_that_share_memory() -> None:
    program = pcpu.compile(".in blob\n.out out, blob.len\nxor data, 1\ncopy out, blob")
    data = bytearray(16)
    view = memoryview(data)
    for arguments in ({"data": data, "blob": data}, {"data": view[:9], "blob": view[8:]}):
        with pytest.raises(
            UsageError,
            match="data and blob share memory, and the program writes to data; pass a copy",
        ):
            program(**arguments, in_place=True)
    assert bytes(data) == bytes(16)
    with pytest.raises(
        UsageError, match="blob and out share memory, and the program writes to out"
    ):
        program(data=b"", blob=data, out=data)
    assert program(data=view[:8], blob=view[8:], in_place=True).outputs["out"] == bytes(8)
    assert bytes(data) == b"\1" * 8 + bytes(8)
    assert program(data=data, blob=data).data == bytes(8) + b"\1" * 8  # a copy is changed
    assert program(data=view[3:3], blob=data, in_place=True).outputs["out"] == data
    both = pcpu.compile(".in a\n.in b\nx = crc32 a\ny = crc32 b")
    assert both(TEXT, TEXT).results == {"x": zlib.crc32(TEXT), "y": zlib.crc32(TEXT)}


def test_traps() -> None:
    program = pcpu.compile(".param n imm32\nxor data[0:1], 1\n\nxor data[n:4], 1")
    data = bytearray(8)
    assert program(data, 4, in_place=True).data == b"\1\0\0\0\1\1\1\1"
    with pytest.raises(TrapError) as caught:
        program(data, n=5, in_place=True)
    assert (caught.value.code, caught.value.line, caught.value.numbers) == (
        "span-range",
        4,
        (5, 4, 8),
    )
    assert str(caught.value) == "line 4: the span of data, 5 + 4, leaves its 8 bytes"
    assert data[0] == 0  # half of it was done
    with pytest.raises(TrapError):
        program(bytes(8), n=5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the parameter 'key' has no default; give it a value: key=b'\\x00'"),
        ({"key": b"k"}, "the buffer 'data' is missing: data=..."),
        ({"data": b"", "key": 5}, "the parameter 'key' is bytes or str, not int"),
        ({"data": b"", "key": None}, "the parameter 'key' is bytes or str, not NoneType"),
        ({"data": b"", "key": "\ud800"}, "the parameter 'key' is no text that UTF-8 has: surrogates not allowed"),
        ({"data": b"", "key": bytes(65)}, "the parameter 'key' is 1 to 64 bytes, and 65 are given"),
        ({"data": b"", "key": b"k", "top": 256}, "the parameter 'top' is a number of 0..255, and 256 is outside"),
        ({"data": b"", "key": b"k", "top": -1}, "the parameter 'top' is a number of 0..255, and -1 is outside"),
        ({"data": b"", "key": b"k", "top": 10**5000}, "the parameter 'top' is a number of 0..255, and this one is outside"),
        ({"data": b"", "key": b"k", "top": "1"}, "the parameter 'top' is an int, not str"),
        ({"data": b"", "kye": b"k"}, "the program has no 'kye'; did you mean 'key'?"),
        ({"data": b"", "zzz": b"k"}, "the program has no 'zzz'; it has data, head, key, top"),
        ({"data": 5, "key": b"k"}, "int is not a contiguous buffer: a bytes-like object is required, not 'int'"),
        ({"data": b"", "key": b"k", "threads": 2}, "threads is 2, and the program works on whole buffers (spans, other "
         "buffers, registers or loops); only programs over streams share their work between threads"),
    ],
)  # fmt: skip
def test_wrong_arguments(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        pcpu.compile(UNMASK)(**given)
    assert str(caught.value) == message


def test_wrong_positions() -> None:
    with pytest.raises(UsageError, match="the program takes data, key, top; 4 are given"):
        pcpu.compile(UNMASK)(b"", b"k", 1, 2)
    with pytest.raises(UsageError, match="data is given twice"):
        pcpu.compile(UNMASK)(b"", data=b"")
    with pytest.raises(UsageError, match="the program has no 'key'; it has data"):
        pcpu.compile("crc32c")(b"", key=1)


def test_parameters_that_are_called_like_options() -> None:
    program = pcpu.compile(
        ".param threads imm8\n.param in_place imm8\nxor data, threads + in_place"
    )
    assert program(b"abc", 0, 1).data == b"`cb"


def test_what_is_not_there() -> None:
    outcome = pcpu.compile(UNMASK)(b"x", b"k")
    with pytest.raises(KeyError, match="the program left no 'crcc'; it left crc, head"):
        outcome["crcc"]
    with pytest.raises(AttributeError, match="the program left no 'crcc'; it left crc, head"):
        outcome.crcc  # noqa: B018
    with pytest.raises(KeyError, match="the program left no 'data'; it left crc32c"):
        pcpu.compile("crc32c")(b"")["data"]


def test_forms_of_programs(tmp_path: Path) -> None:
    data = b"\0\1\2"
    text = ".param k imm8 = 1\nxor data, k\nn = counteq data, 0"
    file = tmp_path / "p.pasm"
    file.write_text(text)
    pipeline = pcpu.parse("xor 1 | n = counteq 0")
    (tmp_path / "p.pcpu").write_text(str(pipeline))
    (tmp_path / "p.json").write_text(json.dumps(pipeline.to_json()))
    for source in (
        text, file, pipeline, pcpu.parse(text), pipeline.to_json(), pipeline.to_json()["ops"],
        json.dumps(pipeline.to_json()), tmp_path / "p.pcpu", tmp_path / "p.json", pcpu.compile(text),
    ):  # fmt: skip
        outcome = pcpu.compile(source)(data)
        assert (outcome.data, outcome.results) == (b"\1\0\3", {"n": 1})
    assert pcpu.load(file)(data, k=2).data == b"\2\3\0"
    whole = pcpu.parse(UNMASK)
    assert pcpu.compile(whole.to_json()).program == whole
    assert pcpu.compile(json.dumps(whole.to_json())).program == whole
    assert pcpu.load(str(tmp_path / "p.pcpu"))(data).n == 1


@pytest.mark.parametrize(
    ("text", "is_pasm"),
    [
        ("xor 0x5a | crc32c", False),
        ("xor 0x5a |\n  crc32c\n", False),
        ("xor:0x5a,crc32c", False),
        ("n = counteq 7, crc32c", False),
        ("crc32c data", True),
        ("xor data, 90", True),
        ("a = crc32c data", True),
        (".in blob\nx = blob.len", True),
        ("x = data.len", True),
        ("; a comment\nnot data", True),
    ],
)
def test_how_texts_are_told_apart(text: str, is_pasm: bool) -> None:
    assert pcpu.parse(text) == pcpu.parse(text, form="pasm" if is_pasm else "pipeline")
    with pytest.raises(ProgramError):
        pcpu.parse(text, form="pipeline" if is_pasm else "pasm")


def test_wrong_programs(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"program:2:11: 300 is outside") as caught:
        pcpu.compile("not data\nxor data, 300")
    assert caught.value.code == "immediate-range"
    with pytest.raises(UsageError, match=r"for a file use pcpu.load\('mask.pasm'\)"):
        pcpu.compile("mask.pasm")
    with pytest.raises(UsageError, match=r"a.txt: a program's file is called \*.pasm"):
        pcpu.load("a.txt")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        pcpu.load(tmp_path / "none.pasm")
    with pytest.raises(ProgramError, match="not JSON"):
        pcpu.compile('{"ops": [')
    with pytest.raises(UsageError, match="a program is a text, a Path, JSON"):
        pcpu.compile(b"crc32c")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="form is 'pipeline' or 'pasm', not 'json'"):
        pcpu.parse("crc32c", form="json")  # type: ignore[arg-type]
    bad = pcpu.Program(pcpu.parse("xor 1").body, returns=("x",))
    with pytest.raises(ProgramError, match="there is no register 'x' to return"):
        pcpu.compile(bad)
