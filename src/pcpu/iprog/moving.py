"""Writing moved sites, for the planner: what kernels do of it, called from its loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.decoder import moving
from pcpu.iprog.finders import arm32, riscv, rows
from pcpu.iprog.jit import for_loops, jit
from pcpu.iprog.sites import LEB, Form, Places, Sites
from pcpu.kernel import memory

# Kernels, which loops call with arrays of numpy.
put_site: Any = moving.put_site
value_of: Any = moving.value_of
width_of: Any = rows.width
is_shown: Any = moving.is_shown
u32_at: Any = memory.u32_at
for_loops(put_site, value_of, width_of, is_shown, moving.instruction, moving.entry_of)
for_loops(moving.tagged, moving.put_tagged)
for_loops(moving.other_value, moving.other_word, *riscv.READING, *arm32.READING)
for_loops(memory.put_32, memory.put_64, memory.u16_at, memory.u32_at)


def absolute(sites: Sites, base: int) -> Places:
    """What sites hold where nothing depends on their place; in code targets count from ``base``."""
    values = np.where(np.isin(sites.form, LEB), sites.target & moving.NUMBER, sites.target)
    less = np.isin(sites.form, (Form.ABSOLUTE, Form.BASED))
    values = np.where(less, values - sites.extra, values)
    values = np.where(sites.form == Form.PAGE, values >> 12, values)
    entries = sites.form == Form.ENTRY
    values = np.where(entries, sites.extra % 16 << 12 | sites.target % 4096, values)
    return np.where(sites.form == Form.CODE, values - base, values)


@jit
def write_sites(data: Any, places: Any, forms: Any, extras: Any, values: Any) -> None:
    """Put numbers at places, written as their forms are."""
    for i in range(len(places)):
        put_site(data, places[i], forms[i], extras[i], values[i])


@jit
def write_shown(data: Any, places: Any, forms: Any, extras: Any, values: Any) -> None:
    """The same for sites that the moved reference has (G29)."""
    for i in range(len(places)):
        word = u32_at(data, places[i]) if places[i] + 4 <= len(data) else 0
        if is_shown(forms[i], word):
            put_site(data, places[i], forms[i], extras[i], values[i])
