"""A file as sketches see it (spec/bank.md K2): with its sites blanked."""

from __future__ import annotations

import numpy as np

from pcpu.iprog.finders import FINDERS, Image, find_sites
from pcpu.iprog.moving import blank_sites
from pcpu.iprog.numbers import Bytes
from pcpu.iprog.sites import Octets

_LAST = 23  # of the finders that sketches were first made with: all have to be made alike


def blanked(data: Bytes, image: Image | None) -> tuple[Octets, tuple[int, ...]]:
    """``data`` with zeros in place of its sites, so that programs that were linked anew are alike;
    and the finders that found them."""
    octets: Octets = np.frombuffer(data, np.uint8)
    if image is None:
        return octets, ()
    suited = tuple(n for n, finder in FINDERS.items() if image.kind in finder.kinds and n <= _LAST)
    sites = find_sites(data, suited)
    view = octets.copy()
    blank_sites(view, 0, sites.place, sites.form, sites.extra)
    return view, tuple(n for n in suited if np.any(sites.finder == n))
