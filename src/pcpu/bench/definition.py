"""Definitions: which rows are run side by side on what, and what is expected of them.

``bench/engines.toml`` holds the rows that every definition has: our own and the machine's limits.
``bench/definitions/*.toml`` holds, one a file, a program, its sizes, the peers and the goals; or
several programs as cases of one question, which are only measured when they are asked for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pcpu.errors import UsageError
from pcpu.ir import Program, show_bytes
from pcpu.isa import Immediate, Isa
from pcpu.source import parse_pipeline

ROOT = Path(__file__).parents[3] / "bench"
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}


@dataclass(frozen=True)
class Row:
    """One thing that is timed.

    ``role`` is ours, variant (ours, called in another way), baseline (plain code of ours to compare
    with), peer or limit. ``kind`` says to a runtime how to call ``source``; ``package`` is what
    must be installed for it.
    """

    id: str
    title: str
    role: str
    kind: str
    runtimes: tuple[str, ...]
    source: str = ""
    package: str | None = None


@dataclass(frozen=True)
class Goal:
    """``row`` is at least ``at_least`` times as fast as the best of ``against``, or a call takes
    at most ``at_most_ns``, at every size from ``first`` to ``last``."""

    runtime: str
    row: str
    first: int
    last: int
    against: tuple[str, ...] = ()
    at_least: float | None = None
    at_most_ns: float | None = None

    def matches(self, row_id: str) -> bool:
        return any(fnmatch(row_id, pattern) for pattern in self.against)


@dataclass(frozen=True)
class Definition:
    """A program, the kind (build.py) and the sizes of the data that it is run on, and the rows that
    run it; ``family`` is the file that
    has it as one case of several."""

    name: str
    title: str
    program: Program
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    data: str
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...]
    family: str | None = None

    def rows_in(self, runtime: str) -> list[Row]:
        return [row for row in self.rows if runtime in row.runtimes]

    def row(self, row_id: str) -> Row:
        return next(row for row in self.rows if row.id == row_id)


def parse_size(text: str) -> int:
    """``"64 KiB"`` in bytes."""
    number, _, unit = text.partition(" ")
    if not number.isdigit() or unit not in UNITS:
        raise UsageError(f"{text!r} is not a size such as '64 KiB'; units: {', '.join(UNITS)}")
    return int(number) * UNITS[unit]


def show_size(size: int) -> str:
    unit = max((u for u in UNITS if size % UNITS[u] == 0), key=UNITS.__getitem__)
    return f"{size // UNITS[unit]} {unit}"


def load_definitions(isa: Isa, only: str | None = None) -> list[Definition]:
    """The definitions without cases, or those of the file ``only``; an operation without a file
    gets plain rows."""
    if not ROOT.is_dir():
        raise UsageError(f"the benchmark's definitions are not at {ROOT}; run it from a checkout")
    engines = _read(ROOT / "engines.toml")
    files = sorted((ROOT / "definitions").glob("*.toml"))
    documents = {file.stem: _read(file) for file in files}
    if only is not None and only not in documents and only in {op.name for op in isa.operations}:
        return [_build(only, _undefined(isa, only), engines, isa)]
    if only is not None and only not in documents:
        known = ", ".join(
            [*documents, *(o.name for o in isa.operations if o.name not in documents)]
        )
        raise UsageError(f"nothing to measure is called {only!r}; known: {known}")
    if only is not None and "case" in documents[only]:
        family = documents[only]
        return [
            replace(_build(f"{only}-{case['id']}", family | case, engines, isa), family=only)
            for case in family["case"]
        ]
    chosen = {
        name: d for name, d in documents.items() if name == (only or name) and "case" not in d
    }
    found = [_build(name, document, engines, isa) for name, document in chosen.items()]
    return sorted(found, key=lambda d: documents[d.name]["order"])


def _build(
    name: str, document: Mapping[str, Any], engines: Mapping[str, Any], isa: Isa
) -> Definition:
    program = parse_pipeline(document["program"], isa)
    form = _form(program)
    access = "rmw" if program.has_map else "load"
    rows = [
        _row(engine)
        for engine in engines["engine"]
        if form in engine.get("forms", [form]) and engine.get("access", access) == access
    ]
    rows += [
        _row({"role": "peer", "kind": "function", **peer}) for peer in document.get("peer", [])
    ]
    sizes = _sizes(document.get("sizes", engines["sizes"]))
    return Definition(
        name=name,
        title=document["title"],
        program=program,
        sizes=sizes,
        quick_sizes=_sizes(document.get("quick_sizes", engines["quick_sizes"])),
        data=document.get("data", "random"),
        rows=tuple(rows),
        goals=tuple(_goal(goal, sizes) for goal in document.get("goal", [])),
    )


def _form(program: Program) -> str:
    """``operation``: one that numbers in registers do for; ``stream``: one that takes bytes, has
    several results or asks for its place; ``program``: several operations."""
    if len(program.instructions) > 1:
        return "program"
    (op,) = (instruction.op for instruction in program.instructions)
    plain = not (op.is_array or op.uses_index or any(imm.sizes for imm in op.immediates))
    return "operation" if plain else "stream"


def _row(document: Mapping[str, Any]) -> Row:
    known = {k: v for k, v in document.items() if k not in ("forms", "access")}
    return Row(**{**known, "runtimes": tuple(document["runtimes"])})


def _goal(document: Mapping[str, Any], sizes: Sequence[int]) -> Goal:
    against = document.get("against", [])
    return Goal(
        runtime=document["runtime"],
        row=document["row"],
        first=parse_size(document["from"]) if "from" in document else min(sizes),
        last=parse_size(document["to"]) if "to" in document else max(sizes),
        against=(against,) if isinstance(against, str) else tuple(against),
        at_least=document.get("at_least"),
        at_most_ns=document.get("at_most_ns"),
    )


def _sizes(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(parse_size(text) for text in texts)


GENERATED = "generated/"  # where the source of a row is JavaScript that is written for the run


def _undefined(isa: Isa, name: str) -> dict[str, Any]:
    """What a definition of the operation would say: immediates that are neither zero nor one, and
    beside us JavaScript written from the declaration."""
    op = next(op for op in isa.operations if op.name == name)
    peer = {
        "id": "js-plain",
        "title": "JS, as it is declared",
        "source": f"{GENERATED}{name}#plain",
        "runtimes": ["node", "workerd"],
    }
    program = " ".join([name, *map(_any_operand, op.immediates)])
    return {"title": name, "program": program, "peer": [peer]}


def _any_operand(imm: Immediate) -> str:
    if imm.sizes is None:
        return "3"
    least, most = imm.sizes
    return show_bytes(bytes(i * 37 & 255 for i in range(max(least, min(most, 4)))))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from None
