"""What each finder of sites is worth for a file: the fixes that moving its sites saves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from pcpu.iprog.align import Covers
from pcpu.iprog.columns import cut
from pcpu.iprog.finders.numbered import CALL_SITES
from pcpu.iprog.jit import jit, read_only
from pcpu.iprog.moved import Moved
from pcpu.iprog.moving import put_site, value_of, width_of
from pcpu.iprog.subject import Subject
from pcpu.iprog.tables import FINDERS, how_many
from pcpu.iprog.threads import each

_PIECE = 1 << 20  # bytes of the file that are looked at at a time: whole windows
_SITES_A_BYTE = 4096  # that are found and moved for a byte that is right thanks to them, at most


def finder_gains(moved: Moved, covers: Covers) -> dict[int, int]:
    """For each finder that was used, how many bytes of its sites are right because they were moved,
    or told by differences, less those that are wrong for that reason."""
    about = moved.subject.relocatable
    if about is None:
        return {}
    starts = np.array([0, *(region.start for region in moved.regions)])
    biases = np.array([0, *(region.bias for region in moved.regions)])
    gained, subject = np.zeros(FINDERS, np.int64), moved.subject
    covers = cut(covers, _PIECE.bit_length() - 1)
    for low in range(0, len(subject.file), _PIECE):
        first, last = np.searchsorted(covers.start, [low, low + _PIECE])
        _count(
            subject.file, read_only(subject.told(low, low + _PIECE)), low, subject.reference,
            covers.start[first:last], covers.stop[first:last], covers.skew[first:last],
            *moved.sites.arrays, moved.sites.finder, starts, biases, gained,
        )  # fmt: skip
        subject.leave()
    return {number: int(gained[number]) for number in about.finders}


def useful_finders(moved: Moved, tried: Sequence[Covers]) -> tuple[int, ...]:
    """The finders that gain something by some of the copies that were tried, and enough for what
    their sites cost a reader."""
    gains = each(partial(finder_gains, moved), tried)
    sites = how_many(moved.sites)
    best = {n: max(gained[n] for gained in gains) for n in gains[0]}
    if CALL_SITES in best:  # which is for literals, too
        best[CALL_SITES] += min(_beside(moved.subject, covers) for covers in tried)
    return tuple(n for n, gained in best.items() if gained * _SITES_A_BYTE > sites[n])


def _beside(subject: Subject, covers: Covers) -> int:
    """How many bytes that no copy gives are told by differences."""
    found = 0
    for low in range(0, len(subject.file), _PIECE):
        told, file = subject.told(low, low + _PIECE), subject.file[low : low + _PIECE]
        if np.may_share_memory(told, file):
            continue
        differs = told != file
        first, last = np.searchsorted(covers.stop, low), np.searchsorted(covers.start, low + _PIECE)
        for n in range(first, last):
            differs[max(0, covers.start[n] - low) : covers.stop[n] - low] = False
        found += int(np.count_nonzero(differs))
        subject.leave()
    return found


@jit
def _count(
    file: Any, told: Any, low: Any, reference: Any, start: Any, stop: Any, skew: Any, place: Any,
    form: Any, target: Any, extra: Any, finder: Any, region_start: Any, region_bias: Any,
    gained: Any,
) -> None:  # fmt: skip
    site = np.zeros(16, np.uint8)
    for i in range(len(start)):
        k = np.searchsorted(place, start[i] + skew[i])
        while k < len(place):
            width = width_of(form[k], extra[k])
            if place[k] + width > stop[i] + skew[i]:
                break
            at = place[k] - skew[i]
            site[:width] = reference[place[k] : place[k] + width]
            region = np.searchsorted(region_start, at, side="right") - 1
            value = value_of(form[k], target[k], extra[k], at + region_bias[region])
            put_site(site, 0, form[k], extra[k], value)
            for n in range(width):
                gained[finder[k]] += told[at - low + n] == site[n]
                gained[finder[k]] -= file[at + n] == reference[place[k] + n]
            k += 1
