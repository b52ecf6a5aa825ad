"""The decoder that takes plans at run time, in parts (spec/iprog-abi.md D3-D9, D15-D21).

The core decodes what neither relocates nor has foreseen frames or names. It is given what a plan
needs besides: the other parts work in its memory and with its variables, each with data of its own
behind that of the core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llvmlite import ir

from pcpu import targets
from pcpu.errors import InternalError
from pcpu.iprog.decoder import exports, exports_of_parts, foreseen, relocation, renames
from pcpu.iprog.decoder.foreseen import foresee
from pcpu.iprog.decoder.objects import STACK, STATE_END, Known, kernels_object, objects_for
from pcpu.iprog.decoder.relocation import relocate
from pcpu.iprog.decoder.renames import rename
from pcpu.iprog.decoder.wasm import (
    I32,
    KNOWN,
    Export,
    add_exports,
    add_memory,
    link,
    stack_first,
)
from pcpu.iprog.numbers import Numbers
from pcpu.kernel.module import Translation

CORE: Sequence[Export] = (
    Export(exports.header),
    Export(exports.open),
    Export(exports.hold),
    Export(exports.size, wide_result=True),
    Export(exports.plan_size, wide_result=True),
    Export(exports.reference_size, wide_result=True),
    Export(exports.window_size),
    Export(exports.windows, wide_result=True),
    Export(exports.sites_wanted),
    Export(exports.want_window, "want", ("window",)),
    Export(exports.wants),
    Export(exports.loaded, wide_result=True),
    Export(exports.again),
    Export(exports.make_window, "make", ("window",)),
    Export(exports.out),
    Export(exports.out_length),
    Export(exports.rule),
)
RELOCATION: Sequence[Export] = (
    Export(exports_of_parts.sites),
    Export(exports_of_parts.hold_sites),
    Export(exports_of_parts.room),
    Export(exports_of_parts.unpack),
)
FINDERS: Sequence[Export] = (Export(exports_of_parts.find),)

# Of memory, in bytes: where the data of parts begins, each with its stack behind it, and what
# callers ask for.
_RELOCATION_AT, _FORESEEN_AT, _NAMES_AT, _FINDERS_AT = 0x1AF00, 0x1BE00, 0x1CC00, 0x1D900
_HEAP = 0x1FF00
_STACK = 3072
_ENTRY = "pcpu_part"  # where in memory the entrance of a part is said, so that the table has it
# The entrances of parts in the order in which the core calls them first, as the table has them from
# place 1 on, and what stands there before.
_ABSENT: Mapping[Callable[..., int], Callable[..., int]] = MappingProxyType(
    {rename: renames.absent, relocate: relocation.absent, foresee: foreseen.absent}
)
_ALL: Known = MappingProxyType({})
# Of WebAssembly's binary form.
_MAGIC, _IMPORTS = 8, 2
_FUNCTION, _TABLE, _MEMORY, _GLOBAL = range(4)
_TYPES = (1, 1, 0, 2)  # bytes that say what these are, before limits


@dataclass(frozen=True)
class Part:
    """A module, and how many bytes of code it has, by what it is linked from."""

    code: bytes
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Decoder:
    """``core`` is ``iprog.wasm``."""

    core: Part
    relocation: Part
    foreseen: Part
    matched: Part
    names: Part
    finders: Part

    @property
    def given(self) -> Mapping[str, Part]:
        """What the core may be given, by what files are called behind its name."""
        return {
            "relocation": self.relocation, "foreseen": self.foreseen, "matched": self.matched,
            "names": self.names, "finders": self.finders,
        }  # fmt: skip


@cache
def decoder() -> Decoder:
    """Raises ToolchainError."""
    parts = (
        _part(RELOCATION, _RELOCATION_AT, _FORESEEN_AT, relocate),
        _part((), _FORESEEN_AT, _NAMES_AT, foresee, {"state.HAS_MATCHES": 0}),
        _part((), _FORESEEN_AT, _NAMES_AT, foresee),
        _part((), _NAMES_AT, _FINDERS_AT, rename),
        _part(FINDERS, _FINDERS_AT, _HEAP, None),
    )
    needed = {name for part in parts for name in _imports(part.code)}
    return Decoder(_core(sorted(needed)), *parts)


def _core(needed: Sequence[str]) -> Part:
    def surround(translation: Translation, own: Any) -> None:
        add_exports(translation, CORE, own)
        add_memory(translation, _HEAP)

    kernels = [export.kernel for export in CORE]
    target = targets.find("wasm")
    objects = objects_for(kernels, surround, target, KNOWN, instead=_ABSENT)
    options = [f"--export={name}" for name in needed]
    names = ("kernels", "check", "zstandard")
    layout = [*stack_first(STACK), f"--global-base={STATE_END}"]
    return _linked(objects, names, CORE, _RELOCATION_AT, *layout, "--export-table", *options)


def _part(wanted: Sequence[Export], at: int, end: int, entrance: Any, known: Known = _ALL) -> Part:
    def surround(translation: Translation, own: Any) -> None:
        add_exports(translation, wanted, own)
        module = translation.module
        if "pcpu_heap" in module.globals:
            heap = module.globals["pcpu_heap"]
            ir.IRBuilder(heap.append_basic_block()).ret(I32(_HEAP))
        if entrance is not None:
            _, function = translation.kernel(entrance)
            pointer = ir.GlobalVariable(module, function.type, _ENTRY)
            pointer.global_constant, pointer.initializer = True, function

    kernels = [export.kernel for export in wanted]
    options = []
    if entrance is not None:
        kernels.append(entrance)
        place = 1 + [*_ABSENT].index(entrance)
        options = [f"--export={_ENTRY}", f"--table-base={place}"]
    own = kernels_object(kernels, surround, targets.find("wasm"), {**KNOWN, **known}, is_part=True)
    return _linked(
        [own], ["kernels"], wanted, end - _STACK, "--import-memory", "--import-table",
        "--allow-undefined", f"--global-base={at}", "-z", f"stack-size={_STACK}", *options,
    )  # fmt: skip


def _linked(
    objects: Sequence[bytes], names: Sequence[str], wanted: Sequence[Export], end: int,
    *options: str,
) -> Part:  # fmt: skip
    """What is linked of objects, which are called so, with data before ``end`` of memory."""
    with tempfile.TemporaryDirectory(prefix="pcpu-") as folder:
        told = Path(folder) / "map"
        code = link(objects, wanted, *options, f"-Map={told}")
        lines = [line.split() for line in told.read_text().splitlines()]
    # A line for what is of an object file: address, which functions have not, place, size, origin.
    places = [line for line in lines if len(line) == 4 and ".o:(" in line[3]]
    sizes = dict.fromkeys(names, 0)
    for address, _, size, origin in places:
        if address != "-":
            if int(address, 16) + int(size, 16) > end:
                raise InternalError(f"the decoder has more data than there is room for: {origin}")
            continue
        for number, name in enumerate(names):
            if f"/{number}.o:(" in origin:
                sizes[name] += int(size, 16)
    return Part(code, sizes)


def _imports(module: bytes) -> list[str]:
    """What of a core a part wants, but for its memory and its table."""
    numbers = Numbers(module, "a part", _MAGIC)
    section, kind = numbers, 0
    while kind != _IMPORTS:
        kind = numbers.take(1)[0]
        section = Numbers(numbers.take(numbers.varint()), "a section")
    found = []
    for _ in range(section.varint()):
        section.take(section.varint())
        name = bytes(section.take(section.varint())).decode()
        what = section.take(1)[0]
        if what in (_FUNCTION, _GLOBAL):
            found.append(name)
        section.take(_TYPES[what])
        if what in (_TABLE, _MEMORY):
            ends = section.varint()
            for _ in range(1 + (ends & 1)):
                section.varint()
    return found
