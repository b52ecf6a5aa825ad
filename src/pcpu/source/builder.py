"""What the two written forms share: the checks of a stage, in the order of P9."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pcpu.errors import ProgramError, TextPlace
from pcpu.ir import (
    MAX_NAME,
    Instruction,
    Names,
    Program,
    check_immediate,
    check_immediate_count,
    check_length,
    check_name,
)
from pcpu.isa import Isa
from pcpu.source.number import Written
from pcpu.source.unknown import unknown_operation

Place = TextPlace | str  # in a text, or a JSON pointer
T = TypeVar("T")
NAME = re.compile(rf"[a-z_][a-z0-9_]{{0,{MAX_NAME - 1}}}")
NAMES = f"a name of a-z, 0-9 and _, at most {MAX_NAME}"  # characters


@dataclass(frozen=True)
class Located(Generic[T]):
    value: T
    place: Place


def error(code: str, message: str, place: Place) -> ProgramError:
    if isinstance(place, TextPlace):
        return ProgramError(code, message, place=place)
    return ProgramError(code, message, pointer=place)


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Give errors of the verifier a place."""
    try:
        yield
    except ProgramError as found:
        raise error(found.code, found.message, place) from None


class Builder:
    """Takes stages of the right shape, checks them and gives a Program."""

    def __init__(self, isa: Isa) -> None:
        self._isa, self._names = isa, Names()
        self._instructions: list[Instruction] = []

    def begin(self, place: Place) -> None:
        """To be called where a stage begins, before it is read."""
        with at(place):
            check_length(len(self._instructions) + 1)

    def add(
        self, word: Located[str], name: Located[str] | None, imms: Sequence[Located[Written]]
    ) -> None:
        op = self._isa.find(word.value)
        if op is None:
            raise error("unknown-op", unknown_operation(word.value, self._isa), word.place)
        if name is not None:
            with at(name.place):
                check_name(op, name.value, self._names.taken)
        with at(word.place):
            check_immediate_count(op, len(imms))
        operands: list[int | bytes] = []
        for index, (kind, imm) in enumerate(zip(op.immediates, imms, strict=True)):
            meant = imm.value.data if kind.sizes is not None else None
            operands.append(imm.value.number if meant is None else meant)
            with at(imm.place):
                check_immediate(op, index, operands[-1])
        given = self._names.add(op, name.value if name else None)
        self._instructions.append(Instruction(op, tuple(operands), given))

    def program(self) -> Program:
        return Program(tuple(self._instructions))
