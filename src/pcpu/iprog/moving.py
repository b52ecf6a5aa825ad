"""What a moved site holds, and writing it (spec/iprog.md G24): the compiled form of relocate.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.jit import jit, put, signed_at
from pcpu.iprog.sites import LEB, Form, Places, Sites

_WIDTHS = np.array([4, 4, 8, 4, 4, 0, 0, 4, 4, 4, 4])
_SPACE = (1 << 40) - 1


@jit
def width_of(form: int, extra: int) -> Any:
    """The bytes of a site."""
    return extra if form in LEB else _WIDTHS[form]


@jit
def value_of(form: int, target: int, extra: int, address: int) -> Any:
    """What a site holds whose target was moved, and which is copied to ``address``."""
    if form <= 1:
        return target - (address + extra)
    if form == 4:
        return address + extra - target
    if form in (2, 3):
        return target - extra
    if form == 8:
        return target - address
    if form == 9:
        return (target >> 12) - (address >> 12)
    return target & _SPACE


@jit
def put_site(data: Any, at: int, form: int, extra: int, value: int) -> None:
    """Write it, unless it is a number that has no room. Of an instruction a part is written."""
    if form in LEB:
        if value < 1 << (7 * extra - (form == 6)):
            for n in range(extra):
                data[at + n] = (value >> (7 * n)) & 127 | (128 if n + 1 < extra else 0)
        return
    if form >= 8:
        word = signed_at(data, at)
        if form == 8:
            value = word & ~0x3FFFFFF | value >> 2 & 0x3FFFFFF
        elif form == 9:
            value = word & ~0x60FFFFE0 | (value & 3) << 29 | (value & 0x1FFFFC) << 3
        else:
            value = word & ~0x3FFC00 | (value & 0xFFF) >> extra << 10
    put(data, at, value, _WIDTHS[form])


def absolute(sites: Sites, base: int) -> Places:
    """What sites hold where nothing depends on their place; in code targets count from ``base``."""
    values = np.where(np.isin(sites.form, LEB), sites.target & _SPACE, sites.target)
    values = np.where(sites.form == Form.BASED, values - sites.extra, values)
    values = np.where(sites.form == Form.PAGE, values >> 12, values)
    return np.where(sites.form == Form.CODE, values - base, values)


@jit
def write_sites(data: Any, places: Any, forms: Any, extras: Any, values: Any) -> None:
    """Put numbers at places, written as their forms are."""
    for i in range(len(places)):
        put_site(data, places[i], forms[i], extras[i], values[i])
