"""The JSON form of a Program (spec/program.md P10-P12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pcpu.errors import ProgramError
from pcpu.ir import (
    EXACT_JSON,
    MAX_NAME,
    Program,
    check_immediate,
    check_immediate_count,
    check_length,
    check_name,
    with_names,
)
from pcpu.isa import Isa, Op
from pcpu.source.number import read_immediate


def parse_json(document: Any, isa: Isa) -> Program:
    """The Program in a JSON value as ``json.loads`` gives it.

    Raises ProgramError with the JSON pointer of what is wrong.
    """
    at = ""
    if isinstance(document, dict):
        _members(document, {"ops"}, {"ops"}, "")
        document, at = document["ops"], "/ops"
    if not isinstance(document, list) or not document:
        raise ProgramError("syntax", "expected a non-empty array of operations", pointer=at)
    taken: set[str] = set()
    stages = []
    for index, member in enumerate(document):
        with _at(f"{at}/{index}"):
            check_length(index + 1)
        stages.append(_stage(member, isa, taken, f"{at}/{index}"))
    return with_names(stages)


def _stage(member: Any, isa: Isa, taken: set[str], at: str) -> tuple[Op, list[int], str | None]:
    if not isinstance(member, dict):
        raise ProgramError("syntax", 'expected an object {"op": ...}', pointer=at)
    _members(member, {"op", "imm", "name"}, {"op"}, at)
    if not isinstance(member["op"], str):
        raise ProgramError("syntax", "expected a string", pointer=f"{at}/op")
    op = isa.find(member["op"])
    if op is None:
        close = isa.suggest(member["op"])
        hint = f"; did you mean {close!r}?" if close else "; 'pcpu isa' lists them"
        shown = member["op"][:MAX_NAME]
        raise ProgramError("unknown-op", f"unknown operation {shown!r}{hint}", pointer=f"{at}/op")
    name = member.get("name")
    if "name" in member:
        if not (
            isinstance(name, str)
            and 0 < len(name) <= MAX_NAME
            and name.isascii()
            and name.replace("_", "a").isalnum()
            and name == name.lower()
            and not name[0].isdigit()
        ):
            message = f"expected a name of a-z, 0-9 and _, at most {MAX_NAME} characters"
            raise ProgramError("syntax", message, pointer=f"{at}/name")
        with _at(f"{at}/name"):
            check_name(op, name, taken)
        taken.add(name)
    given = member.get("imm", [])
    one = not isinstance(given, list)
    listed = [given] if one else given
    with _at(f"{at}/op" if not listed else f"{at}/imm"):
        check_immediate_count(op, len(listed))
    immediates = []
    for index, value in enumerate(listed):
        pointer = f"{at}/imm" if one else f"{at}/imm/{index}"
        immediates.append(_integer(value, pointer))
        with _at(pointer):
            check_immediate(op, index, immediates[-1])
    return op, immediates, name


def _members(value: dict[str, Any], allowed: set[str], needed: set[str], at: str) -> None:
    for key in value:
        if key not in allowed:
            wanted = ", ".join(sorted(allowed))
            raise ProgramError("syntax", f"unknown member; known: {wanted}", pointer=f"{at}/{key}")
    for key in sorted(needed - value.keys()):
        raise ProgramError("syntax", f"the member {key!r} is missing", pointer=at)


def _integer(value: Any, pointer: str) -> int:
    if isinstance(value, str):
        number = read_immediate(value)
        if number is not None:
            return number
    # 90.0 is the integer 90 to JSON, which has one kind of number.
    elif isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_JSON:
        return int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    message = "expected an integer, or a string such as '0x5a'"
    raise ProgramError("syntax", message, pointer=pointer)


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    try:
        yield
    except ProgramError as error:
        raise ProgramError(error.code, error.message, pointer=pointer) from None
