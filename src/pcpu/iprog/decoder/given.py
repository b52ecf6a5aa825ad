"""Sites that a caller gives (spec/iprog-abi.md D8)."""

from __future__ import annotations

from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.state import fail, take
from pcpu.iprog.finders.record import RECORD
from pcpu.kernel import State


def give_sites(s: State, count: int) -> int:
    """Room for the records of sites that were asked for; where they go, or a status."""
    if not s[S.OPEN] or count < 0 or s[S.SITES_HELD]:
        return fail(S.NOT_NOW, 0)
    s[S.GIVEN_SITES] = take(s, RECORD * count)
    s[S.SITE] = s[S.GIVEN_SITES]
    s[S.GIVEN_COUNT] = count if s[S.GIVEN_SITES] >= 0 else 0
    return s[S.GIVEN_SITES]


def hold_sites(s: State, count: int) -> int:
    """Room for the records of all sites of the blob; where they go, or a status."""
    if not s[S.OPEN] or s[S.BLOCK] >= 0 or s[S.MAP_READY]:
        return fail(S.NOT_NOW, 9)
    if not s[S.SITES] <= count <= 2 * s[S.SITES]:
        return fail(S.DAMAGED, 9)
    records = take(s, RECORD * count)
    if records >= 0:
        hold_records(s, records, count)
    return records


def hold_records(s: State, records: int, count: int) -> None:
    """Note that records of all sites are at ``records``, and nothing else behind them."""
    s[S.HELD_SITES] = s[S.SITE] = records
    s[S.HELD_COUNT], s[S.SITES_HELD] = count, 1
    s[S.TOP] = s[S.AFTER_HEADER] = records + RECORD * count
