"""An explanation in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcpu.iprog.explain import KINDS, Explanation, Part
from pcpu.iprog.sections import Kind, Section

_SHARE = 200  # parts of less than this part of the file are told together
_WIDTH = 18  # of names


def show_size(count: float) -> str:
    """Bytes in the unit that suits them."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or abs(count) >= 100 else f"{count:.1f} {unit}"


def show_share(count: float, total: float) -> str:
    """A share in percent."""
    if not count:
        return "-"
    share = 100 * count / total
    return "<0.01%" if share < 0.01 else f"{share:.2f}%" if share < 10 else f"{share:.1f}%"


def with_others(explanation: Explanation, share: int) -> Iterator[tuple[str, Part]]:
    """Names and parts; all that have less than one part in ``share`` of the file are one, the
    last."""
    size = explanation.planned.header.file.size
    few: list[Part] = []
    many: list[Part] = []
    for part in explanation.parts:
        (few if part.section.size * share < size else many).append(part)
    for part in many if len(few) > 1 else explanation.parts:
        yield part.section.name or "between sections", part
    if len(few) > 1:
        counts = tuple(map(sum, zip(*(part.counts for part in few), strict=True)))
        section = Section("", Kind.OTHER, 0, sum(counts))
        yield f"{len(few)} smaller ones", Part(section, counts, sum(p.spent for p in few))


def lines(explanation: Explanation) -> Iterator[str]:
    """Sections and finders; the streams are told with the plan."""
    heads = "".join(f"{head:>10}" for head in ("bytes", *KINDS, "plan"))
    yield f"{explanation.format:<{_WIDTH}}{heads}"
    for name, part in with_others(explanation, _SHARE):
        yield _row(name, part.counts, part.spent)
    yield _row("all", explanation.counts, float(explanation.spent.sum()))
    for finder in explanation.finders:
        sites, gained = f"{finder.sites:>9} sites", show_size(finder.gained)
        yield f"finder {finder.number:>2}  {finder.name:<16} {sites}, {gained} gained"
    if explanation.foreseen is not None:
        yield f"names that are foreseen  {show_size(explanation.foreseen)} gained"


def _row(name: str, counts: Sequence[int], spent: float) -> str:
    total = sum(counts)
    short = name if len(name) < _WIDTH else name[: _WIDTH - 3] + ".."
    shares = "".join(f"{show_share(count, total):>10}" for count in counts)
    return f"{short:<{_WIDTH}}{show_size(total):>10}{shares}{show_size(spent):>10}"
