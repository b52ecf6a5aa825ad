"""The decoder as a shared object of this machine, over a plan and a reference in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llvmlite import ir

from pcpu import targets
from pcpu.iprog.decoder import one
from pcpu.iprog.decoder import state as S
from pcpu.iprog.decoder.decoder import open_plan
from pcpu.iprog.decoder.exports import reference_of
from pcpu.iprog.decoder.finding import find
from pcpu.iprog.decoder.objects import I64, POINTER, call, objects_for
from pcpu.iprog.decoder.state import fail, told
from pcpu.iprog.finders.find import find_room, find_sites
from pcpu.iprog.finders.rows import sort_sites
from pcpu.kernel import Ints, Memory
from pcpu.kernel.module import Kernel, Translation
from pcpu.targets import elf


def begin(s: Ints, heap: Memory, plan: int, plan_length: int, blob: int, blob_length: int) -> int:
    """Read the header and find the sites; addresses and lengths of both. The state is zeros, but
    for TOP and LIMIT, the memory that may be used."""
    s[S.PLAN_HELD], s[S.PLAN_AT], s[S.PLAN_LENGTH] = 1, plan, plan_length
    return told(s, _begin(s, heap, blob, blob_length))


def _begin(s: Ints, heap: Memory, blob: int, blob_length: int) -> int:
    status = open_plan(s, heap)
    if status < 0:
        return status
    if blob_length != s[S.REFERENCE_SIZE]:
        return fail(S.WRONG_BLOB, 8)
    s[S.REFERENCE_HELD], s[S.REFERENCE_AT], s[S.REFERENCE_LENGTH] = 1, blob, blob_length
    return find(s, heap, reference_of(s, heap)) if s[S.FINDERS] else 0


def shared_object() -> bytes:
    """``pcpu_begin`` and ``pcpu_window`` take a state and numbers, and give a status;
    ``pcpu_find_sites`` and its companions are the finders. Raises ToolchainError."""
    target = targets.find("host")
    objects = objects_for([*DECODER.values(), *FINDERS.values()], _surround, target, {})
    return target.link(elf.join(objects), [*DECODER, *FINDERS])


def _surround(translation: Translation, own: Any) -> None:
    for symbol, kernel in DECODER.items():
        numbers = len(Kernel.of(kernel).parameters) - 2
        type_ = ir.FunctionType(I64, [POINTER, *[I64] * numbers])
        function = ir.Function(translation.module, type_, symbol)
        b = ir.IRBuilder(function.append_basic_block())
        state, *given = function.args
        b.ret(call(translation, b, state, kernel, given))
    for symbol, kernel in FINDERS.items():
        _, inner = translation.kernel(kernel)
        function = ir.Function(translation.module, inner.function_type, symbol)
        b = ir.IRBuilder(function.append_basic_block())
        b.ret(b.call(inner, function.args))
    for symbol in ("pcpu_heap", "pcpu_more", "pcpu_plan_at", "pcpu_plan_length"):
        if symbol in translation.module.globals:  # there is no more than the caller gave
            none = ir.IRBuilder(translation.module.globals[symbol].append_basic_block())
            none.ret(I64(0))


def windows(s: Ints, heap: Memory, first: int, last: int, to: int) -> int:
    """Make windows, one behind the other from the address ``to`` on; before which one that ends.
    Some bytes behind them are written too (SLACK)."""
    own = s[S.OUT]
    number = first
    s[S.OUT] = to
    while number < last and one.window(s, heap, number) >= 0:
        s[S.OUT] += s[S.OUT_LENGTH]
        number += 1
    s[S.OUT] = own
    return number


# By symbol. The first take a state and numbers; the others arrays too, each a pointer and a length.
DECODER: Mapping[str, Callable[..., int]] = MappingProxyType(
    {"pcpu_begin": begin, "pcpu_window": one.window, "pcpu_windows": windows}
)
FINDERS: Mapping[str, Callable[..., int]] = MappingProxyType({
    "pcpu_find_room": find_room, "pcpu_find_sites": find_sites, "pcpu_sort_sites": sort_sites
})  # fmt: skip
