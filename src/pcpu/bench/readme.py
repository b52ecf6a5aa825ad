"""The table of the README, made from a record so that no number in it is written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
SIZE = 1 << 20
RUNTIMES = {"node": "WebAssembly in Node", "workerd": "WebAssembly in workerd", "native": "native"}
NAMES = {"fused": "xor, add, counteq and crc32c as one program"}


def table(record: Mapping[str, Any]) -> str:
    """The Markdown of ``record``."""
    names = list(dict.fromkeys(result["definition"] for result in record["results"]))
    heads = ["at 1 MiB", *RUNTIMES.values()]
    lines = [heads, ["---"] * len(heads)]
    lines += [
        [NAMES.get(n, n), *(_cell(record, n, runtime) for runtime in RUNTIMES)] for n in names
    ]
    rows = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    met = sum(goal["met"] for goal in record["goals"])
    machine = record["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores"
    return (
        "GB/s in the **fastest** sample (in the median one), then how many times that is the\n"
        "speed of the fastest alternative, by name. The data lies where the code reads it: in\n"
        "WebAssembly, copying it into the module's memory and back comes on top (*with copies* in\n"
        "the picture).\n"
        f"\n{rows}\n"
        f"{where}, {record['date'][:10]}, {record['compiled_with']}.\n"
        f"This run met {met} of the {len(record['goals'])} goals of `bench/definitions`;\n"
        "its record in `bench/record` names them all.\n"
    )


def _cell(record: Mapping[str, Any], name: str, runtime: str) -> str:
    rows = [
        result
        for result in record["results"]
        if (result["definition"], result["runtime"], result["size"]) == (name, runtime, SIZE)
    ]
    ours = next((row for row in rows if row["role"] == "ours"), None)
    others = [row for row in rows if row["role"] in ("peer", "baseline")]
    if ours is None or not others:
        return ""
    best = min(others, key=lambda row: float(row["ns"]["min"]))
    ratio = best["ns"]["min"] / ours["ns"]["min"]
    fastest, median = (SIZE / ours["ns"][key] for key in ("min", "median"))
    return f"**{fastest:.1f}** ({median:.1f}), {ratio:.1f}x {best['title']}"


def write_table(record: Mapping[str, Any], readme: Path) -> None:
    """Put the table between its marks in ``readme``."""
    text = readme.read_text("utf-8")
    marked = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    readme.write_text(marked.sub(lambda _: BEGIN + table(record) + END, text), "utf-8")
