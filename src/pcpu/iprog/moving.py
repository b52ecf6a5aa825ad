"""Writing moved sites, for the planner: what kernels do of it, called from its loops."""

from __future__ import annotations

from typing import Any

from pcpu.iprog.decoder import moving
from pcpu.iprog.finders import rows
from pcpu.iprog.jit import for_loops, jit
from pcpu.iprog.sites import Form
from pcpu.kernel import memory

# Kernels, which loops call with arrays of numpy.
put_site: Any = moving.put_site
value_of: Any = moving.value_of
width_of: Any = rows.width
for_loops(put_site, value_of, width_of, moving.instruction)
for_loops(memory.put_32, memory.put_64, memory.u16_at, memory.u32_at)

_CODE, _ABSOLUTE, _BASED, _PAGE = (
    form.value for form in (Form.CODE, Form.ABSOLUTE, Form.BASED, Form.PAGE)
)
_UNSIGNED, _SIGNED = Form.UNSIGNED.value, Form.SIGNED.value


@jit
def write_targets(
    data: Any, places: Any, forms: Any, targets: Any, extras: Any, base: Any
) -> None:  # fmt: skip
    """Put into sites what they hold where nothing depends on their place; in code targets count
    from ``base``."""
    for i in range(len(places)):
        form, extra, value = forms[i], extras[i], targets[i]
        if form in (_UNSIGNED, _SIGNED):
            value &= moving.NUMBER
        elif form in (_ABSOLUTE, _BASED):
            value -= extra
        elif form == _PAGE:
            value >>= 12
        elif form == _CODE:
            value -= base
        put_site(data, places[i], form, extra, value)


@jit
def blank_sites(data: Any, first: Any, places: Any, forms: Any, extras: Any) -> None:
    """Put zeros into sites, whose places count from ``first``."""
    for i in range(len(places)):
        put_site(data, places[i] + first, forms[i], extras[i], 0)
