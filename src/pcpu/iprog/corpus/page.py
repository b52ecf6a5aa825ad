"""The report of a corpus: one page without anything outside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from string import Template

from pcpu.iprog.corpus.jobs import Outcome, Summary

_ROWS = 2000  # of the table: the largest plans
_BLOBS = 10  # bars
_BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # of a plan's part of its file
_UNITS = ("B", "kB", "MB", "GB", "TB")
_TEMPLATE = Path(__file__).with_name("page.html")


def render(summary: Summary, corpus: str, bank: str) -> str:
    """The page, as HTML."""
    largest = sorted(summary.planned, key=lambda outcome: -outcome.plan_size)
    shown = "" if len(largest) <= _ROWS else f"(the {_ROWS} with the largest plans)"
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        title=f"Plans for {_text(Path(corpus).resolve().name)}",
        about=f"{_text(corpus)}, planned from the bank {_text(bank)}",
        cards="".join(_cards(summary)),
        failed=_failed(summary.failed),
        sizes=_bars(_sizes(summary.planned)),
        blobs=_bars(_blobs(summary.planned)),
        shown=shown,
        rows="\n".join(map(_row, largest[:_ROWS])),
    )


def _text(value: str) -> str:
    return escape(value.encode("utf-8", "replace").decode())


def bytes_text(count: float) -> str:
    """A number of bytes with three digits and a unit."""
    unit = 0
    while count >= 999.5 and unit + 1 < len(_UNITS):
        count /= 1000
        unit += 1
    return f"{count:.3g} {_UNITS[unit]}"


def _cards(summary: Summary) -> Iterable[str]:
    told = summary.to_json()
    cards = [
        (f"{told['files']:,}", f"files, {told['kept']:,} from before", ""),
        (bytes_text(told["bytes"]), "in files", ""),
        (bytes_text(told["plan_bytes"]), "in plans", ""),
        (f"{told['ratio']:.3g} : 1" if told["ratio"] else "-", "ratio", ""),
        (f"{summary.seconds:,.{0 if summary.seconds >= 10 else 1}f} s", "for this run", ""),
        (f"{told['failed']:,}", "failed", " class=bad" if told["failed"] else ""),
    ]
    for value, label, style in cards:
        yield f"<div{style}><b>{value}</b><span>{label}</span></div>"


def _failed(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return ""
    rows = "".join(f"<dt>{_text(o.path)}</dt><dd>{_text(o.error)}</dd>" for o in outcomes[:_ROWS])
    return f'<section class="failed"><h2>{len(outcomes):,} failed</h2><dl>{rows}</dl></section>'


def _sizes(outcomes: Sequence[Outcome]) -> list[tuple[str, int, str]]:
    """How many files have plans of which part of their size."""
    counts = [0] * (len(_BOUNDS) + 1)
    for outcome in outcomes:
        part = outcome.plan_size / outcome.size if outcome.size else 1.0
        counts[sum(1 for bound in _BOUNDS if part >= bound)] += 1
    edges = [f"{100 * bound:g}%" for bound in _BOUNDS]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    names = [f"below {edges[0]}", *between, "as large, or larger"]
    return [(name, count, f"{count:,}") for name, count in zip(names, counts, strict=True)]


def _blobs(outcomes: Sequence[Outcome]) -> list[tuple[str, int, str]]:
    used: Counter[str] = Counter()
    for outcome in outcomes:
        used[outcome.blob or "(none)"] += outcome.size
    found = [(name, size, bytes_text(size)) for name, size in used.most_common(_BLOBS)]
    rest = used.total() - sum(size for _, size, _ in found)
    if len(used) > _BLOBS:
        found.append((f"{len(used) - _BLOBS:,} others", rest, bytes_text(rest)))
    return found


def _bars(bars: Sequence[tuple[str, int, str]]) -> str:
    most = max((value for _, value, _ in bars), default=0) or 1
    return "".join(
        f'<span title="{_text(name)}">{_text(name)}</span>'
        f'<div class="track"><i style="width:{100 * value / most:.2f}%"></i></div>'
        f"<em>{label}</em>"
        for name, value, label in bars
    )


def _row(outcome: Outcome) -> str:
    path, blob = _text(outcome.path), _text(outcome.blob)
    numbers = (
        (outcome.size, f"{outcome.size:,}"),
        (outcome.plan_size, f"{outcome.plan_size:,}"),
        (outcome.ratio, f"{outcome.ratio:.3g}"),
        (outcome.shared, f"{outcome.shared:.1%}"),
    )
    cells = "".join(f'<td class="n" data-n="{value}">{text}</td>' for value, text in numbers)
    return (
        f'<tr><td class="f" title="{path}">{path}</td>{cells}'
        f'<td class="f" title="{blob}">{blob}</td>'
        f'<td class="n" data-n="{outcome.seconds}">{outcome.seconds:.2f}</td></tr>'
    )
