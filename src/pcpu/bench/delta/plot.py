"""A record of plans as two pictures, each for light and for dark pages.

iprog-sizes-*.svg: every tool on every pair, in patches of the best peer. iprog-speeds-*.svg: how
fast tools make and apply patches, and what memory they take.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pcpu.bench.delta.goals import rounded
from pcpu.bench.delta.measure import INSTANT, SMALL
from pcpu.bench.delta.pairs import KINDS
from pcpu.bench.delta.tools import TOOLS
from pcpu.bench.plot import WIDTH, Theme, save

MARKS = "osD^vP*"  # of tools, in their order
_ROW = 0.27  # inches
_HEADER, _FOOTER = 1.35, 0.75

Value = Callable[[Mapping[str, Any], Mapping[str, Any]], float | None]  # of a pair and its row

PANELS: Mapping[str, Value] = {
    "encode, MB/s": lambda pair, row: float(row["make"]),
    "memory, times the file": lambda pair, row: float(row["memory"] / pair["size"]),
    "decode natively, MB/s": lambda pair, row: float(row["apply"]),
    "in WebAssembly, MB/s": lambda pair, row: row["wasm"],
    "the same, cold": lambda pair, row: row["first"],
}


def draw(record: Mapping[str, Any]) -> list[Path]:
    """The files that were written. Raises ToolchainError without matplotlib."""
    return save({"iprog-sizes": _sizes, "iprog-speeds": _speeds}, record)


def _colour(name: str, theme: Theme) -> str:
    return {SMALL: theme.ours, INSTANT: theme.variant}.get(name, theme.peers)


def _title(figure: Any, record: Mapping[str, Any], theme: Theme, text: str) -> None:
    height, machine = figure.get_figheight(), record["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores, {record['date'][:10]}"
    figure.text(0.02, 1 - 0.32 / height, f"IPROG: {text}", size=14, weight="bold", va="center")
    figure.text(0.02, 1 - 0.62 / height, where, color=theme.soft, va="center")


def _sizes(record: Mapping[str, Any], theme: Theme) -> Any:
    from matplotlib import pyplot

    pairs = sorted(record["pairs"], key=lambda p: (KINDS.index(p["kind"]), p["ratio"]))
    height = _ROW * len(pairs) + _HEADER + _FOOTER
    figure, axes = pyplot.subplots(figsize=(WIDTH, height))
    for place, pair in enumerate(pairs):
        best = pair["tools"][pair["peer"]]["size"]
        axes.axhline(place, color=theme.roof, lw=7, zorder=0)
        for mark, tool in zip(MARKS, TOOLS, strict=True):
            row = pair["tools"].get(tool.name)
            if row is not None:
                axes.plot(
                    row["size"] / best, place, mark, color=_colour(tool.name, theme),
                    ms=9 if tool.name == SMALL else 6, zorder=3 if tool.ours else 2,
                )  # fmt: skip
        axes.text(1.004, place, f"{pair['ratio']:.2f}", transform=axes.get_yaxis_transform(),
                  va="center", size=8.5, weight="bold", color=theme.ours)  # fmt: skip
    axes.axvline(1, color=theme.soft, lw=1, ls=(0, (3, 2)), zorder=1)
    axes.set_xscale("log")
    axes.set_xlim(0.03, 10)
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(pairs)), [f"{p['name']} ({p['kind']})" for p in pairs])
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("bytes to send, in patches of the best other tool; further left is better")
    _title(figure, record, theme, "what has to be sent for a new version of a file")
    _legend(figure, theme)
    figure.subplots_adjust(left=0.2, right=0.955, top=1 - _HEADER / height, bottom=_FOOTER / height)
    return figure


def _legend(figure: Any, theme: Theme) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_colour(tool.name, theme), marker=mark, ls="", label=tool.name)
        for mark, tool in zip(MARKS, TOOLS, strict=True)
    ]
    figure.legend(
        handles=handles, loc="center left", frameon=False, ncols=len(handles), fontsize=9,
        bbox_to_anchor=(0.012, 1 - 0.98 / figure.get_figheight()), labelcolor=theme.soft,
        handletextpad=0.2, columnspacing=1.6,
    )  # fmt: skip


def _speeds(record: Mapping[str, Any], theme: Theme) -> Any:
    from matplotlib import pyplot

    height = 0.36 * len(TOOLS) + _HEADER
    figure, grid = pyplot.subplots(1, len(PANELS), figsize=(WIDTH, height), sharey=True)
    for axes, (name, value) in zip(grid, PANELS.items(), strict=True):
        axes.set_title(name, size=10, weight="bold", loc="left")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        for place, tool in enumerate(TOOLS):
            values = [
                found
                for pair in record["pairs"]
                if tool.name in pair["tools"]
                and (found := value(pair, pair["tools"][tool.name])) is not None
                and found > 0
            ]
            if not values:
                continue
            colour, middle = _colour(tool.name, theme), statistics.median(values)
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.45, ms=5, mew=0)
            axes.plot([middle] * 2, [place - 0.34, place + 0.34], color=colour, lw=3)
            axes.annotate(rounded(middle), (middle, place), (0, -9), ha="center", va="top", size=8,
                          textcoords="offset points", color=theme.ink)  # fmt: skip
        axes.grid(axis="x", color=theme.soft, alpha=0.18, lw=0.7)
        axes.tick_params(axis="y", length=0)
    grid[0].set_yticks(range(len(TOOLS)), [tool.name for tool in TOOLS])
    grid[0].set_ylim(len(TOOLS) - 0.4, -0.6)
    _title(figure, record, theme, "how fast patches are made and applied; a dot a pair, the median")
    figure.subplots_adjust(
        left=0.14, right=0.985, top=1 - 1.15 / height, bottom=0.3 / height, wspace=0.08
    )
    return figure
