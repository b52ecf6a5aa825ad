"""``xor 0x5a | crc32c``: the pipeline notation of spec/program.md.

Written by hand: it is two rules long, a parser library takes 0.13 s to load, and the
start of ``pcpu run`` is part of the product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pcpu.errors import ProgramError, TextPlace
from pcpu.ir import MAX_NAME, Program
from pcpu.isa import Isa
from pcpu.source.builder import NAME, NAMES, Builder, Located
from pcpu.source.number import Written, read_immediate

MAX_TEXT = 65536
_TOKEN = re.compile(r"[A-Za-z0-9_]+|[^ \t\r\n]")
_WORD = re.compile(r"[A-Za-z_]")
_NUMBER = "a number such as 90, 0x5a, 0o132 or 0b1011010"


@dataclass(frozen=True)
class _Token:
    """A word, one other character, or at the end nothing."""

    text: str
    offset: int

    @property
    def is_word(self) -> bool:
        return bool(re.match(r"[A-Za-z0-9_]", self.text))

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= MAX_NAME else self.text[:MAX_NAME] + "..."
        return repr(shown) if self.text else "the end"


def parse_pipeline(text: str, isa: Isa, file: str = "program") -> Program:
    """The Program that ``text`` stands for. ``file`` is its name in messages.

    Raises ProgramError with its place.
    """
    if len(text) > MAX_TEXT:
        place = TextPlace(text, MAX_TEXT, file)
        raise ProgramError("too-long", f"a program has at most {MAX_TEXT} characters", place)
    return _Parser(text, file).program(Builder(isa))


class _Parser:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.tokens = [_Token(m.group(), m.start()) for m in _TOKEN.finditer(text)]
        last = self.tokens[-1] if self.tokens else _Token("", 0)
        self.tokens.append(_Token("", last.offset + len(last.text)))
        self.position = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def place(self, token: _Token) -> TextPlace:
        return TextPlace(self.text, token.offset, self.file)

    def take(self) -> Located[str]:
        token = self.token
        self.position += 1
        return Located(token.text, self.place(token))

    def unexpected(self, wanted: str) -> ProgramError:
        place = self.place(self.token)
        return ProgramError("syntax", f"expected {wanted}, found {self.token}", place)

    def program(self, builder: Builder) -> Program:
        while True:
            builder.begin(self.place(self.token))
            builder.add(*self.stage())
            if not self.token.text:
                return builder.program()
            self.take()

    def stage(self) -> tuple[Located[str], Located[str] | None, list[Located[Written]]]:
        word, name = self.operation(), None
        if self.token.text == "=":
            name = word
            if not NAME.fullmatch(name.value):
                self.position -= 1
                raise self.unexpected(NAMES)
            self.take()
            word = self.operation()
        immediates = self.immediates()
        if self.token.text not in ("|", ",", ""):
            raise self.unexpected("'|', ',' or the end")
        return word, name, immediates

    def operation(self) -> Located[str]:
        if not _WORD.match(self.token.text):
            raise self.unexpected("an operation")
        return self.take()

    def immediates(self) -> list[Located[Written]]:
        found = []
        if self.token.text == ":":
            while self.token.text == ":":
                self.take()
                found.append(self.immediate(_NUMBER))
        else:
            while self.token.is_word:
                found.append(self.immediate(f"{_NUMBER}, '|' or the end"))
        return found

    def immediate(self, wanted: str) -> Located[Written]:
        value = read_immediate(self.token.text)
        if value is None:
            raise self.unexpected(wanted)
        return Located(value, self.take().place)
