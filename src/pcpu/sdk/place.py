"""Places in Python sources, as errors show them."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from itertools import islice

from pcpu.errors import ProgramError, TextPlace

_PACKAGE = __package__ or "pcpu.sdk"


@dataclass(frozen=True)
class Place:
    """``line`` counts from 1, ``column`` from 0 in bytes of UTF-8, as Python's own do."""

    file: str
    line: int
    column: int = 0

    def located(self) -> TextPlace:
        """The place in the file's text; in as many empty lines where that cannot be had."""
        lines = linecache.getlines(self.file)
        if self.line > len(lines):
            return TextPlace("\n" * (self.line - 1), self.line - 1, self.file)
        before = sum(map(len, lines[: self.line - 1]))
        column = len(lines[self.line - 1].encode()[: self.column].decode(errors="ignore"))
        return TextPlace("".join(lines), before + column, self.file)

    def error(self, code: str, message: str) -> ProgramError:
        return ProgramError(code, message, self.located())


def caller() -> Place:
    """Where the code outside of this package is that called it."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    code = frame.f_code
    found = next(islice(code.co_positions(), frame.f_lasti // 2, None), None)
    if found is None or found[0] is None:
        return Place(code.co_filename, frame.f_lineno)
    return Place(code.co_filename, found[0], found[2] or 0)


def _is_ours(module: str) -> bool:
    return module == _PACKAGE or module.startswith(_PACKAGE + ".")
