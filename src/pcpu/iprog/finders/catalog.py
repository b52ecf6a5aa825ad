"""Catalogs of messages, which gettext reads (spec/iprog-finders.md G115)."""

from __future__ import annotations

from pcpu.iprog.finders.arrays import Bytes, Ints
from pcpu.iprog.finders.reading import lies
from pcpu.iprog.finders.rows import add
from pcpu.iprog.sites import Form
from pcpu.kernel.memory import u32_at

_MAGIC, _HEADER = 0x950412DE, 28
# Where these say how many texts there are, and where the two tables are.
_COUNT, _TEXTS, _TRANSLATIONS = 8, 12, 16
_ENTRY = 8  # bytes: how long a text is, and where
_WORD = Form.WORD.value


def is_catalog(b: Bytes) -> bool:
    """Whether a blob is a catalog."""
    if len(b) < _HEADER or u32_at(b, 0) != _MAGIC:
        return False
    size = _ENTRY * u32_at(b, _COUNT)
    return lies(u32_at(b, _TEXTS), size, len(b)) and lies(u32_at(b, _TRANSLATIONS), size, len(b))


def catalog(b: Bytes, rows: Ints, room: int, count: int) -> int:
    """Finder 61, of a catalog: where texts and translations are."""
    for table in range(_TEXTS, _TRANSLATIONS + 1, 4):
        start = u32_at(b, table)
        for p in range(start + 4, start + _ENTRY * u32_at(b, _COUNT), _ENTRY):
            if u32_at(b, p) != 0:
                count = add(rows, room, count, p, _WORD, u32_at(b, p), 0)
    return count
