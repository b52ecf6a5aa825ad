"""``pcpu.Client`` against the real Workers runtime."""

from __future__ import annotations

import io
import os
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest

import pcpu
from pcpu.errors import OutputClosedError, UsageError, WorkerError
from tests.worker.build import named_programs
from tests.worker.server import Server

DATA = np.random.default_rng(7).bytes(3_000_001)
FLIPPED = bytes(b ^ 0x5A for b in DATA)


@pytest.fixture
def client(server: Server) -> Iterator[pcpu.Client]:
    with pcpu.Client(server.url) as client:
        yield client


def pieces(size: int = 100_001) -> Iterator[bytes]:
    return (DATA[start : start + size] for start in range(0, len(DATA), size))


def test_what_there_is(client: pcpu.Client) -> None:
    health = client.health()
    assert health.status == "ok"
    isa = client.isa()
    assert isa["isa_digest"] == health.isa_digest == pcpu.load_isa().digest
    assert {op["op"] for op in isa["operations"]} == {op.name for op in pcpu.load_isa().operations}
    programs = {program.name: program for program in client.programs()}
    assert {name: p.program for name, p in programs.items()} == {
        name: str(program) for name, program in named_programs().items()
    }
    assert programs["unmask"].form == "stream"
    assert programs["unmask"].parameters[1] == {"name": "mark", "bits": 8, "default": 10}


def sources(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "data").write_bytes(DATA)
    return {
        "bytes": DATA, "array": np.frombuffer(DATA, np.uint8), "file": (tmp_path / "data").open("rb"),
        "path": tmp_path / "data", "memory": io.BytesIO(DATA), "iterator": pieces(), "list": list(pieces()),
        "empty pieces": (part for piece in pieces() for part in (b"", piece)),
    }  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["bytes", "array", "file", "path", "memory", "iterator", "list", "empty pieces"]
)
def test_a_run(client: pcpu.Client, kind: str, tmp_path: Path) -> None:
    answer = client.run("xor 0x5a | crc32c | sum", sources(tmp_path)[kind])
    assert answer.data == FLIPPED
    assert answer.results == {"crc32c": google_crc32c.value(FLIPPED), "sum": sum(FLIPPED)}
    assert answer["crc32c"] == google_crc32c.value(FLIPPED)
    assert answer.bytes_in == answer.bytes_out == len(DATA)
    assert answer.report["vectorized"] is True


@pytest.mark.parametrize("data", [b"", b"\n", b'\n{"bytes_out": 1}\n', DATA[:70_000]])
@pytest.mark.parametrize("sized", [True, False])
def test_what_comes_back(client: pcpu.Client, data: bytes, sized: bool) -> None:
    def given() -> Any:
        return data if sized else iter([data])

    flipped = bytes(b ^ 1 for b in data)
    assert client.run("xor 1", given()).data == flipped
    assert client.run("xor 1", given()).results == {}
    both = client.run("xor 1 | crc32", given())
    assert (both.data, both.results) == (flipped, {"crc32": zlib.crc32(flipped)})
    results = client.run("xor 1 | crc32", given(), want="results")
    assert (results.data, results.results) == (None, both.results)
    assert client.run("xor 1 | crc32", given(), want="data") == pcpu.Answer(
        flipped, bytes_out=len(data)
    )
    hist = client.run("hist", given())
    assert hist["hist"] == tuple(np.bincount(np.frombuffer(data, np.uint8), minlength=256))
    with pytest.raises(KeyError, match="the answer has no 'crc'; it has hist"):
        hist["crc"]


def test_programs_in_other_forms(client: pcpu.Client) -> None:
    b = pcpu.Builder()
    b.xor(b.inout(), 1)
    for program in ("xor 1", pcpu.parse("xor 1"), pcpu.compile("xor 1"), b):
        assert client.run(program, b"a").data == b"`"
    with pytest.raises(UsageError, match="a Worker runs pipelines, and this is none; bundle it"):
        client.run(pcpu.parse("xor data[0:1], 1"), b"a")
    with pytest.raises(
        UsageError, match="a program is a text, a Program, a Builder or a compiled program, not int"
    ):
        client.run(5, b"a")  # type: ignore[arg-type]


def test_streaming_in_constant_memory(client: pcpu.Client) -> None:
    """The data comes back before all of it was sent, and none of it is kept."""
    total, piece = 1 << 28, bytes(1 << 20)
    sent = received = 0
    most_behind = 0

    def source() -> Iterator[bytes]:
        nonlocal sent
        while sent < total:
            sent += len(piece)
            yield piece

    with client.stream("xor 0xff | counteq 255", source()) as answer:
        for part in answer:
            received += len(part)
            most_behind = max(most_behind, sent - received)
        assert answer.results == {"counteq": total}
    assert received == total
    assert most_behind < 64 << 20


def test_results_come_last(client: pcpu.Client) -> None:
    with client.stream("xor 1 | crc32", pieces()) as answer:
        next(iter(answer))
        with pytest.raises(UsageError, match="the results are there once all data has been taken"):
            answer.results  # noqa: B018
    with pytest.raises(UsageError, match="once all data has been taken"):
        answer.answer  # noqa: B018
    assert client.run("crc32", b"abc")["crc32"] == zlib.crc32(b"abc")  # the client still works


def test_data_goes_to_files(client: pcpu.Client, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(DATA)
    answer = client.run("xor 0x5a | crc32", tmp_path / "in", target=tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == FLIPPED
    assert (answer.data, answer.results) == (None, {"crc32": zlib.crc32(FLIPPED)})
    sink = io.BytesIO()
    client.run("xor 0x5a", pieces(), target=sink)
    assert sink.getvalue() == FLIPPED
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as closed, pytest.raises(OutputClosedError):
        client.run("xor 0x5a", DATA, target=closed)
    assert client.run("crc32", b"")["crc32"] == 0


def test_a_pipe_is_sent_as_it_comes(client: pcpu.Client) -> None:
    read, write = os.pipe()

    def send() -> None:
        with os.fdopen(write, "wb") as file:
            for piece in pieces():
                file.write(piece)

    sender = threading.Thread(target=send)
    sender.start()
    with os.fdopen(read, "rb") as file:
        assert client.run("crc32", file)["crc32"] == zlib.crc32(DATA)
    sender.join()


# Programs by name


def test_a_program_by_name(client: pcpu.Client) -> None:
    key = b"key"
    masked = bytes(b ^ key[i % 3] for i, b in enumerate(DATA))
    for data in (DATA, pieces(), io.BytesIO(DATA)):
        answer = client.run_named("unmask", data, key=key, mark=7)
        assert answer.data == masked
        assert answer.results == {"crc": google_crc32c.value(masked), "marks": masked.count(7)}
    assert client.run_named("unmask", b"abc", key="k", want="results").data is None
    with client.stream_named("unmask", pieces(), key=key) as streamed:
        assert b"".join(streamed) == masked
        assert streamed.results["crc"] == google_crc32c.value(masked)


def test_several_inputs_and_tables(client: pcpu.Client, tmp_path: Path) -> None:
    source, spans = b"source text", [(0, 6), (7, 4)]
    (tmp_path / "source").write_bytes(source)
    packed = np.array(spans, np.uint64)
    cases: list[dict[str, Any]] = [
        {"source": source, "list": spans}, {"source": tmp_path / "source", "list": packed},
        {"source": iter([source[:3], source[3:]]), "list": tuple(spans)},
    ]  # fmt: skip
    for inputs in cases:
        answer = client.run_named("frames", inputs=inputs, key=np.uint8(255))
        assert answer.data == bytes(255 - b for b in source)
        assert answer.results == {"count": 2}
        wanted = [(sum(part), google_crc32c.value(part)) for part in (b"source", b"text")]
        assert answer["frames"] == answer.tables["frames"] == wanted
    assert client.run_named("maker", n=5).data == b"\7" * 5
    assert client.run_named("twins", b"abcdef", buffer="second").data == b"bcdefg"
    assert client.run_named("twins", inputs={"source": b"abcdef"}, buffer="first").data == b"abcd"
    client.run_named("maker", n=3, target=tmp_path / "made")
    assert (tmp_path / "made").read_bytes() == b"\7" * 3


def test_wrong_calls(client: pcpu.Client) -> None:
    with pytest.raises(UsageError, match="give data, the one input, or inputs by name; not both"):
        client.run_named("frames", b"", inputs={})
    with pytest.raises(UsageError, match="the parameter 'n' is an int, bytes or str, not float"):
        client.run_named("maker", n=1.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="list is a list of spans"):
        client.run_named("frames", inputs={"source": b"", "list": [(1, 2, 3)]})


# Errors


@pytest.mark.parametrize("sized", [True, False])
def test_errors_of_a_program(client: pcpu.Client, sized: bool) -> None:
    data: Any = b"abc" if sized else pieces()
    with pytest.raises(WorkerError) as caught:
        client.run("xor 1 |\n xor 256", data)
    error = caught.value
    assert (error.code, error.status, error.line, error.column) == ("immediate-range", 400, 2, 6)
    assert error.detail == "256 is outside 0..255, the range of imm8 of xor"
    assert str(error) == f"{error.url}: program:2:6: {error.detail}\n   xor 256\n       ^"
    assert error.exit_code == 1
    assert client.run("crc32", b"")["crc32"] == 0


def test_errors_of_programs_by_name(client: pcpu.Client) -> None:
    with pytest.raises(WorkerError) as caught:
        client.run_named("nothing")
    assert (caught.value.code, caught.value.status) == ("not-found", 404)
    with pytest.raises(WorkerError) as caught:
        client.run_named("frames", inputs={"source": b"abc", "list": [(2, 2)]}, key=1)
    assert (caught.value.code, caught.value.status) == ("trap-span-range", 422)
    assert isinstance(caught.value.line, int)
    with pytest.raises(WorkerError) as caught:
        client.run_named("unmask", b"abc", want="nothing")  # type: ignore[arg-type]
    assert caught.value.code == "invalid-request"


def test_too_much(bundle: Path) -> None:
    with Server(bundle, MAX_STREAM_BYTES=1000) as server, pcpu.Client(server.url) as client:
        with pytest.raises(WorkerError) as caught:
            client.run("crc32", DATA)
        assert (caught.value.code, caught.value.status) == ("body-too-large", 413)
        with pytest.raises(WorkerError):
            client.run("crc32", pieces())
        assert client.run("crc32", DATA[:1000])["crc32"] == zlib.crc32(DATA[:1000])


def test_what_the_callers_iterator_raises(client: pcpu.Client) -> None:
    class OwnError(Exception):
        pass

    def broken() -> Iterator[bytes]:
        yield DATA
        raise OwnError

    for program in ("crc32", "xor 1 | crc32"):
        with pytest.raises(OwnError):
            client.run(program, broken())
    with pytest.raises(UsageError, match="the data's pieces are bytes, not int"):
        client.run("crc32", [1, 2])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="open it in binary mode"):
        client.run("crc32", io.StringIO("text"))  # type: ignore[arg-type]
    for wrong in ("text", 5, None):
        with pytest.raises(
            UsageError, match="data is bytes, a file, a Path or an iterable of bytes, not"
        ):
            client.run("crc32", wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        client.run("crc32", Path("nowhere"))
    with pytest.raises(UsageError, match="the data is no contiguous buffer"):
        client.run("crc32", np.zeros((4, 4))[:, ::2])
    gone = memoryview(b"abc")
    gone.release()
    with pytest.raises(
        UsageError, match="memoryview is no buffer: operation forbidden on released"
    ):
        client.run("crc32", gone)


def test_threads_share_a_client(client: pcpu.Client) -> None:
    parts = [DATA[i * 1000 : i * 150_000] for i in range(1, 20)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda part: client.run("not | crc32", part), parts))
    for part, answer in zip(parts, answers, strict=True):
        assert answer.data == bytes(255 - b for b in part)
        assert answer["crc32"] == zlib.crc32(answer.data or b"")
