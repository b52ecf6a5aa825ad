"""``import pcpu``: compiled programs as callables."""

from __future__ import annotations

import array
import copy
import doctest
import mmap
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google_crc32c
import numpy as np
import pytest

import pcpu
from pcpu.errors import ProgramError, UsageError

DATA = bytes(range(256)) * 1000
MASKED = bytes(b ^ 0x5A for b in DATA)


def test_the_module_names_what_it_exports() -> None:
    assert all(getattr(pcpu, name) is not None for name in pcpu.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pcpu.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert doctest.testmod(pcpu).failed == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_a_call(threads: int) -> None:
    program = pcpu.compile("before = crc32c | xor 0x5a | crc32c")
    outcome = program(DATA, threads=threads)
    assert outcome.data == MASKED
    assert outcome.results == {
        "before": google_crc32c.value(DATA),
        "crc32c": google_crc32c.value(MASKED),
    }
    assert outcome["before"] == google_crc32c.value(DATA)
    assert program(b"").data == b""


@pytest.mark.parametrize(
    "make",
    [
        bytes,
        bytearray,
        memoryview,
        lambda d: array.array("B", d),
        lambda d: np.frombuffer(d, np.uint32),
    ],
)
def test_any_buffer_is_read_without_copying(make: object) -> None:
    data = make(DATA)  # type: ignore[operator]
    outcome = pcpu.compile("crc32c | counteq 7")(data)
    assert outcome.data is None
    assert outcome.results == {"crc32c": google_crc32c.value(DATA), "counteq": 1000}


def test_in_place() -> None:
    program = pcpu.compile("xor 0x5a")
    for data in (bytearray(DATA), np.frombuffer(DATA, np.uint8).copy(), mmap.mmap(-1, len(DATA))):
        memoryview(data)[:] = DATA  # type: ignore[arg-type]
        outcome = program(data, in_place=True)
        assert outcome.data is data
        assert bytes(data) == MASKED
    with pytest.raises(UsageError, match="bytes is not a writable, contiguous buffer"):
        program(b"constant", in_place=True)
    with pytest.raises(UsageError, match="ndarray is not a contiguous buffer"):
        pcpu.compile("crc32c")(np.zeros(10, np.uint8)[::2])
    with pytest.raises(UsageError, match="str is not a contiguous buffer"):
        pcpu.compile("crc32c")("text")


def test_a_stream() -> None:
    stream = pcpu.compile("xor 0x5a | crc32c").stream()
    out = b"".join(stream.update(DATA[start : start + 777]) for start in range(0, len(DATA), 777))
    assert out == MASKED
    assert stream.finish() == {"crc32c": google_crc32c.value(MASKED)}


def test_calls_in_many_threads() -> None:
    program = pcpu.compile("crc32c")
    pieces = [DATA[i:] for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert [r["crc32c"] for r in pool.map(program, pieces)] == [
            google_crc32c.value(p) for p in pieces
        ]


def test_a_program_travels() -> None:
    for program in (pcpu.compile("xor 0x5a | crc32c"), pcpu.compile(".param k imm8\nxor data, k")):
        given = (DATA, 0x5A) if program.program.parameters else (DATA,)
        wanted = program(*given)
        for other in (pickle.loads(pickle.dumps(program)), copy.deepcopy(program)):
            found = other(*given)
            assert (found.data, found.results) == (wanted.data, wanted.results)


@pytest.mark.parametrize("program", ["xor 1", "crc32c"])
@pytest.mark.parametrize("data", [5, 10**12, [1, 2], None, "text", memoryview(b"abcdef")[::2]])
def test_only_buffers_are_data(program: str, data: object) -> None:
    with pytest.raises(UsageError, match="is not a contiguous buffer"):
        pcpu.compile(program)(data)


def test_errors() -> None:
    with pytest.raises(UsageError, match="at least 1 is needed"):
        pcpu.compile("crc32c")(DATA, threads=0)
    with pytest.raises(UsageError, match="not int"):
        pcpu.compile(5)  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match="did you mean 'crc32c'"):
        pcpu.compile("crc23c")
    with pytest.raises(UsageError, match="fnv cannot be shared between threads"):
        pcpu.compile("fnv")(DATA, threads=2)


def test_released_buffers_are_told() -> None:
    gone = memoryview(bytearray(b"abc"))
    gone.release()
    crc = pcpu.compile("crc32c")
    whole = pcpu.compile(".inout data\nxor data[0:1], 1")
    spans = pcpu.compile(".inout data\n.spans list\neach span s of list in data\nxor s, 1\nend")
    told = "memoryview is not a .*buffer: operation forbidden on released memoryview object"
    for use in (
        lambda: crc(gone),
        lambda: crc(gone, in_place=True),
        lambda: crc(gone, threads=2),
        lambda: crc.stream().update(gone),
        lambda: list(crc.iter([gone])),
        lambda: whole(gone),
    ):
        with pytest.raises(UsageError, match=told):
            use()
    with pytest.raises(UsageError, match="list: memoryview is no buffer: operation forbidden"):
        spans(bytearray(9), gone)
    with pytest.raises(UsageError, match="the source is a path or a binary file object, not mem"):
        crc.run_file(gone)  # type: ignore[arg-type]


def test_arguments_of_other_types() -> None:
    other: Any = "not an isa"
    for make in (
        lambda: pcpu.compile("xor 1", other),
        lambda: pcpu.compile(pcpu.compile("xor 1"), other),
        lambda: pcpu.load("x.pcpu", other),
        lambda: pcpu.parse("xor 1", other),
        lambda: pcpu.Builder(other),
        lambda: pcpu.program(isa=other)(test_arguments_of_other_types),
    ):
        with pytest.raises(
            UsageError, match=r"isa is what pcpu.load_isa\(\[FILE\]\) gives, not str"
        ):
            make()
    number: Any = 3
    with pytest.raises(UsageError, match="a program's text is a str, not int"):
        pcpu.parse(number)
    with pytest.raises(UsageError, match="the path of a program is a str or a Path, not int"):
        pcpu.load(number)
