"""Optimised LLVM IR as text: functions, blocks, instructions, and which statement each is of.

Only what LLVM prints is read here, so every line has one known form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

_DEFINE = re.compile(r'^define .*?@("[^"]*"|[\w.$-]+)\(')
_LABEL = re.compile(r'^("[^"]*"|[\w.$-]+):')
_NAMED = re.compile(r'^(?:%("[^"]*"|[\w.$-]+) = )?(.*)$')
_LOCAL = re.compile(r'%("[^"]*"|[\w.$-]+)')
_GLOBAL = re.compile(r'@("[^"]*"|[\w.$-]+)')
_SUCCESSOR = re.compile(r'label %("[^"]*"|[\w.$-]+)')
_DEBUG = re.compile(r"!dbg !(\d+)")
_METADATA = re.compile(r",? ![\w.]+ !\d+")
_LOCATION = re.compile(r"^!(\d+) = (?:distinct )?!DILocation\((.*)\)")
_LINE, _COLUMN = re.compile(r"\bline: (\d+)"), re.compile(r"\bcolumn: (\d+)")

# The number of a statement, None for code of none, and the number of the pass over its span.
Place = tuple[int | None, int]
NOWHERE: Place = (None, 0)


@dataclass(frozen=True)
class Inst:
    """An instruction: ``name`` is what it sets, ``text`` all of it but its metadata."""

    name: str | None
    opcode: str
    text: str
    place: Place

    @cached_property
    def operands(self) -> list[str]:
        """The local values in it."""
        return _LOCAL.findall(_NAMED.sub(r"\2", self.text))

    @property
    def callee(self) -> str | None:
        """The function of the module that it calls, perhaps only declared there."""
        found = _GLOBAL.search(self.text) if self.opcode == "call" else None
        return found.group(1) if found else None

    @property
    def successors(self) -> list[str]:
        return _SUCCESSOR.findall(self.text) if self.opcode in ("br", "switch") else []


@dataclass
class Block:
    label: str
    instructions: list[Inst] = field(default_factory=list)

    @property
    def successors(self) -> list[str]:
        return self.instructions[-1].successors if self.instructions else []


@dataclass
class Function:
    name: str
    blocks: dict[str, Block] = field(default_factory=dict)

    @property
    def instructions(self) -> Iterator[Inst]:
        for block in self.blocks.values():
            yield from block.instructions

    @cached_property
    def values(self) -> dict[str, Inst]:
        return {i.name: i for i in self.instructions if i.name is not None}

    @property
    def callees(self) -> set[str]:
        return {i.callee for i in self.instructions if i.callee is not None}


@dataclass
class Module:
    functions: dict[str, Function]
    lines: list[tuple[str, str | None, Place]]  # for people: text, its function, its place


def parse(text: str) -> Module:
    """A module in the IR ``text``."""
    raw = text.split("\n")
    reader = _Reader(_places(raw))
    lines = iter(raw)
    for line in lines:
        if not _is_noise(line):
            reader.line(_whole(line, lines))
    return reader.module


class _Reader:
    def __init__(self, places: dict[str, Place]) -> None:
        self.places, self.module = places, Module({}, [])
        self.function: Function | None = None
        self.block = Block("")

    def line(self, line: str) -> None:
        function, place = self.function, NOWHERE
        if match := _DEFINE.match(line):
            function = self.function = Function(match.group(1))
            self.module.functions[function.name] = function
        elif function is None:
            pass
        elif line == "}":
            self.function = None
        elif match := _LABEL.match(line):
            self.block = function.blocks[match.group(1)] = Block(match.group(1))
        elif line.startswith("  "):
            instruction = _instruction(line, self.places)
            place = instruction.place
            self.block.instructions.append(instruction)
        text = _METADATA.sub("", line)
        self.module.lines.append((text, None if function is None else function.name, place))


def _is_noise(line: str) -> bool:
    return line.startswith(("!", "source_filename", "; ModuleID", "attributes #", "; Function"))


def _whole(line: str, rest: Iterator[str]) -> str:
    """An instruction with the lines that it goes on in."""
    if line.endswith("["):  # the cases of a switch
        parts = [line]
        for more in rest:
            parts.append(more.strip())
            if more.strip().startswith("]"):
                break
        return " ".join(parts)
    return line


def _places(lines: list[str]) -> dict[str, Place]:
    """Numbers of debug locations -> what they say (lower/mark.py)."""
    found: dict[str, Place] = {}
    for line in lines:
        if match := _LOCATION.match(line):
            number, fields = match.groups()
            row, column = _LINE.search(fields), _COLUMN.search(fields)
            statement = int(row.group(1)) - 1 if row else -1
            part = int(column.group(1)) - 1 if column else 0
            found[number] = (statement, part) if statement >= 0 else NOWHERE
    return found


def _instruction(line: str, places: dict[str, Place]) -> Inst:
    debug = _DEBUG.search(line)
    text = _METADATA.sub("", line.strip())
    match = _NAMED.match(text)
    assert match is not None
    name, rest = match.groups()
    words = rest.split()
    opcode = "call" if words[0] in ("tail", "musttail", "notail") else words[0]
    if opcode == "call" and "asm" in words:
        opcode = "asm"  # of which LLVM is to know nothing; it passes its operand on
    return Inst(name, opcode, text, places.get(debug.group(1), NOWHERE) if debug else NOWHERE)
