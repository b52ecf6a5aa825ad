"""Writing moved sites, for the planner: what kernels do of it, called from its loops."""

from __future__ import annotations

from typing import Any

from pcpu.iprog.decoder import moving
from pcpu.iprog.finders import arm32, riscv, rows
from pcpu.iprog.jit import for_loops, jit
from pcpu.iprog.sites import Form
from pcpu.kernel import memory

# Kernels, which loops call with arrays of numpy.
put_site: Any = moving.put_site
value_of: Any = moving.value_of
width_of: Any = rows.width
is_shown: Any = moving.is_shown
u32_at: Any = memory.u32_at
for_loops(put_site, value_of, width_of, is_shown, moving.instruction, moving.entry_of)
for_loops(moving.tagged, moving.put_tagged, moving.put_big, moving.reversed_of)
for_loops(moving.place_in_page)
for_loops(moving.other_value, moving.other_word, *riscv.READING, *arm32.READING)
for_loops(memory.put_32, memory.put_64, memory.u16_at, memory.u32_at)

_CODE, _ABSOLUTE, _BASED, _PAGE, _ENTRY = (
    form.value for form in (Form.CODE, Form.ABSOLUTE, Form.BASED, Form.PAGE, Form.ENTRY)
)
_UNSIGNED, _SIGNED = Form.UNSIGNED.value, Form.SIGNED.value
_BIG, _ROW, _IN_PAGE = Form.BIG_ENDIAN.value, Form.ROW.value, Form.IN_PAGE.value


@jit
def absolute(form: Any, target: Any, extra: Any, base: Any) -> Any:
    """What a site holds where nothing depends on its place; in code targets count from ``base``."""
    if form in (_UNSIGNED, _SIGNED, _BIG, _ROW):
        return target & moving.NUMBER
    if form in (_ABSOLUTE, _BASED):
        return target - extra
    if form == _PAGE:
        return target >> 12
    if form == _IN_PAGE:
        return moving.place_in_page(target, extra)
    if form == _ENTRY:
        return (extra & 15) << 12 | target & 4095
    return target - base if form == _CODE else target


@jit
def write_sites(data: Any, places: Any, forms: Any, extras: Any, values: Any) -> None:
    """Put numbers at places, written as their forms are."""
    for i in range(len(places)):
        put_site(data, places[i], forms[i], extras[i], values[i])


@jit
def write_targets(data: Any, places: Any, forms: Any, targets: Any, extras: Any) -> None:
    """Put into sites what they hold where nothing depends on their place."""
    for i in range(len(places)):
        form, extra = forms[i], extras[i]
        put_site(data, places[i], form, extra, absolute(form, targets[i], extra, 0))


@jit
def write_shown(
    data: Any, places: Any, forms: Any, targets: Any, extras: Any, base: Any
) -> None:  # fmt: skip
    """The same for sites that the moved reference has (G29); in code targets count from
    ``base``."""
    for i in range(len(places)):
        form, extra = forms[i], extras[i]
        word = u32_at(data, places[i]) if places[i] + 4 <= len(data) else 0
        if is_shown(form, word):
            put_site(data, places[i], form, extra, absolute(form, targets[i], extra, base))


@jit
def blank_sites(data: Any, first: Any, places: Any, forms: Any, extras: Any) -> None:
    """Put zeros into sites, whose places count from ``first``."""
    for i in range(len(places)):
        put_site(data, places[i] + first, forms[i], extras[i], 0)
