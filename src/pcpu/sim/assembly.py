"""Assembly as LLVM writes it: functions, the innermost loops, and which statement code is of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pcpu.sim.irtext import NOWHERE, Place

_LABEL = re.compile(r"^([\w.$]+):")
_INTERNAL = re.compile(r"^\.?L(?:BB|tmp|func|CPI)")
_BLOCK = re.compile(r"\.?LBB\d+_\d+")
_LOCATION = re.compile(r"^\t\.loc\t\d+ (\d+) (\d+)")
_JUMP = re.compile(r"^(?:j|b$|b\.|cb|tb)")  # of x86-64 and aarch64
_DEBUG = re.compile(r"^\t\.section\t\.?\"?(?:\.?debug|__DWARF|\.custom_section\.)")


@dataclass(frozen=True)
class Code:
    """An instruction, its words one blank apart, or a label, which ends with a colon."""

    text: str
    place: Place

    @property
    def is_label(self) -> bool:
        return self.text.endswith(":")


@dataclass
class AsmFunction:
    name: str
    code: list[Code] = field(default_factory=list)

    def loops(self) -> Iterator[AsmLoop]:
        """The loops without loops in them: those that WebAssembly states, and what a jump back
        makes elsewhere."""
        ends = [*self._stated(), *self._jumps()]
        for start, end in ends:
            if not any((a, b) != (start, end) and start <= a and b <= end for a, b in ends):
                inside = [c for c in self.code[start:end] if not c.is_label]
                yield AsmLoop(self.name, inside)

    def _stated(self) -> list[tuple[int, int]]:
        found, open_ = [], []
        for index, code in enumerate(self.code):
            if code.text == "loop":
                open_.append(index)
            elif code.text == "end_loop" and open_:
                found.append((open_.pop() + 1, index))
        return found

    def _jumps(self) -> list[tuple[int, int]]:
        labels: dict[str, int] = {}
        found: dict[int, int] = {}
        for index, code in enumerate(self.code):
            if code.is_label:
                labels[code.text[:-1]] = index
            elif _JUMP.match(code.text):
                for label in _BLOCK.findall(code.text):
                    if label in labels:
                        found[labels[label]] = index + 1
        return list(found.items())


@dataclass(frozen=True)
class AsmLoop:
    function: str
    code: list[Code]

    @property
    def place(self) -> Place:
        """What most of it is of."""
        counted = Counter(c.place for c in self.code if c.place != NOWHERE)
        return counted.most_common(1)[0][0] if counted else NOWHERE


@dataclass
class Assembly:
    functions: dict[str, AsmFunction]
    lines: list[tuple[str, str | None, Place]]  # for people: text, its function, its place


def parse(text: str) -> Assembly:
    """The functions of an assembly text."""
    found = Assembly({}, [])
    function: AsmFunction | None = None
    place = NOWHERE
    for line in text.split("\n"):
        if _DEBUG.match(line):
            break  # LLVM writes the tables of its debug locations last
        if match := _LABEL.match(line):
            name = match.group(1)
            if not _INTERNAL.match(name):
                function, place = AsmFunction(name), NOWHERE
                found.functions[name] = function
            elif _BLOCK.match(name) and function is not None:
                function.code.append(Code(f"{name}:", place))
            else:
                continue
        elif match := _LOCATION.match(line):
            row, column = map(int, match.groups())
            if row or not column:  # code of no line is of the statement before it
                place = (row - 1, column - 1) if row else NOWHERE
            continue
        elif line.startswith("\t."):
            if line.startswith(("\t.section", "\t.size", "\t.globl")):
                function, place = None, NOWHERE
            continue
        elif not line.strip() or line.startswith("\t#"):
            continue
        elif function is not None:
            function.code.append(Code(" ".join(line.split()), place))
        owner = None if function is None else function.name
        found.lines.append((line.replace("\t", "    ").rstrip(), owner, place))
    functions = {name: f for name, f in found.functions.items() if f.code}  # no tables of data
    return Assembly(functions, [line for line in found.lines if line[1] in functions])
