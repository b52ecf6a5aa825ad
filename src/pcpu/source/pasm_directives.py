"""The directives of pASM: what a program declares before its statements."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pcpu import expr
from pcpu.ir import SCALAR_BITS, Buffer, Parameter, Path, named_in
from pcpu.ir.text import read_kind
from pcpu.source.pasm_line import Line, LineError

_KIND = re.compile(r"[^\s=]*")


@dataclass
class Declarations:
    """What the directives so far declare."""

    parameters: list[Parameter] = field(default_factory=list)
    constants: dict[str, int] = field(default_factory=dict)
    tables: list[tuple[str, bytes]] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    returns: tuple[str, ...] | None = None
    names: set[str] = field(default_factory=set)

    def read(self, line: Line) -> None:
        """Read a line that begins with a dot."""
        word = line.tokens.word(_KIND).text
        directive = DIRECTIVES.get(word)
        if directive is None:
            close = difflib.get_close_matches(word[:64], DIRECTIVES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known: {' '.join(DIRECTIVES)}"
            message = f"unknown directive {expr.shown(word)}; {hint}"
            raise LineError("syntax", message, line.first.column)
        directive.read(self, line)
        line.end()

    def declare(self, line: Line, path: Path) -> str:
        name = line.name(path, (*path, "name"))
        self.names.add(name)
        return name


def _param(found: Declarations, line: Line) -> None:
    path: Path = ("params", len(found.parameters))
    name = found.declare(line, path)
    kind = line.tokens.word(_KIND)
    line.note((*path, "kind"), kind.column)
    immediate = read_kind(name, kind.text)
    if immediate is None:
        message = "a parameter is imm1 to imm64, bytesN or bytesM-N, with at most 65536 bytes"
        raise LineError("wrong-kind", message, kind.column)
    default: int | bytes | None = None
    if line.take("="):
        at = (*path, "default")
        is_number = immediate.sizes is None and line.tokens.token.kind != "string"
        default = line.number_literal(at) if is_number else line.literal(at)
    found.parameters.append(Parameter(immediate, default))


def _const(found: Declarations, line: Line) -> None:
    path: Path = ("constants", len(found.constants))
    token = line.tokens.token
    name = found.declare(line, path)
    if name in found.constants:
        raise LineError("name-taken", f"{name!r} is a constant already", token.column)
    line.expect("=")
    start = line.tokens.token
    value = line.expression((*path, "value"))
    for used in named_in(value):
        if used not in found.constants:
            message = f"a constant is made of numbers and earlier constants, not of {used!r}"
            raise LineError("unknown-name", message, start.column)
    used_values = {used: found.constants[used] for used in named_in(value)}
    found.constants[name] = expr.evaluate(value, used_values, SCALAR_BITS)


def _table(found: Declarations, line: Line) -> None:
    path: Path = ("tables", len(found.tables))
    name = found.declare(line, path)
    line.expect("=")
    found.tables.append((name, line.literal((*path, "bytes"))))


def _buffer(role: Any) -> Callable[[Declarations, Line], None]:
    def read(found: Declarations, line: Line) -> None:
        path: Path = ("buffers", len(found.buffers))
        found.buffers.append(Buffer(found.declare(line, path), role))

    return read


def _out(found: Declarations, line: Line) -> None:
    path: Path = ("buffers", len(found.buffers))
    name = found.declare(line, path)
    line.expect(",")
    found.buffers.append(Buffer(name, "out", line.scalar((*path, "size"))))


def _return(found: Declarations, line: Line) -> None:
    if found.returns is not None:
        raise LineError("name-taken", "a program has one .return", line.first.column)
    line.note(("returns",), line.first.column)
    found.returns = () if line.tokens.token.kind == "end" else line.names(("returns",))


@dataclass(frozen=True)
class Directive:
    usage: str
    read: Callable[[Declarations, Line], None]


DIRECTIVES = {
    ".param": Directive(".param NAME imm8 [= NUMBER], or .param NAME bytes4 [= 0x...]", _param),
    ".const": Directive(".const NAME = SCALAR", _const),
    ".table": Directive('.table NAME = 0x..., or .table NAME = "text"', _table),
    ".inout": Directive(".inout NAME", _buffer("inout")),
    ".in": Directive(".in NAME", _buffer("in")),
    ".out": Directive(".out NAME, SCALAR", _out),
    ".spans": Directive(".spans NAME", _buffer("spans")),
    ".return": Directive(".return NAME, NAME...", _return),
}
