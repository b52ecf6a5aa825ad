"""Options and small helpers that several commands share."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pcpu.errors import UsageError

IsaFiles = Annotated[
    list[Path] | None,
    typer.Option("--isa", metavar="FILE", help="Add the operations of FILE; may be repeated."),
]
Bundled = Annotated[
    list[str] | None,
    typer.Option(
        "--program",
        metavar="PROG",
        help="Also bundle PROG: a pipeline, fused; or [NAME=]FILE, a program to be asked for by "
        "name. May be repeated.",
    ),
]
Reconstructors = Annotated[
    list[str] | None,
    typer.Option(
        "--reconstructor",
        metavar="[NAME=]FILE",
        help="Also bundle a plan, or what 'pcpu compile X.iprog' made, as the object NAME. May be "
        "repeated.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
ProgramArgument = Annotated[
    str,
    typer.Argument(
        metavar="PROG",
        help="A program such as 'xor 0x5a | crc32c', or a .pasm, .json or .pcpu file with one.",
        show_default=False,
    ),
]


class EngineName(StrEnum):
    jit = "jit"
    wasmtime = "wasmtime"
    workerd = "workerd"
    interp = "interp"


class TargetName(StrEnum):
    wasm = "wasm"
    host = "host"
    x86_64 = "x86-64"
    aarch64 = "aarch64"
    riscv64 = "riscv64"


Named = Annotated[
    list[str] | None,
    typer.Option("--in", metavar="NAME=FILE", help="The file of another input; may be repeated."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter's value; may be repeated."),
]


def load_isa_files(files: list[Path] | None) -> Any:
    from pcpu.library import load_isa

    return load_isa(files or ())


def parse_program(text: str, isa: Any) -> Any:
    from pcpu.source import read_program

    return read_program(text, isa)


def read_with_isa(text: str, files: list[Path] | None) -> tuple[Any, Any]:
    isa = load_isa_files(files)
    return isa, parse_program(text, isa)


def parse_bundled(texts: Sequence[str] | None, isa: Any) -> tuple[list[Any], dict[str, Any]]:
    """The pipelines of ``--program`` options, and the programs that have names: those of files."""
    from pcpu.source import names_file, read_program

    pipelines: list[Any] = []
    named: dict[str, Any] = {}
    for text in texts or ():
        if not names_file(text):
            pipelines.append(read_program(text, isa))
            continue
        name, path = _named_file(text)
        if name in named:
            raise UsageError(f"--program {text}: two programs are called {name}")
        named[name] = read_program(path, isa)
    return pipelines, named


def _named_file(text: str) -> tuple[str, str]:
    given = _NAMED.fullmatch(text)
    if given is not None:
        return given[1], given[2]
    name = Path(text).stem
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"--program {text}: give the program a name, --program NAME={text}")
    return name, text


_NAME = re.compile("[a-z_][a-z0-9_]{0,31}")
_NAMED = re.compile(f"({_NAME.pattern})=(.+)", re.DOTALL)


def print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def named_values(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """What ``NAME=VALUE`` options say."""
    found: dict[str, str] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"{option} {text}: write {option} NAME=VALUE")
        if name in found:
            raise UsageError(f"{option} {name} is given twice")
        found[name] = value
    return found
