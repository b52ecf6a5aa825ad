"""The figures of docs/iprog.md, made from a record so that no number in it is written by hand."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pcpu.bench.delta.goals import Verdict, geometric_mean, rounded
from pcpu.bench.delta.measure import INSTANT, SMALL, ZSTD
from pcpu.bench.delta.pairs import KINDS, ROOT
from pcpu.bench.delta.tools import TOOLS

BEGIN, END = "<!-- iprog: begin -->\n", "<!-- iprog: end -->\n"
PAGE = ROOT / "docs" / "iprog.md"

SPEEDS = {
    "make": "encode", "apply": "decode natively", "wasm": "decode in WebAssembly", "first": "cold",
    "again": "open",
}  # fmt: skip


def figures(record: Mapping[str, Any]) -> str:
    """The Markdown of ``record``: what is sent, and how fast."""
    kinds = [kind for kind in KINDS if any(p["kind"] == kind for p in record["pairs"])]
    heads = ["bytes to send, in those of the best other tool", *kinds]
    lines = [heads, ["---"] * len(heads)]
    for tool in TOOLS:
        cells = [_sizes([p for p in record["pairs"] if p["kind"] == k], tool.name) for k in kinds]
        lines.append([f"**{tool.name}**" if tool.ours else tool.name, *cells])
    table = "".join(map(_row, lines))
    missed = [
        Verdict(goal["what"], goal["value"], goal["limit"], goal["at_least"])
        for goal in record["goals"]
        if not goal["met"]
    ]
    machine = f"{record['machine']['processor']}, {record['machine']['cores']} cores"
    load = f", with {record['load']:.1f} other processes wanting to run" if record["load"] else ""
    speeds = _row(["median MB/s of the new file", *SPEEDS.values()])
    speeds += _row(["---"] * (len(SPEEDS) + 1))
    for name in (SMALL, INSTANT, ZSTD):
        title = f"**{name}**" if name in (SMALL, INSTANT) else name
        speeds += _row([title, *(_median(record, name, key) for key in SPEEDS)])
    return (
        f"{table}\nGeometric means over {len(record['pairs'])} pairs, and the worst.\n\n{speeds}\n"
        "Natively plans are decoded as pcpu apply does, sites found and the hash of the file "
        "compared, and all tools take memory anew, as a command does. Cold is all from the files "
        "to the last byte in a process of Node of its own, with loading what decodes and finding "
        "the sites; open is for the windows of a plan that has been read.\n"
        f"{machine}, {record['date'][:10]}{load}.\n"
        f"Goals met: {len(record['goals']) - len(missed)} of {len(record['goals'])}"
        + ("; missed\n\n" + "".join(f"- {goal}\n" for goal in missed) if missed else ".\n")
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _sizes(pairs: Sequence[Mapping[str, Any]], name: str) -> str:
    ratios = [
        p["tools"][name]["size"] / p["tools"][p["peer"]]["size"]
        for p in pairs
        if name in p["tools"]
    ]
    return f"{geometric_mean(ratios):.2f} ({max(ratios):.2f})" if ratios else ""


def _median(record: Mapping[str, Any], name: str, key: str) -> str:
    values = [p["tools"][name][key] for p in record["pairs"] if name in p["tools"]]
    known = [value for value in values if value is not None]
    return rounded(statistics.median(known)) if known else "-"


def write_figures(record: Mapping[str, Any], page: Path = PAGE) -> None:
    """Put the figures between their marks."""
    text = page.read_text("utf-8")
    marked = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    page.write_text(marked.sub(lambda _: BEGIN + figures(record) + END, text), "utf-8")
