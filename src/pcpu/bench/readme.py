"""The tables of the README and of bench/README.md, made from a record so that no number in them is
written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcpu.bench.definition import show_size

BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
SIZE = 1 << 20
RUNTIMES = {"node": "WebAssembly in Node", "workerd": "WebAssembly in workerd", "native": "native"}
FIRST = ("xor", "counteq", "crc32c", "crc32", "fnv", "adler32", "lut", "fused")  # in the README
NAMES = {"fused": "xor, add, counteq and crc32c in one pass, beside a pass each"}


@dataclass(frozen=True)
class _Cell:
    """Our kernel in one runtime: GB/s, and the alternative that was fastest there."""

    fastest: float
    median: float
    ratio: float  # how many times as fast as it
    rival: str


def summary(record: Mapping[str, Any]) -> str:
    """The Markdown for the README: what most ask for, what is slower than an alternative, and what
    was missed."""
    rows = _table(record, FIRST, lambda cell: f"**{cell.fastest:.1f}** ({_times(cell)})")
    machine = record["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores"
    slower = "; ".join(_slower(record))
    missed = "".join(f"- {line}\n" for line in _missed(record["goals"]))
    met = sum(goal["met"] for goal in record["goals"])
    return (
        "**GB/s**, and in brackets how many times the speed of the fastest alternative that is. "
        "The data lies where the code\nreads it: in WebAssembly, copying it into the module's "
        "memory and back comes on top (*with copies* in the picture).\n"
        f"\n{rows}\n"
        "The [table of all operations](bench/README.md#results) names the alternatives and has "
        "the medians.\n"
        + (f"Slower than an alternative: {slower}.\n" if slower else "")
        + f"{where}, {record['date'][:10]}, {record['compiled_with']}. "
        f"This run met {met} of {len(record['goals'])} goals"
        + (f"; it missed\n\n{missed}" if missed else ".\n")
    )


def results(record: Mapping[str, Any]) -> str:
    """The Markdown for bench/README.md: every definition, with the alternatives' names."""
    rows = _table(
        record,
        _definitions(record),
        lambda c: f"**{c.fastest:.1f}** ({c.median:.1f}), {_times(c)} {c.rival}",
    )
    return (
        "GB/s in the **fastest** sample (in the median one), then how many times that is the speed "
        "of the fastest alternative, by name.\n"
        f"\n{rows}"
    )


def _table(record: Mapping[str, Any], names: Sequence[str], show: Callable[[_Cell], str]) -> str:
    heads = [f"at {show_size(SIZE)}", *RUNTIMES.values()]
    lines = [heads, ["---"] * len(heads)]
    for name in names:
        cells = [_cell(record, name, runtime) for runtime in RUNTIMES]
        lines.append([NAMES.get(name, name), *("" if c is None else show(c) for c in cells)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _definitions(record: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(result["definition"] for result in record["results"]))


def _cell(record: Mapping[str, Any], name: str, runtime: str) -> _Cell | None:
    """None where ours or all others were not measured."""
    rows = [
        result
        for result in record["results"]
        if (result["definition"], result["runtime"], result["size"]) == (name, runtime, SIZE)
    ]
    ours = next((row for row in rows if row["role"] == "ours"), None)
    others = [row for row in rows if row["role"] in ("peer", "baseline")]
    if ours is None or not others:
        return None
    best = min(others, key=lambda row: float(row["ns"]["min"]))
    fastest, median = (SIZE / ours["ns"][key] for key in ("min", "median"))
    return _Cell(fastest, median, best["ns"]["min"] / ours["ns"]["min"], best["title"])


def _times(cell: _Cell) -> str:
    return f"{cell.ratio:.1f}x" if cell.ratio < 100 else f"{cell.ratio:.0f}x"


def _slower(record: Mapping[str, Any]) -> Iterator[str]:
    for name in _definitions(record):
        for runtime, title in RUNTIMES.items():
            cell = _cell(record, name, runtime)
            if cell is not None and cell.ratio < 1:
                yield f"{name}, {title}, {_times(cell)} {cell.rival}"


def _missed(goals: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each goal that was missed, at whichever sizes."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for goal in goals:
        if not goal["met"]:
            key = ("definition", "runtime", "rival", "at_least", "at_most_ns")
            groups.setdefault(tuple(goal[part] for part in key), []).append(goal)
    for (name, runtime, rival, at_least, at_most), group in groups.items():
        sizes = ", ".join(show_size(goal["size"]) for goal in group)
        where = f"{name}, {RUNTIMES[runtime]}, {sizes}"
        values = [goal["value"] for goal in group if goal["value"] is not None]
        if not values:
            yield f"{where}: not measured"
        elif at_least is not None:
            yield f"{where}: {_span(values, '.2f')}x ({rival}), the goal is {at_least:.2f}x"
        else:
            yield f"{where}: {_span(values, '.0f')} ns a call, the goal is {at_most:.0f} ns"


def _span(values: Sequence[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def write_tables(record: Mapping[str, Any], root: Path) -> None:
    """Put the tables between their marks in the README of ``root`` and in that of its bench/."""
    marked = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    for page, text in (("README.md", summary(record)), ("bench/README.md", results(record))):
        path = root / page
        before, after = marked.split(path.read_text("utf-8"))
        path.write_text(before + BEGIN + text + END + after, "utf-8")
