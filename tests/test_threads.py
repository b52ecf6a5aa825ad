"""Several cores give what one gives; what cannot be shared says so."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu import interp, run
from pcpu.errors import UsageError
from pcpu.ir import ResultValue
from pcpu.isa import Isa
from pcpu.library import load_isa
from pcpu.run import parallel
from pcpu.run.jit import run_threads
from pcpu.run.merge import merges
from pcpu.source import parse_pipeline

MODELS = {  # width, poly, init, refin, refout, xorout, check: from the RevEng catalogue
    "crc16xmodem": (16, "0x1021", "0x0000", False, False, "0x0000", "0x31c3"),
    "crc24openpgp": (24, "0x864cfb", "0xb704ce", False, False, "0x000000", "0x21cf02"),
    "crc12umts": (12, "0x80f", "0x000", False, True, "0x000", "0xdaf"),
    "crc64xz": (
        64,
        "0x42f0e1eba9ea3693",
        "0xffffffffffffffff",
        True,
        True,
        "0xffffffffffffffff",
        "0x995dc9bbdf1939fa",
    ),
    "crc5usb": (5, "0x05", "0x1f", True, True, "0x1f", "0x19"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Isa:
    path: Path = tmp_path_factory.mktemp("isa") / "crcs.json"
    names = ("width", "poly", "init", "refin", "refout", "xorout", "check")
    operations = [
        {
            "op": op,
            "args": ["data"],
            "returns": f"u{row[0]}",
            "crc": dict(zip(names, row, strict=True)),
        }
        for op, row in MODELS.items()
    ]
    path.write_text(json.dumps({"operations": operations}))
    return load_isa([path])


@pytest.mark.parametrize(
    "text",
    [
        "crc32c",
        "xor 7 | counteq 1 | crc32c | add 3 | crc32c",
        "add 1",
        "find 7 | mask 0x0102030405 | find 7 | hist | crc32",
        "mask 0x37fa213d | min | max | sum",
        "hist | not | hist",
        *MODELS,
    ],
)
def test_threads_give_the_same(text: str, models: Isa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "MIN_PIECE", 64)
    program = parse_pipeline(text, models)
    random_ = random.Random(text)
    for length in (0, 1, 63, 64, 65, 1000, 30_000):
        data = random_.randbytes(length)
        cut = random_.randrange(length + 1)
        for threads in (2, 3, 7):
            out = bytearray()
            blocks = iter([memoryview(bytearray(data[:cut])), memoryview(bytearray(data[cut:]))])
            results = run_threads(program, models, blocks, out.extend, threads)
            assert (bytes(out), results) == interp.run(program, data)


def test_a_fold_that_does_not_merge_says_so(isa: Isa) -> None:
    program = parse_pipeline("crc32c | fnv", isa)
    with pytest.raises(UsageError, match="fnv cannot be shared between threads"):
        run_threads(program, isa, iter([]), None, 2)


@given(st.binary(max_size=300), st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_A9_states_merge(first: bytes, second: bytes) -> None:
    isa = load_isa()
    program = parse_pipeline("counteq 0 | crc32c | hist", isa)
    count, crc, *bins = merges(program)
    whole, a, b = (
        [number for result in interp.run(program, piece)[1] for number in numbers(result)]
        for piece in (first + second, first, second)
    )
    for index, join in ((0, count), *enumerate(bins, start=2)):
        assert join(a[index], b[index], len(second)) == whole[index]
    # A finished CRC-32C is its register's complement, and the second piece began from init.
    from_zero = crc(0xFFFFFFFF, b[1] ^ 0xFFFFFFFF, len(second))
    assert crc(a[1] ^ 0xFFFFFFFF, from_zero, len(second)) ^ 0xFFFFFFFF == whole[1]


def numbers(result: ResultValue) -> tuple[int, ...]:
    return (result,) if isinstance(result, int) else result


def test_engines_know_their_names() -> None:
    with pytest.raises(UsageError, match="unknown engine 'x'"):
        run.find("x")


def test_a_child_that_was_forked_has_threads_of_its_own(isa: Isa) -> None:
    program = parse_pipeline("crc32c", isa)

    def share() -> None:
        data = bytearray(3 * parallel.MIN_PIECE)
        run_threads(program, isa, iter([memoryview(data)]), None, 2)

    share()
    child = multiprocessing.get_context("fork").Process(target=share)
    child.start()
    child.join(60)
    ended = child.exitcode
    child.kill()
    assert ended == 0


def test_what_a_signal_raises_waits_for_the_threads() -> None:
    """They work on memory that is freed then."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with ThreadPoolExecutor(1) as pool:
            running = [pool.submit(time.sleep, 0.5)]
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.1)  # time and again
            with pytest.raises(InterruptedError):
                parallel.wait_all(running)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert running[0].done()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
