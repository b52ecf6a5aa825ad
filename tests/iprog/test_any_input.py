"""The planner on files that nobody made for it: all are rebuilt, in time that stays in proportion."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcpu.iprog.apply import Reader
from pcpu.iprog.plan import Mode, make_plan

MODES: tuple[Mode, ...] = ("small", "instant")


def rebuilt(file: bytes, blobs: list[bytes], mode: Mode) -> bytes:
    return Reader(make_plan(file, blobs, mode).plan, blobs).rebuild()


@pytest.mark.parametrize("mode", MODES)
def test_random_bytes_of_many_sizes(mode: Mode) -> None:
    random = Random(11)
    for size in (*range(20), 63, 64, 65, 255, 256, 257, 1023, 1024, 2047, 2048, 3000):
        file = random.randbytes(size)
        for blobs in ([], [b""], [file], [file[::-1]], [file[size // 2 :], file[: size // 3]]):
            assert rebuilt(file, blobs, mode) == file, (size, [len(blob) for blob in blobs])


# Pieces that repeat, run, and look like the beginning of a program.
pieces = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=6), st.integers(0, 300)),
    st.sampled_from([b"\x7fELF\x02\x01\x01" + bytes(57), b"\0asm\1\0\0\0\x0a\x05\x01\x03\x00\x41\x00\x0b"]),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.lists(pieces, max_size=6), st.lists(st.lists(pieces, max_size=6), max_size=3),
    st.sampled_from(MODES),
)  # fmt: skip
def test_any_files(own: list[bytes], others: list[list[bytes]], mode: Mode) -> None:
    file = b"".join(own)
    # Blobs have something in common with the file, so that covers, fixes and literals all occur.
    blobs = [b"".join([*other, file[len(file) // 3 :]]) for other in others]
    assert rebuilt(file, blobs, mode) == file


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 5000), st.integers(0, 60))
def test_edited_files(seed: int, size: int, edits: int) -> None:
    random = Random(seed)
    blob = bytes(random.choices(b"abcd", k=size))
    file = bytearray(blob)
    for _ in range(edits):
        at = random.randrange(len(file) + 1)
        file[at : at + random.randrange(4)] = random.randbytes(random.randrange(4))
    assert rebuilt(bytes(file), [blob], "small") == file


REPETITIVE: dict[str, Callable[[int], tuple[bytes, bytes]]] = {
    "zeros": lambda n: (bytes(n), bytes(n + 77)),
    "a short period": lambda n: (b"abcabd" * (n // 6), b"abdabc" * (n // 6)),
    "another period": lambda n: (b"abcdefg" * (n // 7), b"abcdefgh" * (n // 8)),
    "one blob many times": lambda n: (bytes(range(250)) * 4, bytes(range(250)) * (n // 250)),
    "zeros with dots": lambda n: (bytes(n), (bytes(99) + b".") * (n // 100)),
}


@pytest.mark.parametrize("name", REPETITIVE)
def test_what_repeats_takes_time_in_proportion(name: str) -> None:
    spent = []
    for size in (1 << 18, 1 << 20):
        blob, file = REPETITIVE[name](size)
        make_plan(file[:9000], [blob[:9000]])  # loops are compiled
        begun = time.process_time()
        planned = make_plan(file, [blob])
        spent.append(time.process_time() - begun)
        assert Reader(planned.plan, [blob]).rebuild() == file
        assert len(planned.plan) < 2000 + size // 100
    assert spent[1] < 12 * spent[0] + 0.5  # 4 where it is in proportion; machines are noisy
