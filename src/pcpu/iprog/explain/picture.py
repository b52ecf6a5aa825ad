"""An explanation as a picture: one SVG, light and dark, alone or in a page that needs nothing else.

The parts are drawn from top to bottom, each at the height that those before it have reached.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pcpu.artifact import open_output
from pcpu.errors import UsageError
from pcpu.iprog.explain import COLUMNS, KINDS, Explanation, Part
from pcpu.iprog.explain.text import show_share, show_size, with_others

WIDTH, EDGE = 1000, 24
LEFT, RIGHT = 84, WIDTH - EDGE  # of what is drawn along the file
MAP, RIBBON, SPENT, STRIP = 250, 46, 56, 18  # heights
ROW = 19
_ROW_SHARE = 1000  # a section that has one part in so many of the file has a row of its own
_DOC = ("copied as it is", "copied, sites moved", "copied and fixed", "literal")
_FORESEEN = "copied, names foreseen"  # in place of the second
_TICKS = 5
_LETTER = 6.6  # width of one, about
_LEAST = 760  # pixels that a page is wide
_PAGE, _PICTURE = (".html", ".htm"), ".svg"


def write_picture(path: Path, explanation: Explanation) -> None:
    """Write a page, or only its picture where the file is called .svg. Raises PcpuError."""
    check_name(path)
    made = svg if path.suffix.lower() == _PICTURE else page
    with open_output(path) as file:
        file.write(made(explanation).encode())


def check_name(path: Path) -> None:
    """Raise UsageError where the name of a file says neither that it is a page nor a picture."""
    if path.suffix.lower() not in (*_PAGE, _PICTURE):
        raise UsageError(f"--html {path}: call it .html or .svg")


def page(explanation: Explanation) -> str:
    """The picture as a page of HTML."""
    picture = svg(explanation)
    # A telephone shows a part of it at a time, which can be read.
    style = "body{margin:0 auto;max-width:1200px;overflow-x:auto}"
    style += f"svg{{display:block;width:100%;min-width:{_LEAST}px;height:auto}}"
    style += "html{color-scheme:light dark;background:#fff}"
    style += "@media(prefers-color-scheme:dark){html{background:#0f1216}}"
    digests = " ".join(f"'sha256-{_digest(text)}'" for text in (style, _style()))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f'style-src {digests}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{_title(explanation)} - IPROG plan</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{picture}</body>\n</html>\n"
    )


def svg(explanation: Explanation) -> str:
    """The picture."""
    drawing = _Drawing(explanation)
    body = "".join(drawing.parts())
    height = drawing.y + EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{_title(explanation)}: where its bytes come from">\n'
        f"<style>{_style()}</style>\n{body}</svg>\n"
    )


def _style() -> str:
    return (files("pcpu.iprog.explain") / "picture.css").read_text("utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(explanation: Explanation) -> str:
    return escape(explanation.planned.header.file.name or "the file")


def _text(x: float, y: float, content: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(content)}</text>\n'


def _box(x: float, y: float, width: float, height: float, style: str, title: str = "") -> str:
    about = f"<title>{escape(title)}</title>" if title else ""
    place = f'x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{height:.2f}"'
    return f'<rect {place} class="{style}">{about}</rect>\n'


class _Drawing:
    def __init__(self, explanation: Explanation) -> None:
        self.about = explanation
        self.header = explanation.planned.header
        self.size = self.header.file.size
        self.y: float = EDGE

    def parts(self) -> Iterator[str]:
        yield from self.head()
        if self.size and self.header.reference_size:
            yield from self.map()
        if self.size:
            yield from self.ribbon()
            yield from self.spent()
            yield from self.strip()
        yield from self.sections()
        yield from self.streams()
        yield from self.finders()

    def x(self, place: float) -> float:
        """Where a place in the file is drawn."""
        return LEFT + (RIGHT - LEFT) * place / self.size

    def head(self) -> Iterator[str]:
        planned, header = self.about.planned, self.header
        blobs = ", ".join(blob.name or "a blob" for blob in header.blobs) or "nothing"
        yield _text(EDGE, self.y + 14, header.file.name or "A plan", "h1")
        yield _text(
            EDGE, self.y + 36,
            f"{show_size(self.size)} from {blobs} ({show_size(header.reference_size)}) and a plan "
            f"of {show_size(len(planned.plan))}, {planned.ratio:.1f} to 1; windows of "
            f"{header.window_size >> 10} KiB; {self.about.format}", "soft",
        )  # fmt: skip
        x: float = EDGE
        docs = [*_DOC]
        if self.about.foreseen is not None:
            docs[1] = _FORESEEN
        for kind, doc, count in zip(KINDS, docs, self.about.counts, strict=True):
            label = f"{doc} {show_share(count, self.size)}"
            yield _box(x, self.y + 50, 11, 11, kind)
            yield _text(x + 17, self.y + 60, label)
            x += 44 + _LETTER * len(label)
        self.y += 84

    def heading(self, text: str, about: str = "") -> Iterator[str]:
        yield (
            f'<text x="{EDGE}" y="{self.y + 12:.1f}"><tspan class="h2">{escape(text)}</tspan>'
            f'<tspan dx="10" class="soft">{escape(about)}</tspan></text>\n'
        )
        self.y += 22

    def map(self) -> Iterator[str]:
        """File position against source position."""
        yield from self.heading("Sources", "where in the blobs each part of the file lies")
        self.y += 6
        top, whole = self.y, max(1, self.header.reference_size)
        yield _box(LEFT, top, RIGHT - LEFT, MAP, "panel")
        for tick in range(_TICKS):
            share = tick / (_TICKS - 1)
            y = top + MAP * share
            yield f'<path d="M{LEFT} {y:.1f}H{RIGHT}" class="grid"/>\n'
            yield _text(LEFT - 8, y + 4, show_size(whole * share), "soft end number")
        path = "".join(
            f"M{self.x(at):.2f} {top + MAP * source / whole:.2f}"
            f"L{self.x(at + length):.2f} {top + MAP * (source + length) / whole:.2f}"
            for at, length, source in self.about.copies
        )
        yield f'<path d="{path}" class="copies"/>\n'
        self.y += MAP + 8

    def ribbon(self) -> Iterator[str]:
        """Shares of kinds along the file."""
        yield _text(LEFT - 8, self.y + RIBBON / 2 + 4, "bytes", "soft end")
        counts = self.about.columns
        totals = np.maximum(counts.sum(axis=1), 1)
        low = np.zeros(len(counts))
        for number, kind in enumerate(KINDS):
            high = low + counts[:, number] / totals
            yield self.area(low, high, RIBBON, kind)
            low = high
        self.y += RIBBON + 8

    def spent(self) -> Iterator[str]:
        """What the parts of the file cost."""
        spent = self.about.spent
        most = float(spent.max()) or 1.0
        yield _text(LEFT - 8, self.y + 11, show_size(most), "soft end number")
        yield _text(LEFT - 8, self.y + SPENT - 2, "plan", "soft end")
        yield self.area(np.zeros(COLUMNS), spent / most, SPENT, "spent")
        yield f'<path d="M{LEFT} {self.y + SPENT:.1f}H{RIGHT}" class="grid"/>\n'
        self.y += SPENT + 4

    def area(
        self, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64], height: float, style: str
    ) -> str:
        """What lies between two functions of the file's columns, both 0 to 1."""
        bottom, step = self.y + height, (RIGHT - LEFT) / COLUMNS
        there = "".join(f"V{bottom - height * y:.2f}h{step:.3f}" for y in high)
        back = "".join(f"V{bottom - height * y:.2f}h{-step:.3f}" for y in low[::-1])
        return f'<path d="M{LEFT} {bottom:.2f}{there}{back}Z" class="{style}"/>\n'

    def strip(self) -> Iterator[str]:
        """The names of sections below the file, and places in it."""
        for number, part in enumerate(self.about.parts):
            section = part.section
            first, last = self.x(section.start), self.x(section.stop)
            style = "stripe" if number % 2 else "panel"
            name = section.name or "between sections"
            title = f"{name}: {show_size(section.size)}"
            yield _box(first, self.y, last - first, STRIP, style, title)
            if (last - first) > _LETTER * len(name) + 4:
                yield _text((first + last) / 2, self.y + 13, name, "middle")
        for tick in range(_TICKS):
            share = tick / (_TICKS - 1)
            style = "soft number " + ("" if not tick else "end" if share == 1 else "middle")
            yield _text(LEFT + (RIGHT - LEFT) * share, self.y + STRIP + 15,
                        show_size(self.size * share), style)  # fmt: skip
        yield _text(LEFT - 8, self.y + 13, "file", "soft end")
        self.y += STRIP + 38

    def sections(self) -> Iterator[str]:
        yield from self.heading("Sections", "how their bytes are made, and what they cost")
        bar, wide = 286, 286
        for number, name in enumerate(("size", *KINDS, "plan")):
            yield _text(self.column(number), self.y + 10, name, "soft end")
        self.y += 8
        for name, part in with_others(self.about, _ROW_SHARE):
            self.y += ROW
            total, x = sum(part.counts), float(bar)
            yield _text(EDGE, self.y, _shortened(name, 22))
            yield _text(EDGE + 160, self.y, part.section.kind.value, "soft")
            for kind, count in zip(KINDS, part.counts, strict=True):
                width = wide * count / max(total, 1)
                yield _box(x, self.y - 10, width, 12, kind, f"{kind}: {count} bytes")
                x += width
            yield from self.numbers(part, total)
        self.y += 30

    def column(self, number: int) -> float:
        """The right edge of a column of numbers."""
        return 641 + 67 * number

    def numbers(self, part: Part, total: int) -> Iterator[str]:
        shares = [show_share(count, total) for count in part.counts]
        for number, shown in enumerate((show_size(total), *shares, show_size(part.spent))):
            yield _text(self.column(number), self.y, shown, "end number")

    def streams(self) -> Iterator[str]:
        yield from self.heading("The plan", "bytes that its streams take, of how many they are")
        rows = [
            (r["stream"].replace("+", ", "), r["stored"], r["bytes"]) for r in self.about.streams
        ]
        rows.append(("header, hashes and checks", self.about.framing, self.about.framing))
        yield from self.bars([
            (name, "spent", stored, f"{show_size(stored)} of {show_size(size)}")
            for name, stored, size in rows
        ])  # fmt: skip

    def finders(self) -> Iterator[str]:
        if self.about.foreseen is not None:
            gained = self.about.foreseen
            yield from self.heading(
                "Names", "bytes that are right because names are foreseen, less those made wrong"
            )
            yield from self.bars([("names that are foreseen", "moved", gained, show_size(gained))])
        if not self.about.finders:
            return
        yield from self.heading(
            "Finders of sites",
            "bytes that are right because sites were moved, less those made wrong",
        )
        yield from self.bars([
            (f"{f.number} {f.name}: {f.doc}", "moved", f.gained,
             f"{show_size(f.gained)} at {f.sites} sites")
            for f in self.about.finders
        ])  # fmt: skip

    def bars(self, rows: Sequence[tuple[str, str, float, str]]) -> Iterator[str]:
        """Rows of a name, a style, a length and what it says."""
        left, wide = 390, 400
        most = max((value for _, _, value, _ in rows), default=1) or 1
        for name, style, value, label in rows:
            self.y += ROW
            yield _text(EDGE, self.y, _shortened(name, 58))
            width = wide * max(value, 0) / most
            yield _box(left, self.y - 10, max(width, 1), 12, style)
            yield _text(left + width + 8, self.y, label, "number")
        self.y += 30


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
