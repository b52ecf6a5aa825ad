"""The JSON form of programs with spans, registers and control flow (spec/pasm.md S23, S24)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pcpu import expr
from pcpu.errors import ExpressionError, ProgramError, ProgramErrors
from pcpu.expr import Const, Expr, Tokens, Typer
from pcpu.ir import (
    MAX_BLOCKS,
    MAX_ERRORS,
    MOVES,
    SCALAR_BITS,
    Buffer,
    Each,
    Fault,
    Fuse,
    If,
    Instruction,
    Let,
    Move,
    Names,
    Operand,
    Output,
    Parameter,
    Program,
    Repeat,
    Scalar,
    Span,
    Statement,
    check,
    named_in,
    with_data,
)
from pcpu.ir.text import read_kind
from pcpu.isa import Isa, Op
from pcpu.source.builder import NAME, NAMES
from pcpu.source.json_value import check_members, whole_number, wrong
from pcpu.source.number import read_bytes
from pcpu.source.unknown import unknown_operation

_MEMBERS = ("params", "constants", "tables", "buffers", "body", "returns")
_ROLES = ("inout", "in", "out", "spans")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_BYTES = "expected bytes: '0x' and pairs of hexadecimal digits"
ANY = "*"  # among names: all of them
T = TypeVar("T")


def parse_whole(document: dict[str, Any], isa: Isa) -> Program:
    """The verified Program in an object with the member ``body``. Raises ProgramErrors."""
    reader = _Reader(isa)
    program = reader.program(document)
    complete = with_data(program)
    if program.body or not reader.errors:
        faults, _ = check(complete)
        moved = complete is not program
        found = [
            ProgramError(fault.code, fault.message, pointer=reader.pointer(fault, moved=moved))
            for fault in faults
            if not reader.follows(fault)
        ]
        reader.errors += found
    if reader.errors:
        raise ProgramErrors(reader.errors[:MAX_ERRORS])
    return complete


class _Reader:
    def __init__(self, isa: Isa) -> None:
        self.isa, self.names = isa, Names()
        self.errors: list[ProgramError] = []
        self.doubtful: set[str] = set()  # names in what could not be read
        self.kept: dict[str, list[int]] = {}  # arrays -> the places of the items that were read
        self.constants: dict[str, int] = {}

    @contextmanager
    def item(self, value: Any) -> Iterator[None]:
        """Note what is wrong with ``value``, and go on without it."""
        try:
            yield
        except ProgramErrors:  # there are too many
            raise
        except ProgramError as error:
            self.errors.append(error)
            self.doubtful.update(list(_words(value)) or [ANY])
            if len(self.errors) >= MAX_ERRORS:
                raise ProgramErrors(self.errors) from None

    def items(self, value: Any, at: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        """The items of an array, without those that cannot be read."""
        if not isinstance(value, list):
            raise wrong("expected an array", at)
        found: list[T] = []
        kept = self.kept[at] = list[int]()
        for index, item in enumerate(value):
            with self.item(item):
                found.append(read(item, f"{at}/{index}"))
                kept.append(index)
        return tuple(found)

    def follows(self, fault: Fault) -> bool:
        """Whether a fault may come from what could not be read."""
        return bool(fault.about and self.doubtful & {*fault.about, ANY})

    def pointer(self, fault: Fault, *, moved: bool) -> str:
        """Where in the document a fault is. Items may be missing from the program; ``moved`` says
        that a buffer has been put before those of the document."""
        found = ""
        for part in fault.path:
            if isinstance(part, int) and found in self.kept:
                place = part - 1 if moved and found == "/buffers" else part
                kept = self.kept[found]
                found = f"{found}/{kept[place] if 0 <= place < len(kept) else place}"
            else:
                found = f"{found}/{part}"
        return found

    def program(self, document: dict[str, Any]) -> Program:
        with self.item(None):
            check_members(document, _MEMBERS, ["body"], "")
        parts: dict[str, Any] = {}
        for member, read in (
            ("params", self.parameter), ("constants", self.constant), ("tables", self.table),
            ("buffers", self.buffer), ("body", self.statement), ("returns", self.name),
        ):  # fmt: skip
            parts[member] = ()
            if member in document:
                with self.item(document[member]):
                    parts[member] = self.items(document[member], f"/{member}", read)
        program = Program(
            parts["body"], parts["params"], parts["constants"], parts["tables"], parts["buffers"]
        )
        return program.returning(parts["returns"]) if "returns" in document else program

    # Declarations

    def parameter(self, value: Any, at: str) -> Parameter:
        self.members(value, ("name", "kind", "default"), ("name", "kind"), at)
        name = self.declared(value["name"], f"{at}/name")
        kind = read_kind(name, self.text(value["kind"], f"{at}/kind"))
        if kind is None:
            message = "a parameter is imm1 to imm64, bytesN or bytesM-N, with at most 65536 bytes"
            raise wrong(message, f"{at}/kind", "wrong-kind")
        if "default" not in value:
            return Parameter(kind)
        at = f"{at}/default"
        if kind.sizes is None:
            return Parameter(kind, self.number(value["default"], at))
        return Parameter(kind, self.bytes_(value["default"], at))

    def constant(self, value: Any, at: str) -> tuple[str, int]:
        self.members(value, ("name", "value"), ("name", "value"), at)
        name = self.declared(value["name"], f"{at}/name")
        self.constants[name] = self.number(value["value"], f"{at}/value")
        return name, self.constants[name]

    def table(self, value: Any, at: str) -> tuple[str, bytes]:
        self.members(value, ("name", "bytes"), ("name", "bytes"), at)
        name = self.declared(value["name"], f"{at}/name")
        return name, self.bytes_(value["bytes"], f"{at}/bytes")

    def buffer(self, value: Any, at: str) -> Buffer:
        self.members(value, ("name", "role", "size"), ("name", "role"), at)
        name = self.declared(value["name"], f"{at}/name")
        role: Any = self.text(value["role"], f"{at}/role")
        if role not in _ROLES:
            raise wrong(f"expected one of {', '.join(_ROLES)}", f"{at}/role")
        size = self.scalar(value["size"], f"{at}/size") if "size" in value else None
        return Buffer(name, role, size)

    def declared(self, value: Any, at: str) -> str:
        name = self.name(value, at)
        self.names.taken.add(name)
        return name

    # Values

    def members(
        self, value: Any, allowed: tuple[str, ...], needed: tuple[str, ...], at: str
    ) -> None:
        if not isinstance(value, dict):
            raise wrong(f"expected an object with {', '.join(map(repr, needed))}", at)
        check_members(value, allowed, needed, at)

    def text(self, value: Any, at: str) -> str:
        if not isinstance(value, str):
            raise wrong("expected a string", at)
        return value

    def name(self, value: Any, at: str) -> str:
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise wrong(f"expected {NAMES} characters", at)
        return value

    def bytes_(self, value: Any, at: str) -> bytes:
        found = read_bytes(value) if isinstance(value, str) else None
        if found is None:
            raise wrong(_BYTES, at)
        return found

    def number(self, value: Any, at: str) -> int:
        """A number, or an expression over the constants before it."""
        found = self.scalar(value, at)
        if isinstance(found, int):
            return found
        for name in sorted(named_in(found)):
            if name not in self.constants:
                message = f"a constant is made of numbers and earlier constants, not of {name!r}"
                raise wrong(message, at, "unknown-name")
        return expr.evaluate(found, self.constants, SCALAR_BITS)

    def scalar(self, value: Any, at: str) -> Scalar:
        if isinstance(value, str):
            found = self.expression(value, at)
            return found.value if isinstance(found, Const) else found
        number = whole_number(value)
        if number is None:
            message = "expected an integer of magnitude at most 2^53 - 1, or a string with a scalar"
            raise wrong(message, at)
        if number < 0:
            raise wrong(f"{number} is negative; numbers are not", at, "immediate-range")
        return number

    def expression(self, text: str, at: str) -> Expr:
        try:
            tokens = Tokens(text)
            node = expr.read_expression(tokens)
            tokens.end()
            return Typer(text, None, SCALAR_BITS).typed(node)
        except ExpressionError as error:
            place = f"at character {error.column or 1} of {expr.shown(text)}"
            raise wrong(f"{error.message} {place}", at) from None

    def operand(self, value: Any, at: str, *, is_bytes: bool) -> Operand:
        if not is_bytes:
            return self.scalar(value, at)
        found = read_bytes(value) if isinstance(value, str) else None
        if found is None and not (isinstance(value, str) and NAME.fullmatch(value)):
            raise wrong(f"{_BYTES}, or the name of a table or bytes parameter", at)
        return expr.Var(value) if found is None else found

    def span(self, value: Any, at: str) -> Span:
        self.members(value, ("buffer", "offset", "length"), ("buffer",), at)
        offset = self.scalar(value.get("offset", 0), f"{at}/offset")
        length = self.scalar(value["length"], f"{at}/length") if "length" in value else None
        return Span(self.name(value["buffer"], f"{at}/buffer"), offset, length)

    # Statements

    def statement(self, value: Any, at: str) -> Statement:
        if isinstance(value, dict):
            for kind, read in _KINDS.items():
                if kind in value:
                    return read(self, value, at)
        raise wrong(f"expected an object with one of {', '.join(map(repr, _KINDS))}", at)

    def body(self, value: Any, at: str) -> tuple[Statement, ...]:
        if at.count("/") > 2 * MAX_BLOCKS + 1:  # a block adds its name and a number
            raise wrong(f"blocks nest at most {MAX_BLOCKS} deep", at, "too-long")
        return self.items(value, at, self.statement)

    def operation(self, value: dict[str, Any], at: str) -> Instruction:
        self.members(value, ("op", "span", "imm", "name"), ("op", "span"), at)
        word = self.text(value["op"], f"{at}/op")
        op = self.isa.find(word)
        if op is None:
            raise wrong(unknown_operation(word, self.isa), f"{at}/op", "unknown-op")
        span = self.span(value["span"], f"{at}/span")
        imms = self.imms(op, value.get("imm", []), f"{at}/imm")
        name = self.name(value["name"], f"{at}/name") if "name" in value else None
        return Instruction(op, imms, self.names.add(op, name) or name, span)

    def imms(self, op: Op, value: Any, at: str) -> tuple[Operand, ...]:
        """One operand, or an array of them."""
        several = isinstance(value, list)
        given = [(x, f"{at}/{k}") for k, x in enumerate(value)] if several else [(value, at)]
        kinds = [imm.sizes is not None for imm in op.immediates] + [False] * len(given)
        pairs = zip(given, kinds, strict=False)
        return tuple(self.operand(imm, here, is_bytes=is_bytes) for (imm, here), is_bytes in pairs)

    def move(self, value: dict[str, Any], at: str) -> Move:
        self.members(value, ("move", "target", "sources", "value"), ("move", "target"), at)
        kind: Any = self.text(value["move"], f"{at}/move")
        if kind not in MOVES:
            raise wrong(f"expected one of {', '.join(MOVES)}", f"{at}/move", "unknown-op")
        target = self.span(value["target"], f"{at}/target")
        sources = self.items(value.get("sources", []), f"{at}/sources", self.span)
        operand = None
        if "value" in value:
            is_bytes = MOVES[kind].value == "bytes"
            operand = self.operand(value["value"], f"{at}/value", is_bytes=is_bytes)
        return Move(kind, target, sources, operand)

    def let(self, value: dict[str, Any], at: str) -> Let:
        self.members(value, ("let", "value"), ("let", "value"), at)
        name = self.declared(value["let"], f"{at}/let")
        return Let(name, self.scalar(value["value"], f"{at}/value"))

    def branch(self, value: dict[str, Any], at: str) -> If:
        self.members(value, ("if", "then", "else"), ("if", "then"), at)
        test = self.scalar(value["if"], f"{at}/if")
        then = self.body(value["then"], f"{at}/then")
        return If(test, then, self.body(value.get("else", []), f"{at}/else"))

    def repeat(self, value: dict[str, Any], at: str) -> Repeat:
        self.members(value, ("repeat", "as", "body"), ("repeat", "body"), at)
        count = self.scalar(value["repeat"], f"{at}/repeat")
        counter = self.declared(value["as"], f"{at}/as") if "as" in value else None
        return Repeat(count, self.body(value["body"], f"{at}/body"), counter)

    def each(self, value: dict[str, Any], at: str) -> Each:
        of = "spans" if isinstance(value, dict) and "spans" in value else "size"
        self.members(value, ("each", "in", of, "body", "into"), ("each", "in", of, "body"), at)
        name = self.declared(value["each"], f"{at}/each")
        over = self.span(value["in"], f"{at}/in")
        size: Scalar | str
        size = (
            self.name(value[of], f"{at}/{of}")
            if of == "spans"
            else self.scalar(value[of], f"{at}/{of}")
        )
        output = self.output(value["into"], f"{at}/into") if "into" in value else None
        return Each(name, over, size, self.body(value["body"], f"{at}/body"), output)

    def output(self, value: Any, at: str) -> Output:
        self.members(value, ("name", "columns"), ("name", "columns"), at)
        name = self.declared(value["name"], f"{at}/name")
        return Output(name, self.items(value["columns"], f"{at}/columns", self.name))

    def fuse(self, value: dict[str, Any], at: str) -> Fuse:
        self.members(value, ("fuse",), ("fuse",), at)
        body = self.body(value["fuse"], f"{at}/fuse")
        for index, s in enumerate(body):
            if not isinstance(s, Instruction):
                raise wrong("only operations stand in a fuse", f"{at}/fuse/{index}", "block")
        return Fuse(tuple(s for s in body if isinstance(s, Instruction)))


_KINDS: dict[str, Callable[[_Reader, dict[str, Any], str], Statement]] = {
    "op": _Reader.operation,
    "move": _Reader.move,
    "let": _Reader.let,
    "if": _Reader.branch,
    "repeat": _Reader.repeat,
    "each": _Reader.each,
    "fuse": _Reader.fuse,
}


def _words(value: Any) -> Iterator[str]:
    """The names in all texts of a JSON value."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield from _WORD.findall(found)
        elif isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
