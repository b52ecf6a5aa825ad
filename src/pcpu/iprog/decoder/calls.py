"""Tables of call sites, restored from their differences (spec/iprog.md G95)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.moving import region_of
from pcpu.iprog.finders.call_sites import head, leb
from pcpu.iprog.regions import RegionKind
from pcpu.kernel import Bytes, Memory, State
from pcpu.kernel.memory import i64_at

_CALLS = RegionKind.CALLS.value


def restore_calls(s: State, heap: Memory, window: Bytes, start: int) -> None:
    """Restore the tables of the window that begins at ``start`` of the file."""
    region = region_of(s, heap, start)
    last_region = s[S.REGION_TABLE] + 24 * (s[S.REGIONS] - 1)
    at = 0
    while at < len(window):
        stop = len(window)
        if region < last_region:
            stop = max(at, min(stop, i64_at(heap, region + 24) - start))
        if i64_at(heap, region + 16) == _CALLS:
            restore_tables(window[at:stop])
        at = stop
        region += 24


def restore_tables(part: Bytes) -> None:
    """Restore the tables of a part of a window."""
    p = 0
    while p < len(part):
        first, last, after = head(part, p, len(part))
        if first == 0:
            p += 1
            continue
        _restore_table(part, first, last)
        p = after


def _restore_table(b: Bytes, p: int, stop: int) -> None:
    end, pad = 0, 0  # of the call site before
    while p < stop:
        told, size = leb(b, p, stop)
        length, more = leb(b, p + size, stop)
        at = p + size + more
        to, last = leb(b, at, stop)
        _, action = leb(b, at + last, stop)
        if size == 0 or more == 0 or last == 0 or action == 0:
            return
        begin = told + end & (1 << 7 * size) - 1
        _put(b, p, size, begin)
        if to != 0:
            most = (1 << 7 * last) - 1
            pad = to + pad & most if to + pad & most != 0 else pad & most
            _put(b, at, last, pad)
        end = begin + length
        p = at + last + action


def _put(b: Bytes, p: int, size: int, value: int) -> None:
    for n in range(size):
        b[p + n] = b[p + n] & 128 | value >> 7 * n & 127
