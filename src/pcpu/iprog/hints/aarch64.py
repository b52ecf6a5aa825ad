"""AArch64 instructions that hold distances and parts of addresses (spec/iprog-finders.md G58)."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcpu.iprog.hints.elf import Elf, Section
from pcpu.iprog.jit import i64, jit
from pcpu.iprog.sites import Form, Sites

REACH = 32  # instructions for which a page stays in its register
PAGE = 12  # bits
_ROW = 4  # place, form, target, extra
_BRANCH, _PAGE, _LOW = Form.BRANCH.value, Form.PAGE.value, Form.LOW.value


@jit
def _find(b: Any, lo: Any, hi: Any, bias: Any, code: Any, span: Any, found: Any) -> Any:
    """Write the sites of ``b[lo:hi]`` to rows; how many. ``code`` and ``span`` are the first
    address that a branch, or a page with what is added to it, may lead to, and the one behind the
    last."""
    count = i64(0)
    page = np.zeros(32, np.int64)  # by register: the page in it, where, and whether it was used
    since = np.full(32, -4 * REACH - 1)
    used = np.zeros(32, np.bool_)
    for at in range(lo, hi - 3, 4):
        low = i64(b[at]) | i64(b[at + 1]) << 8
        word = low | i64(b[at + 2]) << 16 | i64(b[at + 3]) << 24
        if word & 0x7C000000 == 0x14000000:  # b, bl
            distance = (word & 0x3FFFFFF) - ((word & 0x2000000) << 1)
            target = at + bias + 4 * distance
            if code[0] <= target < code[1]:
                found[count, 0], found[count, 1], found[count, 2] = at, _BRANCH, target
                found[count, 3] = 0
                count += 1
            continue
        if word & 0x9F000000 == 0x90000000:  # adrp
            pages = (word >> 29 & 3) | (word >> 3 & 0x1FFFFC)
            pages -= (pages & 0x100000) << 1
            register = word & 31
            page[register] = ((at + bias >> PAGE) + pages) << PAGE
            since[register], used[register] = at, False
            continue
        register = word >> 5 & 31
        shift = -1
        if word & 0xFFC00000 == 0x91000000:  # add
            shift = 0
        elif word & 0x3B000000 == 0x39000000:  # ldr, str
            shift = word >> 30
            if word & 0x4800000 == 0x4800000 and shift == 0:  # of 16 bytes
                shift = 4
        if shift < 0 or at - since[register] > 4 * REACH:
            continue
        target = page[register] + ((word >> 10 & 0xFFF) << shift)
        if span[0] <= target < span[1]:
            if not used[register]:
                used[register] = True
                found[count, 0], found[count, 1] = since[register], _PAGE
                found[count, 2], found[count, 3] = target, 0
                count += 1
            found[count, 0], found[count, 1], found[count, 2] = at, _LOW, target
            found[count, 3] = shift
            count += 1
        if word & 31 == register:
            since[register] = -4 * REACH - 1
    return count


def code_sites(elf: Elf) -> Sites:
    """Finder 13: branches, and pages with what is added to them."""
    return Sites.joined([_section_sites(elf, section) for section in elf.code])


def _section_sites(elf: Elf, section: Section) -> Sites:
    data = np.frombuffer(elf.data, np.uint8)
    first = section.start + -section.address % 4
    found = np.empty((section.size // 2 + 2, _ROW), np.int64)
    count = _find(
        data, first, section.stop, section.bias, np.array(elf.code_span), np.array(elf.span), found
    )
    place, form, target, extra = found[:count].T
    nobody = np.zeros(count, np.uint8)
    return Sites(place, form.astype(np.uint8), target, extra, nobody)
