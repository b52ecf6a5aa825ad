"""What one calls on a large array without pCPU: numpy, and Python's own bytes.

Each peer takes a bytearray, a numpy array over the same memory and the program's operand. It
changes the memory, or gives the changed bytes or the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcpu.errors import UsageError

PIECE = 1 << 20  # bytes that bincount gets at a time: it makes a number of 64 bits of each


@dataclass(frozen=True)
class Peer:
    title: str
    run: Callable[[bytearray, Any, Any], Any]


def _ufunc(function: Any) -> Callable[[bytearray, Any, Any], None]:
    def run(_: bytearray, array: Any, operand: int) -> None:
        function(array, np.uint8(operand), out=array)

    return run


def _take(_: bytearray, array: Any, table: bytes) -> None:
    np.take(np.frombuffer(table, np.uint8), array, out=array, mode="clip")


def _bincount(_: bytearray, array: Any, __: None) -> tuple[int, ...]:
    counts = np.zeros(256, np.int64)
    for start in range(0, len(array), PIECE):
        counts += np.bincount(array[start : start + PIECE], minlength=256)
    return tuple(counts.tolist())


PEERS = {
    "numpy_xor": Peer("numpy.bitwise_xor(a, x, out=a)", _ufunc(np.bitwise_xor)),
    "numpy_add": Peer("numpy.add(a, x, out=a)", _ufunc(np.add)),
    "numpy_take": Peer("numpy.take(table, a, out=a)", _take),
    "translate": Peer("bytearray.translate(table)", lambda data, _, table: data.translate(table)),
    "numpy_count": Peer("numpy.count_nonzero(a == x)", lambda _, a, x: np.count_nonzero(a == x)),
    "count": Peer("bytearray.count(x)", lambda data, _, x: data.count(x)),
    "numpy_min": Peer("a.min()", lambda _, a, __: a.min()),
    "numpy_max": Peer("a.max()", lambda _, a, __: a.max()),
    "numpy_sum": Peer("a.sum(dtype=uint64)", lambda _, a, __: a.sum(dtype=np.uint64)),
    "numpy_bincount": Peer("numpy.bincount, 1 MiB at a time", _bincount),
}


def find(name: str) -> Peer:
    if name not in PEERS:
        raise UsageError(f"unknown peer {name!r}; known: {', '.join(PEERS)}")
    return PEERS[name]
