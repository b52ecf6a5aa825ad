"""The JSON form of a program (spec/program.md P10, spec/pasm.md S23)."""

from __future__ import annotations

from typing import Any

from pcpu.ir.model import (
    EXACT_JSON,
    Program,
)
from pcpu.ir.statement import (
    Each,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Operand,
    Repeat,
    Span,
    Statement,
    show_bytes,
)
from pcpu.ir.text import show_kind, show_scalar


def to_json(program: Program) -> dict[str, Any]:
    """The document of ``program``, of what ``json`` can write."""
    if program.is_pipeline:
        return {"ops": [_stage(instruction) for instruction in program.instructions]}
    document: dict[str, Any] = {}
    if program.parameters:
        document["params"] = [
            {"name": p.name, "kind": show_kind(p.kind)}
            | ({} if p.default is None else {"default": operand_json(p.default)})
            for p in program.parameters
        ]
    if program.constants:
        document["constants"] = [
            {"name": name, "value": operand_json(value)} for name, value in program.constants
        ]
    if program.tables:
        document["tables"] = [
            {"name": name, "bytes": show_bytes(content)} for name, content in program.tables
        ]
    document["buffers"] = [
        {"name": b.name, "role": b.role}
        | ({} if b.size is None else {"size": operand_json(b.size)})
        for b in program.buffers
    ]
    document["body"] = _body(program.body)
    if program.returns is not None:
        document["returns"] = list(program.returns)
    return document


def operand_json(value: Operand) -> int | str:
    """A number as itself while every reader of JSON keeps it; anything else as text."""
    if isinstance(value, bytes):
        return show_bytes(value)
    if isinstance(value, int) and value <= EXACT_JSON:
        return value
    return show_scalar(value)


def _stage(instruction: Instruction) -> dict[str, Any]:
    """An operation over all of the data, with one immediate by itself and more in a list."""
    imms = [operand_json(value) for value in instruction.immediates]
    member: dict[str, Any] = {"op": instruction.op.name}
    if imms:
        member["imm"] = imms[0] if len(imms) == 1 else imms
    if instruction.name is not None:
        member["name"] = instruction.name
    return member


def _body(body: tuple[Statement, ...]) -> list[dict[str, Any]]:
    return [_statement(statement) for statement in body]


def _statement(s: Statement) -> dict[str, Any]:
    match s:
        case Instruction():
            member: dict[str, Any] = {"op": s.op.name, "span": _span(s.span)}
            if s.immediates:
                member["imm"] = [operand_json(value) for value in s.immediates]
            return member | ({} if s.name is None else {"name": s.name})
        case Move():
            member = {"move": s.kind, "target": _span(s.target)}
            if s.sources:
                member["sources"] = [_span(source) for source in s.sources]
            return member | ({} if s.value is None else {"value": operand_json(s.value)})
        case Let():
            return {"let": s.name, "value": operand_json(s.value)}
        case If():
            other = {"else": _body(s.other)} if s.other else {}
            return {"if": operand_json(s.test), "then": _body(s.then), **other}
        case Repeat():
            counter = {} if s.counter is None else {"as": s.counter}
            return {"repeat": operand_json(s.count), **counter, "body": _body(s.body)}
        case Each():
            size = {"spans": s.size} if isinstance(s.size, str) else {"size": operand_json(s.size)}
            member = {"each": s.name, "in": _span(s.over), **size, "body": _body(s.body)}
            if s.output is not None:
                member["into"] = {"name": s.output.name, "columns": list(s.output.columns)}
            return member
        case Fuse():
            return {"fuse": _body(s.body)}


def _span(span: Span) -> dict[str, Any]:
    length = {} if span.length is None else {"length": operand_json(span.length)}
    return {"buffer": span.buffer, "offset": operand_json(span.offset), **length}
