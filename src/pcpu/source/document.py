"""The JSON form of a Program (spec/program.md P10-P12)."""

from __future__ import annotations

from typing import Any

from pcpu.errors import ProgramError
from pcpu.ir import EXACT_JSON, MAX_NAME, Program
from pcpu.isa import Isa
from pcpu.source.builder import NAME, Builder, Located
from pcpu.source.number import Written, read_immediate


def parse_json(document: Any, isa: Isa, file: str = "program") -> Program:
    """The Program in a JSON value as ``json.loads`` gives it. ``file`` is its name in messages.

    Raises ProgramError with the JSON pointer of what is wrong.
    """
    try:
        return _pipeline(document, isa)
    except ProgramError as error:
        raise ProgramError(error.code, error.message, None, error.pointer, file) from None


def _pipeline(document: Any, isa: Isa) -> Program:
    at = ""
    if isinstance(document, dict):
        _members(document, {"ops"}, {"ops"}, "")
        document, at = document["ops"], "/ops"
    if not isinstance(document, list) or not document:
        raise _wrong("expected a non-empty array of operations", at)
    builder = Builder(isa)
    for index, member in enumerate(document):
        builder.begin(f"{at}/{index}")
        builder.add(*_stage(member, f"{at}/{index}"))
    return builder.program()


def _stage(
    member: Any, at: str
) -> tuple[Located[str], Located[str] | None, list[Located[Written]]]:
    if not isinstance(member, dict):
        raise _wrong('expected an object {"op": ...}', at)
    _members(member, {"op", "imm", "name"}, {"op"}, at)
    if not isinstance(member["op"], str):
        raise _wrong("expected a string", f"{at}/op")
    name = None
    if "name" in member:
        given = member["name"]
        if not isinstance(given, str) or not NAME.fullmatch(given):
            message = f"expected a name of a-z, 0-9 and _, at most {MAX_NAME} characters"
            raise _wrong(message, f"{at}/name")
        name = Located(given, f"{at}/name")
    imm = member.get("imm", [])
    if isinstance(imm, list):
        imms = [_operand(value, f"{at}/imm/{index}") for index, value in enumerate(imm)]
    else:
        imms = [_operand(imm, f"{at}/imm")]
    return Located(member["op"], f"{at}/op"), name, imms


def _members(value: dict[str, Any], allowed: set[str], needed: set[str], at: str) -> None:
    for key in value:
        if key not in allowed:
            escaped = key.replace("~", "~0").replace("/", "~1")
            raise _wrong(f"unknown member; known: {', '.join(sorted(allowed))}", f"{at}/{escaped}")
    for key in sorted(needed - value.keys()):
        raise _wrong(f"the member {key!r} is missing", at)


def _operand(value: Any, pointer: str) -> Located[Written]:
    found = None
    if isinstance(value, str):
        found = read_immediate(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # 90.0 is the integer 90 to JSON, which has one kind of number.
        whole = value == value // 1 and abs(value) <= EXACT_JSON
        found = Written(int(value)) if whole else None
    if found is None:
        message = "expected an integer of magnitude at most 2^53 - 1, or a string such as '0x5a'"
        raise _wrong(message, pointer)
    return Located(found, pointer)


def _wrong(message: str, pointer: str) -> ProgramError:
    return ProgramError("syntax", message, pointer=pointer)
