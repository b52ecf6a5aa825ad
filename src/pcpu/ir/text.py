"""The canonical text of a program (spec/pasm.md S25)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pcpu import expr
from pcpu.ir.fault import Path
from pcpu.ir.model import (
    Parameter,
    Program,
)
from pcpu.ir.names import Names
from pcpu.ir.parts import block_paths
from pcpu.ir.statement import (
    SCALAR_BITS,
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Output,
    Repeat,
    Scalar,
    Span,
    Statement,
    bodies,
    show_bytes,
)
from pcpu.isa import Immediate

INDENT = "    "
_KIND = re.compile(r"imm([1-9][0-9]?)|bytes([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")


def read_kind(name: str, kind: str) -> Immediate | None:
    """The parameter ``name`` of a kind such as ``imm8``, ``bytes4``, ``bytes1-64``."""
    match = _KIND.fullmatch(kind)
    if match is None:
        return None
    bits, least, most = match.groups()
    if bits is not None:
        return Immediate(name, int(bits)) if int(bits) <= 64 else None
    return Immediate(name, 0, (int(least), int(most or least)))


def show_kind(kind: Immediate) -> str:
    if kind.sizes is None:
        return f"imm{kind.bits}"
    least, most = kind.sizes
    return f"bytes{least}" if least == most else f"bytes{least}-{most}"


def show_scalar(scalar: Scalar) -> str:
    return str(scalar) if isinstance(scalar, int) else expr.show(scalar, SCALAR_BITS)


def show_operand(operand: Operand) -> str:
    return show_bytes(operand) if isinstance(operand, bytes) else show_scalar(operand)


def show_span(span: Span) -> str:
    if span.length is None and span.offset == 0:
        return span.buffer
    length = "" if span.length is None else show_scalar(span.length)
    return f"{span.buffer}[{show_scalar(span.offset)}:{length}]"


def pipeline_text(program: Program) -> str:
    """The stages of a pipeline, with the names that differ from the usual ones."""
    names, shown = Names(), []
    for i in program.instructions:
        usual = i.name is None or i.name == names.default(i.op)
        names.add(i.op, None if usual else i.name)
        shown.append(i.text if usual else f"{i.name} = {i.text}")
    return " | ".join(shown)


def pasm_text(program: Program) -> str:
    """The program as a .pasm file."""
    directives = [line for _, line in directive_lines(program)]
    body = [INDENT * depth + line for _, depth, line in body_lines(program.body)]
    return "\n".join([*directives, *([""] if directives else []), *body]) + "\n"


def directive_lines(program: Program) -> Iterator[tuple[Path, str]]:
    """The lines before the statements, with the path of what each declares."""
    for index, parameter in enumerate(program.parameters):
        yield ("params", index), show_parameter(parameter)
    for index, (name, value) in enumerate(program.constants):
        yield ("constants", index), f".const {name} = {value}"
    for index, (name, content) in enumerate(program.tables):
        yield ("tables", index), f".table {name} = {show_bytes(content)}"
    for index, buffer in enumerate(program.buffers):
        size = "" if buffer.size is None else f", {show_scalar(buffer.size)}"
        yield ("buffers", index), f".{buffer.role} {buffer.name}{size}"
    if program.returns is not None:
        yield ("returns",), f".return {', '.join(program.returns)}".rstrip()


def show_parameter(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f" = {show_operand(parameter.default)}"
    return f".param {parameter.name} {show_kind(parameter.kind)}{default}"


def body_lines(
    body: Iterable[Statement], path: Path = ("body",), depth: int = 0
) -> Iterator[tuple[Path, int, str]]:
    """The lines of statements: each with the path of the statement, and with ``else`` or ``end``
    after that for such a line; and in how many blocks it is."""
    for index, s in enumerate(body):
        at = (*path, index)
        yield at, depth, first_line(s)
        for number, (key, block) in enumerate(zip(block_paths(s), bodies(s), strict=True)):
            if number and block:
                yield (*at, "else"), depth, "else"
            yield from body_lines(block, (*at, key), depth + 1)
        if block_paths(s):
            yield (*at, "end"), depth, "end"


def first_line(s: Statement) -> str:
    """The line that a statement begins with."""
    match s:
        case Instruction():
            parts = [show_span(s.span), *map(show_operand, s.immediates)]
            name = "" if s.name is None else f"{s.name} = "
            return f"{name}{s.op.name} {', '.join(parts)}"
        case Move():
            parts = [show_span(span) for span in (s.target, *s.sources)]
            parts += [] if s.value is None else [show_operand(s.value)]
            return f"{s.kind} {', '.join(parts)}"
        case Let():
            return f"{s.name} = {show_scalar(s.value)}"
        case If():
            return f"if {show_scalar(s.test)}"
        case Repeat():
            counter = "" if s.counter is None else f" as {s.counter}"
            return f"repeat {show_scalar(s.count)}{counter}"
        case Each():
            kind = "span" if isinstance(s.size, str) else "window"
            size = s.size if isinstance(s.size, str) else show_scalar(s.size)
            return f"each {kind} {s.name} of {size} in {show_span(s.over)}{_into(s.output)}"
        case Fuse():
            return "fuse"


def _into(output: Output | None) -> str:
    return "" if output is None else f" into {output.name}({', '.join(output.columns)})"
