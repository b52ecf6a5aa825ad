"""The JSON form of a Program (spec/program.md P10-P12, spec/pasm.md S23)."""

from __future__ import annotations

from typing import Any

from pcpu.errors import ProgramError, ProgramErrors
from pcpu.ir import Program
from pcpu.isa import Isa
from pcpu.source.builder import NAME, NAMES, Builder, Located
from pcpu.source.document_whole import parse_whole
from pcpu.source.json_value import check_members, whole_number, wrong
from pcpu.source.number import Written, read_immediate


def parse_json(document: Any, isa: Isa, file: str = "program") -> Program:
    """The Program in a JSON value as ``json.loads`` gives it. ``file`` is its name in messages.

    Raises ProgramError with the JSON pointer of what is wrong; ProgramErrors with up to 20 of
    them where the program is no pipeline.
    """
    try:
        if isinstance(document, dict) and "body" in document:
            return parse_whole(document, isa)
        return _pipeline(document, isa)
    except ProgramErrors as several:
        raise ProgramErrors([_named(error, file) for error in several.errors]) from None
    except ProgramError as error:
        raise _named(error, file) from None


def _named(error: ProgramError, file: str) -> ProgramError:
    return ProgramError(error.code, error.message, None, error.pointer, file)


def _pipeline(document: Any, isa: Isa) -> Program:
    at = ""
    if isinstance(document, dict):
        check_members(document, {"ops"}, {"ops"}, "")
        document, at = document["ops"], "/ops"
    if not isinstance(document, list) or not document:
        raise wrong("expected a non-empty array of operations", at)
    builder = Builder(isa)
    for index, member in enumerate(document):
        builder.begin(f"{at}/{index}")
        builder.add(*_stage(member, f"{at}/{index}"))
    return builder.program()


def _stage(
    member: Any, at: str
) -> tuple[Located[str], Located[str] | None, list[Located[Written]]]:
    if not isinstance(member, dict):
        raise wrong('expected an object {"op": ...}', at)
    check_members(member, {"op", "imm", "name"}, {"op"}, at)
    if not isinstance(member["op"], str):
        raise wrong("expected a string", f"{at}/op")
    name = None
    if "name" in member:
        given = member["name"]
        if not isinstance(given, str) or not NAME.fullmatch(given):
            raise wrong(f"expected {NAMES} characters", f"{at}/name")
        name = Located(given, f"{at}/name")
    imm = member.get("imm", [])
    if isinstance(imm, list):
        imms = [_operand(value, f"{at}/imm/{index}") for index, value in enumerate(imm)]
    else:
        imms = [_operand(imm, f"{at}/imm")]
    return Located(member["op"], f"{at}/op"), name, imms


def _operand(value: Any, pointer: str) -> Located[Written]:
    if isinstance(value, str):
        found = read_immediate(value)
    else:
        number = whole_number(value)
        found = None if number is None else Written(number)
    if found is None:
        message = "expected an integer of magnitude at most 2^53 - 1, or a string such as '0x5a'"
        raise wrong(message, pointer)
    return Located(found, pointer)
