"""``pcpu check``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from pcpu.cli.options import IsaFiles, Json, ProgramArgument, print_json, read_with_isa
from pcpu.errors import ProgramError, ProgramErrors


def check(program: ProgramArgument, as_json: Json = False, isa: IsaFiles = None) -> None:
    """Say what a program takes, gives and does at most.

    And which traps can occur; or what is wrong with it, with exit code 2. Nothing is compiled or
    run.

    Example: pcpu check examples/unmask.pasm
    """
    from pcpu import ir
    from pcpu.summary import summary

    try:
        _, parsed = read_with_isa(program, isa)
    except ProgramError as error:
        if not as_json:
            raise
        print_json({"errors": [_error(e) for e in _several(error)]})
        raise typer.Exit(error.exit_code) from None
    _, work = ir.check(parsed)
    found = summary(parsed, work)
    if as_json:
        print_json(found)
        return
    for line in _table(list(_rows(found))):
        typer.echo(line)


def _several(error: ProgramError) -> tuple[ProgramError, ...]:
    return error.errors if isinstance(error, ProgramErrors) else (error,)


def _error(error: ProgramError) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if error.place is not None:
        place = {"line": error.place.line, "column": error.place.column}
    elif error.pointer is not None:
        place = {"pointer": error.pointer}
    return {"code": error.code, "message": error.message, "file": error.file, **place}


_ROLES = {
    "inout": "changed in place",
    "in": "only read",
    "out": "{size} bytes",
    "spans": "a list of spans",
}


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Heading, name and what there is to say, for people."""
    runs = "over a stream, in any pieces" if found["form"] == "stream" else "over whole buffers"
    yield "runs", runs
    for b in found["buffers"]:
        yield "buffers", b["name"], _ROLES[b["role"]].format(**b)
    for p in found["parameters"]:
        default = f"{p['default']} by default" if "default" in p else "has to be given"
        yield "parameters", p["name"], f"{p['kind']}, {default}"
    for r in found["results"]:
        yield "results", r["name"], _shown(r)
    for t in found["tables"]:
        yield "tables", f"{t['name']}({', '.join(t['columns'])})", "a row for each turn"
    for trap in found["traps"]:
        line = f"line {trap['line']}" if trap["line"] else ""
        yield "traps", trap["code"], f"{line}: {trap['text']}".removeprefix(": ")
    if not found["traps"]:
        yield "traps", "none can occur"
    work = found["work"]
    yield "work", "bytes touched", f"at most {work['bytes']}"
    yield "work", "steps", f"at most {work['steps']}"
    for sentence in work["words"]:
        yield "", sentence


def _shown(result: dict[str, Any]) -> str:
    several = f"{result['count']} numbers, each " if result["count"] > 1 else ""
    kind = "a count" if result["returns"] == "count" else f"{result['bits']} bits, hexadecimal"
    return f"{several}{kind}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """The rows in columns; a heading only where it is new."""
    width = max(len(row[0]) for row in rows) + 2
    names = max((len(row[1]) for row in rows if len(row) > 2), default=0) + 2
    before = ""
    for heading, *rest in rows:
        shown = "" if heading == before else heading
        before = heading
        name = rest[0] if len(rest) == 1 else f"{rest[0]:<{names}}{rest[1]}"
        yield f"{shown:<{width}}{name}".rstrip()
