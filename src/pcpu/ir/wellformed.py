"""What a Program that was not read from a text may get wrong: its sizes, names and numbers.

It is checked before anything else: the rest of the verifier, the interpreter and the lowering go
through a program without asking how large it is, and put its names into code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcpu import expr
from pcpu.errors import plural
from pcpu.ir.fault import Fault, Path
from pcpu.ir.model import Program
from pcpu.ir.parts import block_paths, operands_of, spans_of
from pcpu.ir.statement import (
    SCALAR_BITS,
    Each,
    Instruction,
    Let,
    Repeat,
    Scalar,
    Statement,
    bodies,
)

MAX_STATEMENTS = 65536
MAX_BLOCKS = 16  # that are within each other
MAX_LITERALS = 16 << 20  # bytes of tables and literals
MAX_CONSTANTS = 65536
MAX_PARAMETERS, MAX_BUFFERS, MAX_TABLES = 64, 64, 1024
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def malformed(program: Program) -> list[Fault]:
    """The faults for which nothing else of ``program`` is worth looking at."""
    too_long = [fault for fault in (_too_many(program), _too_large(program)) if fault is not None]
    return too_long or [*_declarations(program), *_statements(program)]


def statements(program: Program) -> Iterator[tuple[Statement, Path]]:
    """All statements of a program that is not too large, in program order, with their paths."""
    stack: list[tuple[Statement, Path]] = []

    def push(body: tuple[Statement, ...], path: Path) -> None:
        stack.extend((s, (*path, index)) for index, s in reversed(list(enumerate(body))))

    push(program.body, ("body",))
    while stack:
        statement, path = stack.pop()
        yield statement, path
        for key, body in reversed(
            list(zip(block_paths(statement), bodies(statement), strict=True))
        ):
            push(body, (*path, key))


def _too_many(program: Program) -> Fault | None:
    for what, items, limit in (
        ("params", program.parameters, MAX_PARAMETERS),
        ("buffers", program.buffers, MAX_BUFFERS),
        ("tables", program.tables, MAX_TABLES),
        ("constants", program.constants, MAX_CONSTANTS),
    ):
        if len(items) > limit:
            return Fault("too-long", f"a program has at most {limit} {what}", (what, limit))
    return None


def _too_large(program: Program) -> Fault | None:
    """Also for blocks in blocks in blocks: nothing here calls itself."""
    waiting: list[tuple[tuple[Statement, ...], Path, int]] = [(program.body, ("body",), 0)]
    count = 0
    literals = sum(len(content) for _, content in program.tables)
    while waiting:
        body, path, depth = waiting.pop()
        for index, s in enumerate(body):
            here = (*path, index)
            count += 1
            if count > MAX_STATEMENTS:
                return Fault("too-long", f"a program has at most {MAX_STATEMENTS} statements", here)
            literals += sum(len(o) for _, o in operands_of(s) if isinstance(o, bytes))
            inner = bodies(s)
            if inner and depth >= MAX_BLOCKS:
                return Fault("too-long", f"blocks nest at most {MAX_BLOCKS} deep", here)
            keys = block_paths(s)
            waiting += [(b, (*here, k), depth + 1) for b, k in zip(inner, keys, strict=True)]
    if literals > MAX_LITERALS:
        has = plural(literals, "byte")
        limit = f"tables and literals have at most {MAX_LITERALS} bytes together"
        return Fault("too-long", f"{limit}, these {has}", ("body",))
    return None


def _declarations(program: Program) -> Iterator[Fault]:
    for index, parameter in enumerate(program.parameters):
        yield from _name(parameter.name, ("params", index, "name"))
        if parameter.kind.sizes is None and not 1 <= parameter.kind.bits <= SCALAR_BITS:
            yield Fault("wrong-kind", "a number has 1 to 64 bits", ("params", index, "kind"))
    for index, (name, value) in enumerate(program.constants):
        yield from _name(name, ("constants", index, "name"))
        yield from _scalar(value, ("constants", index, "value"))
    for index, (name, _) in enumerate(program.tables):
        yield from _name(name, ("tables", index, "name"))
    for index, buffer in enumerate(program.buffers):
        yield from _name(buffer.name, ("buffers", index, "name"))
        if buffer.size is not None:
            yield from _scalar(buffer.size, ("buffers", index, "size"))


def _statements(program: Program) -> Iterator[Fault]:
    for s, at in statements(program):
        for path, span in spans_of(s):
            yield from _name(span.buffer, (*at, *path, "buffer"))
        for path, operand in operands_of(s):
            if not isinstance(operand, bytes):
                yield from _scalar(operand, (*at, *path))
        for path, name in _given_names(s):
            yield from _name(name, (*at, *path))


def _given_names(s: Statement) -> Iterator[tuple[Path, str]]:
    match s:
        case Instruction() if s.name is not None:
            yield ("name",), s.name
        case Let():
            yield ("let",), s.name
        case Repeat() if s.counter is not None:
            yield ("as",), s.counter
        case Each():
            yield ("each",), s.name
            if isinstance(s.size, str):
                yield ("spans",), s.size
            if s.output is not None:
                yield ("into", "name"), s.output.name
                for index, column in enumerate(s.output.columns):
                    yield ("into", "columns", index), column
        case _:
            return


def _name(name: str, at: Path) -> Iterator[Fault]:
    if not _NAME.fullmatch(name):
        yield Fault("syntax", f"{expr.shown(name)} is no name: a-z, 0-9 and _, no digit first", at)


def _scalar(scalar: Scalar, at: Path) -> Iterator[Fault]:
    if isinstance(scalar, int):
        if scalar < 0 or scalar >> SCALAR_BITS:
            yield Fault("immediate-range", "a number has 64 bits and no sign", at)
    elif (reason := expr.malformed(scalar, SCALAR_BITS)) is not None:
        yield Fault("syntax", reason, at)
