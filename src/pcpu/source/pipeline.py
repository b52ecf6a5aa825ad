"""``xor 0x5a | crc32c``: the pipeline notation of spec/program.md.

Written by hand: it is two rules long, a parser library takes 0.13 s to load, and the
start of ``pcpu run`` is part of the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pcpu.errors import ProgramError, TextPlace
from pcpu.ir import (
    MAX_NAME,
    MAX_OPERATIONS,
    Program,
    check_immediate,
    check_immediate_count,
    check_length,
    check_name,
    with_names,
)
from pcpu.isa import Isa, Op
from pcpu.source.number import read_immediate

MAX_TEXT = 65536
_SPACE = " \t\r\n"
_TOKEN = re.compile(r"[A-Za-z0-9_]+|[^ \t\r\n]")
_NAME = re.compile(rf"[a-z_][a-z0-9_]{{0,{MAX_NAME - 1}}}")


@dataclass(frozen=True)
class _Token:
    text: str
    offset: int

    @property
    def is_word(self) -> bool:
        return self.text[:1].isascii() and (self.text[:1].isalnum() or self.text[:1] == "_")

    @property
    def is_number(self) -> bool:
        return self.text[:1].isascii() and self.text[:1].isdigit()

    def __str__(self) -> str:
        return repr(self.text) if self.text else "the end"


def parse_pipeline(text: str, isa: Isa) -> Program:
    """The Program that ``text`` stands for. Raises ProgramError with its place."""
    return _Parser(text, isa).program()


class _Parser:
    def __init__(self, text: str, isa: Isa) -> None:
        self.text, self.isa = text, isa
        if len(text) > MAX_TEXT:
            place = TextPlace(text, MAX_TEXT)
            raise ProgramError("too-long", f"a program has at most {MAX_TEXT} characters", place)
        self.tokens = [_Token(m.group(), m.start()) for m in _TOKEN.finditer(text)]
        self.tokens.append(_Token("", len(text.rstrip(_SPACE))))
        self.position = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def take(self) -> _Token:
        token = self.token
        self.position += 1
        return token

    def place(self, token: _Token) -> TextPlace:
        return TextPlace(self.text, token.offset)

    def unexpected(self, token: _Token, wanted: str) -> ProgramError:
        return ProgramError("syntax", f"expected {wanted}, found {token}", self.place(token))

    @contextmanager
    def at(self, token: _Token) -> Iterator[None]:
        """Give errors of the verifier the place of ``token``."""
        try:
            yield
        except ProgramError as error:
            raise ProgramError(error.code, error.message, self.place(token)) from None

    def program(self) -> Program:
        stages: list[tuple[Op, list[int], str | None]] = []
        taken: set[str] = set()
        while True:
            if len(stages) == MAX_OPERATIONS:
                with self.at(self.token):
                    check_length(len(stages) + 1)
            stages.append(self.stage(taken))
            if not self.token.text:
                return with_names(stages)
            if self.token.text not in ("|", ","):
                raise self.unexpected(self.token, "'|' or the end")
            self.take()

    def stage(self, taken: set[str]) -> tuple[Op, list[int], str | None]:
        first = self.take()
        if not first.is_word or first.is_number:
            raise self.unexpected(first, "an operation")
        name, word = None, first
        if self.token.text == "=":
            name = first
            if not _NAME.fullmatch(name.text):
                raise self.unexpected(name, f"a name of a-z, 0-9 and _, at most {MAX_NAME}")
            self.take()
            word = self.take()
            if not word.is_word or word.is_number:
                raise self.unexpected(word, "an operation")
        immediates = self.immediates()

        op = self.isa.find(word.text)
        if op is None:
            close = self.isa.suggest(word.text)
            shown = word.text if len(word.text) <= MAX_NAME else word.text[:MAX_NAME] + "..."
            hint = f"did you mean {close!r}?" if close else "'pcpu isa' lists them"
            message = f"unknown operation {shown!r}; {hint}"
            raise ProgramError("unknown-op", message, self.place(word))
        if name is not None:
            with self.at(name):
                check_name(op, name.text, taken)
            taken.add(name.text)
        with self.at(word):
            check_immediate_count(op, len(immediates))
        for index, (token, value) in enumerate(immediates):
            with self.at(token):
                check_immediate(op, index, value)
        return op, [value for _, value in immediates], name.text if name else None

    def immediates(self) -> list[tuple[_Token, int]]:
        colons = self.token.text == ":"
        found: list[tuple[_Token, int]] = []
        while True:
            if colons:
                if self.token.text != ":":
                    return found
                self.take()
                if not self.token.is_word:
                    raise self.unexpected(self.token, "a number")
            elif not self.token.is_word:
                return found
            token = self.take()
            value = read_immediate(token.text)
            if value is None:
                wanted = "a number" if token.is_number or colons else "a number, '|' or the end"
                raise self.unexpected(token, wanted)
            found.append((token, value))
