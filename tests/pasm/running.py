"""Programs written in tests: run by the interpreter, or refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pcpu.errors import ProgramErrors, TrapError
from pcpu.interp.whole import run_whole
from pcpu.ir import Outcome, Program
from pcpu.library import load_isa
from pcpu.source import parse_pasm

ISA = load_isa()


def parse(text: str) -> Program:
    return parse_pasm(text, ISA)


def run(text: str, arguments: Mapping[str, int | bytes] | None = None, **inputs: bytes) -> Outcome:
    """What the program ``text`` leaves of its inputs; parameters have their defaults."""
    program = parse(text)
    values = {p.name: p.default for p in program.parameters if p.default is not None}
    return run_whole(program, inputs, values | dict(arguments or {}))


def results(text: str, **inputs: bytes) -> dict[str, int | tuple[int, ...]]:
    return run(text, None, **inputs).results


def value(scalar: str, before: str = "", **inputs: bytes) -> int:
    """The value of a scalar, after the lines ``before``."""
    found = results(f".return x\n{before}\nx = {scalar}\n", **inputs)["x"]
    assert isinstance(found, int)
    return found


def mistakes(text: str) -> list[tuple[str, int, int]]:
    """The codes, lines and columns of what is wrong with ``text``."""
    with pytest.raises(ProgramErrors) as caught:
        parse(text)
    return [(e.code, e.place.line, e.place.column) for e in caught.value.errors if e.place]


def codes(text: str) -> list[str]:
    return [code for code, _, _ in mistakes(text)]


def trap(text: str, arguments: dict[str, int | bytes] | None = None, **inputs: bytes) -> TrapError:
    """How the program ``text`` ends before its end."""
    with pytest.raises(TrapError) as caught:
        run(text, arguments, **inputs)
    return caught.value
