"""A record as two pictures, each for light and for dark pages.

bench-*.svg: every operation beside its alternatives, at one size. sizes-*.svg: over the sizes,
below the roof of what the machine can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcpu.bench.definition import ROOT, UNITS, show_size
from pcpu.errors import ToolchainError

IMAGES = ROOT.parent / "docs" / "img"
RUNTIMES = {"node": "Node (WebAssembly)", "workerd": "workerd (WebAssembly)", "native": "native"}
OPERATIONS = ("xor", "add", "counteq", "crc32c", "fnv")
FOOTNOTE = "fused: xor, add, counteq and crc32c as one program, beside one pass for each of them"
PEERS = 3  # how many of the alternatives are shown, the fastest first
AT = UNITS["MiB"]
FUSED_AT = 16 * UNITS["MiB"]
WIDTH = 13.0  # inches, like all lengths of figures
HEADER = 1.75


@dataclass(frozen=True)
class Theme:
    """Colours. ``ours`` is kept for pCPU alone; everything else is grey."""

    name: str
    paper: str
    ink: str
    soft: str
    ours: str
    variant: str
    peers: str
    roof: str


THEMES = (
    Theme("light", "#ffffff", "#1f2328", "#59636e", "#e8590c", "#f4b183", "#b1b9c2", "#eef1f4"),
    Theme("dark", "#0d1117", "#e6edf3", "#9198a1", "#ff922b", "#8a5526", "#5d6671", "#161b22"),
)


@dataclass(frozen=True)
class Bar:
    title: str
    role: str
    speed: float  # GB/s


def draw(record: Mapping[str, Any]) -> list[Path]:
    """The files that were written. Raises ToolchainError without matplotlib."""
    return save({"bench": _bars, "sizes": _sizes}, record)


def save(
    figures: Mapping[str, Callable[[Mapping[str, Any], Theme], Any]], record: Mapping[str, Any]
) -> list[Path]:
    """Draw each figure, by the name of its file, in each theme; the files that were written.
    Raises ToolchainError without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise ToolchainError("matplotlib is missing; run 'make setup'") from None
    matplotlib.use("svg")
    IMAGES.mkdir(parents=True, exist_ok=True)
    written = []
    for theme in THEMES:
        for name, figure in figures.items():
            path = IMAGES / f"{name}-{theme.name}.svg"
            with _style(theme):
                # Without a date and with a fixed seed the same record gives the same file.
                figure(record, theme).savefig(path, metadata={"Date": None, "Creator": None})
            written.append(path)
    return written


@contextmanager
def _style(theme: Theme) -> Iterator[None]:
    from matplotlib import pyplot

    settings: Any = {
        "figure.facecolor": theme.paper, "axes.facecolor": theme.paper,
        "savefig.facecolor": theme.paper, "text.color": theme.ink, "axes.labelcolor": theme.soft,
        "axes.edgecolor": theme.soft, "xtick.color": theme.soft, "ytick.color": theme.ink,
        "font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False,
        "axes.spines.right": False, "svg.fonttype": "path", "svg.hashsalt": "pcpu",
    }  # fmt: skip
    with pyplot.rc_context(settings):
        try:
            yield
        finally:
            pyplot.close("all")


def _by_row(record: Mapping[str, Any], name: str, runtime: str) -> dict[int, dict[str, Any]]:
    """Size -> row -> result."""
    found: dict[int, dict[str, Any]] = {}
    for result in record["results"]:
        if (result["definition"], result["runtime"]) == (name, runtime):
            found.setdefault(result["size"], {})[result["row"]] = result
    return found


def _speed(result: Mapping[str, Any]) -> float:
    return float(result["size"] / result["ns"]["min"])


def _names(record: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(result["definition"] for result in record["results"]))


def _others(rows: Mapping[str, Any]) -> list[Any]:
    return [row for row in rows.values() if row["role"] in ("peer", "baseline")]


def _bars(record: Mapping[str, Any], theme: Theme) -> Any:
    from matplotlib import pyplot

    names = [n for n in _names(record) if any(_at(record, n, r) for r in RUNTIMES)]
    panels = [[_at(record, n, r) for r in RUNTIMES] for n in names]
    slots = [max(len(_pick(rows)) for rows in row) for row in panels]
    height = 0.21 * sum(slots) + 0.5 * len(names) + HEADER
    figure, grid = pyplot.subplots(
        len(names), len(RUNTIMES), figsize=(WIDTH, height), squeeze=False,
        gridspec_kw={"height_ratios": slots},
    )  # fmt: skip
    for index, name in enumerate(names):
        for axes, rows in zip(grid[index], panels[index], strict=True):
            axes.set_axis_off()
            if rows:
                _panel(axes, rows, theme, slots[index])
                _headline(axes, name, rows, theme)
    for axes, title in zip(grid[0], RUNTIMES.values(), strict=True):
        _above(axes, title, (0, 1), (-100, 30), size=12, weight="bold")
    keys = (
        ("pCPU", theme.ours, "-"),
        ("pCPU, called otherwise", theme.variant, "-"),
        ("the fastest alternatives", theme.peers, "-"),
        ("limit of reading (and writing) the bytes, where in reach", theme.soft, ":"),
    )
    _caption(figure, record, theme, "GB/s beside the alternatives", keys)
    figure.text(0.02, 0.18 / height, FOOTNOTE, size=8.5, color=theme.soft)
    figure.subplots_adjust(
        left=0.125, right=0.965, top=1 - HEADER / height, bottom=0.5 / height,
        hspace=0.4 * len(names) / (0.21 * sum(slots)), wspace=0.72,
    )  # fmt: skip
    return figure


def _at(record: Mapping[str, Any], name: str, runtime: str) -> dict[str, Any]:
    """The rows at the size that the bars show."""
    return _by_row(record, name, runtime).get(_size(name), {})


def _size(name: str) -> int:
    return AT if name in OPERATIONS else FUSED_AT


def _pick(rows: Mapping[str, Any]) -> list[Bar]:
    """Ours, how else it can be called, and the best of the others."""
    bars = [Bar(r["title"], r["role"], _speed(r)) for r in rows.values() if r["role"] != "limit"]
    bars.sort(key=lambda bar: -bar.speed)
    own = [bar for bar in bars if bar.role in ("ours", "variant")]
    others = [bar for bar in bars if bar.role in ("peer", "baseline")]
    return sorted(own, key=lambda bar: bar.role != "ours") + others[:PEERS]


def _panel(axes: Any, rows: Mapping[str, Any], theme: Theme, slots: int) -> None:
    bars = _pick(rows)
    colours = {"ours": theme.ours, "variant": theme.variant}
    longest = max(bar.speed for bar in bars)
    limit = _speed(rows["limit"])
    if limit < longest * 1.15:
        axes.plot([limit] * 2, [-0.5, len(bars) - 0.5], color=theme.soft, lw=1, ls=(0, (2, 2)))
    for place, bar in enumerate(bars):
        weight = "bold" if bar.role == "ours" else "normal"
        text: Any = {"textcoords": "offset points", "va": "center", "size": 8, "weight": weight}
        colour = theme.ink if bar.role == "ours" else theme.soft
        axes.barh(place, bar.speed, 0.74, color=colours.get(bar.role, theme.peers))
        axes.annotate(bar.title, (0, place), (-5, 0), ha="right", color=colour, **text)
        # On paper of its own, so that the limit's line does not run through the figure.
        axes.annotate(f"{bar.speed:.3g}", (bar.speed, place), (4, 0), zorder=4,
                      bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1},
                      **text)  # fmt: skip
    axes.set_xlim(0, longest * 1.18)
    axes.set_ylim(slots - 0.5, -0.5)


def _headline(axes: Any, name: str, rows: Mapping[str, Any], theme: Theme) -> None:
    _above(axes, f"{name}, {show_size(_size(name))}", (0, 1), (0, 5), weight="bold")
    best = max(map(_speed, _others(rows)), default=None)
    if best is not None:
        ratio = _speed(rows["pcpu"]) / best
        colour = theme.ours if ratio >= 1 else theme.soft
        text = f"{ratio:.1f}x the next"
        _above(axes, text, (1, 1), (0, 5), ha="right", color=colour, weight="bold")


def _above(
    axes: Any, text: str, corner: tuple[int, int], offset: tuple[int, int], **style: Any
) -> None:
    axes.annotate(text, corner, offset, xycoords="axes fraction", textcoords="offset points",
                  **style)  # fmt: skip


def _sizes(record: Mapping[str, Any], theme: Theme) -> Any:
    from matplotlib import pyplot

    names = [name for name in _names(record) if name in OPERATIONS]
    shown = ("node", "native")
    figure, grid = pyplot.subplots(
        len(shown), len(names), figsize=(WIDTH, 6.5), sharex=True, sharey="row", squeeze=False
    )
    for index, runtime in enumerate(shown):
        grid[index][0].set_ylabel(f"{RUNTIMES[runtime]}, GB/s")
        for axes, name in zip(grid[index], names, strict=True):
            _roofline(axes, _by_row(record, name, runtime), theme)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name, weight="bold", size=11, pad=10)
    keys = (
        ("pCPU", theme.ours, "-"),
        ("the fastest alternative", theme.peers, "-"),
        ("limit: the bytes only read, or read and written", theme.soft, ":"),
    )
    _caption(figure, record, theme, "GB/s over the size of the data, and the machine's limit", keys)
    figure.subplots_adjust(left=0.06, right=0.985, top=0.79, bottom=0.075, hspace=0.14, wspace=0.1)
    return figure


def _roofline(axes: Any, sizes: Mapping[int, Mapping[str, Any]], theme: Theme) -> None:
    listed = sorted(sizes)
    limit = [_speed(sizes[size]["limit"]) for size in listed]
    ours = [_speed(sizes[size]["pcpu"]) for size in listed]
    compared = [size for size in listed if _others(sizes[size])]
    others = [max(map(_speed, _others(sizes[size]))) for size in compared]
    axes.fill_between(listed, limit, 1e4, color=theme.roof, lw=0)
    axes.plot(listed, limit, color=theme.soft, lw=1.5, ls=(0, (3, 2)))
    axes.plot(compared, others, color=theme.peers, lw=1.5, marker="o", ms=4)
    axes.plot(listed, ours, color=theme.ours, lw=2.2, marker="o", ms=4)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(0.08, 400)
    ticks = [size for size in listed if size in (64, 4096, 65536, 1 << 20, 1 << 24)]
    axes.set_xticks(ticks, [show_size(tick).replace(" ", "\n") for tick in ticks], size=8)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"], size=8)
    axes.minorticks_off()
    axes.grid(axis="y", color=theme.soft, alpha=0.18, lw=0.7)


def _caption(
    figure: Any,
    record: Mapping[str, Any],
    theme: Theme,
    text: str,
    keys: Sequence[tuple[str, str, str]],
) -> None:
    """Title, machine and date, and what the colours mean, in the header's three lines."""
    from matplotlib.lines import Line2D

    machine, height = record["machine"], figure.get_figheight()
    figure.text(0.02, 1 - 0.32 / height, f"pCPU: {text}", size=14, weight="bold", va="center")
    versions, titles = (
        record["versions"],
        {"node": "Node", "workerd": "workerd", "python": "Python"},
    )
    tools = ", ".join(f"{title} {versions[n]}" for n, title in titles.items() if n in versions)
    where = f"{machine['processor']}, {machine['cores']} cores, {record['date'][:10]}; {tools}"
    figure.text(0.02, 1 - 0.62 / height, where, color=theme.soft, va="center")
    handles = [
        Line2D([], [], color=colour, lw=1.5 if style == ":" else 5, ls=style, label=label)
        for label, colour, style in keys
    ]
    figure.legend(handles=handles, loc="center left", bbox_to_anchor=(0.012, 1 - 0.95 / height),
                  ncols=len(handles), frameon=False, fontsize=9, labelcolor=theme.soft,
                  handlelength=1.4, columnspacing=1.8)  # fmt: skip
