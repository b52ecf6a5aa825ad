"""A program as a command line names it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Program
from pcpu.isa import Isa
from pcpu.source.document import parse_json
from pcpu.source.pasm import parse_pasm
from pcpu.source.pipeline import parse_pipeline

MAX_FILE = 4 << 20
_PATH = re.compile(r"[\w~+-]*[./][\w./~+-]*")  # what no pipeline has, and a file's name may have
_WORD = re.compile(r"[A-Za-z0-9_]{1,60}")


def read_program(text: str, isa: Isa) -> Program:
    """The program ``text``, or the one in the ``.pasm``, ``.json`` or ``.pcpu`` file of that name.

    Raises ProgramError, or UsageError when the file cannot be read.
    """
    if not names_file(text) and (_PATH.fullmatch(text) or _is_data(text, isa)):
        message = f"this is no program, and the name of a file with one ends in {_ENDINGS}"
        raise ProgramError("syntax", message, file=text)
    if not names_file(text):
        return parse_pipeline(text, isa)
    return _READERS[text[-5:].lower()](read_text(text), isa, text)


def _is_data(text: str, isa: Isa) -> bool:
    """Whether ``text`` is one word, no operation and a file's name: the data before the program."""
    return bool(_WORD.fullmatch(text)) and isa.find(text) is None and Path(text).is_file()


def names_file(text: str) -> bool:
    """Whether ``text`` names a program's file, by how it ends, and is none itself."""
    return text[-5:].lower() in _READERS


def read_text(path: str) -> str:
    """The text of a program's file. Raises UsageError or ProgramError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {reason}") from None
    return decoded(content, path)


def decoded(content: bytes, path: str) -> str:
    """The text of a program. Raises ProgramError where it is too long or no UTF-8."""
    if len(content) > MAX_FILE:
        raise ProgramError("too-long", f"a file has at most {MAX_FILE} bytes", file=path)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 at byte {error.start}"
        raise ProgramError("syntax", message, file=path) from None


def _json(text: str, isa: Isa, path: str) -> Program:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProgramError("syntax", f"not JSON: {error}", file=path) from None
    return parse_json(document, isa, path)


_READERS: dict[str, Callable[[str, Isa, str], Program]] = {
    ".pasm": parse_pasm, ".json": _json, ".pcpu": parse_pipeline,
}  # fmt: skip
_ENDINGS = "{}, {} or {}".format(*_READERS)
