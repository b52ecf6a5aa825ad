"""Programs in whatever form a Python program has them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from pcpu.errors import ProgramError, UsageError
from pcpu.ir import Program, verify
from pcpu.isa import Isa
from pcpu.library import load_isa
from pcpu.source import parse_json, parse_pipeline, read_program

Form = Literal["pipeline", "pasm"]
# What pASM has and pipelines have not: a directive, an operation before a name, a member.
_PASM = re.compile(
    r"^[ \t]*\.[a-z] | \b[A-Za-z_]\w*[ \t]+[A-Za-z_] | [A-Za-z_]\.[a-z]", re.MULTILINE | re.VERBOSE
)
_FILE = re.compile(r"\S+\.(pasm|json|pcpu)")


def isa_of(given: Isa | None) -> Isa:
    """The operations that a caller gives, or those of ``load_isa()``. Raises UsageError."""
    if given is None:
        return load_isa()
    if not isinstance(given, Isa):
        raise UsageError(f"isa is what pcpu.load_isa([FILE]) gives, not {type(given).__name__}")
    return given


def parse(
    text: str, isa: Isa | None = None, form: Form | None = None, file: str = "program"
) -> Program:
    """The verified program that ``text`` holds.

    Without ``form``: a text with a directive (``.param``), an operation before a name
    (``xor data, 90``) or a member (``data.len``) is pASM, any other one a pipeline. ``isa`` has
    the operations, ``file`` is what messages call the text. Raises ProgramError with the place.
    """
    isa = isa_of(isa)
    if not isinstance(text, str):
        raise UsageError(f"a program's text is a str, not {type(text).__name__}")
    if _FILE.fullmatch(text.strip()):
        raise UsageError(f"a str is a program's text; for a file use pcpu.load({text.strip()!r})")
    if form not in (None, "pipeline", "pasm"):
        raise UsageError(f"form is 'pipeline' or 'pasm', not {form!r}")
    if form == "pasm" or (form is None and _PASM.search(text)):
        from pcpu.source import parse_pasm

        return parse_pasm(text, isa, file)
    return parse_pipeline(text, isa, file)


def read_file(path: str | os.PathLike[str], isa: Isa) -> Program:
    """The program in a ``.pasm``, ``.json`` or ``.pcpu`` file (a pipeline).

    Raises UsageError where it cannot be read, ProgramError where it is no program.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"the path of a program is a str or a Path, not {type(path).__name__}")
    name = os.fspath(path)
    if Path(name).suffix.lower() not in (".pasm", ".json", ".pcpu"):
        raise UsageError(f"{name}: a program's file is called *.pasm, *.json or *.pcpu")
    return read_program(name, isa)


def program_from(source: object, isa: Isa) -> Program:
    """The verified program of a text, a Path, JSON (as ``json.loads`` gives it) or a Program."""
    match source:
        case str():
            if source.lstrip()[:1] in ("{", "["):
                return parse_json(_loaded(source), isa)
            return parse(source, isa)
        case Program():
            verify(source)
            return source
        case os.PathLike():
            return read_file(source, isa)
        case dict() | list():
            return parse_json(source, isa)
    known = "a text, a Path, JSON, a Program, a Builder or a decorated function"
    raise UsageError(f"a program is {known}, not {type(source).__name__}")


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProgramError("syntax", f"not JSON: {error}") from None
