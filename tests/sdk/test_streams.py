"""Data in pieces, files and pipes; parameters and threads with them."""

from __future__ import annotations

import io
import os
import resource
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest

import pcpu
from pcpu.errors import OutputClosedError, PcpuError, TrapError, UsageError
from pcpu.sdk.stream import Pieces

DATA = bytes(range(256)) * 1000
KEY = b"\x37\xfa\x21\x3d"
MASKED = bytes(b ^ KEY[i % 4] for i, b in enumerate(DATA))
UNMASK = ".param key bytes1-64 = 0xff\nmask data, key\ncrc = crc32c data\nh = hist data"


def pieces(size: int) -> Iterator[bytes]:
    return (DATA[start : start + size] for start in range(0, len(DATA), size))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [777, 200_001, 10**6])
def test_a_stream_with_parameters(threads: int, size: int) -> None:
    with pcpu.compile(UNMASK).stream(key=KEY, threads=threads) as stream:
        assert b"".join(stream.update(piece) for piece in pieces(size)) == MASKED
        results = stream.finish()
    assert results["crc"] == google_crc32c.value(MASKED)
    assert results["h"] == tuple(np.bincount(np.frombuffer(MASKED, np.uint8), minlength=256))
    assert stream.results == results
    with pytest.raises(UsageError, match="the stream has ended with its block"):
        stream.update(b"")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_call_with_parameters(threads: int) -> None:
    program = pcpu.compile(UNMASK)
    outcome = program(DATA, KEY, threads=threads)
    assert outcome.data == MASKED
    assert outcome.crc == google_crc32c.value(MASKED)
    assert program(b"\0", threads=threads).data == b"\xff"
    data = bytearray(DATA)
    assert program(data, key=KEY, in_place=True, threads=threads).data is data
    assert data == MASKED


def test_merges_that_need_a_parameter(user_ops: Path) -> None:
    isa = pcpu.load_isa([user_ops])
    program = pcpu.compile(".param n imm8\nc = counteq data, n\nf = find data, n", isa)
    wanted = {"c": 1000, "f": 200}
    assert program(DATA, 200, threads=2).results == wanted
    assert program(DATA, 200).results == wanted


def test_pieces_of_a_source() -> None:
    running = pcpu.compile("xor 0x5a | crc32c").iter(pieces(1000))
    first = next(running)
    with pytest.raises(UsageError, match="once all pieces have been taken"):
        running.results  # noqa: B018
    changed = bytes(first) + b"".join(running)
    assert changed == bytes(b ^ 0x5A for b in DATA)
    assert running.results == {"crc32c": google_crc32c.value(changed)}
    assert list(running) == []


def test_a_piece_that_is_lost_spoils_the_results() -> None:
    def source() -> Iterator[bytes]:
        yield DATA
        raise LookupError

    def collect(running: Pieces) -> list[Any]:
        return list(running)

    broken: list[tuple[Any, type[Exception]]] = [
        (source(), LookupError), (iter([DATA, 5, DATA]), UsageError),
    ]  # fmt: skip
    for given, error in broken:
        running = pcpu.compile("crc32c").iter(given)
        with pytest.raises(error):
            collect(running)
        collect(running)  # the rest
        with pytest.raises(UsageError, match="an error came before all pieces had been taken"):
            running.results  # noqa: B018


def test_programs_that_are_no_streams() -> None:
    for text in ("xor data[1:], 1", ".in blob\nx = crc32c blob", "n = data.len"):
        with pytest.raises(UsageError, match="the program works on whole buffers"):
            pcpu.compile(text).stream()
    fused = pcpu.compile(".param k imm16\nfuse\nxor data, k + 1\nn = counteq data, 7\nend")
    with fused.stream(k=6) as stream:
        assert stream.update(bytes(3)) == b"\7\7\7"
        assert stream.results == {"n": 3}
    with pytest.raises(UsageError, match=r"with these parameters: 256 is outside 0..255"):
        fused.stream(k=255)
    with pytest.raises(UsageError, match="the program has no parameter 'n'; it has k"):
        fused.stream(n=1)
    with pytest.raises(UsageError, match="fnv cannot be shared between threads"):
        pcpu.compile("fnv").stream(threads=2)
    with pytest.raises(UsageError, match="threads is 0"):
        pcpu.compile("crc32").stream(threads=0)


# Files


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file(tmp_path: Path, threads: int) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(DATA)
    program = pcpu.compile("xor 0x5a | crc32c")
    outcome = program.run_file(source, target, threads=threads)
    assert outcome.data is None
    assert target.read_bytes() == bytes(b ^ 0x5A for b in DATA)
    assert outcome.crc32c == google_crc32c.value(target.read_bytes())
    program.run_file(str(source), source)
    assert source.read_bytes() == target.read_bytes()
    assert pcpu.compile("crc32").run_file(source).crc32 == zlib.crc32(source.read_bytes())
    with source.open("rb") as file, io.BytesIO() as sink:
        file.seek(1000)
        assert program.run_file(file, sink, threads=threads).crc32c == google_crc32c.value(
            DATA[1000:]
        )
        assert sink.getvalue() == DATA[1000:]


def test_a_file_with_parameters(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(DATA)
    outcome = pcpu.compile(UNMASK).run_file(tmp_path / "in", tmp_path / "out", key=KEY)
    assert (tmp_path / "out").read_bytes() == MASKED
    assert outcome.crc == google_crc32c.value(MASKED)


class Trickle:
    """A file object that only reads, a little at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self.data.read(min(size, 1000))


def test_a_pipe() -> None:
    read, write = os.pipe()
    out_read, out_write = os.pipe()
    program = pcpu.compile("not | crc32")
    received = bytearray()

    def send() -> None:
        with os.fdopen(write, "wb") as file:
            file.write(DATA)

    def receive() -> None:
        with os.fdopen(out_read, "rb") as file:
            received.extend(file.read())

    threads = [threading.Thread(target=send), threading.Thread(target=receive)]
    for thread in threads:
        thread.start()
    with os.fdopen(read, "rb", buffering=0) as file, os.fdopen(out_write, "wb", buffering=0) as out:
        outcome = program.run_file(file, out)
    for thread in threads:
        thread.join()
    assert received == bytes(255 - b for b in DATA)
    assert outcome.crc32 == zlib.crc32(received)
    trickle: Any = Trickle(DATA)
    assert pcpu.compile("crc32").run_file(trickle).crc32 == zlib.crc32(DATA)


def test_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(300 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = pcpu.compile("not | counteq 255").run_file(source, tmp_path / "out")
    assert outcome.counteq == 300 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    (tmp_path / "out").unlink()


WHOLE = ".in blob\n.out out, blob.len + data.len\ncopy out, blob\n"


@pytest.mark.parametrize("mapped", [True, False])
def test_whole_programs_over_files(tmp_path: Path, mapped: bool) -> None:
    names = {name: tmp_path / name for name in ("data", "blob")}
    names["data"].write_bytes(DATA)
    names["blob"].write_bytes(b"blob")
    blob: Any = names["blob"] if mapped else b"blob"
    out = tmp_path / "out"
    changing = pcpu.compile(".in blob\nxor data[0:2], 1\nn = crc32 blob")
    with names["data"].open("rb") as file:
        for source in (names["data"], file, io.BytesIO(DATA)):
            outcome = changing.run_file(source, out, blob=blob)
            assert outcome.results == {"n": zlib.crc32(b"blob")}
            assert out.read_bytes() == b"\1\0" + DATA[2:]
    assert names["data"].read_bytes() == DATA
    joining = pcpu.compile(
        ".in blob\n.out out, blob.len + data.len\ncopy out[0:4], blob\ncopy out[4:], data"
    )
    outcome = joining.run_file(names["data"], out, blob=blob)
    assert out.read_bytes() == b"blob" + DATA
    assert outcome.outputs["out"] == b"blob" + DATA
    both = pcpu.compile(".inout blob\nnot blob\nnot data")
    held = bytearray(b"blob")
    outcome = both.run_file(names["data"], out, blob=blob if mapped else held)
    assert outcome.outputs["blob"] == bytes(255 - b for b in b"blob")
    assert held == names["blob"].read_bytes() == b"blob"
    assert pcpu.compile(".in blob\nn = crc32 blob").run_file(names["data"]).n == zlib.crc32(DATA)


def test_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for text in ("xor 1 | crc32", "xor data[0:], 1\ncrc32 = crc32 data"):
        program = pcpu.compile(text)
        assert program.run_file(tmp_path / "empty", tmp_path / "out").crc32 == 0
        assert (tmp_path / "out").read_bytes() == b""


def test_wrong_files(tmp_path: Path) -> None:
    program = pcpu.compile("xor 1")
    (tmp_path / "in").write_bytes(b"abc")
    with pytest.raises(UsageError, match="none cannot be read: No such file"):
        program.run_file(tmp_path / "none")
    with pytest.raises(PcpuError, match="cannot be read: Is a directory"):
        program.run_file(tmp_path)
    with pytest.raises(UsageError, match="is a directory"):
        program.run_file(tmp_path / "in", tmp_path)
    with pytest.raises(UsageError, match="embedded null byte"):
        program.run_file("a\0b")
    text: Any = io.StringIO("text")
    with pytest.raises(UsageError, match="open it in binary mode"):
        program.run_file(text)
    with pytest.raises(
        UsageError, match="the program leaves nothing, and one buffer can be written"
    ):
        pcpu.compile("n = crc32 data[0:1]").run_file(tmp_path / "in", tmp_path / "out")
    with pytest.raises(UsageError, match="the program leaves a, b, and one buffer"):
        pcpu.compile(".out a, 1\n.out b, 1\nn = crc32 data").run_file(
            tmp_path / "in", tmp_path / "out"
        )
    with pytest.raises(UsageError, match="the program has no input that a file could be"):
        pcpu.compile(".out a, 1\nn = crc32 a").run_file(tmp_path / "in")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as closed, pytest.raises(OutputClosedError):
        program.run_file(tmp_path / "in", closed)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abc")
    target = tmp_path / "out"
    target.write_bytes(b"before")
    with pytest.raises(TrapError, match="the span of data, 2 \\+ 2, leaves its 3 bytes"):
        pcpu.compile("xor data[0:1], 1\nxor data[2:2], 1").run_file(tmp_path / "in", target)

    class Broken(io.RawIOBase):
        def readinto(self, buffer: Any) -> int:
            raise OSError(5, "Input/output error")

    broken: Any = Broken()
    with pytest.raises(PcpuError, match="the data cannot be read: Input/output error"):
        pcpu.compile("xor 1").run_file(broken, target)
    assert target.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]
