"""Sites files: what finders found in a blob, for who has none (spec/iprog-abi.md D13)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import IO

import numpy as np

from pcpu.iprog.finders import find_sites
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.reference import digest
from pcpu.iprog.sites import Sites

MAGIC = b"\x89SITES\r\n"
VERSION = 1
PAGE_BITS = 16
ALIGNMENT = 32
_PIECE = 1 << 16  # sites that are written at a time


def write_sites(blob: Bytes, finders: Sequence[int], out: IO[bytes]) -> int:
    """Write what ``finders``, in this order, find in ``blob``; how many sites that are.

    Raises UnsupportedPlanError where a finder is not known.
    """
    sites = find_sites(blob, finders)
    head = MAGIC + struct.pack("<IIQQ", VERSION, PAGE_BITS, len(sites), len(blob)) + digest(blob)
    head += struct.pack(f"<I{len(finders)}I", len(finders), *finders)
    out.write(_padded(head))
    pages = -(-len(blob) >> PAGE_BITS)
    starts = np.arange(pages + 1, dtype=np.int64) << PAGE_BITS
    starts[-1] = max(len(blob), starts[-1])
    out.write(_padded(np.searchsorted(sites.place, starts).astype("<u8").tobytes()))
    for first in range(0, len(sites), _PIECE):
        out.write(records(sites[first : first + _PIECE]))
    return len(sites)


def records(sites: Sites) -> bytes:
    """The sites as decoders take them (D8)."""
    return np.stack([column.astype("<i8") for column in sites.arrays], axis=-1).tobytes()


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % ALIGNMENT)
