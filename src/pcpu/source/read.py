"""A program as a command line names it."""

from __future__ import annotations

import json
from pathlib import Path

from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Program
from pcpu.isa import Isa
from pcpu.source.document import parse_json
from pcpu.source.pipeline import parse_pipeline

MAX_FILE = 1 << 20


def read_program(text: str, isa: Isa) -> Program:
    """The program ``text``, or the one in the ``.json`` or ``.pcpu`` file of that name.

    Raises ProgramError, or UsageError when the file cannot be read.
    """
    suffix = text[-5:].lower()
    if not suffix.endswith((".json", ".pcpu")):
        return parse_pipeline(text, isa)
    try:
        with Path(text).open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{text} cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE:
        raise ProgramError("too-long", f"{text} is larger than {MAX_FILE} bytes")
    try:
        decoded = content.decode()
    except UnicodeDecodeError as error:
        raise ProgramError("syntax", f"{text} is not UTF-8 at byte {error.start}") from None
    if suffix == ".pcpu":
        return parse_pipeline(decoded, isa)
    try:
        document = json.loads(decoded)
    except (ValueError, RecursionError) as error:
        raise ProgramError("syntax", f"{text} is not JSON: {error}") from None
    return parse_json(document, isa)
