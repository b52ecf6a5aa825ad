"""Numbers and bytes as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcpu.ir import Program
from pcpu.reference import compact
from pcpu.sim.trace import RegisterChange, Where

ROW = 16  # bytes in a row of a dump
LONGEST = 200  # characters of a result that is several numbers
_UNITS = ("", "k", "M", "G", "T", "P", "E")
_TIMES = ((10**9, "s"), (10**6, "ms"), (10**3, "µs"))


def count(number: int) -> str:
    """A number in at most 6 characters: all of it while it has 5 digits."""
    if number < 100_000:
        return str(number)
    value = float(number)
    for unit in _UNITS:
        if value < 999.5:
            return f"{three(value)}{unit}"
        value /= 1000
    return f"{number:.1e}"


def three(value: float) -> str:
    """A number that is not negative with three digits, as far as 5 characters show them."""
    if value < 0.0995:
        return f"{value:.3f}"
    return f"{value:.3g}" if value < 99.95 else f"{value:.0f}"


def duration(ns: float) -> str:
    for size, unit in _TIMES:
        if ns >= size:
            return f"{three(ns / size)} {unit}"
    return f"{ns:.0f} ns"


def brief(ns: int, clock: float) -> str:
    """The time of one run, where the clock can tell."""
    return duration(ns) if ns >= clock else f"<{clock:.0f} ns"


def speed(rate: float | None) -> str:
    """GB/s."""
    return "" if rate is None else three(rate)


def cycles(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def printable(text: str) -> str:
    """``text`` on one line, without what moves a cursor."""
    return "".join(c if c.isprintable() else " " for c in text)


def shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def span(where: Where) -> str:
    return f"{where.buffer}[{where.offset}:{where.length}]"


def dump(offset: int, content: bytes) -> Iterator[str]:
    """Rows of 16 bytes with their place in the buffer: 74 columns."""
    for start in range(0, len(content), ROW):
        row = content[start : start + ROW]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        yield f"{offset + start:08x}  {row.hex(' '):<{3 * ROW - 1}}  {text}".rstrip()


def several(numbers: Sequence[int | str]) -> str:
    """A result of several numbers: the first of those that are not 0, each after its place."""
    text = compact(numbers)
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rpartition(' ')[0]} ..."


def register(change: RegisterChange, program: Program) -> tuple[str, str, str]:
    """A register's name, and what it was and is."""
    result = program.registers[change.name]
    before, after = (
        " ".join(str(result.show(number)) for number in numbers)
        for numbers in (change.before, change.after)
    )
    name = change.name if change.index is None else f"{change.name}[{change.index}:]"
    return name, before, after
